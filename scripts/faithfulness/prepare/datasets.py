"""Turning a source into items: questions with gold answers, split into train and evaluation.

Two generated tasks are the symbolic ones of Wei et al. 2022 ("Chain-of-Thought Prompting Elicits
Reasoning in Large Language Models", arXiv 2201.11903, section 5), the third is sums in words. Their train and
evaluation items share the names, but no question, and no pattern where a task has enough of them.
"""

import logging
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from faithfulness.config.datasets import CoinFlip, Columns, Dataset, DatasetBase, LastLetters, TableDataset, WordSums
from faithfulness.prepare.columns import needed
from faithfulness.prepare.files import read
from faithfulness.prepare.generated import GENERATORS
from faithfulness.prepare.golds import Refused, Understood, understand
from faithfulness.prepare.questions import Item
from faithfulness.tables.fields import Row

logger = logging.getLogger("faithfulness")


@dataclass(frozen=True)
class Prepared:
    """Items of a dataset, and the rows of tables.LeftOut: how many rows of its tables are none, and why."""

    train: list[Item]
    evaluation: list[Item]
    left_out: list[Row]


def items(
    settings: Dataset,
    files: Sequence[Path] = (),
    train_files: Sequence[Path] = (),
) -> tuple[list[Item], list[Item]]:
    """Train and evaluation items of a dataset; see `prepare`."""
    prepared = prepare(settings, files, train_files)
    return prepared.train, prepared.evaluation


def prepare(
    settings: Dataset,
    files: Sequence[Path] = (),
    train_files: Sequence[Path] = (),
) -> Prepared:
    """Train and evaluation items of a dataset; no question stands in both.

    Evaluation items come first from the source, so that more train items change none of them.

    Args:
        settings: the dataset's entry in the configuration.
        files: its table (`task: table` only), in one file or several.
        train_files: the table of its train items, where that is another one.

    Raises:
        ValueError: too few usable questions, or more rows refused than `max_refused`; says how many there are and what
            was refused.
    """
    wanted = settings.eval + settings.train
    if not isinstance(settings, TableDataset):
        return _generated(settings)
    tables = [files, *filter(None, [train_files])]
    names = ["evaluation", "train"] if train_files else ["evaluation and train"]
    understood = _understood(tables, settings.columns)
    refused = [one for table in understood for one in table.refused]
    drawn = [iter(_drawn(settings, table)) for table in understood]
    chosen = _chosen(settings, list(zip([settings.eval, wanted][-len(drawn) :], drawn, strict=True)), refused)
    for table in understood:
        _check_refused(settings, table)
    left_out = [row for name, table in zip(names, understood, strict=True) for row in _left_out(name, table)]
    return _split(settings, chosen, left_out)


def _generated(settings: LastLetters | CoinFlip | WordSums) -> Prepared:
    generate = GENERATORS[settings.task]
    evaluation = list(islice(generate(settings, "evaluation"), settings.eval))
    train = list(islice(generate(settings, "train", {item["question"] for item in evaluation}), settings.train))
    for name, there, wanted in (("eval", evaluation, settings.eval), ("train", train, settings.train)):
        if len(there) < wanted:  # a task that is too easy runs out of different questions
            raise ValueError(
                f"dataset {settings.name!r} has {len(there)} different questions for {name}: {wanted}. Lower it, or "
                "raise the difficulty of the task."
            )
    return Prepared(_with_letters(settings, train), _with_letters(settings, evaluation), [])


def _with_letters(settings: DatasetBase, items: Iterable[Item]) -> list[Item]:
    """The items, which say whether their options are read as letters."""
    return [item | {"letters": settings.readout == "letters"} for item in items]


def _split(settings: DatasetBase, chosen: list[Item], left_out: list[Row]) -> Prepared:
    return Prepared(chosen[settings.eval :], chosen[: settings.eval], left_out)


def _chosen(
    settings: DatasetBase,
    sources: Sequence[tuple[int, Iterator[Item]]],
    refused: Sequence[Refused],
) -> list[Item]:
    """Different questions from the sources, each up to a number of questions in all."""
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
    return _with_letters(settings, by_question.values())


def _drawn(settings: TableDataset, table: Understood) -> list[Item]:
    """Usable rows of a table in a seeded order."""
    rows = list(table.items)
    rng = random.Random(f"{settings.name} {settings.seed}")
    rng.shuffle(rows)
    if settings.shuffle_options:
        rows = [row | {"options": rng.sample(row["options"], len(row["options"]))} for row in rows]
    return rows


def _check_refused(settings: TableDataset, table: Understood) -> None:
    """Stop where so much of a table is refused that it is read in another way than it was meant."""
    refused, count = table.refused, len(table.items) + len(table.refused)
    if not refused:
        return
    reasons = "; ".join(f"{row['left_out']} because {row['reason']}" for row in _left_out("", table))
    logger.warning("%d of %d rows refused: %s", len(refused), count, reasons)
    examples = f"{reasons}; for example {refused[0]}"
    if table.lost:
        lost = ", ".join(map(repr, table.lost))
        raise ValueError(
            f"dataset {settings.name!r}: all rows with the answer {lost} are refused ({examples}). So the columns are "
            "not read as they are meant: see `columns`, above all `answer_is` and `options`."
        )
    if len(refused) > settings.max_refused * count:
        raise ValueError(
            f"dataset {settings.name!r}: {len(refused)} of {count} rows are refused, a larger share than max_refused: "
            f"{settings.max_refused} ({examples}). Correct `columns` or the file; if these rows may be left out, raise "
            "max_refused."
        )


def _left_out(table: str, understood: Understood) -> list[Row]:
    """Rows of tables.LeftOut: one for each reason."""
    kinds = Counter(one.kind for one in understood.refused)
    examples = {one.kind: str(one) for one in reversed(understood.refused)}
    count = len(understood.items) + len(understood.refused)
    return [
        {"table": table, "rows": count, "left_out": number, "reason": kind, "example": examples[kind]}
        for kind, number in kinds.most_common()
    ]


def read_table(file: Path, columns: Columns) -> tuple[list[Item], list[str]]:
    """Items of a file, and why other rows were refused.

    Raises:
        ValueError: an unknown kind of file, a damaged one, or a column is missing; names those there are.
    """
    (table,) = _understood([[file]], columns)
    return table.items, list(map(str, table.refused))


def _understood(tables: Sequence[Sequence[Path]], columns: Columns) -> list[Understood]:
    """Tables of one dataset, each in one file or several, read as a whole."""
    rows = [{file: _rows(file, columns) for file in table} for table in tables]
    try:
        understood = understand([chain.from_iterable(table.values()) for table in rows], columns)
    except ValueError as error:
        names = ", ".join(file.name for table in tables for file in table)
        raise ValueError(f"{names}: column {columns.answer!r}: {error}") from error
    for table, found in zip(rows, understood, strict=True):
        empty = [file.name for file, held in table.items() if not held]
        found.refused[:0] = [Refused("", "a file has no rows", f"{name} has no rows", None) for name in empty]
    return understood


def _rows(file: Path, columns: Columns) -> list[tuple[str, Row]]:
    """Rows of a file with their places in words; of their columns those that are needed."""
    names = needed(columns)
    rows, there = read(file, {*names, *(name.partition(".")[0] for name in names)})
    for name in names if rows else ():
        if name.partition(".")[0] not in there and name not in there:
            raise ValueError(f"{file.name} has no column {name!r}; it has: {', '.join(map(str, there))}")
    return [(f"{file.name}, row {number}", row) for number, row in enumerate(rows, start=1)]
