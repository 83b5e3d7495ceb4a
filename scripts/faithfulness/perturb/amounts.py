"""Other amounts in place of those of a chain: which ones are near, and how they are written."""

import re
from fractions import Fraction

from faithfulness.perturb.expressions import Number
from faithfulness.perturb.wording import NUMBER_WORDS, like, rotated

NEAR = 12  # steps up and down that a fact may move
WORD_OF = {int(digits): word for word, digits in NUMBER_WORDS.items()}


def others(value: Fraction, text: str, seed: int, place: str) -> list[Fraction]:
    """Amounts that a fact could have been, drawn by seed: between half and twice it, as round as it is.

    Args:
        value: of the fact.
        text: as it is written: 80,000 moves by 10,000, 1.50 by .50, 12 by 1.
        seed, place: of the draw.
    """
    _, _, decimals = text.partition(".")
    digits = text.replace(",", "").replace(".", "").rstrip("0")
    unit = Fraction(1, 10 ** len(decimals)) * 10 ** (len(text.replace(",", "").replace(".", "")) - len(digits))
    ordered: list[Fraction] = []
    for step in dict.fromkeys((unit, unit / 10 if unit >= 10 else unit, unit / 2 if unit >= 2 else unit)):
        moved = [value + sign * count * step for count in range(1, NEAR + 1) for sign in (1, -1)]
        near = [other for other in moved if value / 2 <= other <= 2 * value and other > 1 and other not in ordered]
        ordered += rotated(near, seed, f"{place} {value} {step}") if near else []
    return ordered


def written(value: Fraction, number: Number, grouped: bool) -> str | None:
    """A value as the number is written whose place it takes; None where it cannot be.

    It has no more decimals than the number, which is positive and whole where that is. Of 4.50 it keeps both decimals.

    Args:
        value: to be written.
        number: what it takes the place of.
        grouped: whether the chain writes thousands with commas.
    """
    if value <= 0:
        return None
    if number.word:
        word = WORD_OF.get(int(value)) if value.denominator == 1 else None
        return like(number.text, word) if word else None
    _, _, decimals = number.text.partition(".")
    shifted = value * 10 ** len(decimals)
    if shifted.denominator != 1:
        return None
    digits = str(shifted.numerator).rjust(len(decimals) + 1, "0")
    whole, rest = digits[: len(digits) - len(decimals)], digits[len(digits) - len(decimals) :]
    if len(decimals) != 2 and not decimals.endswith("0"):
        rest = rest.rstrip("0")
    if len(whole) > 3 and ("," in number.text or (grouped and number.value < 1000)):
        whole = f"{int(whole):,}"
    if number.text.startswith(".") and whole == "0":
        whole = ""
    return f"{whole}.{rest}" if rest else whole


def fits(step: str, number: Number, text: str, value: Fraction) -> bool:
    """Whether other words of the step stay right: "an 8" is no "an 9", and "1 box" no "1 boxes"."""
    article = re.search(r"\b(?:a|an) [$€£]?$", step[: number.start], re.I)
    if article and _begins_with_vowel(text) != _begins_with_vowel(number.text):
        return False
    return (value == 1) == (number.value == 1) or not re.match(r"(?:\s|\\text\s?\{|[/-])*[a-z]", step[number.end :])


def _begins_with_vowel(text: str) -> bool:
    whole = re.split(r"[.,]", text)[0]
    return text.startswith("8") or (whole in ("11", "18") and "," not in text) or text.lower() in ("eight", "eleven")
