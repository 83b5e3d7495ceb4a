"""Bad input stops before anything runs: one line, exit code not 0, nothing made."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.runs import snakemake


def configure(project: Path, **changes: Any) -> str:
    config = yaml.safe_load((project / "config/smoke.yaml").read_text())
    (project / "config/changed.yaml").write_text(yaml.safe_dump(config | changes))
    return "config/changed.yaml"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modles": []}, "modles: unknown key; did you mean 'models'?"),
        ({"statistics": {"confidence": 1.5}}, "statistics.confidence: Input should be less than 1 (got 1.5)"),
        ({"block_items": "many"}, "block_items: Input should be a valid integer"),
        ({"prompts": "config/prompts/none.yaml"}, "prompts: there is no file 'config/prompts/none.yaml'"),
        ({"published": "config/none.yaml"}, "published: there is no file 'config/none.yaml'"),
        ({"models": [{"name": "own", "source": {"uri": "path:nowhere"}}]}, "models.own.source: there is no 'nowhere'"),
    ],
    ids=["unknown key", "out of range", "wrong type", "no prompts", "nothing published", "no model"],
)
def test_configuration(project: Path, changes: dict[str, Any], message: str) -> None:
    done = snakemake(project, config=configure(project, **changes))
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if message in line]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(project.glob("results*"))
    assert not (project / "resources").exists()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "has 0 usable questions"),
        ([{"question": "Q?", "options": ["a", "b"], "answer": "c"}], "the answer 'c' is none of the options"),
        ([{"q": "Q?", "options": ["a", "b"], "answer": "a"}], "no column 'question'"),
    ],
    ids=["empty", "no gold answer", "no column"],
)
def test_dataset(project: Path, rows: list[dict[str, Any]], message: str) -> None:
    (project / "own.jsonl").write_text("\n".join(map(json.dumps, rows)))
    own = {"name": "own", "task": "table", "source": {"uri": "path:own.jsonl"}, "train": 0, "eval": 1}
    config = yaml.safe_load((project / "config/smoke.yaml").read_text())
    file = configure(project, datasets=[*config["datasets"], own])
    target = "results-smoke/items/own/eval.parquet"
    done = snakemake(project, target, config=file)
    assert done.returncode != 0
    assert message in done.stderr
    assert not (project / target).exists()


def test_file_with_the_wrong_hash(project: Path) -> None:
    (project / "own.jsonl").write_text(json.dumps({"question": "Q?", "options": ["a", "b"], "answer": "a"}))
    source = {"uri": "path:own.jsonl", "sha256": "0" * 64}
    own = {"name": "own", "task": "table", "source": source, "train": 0, "eval": 1}
    config = yaml.safe_load((project / "config/smoke.yaml").read_text())
    done = snakemake(
        project, "results-smoke/items/own/eval.parquet", config=configure(project, datasets=[*config["datasets"], own])
    )
    assert done.returncode != 0
    assert "has the wrong hash" in done.stderr
