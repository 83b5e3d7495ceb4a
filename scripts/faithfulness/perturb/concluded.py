"""What a chain concludes: the answer to its item that its conclusion, or else its last step, states."""

# ruff: noqa: RUF001 - signs of many forms

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from faithfulness.answers.parse import Reading, parse_answer, states
from faithfulness.answers.quantities import whole
from faithfulness.perturb.english import NEGATION
from faithfulness.perturb.letters import are_strings
from faithfulness.perturb.wording import NUMBER_WORDS, parts
from faithfulness.tables.fields import Row

LAST = 3  # steps that are looked at, from the end
NO_OPTION = ("", "")  # the reading of a text that states an answer which is none of the options
NOTHING = (None, None)
SIDES = re.compile(
    r"\b(?:is|are|was|be|now|still|shows?|lands|lies|stays|remains|becomes|on|from|to) (?P<said>heads|tails)\b(?! of\b)"
    r"|\b(?P<up>heads|tails)(?= up\b)",
    re.I,
)
ASKED = re.compile(r"\b(heads|tails) up\?", re.I)
QUOTED = re.compile(r"[\"“'‘](\w+)[\"”'’]")
WORD_OF = {digits: word for word, digits in NUMBER_WORDS.items()}
# Numbers in words or digits, also those that are no options: a chain may end with them.
NUMBER = (
    rf"(?:{'|'.join(NUMBER_WORDS)}|zero|one|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|"
    r"forty|fifty|sixty|seventy|eighty|ninety|hundred|\d+)(?![\w-])"
)
NUMBERS = re.compile(rf"(?<![\w-]){NUMBER}", re.I)
COMPUTED = re.compile(
    rf"(?:\b(?:is|are|equals?|equal to|makes?|gives?|leaves?)|=) (?P<result>{NUMBER})(?! (?:plus|minus|times)\b)", re.I
)


class Face(NamedTuple):
    """A side of the coin that a text says to be up: characters [start, end), and which."""

    start: int
    end: int
    side: str


def concluded(steps: Sequence[str], conclusion: str, item: Row) -> str | None:
    """The answer that a chain ends with, in the form of `answers.parse.parse_answer`; None if it states none.

    The conclusion decides, if there is one; else the last step that states an answer. Where that is none of the
    options, the chain has no ending: what stands before it is not what it leads to.

    Args:
        steps: of the chain.
        conclusion: the sentences that were cut off from it; '' if there are none or the chain is to speak for itself.
        item: with `question`, `options`, `answer`, and perhaps `answers` and `letters`.
    """
    return ending_of(steps, conclusion, item)[0]


def ending_of(steps: Sequence[str], conclusion: str, item: Row) -> Reading:
    """The same answer, and as it is written there (`$1,200`)."""
    texts = [conclusion] if conclusion.strip() else reversed(steps[-LAST:])
    reading = next((found for text in texts if (found := _stated(text, item)) != NOTHING), NOTHING)
    return NOTHING if reading == NO_OPTION else reading


def faces(text: str) -> Iterator[Face]:
    """The sides of a coin that a text says to be up."""
    for match in SIDES.finditer(text):
        group = match.lastgroup or "up"
        yield Face(*match.span(group), match[group].lower())


def asks_for_face(item: Row) -> str | None:
    """The side of a coin that a yes-no question asks for; None for other questions."""
    asked = ASKED.findall(item["question"])
    return asked[-1].lower() if asked and set(item["options"] or ()) == {"yes", "no"} else None


def _stated(text: str, item: Row) -> Reading:
    """What a text states: an answer, NO_OPTION or NOTHING."""
    options = item["options"]
    if not options:
        return parse_answer(_last_line(text), item) if re.search(r"\w", text) else NOTHING
    asked = asks_for_face(item)
    if asked and (up := list(faces(text))):
        return _option("yes" if up[-1].side == asked else "no", options)
    if quoted := [word for word in QUOTED.findall(text) if word in options or are_strings([word, *options])]:
        return _option(quoted[-1], options)
    if all(option in NUMBER_WORDS for option in options):
        return _number_word(text, item)
    return _number(text, item) if all(whole(option) is not None for option in options) else _named(text, item)


def _number(text: str, item: Row) -> Reading:
    reading = parse_answer(_last_line(text), item)
    return NO_OPTION if reading == NOTHING and re.search(r"\d", text) else reading


def _named(text: str, item: Row) -> Reading:
    if (reading := parse_answer(text, item)) != NOTHING:
        return reading
    named = [option for option in item["options"] if states(text, option)]
    return (named[0], named[0]) if len(named) == 1 and _affirmed(text, named[0]) else NOTHING


def _affirmed(text: str, option: str) -> bool:
    """Whether a sentence says an option and denies nothing; yes and no by themselves ("no rule" is no answer)."""
    if option.lower() in ("yes", "no"):
        return re.search(rf"(?:^|[.!?;:,]|\b(?:so|then|thus|is))\s*{option}\s*(?:[.,;!]|$)", text, re.I) is not None
    said = (part for part in re.split(r"[.!?;]\s|\n", text) if states(part, option))
    return any(not NEGATION.search(re.sub(re.escape(option), "", part, flags=re.I)) for part in said)


def _option(text: str, options: Sequence[str]) -> Reading:
    return (text, text) if text in options else NO_OPTION


def _last_line(text: str) -> str:
    """The last line with a number, or the text if there is none, without list marks and its last punctuation."""
    return parts(([line for line in text.splitlines() if re.search(r"\d", line)] or [text])[-1])[1]


def _number_word(text: str, item: Row) -> Reading:
    """The option that is the last result, else the last number; an option's letter where there is none."""
    options = item["options"]
    results = [match["result"] for match in COMPUTED.finditer(text)] or NUMBERS.findall(text)
    return _option(WORD_OF.get(results[-1], results[-1].lower()), options) if results else parse_answer(text, item)
