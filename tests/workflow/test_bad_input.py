"""Bad input ends a run before any job starts: it prints one line, exits with an error and writes no file."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from faithfulness.tables.generation import Chains, Forecast, Probes
from faithfulness.tables.io import read_table, write_table
from tests.runs import snakemake

EXISTING = {"name": "tuned-own", "source": {"uri": "path:nowhere"}}


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
        (
            {"models": [{"name": "own", "source": {"uri": "path:nowhere"}}], "arms": [EXISTING]},
            "models.own.source: there is no 'nowhere'",
        ),
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


def test_answers_that_a_placebo_cannot_shuffle(project: Path) -> None:
    """Only the items of a table tell whether they share their options: they are looked at before any training."""
    rows = [
        {"question": f"Which {i}?", "options": [f"a{i % 2}", f"b{i % 2}"], "answer": f"a{i % 2}"} for i in range(13)
    ]
    (project / "own.jsonl").write_text("\n".join(map(json.dumps, rows)))
    own = {"name": "own", "task": "table", "source": {"uri": "path:own.jsonl"}, "train": 12, "eval": 1}
    config = yaml.safe_load((project / "config/smoke.yaml").read_text())
    arms = [
        {"name": "tuned-own", "datasets": ["own"]},
        {"name": "placebo-own", "placebo": {"of": "tuned-own", "target": "shuffled"}},
    ]
    file = configure(project, datasets=[*config["datasets"], own], arms=arms)
    checks = "results-smoke/items/own/can_be_shuffled"
    assert checks in snakemake(project, "--dry-run", config=file).stdout
    done = snakemake(project, checks, config=file)
    assert done.returncode != 0
    message = "the items of 'own' do not share their options, so that answers cannot be shuffled; use target: random"
    assert message in done.stderr
    assert not list(project.glob("results-smoke/arms/*/*"))


def test_chains_that_close_a_comparison(project: Path) -> None:
    """They end a run that is to stop there; one that goes on prints the same."""
    target = project / "results-smoke/forecast/tiny/tuned-symbolic/coin_flip.csv"
    entry = {
        "sample": 0,
        "seed": 0,
        "prompt": "Heads?",
        "chain_text": "It. It.",
        "conclusion": "",
        "conclusion_forms": [],
    }
    entry |= {"steps": ["It.", " It."], "step_spans": [[0, 3], [3, 7]], "states_answer": [False, False]}
    ends = [("stop", 20 + item) for item in range(9)] + [("length", 80)] * 3
    rows = [
        entry | {"item_id": str(item), "finish_reason": reason, "chain_ids": list(range(tokens))}
        for item, (reason, tokens) in enumerate(ends)
    ]
    for writer in ("base", "tuned-symbolic"):
        write_table(rows, Chains, project / f"results-smoke/chains/tiny/{writer}/coin_flip.parquet")
        write_table([], Probes, project / f"results-smoke/probes/tiny/{writer}/coin_flip/paraphrase.parquet")
    asked = str(target.relative_to(project)), "--allowed-rules", "check_chains"
    stopped = snakemake(project, *asked, config=configure(project, chains={"after_writing": "stop"}))
    assert stopped.returncode != 0
    lines = [line for line in stopped.stderr.splitlines() if "ERROR StoppedError: tiny, coin_flip: " in line]
    assert lines, stopped.stderr[-3000:]
    cut_off = "a chain of base or tuned-symbolic was cut off in 3 of 12 items (25 %), more than 20 %"
    assert cut_off in lines[0]
    assert re.search(
        r"What would help: max_new_tokens: \d+, with about \d %.*set `chains: {after_writing: go_on}`", lines[0]
    )
    assert not target.exists()
    going_on = snakemake(project, *asked)
    assert going_on.returncode == 0, going_on.stderr[-3000:]
    assert f"WARNING tiny, coin_flip: {cut_off}" in going_on.stderr
    found = read_table(target, Forecast).set_index(["finding", "subject", "token_limit"])["share"]
    assert found["truncated_items", "tuned-symbolic", 80] == 0.25
    assert found["truncated_items", "tuned-symbolic", 160] < 0.25


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
