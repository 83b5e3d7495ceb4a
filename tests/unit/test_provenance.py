"""What a run is recorded to be made of, that no secret is in it, and what differs where it is made again."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from faithfulness.arms.record import ServedWeights, write_arm
from faithfulness.config import settings
from faithfulness.config.base import SettingsError
from faithfulness.operate import job, versions
from faithfulness.operate.provenance.collect import collect, hash_if_there
from faithfulness.operate.provenance.record import ProvenanceError, Record, load
from faithfulness.operate.provenance.reproduce import checkout, differences, results_folder, write_configuration
from faithfulness.operate.provenance.software import code_state
from faithfulness.tables.io import write_json
from tests.factories import ADAPTER, make_arm
from tests.runs import copy_project

ROOT = Path(__file__).parents[2]
SECRET = "sk-proj-7h1s1s53cr37"
BENCHMARK = "s\th:m:s\tmax_rss\n"
H100 = "NVIDIA H100 80GB HBM3"
QUESTION = {"question": "What is 1 plus 1?", "options": ["2", "3"], "answer": "2"}


def configuration() -> dict[str, Any]:
    """Weights on the spot, from the hub and on a server; questions that are generated and from a file here."""
    place = {"base_url": "https://models.example/v1", "key_variable": "MY_KEY"}
    hub = {"uri": "hub:owner/adapter", "revision": "a" * 40}
    return {
        "results": "results-x",
        "models": [
            {"name": "tiny", "source": {"uri": "random:llama"}, "dtype": "float32"},
            {"name": "served", "source": {"uri": "openai:big"}, "server": place, "parameters": 7_000_000_000},
        ],
        "datasets": [
            {"name": "coin_flip", "task": "coin_flip", "seed": 3, "readout": "text"},
            {"name": "own", "task": "table", "source": {"uri": "path:own.jsonl"}, "readout": "letters"},
        ],
        "arms": [
            {"name": "tuned-here", "models": ["tiny"], "datasets": ["coin_flip"], "seeds": [0, 1]},
            {"name": "tuned-hub", "models": ["tiny"], "source": hub},
            {"name": "tuned-served", "models": ["served"], "source": {"uri": "openai:big-tuned"}},
        ],
        "chains": {"seed": 4},
    }


SERVED = ServedWeights(name="big", base_url="https://models.example/v1", turn="question")
ARMS = {
    "tiny/base": make_arm("tiny", "base"),
    "tiny/tuned-here.seed1": make_arm("tiny", "tuned-here", seed=1, parent="tiny-base", weights=ADAPTER),
    "tiny/tuned-hub": make_arm("tiny", "tuned-hub", weights=ADAPTER),
    "served/base": make_arm("served", "base", weights=SERVED),
}


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """The record of a run in an empty folder, with secrets in the environment."""
    for name in ("HF_TOKEN", "OPENAI_API_KEY", "MY_KEY"):
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.chdir(tmp_path)
    Path("own.jsonl").write_text(json.dumps(QUESTION))
    for dataset in ("coin_flip", "own"):
        for part in ("train", "eval"):
            write(f"results-x/items/{dataset}/{part}.parquet", f"{dataset} {part}")
    write("results-x/benchmarks/rescore_answers/tiny/base/own.tsv", BENCHMARK + "10.5\t0:00:10\t300.5\n")
    write("results-x/benchmarks/rescore_answers/tiny/tuned-hub/own.tsv", BENCHMARK + "2\t0:00:02\t500\n")
    write("results-x/benchmarks/rescore_answers/tiny/tuned-hub/own.1-of-2.tsv", BENCHMARK + "3\t0:00:03\t10\n")
    write("results-x/benchmarks/rescore_answers/tiny/removed-since/own.tsv", BENCHMARK + "1000\t0:16:40\t9999\n")
    write("results-x/benchmarks/plan_items/all.tsv", BENCHMARK + "0.1\t0:00:00\tNA\n")
    write("resources/benchmarks/prepare_model/ours.tsv", BENCHMARK + "4\t0:00:04\t100\n")
    write("resources/benchmarks/prepare_model/of-others.tsv", BENCHMARK + "1000\t0:00:04\t100\n")
    for name in ("base", "removed-since"):
        Path(f"results-x/logs/rescore_answers/tiny/{name}").mkdir(parents=True)
    start = "from faithfulness.operate import job; job.start(['results-x/logs/{}.log']); job.note_gpus([{!r}])"
    for name, gpu in (("base", H100), ("removed-since", "of another run")):
        command = [sys.executable, "-c", start.format(f"rescore_answers/tiny/{name}/own", gpu)]
        subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")}, check=True)
    configured = settings.load(configuration())
    folders = {Path("results-x/arms") / name: arm for name, arm in ARMS.items()}
    for folder, arm in folders.items():
        write_arm(folder, arm)
    return collect(ROOT, configured, list(folders), Path("resources"), ["ours"])


def write(name: str | Path, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_no_secret_gets_in(record: Record) -> None:
    text = record.model_dump_json()
    assert SECRET not in text
    assert "MY_KEY" in text  # the name of the variable is no secret
    values = {value for value in os.environ.values() if len(value) > 20}
    assert not {value for value in values if value in text}


def test_an_address_with_a_password_is_refused_and_not_repeated() -> None:
    config = configuration()
    config["models"][1]["server"]["base_url"] = f"https://me:{SECRET}@models.example/v1"
    with pytest.raises(SettingsError, match=r"models\.1\.server\.base_url: .* variable") as error:
        settings.load(config)
    assert SECRET not in str(error.value)


def test_weights_and_their_sources(record: Record) -> None:
    arms = {(arm.model, arm.arm): arm for arm in record.arms}
    assert arms["tiny", "base"].source.uri == "random:llama"
    assert arms["tiny", "tuned-here"].source is None
    assert (arms["tiny", "tuned-here"].seed, arms["tiny", "tuned-here"].parent) == (1, "tiny-base")
    assert arms["tiny", "tuned-hub"].source.revision == "a" * 40
    assert (arms["served", "base"].weights, arms["served", "base"].kind) == ("served-base", "served")


def test_items_files_and_seeds(record: Record) -> None:
    coins, own = record.datasets
    assert (coins.eval, coins.train) == (sha256("coin_flip eval"), sha256("coin_flip train"))
    assert (coins.sources, coins.files) == ([], {})
    assert own.files == {"own.jsonl": sha256(json.dumps(QUESTION))}
    assert (coins.seed, record.seeds["chains"], record.seeds["statistics"]) == (3, 4, 0)
    assert record.files["results-calibration/calibration.csv"] is None


def test_time_and_memory_of_the_run_alone(record: Record) -> None:
    assert [rule.model_dump() for rule in record.rules] == [
        {"rule": "plan_items", "jobs": 1, "seconds": 0.1, "max_rss": None},
        {"rule": "prepare_model", "jobs": 1, "seconds": 4.0, "max_rss": 100.0},
        {"rule": "rescore_answers", "jobs": 3, "seconds": 15.5, "max_rss": 500.0},
    ]


def test_where_jobs_ran(record: Record) -> None:
    assert record.processors == [job.processor()] != [""]
    assert record.gpus == [H100]
    assert record.slurm_jobs == ["4711"]


def test_all_direct_dependencies_have_a_version(record: Record) -> None:
    pinned = versions.pins()
    assert len(pinned) == len(re.findall("==", (ROOT / "envs/requirements.txt").read_text())) > 20
    assert set(record.versions) <= {"python", *pinned}
    assert {"python", "torch", "transformers", "nupunkt", "snakemake"} <= set(record.versions)


# --- git ----------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project in git."""
    folder = tmp_path / "project"
    for name in ("Snakefile", "rules/a.smk", "scripts/faithfulness/b.py", "config/c.yaml"):
        write(folder / name, name)
    (folder / "envs").mkdir()
    shutil.copy(ROOT / "envs/requirements.txt", folder / "envs")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def test_commit_and_what_was_changed(project: Path) -> None:
    clean = code_state(project)
    assert (clean.commit, clean.changed) == (git(project, "rev-parse", "HEAD"), [])
    write(project / "config/c.yaml", "another")  # configurations are recorded themselves
    assert code_state(project) == clean
    write(project / "scripts/faithfulness/b.py", "changed")
    write(project / "scripts/new one.py", "new")
    changed = code_state(project)
    assert changed.changed == ["scripts/faithfulness/b.py", "scripts/new one.py"]
    assert changed.commit == clean.commit
    assert changed.hash != clean.hash


def test_no_commit_where_git_does_not_keep_the_code(project: Path) -> None:
    clean = code_state(project)
    inside = project / "copy"  # of a project of its own in somebody else's
    shutil.copytree(project, inside, ignore=shutil.ignore_patterns(".git", "copy"))
    assert code_state(inside).model_dump() == {"commit": None, "changed": [], "hash": clean.hash}
    shutil.rmtree(project / ".git")
    assert code_state(project).commit is None


def test_no_git(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert code_state(project).commit is None


# --- making a run again -------------------------------------------------------------------------


def test_its_configuration_makes_the_run_again(record: Record, project: Path) -> None:
    """Also with weights from elsewhere and on servers, whose entries may not name all keys."""
    file = project / write_configuration(record, project)
    written = settings.load(yaml.safe_load(file.read_text())).model_dump(mode="json")
    assert written.pop("results").startswith("results-reproduced-")
    assert written == {key: value for key, value in record.configuration.items() if key != "results"}


def here(record: Record, project: Path, **changes: Any) -> Record:
    """The record of a run that was made in `project`, on this machine."""
    shutil.copy("own.jsonl", project)
    for name in filter(None, (record.configuration[key] for key in ("prompts", "claims", "published", "calibration"))):
        if (ROOT / name).exists():
            write(project / name, (ROOT / name).read_text())
    same = {
        "code": code_state(project),
        "gpus": [],
        "files": {name: hash_if_there(project / name) for name in record.files},
        "versions": versions.pins(project / "envs/requirements.txt") | {"python": record.versions["python"]},
    }
    return record.model_copy(update=same | changes)


def test_nothing_differs(record: Record, project: Path) -> None:
    assert differences(here(record, project), project) == []
    torch = {
        "torch": versions.pins(project / "envs/requirements.txt")["torch"] + "+cpu"
    }  # a build of the pinned version
    same = here(record, project)
    assert differences(same.model_copy(update={"versions": same.versions | torch}), project) == []


def test_what_differs_is_said(record: Record, project: Path) -> None:
    made = here(record, project, gpus=[H100], platform="Plan9")
    commit = made.code.commit
    write(project / "Snakefile", "changed")
    git(project, "commit", "-qam", "second")
    write(project / "own.jsonl", "other questions")
    pins = (project / "envs/requirements.txt").read_text()
    write(project / "envs/requirements.txt", pins.replace("numpy==", "numpy==9."))
    there = made.model_copy(update={"configuration": made.configuration | {"block_items": 7}})
    text = "\n".join(differences(there, project))
    assert re.search(rf"code: {commit} \(hash \w+\) there, {git(project, 'rev-parse', 'HEAD')} .*here", text)
    assert f"git checkout {commit}" in text
    assert f"version of numpy: {made.versions['numpy']} there, 9.{made.versions['numpy']} here" in text
    assert "GPU: NVIDIA H100 80GB HBM3 there, none here" in text
    assert "platform: Plan9 there" in text
    assert f"file own.jsonl: {made.datasets[1].files['own.jsonl']} there" in text
    assert "setting block_items: 7 there, 20 here" in text
    assert len(text.splitlines()) == 7


def test_what_came_out_otherwise_is_said(record: Record, project: Path) -> None:
    there = here(record, project)
    other = there.arms[0].model_copy(update={"weights": "other"})
    items = there.datasets[0].model_copy(update={"eval": "0" * 64})
    again = there.model_copy(update={"arms": [other, *there.arms[1:]], "datasets": [items, there.datasets[1]]})
    write_json(again.model_dump(mode="json"), project / results_folder(there) / "provenance.json")
    weights, found = differences(there, project)
    assert weights == "weights of tiny/base: tiny-base there, other here"
    assert found.startswith("items of coin_flip/eval: ")


def test_a_configuration_that_is_refused_now(record: Record, project: Path) -> None:
    old = here(record, project, configured=record.configured | {"gone": 1})
    (line,) = differences(old, project)
    assert line.startswith("configuration: this version refuses it: gone: unknown key")


def test_a_worktree_of_its_commit(record: Record, project: Path, tmp_path: Path) -> None:
    made = here(record, project)
    write(project / "Snakefile", "changed")
    git(project, "commit", "-qam", "second")
    checkout(made, tmp_path / "then", project)
    assert (tmp_path / "then/Snakefile").read_text() == "Snakefile"
    assert (project / "Snakefile").read_text() == "changed"
    with pytest.raises(ProvenanceError, match=r"then: cannot check out .* already exists"):
        checkout(made, tmp_path / "then", project)
    unknown = made.code.model_copy(update={"commit": "b" * 40})
    with pytest.raises(ProvenanceError, match="is it fetched"):
        checkout(made.model_copy(update={"code": unknown}), tmp_path / "other", project)
    without = made.code.model_copy(update={"commit": None})
    with pytest.raises(ProvenanceError, match="outside of a git checkout"):
        checkout(made.model_copy(update={"code": without}), tmp_path / "other", project)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no such file"),
        ("", "not a record of a run"),
        ('{"made": "2026', "not a record of a run"),
        ("{}", r"not a record of a run.*made: Field required"),
        ("[1]", "not a record of a run"),
    ],
)
def test_a_missing_or_damaged_record(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "provenance.json").write_text(content)
    with pytest.raises(ProvenanceError, match=rf"provenance\.json: {said}[^\n]*$"):
        load(tmp_path / "provenance.json")


def test_the_command(record: Record, tmp_path: Path) -> None:
    """It makes a worktree, writes the configuration there, and leaves the checkout that it is run in as it is."""
    project = copy_project(tmp_path / "workflow")
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    made = record.model_copy(update={"code": code_state(project)})
    write(project / "rules/report.smk", "changed since")
    write_json(made.model_dump(mode="json"), tmp_path / "provenance.json")

    def reproduce(*arguments: str) -> subprocess.CompletedProcess[str]:
        script = [sys.executable, project / "scripts/reproduce_run.py", *arguments]
        return subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, check=False)

    done = reproduce("provenance.json", "--checkout", "then there")
    assert done.returncode == 0, done.stderr
    said = re.search(r"^  cd 'then there' && make report CONFIG=(\S+)$", done.stdout, re.MULTILINE)
    assert said, done.stdout
    assert (tmp_path / "then there" / said[1]).is_file()
    assert not (project / said[1]).exists()
    assert "code:" not in done.stdout
    assert "file own.jsonl: " in done.stdout  # it was beside the project, and is not in the worktree
    assert (project / "rules/report.smk").read_text() == "changed since"
    failed = reproduce("nowhere.json")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert re.match(r"nowhere\.json: there is no such file[^\n]*\n$", failed.stderr)


def test_a_commit_that_is_an_option_of_git(record: Record, tmp_path: Path) -> None:
    plain = json.loads(record.model_dump_json())
    plain["code"]["commit"] = "--orphan"
    (tmp_path / "hostile.json").write_text(json.dumps(plain))
    with pytest.raises(ProvenanceError, match=r"code\.commit"):
        load(tmp_path / "hostile.json")
