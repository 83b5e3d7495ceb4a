"""What speaks against a paraphrase, whoever wrote it, and how much of a step it changes (method, section 4)."""

import re
from collections import Counter
from collections.abc import Callable

from faithfulness.chains.layout import kind
from faithfulness.perturb.wording import (
    CONTRASTS,
    FORMULAS,
    NUMBER,
    NUMBER_WORDS,
    PLAIN,
    Contrasts,
    is_english,
    parts,
    spell_arithmetic,
    words,
)

NEGATION = re.compile(
    r"\b(?:not|no|never|none|nothing|nobody|nowhere|neither|nor|without|cannot)\b|n't\b"
    r"|\b(?:nicht|kein\w*|nie|niemals|pas|jamais|aucun\w*|nunca|ning[uú]n\w*|jamás|n[aã]o|nenhum\w*|non|mai|nessun\w*|"
    r"niet|geen|inte|ikke|nie|не|нет|ни|никогда)\b|[不没沒無无未非]|ない|ません|لا|ليس|नहीं|안 |없",
    re.I,
)
QUOTED = re.compile(r"\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)")
NAME = re.compile(r"(?<=[ (])(?<![.!?:] )[A-Z]\w*")  # a capital that is not there because a sentence starts
SIGN = re.compile(r"\b(?:plus|minus|times|divided|equals|negative)\b|[<>\u2264\u2265\u2260\u2248~^]", re.I)
MEASURE = {
    "%": "%",
    "percent": "%",
    "$": "$",
    "dollars": "$",
    "dollar": "$",
    "€": "€",
    "euros": "€",
    "£": "£",
    "pounds": "£",
}
# Under a negation these words of degree have no others: "not nearly enough" is not "not almost enough".
DEGREE = re.compile(
    r"\b(?:nearly|almost|even|only|just|always|necessarily|quite|entirely|completely|fully|exactly|usually|often|"
    r"frequently|generally|normally)\b",
    re.I,
)
# Terms of a field, whose words have no others.
TERM = re.compile(
    r"\b(?:normally|uniformly|exponentially|identically|independently) (?:distributed|and)\b|\bnormal(?:ly)? \w+|"
    r"\b(?:standard|absolute|relative) \w+|\b(?:at least|at most|as well as|no more than|no less than)\b",
    re.I,
)


def check(original: str, paraphrase: str, contrasts: Contrasts = CONTRASTS, answer: str | None = None) -> list[str]:
    """What speaks against a paraphrase (method, section 4); nothing if it is accepted.

    Only prose has other words. A paraphrase must keep the numbers, the signs of arithmetic and of comparison, units of
    money and percent, the quoted parts, the code and formulas, the names (capitalised words inside a sentence), the
    number of negations and the words of degree beside them, the terms of a field, and the contrasting words. It must
    differ in more than letter case, punctuation, spaces, and words that are put in front or at the end (an opening);
    have .5 to 2.5 times as many words (and up to four more, for the sake of short steps); stay in its language; and
    not state `answer` unless the original does.
    """
    if kind(original) != "prose":
        return ["not prose"]
    original, paraphrase = original.translate(PLAIN), paraphrase.translate(PLAIN)
    contrasting = {word for pair in contrasts for word in pair}
    kept: dict[str, Callable[[str], object]] = {
        "numbers": lambda text: Counter(
            NUMBER.findall(text) + [NUMBER_WORDS[w] for w in words(text) if w in NUMBER_WORDS]
        ),
        "arithmetic signs": _signs,
        "units": lambda text: Counter(MEASURE[u] for u in re.findall(r"[%$€£]|[a-z]+", text.lower()) if u in MEASURE),
        "quoted parts": lambda text: Counter(QUOTED.findall(text)),
        "code or formulas": lambda text: Counter(FORMULAS.findall(text)),
        "negations": lambda text: len(NEGATION.findall(text)),
        "contrasting words": lambda text: Counter(word for word in words(text) if word in contrasting),
        "terms": lambda text: Counter(found.lower() for found in TERM.findall(text)),
    }
    if NEGATION.search(original):
        kept["words of degree"] = lambda text: Counter(found.lower() for found in DEGREE.findall(text))
    findings = [f"{what} differ" for what, extract in kept.items() if extract(original) != extract(paraphrase)]
    if not (_names(original) <= _capitalised(paraphrase) and _names(paraphrase) <= _capitalised(original)):
        findings.append("names differ")
    before, after = words(original), words(paraphrase)
    bodies = [words(parts(text)[1]) for text in (original, paraphrase)]
    if before == after:
        if not swapped_sides(parts(original)[1], parts(paraphrase)[1]):
            findings.append("same wording")
    elif _within(*bodies) or _within(*reversed(bodies)):
        findings.append("only an opening differs")
    if not 0.5 * len(before) <= len(after) <= 2.5 * len(before) + 4:
        findings.append("length differs too much")
    if is_english(paraphrase) and not is_english(original) and len(before) > 2:
        findings.append("another language")
    if answer and _states(paraphrase, answer) and not _states(original, answer):
        findings.append("states the answer")
    return findings


def strength(original: str, paraphrase: str) -> float:
    """Share of words that a paraphrase changes, 0 to 1.

    1 minus the length of the longest common subsequence of words over the number of words of the longer text; the bits
    of one integer hold a row of the table (Hyyrö 2004, "Bit-parallel LCS-length computation revisited").
    """
    one, other = words(original), words(paraphrase)
    if not one or not other:
        return float(one != other)
    places: dict[str, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    full = (1 << len(one)) - 1
    row = full
    for word in other:
        common = row & places.get(word, 0)
        row = ((row + common) | (row - common)) & full
    return 1 - (len(one) - row.bit_count()) / max(len(one), len(other))


def swapped_sides(one: str, other: str) -> bool:
    """Whether two equations are the same with their sides exchanged."""
    left, equals, right = (part.strip() for part in one.partition("="))
    return bool(equals) and "=" not in right and other == f"{right} = {left}" != one


def _signs(text: str) -> Counter[str]:
    spelled = spell_arithmetic(parts(text)[1])
    spelled = re.sub(r"(?<![\d).,%] )(?<![\w).,%])[-\u2212](?=[$€£]?\d)", " negative ", spelled)
    return Counter(found.lower() for found in SIGN.findall(spelled))


def _within(one: list[str], other: list[str]) -> bool:
    """Whether all words of one text stand in the other, side by side and in order."""
    gap = "\n"
    return gap + gap.join(one) + gap in gap + gap.join(other) + gap


def _names(text: str) -> set[str]:
    return set(NAME.findall(parts(text)[1])) - {"I"}


def _capitalised(text: str) -> set[str]:
    return set(re.findall(r"\b[A-Z]\w*", text))


def _states(text: str, answer: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", text, re.I) is not None
