"""What a look needs of a user's input: its datasets as they are read, tokenizers at hand, and a chain."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from faithfulness import prompts
from faithfulness.backends.protocol import Completion
from faithfulness.chains.write import parse_chain
from faithfulness.config.base import suggestion
from faithfulness.config.datasets import Dataset, TableDataset
from faithfulness.config.models import LocalSpeaker, Model
from faithfulness.config.settings import Settings
from faithfulness.config.sources import Source
from faithfulness.operate.plan.pieces import FILE, Tokenizer, tokenizer_of
from faithfulness.prepare import datasets, sources
from faithfulness.prepare.sources import SourceError
from faithfulness.prompts import Prompts
from faithfulness.tables.fields import Row
from faithfulness.tables.generation import Chains
from faithfulness.tables.io import read_rows

GLANCE = "data"  # the name of a file that no configuration describes


class LookError(ValueError):
    """What was named cannot be looked at; the message is one line."""


@dataclass(frozen=True)
class Data:
    """A dataset as it is read.

    Attributes:
        dataset: its entry in the configuration.
        files: its tables of evaluation and of train items; none of generated questions.
        rows: usable rows of the table of evaluation items, in its order; the items of generated questions.
        refused: why other rows are left out.
        items: evaluation items, in the order of a run.
        train: number of train items.
        problem: what would stop a run; None if nothing would.
    """

    dataset: Dataset
    files: list[list[Path]]
    rows: list[Row]
    refused: list[str]
    items: list[Row]
    train: int
    problem: str | None = None


@dataclass(frozen=True)
class Asked:
    """A model as it is asked.

    Attributes:
        name: of the model; '' where no configuration names one.
        wording: its prompts and cues.
        tokenizer: None where no folder with one is at hand.
        limit: most tokens that it takes; None where that is unknown.
        missing: why there is no tokenizer.
    """

    name: str
    wording: Prompts
    tokenizer: Tokenizer | None
    limit: int | None = None
    missing: str = "no model is named (--tokenizer names a folder with tokenizer.json)"


@dataclass(frozen=True)
class Chain:
    """A chain that is split into steps; `origin` says where it comes from."""

    origin: str
    text: str
    row: Row  # columns of the chains table


def chosen(settings: Settings | None, data: str | None, name: str | None) -> list[Dataset]:
    """The entries of the datasets to look at.

    Args:
        settings: the configuration, if one is named.
        data: a file of questions, or the name of a dataset of the configuration; None for all of them.
        name: of the dataset that describes the file.

    Raises:
        LookError: there is no such file or dataset, or no configuration to find it in.
    """
    names = [dataset.name for dataset in settings.datasets] if settings else []
    if data is None:
        if settings is None:
            raise LookError("nothing to look at: name a file of questions (DATA), or a configuration (--config)")
        if name and name not in names:
            raise LookError(f"--dataset: no dataset is named {name!r}{suggestion(name, names)}")
        return [dataset for dataset in settings.datasets if name in (None, dataset.name)]
    if data in names and settings and not Path(data).is_file():
        return [settings.dataset(data)]
    file = Path(data).expanduser()
    if not file.is_file():
        beside = names + [str(other) for other in file.parent.glob("*") if other.is_file()]
        found = "is a folder, not a file" if file.is_dir() else "is not there"
        raise LookError(f"{data} {found}; DATA is a file of questions{suggestion(data, beside) if beside else ''}")
    if settings is None:
        if name:
            raise LookError("--dataset names an entry of a configuration: add --config")
        return [glance(file)]
    return [describing(settings, file, name)]


def glance(file: Path) -> TableDataset:
    """The entry of a file that no configuration describes: the default columns."""
    return TableDataset(name=GLANCE, task="table", source=Source(uri=f"path:{file}"), train=0)


def describing(settings: Settings, file: Path, name: str | None) -> TableDataset:
    """The entry of a configuration that describes a file, with this file as its source.

    Raises:
        LookError: no entry does, or several do and none is named.
    """
    tables = [dataset for dataset in settings.datasets if isinstance(dataset, TableDataset)]
    names = [dataset.name for dataset in tables]
    if name:
        named = [dataset for dataset in tables if dataset.name == name]
        if not named:
            raise LookError(f"--dataset: no table of the configuration is named {name!r}{suggestion(name, names)}")
        tables = named
    lying = [dataset for dataset in tables if file.resolve() in _places(dataset.source)]
    tables = lying or tables
    if not tables:
        raise LookError(f"no dataset of the configuration is a table that could describe {file}; leave --config out")
    if len(tables) > 1:
        raise LookError(f"which dataset describes {file}? Add --dataset and one of: {', '.join(names)}")
    dataset = tables[0]
    source = dataset.source if dataset in lying else Source(uri=f"path:{file}")
    return dataset.model_copy(update={"source": source})


def _places(source: Source) -> list[Path]:
    path = sources.local_path(source)
    return [] if path is None else [path.resolve()]


def read(dataset: Dataset, resources: Path) -> Data:
    """Read a dataset as a run would.

    Args:
        dataset: its entry in the configuration.
        resources: folder of fetched sources.

    Raises:
        LookError: a file is not at hand.
        ValueError: a file cannot be read, or lacks a column.
    """
    if not isinstance(dataset, TableDataset):
        train, evaluation = datasets.items(dataset)
        return Data(dataset, [], evaluation, [], evaluation, len(train))
    files = [_files(source, resources, dataset.name) for source in dataset.sources()]
    try:
        tables = [datasets.read_table(file, dataset.columns) for file in files[0]]
    except ValueError as error:
        if dataset.name != GLANCE or f"no column {dataset.columns.options!r}" not in str(error):
            raise
        columns = dataset.columns.model_copy(update={"options": None})  # of a file without options: open questions
        return read(dataset.model_copy(update={"columns": columns, "readout": "text"}), resources)
    rows = [row for usable, _ in tables for row in usable]
    refused = [reason for _, reasons in tables for reason in reasons]
    for file in files[1] if len(files) > 1 else []:
        refused += datasets.read_table(file, dataset.columns)[1]
    data = Data(dataset, files, rows, refused, rows, 0)
    if dataset.name == GLANCE:  # as many as there are: nobody has said how many
        dataset = dataset.model_copy(update={"eval": max(1, len({row["question"] for row in rows}))})
    try:
        train, evaluation = datasets.items(dataset, *files)
    except ValueError as error:
        letters = dataset.readout == "letters"
        return replace(data, items=[row | {"letters": letters} for row in rows], problem=str(error))
    return replace(data, dataset=dataset, items=evaluation, train=len(train))


def _files(source: Source, resources: Path, name: str) -> list[Path]:
    here = sources.local_path(source)
    fetched = resources / "sources" / sources.slug(source)
    if here is not None and not here.exists():
        raise LookError(f"{name}: there is no {str(here)!r}")
    if here is None and not fetched.exists():
        raise LookError(
            f"{name}: {source.uri} is not on this disk yet (make report fetches it); to look at a copy of your own, "
            "name its file: DATA=<file>"
        )
    try:
        return sources.locate(source, here or fetched)
    except SourceError as error:
        raise LookError(f"{name}: {error}") from error


def asked(settings: Settings, model: Model, resources: Path) -> Asked:
    """A model of a configuration as it is asked, with its tokenizer if that is on this disk."""
    wording = prompts.load(settings.prompts, **model.dialogue())
    if not isinstance(model, LocalSpeaker):
        return Asked(model.name, wording, None, missing="its server applies them")
    folder = _folder(model, resources)
    if folder is None:
        missing = "the model is not on this disk yet (make report prepares it; --tokenizer names another folder)"
        return Asked(model.name, wording, None, missing=missing)
    return replace(with_tokenizer(wording, folder), name=model.name)


def with_tokenizer(wording: Prompts, folder: Path) -> Asked:
    """Prompts with the tokenizer of a folder.

    Raises:
        LookError: the folder has no tokenizer.
    """
    if not (folder / FILE).exists():
        raise LookError(f"--tokenizer: {folder} contains no {FILE}; name the folder of a model that does")
    return Asked("", wording, tokenizer_of(folder), _limit(folder))


def _folder(model: LocalSpeaker, resources: Path) -> Path | None:
    """A folder with the model's tokenizer: where its weights are prepared, fetched, or lie."""
    own = sources.local_path(model.source)
    fetched = resources / "sources" / sources.slug(model.source)
    prepared = resources / "models" / sources.weights_slug(model.weights_spec())
    places = [prepared, *([own] if own else []), fetched]
    return next((place for place in places if (place / FILE).exists()), None)


def _limit(folder: Path) -> int | None:
    file = folder / "config.json"
    limit = json.loads(file.read_text("utf-8")).get("max_position_embeddings") if file.exists() else None
    return limit if isinstance(limit, int) else None


def chain_of(data: Data, wording: Prompts, file: Path | None, settings: Settings | None) -> Chain | None:
    """A chain to split: of a file, of a finished run, or the first worked one of the dataset; None if there is none.

    Args:
        data: the dataset.
        wording: prompts and cues.
        file: with the text of one chain, as a model wrote it after the prompt.
        settings: the configuration, whose results may hold chains.

    Raises:
        LookError: the file cannot be read.
    """
    if file:
        try:
            return _split(str(file), file.read_text("utf-8"), wording)
        except (OSError, UnicodeDecodeError) as error:
            raise LookError(f"--chain: {file} cannot be read as text: {error}") from error
    for model in settings.models if settings else []:
        table = Path(settings.results if settings else "") / f"chains/{model.name}/base/{data.dataset.name}.parquet"
        written = next(read_rows(table, Chains), None) if table.exists() else None
        if written:
            origin = f"the first chain that the base arm of {model.name} wrote ({table})"
            return _split(origin, written["chain_text"] + written["conclusion"], wording)
    worked = next((item for item in data.items if item["rationale"]), None)
    if worked is None:
        return None
    text = prompts.chain_text(worked["rationale"]) + wording.chain_cue
    text += prompts.answer_text(prompts.said(worked, worked["answer"]))
    return _split("the first worked chain of the dataset, with the cue and the answer as in training", text, wording)


def _split(origin: str, text: str, wording: Prompts) -> Chain:
    return Chain(origin, text, parse_chain(Completion(text, "stop"), wording))
