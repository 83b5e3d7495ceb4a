"""Turning a source into items: questions with gold answers, split into train and evaluation.

Generated tasks are the symbolic ones of Wei et al. 2022 ("Chain-of-Thought Prompting Elicits
Reasoning in Large Language Models", arXiv 2201.11903, section 5). Their train and evaluation
items share the names but no question.
"""

import json
import logging
import math
import random
import re
import string
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from faithfulness.config.datasets import CoinFlip, Columns, LastLetters, TableDataset
from faithfulness.prepare.generated import GENERATORS, Item, item

Row = dict[Any, Any]

logger = logging.getLogger("faithfulness")


def items(
    settings: LastLetters | CoinFlip | TableDataset,
    files: Sequence[Path] = (),
    train_files: Sequence[Path] = (),
) -> tuple[list[Item], list[Item]]:
    """Train and evaluation items of a dataset; no question stands in both.

    Evaluation items come first from the source, so that more train items change none of them.

    Args:
        settings: the dataset's entry in the configuration.
        files: its table (`task: table` only), in one file or several.
        train_files: the table of its train items, where that is another one.

    Raises:
        ValueError: too few usable questions; says how many there are and what was refused.
    """
    wanted = settings.eval + settings.train
    if isinstance(settings, TableDataset):
        rows, refused = _drawn(settings, files)
        sources = [(wanted, iter(rows))]
        if train_files:
            more, refused_too = _drawn(settings, train_files)
            sources, refused = [(settings.eval, iter(rows)), (wanted, iter(more))], refused + refused_too
    else:  # a task that is too easy runs out of different questions
        sources, refused = [(wanted, islice(GENERATORS[settings.task](settings), 100 * wanted))], []
    by_question: dict[str, Item] = {}
    for enough, source in sources:
        while len(by_question) < enough and (item := next(source, None)):
            by_question.setdefault(item["question"], item)
        if len(by_question) < enough:
            hint = f" Refused, for example: {refused[0]}." if refused else ""
            request = f"train: {settings.train} and eval: {settings.eval} ask for {enough}"
            if len(sources) > 1:
                request = (
                    f"eval: {settings.eval} and train: {settings.train}, from tables of their own, ask for {enough}"
                )
            raise ValueError(
                f"dataset {settings.name!r} has {len(by_question)} usable questions, but {request}.{hint} Lower them, "
                "or raise the difficulty of a generated task."
            )
    chosen = [item | {"letters": settings.readout == "letters"} for item in by_question.values()]
    return chosen[settings.eval :], chosen[: settings.eval]


def _drawn(settings: TableDataset, files: Sequence[Path]) -> tuple[list[Item], list[str]]:
    """Usable rows of a table in a seeded order, and why others were refused."""
    tables = [read_table(file, settings.columns) for file in files]
    rows, refused = [row for some, _ in tables for row in some], [reason for _, some in tables for reason in some]
    if rows and refused:
        logger.warning("%d of %d rows refused: %s", len(refused), len(rows) + len(refused), "; ".join(refused[:3]))
    rng = random.Random(f"{settings.name} {settings.seed}")
    rng.shuffle(rows)
    if settings.shuffle_options:
        rows = [row | {"options": rng.sample(row["options"], len(row["options"]))} for row in rows]
    return rows, refused


def read_table(file: Path, columns: Columns) -> tuple[list[Item], list[str]]:
    """Items of a JSONL, CSV or Parquet file, and why other rows were refused.

    Raises:
        ValueError: an unknown kind of file, a damaged one, or a column is missing; names those there are.
    """
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".jsonl": lambda path: pd.DataFrame(map(json.loads, filter(str.strip, path.read_text("utf-8").splitlines()))),
        ".csv": lambda path: pd.read_csv(path, keep_default_na=False),
        ".parquet": pd.read_parquet,
    }
    if file.suffix not in readers:
        raise ValueError(f"{file.name}: cannot read {file.suffix or 'a file without ending'}; use {', '.join(readers)}")
    try:
        table = readers[file.suffix](file)
    except (ValueError, OSError) as error:
        raise ValueError(f"{file.name} cannot be read as {file.suffix[1:]}: {error}") from error
    if table.empty:
        return [], [f"{file.name} has no rows"]
    for name in _names(columns):
        if name.partition(".")[0] not in table.columns and name not in table.columns:
            raise ValueError(f"{file.name} has no column {name!r}; it has: {', '.join(map(str, table.columns))}")
    usable, refused = [], []
    for number, row in enumerate(table.to_dict("records"), start=1):
        try:
            usable.append(_from_row(row, columns))
        except ValueError as error:
            refused.append(f"{file.name}, row {number}: {error}")
    return usable, refused


FIELD = re.compile(r"\{([^{}]+)\}")


def _names(columns: Columns) -> list[str]:
    """Columns that a table must have."""
    options = [columns.options] if isinstance(columns.options, str) else columns.options or []
    several = FIELD.findall(columns.question) or [columns.question]
    return [*several, *options, *filter(None, (columns.labels, columns.answer, columns.rationale))]


def _value(row: Row, name: str) -> Any:
    """What a row holds in a column, or in an entry of a mapping in it; arrays as lists."""
    value = row
    for part in [name] if name in row else name.split("."):
        if not isinstance(value, dict) or part not in value:
            raise ValueError(f"there is no {name!r}")
        value = value[part]
    return value.tolist() if hasattr(value, "tolist") else value


def _text(row: Row, name: str) -> str:
    value = _value(row, name)
    if isinstance(value, float):  # a whole number in a column where others are missing
        value = None if math.isnan(value) else int(value) if value.is_integer() else value
    if value is None or not str(value).strip():
        raise ValueError(f"the {name} is empty")
    return str(value).strip()


def _from_row(row: Row, columns: Columns) -> Item:
    name = columns.question
    question = FIELD.sub(lambda field: _text(row, field[1]), name) if FIELD.search(name) else _text(row, name)
    rationale = _rationale(row, columns)
    if columns.options is None:
        return item(question, None, _stated(_text(row, columns.answer), columns), rationale)
    labels, options = _options(row, columns)
    if not 2 <= len(options) <= len(string.ascii_uppercase) or len(set(options)) < len(options) or not all(options):
        raise ValueError(f"needs at least two different options (and at most 26), has {options}")
    return item(question, options, _gold(row, columns, labels, options), rationale, show_options=True)


def _rationale(row: Row, columns: Columns) -> list[str] | None:
    """The lines of a worked chain, without what is left out of it; None where there is none."""
    if columns.rationale is None:
        return None
    text = str(_value(row, columns.rationale) or "")
    for pattern in columns.leave_out:
        text = re.sub(pattern, "", text)
    return [line.strip() for line in text.splitlines() if line.strip()] or None


def _stated(text: str, columns: Columns) -> str:
    """The answer in a text that states more than it."""
    if columns.answer_pattern is None:
        return text
    match = re.search(columns.answer_pattern, text)
    if match is None or not (match[1] or "").strip():
        raise ValueError(f"nothing in the {columns.answer} matches {columns.answer_pattern!r}: {text[-60:]!r}")
    return match[1].strip()


LABEL = re.compile(r"^\s*\(?([A-Z])[.):]\s*")


def _options(row: Row, columns: Columns) -> tuple[list[str], list[str]]:
    """Labels and texts of the options."""
    if isinstance(columns.options, list):
        lines: Any = [_text(row, name) for name in columns.options]
    else:
        lines = _value(row, columns.options or "")
    if isinstance(lines, dict):
        return [str(label) for label in lines], [str(text).strip() for text in lines.values()]
    if isinstance(lines, str):  # a line without a label continues the option before
        lines = re.split(r"\n(?=\s*\(?[A-Z][.):])" if LABEL.match(lines) else r"\n", lines.strip())
    lines = list(lines if lines is not None else [])
    labels = [str(label) for label in _value(row, columns.labels)] if columns.labels else string.ascii_uppercase
    return list(labels[: len(lines)]), [LABEL.sub("", str(line)).strip() for line in lines]


def _gold(row: Row, columns: Columns, labels: list[str], options: list[str]) -> str:
    """The option that a gold answer names."""
    value = _value(row, columns.answer)
    if columns.answer_is == "flags" or isinstance(value, list):
        flagged = [option for option, flag in zip(options, value, strict=True) if int(flag)]
        if len(flagged) != 1:
            raise ValueError(f"the answer flags {len(flagged)} options, not one")
        return flagged[0]
    text = _stated(_text(row, columns.answer), columns)
    bare = LABEL.sub("", text).strip()
    number = int(text) if text.isdigit() else -1
    meanings = {
        "text": next((o for o in (text, bare) if o in options), None),
        "label": options[labels.index(text)] if text in labels else None,
        "index": options[number] if 0 <= number < len(options) else None,
    }
    if columns.answer_is != "auto":
        meanings = {columns.answer_is: meanings[columns.answer_is]}
    named = {option for option in meanings.values() if option is not None}
    if not named:
        raise ValueError(f"the answer {text!r} is none of the options {options}")
    if len(named) > 1:
        raise ValueError(f"the answer {text!r} may be an option's text, its label or its index; say which: answer_is")
    return named.pop()
