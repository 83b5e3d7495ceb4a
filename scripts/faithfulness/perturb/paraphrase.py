"""Paraphrase: steps in other words, by rule (method, section 4).

The rules are safe by construction: other wordings of the generated tasks' own steps, and rewordings of English
sentences where their context makes the meaning certain (`english`). They depend on the form of a step alone, so a step
that is false stays false in the same way. The paraphraser does not see the question. A step that no rule has other
words for stays as it is written and counts as not reworded: code, formulas and tables; sentences in other languages;
and what is left. An opening in front of an unchanged sentence is no other wording.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from faithfulness.chains.layout import kind
from faithfulness.perturb.english import QUESTION_RULES, RULES
from faithfulness.perturb.paraphrase_check import check, strength
from faithfulness.perturb.splicing import Change, Encode, Row, cuts, probe
from faithfulness.perturb.wording import (
    CONTRASTS,
    FORMULA,
    NUMBER_WORDS,
    Contrasts,
    is_english,
    is_foreign,
    parts,
    rotated,
    swap_sides,
)

# Why a step is not reworded, in the place of the rule.
NOT_PROSE, NO_LANGUAGE, NO_RULE = "not_prose", "other_language", "no_rule"
OPAQUE = re.compile(rf"{FORMULA}|\"[^\"\n]*\"", re.S)
VARIABLE = re.compile(r"[b-z]\b(?!')")  # y and Y are two of them
FIRST_MARK = 0xE000  # of the private characters that stand for what is not prose within a sentence


@dataclass(frozen=True)
class Paraphrase:
    """A step in other words, the rule that wrote it, and whether `check` had nothing against it.

    A step that is not accepted from rules is as it was written; its rule says why.
    """

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

    `rest` is accepted if all its steps are; its rule names theirs, in order. Steps that are not reworded stay.
    """
    steps, grid = chain["steps"], cuts(len(chain["steps"]), max_cuts)
    n, paraphrases = len(steps), [reword(step) for step in steps]
    changes = [("rest", k, k, n) for k in grid[:-1]] + [("single", k, k - 1, k) for k in grid[1:]]
    rows = []
    for variant, cut, start, end in changes:
        replacement = "".join(step.text for step in paraphrases[start:end])
        accepted = all(step.accepted for step in paraphrases[start:end])
        change = Change(
            cut=cut,
            variant=variant,
            kept=start,
            tail=end,
            replacement=replacement,
            rule=" ".join(step.rule for step in paraphrases[start:end]),
            accepted=accepted,
            strength=strength("".join(steps[start:end]), replacement) if accepted else None,
        )
        rows.append(probe(chain, change, encode))
    return rows


def paraphrase(step: str, seed: int = 0, contrasts: Contrasts = CONTRASTS, answer: str | None = None) -> Paraphrase:
    """Say a step in other words, or leave it as it is where no rule is certain.

    Among several wordings a hash of seed and step chooses, so the result depends on nothing else. The first wording
    that passes `check` is taken. Whitespace around the step, list marks in front and punctuation at its end stay.

    Args:
        step: of a chain.
        seed: of the choice.
        contrasts: pairs of words that may not be confused.
        answer: a text that the paraphrase may not state where the step does not.
    """
    if kind(step) != "prose":
        return Paraphrase(step, NOT_PROSE, False)
    lead, body, end = parts(step)
    for wording, rule in _wordings(body, end, seed):
        text = f"{lead}{wording}{end}"
        if not check(step, text, contrasts, answer):
            return Paraphrase(text, rule, True)
    return Paraphrase(step, NO_LANGUAGE if is_foreign(body) else NO_RULE, False)


def _wordings(body: str, end: str, seed: int) -> Iterator[tuple[str, str]]:
    """All wordings of a sentence, each with its rule, the most thorough ones first."""
    for name, pattern, templates in TEMPLATES:
        if match := pattern.fullmatch(body):
            said = {group: _within(text) for group, text in match.groupdict().items()}
            for template in rotated(templates, seed, body):
                wording = template.format(**said)
                yield wording[:1].upper() + wording[1:] if body[:1].isupper() else wording, name
    if swapped := swap_sides(body):
        yield swapped, "sides"
    if not is_english(body):
        return
    opaque, masked = _mask(body)
    if opaque is None:
        return
    rules = QUESTION_RULES if "?" in end else RULES
    # All rules together; or, where that passes no check, each by itself.
    for chosen in (rules, *([rule] for rule in rules)):
        applied, wording = [], masked
        for name, rule in chosen:
            changed = rule(wording, seed)
            if changed != wording:
                applied.append(name)
                wording = changed
        if applied and sorted(filter(_is_mark, wording)) == sorted(filter(_is_mark, masked)):
            if body[:1].isupper() and not VARIABLE.match(wording):
                wording = wording[:1].upper() + wording[1:]
            yield re.sub("[\ue000-\uf8ff]", lambda mark: opaque[ord(mark[0]) - FIRST_MARK], wording), "+".join(applied)


def _within(text: str) -> str:
    """Part of a step as it stands within a sentence: a number in words has no capital there."""
    first = re.match(r"\w+", text)
    return text[:1].lower() + text[1:] if first and first[0].lower() in NUMBER_WORDS else text


def _mask(body: str) -> tuple[list[str] | None, str]:
    """What no rule may touch (code, formulas, quotes), and the sentence with a private character for each of them.

    None where the sentence has such characters of its own, or more than there are.
    """
    opaque = OPAQUE.findall(body)
    if any(map(_is_mark, body)) or len(opaque) > 0xF8FF - FIRST_MARK:
        return None, body
    marks = iter(range(FIRST_MARK, 0xF900))
    return opaque, OPAQUE.sub(lambda _: chr(next(marks)), body)


def _is_mark(character: str) -> bool:
    return FIRST_MARK <= ord(character) <= 0xF8FF


# Other wordings of the steps of the generated tasks (datasets.py). Whatever a step's pattern
# names returns in each of them: persons, acts with their negations, faces, words and letters.
TOKEN = r"(?:\"[^\"]*\"|\w[\w'-]*)"
NUMBER_WORD = rf"(?:{'|'.join(NUMBER_WORDS)})"
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
        "coin_state",
        re.compile(r"(?:The coin|It) is (?P<when>now|still) (?P<face>heads|tails) up"),
        (
            "The coin {when} shows {face}",
            "The coin {when} lies {face} up",
            "The side of the coin that is {when} up is {face}",
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
    (
        "sum_start",
        re.compile(rf"At first, (?P<person>{PERSON}) has (?P<count>{NUMBER_WORD}) (?P<things>\w+)"),
        (
            "{person} has {count} {things} to begin with",
            "In the beginning, {person} has {count} {things}",
            "{count} {things} are what {person} has at first",
            "{person} starts with {count} {things}",
        ),
    ),
    (
        "sum",  # in half of the wordings the result does not come last
        re.compile(
            rf"(?P<expression>{NUMBER_WORD} (?:plus|minus) {NUMBER_WORD}) is (?P<result>{NUMBER_WORD} [a-z]+)", re.I
        ),
        (
            "{result} is {expression}",
            "{expression} comes to {result}",
            "{result} is what {expression} comes to",
            "The result of {expression} is {result}",
            "We get {result} from {expression}",
            "If we work out {expression}, we get {result}",
        ),
    ),
)
