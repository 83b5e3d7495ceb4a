"""What the columns of one row hold: its question, options, worked chain, and what it states as the answer."""

import math
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from faithfulness.config.datasets import Columns
from faithfulness.prepare.labels import Options, Refusal, from_lines, labelled
from faithfulness.tables.fields import Row

T = TypeVar("T")

FIELD = re.compile(r"\{([^{}]+)\}")
# How Python, NumPy and JSON print lists and mappings of texts; and, where options are meant, any list in one line.
PRINTED = re.compile(r"""array\(\s*\[|\[\s*(?:['"]|array\(|\{\s*['"])|\{\s*['"]\w+['"]\s*:|\(\s*'[^'\n]*'\s*,""")
PRINTED_LINE = re.compile(r"\[[^\n\]]*\]")
NO_CHAIN = {"nan", "none", "null", "<na>", "n/a", "na"}  # what tables print where a worked chain is missing
FLAGS = {"0": False, "1": True, "false": False, "true": True, "": False}
WAY_OUT = "a cell of text cannot hold a list: use JSON Lines or Parquet, or one column for each option"


@dataclass(frozen=True)
class Read:
    """What a row says.

    Args:
        question: its text.
        options: None for an open question.
        answers: the right answers in the words of the row, as they are or cut out by the pattern; one where there are
            options.
        flagged: place of the option that flags name; None where the answers name it.
        rationale: steps of a worked chain; None where there is none.
    """

    question: str
    options: Options | None
    answers: list[str]
    flagged: int | None
    rationale: list[str] | None


def needed(columns: Columns) -> list[str]:
    """Columns that a table must have."""
    options = [columns.options] if isinstance(columns.options, str) else columns.options or []
    several = FIELD.findall(columns.question) or [columns.question]
    return [*several, *options, *filter(None, (columns.labels, columns.answer, columns.rationale))]


def read_row(row: Row, columns: Columns) -> Read:
    """What a row says.

    Raises:
        Refusal: it cannot be used.
    """
    name = columns.question
    question = FIELD.sub(lambda field: _text(row, field[1]), name) if FIELD.search(name) else _text(row, name)
    options = _options(row, columns)
    flagged = None if options is None else _flagged(row, columns, options)
    answers = [] if flagged is not None else answers_of(row, columns)
    if options is not None and len(answers) > 1:
        raise Refusal(f"the column {columns.answer!r} names several right answers, not one", ", ".join(answers))
    return Read(question, options, answers, flagged, _rationale(row, columns))


def value_of(row: Row, name: str) -> object:
    """What a row holds in a column, or in an entry of a mapping in it; of a list of mappings, all these entries.

    Raises:
        Refusal: there is no such column or entry.
    """
    value: object = row
    for part in [name] if name in row else name.split("."):
        entries = without_gaps(value) if isinstance(value, list) else []
        if entries and all(isinstance(entry, dict) for entry in entries):
            if not all(part in entry for entry in entries):
                raise Refusal(f"there is no {name!r}")
            value = [entry[part] for entry in entries]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            raise Refusal(f"there is no {name!r}")
    return value


def plain(value: object, name: str) -> str:
    """One value as text; '' where there is none.

    Raises:
        Refusal: it is a list or a mapping.
    """
    if isinstance(value, dict):
        entries = ", ".join(map(str, value))
        raise Refusal(
            f"the column {name!r} holds a mapping, with entries {entries}; name one of them, as "
            f"{name}.{next(iter(value), '')}"
        )
    if isinstance(value, list):
        raise Refusal(f"the column {name!r} holds a list, not one value; write its entries as one text in the file")
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value).strip()


def _text(row: Row, name: str) -> str:
    text = plain(value_of(row, name), name)
    if not text:
        raise Refusal(f"the {name} is empty")
    return text


def answers_of(row: Row, columns: Columns) -> list[str]:
    """The different right answers that a row states, each cut out by the pattern where there is one.

    Raises:
        Refusal: there is none, it is a printed list, or the pattern is not in it.
    """
    value, name = value_of(row, columns.answer), columns.answer
    texts = [text for one in (value if isinstance(value, list) else [value]) if (text := plain(one, name))]
    if not texts:
        raise Refusal(f"the {name} is empty")
    for text in texts:
        if PRINTED.match(text):
            raise Refusal(f"the column {name!r} holds a list printed as text ({WAY_OUT})", text[:60])
    return list(dict.fromkeys(_stated(text, columns) for text in texts))


def _stated(text: str, columns: Columns) -> str:
    """The answer in a text that states more than it."""
    if columns.answer_pattern is None:
        return text
    match = re.search(columns.answer_pattern, text)
    if match is None or not (match[1] or "").strip():
        raise Refusal(f"nothing in the {columns.answer} matches {columns.answer_pattern!r}", repr(text[-60:]))
    return match[1].strip()


def _flagged(row: Row, columns: Columns, options: Options) -> int | None:
    """The place that flags name, one for each option; None where the answer is no list of flags."""
    value = value_of(row, columns.answer)
    if isinstance(value, dict) and columns.answer_is == "flags":
        value = list(value.values())
    if not isinstance(value, list):
        if columns.answer_is == "flags":
            raise Refusal(
                f"the column {columns.answer!r} holds no list of flags", repr(plain(value, columns.answer)[:60])
            )
        return None
    texts = [plain(one, columns.answer).casefold() for one in value]
    while len(texts) > len(options.texts) and not texts[-1]:
        texts.pop()
    if columns.answer_is != "flags" and (
        columns.answer_is != "auto" or len(texts) != len(options.texts) or not all(text in FLAGS for text in texts)
    ):
        return None
    if len(texts) != len(options.texts) or not all(text in FLAGS for text in texts):
        raise Refusal("the answer is not one flag (0 or 1) for each option", f"{texts} for {options.texts}")
    places = [place for place, text in enumerate(texts) if FLAGS[text]]
    if len(places) != 1:
        raise Refusal(f"the answer flags {len(places)} options, not one")
    return places[0]


def _rationale(row: Row, columns: Columns) -> list[str] | None:
    """Steps of a worked chain: the entries of a list, or the lines of a text, without what is left out of them."""
    if columns.rationale is None:
        return None
    try:
        value = value_of(row, columns.rationale)
    except Refusal:  # JSON Lines lack what a row does not have
        return None
    name = columns.rationale
    texts = [plain(one, name) for one in (value if isinstance(value, list) else [value])]
    if not isinstance(value, list) and texts[0].casefold() in NO_CHAIN:
        return None
    if any(PRINTED.match(text) for text in texts):
        raise Refusal(f"the column {name!r} holds a list printed as text ({WAY_OUT})", texts[0][:60])
    for pattern in columns.leave_out:
        texts = [re.sub(pattern, "", text) for text in texts]
    if not isinstance(value, list):
        texts = texts[0].split("\n")
    return [text.strip() for text in texts if text.strip()] or None


def _options(row: Row, columns: Columns) -> Options | None:
    """Options of a row, checked; None for open questions."""
    if columns.options is None:
        return None
    options = _with_labels(row, columns)
    texts = options.texts
    if len(set(filter(None, texts))) < 2 or len(texts) > len(string.ascii_uppercase):
        raise Refusal("needs at least two different options (and at most 26)", f"has {texts}")
    if not all(texts):
        raise Refusal("an option is empty", str(texts))
    if len(set(texts)) < len(texts):
        raise Refusal("an option stands twice", str(texts))
    return options


def _with_labels(row: Row, columns: Columns) -> Options:
    if isinstance(columns.options, list):
        values = [_cell(row, name) for name in columns.options]
        return _labelled_by(row, columns, labelled([text or "" for text in without_gaps(values)]), len(values))
    name = columns.options or ""
    value = value_of(row, name)
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        value = _as_mappings(value, name)
    if isinstance(value, dict):
        held = {str(label): text for label, text in value.items() if text is not None}
        texts = [plain(text, f"{name}.{label}") for label, text in held.items()]
        own = labelled(without_gaps(texts))
        return Options(own.texts, list(held)[: len(own.texts)], own=True)
    if isinstance(value, list):
        entries = without_gaps(value)
        if entries and all(isinstance(entry, dict) for entry in entries):
            while entries and _is_gap(cast(Row, entries[-1]).get("text", "none")):
                entries.pop()
            return _from_mappings(cast(list[Row], entries), name)
        return _labelled_by(row, columns, labelled([plain(entry, name) for entry in entries]), len(value))
    text = plain(value, name)
    options = from_lines(text)
    if PRINTED.match(text) or PRINTED_LINE.fullmatch(text):
        raise Refusal(f"the column {name!r} holds a list printed as text ({WAY_OUT})", text[:60])
    if len(options.texts) == 1:
        raise Refusal(
            f"the column {name!r} holds one option; put each option on a line of its own, or use a list, or one "
            "column for each option",
            text[:60],
        )
    return _labelled_by(row, columns, options, len(options.texts))


def _cell(row: Row, name: str) -> str | None:
    """An option that has a column of its own; None where the row has none: JSON Lines may lack it."""
    return (plain(value_of(row, name), name) or None) if name in row or "." in name else None


def without_gaps(values: Sequence[T]) -> list[T]:
    """Values up to the last that there is: rows with fewer options are filled up with nothing or with empty texts."""
    last = max((place for place, value in enumerate(values, start=1) if not _is_gap(value)), default=0)
    return list(values[:last])


def _is_gap(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _as_mappings(value: Row, name: str) -> list[object]:
    """A mapping of the lists `text` and `label` as a list of mappings."""
    texts, labels = value["text"], value.get("label")
    if labels is None:
        return [{"text": text} for text in texts]
    if not isinstance(labels, list) or len(labels) != len(texts):
        raise Refusal("the labels are not one for each option", f"{labels} for {texts} in {name}")
    return [{"text": text, "label": label} for text, label in zip(texts, labels, strict=True)]


def _from_mappings(entries: Sequence[Row], name: str) -> Options:
    """Options from mappings, each with an entry `text`, and with `label` where they have labels."""
    if not all("text" in entry for entry in entries):
        names = list(dict.fromkeys(key for entry in entries for key in entry))
        raise Refusal(
            f"the column {name!r} holds mappings with entries {', '.join(map(str, names))}; name the one that is the "
            f"text, as {name}.{names[0]}"
        )
    texts = [plain(entry["text"], f"{name}.text") for entry in entries]
    own = labelled(texts)
    if not all(entry.get("label") is not None for entry in entries):
        return own
    labels = [plain(entry["label"], f"{name}.label") for entry in entries]
    return Options(own.texts if own.own else texts, labels, own=True)


def _labelled_by(row: Row, columns: Columns, options: Options, length: int) -> Options:
    """Options with the labels of a column of their own, if there is one; `length` is theirs with gaps at the end."""
    if columns.labels is None:
        return options
    value = value_of(row, columns.labels)
    labels = [plain(one, columns.labels) for one in without_gaps(value if isinstance(value, list) else [value])]
    labels = labels[: len(options.texts)] if len(labels) == length else labels
    if len(labels) != len(options.texts) or len(set(labels)) < len(labels):
        raise Refusal("the labels are not one for each option", f"{labels} for {options.texts}")
    return Options(options.texts, labels, own=True)
