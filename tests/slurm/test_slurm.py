"""A run on a real SLURM cluster, and what may befall its jobs there: the tables are those of a local run."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from faithfulness.tables.generation import Scores
from faithfulness.tables.io import read_table
from tests.runs import ENVIRONMENT, RESULTS, copy_project, snakemake
from tests.slurm import cluster
from tests.workflow.test_smoke import assert_equal_but_for_rounding

TIME_LIMIT = 900  # seconds of a run, on two busy cores
TIME_LIMIT_SMOKE = 3600
pytestmark = [pytest.mark.slurm, pytest.mark.timeout(TIME_LIMIT + 300)]

CONFIG = "config/small.yaml"
PRETENDING = ENVIRONMENT | {"ACCELERATE_USE_CPU": "true"}  # jobs are given GPUs that are none
EFFECTS = f"{RESULTS}/effects/effects.csv"
CHAINS, SCORES = (f"{RESULTS}/{stage}/tiny/base/coin_flip.parquet" for stage in ("chains", "scores"))
ITEMS = f"{RESULTS}/items/coin_flip/eval.parquet"
ARM = f"{RESULTS}/arms/tiny/tuned-symbolic"


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A running cluster."""
    lacking = cluster.missing()
    if lacking:
        pytest.skip(lacking)
    with cluster.cluster(tmp_path_factory.mktemp("slurm")):
        yield


def small_project(folder: Path) -> Path:
    """A copy of the project with a configuration smaller than the smoke run's, of many blocks."""
    copy_project(folder)
    config = yaml.safe_load((folder / "config/smoke.yaml").read_text())
    (model, *_), (arm, *_) = config["models"], config["arms"]
    names = {"datasets": ["coin_flip"]}
    small = {
        "models": [model | {"warm_start": model["warm_start"] | names | {"steps": 100}}],
        "datasets": [{"name": "coin_flip", "task": "coin_flip", "people": 2, "train": 120, "eval": 24}],
        "arms": [arm | names | {"steps": 80}],
        "perturbations": {"mistakes": ["keep", "resample"]},
        "block_items": 1,
    }
    (folder / CONFIG).write_text(yaml.safe_dump(config | small))
    return folder


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after a local run."""
    folder = small_project(tmp_path_factory.mktemp("local") / "project")
    done = snakemake(folder, EFFECTS, config=CONFIG)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture
def finished(local: Path, tmp_path: Path) -> Path:
    """A copy of that which a test may change."""
    return Path(shutil.copytree(local, tmp_path / "project", symlinks=True))


def command(*arguments: str) -> list[str]:
    """Snakemake with the profile, asking often."""
    options = ["--configfile", CONFIG, "--workflow-profile", "profiles/slurm"]
    options += ["--latency-wait", "10", "--slurm-init-seconds-before-status-checks", "1"]
    return [sys.executable, "-m", "snakemake", *options, *arguments]


@contextmanager
def running(folder: Path, *arguments: str, limit: float = TIME_LIMIT) -> Iterator[subprocess.Popen[bytes]]:
    """A run, which must end well; what it says goes to run.log."""
    log = folder / "run.log"
    with log.open("w") as stream:
        run = subprocess.Popen(command(*arguments), cwd=folder, stdout=stream, stderr=stream, env=PRETENDING)
    try:
        yield run
        assert run.wait(limit) == 0, log.read_text()[-5000:]
    finally:
        run.kill()


def content(folder: Path) -> dict[str, pa.Table | bytes]:
    """All tables of a run; those of joined shards have other row groups, and the same values."""
    tables: dict[str, pa.Table | bytes] = {}
    for file in sorted((folder / RESULTS).rglob("*")):
        if ".journal" not in file.parts and file.suffix in (".parquet", ".csv"):
            tables[str(file.relative_to(folder))] = (
                pq.read_table(file) if file.suffix == ".parquet" else file.read_bytes()
            )
    return tables


def jobs(folder: Path, rule: str) -> list[dict[str, str]]:
    """What SLURM knows of a run's jobs of a rule or group, the last one last."""
    lines = cluster.ask("scontrol", "--oneliner", "show", "jobs").splitlines()
    found = [dict(re.findall(r"(\w+)=(\S+)", line)) for line in lines if f"Comment=rule_{rule}" in line]
    return sorted((job for job in found if job["WorkDir"] == f"{folder}"), key=lambda job: int(job["JobId"]))


def blocks(folder: Path) -> dict[Path, int]:
    """Finished blocks of work in the journal, and when each was written."""
    return {file: file.stat().st_mtime_ns for file in (folder / RESULTS / ".journal").rglob("[!.]*.parquet")}


def wait_until(run: subprocess.Popen[bytes], folder: Path, happened: Callable[[], bool]) -> None:
    """Wait for something that a run does."""
    while not happened():
        assert run.poll() is None, (folder / "run.log").read_text()[-3000:]
        time.sleep(0.05)


def job_at_work(run: subprocess.Popen[bytes], folder: Path) -> str:
    """The number of the only job, once it has finished a block."""
    wait_until(run, folder, lambda: bool(blocks(folder)))
    return cluster.wait_for(r"\d+", "squeue", "--noheader", "--states=RUNNING", "--format=%i")


def test_the_tables_are_those_of_a_local_run(node: None, local: Path, tmp_path: Path) -> None:
    folder = small_project(tmp_path / "project")
    with running(folder, "--set-scatter", "shards=3", "--", EFFECTS):
        pass
    assert content(folder) == content(local)
    assert len(content(folder)) > 20
    for rule, count in (("warm_start", 1), ("finetune", 1), ("write_chains", 6), ("rescore_answers", 6)):
        placed = [(job["Partition"], job["TresPerJob"]) for job in jobs(folder, rule)]
        assert placed == [("gpu", "gres:gpu:1")] * count, rule
    assert [job["Partition"] for job in jobs(folder, "comparison")] == ["cpu"]
    assert len(jobs(folder, "probes")) <= 2  # of eight light jobs


@pytest.mark.slow
@pytest.mark.timeout(TIME_LIMIT_SMOKE + 600)
def test_the_smoke_run_gives_what_it_gives_locally(node: None, tmp_path: Path) -> None:
    here, there = (copy_project(tmp_path / name) for name in ("here", "there"))
    done = snakemake(here)
    assert done.returncode == 0, done.stderr[-3000:]
    sharded = ["--configfile", "config/smoke.yaml", "--set-scatter", "shards=3"]
    with running(there, *sharded, limit=TIME_LIMIT_SMOKE):
        pass
    assert content(there) == content(here)
    assert (there / RESULTS / "report.html").exists()
    assert {job["Partition"] for job in jobs(there, "finetune")} == {"gpu"}


@pytest.mark.fault("a SLURM job runs out of memory", "it is submitted again, with twice as much")
def test_a_job_that_runs_out_of_memory_gets_more(node: None, finished: Path) -> None:
    (finished / ITEMS).unlink()
    script = finished / "scripts/prepare_items.py"
    script.write_text(script.read_text() + '\nimport time\nheld = b"x" * 1_200_000_000\ntime.sleep(3)\n')
    with running(finished, "--", ITEMS):
        pass
    killed, kept = jobs(finished, "prepare_items")
    assert (killed["MinMemoryNode"], killed["JobState"]) == ("1000M", "FAILED")
    assert (kept["MinMemoryNode"], kept["JobState"]) == ("2000M", "COMPLETED")
    assert "exceeded memory limit" in Path(killed["StdOut"]).read_text()
    assert (finished / ITEMS).exists()


@pytest.mark.fault(
    "a SLURM job reaches its time limit", "it is submitted again, with more; no finished block is repeated"
)
def test_a_job_that_runs_out_of_time_gets_more(node: None, finished: Path) -> None:
    before = content(finished)
    (finished / CHAINS).unlink()
    shutil.rmtree(finished / RESULTS / ".journal")
    script = finished / "scripts/write_chains.py"
    slow = "\nimport time\nif snakemake.resources.runtime == 1:\n    time.sleep(600)\nwrite_table("
    script.write_text(script.read_text().replace("\nwrite_table(", slow))
    with running(finished, "--set-resources", "write_chains:runtime=attempt", "--", CHAINS) as run:
        job_at_work(run, finished)
        cluster.wait_for("TIMEOUT", "squeue", "--noheader", "--states=TIMEOUT", "--format=%T")
        kept = blocks(finished)
    stopped, done = jobs(finished, "write_chains")
    assert (stopped["TimeLimit"], stopped["JobState"]) == ("00:01:00", "TIMEOUT")
    assert (done["TimeLimit"], done["JobState"]) == ("00:02:00", "COMPLETED")
    assert len(kept) == 24
    assert blocks(finished) == kept
    assert content(finished) == before


@pytest.mark.fault(
    "a SLURM job is preempted in training", "a checkpoint at SIGTERM, from which it goes on; the same weights"
)
def test_a_preempted_training_goes_on_from_sigterm(node: None, finished: Path) -> None:
    before = (finished / ARM / "adapter_model.safetensors").read_bytes()
    shutil.rmtree(finished / ARM)
    log = finished / RESULTS / "logs/finetune/tiny/tuned-symbolic.log"
    log.unlink()
    slow = finished / "scripts/faithfulness/finetune/trainer.py"  # so that it lasts longer than what happens to it
    slow.write_text(slow.read_text().replace("self.bar.update()", "self.bar.update()\n        time.sleep(0.3)"))
    with running(finished, "--", ARM) as run:
        wait_until(run, finished, lambda: log.exists() and "loss" in log.read_text())
        options = ["--partition=urgent", f"--gpus={cluster.GPUS}", "--mem=100", "--output=/dev/null"]
        cluster.ask("sbatch", *options, "--wrap", "sleep 1")
        wait_until(run, finished, lambda: "continues until it is killed" in log.read_text())
        (step,) = re.findall(r"SIGTERM: checkpoint after step (\d+)", log.read_text())
    assert [job["Restarts"] for job in jobs(finished, "finetune")] == ["1"]
    assert 1 < int(step) < 80
    assert f"continuing from checkpoint-{step}" in log.read_text()
    assert (finished / ARM / "adapter_model.safetensors").read_bytes() == before


@pytest.mark.fault("a SLURM job is requeued", "it goes on after the last block; the same tables")
def test_a_requeued_job_goes_on_where_it_was(node: None, finished: Path) -> None:
    before = content(finished)
    (finished / CHAINS).unlink()
    shutil.rmtree(finished / RESULTS / ".journal")
    with running(finished, "--", CHAINS) as run:
        cluster.ask("scontrol", "requeue", job_at_work(run, finished))
        kept = blocks(finished)
    assert [job["Restarts"] for job in jobs(finished, "write_chains")] == ["1"]
    after = blocks(finished)
    assert {file: after[file] for file in kept} == kept
    assert len(kept) < len(after) == 24
    assert content(finished) == before


@pytest.mark.fault("a SLURM node is lost", "it goes on after the last block; the same tables")
def test_a_lost_node_costs_no_finished_block(node: None, finished: Path) -> None:
    before, scores = content(finished), read_table(finished / SCORES, Scores)
    (finished / SCORES).unlink()
    shutil.rmtree(finished / RESULTS / ".journal")
    with running(finished, "--", SCORES) as run:
        job_at_work(run, finished)
        cluster.lose_node()
        kept = blocks(finished)
        cluster.wait_for(r"down\*?", "sinfo", "--noheader", "--format=%T", "--partition=cpu")
        cluster.start_node()
    assert [job["Restarts"] for job in jobs(finished, "rescore_answers")] == ["1"]
    after = blocks(finished)
    assert {file: after[file] for file in kept} == kept
    assert len(kept) < len(after) == 48
    # A block that was half written is scored without the probes that were done, so its floats may be rounded otherwise.
    assert_equal_but_for_rounding(scores, read_table(finished / SCORES, Scores), SCORES)
    assert content(finished) | {SCORES: before[SCORES]} == before
