"""The grammar of answers: what a text states, and whether that is the gold answer."""

import re
from decimal import Decimal, InvalidOperation

from faithfulness.tables.fields import Row

NUMBER = re.compile(r"[-+]?\$?\d[\d,]*(?:\.\d+)?|[-+]?\.\d+")


def parse_answer(text: str, item: Row) -> tuple[str | None, str | None]:
    """The answer that a continuation states in its first line, and as it is written there; None where there is none.

    With options: the one that the line names or begins with. Open questions: the first number,
    normalised, where the gold answer is a number; else the line without case and punctuation.
    """
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if item["options"]:
        plain = _plain(line)
        named = [o for o in item["options"] if plain == _plain(o)]
        begun = [o for o in item["options"] if re.match(rf"{re.escape(_plain(o))}\b", plain) and _plain(o)]
        option = named[0] if named else max(begun, key=len, default=None)
        return option, option
    if normalise_number(item["answer"]) is not None:
        number = NUMBER.search(line)
        return (normalise_number(number.group()), number.group()) if number else (None, None)
    return (_plain(line), line) if _plain(line) else (None, None)


def _plain(text: str) -> str:
    return re.sub(r"[^\w\s.%-]", "", text).strip(" .").casefold()


def normalise_number(text: str) -> str | None:
    """A number without currency, separators and trailing zeros; None for what is no number."""
    try:
        value = Decimal(text.replace(",", "").replace("$", "").strip())
    except InvalidOperation:
        return None
    return f"{value.normalize():f}" if value.is_finite() else None


def is_correct(answer: str | None, item: Row) -> bool:
    """Whether an answer is the gold one (numbers by value, texts without case and punctuation)."""
    if answer is None:
        return False
    gold = item["answer"]
    if item["options"]:
        return answer == gold
    number = normalise_number(gold)
    return answer == (number if number is not None else _plain(gold))
