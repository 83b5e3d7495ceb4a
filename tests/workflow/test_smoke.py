"""A whole run with tiny models: its tables keep their contract, and no kill, other block or second run changes them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import yaml
from transformers import AutoTokenizer

from faithfulness.arms.record import read_arm
from faithfulness.compare import item_means
from faithfulness.compare.reader_contrasts import READER_CONTRASTS
from faithfulness.figures.registry import FIGURES
from faithfulness.hashing import file_hash
from faithfulness.operate import job
from faithfulness.operate.provenance.record import load
from faithfulness.operate.provenance.software import code_state
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.tables.controls import NullPairs
from faithfulness.tables.generation import Chains, Items, Probes, Scores
from faithfulness.tables.io import read_table, records
from faithfulness.tables.measures import Answers, Measures, Readouts, Retention
from faithfulness.tables.statistics import Effects, Estimates, Gates
from tests.runs import ENVIRONMENT, RESULTS, ROOT, command, snakemake
from tests.servers import Between, transformers_serve

SCHEMAS = {
    "items": Items,
    "chains": Chains,
    "probes": Probes,
    "scores": Scores,
    "measures": Measures,
    "means": item_means.schema(),
    "answers": Answers,
    "readouts": Readouts,
    "retention": Retention,
}


CELLS = {"effects": Effects, "gates": Gates}


def all_tables(results: Path) -> dict[str, pd.DataFrame]:
    """All tables of a run by their path."""
    found = {
        str(file.relative_to(results)): read_table(file, schema)
        for stage, schema in SCHEMAS.items()
        for file in sorted((results / stage).rglob("*.parquet"))
    }
    # Two control arms of the first model read chains, too; they write none.
    assert len(found) == 4 + 8 + 48 + (8 + 4) + 5 * 4
    return found


def test_tables_keep_their_contract(smoke: Path) -> None:
    found = all_tables(smoke / RESULTS)
    chains = found["chains/tiny/base/coin_flip.parquet"]
    assert len(chains) == 12
    for row in records(chains):
        assert "".join(row["steps"]) == (row["chain_text"] if row["steps"] else "")
        assert [row["chain_text"][a:b] for a, b in row["step_spans"]] == row["steps"]
    scores = found["scores/tiny/base/coin_flip.parquet"]
    assert set(scores["writer"]) == {"base", "tuned-symbolic"}
    assert set(scores["perturbation"]) == set(PERTURBATIONS)
    whole = scores[(scores["perturbation"] == "early_termination") & (scores["cut"] == scores["n_steps"])]
    assert whole["same"].all()
    assert set(found["scores/tiny/tuned-symbolic/coin_flip.parquet"]["writer"]) == {"base", "tuned-symbolic"}


def test_tuning_on_worked_chains_makes_chains(smoke: Path) -> None:
    chains = all_tables(smoke / RESULTS)["chains/tiny/base/coin_flip.parquet"]
    assert (chains["steps"].str.len() >= 2).mean() >= 0.8


def test_effects_and_report(smoke: Path) -> None:
    effects = read_table(smoke / RESULTS / "effects/effects.csv", Effects)
    assert {"C1", "C2", "C3", "C4", "C5", "C8", "R1"} <= set(effects["claim"])
    parts = effects[(effects["contrast"] == "plain") & (effects["measure"] == "aoc") & (effects["model"] == "tiny")]
    for (_, dataset), cell in parts.groupby(["arm", "dataset"]):
        value = cell.groupby("component")["estimate"].first().astype(float)
        assert value["total"] == pytest.approx(value["reading"] + value["writing"], abs=1e-9, nan_ok=True)
        assert dataset != "coin_flip" or np.isfinite(value["total"])  # a tiny model may write no text that parses
    page = (smoke / RESULTS / "report.html").read_text()
    assert "tiny-depth2" in page
    drawn = [figure for figure in FIGURES if "calibration" not in figure.tables]
    for name in [file for figure in drawn for file in figure.files(["tiny", "tiny-depth2"])]:
        for suffix in ("svg", "pdf", "png", "csv", "txt"):
            assert (smoke / RESULTS / f"figures/{name}.{suffix}").stat().st_size > 0
        assert (smoke / RESULTS / f"paper/figures/{name}.pdf").read_bytes().startswith(b"%PDF")
    kit = smoke / RESULTS / "paper"
    assert r"\input{effects.tex}" in (kit / "paper.tex").read_text()
    items = read_table(smoke / RESULTS / "items/coin_flip/eval.parquet", Items)
    assert f"{len(items)} evaluation" in (kit / "methods.md").read_text()


def test_arm_says_what_it_is(smoke: Path) -> None:
    arm = read_arm(smoke / RESULTS / "arms/tiny/tuned-symbolic")
    base = read_arm(smoke / RESULTS / "arms/tiny/base")
    assert arm.weights.kind == "adapter"
    assert arm.parent == base.weights_hash
    assert arm.prompts.version == 1


def test_controls_read_base_and_write_nothing(smoke: Path) -> None:
    """A placebo and a null arm, from their training to the table of false alarms."""
    results = smoke / RESULTS
    base, again = (read_arm(results / f"arms/tiny/{name}") for name in ("base", "null-warm-start.seed1"))
    assert (again.arm, again.role, again.parent, again.seed) == ("null-warm-start", "null", base.parent, 1)
    assert again.weights_hash != base.weights_hash
    tuned, placebo = (read_arm(results / f"arms/tiny/{name}") for name in ("tuned-symbolic", "placebo-symbolic"))
    assert tuned.recipe
    assert placebo.recipe == tuned.recipe.model_copy(update={"target": "random"})
    assert placebo.weights_hash != tuned.weights_hash
    assert not (results / "chains/tiny/placebo-symbolic").exists()
    for name in ("placebo-symbolic", "null-warm-start.seed1"):
        scores = read_table(results / f"scores/tiny/{name}/coin_flip.parquet", Scores)
        assert set(scores["writer"]) == {"base", name}
        assert set(scores.loc[scores["writer"] == name, "perturbation"]) == {"direct"}
        assert set(scores["perturbation"]) == set(PERTURBATIONS)
    estimates = {
        arm: read_table(results / f"estimates/tiny/{arm}/estimates.parquet", Estimates)
        for arm in ("tuned-symbolic", "placebo-symbolic", "null-warm-start")
    }
    found = {arm: set(table["contrast"]) & set(READER_CONTRASTS) for arm, table in estimates.items()}
    assert found == {
        "tuned-symbolic": {"base_chains", "placebo"},
        "placebo-symbolic": {"base_chains"},
        "null-warm-start": {"null"},
    }
    direct = estimates["placebo-symbolic"].set_index(["measure", "dataset"])["estimate"]
    assert np.isfinite(direct["direct_accuracy", "coin_flip"])
    pairs = read_table(results / "effects/null_pairs.csv", NullPairs)
    assert set(zip(pairs["first"], pairs["second"], strict=True)) == {("null-warm-start.seed1", "base")}
    assert set(pairs["dataset"]) == {"last_letters", "coin_flip"}
    effects, gates = (read_table(results / f"effects/{name}.csv", schema) for name, schema in CELLS.items())
    assert {*effects["arm"], *gates["arm"]} == {"tuned-symbolic"}


def test_the_record_is_that_of_the_run(smoke: Path) -> None:
    record = load(smoke / RESULTS / "provenance.json")
    jobs = {rule.rule: rule.jobs for rule in record.rules}
    assert (jobs["prepare_model"], jobs["warm_start"], jobs["rescore_answers"], jobs["compare_scales"]) == (2, 2, 12, 1)
    for arm in record.arms:
        folder = arm.arm if arm.arm != "null-warm-start" else f"{arm.arm}.seed1"
        made = read_arm(smoke / RESULTS / "arms" / arm.model / folder)
        assert arm.weights == made.weights_hash
    assert len(record.arms) == 6
    items = {one.dataset: one.eval for one in record.datasets}
    assert items["coin_flip"] == file_hash(smoke / RESULTS / "items/coin_flip/eval.parquet")
    assert record.processors == [job.processor()]
    assert record.code == code_state(smoke)
    assert code_state(smoke).commit is None


def test_logs_and_benchmarks_stay(smoke: Path) -> None:
    (log,) = (smoke / "resources/logs/prepare_model").glob("random-llama-*-float32.log")
    assert "parameters" in log.read_text()
    assert "prefix trees" in (smoke / RESULTS / "logs/rescore_answers/tiny/base/coin_flip.log").read_text()
    assert list((smoke / RESULTS / "benchmarks").rglob("*.tsv"))


def test_other_batches_and_shards_give_the_same_answers(finished: Path) -> None:
    config = yaml.safe_load((finished / "config/smoke.yaml").read_text())
    (finished / "config/blocks.yaml").write_text(yaml.safe_dump(config | {"block_items": 5}))
    before = all_tables(finished / RESULTS)
    wanted = f"{RESULTS}/scores/tiny/base/coin_flip.parquet"
    done = snakemake(finished, wanted, "--set-scatter", "shards=2", config="config/blocks.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    for rule, jobs in {"write_chains": 4, "perturb_chains": 11, "rescore_answers": 2, "gather_scores": 1}.items():
        assert re.search(rf"^{rule} +{jobs}$", done.stdout + done.stderr, re.MULTILINE)
    assert not list((finished / RESULTS).rglob("*1-of-2.parquet"))  # shards are gone when they are put together
    for path, after in all_tables(finished / RESULTS).items():
        assert_equal_but_for_rounding(before[path], after, path)


def assert_equal_but_for_rounding(one: pd.DataFrame, other: pd.DataFrame, path: str) -> None:
    floats = [name for name in one.columns if one[name].dtype == "float64"]
    assert records(one.drop(columns=floats)) == records(other.drop(columns=floats)), path
    for name in floats:
        np.testing.assert_allclose(one[name], other[name], atol=1e-4, rtol=0, err_msg=f"{path}: {name}")


@pytest.mark.parametrize(
    ("targets", "count"),
    [
        ([f"{RESULTS}/measures/tiny-depth2/last_letters.parquet"], 19),
        pytest.param([], 96, marks=[pytest.mark.slow, pytest.mark.gate]),
    ],
    ids=["the tables of a model and dataset", "everything"],
)
def test_two_runs_give_the_same_bytes(smoke: Path, project: Path, targets: list[str], count: int) -> None:
    done = snakemake(project, *targets)
    assert done.returncode == 0, done.stderr[-3000:]
    files = [
        file.relative_to(project / RESULTS)
        for file in sorted((project / RESULTS).rglob("*"))
        if file.suffix in {".parquet", ".csv", ".svg", ".html"} and ".journal" not in file.parts
    ]
    assert len(files) >= count

    def content(folder: Path, file: Path) -> bytes:
        return re.sub(rb"[\d.]+ hours of computing", b"", (folder / RESULTS / file).read_bytes())

    assert [str(file) for file in files if content(smoke, file) != content(project, file)] == []


def blocks(project: Path) -> dict[Path, int]:
    """Finished blocks of work in the journal, and when each was written."""
    return {file: file.stat().st_mtime_ns for file in (project / RESULTS / ".journal").rglob("[!.]*.parquet")}


@pytest.mark.parametrize(
    ("target", "pieces"),
    [("chains/tiny/base/coin_flip", 3), ("scores/tiny/base/coin_flip", 6)],  # base reads the chains of two writers
)
@pytest.mark.fault("kill -9 of a run with its job, writing or scoring", "0 lost, 0 repeated, the same tables")
def test_kill_9_loses_no_finished_block(finished: Path, target: str, pieces: int) -> None:
    path = finished / RESULTS / f"{target}.parquet"
    schema = SCHEMAS[target.partition("/")[0]]
    whole = read_table(path, schema)
    path.unlink()
    shutil.rmtree(finished / RESULTS / ".journal")
    run = subprocess.Popen(
        command(str(path.relative_to(finished))), cwd=finished, env=ENVIRONMENT, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not blocks(finished):
        assert run.poll() is None, "ended without a block"
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    kept = blocks(finished)
    assert not path.exists()
    assert snakemake(finished, "--unlock").returncode == 0
    done = snakemake(finished, str(path.relative_to(finished)))
    assert done.returncode == 0, done.stderr[-3000:]
    # What a kill left undone of a block is done without the rest of it: the same answers, other rounding.
    assert_equal_but_for_rounding(whole, read_table(path, schema), target)
    after = blocks(finished)
    assert {file: after[file] for file in kept} == kept
    assert len(after) == pieces


@pytest.mark.fault("two runs in one folder", "the second is refused")
@pytest.mark.parametrize("second", ["snakemake", "snakemake, after --unlock", "make report"])
def test_two_runs_in_one_folder_are_refused(finished: Path, second: str) -> None:
    shutil.rmtree(finished / RESULTS / "measures")
    run = subprocess.Popen(
        command(), cwd=finished, env=ENVIRONMENT,
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        lock = str(finished / ".snakemake/run.lock")
        while lock not in [file.path for file in psutil.Process(run.pid).open_files()]:
            assert run.poll() is None
            time.sleep(0.01)
        time.sleep(0.1)  # it is open, and now locked
        os.killpg(run.pid, signal.SIGSTOP)  # it makes no file under the second run's eyes
        if second == "make report":
            make = ["make", "--file", ROOT / "Makefile", "--old-file", f"{sys.prefix}/.ready", f"VENV={sys.prefix}"]
            report = [*make, "CONFIG=config/smoke.yaml", "report"]
            done = subprocess.run(report, cwd=finished, capture_output=True, text=True, check=False, env=ENVIRONMENT)
        else:
            if second != "snakemake":
                assert snakemake(finished, "--unlock").returncode == 0
            done = snakemake(finished)
        assert done.returncode != 0
        said = "LockException" if second == "snakemake" else "Another run is at work in this folder"
        assert said in done.stdout + done.stderr
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def test_a_pair_trained_elsewhere_that_thinks_between_tags(finished: Path) -> None:
    """Weights and adapter from folders, a model without a chat template, and chains between tags, to the effects."""
    config = yaml.safe_load((finished / "config/smoke.yaml").read_text())
    base, tuned = (f"path:{RESULTS}/arms/tiny/{arm}" for arm in ("base", "tuned-symbolic"))
    own = {
        "results": "results-own",
        "models": [{"name": "own", "source": {"uri": base}, "dtype": "float32", "think": ["<think>", "</think>"]}],
        "datasets": [dataset for dataset in config["datasets"] if dataset["name"] == "coin_flip"],
        "arms": [{"name": "tuned-own", "source": {"uri": tuned}, "datasets": ["coin_flip"]}],
    }
    (finished / "config/own.yaml").write_text(yaml.safe_dump(config | own))
    done = snakemake(finished, "results-own/effects/effects.csv", config="config/own.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    chains = read_table(finished / "results-own/chains/own/tuned-own/coin_flip.parquet", Chains)
    assert chains["prompt"].str.endswith("\nAnswer: <think>\n").all()
    scores = read_table(finished / "results-own/scores/own/base/coin_flip.parquet", Scores)
    assert set(scores["writer"]) == {"base", "tuned-own"}
    effects = read_table(finished / "results-own/effects/effects.csv", Effects)
    assert {"C1", "C3", "R1"} <= set(effects["claim"])


KEYS = {"OPENAI_API_KEY": "sk-key-that-nobody-may-see", "HF_TOKEN": "hf_token-that-nobody-may-see"}


@pytest.mark.slow
@pytest.mark.gate
@pytest.mark.fault("keys in the environment of a whole run", "sent to the server, and in no file")
def test_models_on_a_server(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base and a tuned model, and the paraphraser, on a real server: to the report, and no request comes twice."""
    for variable, key in KEYS.items():
        monkeypatch.setitem(ENVIRONMENT, variable, key)
    folders = {}
    for name, arm in (("base", "tiny/base"), ("tuned", "tiny-depth2/base")):
        folders[name] = shutil.copytree(finished / RESULTS / "arms" / arm, finished / name)
        tokenizer = AutoTokenizer.from_pretrained(folders[name])
        tokenizer.chat_template = "{% for message in messages %}Question: {{ message.content }}\nAnswer: {% endfor %}"
        tokenizer.save_pretrained(folders[name])
    config = yaml.safe_load((finished / "config/smoke.yaml").read_text())
    with transformers_serve(finished / "serve.log") as address:
        between = Between(address)
        server = {"base_url": between.address}
        base = {"source": {"uri": f"openai:{folders['base']}"}, "server": server}
        served = {
            "results": "results-served",
            "models": [{"name": "served", "parameters": 1000, **base}],
            "datasets": [config["datasets"][0] | {"eval": 3, "max_new_tokens": 24}],
            "arms": [
                {"name": "tuned-x", "source": {"uri": f"openai:{folders['tuned']}"}, "datasets": ["last_letters"]}
            ],
            "perturbations": {"paraphraser": base | {"candidates": 1}},
        }
        (finished / "config/served.yaml").write_text(yaml.safe_dump(config | served))
        done = snakemake(finished, config="config/served.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    asked = [json.dumps(body, sort_keys=True) for body in between.bodies]
    assert len(set(asked)) == len(asked) > 50
    scores = read_table(finished / "results-served/scores/served/tuned-x/last_letters.parquet", Scores)
    assert set(scores["writer"]) == {"base", "tuned-x"}
    chains = read_table(finished / "results-served/chains/served/base/last_letters.parquet", Chains)
    assert chains["chain_ids"].isna().all()
    assert chains["chain_text"].str.len().gt(0).any()
    assert "served" in (finished / "results-served/report.html").read_text()
    assert {headers["authorization"] for headers in between.headers} == {f"Bearer {KEYS['OPENAI_API_KEY']}"}
    written = [done.stdout.encode(), done.stderr.encode()]
    written += [file.read_bytes() for file in finished.rglob("*") if file.is_file()]  # .snakemake and the replies, too
    assert len(written) > 200
    assert not [text[:200] for text in written if any(key.encode() in text for key in KEYS.values())]
