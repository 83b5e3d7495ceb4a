"""Which option is right: what a table's column of answers means, decided by the column as a whole.

An answer may be an option's text, its label or its place, counted from 0 or from 1. One row alone cannot tell: `1` is
the first option of a table that counts from 1.
"""

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from faithfulness.config.datasets import Columns
from faithfulness.prepare.columns import Read, answers_of, read_row
from faithfulness.prepare.labels import Refusal, mark_of, place_of_label, place_of_text
from faithfulness.prepare.questions import Item, item
from faithfulness.tables.fields import Row

logger = logging.getLogger("faithfulness")

READINGS = {
    "label": "the option's label",
    "text": "the option's text",
    "index": "the option's place, counted from 0",
    "index_from_1": "the option's place, counted from 1",
}
MOST = 0.99  # share of answers that name an option in the sense that is taken
FEW = 20  # rows whose answers may all be neither the first nor the last place by chance

Named = dict[str, int]  # place of the option that an answer names, by the sense in which it is read


@dataclass(frozen=True)
class Answered:
    """A row that can be read: where it is, what it says, and which option its answer names in each sense."""

    place: str
    said: Read
    named: Named

    @property
    def answer(self) -> str | None:
        """The answer in the words of the row; None where flags name it."""
        return self.said.answers[0] if self.said.answers else None


@dataclass(frozen=True)
class Refused:
    """A row that was not used: where it is, why (in words for all such rows, and in full), and its answer."""

    place: str
    kind: str
    reason: str
    answer: str | None

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" if self.place else self.reason


@dataclass(frozen=True)
class Understood:
    """A table's usable rows as items, the others, and labels or places that were the answer in refused rows only."""

    items: list[Item]
    refused: list[Refused]
    lost: list[str]


def understand(tables: Sequence[Iterable[tuple[str, Row]]], columns: Columns) -> list[Understood]:
    """Items of the tables of one dataset, whose answers are written in the same way.

    Args:
        tables: rows of each, with their place in words.
        columns: what they hold.

    Raises:
        ValueError: nothing shows whether places are counted from 0 or from 1.
    """
    read = [[_read(place, row, columns) for place, row in rows] for rows in tables]
    senses = _senses([one for rows in read for one in rows if isinstance(one, Answered)], columns)
    return [_understood(rows, senses) for rows in read]


def _read(place: str, row: Row, columns: Columns) -> "Answered | Refused":
    try:
        said = read_row(row, columns)
        return Answered(place, said, _named(said, columns))
    except Refusal as error:
        return Refused(place, error.kind, str(error), _short_answer(row, columns))


def _understood(rows: "Sequence[Answered | Refused]", senses: Sequence[str]) -> Understood:
    items: list[Item] = []
    refused: list[Refused] = []
    usable = set()
    for row in rows:
        if isinstance(row, Refused):
            refused.append(row)
            continue
        try:
            items.append(_item(row.said, row.named, senses))
            usable.add(row.answer)
        except Refusal as error:
            refused.append(Refused(row.place, error.kind, str(error), row.answer))
    by_place = bool({"label", "index", "index_from_1"} & set(senses)) and "text" not in senses
    lost = {one.answer for one in refused if one.answer and re.fullmatch(r"[A-Za-z]|\d\d?", one.answer)} - usable
    return Understood(items, refused, sorted(filter(None, lost)) if by_place and items else [])


def _short_answer(row: Row, columns: Columns) -> str | None:
    try:
        return answers_of(row, columns)[0]
    except Refusal:
        return None


def _named(said: Read, columns: Columns) -> Named:
    """The option that an answer names in each sense that the settings allow."""
    if said.options is None or said.flagged is not None:
        return {}
    answer, options = said.answers[0], said.options
    number = int(match[1]) if (match := re.fullmatch(r"(\d{1,3})(\.0+)?", answer, re.ASCII)) else None
    places = {"index": number, "index_from_1": None if number is None else number - 1}
    if columns.answer_is in {"auto", "label", "text"}:
        places["label"], places["text"] = place_of_label(answer, options), place_of_text(answer, options)
        if columns.answer_is == "label" and places["label"] is None:
            places["label"] = places["text"] if mark_of(answer) else None
    return {
        sense: place
        for sense, place in places.items()
        if place is not None and 0 <= place < len(options.texts) and columns.answer_is in {"auto", sense}
    }


def _senses(rows: Sequence[Answered], columns: Columns) -> list[str]:
    """The senses in which a column is read: those in which nearly all answers name an option, else all.

    Where rows state labels and nearly all answers are among them, an answer is a label and nothing else.

    Raises:
        ValueError: see `understand`.
    """
    named = [row.named for row in rows if row.named]
    if columns.answer_is != "auto" or not named:
        return [columns.answer_is]
    counts = {sense: sum(sense in one for one in named) for sense in READINGS}
    whole = [sense for sense, count in counts.items() if count >= MOST * len(named)]
    if "label" in whole and all(row.said.options and row.said.options.own for row in rows):
        senses = ["label"]
    else:
        senses = whole or [sense for sense, count in counts.items() if count]
        if {"index", "index_from_1"} <= set(senses):
            senses.remove(_wrong_start(counts, named))
    logger.info("the column %r is read as %s", columns.answer, ", or ".join(READINGS[sense] for sense in senses))
    return senses


def _wrong_start(counts: dict[str, int], named: Sequence[Named]) -> str:
    """Which of the two ways to count places is not meant."""
    if counts["index"] != counts["index_from_1"]:
        return min("index", "index_from_1", key=counts.__getitem__)
    if any("label" not in one and "text" not in one for one in named):
        message = (
            "answers are numbers, and none is 0 or the number of options, so nothing shows whether the first option is "
            "0 or 1; say which: `answer_is: index` or `answer_is: index_from_1`"
        )
        if len(named) >= FEW:
            raise ValueError(message)
        logger.warning("%s. It is taken as 0.", message)
    return "index_from_1"


def _item(said: Read, named: Named, senses: Sequence[str]) -> Item:
    if said.options is None:
        several = said.answers if len(said.answers) > 1 else None
        return item(said.question, None, said.answers[0], said.rationale) | {"answers": several}
    texts = said.options.texts
    if said.flagged is not None:
        return item(said.question, texts, texts[said.flagged], said.rationale, show_options=True)
    places = {named[sense] for sense in senses if sense in named}
    answer = f"the answer {said.answers[0]!r}"
    if not places:
        raise Refusal("the answer is none of the options", reason=f"{answer} is none of the options {texts}")
    if len(places) > 1:
        meanings = "may be an option's text, its label or its index"
        raise Refusal(f"the answer {meanings}", reason=f"{answer} {meanings}; say which: answer_is")
    return item(said.question, texts, texts[places.pop()], said.rationale, show_options=True)
