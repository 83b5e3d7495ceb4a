"""What benchmarks make for themselves can be used: none of them runs in `make test`."""

import sys
from pathlib import Path

import pandas as pd

from faithfulness.arms.record import base_arm, write_arm
from faithfulness.backends.protocol import Probe
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.config.settings import Settings
from faithfulness.prepare import datasets
from faithfulness.prompts import Prompts
from faithfulness.tables.generation import Scores
from faithfulness.tables.io import read_table, records
from tests.runs import ROOT

sys.path.append(str(ROOT / "benchmarks"))
import difficulty
import gpu
import shard


def test_random_llamas_can_be_loaded(tmp_path: Path, wording: Prompts) -> None:
    weights = gpu.make("tiny", tmp_path / "model")
    write_arm(tmp_path / "arm", base_arm("tiny", weights, wording, trust_remote_code=False))
    (reading,) = TransformersBackend(tmp_path / "arm", "cpu", 1).score(
        [Probe("i", "Q:", " So", " A:", candidates=("a",))]
    )
    assert len(reading.log_probs) == 1


def test_difficulty_is_measured_on_questions_that_no_run_evaluates(settings: Settings) -> None:
    for dataset in settings.datasets[:2]:
        train, evaluation = difficulty.items_of(dataset, 1, 300)
        evaluated = {item["question"] for item in datasets.items(dataset)[1]}
        assert len(evaluation) == 300
        assert not set(evaluation["question"]) & (evaluated | set(train["question"]))


def test_a_shard_of_scoring_reads_its_share_and_no_more(tmp_path: Path) -> None:
    """A small `make bench-shard`: 80 items of two writers in two shards."""
    shard.make(tmp_path, items=80, writers=2, tokens=60, cuts=9)
    _, first = shard.score_shard(tmp_path, 2, "1-of-2")
    _, second = shard.score_shard(tmp_path, 2, "2-of-2")
    # All 80 direct probes, of one row for each item, are in one group.
    assert first["rows_read"] - 80 == second["rows_read"] - 80 == (first["rows"] - 80) / 2
    (_, whole) = shard.score_shard(tmp_path, 2, "1-of-1")
    tables = [read_table(tmp_path / f"scores.{which}.parquet", Scores) for which in ("1-of-2", "2-of-2", "1-of-1")]
    assert records(pd.concat(tables[:2])) == records(tables[2])
    assert len(tables[2]) == whole["scores"] == first["scores"] + second["scores"]
    # What the exact reader reads of the whole chain is right, and nothing of no chain.
    early = tables[2][tables[2]["perturbation"] == "early_termination"]
    assert early.loc[early["cut"] == early["n_steps"], "correct"].all()
    assert not early["retokenised"].any()
