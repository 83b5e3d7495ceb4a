"""Faults in the middle of a run: the next run goes on and gets the same tables, or one line says what to do."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import yaml

from faithfulness.hashing import weights_hash
from faithfulness.tables.io import read_table
from faithfulness.tables.statistics import Gates
from tests.damage import damaged, spoil
from tests.runs import ENVIRONMENT, RESULTS, command, snakemake
from tests.workflow.test_smoke import SCHEMAS, all_tables, assert_equal_but_for_rounding, blocks

pytestmark = pytest.mark.slow

MEASURED = f"{RESULTS}/measures/tiny/coin_flip.parquet"
TABLES = "--until", "measure_chains"


def content(path: Path) -> Any:
    """What a run made there: the hash of a folder's weights, a table, or bytes but for the time that was taken."""
    if path.is_dir():
        return weights_hash(path)
    if path.suffix == ".parquet":
        return read_table(path, SCHEMAS[path.parts[path.parts.index(RESULTS) + 1]])
    return re.sub(rb"[\d.]+ hours of computing", b"", path.read_bytes())


def assert_same(one: Any, other: Any, path: str) -> None:
    """The same, tables but for rounding."""
    if isinstance(one, pd.DataFrame):
        assert_equal_but_for_rounding(one, other, path)
    else:
        assert one == other, path


def assert_same_tables(before: dict[str, pd.DataFrame], project: Path) -> None:
    after = all_tables(project / RESULTS)
    for path, table in before.items():
        assert_equal_but_for_rounding(table, after[path], path)


def run(project: Path, *arguments: str) -> None:
    """A run that must end well."""
    done = snakemake(project, *arguments)
    assert done.returncode == 0, done.stderr[-3000:]


def refused(project: Path, *arguments: str) -> str:
    """What a run says that must not end well."""
    done = snakemake(project, *arguments)
    assert done.returncode != 0
    return done.stderr


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


STAGES = {
    "prepare_model": "resources/models/random-llama-*-depth2",
    "prepare_items": f"{RESULTS}/items/coin_flip/eval.parquet",
    "warm_start": f"{RESULTS}/arms/tiny-depth2/base",
    "finetune": f"{RESULTS}/arms/tiny/tuned-symbolic",
    "write_chains": f"{RESULTS}/chains/tiny/base/coin_flip.parquet",
    "perturb_chains": f"{RESULTS}/probes/tiny/base/coin_flip/paraphrase.parquet",
    "rescore_answers": f"{RESULTS}/scores/tiny/base/coin_flip.parquet",
    "measure_chains": MEASURED,
    "compare_scales": f"{RESULTS}/effects/effects.csv",
    "plot_effects": f"{RESULTS}/figures/effects.csv",
    "write_report": f"{RESULTS}/report.html",
}
SCRIPTS = {"plot_effects": "plot_figure"}  # of rules whose script has another name


@pytest.mark.parametrize("victim", ["Snakemake", "the job"])
@pytest.mark.parametrize(("rule", "pattern"), STAGES.items(), ids=STAGES)
@pytest.mark.fault("kill -9 of Snakemake or its job, in each stage", "both end; the next run makes the same bytes")
def test_one_is_killed(finished: Path, rule: str, pattern: str, victim: str) -> None:
    (path,) = finished.glob(pattern)
    target, whole = str(path.relative_to(finished)), content(path)
    remove(path)
    shutil.rmtree(finished / RESULTS / ".journal")
    script = finished / f"scripts/{SCRIPTS.get(rule, rule)}.py"
    code = script.read_text()
    script.write_text(f"{code}\nimport time\ntime.sleep(60)\n")  # none ends before it is killed
    killed = subprocess.Popen(
        command(target), cwd=finished, env=ENVIRONMENT, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    jobs: list[psutil.Process] = []
    while not jobs:
        assert killed.poll() is None, "ended before its job was seen"
        with suppress(psutil.Error):  # one that has ended meanwhile
            jobs = [job for job in psutil.Process(killed.pid).children() if script.name in " ".join(job.cmdline())]
        time.sleep(0.01)
    time.sleep(3)  # most modules are imported, some work is done
    assert killed.poll() is None
    assert jobs[0].is_running()
    (killed if victim == "Snakemake" else jobs[0]).kill()
    assert killed.wait(60) != 0
    _, alive = psutil.wait_procs(jobs, timeout=60)
    assert not alive
    script.write_text(code)
    run(finished, "--unlock")
    run(finished, target)
    assert_same(whole, content(path), target)


@pytest.mark.parametrize("stage", ["finetune", "write_chains", "rescore_answers", "plot_effects"])
@pytest.mark.fault("disk full in a stage", "said so; with more room, the next run makes the same bytes")
def test_the_disk_is_full(finished: Path, tmp_path: Path, disk: Callable[[Path, str], None], stage: str) -> None:
    path = finished / STAGES[stage]
    whole = content(path)
    results = finished / RESULTS
    results.rename(tmp_path / "results")
    results.mkdir()
    disk(results, "size=1g")
    shutil.copytree(tmp_path / "results", results, dirs_exist_ok=True)
    remove(path)
    shutil.rmtree(results / ".journal")
    used = os.statvfs(results)
    disk(results, f"remount,size={(used.f_blocks - used.f_bfree) * used.f_frsize + 2**14}")
    said = refused(finished, STAGES[stage])
    assert "No space left on device" in said
    assert "the disk is full: make room and run again; what is finished is kept" in said
    assert not path.exists()
    disk(results, "remount,size=1g")
    run(finished, STAGES[stage])
    assert_same(whole, content(path), stage)


@pytest.mark.fault("results folder read-only", "refused before anything runs; when it is not, nothing is lost")
def test_a_read_only_folder(finished: Path, tmp_path: Path, disk: Callable[[Path, str], None]) -> None:
    results = finished / RESULTS
    (results / "report.html").unlink()
    results.rename(tmp_path / "results")
    results.mkdir()
    disk(results, "size=1g")
    shutil.copytree(tmp_path / "results", results, dirs_exist_ok=True)
    disk(results, "remount,ro")
    said = refused(finished)
    assert f"results: '{RESULTS}' cannot be written to; change its rights, or name another" in said
    assert "Traceback" not in said
    disk(results, "remount,rw")
    run(finished)
    assert (results / "report.html").exists()


@damaged
@pytest.mark.fault("Parquet table truncated, emptied, bit-flipped", "stops, names it; deleted, made the same")
def test_a_damaged_table(finished: Path, damage: Callable[[bytes], bytes]) -> None:
    before = all_tables(finished / RESULTS)
    file = finished / RESULTS / "chains/tiny/base/coin_flip.parquet"
    spoil(file, damage)
    said = refused(finished, *TABLES)
    assert re.search(r"chains/tiny/base/coin_flip\.parquet is damaged .* Delete it and run again", said)
    file.unlink()
    run(finished, *TABLES)
    assert_same_tables(before, finished)


@damaged
@pytest.mark.fault("model file truncated, emptied, bit-flipped", "stops, names it; deleted, made the same")
def test_a_damaged_model(finished: Path, damage: Callable[[bytes], bytes]) -> None:
    before = all_tables(finished / RESULTS)
    arm = finished / RESULTS / "arms/tiny/tuned-symbolic"
    spoil(arm / "adapter_model.safetensors", damage)
    (finished / RESULTS / "chains/tiny/tuned-symbolic/coin_flip.parquet").unlink()
    said = refused(finished, *TABLES)
    assert re.search(r"the weights in .*arms/tiny/tuned-symbolic have changed .*; delete the folder", said)
    shutil.rmtree(arm)
    run(finished, *TABLES)
    assert_same_tables(before, finished)


@pytest.mark.fault("clock: inputs from the future", "made again from the journal: 0 blocks repeated, the same tables")
@pytest.mark.parametrize("date", ["+1 year", "-1 year"])
def test_the_clock_changes(finished: Path, date: str) -> None:
    before, done = all_tables(finished / RESULTS), blocks(finished)
    subprocess.run(["touch", "-d", date, *(finished / RESULTS / "items").rglob("*.parquet")], check=True)
    (finished / MEASURED).unlink()
    run(finished, MEASURED)
    assert_same_tables(before, finished)
    assert blocks(finished) == done


@pytest.mark.fault("dataset of one item, which comes twice", "goes through to the report")
def test_one_item(finished: Path) -> None:
    row = {"id": "1", "question": "What is one plus one?", "options": ["two", "three"], "answer": "two"}
    (finished / "own.jsonl").write_text("\n".join([json.dumps(row)] * 2))
    own = {"name": "own", "task": "table", "source": {"uri": "path:own.jsonl"}, "train": 0, "eval": 1}
    config = yaml.safe_load((finished / "config/smoke.yaml").read_text())
    datasets = [*config["datasets"], own | {"max_new_tokens": 20}]
    (finished / "config/own.yaml").write_text(yaml.safe_dump(config | {"datasets": datasets}))
    done = snakemake(finished, f"{RESULTS}/report.html", config="config/own.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    gates = read_table(finished / RESULTS / "effects/gates.csv", Gates)
    assert not gates.loc[(gates["dataset"] == "own") & (gates["gate"] == "items"), "passed"].any()
