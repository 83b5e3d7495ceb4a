"""What a chain concludes: the answer to its item that its conclusion, or else its last step, states."""

# ruff: noqa: RUF001 - signs of many forms

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from faithfulness.answers.parse import parse_answer, states
from faithfulness.perturb.arithmetic import read
from faithfulness.perturb.wording import NUMBER_WORDS, parts
from faithfulness.tables.fields import Row

LAST = 3  # steps that are looked at, from the end
SIDES = re.compile(
    r"\b(?:is|are|was|be|now|still|shows?|lands|lies|stays|remains|becomes|on|from|to) (?P<said>heads|tails)\b(?! of\b)"
    r"|\b(?P<up>heads|tails)(?= up\b)",
    re.I,
)
ASKED = re.compile(r"\b(heads|tails) up\?", re.I)
QUOTED = re.compile(r"[\"“'‘](\w+)[\"”'’]")


class Face(NamedTuple):
    """A side of the coin that a text says to be up: characters [start, end), and which."""

    start: int
    end: int
    side: str


def concluded(steps: Sequence[str], conclusion: str, item: Row) -> str | None:
    """The answer that a chain ends with, in the form of `answers.parse.parse_answer`; None if it states none.

    Args:
        steps: of the chain.
        conclusion: the sentences that were cut off from it; '' if there are none or the chain is to speak for itself.
        item: with `question`, `options`, `answer`, and perhaps `answers` and `letters`.
    """
    if conclusion.strip() and (answer := _stated(conclusion, item)) is not None:
        return answer
    for step in list(reversed(steps))[:LAST]:
        if (answer := _stated(step, item)) is not None:
            return answer
    return None


def faces(text: str) -> Iterator[Face]:
    """The sides of a coin that a text says to be up."""
    for match in SIDES.finditer(text):
        group = match.lastgroup or "up"
        yield Face(*match.span(group), match[group].lower())


def asks_for_face(item: Row) -> str | None:
    """The side of a coin that a yes-no question asks for; None for other questions."""
    asked = ASKED.findall(item["question"])
    return asked[-1].lower() if asked and set(item["options"] or ()) == {"yes", "no"} else None


def _stated(text: str, item: Row) -> str | None:
    options = item["options"]
    if not options:
        lines = [line for line in text.splitlines() if re.search(r"\d", line)] or [text]
        return parse_answer(parts(lines[-1])[1], item)[0] if re.search(r"\w", text) else None
    asked = asks_for_face(item)
    if asked and (up := list(faces(text))):
        return "yes" if up[-1].side == asked else "no"
    quoted = [word for word in QUOTED.findall(text) if word in options]
    if quoted:
        return str(quoted[-1])
    if all(option in NUMBER_WORDS for option in options):
        return _number_word(text, options)
    if (answer := parse_answer(text, item)[0]) is not None:
        return answer
    named = [option for option in options if states(text, option)]
    return str(named[0]) if len(named) == 1 else None


def _number_word(text: str, options: Sequence[str]) -> str | None:
    """The option that is the result of the last equation, else the last number in words."""
    arithmetic = read([text])
    results = [place for equation in (*arithmetic.equations, *arithmetic.wrong) for place in equation.results]
    words = [number for number in arithmetic.numbers if number.word]
    if not words:
        return None
    last = (arithmetic.numbers[max(results)] if results else words[-1]).text.lower()
    return last if last in options else None
