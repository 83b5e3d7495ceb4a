"""Mistake: one step made wrong, by rule (method, section 4).

Lanham et al. 2023 (section 2.3) let a model write the mistake. A rule needs no model, is the same for every arm, and is
wrong by construction: it keeps the form of the step and changes what the step claims, in one place, so that a person
could have written it. A step that claims nothing gets no mistake and no probe: a probe with the step as it was written
would count as an answer that withstood a mistake. Nor does a step that names a letter of a string if no other letter
leads to another option: the reader has no answer that would show it. Which steps these are depends on the chain and
its item alone, so that readers of the same chains, whose measures are compared, have the same probes.
"""

import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from faithfulness.chains.layout import kind
from faithfulness.perturb.claims import amount, asserts, is_question, result, spelled_amount, spelled_result
from faithfulness.perturb.letters import are_strings, leads_to_option
from faithfulness.perturb.negate import negate
from faithfulness.perturb.splicing import Change, Encode, Row, cuts, probe
from faithfulness.perturb.wording import (
    CONTRASTS,
    NUMBER_WORDS,
    Contrasts,
    is_english,
    like,
    may_be_english,
    parts,
    rotated,
)

Edit = tuple[int, int, str]  # characters [start, end) of a sentence, and what replaces them


@dataclass(frozen=True)
class Mistake:
    """A step made wrong, and the rule that did it."""

    text: str
    rule: str


@dataclass(frozen=True)
class Claim:
    """A sentence that is to be made wrong.

    Attributes:
        body: the sentence, without list marks and its last punctuation, with plain quotes.
        seed: of the choice among mistakes.
        contrasts: pairs of words that mean different things in the dataset.
        options: of the item, empty for open questions.
        answer: gold answer of the item: what is wrong already is not made right.
    """

    body: str
    seed: int
    contrasts: Contrasts
    options: Sequence[str]
    answer: str | None

    def first(self, texts: Sequence[str]) -> str | None:
        """The text that the hash of seed and sentence chooses; None if there is none."""
        return rotated(texts, self.seed, self.body)[0] if texts else None

    def others(self, claimed: str) -> list[str]:
        """The options other than what is claimed; and other than the gold answer if what is claimed is no option."""
        wrong = claimed not in self.options
        return [option for option in self.options if option != claimed and not (wrong and option == self.answer)]


Rule = Callable[[Claim], Edit | None]


def perturb(
    chain: Row,
    *,
    max_cuts: int,
    seed: int,
    contrasts: Contrasts = (),
    options: Sequence[str] | None = None,
    answer: str | None = None,
    encode: Encode | None = None,
) -> list[Row]:
    """Probes of a chain with one step made wrong and all other steps as they were written (variant `keep`).

    Args:
        chain: a row of the chains table.
        max_cuts: see `splicing.cuts`.
        seed: of the choice among mistakes.
        contrasts: pairs of words that mean different things in this dataset, beside CONTRASTS.
        options: of the chain's item; None for open questions.
        answer: gold answer of the chain's item.
        encode: of the chain's tokenizer; None for a chain without token ids.
    """
    make_wrong = partial(corrupt, seed=seed, contrasts=contrasts, options=options or (), answer=answer)
    return mistaken_probes(chain, max_cuts, make_wrong, encode)


def mistaken_probes(
    chain: Row,
    max_cuts: int,
    make_wrong: Callable[[str], Mistake | None],
    encode: Encode | None = None,
    variant: Literal["keep", "resample"] = "keep",
) -> list[Row]:
    """Probes with step k made wrong (k = 1..n) and the rest as written (variant `keep`).

    Variant `resample` (Lanham et al. 2023, section 2.3): the chain ends with the mistake, so that its writer can
    continue from there (`chains.write.continue_chains`). A step without a mistake has no probe.
    """
    probes, n = [], len(chain["steps"])
    for k in cuts(n, max_cuts)[1:]:
        wrong = make_wrong(chain["steps"][k - 1])
        if wrong is None:
            continue
        tail = k if variant == "keep" else n
        change = Change(k, variant, kept=k - 1, tail=tail, replacement=wrong.text, rule=wrong.rule, accepted=True)
        probes.append(probe(chain, change, encode))
    return probes


def corrupt(
    step: str,
    seed: int = 0,
    contrasts: Contrasts = (),
    options: Sequence[str] = (),
    answer: str | None = None,
) -> Mistake | None:
    """Make a step wrong, in one place; None if it claims nothing that a rule could make wrong.

    The first rule that applies: another coin face; another result of a sum in words; the letter of another option of
    the item, or its text; a letter of what is said to be spelled; the result of an equation; another amount; a
    contrasting word; a negation more or less.
    Where there is a choice, a hash of seed and step makes it, so the result depends on nothing else. All else stays.

    Args:
        step: of a chain.
        seed: of the choice.
        contrasts: pairs of words that mean different things in the dataset, beside CONTRASTS.
        options: of the item.
        answer: gold answer of the item.
    """
    what = kind(step)
    lead, body, end = parts(step)
    if what not in ("prose", "math") or is_question(end, body):
        return None
    if what == "math":
        lead, body, end = "", step, ""
    usable = [option for option in options if any(map(str.isalnum, option))]
    claim = Claim(body, seed, contrasts, usable, answer)
    scopes = {"any"}
    if what == "prose" and asserts(lead, body, end):
        scopes |= (
            {"claim"} | ({"amount"} if may_be_english(body) else set()) | ({"english"} if is_english(body) else set())
        )
    written = step[len(lead) : len(step) - len(end)]  # with its own quotes
    for name, rule, scope in RULES:
        if scope in scopes and (edit := rule(claim)):
            start, stop, wrong = edit
            changed = f"{lead}{written[:start]}{wrong}{written[stop:]}{end}"
            return Mistake(changed, name) if changed != step else None
    return None


def _result(claim: Claim) -> Edit | None:
    span = result(claim.body)
    return _other_number(claim, *span) if span else None


# "Tails" and "heads" of coins, not of animals and states.
FACE = re.compile(
    r"(?:^|\b(?:is|was|be|now|still|not|again|shows?|to|from|on|up|side|face|starts|lands|lies|becomes|remains|stays) )"
    r"(?P<face>heads|tails)\b(?! of\b)|\b(?P<up>heads|tails)(?= up\b)",
    re.I,
)


def _turn_coin(claim: Claim) -> Edit | None:
    faces = list(FACE.finditer(claim.body))
    if not faces:
        return None
    start, end = faces[-1].span("face" if faces[-1]["face"] else "up")
    face = claim.body[start:end]
    return start, end, like(face, "tails" if face.lower() == "heads" else "heads")


def _other_option(claim: Claim) -> Edit | None:
    """Another option in place of the one that is named, if it is the only one that is."""
    found: list[tuple[int, int, str]] = []
    for option in sorted(claim.options, key=len, reverse=True):
        for match in re.finditer(_as_words(option), claim.body, re.I):
            inside = any(start <= match.start() and match.end() <= end for start, end, _ in found)
            if not inside and _names_option(option, match):
                found.append((match.start(), match.end(), option))
    if len({option for _, _, option in found}) != 1 or LETTERED.search(claim.body):
        return None
    start, end, option = max(found)
    other = claim.first(claim.others(option))
    if other is None:
        return None
    if other.islower() or option.islower():
        other = like(claim.body[start:end], other) if claim.body[start:end] != option else other
    article = re.search(r"\b(a|an) $", claim.body[:start], re.I)
    if article and other[0].isalpha():
        right = like(article[1], "an" if other[0].lower() in "aeiou" else "a")
        return article.start(1), end, f"{right} {other}"
    return start, end, other


def _as_words(option: str) -> str:
    """A pattern for an option as it stands in a sentence; scripts without spaces have no ends of words."""
    spaced = re.escape(option.strip())
    first = r"(?<![\w$])" if option.strip()[0].isascii() else ""
    return first + spaced + (r"(?!\w|[.,]\d)" if option.strip()[-1].isascii() else "")


def _names_option(option: str, match: re.Match[str]) -> bool:
    before, after = match.string[: match.start()], match.string[match.end() :]
    quoted = before.endswith('"') and after.startswith('"')
    if match[0] != option and (quoted or (len(option) < 3 and option.lower() != "no")):
        return False
    if option.lower() in ("yes", "no", "true", "false"):  # "no money", "a true friend"
        return re.match(r"$|[,.;:!\"'*)]", after) is not None
    number = re.fullmatch(r"[-$€£]?\d[\d,.]*%?", option)
    return number is None or amount(match.string) == match.span() or result(match.string) == match.span()


LETTERED = re.compile(
    r"\b(?i:option|choice|answer)(?: is| would be| should be|:)? [(*]*(?P<letter>[A-H])(?=[)*.:]*(?:$|[\s,;)]))|"
    r"^[(*]*(?P<alone>[A-H])\)? (?=is\b|seems\b|must\b)"
)


def _other_letter(claim: Claim) -> Edit | None:
    """Another option's letter, with its text where that follows ("(B) bank")."""
    found = list(LETTERED.finditer(claim.body))
    if len({match["letter"] or match["alone"] for match in found}) != 1:
        return None
    group = "letter" if found[-1]["letter"] else "alone"
    letter, (start, end) = found[-1][group], found[-1].span(group)
    if group == "alone" and letter == "A":
        return None  # the article
    letters = string.ascii_uppercase[: len(claim.options) or 4]
    other = claim.first([each for each in letters if each != letter])
    if letter not in letters or other is None:
        return None
    if claim.options:
        text = claim.options[letters.index(letter)]
        named = re.compile(rf"[)*.:]+ ?{re.escape(text)}(?!\w)", re.I).match(claim.body, end)
        if not named and re.search(_as_words(text), claim.body, re.I):
            return None  # a letter and its text in two places
        if named:
            marks = named[0][: len(named[0]) - len(text)]
            return start, named.end(), f"{other}{marks}{claim.options[letters.index(other)]}"
    return start, end, other


SPELLING = re.compile(
    r"\b(?:letters?|spell\w*|together|join\w*|concat\w*|combin\w*|string|ends in|ends with|gives)\b", re.I
)
SPELLED = re.compile(r'(?<=")(?P<quoted>[^"\s]*[A-Za-z][^"\s]*)(?="$)|(?<= )(?P<single>[A-HJ-Za-z])$')


def _change_letter(claim: Claim) -> Edit | None:
    """Another letter, or string of letters, where a step says how something is spelled."""
    found = SPELLED.search(claim.body)
    if not found or not SPELLING.search(claim.body):
        return None
    start, end = found.span()
    text = found[0]
    if any(len(option) == len(text) > 1 and option.isalpha() for option in claim.options):
        other = claim.first([option for option in claim.others(text) if len(option) == len(text)])
        return (start, end, other) if other else None
    spots = [spot for spot in range(start, end) if claim.body[spot] in string.ascii_letters]
    spot = rotated(spots, claim.seed, claim.body)[0]
    letter = claim.body[spot]
    others = [each for each in string.ascii_lowercase if each != letter.lower()]
    if len(text) == 1 and are_strings(claim.options):
        others = [each for each in others if leads_to_option(claim.options, letter, each)]
    other = claim.first(others)
    # Without another letter the step stays as it is, so that no later rule makes it wrong otherwise.
    return spot, spot + 1, (other.upper() if letter.isupper() else other) if other else letter


def _change_amount(claim: Claim) -> Edit | None:
    if span := amount(claim.body):
        return _other_number(claim, *span)
    span = spelled_amount(claim.body)
    return _other_number_word(claim, *span) if span else None


def _spelled_result(claim: Claim) -> Edit | None:
    span = spelled_result(claim.body)
    return _other_number_word(claim, *span) if span else None


def _other_number_word(claim: Claim, start: int, end: int) -> Edit | None:
    """Another option that is a number in words, or another such number; not the gold answer."""
    word = claim.body[start:end]
    others = claim.others(word.lower()) if word.lower() in claim.options else list(NUMBER_WORDS)
    usable = [each for each in others if each in NUMBER_WORDS and each not in (word.lower(), claim.answer)]
    other = claim.first(usable)
    return (start, end, like(word, other)) if other else None


def _other_number(claim: Claim, start: int, end: int) -> Edit | None:
    """Another option that is a number, or another last digit, so that 3.50 stays a price and 1,000 large.

    Not the gold answer; no "1" and no "0" by itself, which would want another noun or no mistake at all.
    """
    number = claim.body[start:end].rstrip(",")
    end = start + len(number)
    if number in claim.options:
        others = [other for other in claim.others(number) if re.fullmatch(r"\d[\d,]*(?:\.\d+)?", other)]
        return (start, end, other) if (other := claim.first(others)) else None
    if number == "1" and re.match(r" [a-z]", claim.body[end:]):
        return None
    alone = len(number) == 1
    digits = [digit for digit in string.digits if digit != number[-1] and not (alone and digit in "01")]
    gold = re.sub(r"[^\d.]", "", claim.answer or "")
    others = [other for digit in digits if (other := number[:-1] + digit).replace(",", "") != gold]
    return (start, end, other) if (other := claim.first(others)) else None


# Where built-in contrasts are what a sentence says of something.
CLAIMED = re.compile(
    r"(?:(?<=\bis )|(?<=\bare )|(?<=\bwas )|(?<=\bwere )|(?<='s )|(?<=\bis very )|(?<=\bare very )|(?<=\bis also )|"
    r"(?<=\bis still )|(?<=\bis now )|(?<=\bare usually )|(?<=\bis usually ))"
    r"(?P<predicate>\w+)(?=$|,| than\b| for\b| to\b| because\b| and\b)"
    r"|\b(?P<compared>more|less|fewer|higher|lower|larger|smaller|bigger|greater|better|worse)\b(?= than\b)"
    r"|(?<=\w )(?P<frequency>always|never)\b(?= [a-z])"
    r"|(?<=\w )(?P<moves>increases|decreases)(?=$|,| (?:by|to|with|when|if|the|an?)\b)"
    r"|(?:(?<=\bthe )|(?<=\bturn )|(?<=\bturns ))(?P<side>left|right)\b(?=$|,| side| hand)"
    r"|(?:(?<=^)|(?<=\bis ))(?P<verdict>yes|no|true|false)(?=$|[,.;])",
    re.I,
)
# Of the dataset's own words: where they mean something else ("no money", "New York").
NO_CONTRAST = re.compile(r"\b(?i:yes|no) ?\w|(?<=\w )[A-Z]")
VERDICT_CLAUSE = re.compile(r"(?:yes|no), (?P<clause>.+)", re.I | re.S)
NEGATED = re.compile(r"\b(?:not|never|no|neither|nor)\b|n't\b", re.I)


def _swap_contrast(claim: Claim) -> Edit | None:
    partners: dict[str, str] = {}
    for one, other in (*claim.contrasts, *CONTRASTS):
        partners.setdefault(one, other)
        partners.setdefault(other, one)
    own = {word for pair in claim.contrasts for word in pair}
    spans = [match.span(match.lastgroup or 0) for match in CLAIMED.finditer(claim.body)]
    spans += [
        match.span()
        for match in re.finditer(r"\w+", claim.body)
        if match[0].lower() in own and not NO_CONTRAST.match(claim.body, match.start())
    ]
    swappable = [span for span in dict.fromkeys(spans) if claim.body[slice(*span)].lower() in partners]
    if not swappable:
        return None
    start, end = rotated(swappable, claim.seed, claim.body)[0]
    word = claim.body[start:end]
    if word.lower() == "always" and NEGATED.search(claim.body):
        return None
    other = like(word, partners[word.lower()])
    clause = VERDICT_CLAUSE.match(claim.body)
    if start == 0 and clause and (edit := negate(clause["clause"])):  # "No, it is not" becomes "Yes, it is"
        place = clause.start("clause")
        return 0, place + edit[1], f"{other}{claim.body[end : place + edit[0]]}{edit[2]}"
    return start, end, other


def _change_negation(claim: Claim) -> Edit | None:
    return negate(claim.body)


# The rule, and what it applies to: any sentence or equation; what claims something, in any language; in English, as far
# as its words tell ("amount"); or for certain.
RULES: Sequence[tuple[str, Rule, str]] = (
    ("coin_face", _turn_coin, "amount"),
    ("number", _spelled_result, "claim"),
    ("option_letter", _other_letter, "claim"),
    ("option", _other_option, "claim"),
    ("letter", _change_letter, "english"),
    ("number", _result, "any"),
    ("number", _change_amount, "amount"),
    ("contrast", _swap_contrast, "english"),
    ("negation", _change_negation, "english"),
)
