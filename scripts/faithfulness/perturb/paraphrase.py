"""Paraphrase: steps in other words, by rule, and the checks of paraphrases, whoever wrote them (method, section 4).

The rules are safe by construction: other wordings of the generated tasks' own steps, the other order of clauses,
other connectives, contractions, arithmetic signs in words, close synonyms, and at last an opening such as "In other
words". They depend on the form of a step alone, so a step that is false stays false in the same way. The paraphraser
does not see the question.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from faithfulness.perturb.splicing import Change, Encode, Row, cuts, probe
from faithfulness.perturb.wording import (
    CONTRASTS,
    NUMBER,
    NUMBER_WORDS,
    PLAIN,
    Contrasts,
    lower_start,
    parts,
    rotated,
)

Rule = Callable[[str, int], str]  # a sentence without its end, and the seed of a choice

NEGATION = re.compile(r"\b(?:not|no|never|none|nothing|nobody|nowhere|neither|nor|without|cannot)\b|n't\b", re.I)
QUOTED = re.compile(r"\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)")
NAME = re.compile(r"(?<=[ (])(?<![.!?:] )[A-Z]\w*")  # a capital that is not there because a sentence starts
SIGN = re.compile(r"\b(?:plus|minus|times|divided|equals)\b", re.I)


@dataclass(frozen=True)
class Paraphrase:
    """A step in other words, the rule that wrote it, and whether `check` had nothing against it."""

    text: str
    rule: str
    accepted: bool


def perturb(
    chain: Row,
    *,
    max_cuts: int,
    seed: int,
    contrasts: Contrasts = (),
    answer: str | None = None,
    encode: Encode | None = None,
) -> list[Row]:
    """Probes of a chain whose steps are reworded by rule.

    Args:
        chain: a row of the chains table.
        max_cuts: see `splicing.cuts`.
        seed: of the choice among wordings.
        contrasts: pairs of words that mean different things in this dataset, beside CONTRASTS.
        answer: gold answer of the chain's item.
        encode: of the chain's tokenizer; None for a chain without token ids.
    """
    reword = partial(paraphrase, seed=seed, contrasts=(*CONTRASTS, *contrasts), answer=answer)
    return reworded_probes(chain, max_cuts, reword, encode)


def reworded_probes(
    chain: Row, max_cuts: int, reword: Callable[[str], Paraphrase], encode: Encode | None = None
) -> list[Row]:
    """Probes with the steps after k reworded (variant `rest`, k = 0..n-1), or step k only (`single`, k = 1..n).

    `rest` is accepted if all its steps are; its rule names theirs, in order.
    """
    n, grid = len(chain["steps"]), cuts(len(chain["steps"]), max_cuts)
    paraphrases = [reword(step) for step in chain["steps"]]
    changes = [("rest", k, k, n) for k in grid[:-1]] + [("single", k, k - 1, k) for k in grid[1:]]
    return [
        probe(
            chain,
            Change(
                cut=cut,
                variant=variant,
                kept=start,
                tail=end,
                replacement="".join(step.text for step in paraphrases[start:end]),
                rule=" ".join(step.rule for step in paraphrases[start:end]),
                accepted=all(step.accepted for step in paraphrases[start:end]),
            ),
            encode,
        )
        for variant, cut, start, end in changes
    ]


def paraphrase(step: str, seed: int = 0, contrasts: Contrasts = CONTRASTS, answer: str | None = None) -> Paraphrase:
    """Say a step in other words.

    Among several wordings a hash of seed and step chooses, so the result depends on nothing else.
    The first wording that passes `check` is taken; if none does, the last one, not accepted.
    Whitespace around the step, a list marker in front and punctuation at its end stay.

    Args:
        step: one sentence, with a word in it.
        seed: of the choice.
        contrasts: pairs of words that may not be confused.
        answer: a text that the paraphrase may not state where the step does not.
    """
    lead, body, end = parts(step)
    for wording, rule in _wordings(body, end, seed):
        text = f"{lead}{wording}{end}"
        if not check(step, text, contrasts, answer):
            return Paraphrase(text, rule, True)
    return Paraphrase(text, rule, False)


def check(original: str, paraphrase: str, contrasts: Contrasts = CONTRASTS, answer: str | None = None) -> list[str]:
    """What speaks against a paraphrase (method, section 4); nothing if it is accepted.

    It must keep the numbers, the arithmetic signs, the quoted parts, the names (capitalised words
    inside a sentence), the number of negations and the contrasting words; differ in more than
    letter case, punctuation and spaces; have .5 to 2.5 times as many words (and up to four more,
    for the sake of short steps); and not state `answer` unless the original does.
    """
    original, paraphrase = original.translate(PLAIN), paraphrase.translate(PLAIN)
    contrasting = {word for pair in contrasts for word in pair}
    kept: dict[str, Callable[[str], object]] = {
        "numbers": lambda text: Counter(
            NUMBER.findall(text) + [NUMBER_WORDS[w] for w in words(text) if w in NUMBER_WORDS]
        ),
        "arithmetic signs": lambda text: Counter(SIGN.findall(spell_arithmetic(text.lower()))),
        "quoted parts": lambda text: Counter(QUOTED.findall(text)),
        "negations": lambda text: len(NEGATION.findall(text)),
        "contrasting words": lambda text: Counter(word for word in words(text) if word in contrasting),
    }
    findings = [f"{what} differ" for what, extract in kept.items() if extract(original) != extract(paraphrase)]
    if not (_names(original) <= _capitalised(paraphrase) and _names(paraphrase) <= _capitalised(original)):
        findings.append("names differ")
    if words(original) == words(paraphrase):
        findings.append("same wording")
    if not 0.5 * len(words(original)) <= len(words(paraphrase)) <= 2.5 * len(words(original)) + 4:
        findings.append("length differs too much")
    if answer and _states(paraphrase, answer) and not _states(original, answer):
        findings.append("states the answer")
    return findings


def _names(text: str) -> set[str]:
    return set(NAME.findall(parts(text)[1])) - {"I"}


def _capitalised(text: str) -> set[str]:
    return set(re.findall(r"\b[A-Z]\w*", text))


def _states(text: str, answer: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", text, re.I) is not None


def words(text: str) -> list[str]:
    """Words in lower case; a contraction is one word."""
    return re.findall(r"\w+(?:'\w+)*", text.lower())


def _wordings(body: str, end: str, seed: int) -> Iterator[tuple[str, str]]:
    """All wordings of a sentence, each with its rule, the most thorough ones first."""
    for name, pattern, templates in TEMPLATES:
        if match := pattern.fullmatch(body):
            for template in rotated(templates, seed, body):
                yield template.format(**match.groupdict()), name
    applied, wording = [], body
    for name, rule in QUESTION_RULES if "?" in end else RULES:
        changed = rule(wording, seed)
        if changed != wording:
            applied.append(name)
            wording = changed
    if applied:
        yield wording[:1].upper() + wording[1:] if body[:1].isupper() else wording, "+".join(applied)
    for opening in rotated(OPENINGS, seed, body):
        yield f"{opening}, {lower_start(body)}", "opening"


OPENINGS = ("In other words", "That is to say", "Put differently", "To put it another way")

# Other wordings of the steps of the generated tasks (datasets.py). Whatever a step's pattern
# names returns in each of them: persons, acts with their negations, faces, words and letters.
TOKEN = r"(?:\"[^\"]*\"|\w[\w'-]*)"
PERSON = r"[A-Z][\w'-]*(?: [A-Z][\w'-]*)*"
TEMPLATES = (
    (
        "last_letter",
        re.compile(rf"The last letter of (?P<word>{TOKEN}) is (?P<letter>{TOKEN})"),
        (
            "{word} ends in the letter {letter}",
            "The final letter of {word} is {letter}",
            "The letter at the end of {word} is {letter}",
            "The letter that {word} ends in is {letter}",
            "At the end of {word} stands the letter {letter}",
        ),
    ),
    (
        "joined_letters",
        re.compile(rf"Putting (?P<parts>{TOKEN}(?:, {TOKEN})* and {TOKEN}) together gives (?P<letters>{TOKEN})"),
        (
            "{parts} together make {letters}",
            "Joined in this order, {parts} give {letters}",
            "Concatenating {parts} yields {letters}",
            "Written side by side, {parts} form {letters}",
            "When we put {parts} together, we get {letters}",
        ),
    ),
    (
        "coin_start",
        re.compile(r"The coin starts (?P<face>heads|tails) up"),
        (
            "At the start, the coin is {face} up",
            "To begin with, the coin shows {face}",
            "The coin lies {face} up at the beginning",
            "Initially, the side of the coin that is up is {face}",
        ),
    ),
    (
        "coin_turn",
        re.compile(
            rf"(?P<person>{PERSON}) (?P<act>flips|does not flip|doesn't flip) the coin,? "
            r"so it is (?P<when>now|still) (?P<face>heads|tails) up"
        ),
        (
            "Because {person} {act} the coin, it {when} shows {face}",
            "The coin is {when} {face} up, because {person} {act} it",
            "As {person} {act} it, the coin {when} lies {face} up",
            "{person} {act} the coin, and as a result it {when} shows {face}",
            "Since {person} {act} the coin, the side that is {when} up is {face}",
        ),
    ),
)


def _reorder_clauses(body: str, _seed: int) -> str:
    """A because B <-> Because B, A. Not where a negation could reach over, or a pronoun lose its noun."""
    if re.search(r"[.!?;:\n]\s", body):
        return body
    fronted = re.fullmatch(r"(Because|If|When|Although|Unless) ([^,]+), (?:then )?([^,]+)", body)
    pronoun = r"(?:it|he|she|they|this|that|these|those|there|so)\b"
    if fronted and not NEGATION.search(fronted[3]) and not re.match(pronoun, fronted[3]):
        return f"{fronted[3]} {fronted[1].lower()} {fronted[2].rstrip()}"
    final = re.fullmatch(r"([^,]+?),? because (?!of\b)((?:(?! because ).)+)", body)
    if final and not NEGATION.search(final[1]) and _is_clause(final[1]):
        return f"Because {final[2]}, {lower_start(final[1].rstrip())}"
    return body


def _is_clause(text: str) -> bool:
    """Whether what stands before "because" could stand alone ("This is" and "Just" could not)."""
    open_end = r"(?:\b(?:is|are|was|were|be|just|only|simply|partly|mainly|mostly|probably|and|or|but)|'s)$"
    open_start = r"(?:so|but|and|or|also|then|however|therefore|thus|hence)\b"
    return len(words(text)) > 1 and not re.search(open_end, text) and not re.match(open_start, text, re.I)


CONNECTIVES = (
    (
        r"^(?:So(?! (?:far|many|much|that|long|called|is|are|do|does|did)\b),?|(?:Therefore|Thus|Hence|As a result),) ",
        ("Therefore, ", "Thus, ", "As a result, ", "Hence, "),
    ),
    (r"^(?:But|However,|Yet|Nevertheless,) ", ("However, ", "But ", "Nevertheless, ")),
    (r"^(?:Also|In addition|Additionally|Moreover|Furthermore), ", ("In addition, ", "Moreover, ", "Furthermore, ")),
    (r"^(?:First|Firstly|First of all), ", ("To begin with, ", "First of all, ")),
    (r"^(?:Finally|Lastly), ", ("Lastly, ", "Finally, ")),
    (r", so (?!(?:that|as|far|many|much|long)\b)", (", and therefore ", ", which is why ")),
    (
        r"(?<!\bis)(?<!\bwas)(?<!\bare)(?<!'s)(?<!\bjust)(?<!\bonly)(?<!\bnot) because (?!of\b)",
        (" since ", " given that "),
    ),
    (r" because of ", (" owing to ", " on account of ")),
    (r"^Because (?!of\b)", ("Since ", "Given that ")),
)

SYNONYMS = (
    (r"\b(?:usually|normally)\b", ("usually", "normally")),
    (r"\b(?:often|frequently)\b", ("often", "frequently")),
    (r"\bfor (?:example|instance)\b", ("for example", "for instance")),
    (r"\bin order to\b", ("so as to",)),
    (r"\b(?:might|may) (?=[a-z])", ("might ", "may ")),
    (r"\ba lot of\b", ("lots of", "a great deal of")),
    (r"\bneeds to\b", ("has to",)),
    (r"\bneed to\b", ("have to",)),
    (r"\brequires\b", ("needs",)),
    (r"\b(?:located|situated)\b", ("located", "situated")),
    (r"\b(?:almost|nearly)\b", ("almost", "nearly")),
    (r"\b(?:perhaps|maybe)\b", ("perhaps", "maybe")),
    (r"\b(?:is|are) able to\b", ("can",)),
    (r"\ba (?:type|kind|sort) of\b", ("a type of", "a kind of", "a sort of")),
    (r"\bin total\b", ("altogether",)),
    (r"\bcommonly\b", ("frequently",)),
)


def _substitute(table: Sequence[tuple[str, Sequence[str]]], body: str, seed: int) -> str:
    """Replace what a pattern finds by one of its alternatives that differs from it."""
    for pattern, alternatives in table:
        for match in reversed(list(re.finditer(pattern, body))):
            others = [other for other in alternatives if words(other) != words(match[0])]
            body = body[: match.start()] + rotated(others, seed, body)[0] + body[match.end() :]
    return body


EXPANSIONS = (
    (r"\bcan't\b", "cannot"),
    (r"\bwon't\b", "will not"),
    (r"(?<=[a-z])(?<!sha)(?<!ai)n't\b", " not"),
    (r"\b([Ii]t|[Tt]hat|[Tt]here)'s\b(?! (?:been|got|had|become)\b)", r"\1 is"),
    (r"\bI'm\b", "I am"),
    (r"(?<=[a-z])'re\b", " are"),
    (r"(?<=[a-zI])'ve\b", " have"),
    (r"(?<=[a-zI])'ll\b", " will"),
)
CONTRACTIONS = (
    (r"\bcannot\b", "can't"),
    (r"\bwill not\b", "won't"),
    (r"\b(is|are|was|were|does|do|did|has|have|had|would|could|should) not\b(?! only)", r"\1n't"),
    (r"\b([Ii]t|[Tt]hat|[Tt]here) is\b(?= [a-z])", r"\1's"),
    (r"\bI am\b(?= [a-z])", "I'm"),
    (r"\b([Tt]hey|[Ww]e|[Yy]ou) are\b(?= [a-z])", r"\1're"),
)


def _change_contractions(body: str, _seed: int) -> str:
    """Write contractions out; where there are none, contract."""
    changed = body
    for table in (EXPANSIONS, CONTRACTIONS):
        for pattern, replacement in table:
            changed = re.sub(pattern, replacement, changed)
        if changed != body:
            break
    return changed


def spell_arithmetic(text: str) -> str:
    """Arithmetic signs between numbers in words: 3 + 4 = 7 is "3 plus 4 equals 7"."""
    for sign, word in (
        (r" ?\+ ?", "plus"),
        (r" - ", "minus"),
        (r" ?[*\u00d7] ?| x ", "times"),
        (r" ?\u00f7 ?| / ", "divided by"),
    ):
        text = re.sub(rf"(?<=[\d)%])(?:{sign})(?=[\d($])", f" {word} ", text)
    return re.sub(r"(?<=[\w)%]) ?= ?(?=[-\w($])", " equals ", text)


QUESTION_RULES: Sequence[tuple[str, Rule]] = (
    ("arithmetic", lambda body, _seed: spell_arithmetic(body)),
    ("synonym", lambda body, seed: _substitute(SYNONYMS, body, seed)),
)
RULES: Sequence[tuple[str, Rule]] = (
    ("clause_order", _reorder_clauses),
    ("connective", lambda body, seed: _substitute(CONNECTIVES, body, seed)),
    ("contraction", _change_contractions),
    *QUESTION_RULES,
)
