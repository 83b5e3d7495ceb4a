"""What benchmarks make for themselves can be used: none of them runs in `make test`."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from faithfulness.arms.record import base_arm, write_arm
from faithfulness.backends.protocol import Probe
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.config.models import LocalModel
from faithfulness.config.settings import Settings
from faithfulness.prepare import datasets
from faithfulness.prompts import Prompts
from faithfulness.rescore import readout
from faithfulness.tables.generation import Scores
from faithfulness.tables.io import read_table, records
from faithfulness.tables.journal import Journal
from tests.runs import ROOT

sys.path.append(str(ROOT / "benchmarks"))
import difficulty
import gpu
import perturbation_cost
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


def test_difficulty_of_a_model_without_a_warm_start(
    tiny_model: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(difficulty, "FOLDER", tmp_path)
    model = LocalModel(name="tiny", source={"uri": "random:llama"}, dtype="float32")  # type: ignore[arg-type]
    coins = settings.dataset("coin_flip").model_copy(update={"max_new_tokens": 8})
    train, evaluation = difficulty.items_of(coins, 1, 4)
    folder = difficulty.base(model, tiny_model, {"coin_flip": train}, settings)
    found = difficulty.measured(folder, coins, evaluation, settings)
    assert 0 <= found["direct"] <= 1
    assert found["CoT"] == 0  # a random model never ends


def test_difficulty_counts_chains_that_were_cut_off_as_wrong_and_the_main_filler() -> None:
    chains = pd.DataFrame({"item_id": ["a", "b"], "finish_reason": ["length", "stop"], "steps": [["1"], ["1"]]})
    paraphrases = pd.DataFrame({"variant": ["rest"] * 2, "accepted": [True, False]})
    rows = {
        "early_termination": [("a", None, True, True), ("b", None, True, True)],
        "direct": [("a", None, True, True), ("b", None, False, True)],
        "mistake": [("a", "keep", True, False), ("b", "keep", True, False)],
        "paraphrase": [("a", "rest", True, True), ("b", "rest", True, False)],
        "filler": [("a", "text", True, True), ("b", "text", True, True), ("a", "steps", True, False)],
    }
    names = ["perturbation", "item_id", "variant", "correct", "same", "cut", "n_steps"]
    scores = pd.DataFrame([(kind, *row, 1, 1) for kind, found in rows.items() for row in found], columns=names)
    scores["options_share"] = [0.2 if kind == "early_termination" else 0.9 for kind in scores["perturbation"]]
    found = difficulty.shares(chains, paraphrases, scores)
    assert found["options"] == pytest.approx(0.2)
    assert found["CoT"] == found["direct"] == found["reworded"] == found["changed by rewording"] == 0.5
    assert (found["by a last mistake"], found["by filler"]) == (1, 0)


def test_difficulty_refuses_arms_that_are_trained_on_tables(settings: Settings) -> None:
    model = settings.models[0]
    assert isinstance(model, LocalModel)
    tasks = ["last_letters", "coin_flip"]
    assert list(difficulty.recipes_of(model, ["tuned-symbolic"], tasks, settings)) == ["base", "tuned-symbolic"]
    model = model.model_copy(update={"warm_start": None})
    with pytest.raises(SystemExit, match="tuned-symbolic is trained on coin_flip, and only items of generated tasks"):
        difficulty.recipes_of(model, ["tuned-symbolic"], ["last_letters"], settings)


def test_a_shard_of_scoring_reads_its_share_and_no_more(tmp_path: Path) -> None:
    """A small `make bench-shard`: 80 items of two writers in two shards."""
    shard.make(tmp_path, items=80, writers=2, tokens=60, cuts=9)
    _, first = shard.score_shard(tmp_path, 2, "1-of-2")
    _, second = shard.score_shard(tmp_path, 2, "2-of-2")
    # All 80 direct probes, of one row for each item, are in one group; so are both writers' 160 conflict chains each.
    few = 80 + 2 * 160
    assert first["rows_read"] - few == second["rows_read"] - few == (first["rows"] - few) / 2
    (_, whole) = shard.score_shard(tmp_path, 2, "1-of-1")
    tables = [read_table(tmp_path / f"scores.{which}.parquet", Scores) for which in ("1-of-2", "2-of-2", "1-of-1")]
    assert records(pd.concat(tables[:2])) == records(tables[2])
    assert len(tables[2]) == whole["scores"] == first["scores"] + second["scores"]
    # What the exact reader reads of the whole chain is right, and nothing of no chain.
    early = tables[2][tables[2]["perturbation"] == "early_termination"]
    assert early.loc[early["cut"] == early["n_steps"], "correct"].all()
    assert not early["retokenised"].any()


def test_the_cost_of_perturbations_is_that_of_what_is_asked(
    backend: TransformersBackend, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each set of probes holds the one before; conflict chains that stand in are whole chains of other items."""
    monkeypatch.setattr(readout, "NATS_ITEMS", readout.NATS_ITEMS)
    coins, _ = perturbation_cost.TASKS
    task = perturbation_cost.task(coins, 3, tiny_model, Journal(tmp_path, (), "chains", 20))
    asked = [
        perturbation_cost.Asked(conflict=conflict, fillers=fillers, second_cue=1.0, nats=1.0)
        for conflict, fillers in ((False, False), (True, False), (True, True))
    ]
    before, conflict, most = (sum(map(len, one.of(task.probes).values())) for one in asked)
    assert (before, most - conflict) == (3 * 27, 3 * 2 * 5)
    assert conflict - before == len(task.probes["conflict"]) > 0
    rows = perturbation_cost.stand_ins(task.items, task.probes, 2)
    items = {item["item_id"]: item for item in records(task.items)}
    assert len(rows) == 3 * 2
    assert all(row["target"] in items[row["item_id"]]["options"] for row in rows)
    assert all(row["target"] != items[row["item_id"]]["answer"] for row in rows)
    assert perturbation_cost.seconds(backend, task, asked[-1]) > 0
