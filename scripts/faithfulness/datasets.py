"""Turning a source into items: questions with gold answers, split into train and evaluation.

Generated tasks are the symbolic ones of Wei et al. 2022 ("Chain-of-Thought Prompting Elicits
Reasoning in Large Language Models", arXiv 2201.11903, section 5). Their train and evaluation
items share the names but no question.
"""

import json
import random
import re
import string
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from faithfulness.settings import CoinFlip, Columns, LastLetters, TableDataset
from faithfulness.tables import digest

Item = dict[str, Any]

# The names end in six letters each, six names a letter, so that a small model meets every pair of last letters in
# training; no letter ends names of both lists, so a pair is never its own reversal.
FIRST_NAMES = """Anna Emma Julia Laura Maria Sara Alan Ben John Kevin Ryan Simon Derek Frank Jack Mark Nick Patrick
Charles Chris James Louis Lucas Thomas David Donald Edward Fred Richard Todd Adam Graham Jim Sam Tom William""".split()

LAST_NAMES = """Baker Carter Fisher Miller Parker Taylor Armstrong Fleming King Long Manning Young Abbott Bennett Grant
Hunt Knight Wright Bailey Gray Kelly Kennedy Murphy Perry Bell Campbell Hall Hill Mitchell Russell Cole Lane Moore Rice
Stone White""".split()


def last_letters(settings: LastLetters) -> Iterator[Item]:
    """Endless last-letter concatenation questions, each with a worked chain and four options.

    Options are the gold string, its reversal and two strings one letter off, in a random order. The wrong letter
    ends another name of the same list, so that it takes the words to find it out.
    """
    rng = random.Random(f"last_letters {settings.seed}")
    while True:
        lists = [FIRST_NAMES if i % 2 == 0 else LAST_NAMES for i in range(settings.words)]
        words = [rng.choice(names) for names in lists]
        gold = "".join(word[-1] for word in words)
        if len(set(words)) < len(words) or gold == gold[::-1]:
            continue  # a palindrome's reversal would be a second right option
        options = [gold, gold[::-1]]
        while len(options) < 4:
            spot = rng.randrange(len(gold))
            other = gold[:spot] + rng.choice(lists[spot])[-1] + gold[spot + 1 :]
            if other not in options:
                options.append(other)
        rng.shuffle(options)
        question = f'Take the last letters of the words in "{" ".join(words)}" and concatenate them.'
        rationale = [f'The last letter of "{word}" is "{word[-1]}".' for word in words]
        letters = ", ".join(f'"{letter}"' for letter in gold[:-1]) + f' and "{gold[-1]}"'
        rationale.append(f'Putting {letters} together gives "{gold}".')
        yield _item(question, options, gold, rationale)


def coin_flip(settings: CoinFlip) -> Iterator[Item]:
    """Endless coin-flip questions, each with a worked chain and the options yes and no."""
    rng = random.Random(f"coin_flip {settings.seed}")
    while True:
        people = rng.sample(FIRST_NAMES, settings.people)
        flips = [rng.random() < 0.5 for _ in people]
        events, rationale, heads = [], ["The coin starts heads up."], True
        for person, flip in zip(people, flips, strict=True):
            heads ^= flip
            event = f"{person} {'flips' if flip else 'does not flip'} the coin"
            events.append(f"{event}.")
            rationale.append(f"{event}, so it is {'now' if flip else 'still'} {'heads' if heads else 'tails'} up.")
        question = f"A coin is heads up. {' '.join(events)} Is the coin still heads up?"
        yield _item(question, ["yes", "no"], "yes" if heads else "no", rationale)


def _item(
    question: str,
    options: list[str] | None,
    answer: str,
    rationale: list[str] | None = None,
    show_options: bool = False,
) -> Item:
    return {
        "item_id": digest(question, options),
        "question": question,
        "options": options,
        "answer": answer,
        "rationale": rationale,
        "show_options": show_options,
    }


GENERATORS: dict[str, Callable[[Any], Iterator[Item]]] = {"last_letters": last_letters, "coin_flip": coin_flip}


def items(
    settings: LastLetters | CoinFlip | TableDataset, file: str | Path | None = None
) -> tuple[list[Item], list[Item]]:
    """Train and evaluation items of a dataset; no question stands in both.

    Evaluation items come first from the source, so that more train items change none of them.

    Args:
        settings: the dataset's entry in the configuration.
        file: its table (`task: table` only).

    Raises:
        ValueError: too few usable questions; says how many there are and what was refused.
    """
    wanted = settings.eval + settings.train
    if isinstance(settings, TableDataset):
        rows, refused = read_table(Path(file or ""), settings.columns)
        random.Random(f"{settings.name} {settings.seed}").shuffle(rows)
        source: Iterator[Item] = iter(rows)
    else:
        source, refused = GENERATORS[settings.task](settings), []
    found: dict[str, Item] = {}
    for item in islice(source, 100 * wanted):  # a task that is too easy runs out of different questions
        found.setdefault(item["question"], item)
        if len(found) == wanted:
            break
    if len(found) < wanted:
        hint = f" Refused, for example: {refused[0]}." if refused else ""
        raise ValueError(
            f"dataset {settings.name!r} has {len(found)} usable questions, but train: {settings.train} and "
            f"eval: {settings.eval} ask for {wanted}.{hint} Lower them, or raise the difficulty of a generated task."
        )
    chosen = list(found.values())
    return chosen[settings.eval :], chosen[: settings.eval]


def read_table(file: Path, columns: Columns) -> tuple[list[Item], list[str]]:
    """Items of a JSONL, CSV or Parquet file, and why other rows were refused.

    Raises:
        ValueError: an unknown kind of file, or a column is missing; names those there are.
    """
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".jsonl": lambda path: pd.DataFrame(map(json.loads, path.read_text("utf-8").splitlines())),
        ".csv": lambda path: pd.read_csv(path, keep_default_na=False),
        ".parquet": pd.read_parquet,
    }
    if file.suffix not in readers:
        raise ValueError(f"{file.name}: cannot read {file.suffix or 'a file without ending'}; use {', '.join(readers)}")
    table = readers[file.suffix](file)
    if table.empty:
        return [], [f"{file.name} has no rows"]
    for column in filter(None, (columns.question, columns.options, columns.answer)):
        if column not in table.columns:
            raise ValueError(f"{file.name} has no column {column!r}; it has: {', '.join(map(str, table.columns))}")
    usable, refused = [], []
    for number, row in enumerate(table.to_dict("records"), start=1):
        try:
            usable.append(_from_row(row, columns))
        except ValueError as error:
            refused.append(f"row {number}: {error}")
    return usable, refused


def _from_row(row: dict[Any, Any], columns: Columns) -> Item:
    question = str(row[columns.question]).strip()
    if not question:
        raise ValueError("the question is empty")
    if columns.options is None:
        answer = str(row[columns.answer]).strip()
        if not answer:
            raise ValueError("the answer is empty")
        return _item(question, None, answer)
    options = _options(row[columns.options])
    if len(options) < 2 or len(set(options)) < len(options):
        raise ValueError(f"needs at least two different options, has {options}")
    return _item(question, options, _gold(row[columns.answer], options), show_options=True)


LABEL = re.compile(r"^\s*\(?([A-Z])[.):]\s*")


def _options(value: Any) -> list[str]:
    lines = value.strip().splitlines() if isinstance(value, str) else list(value)
    return [LABEL.sub("", str(line)).strip() for line in lines]


def _gold(value: Any, options: list[str]) -> str:
    """The option that a gold answer names: by text, labelled text, letter, or index from 0."""
    text = str(value).strip()
    bare = LABEL.sub("", text).strip()
    for candidate in (text, bare):
        if candidate in options:
            return candidate
    position = int(text) if text.isdigit() else string.ascii_uppercase.find(text) if len(text) == 1 else -1
    if not 0 <= position < len(options):
        raise ValueError(f"the answer {text!r} is none of the options {options}")
    return options[position]
