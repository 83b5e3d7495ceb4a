"""Where a run's results come from: what was configured, with which code, versions, data and devices, at what cost.

`collect` makes the record when the results are finished. It holds what is named below and nothing else of the
environment: of a server's key, the name of its variable only. `differences` holds a record against what is here.
"""

import hashlib
import json
import platform
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import Field, ValidationError

from faithfulness.arms.gpus import gpu_kinds, visible_gpus
from faithfulness.arms.record import ArmRecord, read_arm
from faithfulness.config import settings
from faithfulness.config.base import SettingsError, Strict
from faithfulness.config.sources import Source
from faithfulness.hashing import digest, file_hash
from faithfulness.operate import job
from faithfulness.prepare import sources
from faithfulness.tables.io import atomically

ROOT = Path(__file__).parents[3]
CODE = ("Snakefile", "rules", "scripts")  # what decides on results; the configuration is recorded itself
CONFIGURED = ("prompts", "claims", "published", "calibration")  # settings that name a file
# What jobs say in their logs of where they run, as logs.to and gpus.take write it.
ON = re.compile(r"^\S+ INFO runs on \S*, (?P<processor>.+?)(?:, SLURM job (?P<job>\w+))?$", re.MULTILINE)
SHARD = re.compile(r"\.\d+-of-\d+$")  # at the end of a job's name
ON_GPU = re.compile(r"^\S+ INFO takes GPU (.+)$", re.MULTILINE)


class ProvenanceError(ValueError):
    """A record cannot be used; the message is one line that says why, and what to do."""


class Code(Strict):
    """The workflow's own code."""

    commit: str | None = Field(pattern=r"^[0-9a-f]{40,64}$", description="of git; None outside of a checkout")
    changed: list[str] = Field(description="files of the code that were not as in that commit")
    hash: str = Field(description="of the code's files, wherever they lie")


class Arm(Strict):
    """A model as it was evaluated."""

    model: str
    arm: str = Field(description="its name, without the training seed")
    kind: str = Field(description="what holds its weights: `full`, `adapter` or `served`")
    source: dict[str, Any] | None = Field(description="pinned source of its weights; None where trained here")
    parameters: int
    dtype: str
    quantisation: str | None
    seed: int
    weights: str = Field(description="hash of its weights, or of where a server holds them")
    parent: str | None = Field(description="hash of the weights that it was trained from")

    @property
    def name(self) -> str:
        """Model and arm, and the seed of a training."""
        return f"{self.model}/{self.arm}" + ("" if self.source else f", seed {self.seed}")


class Questions(Strict):
    """A dataset."""

    dataset: str
    seed: int
    sources: list[dict[str, Any]] = Field(description="pinned sources of its tables")
    files: dict[str, str | None] = Field(description="SHA-256 of the files of `path:` sources, which nothing else pins")
    train: str | None = Field(description="SHA-256 of the table of train items")
    eval: str | None = Field(description="SHA-256 of the table of evaluation items")


class Rule(Strict):
    """What the jobs of a rule took."""

    rule: str
    jobs: int
    seconds: float = Field(description="wall time of all jobs; of a job that went on after a kill, its last part")
    max_rss: float | None = Field(description="largest resident memory of a job, MB; None where all were too short")


class Record(Strict):
    """All that is recorded of a run."""

    made: str = Field(description="when the record was made, UTC")
    configuration: dict[str, Any] = Field(description="validated, with all defaults")
    configured: dict[str, Any] = Field(description="the part of it that was set; a configuration file makes it again")
    configuration_hash: str
    files: dict[str, str | None] = Field(description="SHA-256 of the files that it names; None where there was none")
    code: Code
    versions: dict[str, str] = Field(description="of Python and of all direct dependencies that are installed")
    platform: str
    processors: list[str] = Field(description="of all machines that jobs ran on")
    gpus: list[str] = Field(description="kinds of GPU that jobs took")
    slurm_jobs: list[str] = Field(description="numbers of the SLURM jobs in which jobs ran")
    arms: list[Arm]
    datasets: list[Questions]
    seeds: dict[str, int] = Field(description="beside those of arms and datasets")
    rules: list[Rule]


def collect(
    root: Path,
    configuration: dict[str, Any],
    configured: dict[str, Any],
    arms: Sequence[str | Path],
    resources: Path,
    shared: Sequence[str],
) -> Record:
    """The record of a run whose results are finished.

    Args:
        root: folder of the project.
        configuration: validated, as plain values.
        configured: what of it was set.
        arms: the folders of all arms.
        resources: folder that runs share.
        shared: which sources and weights there are this run's, as their jobs' logs and benchmarks are named.
    """
    results = Path(configuration["results"])
    named = {"all", *(name for folder in arms for name in Path(folder).parts[-2:])}
    named |= {dataset["name"] for dataset in configuration["datasets"]}
    ours = [(results, named), (resources, set(shared))]
    said = "\n".join(file.read_text("utf-8", "replace") for _, file in _of_jobs("logs", ours))
    places = list(ON.finditer(said))
    return Record(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        configuration=configuration,
        configured=configured,
        configuration_hash=digest(configuration),
        files={file: hash_if_there(file) for name in CONFIGURED if (file := configuration[name])},
        code=code(root),
        versions=versions(pins(root)),
        platform=platform.platform(),
        processors=sorted({place["processor"] for place in places}),
        gpus=sorted(set(ON_GPU.findall(said))),
        slurm_jobs=sorted({place["job"] for place in places if place["job"]}),
        arms=[_arm(read_arm(folder), configuration) for folder in arms],
        datasets=[_questions(dataset, results) for dataset in configuration["datasets"]],
        seeds={part: configuration[part]["seed"] for part in ("chains", "perturbations", "statistics")},
        rules=costs(_of_jobs("benchmarks", ours)),
    )


def _of_jobs(part: str, ours: Iterable[tuple[Path, set[str]]]) -> list[tuple[str, Path]]:
    """Rule and file of all jobs that left one among `logs` or `benchmarks`.

    Jobs are named by their wildcards, and other names are of jobs of other runs, or of what a configuration had once.
    A job of all items and its shards are told, both: what one has finished, the other did not do again.
    """
    found = []
    for folder, named in ours:
        for file in (path for path in (folder / part).rglob("*.*") if path.is_file()):
            rule, *names = file.relative_to(folder / part).with_suffix("").parts
            if {SHARD.sub("", name) for name in names} <= named:
                found.append((rule, file))
    return sorted(found)


def _arm(arm: ArmRecord, configuration: Mapping[str, Any]) -> Arm:
    part, name = ("models", arm.model) if arm.arm == "base" else ("arms", arm.arm)
    source = next(entry.get("source") for entry in configuration[part] if entry["name"] == name)
    same = {key: getattr(arm, key) for key in Arm.model_fields.keys() & ArmRecord.model_fields}
    return Arm(**same | {"source": source, "kind": arm.weights.kind, "weights": arm.weights_hash})


def _questions(dataset: Mapping[str, Any], results: Path) -> Questions:
    found = [dataset[key] for key in ("source", "train_source") if dataset.get(key)]
    items = {part: hash_if_there(results / "items" / dataset["name"] / f"{part}.parquet") for part in ("train", "eval")}
    return Questions(dataset=dataset["name"], seed=dataset["seed"], sources=found, files=_local(found), **items)


def _local(found: Iterable[Mapping[str, Any]]) -> dict[str, str | None]:
    """SHA-256 of the files of `path:` sources."""
    each = [Source(**source) for source in found]
    places = [(source, path) for source in each if (path := sources.local_path(source))]
    return {str(file): hash_if_there(file) for source, path in places for file in sources.locate(source, path)}


def hash_if_there(file: str | Path) -> str | None:
    """SHA-256 of a file; None where there is none."""
    return file_hash(file) if Path(file).is_file() else None


def costs(benchmarks: Iterable[tuple[str, Path]]) -> list[Rule]:
    """Wall time and peak memory of each rule, from the files of its jobs' `benchmark:`.

    Args:
        benchmarks: rule and file of each job.
    """
    rows: dict[str, list[pd.DataFrame]] = {}
    for rule, file in benchmarks:
        rows.setdefault(rule, []).append(pd.read_csv(file, sep="\t")[["s", "max_rss"]])
    found = []
    for rule, jobs in rows.items():
        took = pd.concat(jobs).apply(pd.to_numeric, errors="coerce")
        peak = took["max_rss"].max()
        found.append(
            Rule(
                rule=rule,
                jobs=len(jobs),
                seconds=round(float(took["s"].sum()), 2),
                max_rss=None if pd.isna(peak) else float(peak),
            )
        )
    return found


def code(root: Path) -> Code:
    """The state of the code in a folder; no commit where git does not keep it."""
    files = [root / CODE[0], *sorted(file for part in CODE[1:] for file in (root / part).rglob("*"))]
    total = hashlib.sha256()
    for file in files:
        if file.suffix in ("", ".py", ".smk") and file.is_file():
            total.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    kept = _git(root, "ls-files", "--error-unmatch", CODE[0]) is not None  # a copy inside another project's is not
    commit = _git(root, "rev-parse", "HEAD") if kept else None
    changed = _git(root, "status", "--porcelain", "--no-renames", "-z", "--", *CODE) if commit else None
    return Code(
        commit=commit.strip() if commit else None,
        changed=[line[3:] for line in (changed or "").split("\0") if line],
        hash=total.hexdigest()[:16],
    )


def _git(root: Path, *arguments: str) -> str | None:
    """What git answers; None where there is no git, or it refuses."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return None if done.returncode else done.stdout


def pins(root: Path) -> dict[str, str]:
    """The direct dependencies and their pinned versions."""
    lines = (root / "envs/requirements.txt").read_text("utf-8").splitlines()
    parts = (line.partition("==") for line in lines if not line.startswith("#"))
    return {name.strip(): version.strip() for name, equals, version in parts if equals}


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of those packages that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def load(file: str | Path) -> Record:
    """Read a record.

    Raises:
        ProvenanceError: the file is missing, damaged, or not of this version.
    """
    try:
        return Record.model_validate_json(Path(file).read_bytes())
    except OSError:
        raise ProvenanceError(f"{file}: there is no such file; give the provenance.json of a finished run") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ProvenanceError(
            f"{file}: no record of a run, or not of this version ({': '.join(filter(None, [where, first['msg']]))}); "
            "take it anew from where the run was made"
        ) from None


def checkout(record: Record, folder: Path, root: Path = ROOT) -> None:
    """Make a worktree of the recorded commit in a new folder; the user's own checkout stays as it is.

    Raises:
        ProvenanceError: no commit was recorded, it is not in this clone, or the folder cannot be used.
    """
    if not record.code.commit:
        raise ProvenanceError("the run was made outside of a git checkout: there is no commit to check out")
    command = ["git", "-C", str(root), "worktree", "add", "--detach", str(folder.absolute()), record.code.commit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["git failed"])[-1]
        raise ProvenanceError(
            f"{folder}: cannot check out {record.code.commit} ({last}); is it fetched, the folder new?"
        )


def again(record: Record) -> dict[str, Any]:
    """The configuration that makes the run again, in a results folder of its own beside the first."""
    return record.configured | {"results": f"results-reproduced-{record.configuration_hash[:8]}"}


def write_configuration(record: Record, folder: Path) -> Path:
    """Write the configuration that makes the run again into the project in `folder`; gives its path from there."""
    file = Path(f"config/reproduced-{record.configuration_hash[:8]}.yaml")
    head = f"# The configuration of a run whose record was made {record.made}, written by `make reproduce`.\n"
    text = head + yaml.safe_dump(again(record), sort_keys=False, allow_unicode=True, width=100)
    atomically(folder / file, lambda path: path.write_text(text, "utf-8"))
    return file


def differences(record: Record, folder: Path) -> list[str]:
    """What of a run would be otherwise if it were made in the project in `folder`, a line each.

    Where the run was made again there, what came out otherwise, too.
    """
    lines = [*_code(record.code, code(folder)), *_defaults(record)]
    here = pins(folder)
    lines += _changed("version of python", record.versions["python"], platform.python_version())
    for name, version in record.versions.items():
        if name != "python":
            lines += _changed(f"version of {name}", version.partition("+")[0], here.get(name, "none"))
    lines += _changed("platform", record.platform, platform.platform())
    lines += _changed("processor", ", ".join(record.processors), job.processor())
    lines += _changed("GPU", ", ".join(record.gpus), ", ".join(gpu_kinds(visible_gpus())))
    files = record.files | {name: found for dataset in record.datasets for name, found in dataset.files.items()}
    for name, found in files.items():
        lines += _changed(f"file {name}", found or "none", hash_if_there(folder / name) or "none")
    made = folder / again(record)["results"] / "provenance.json"
    return lines + (_outcomes(record, load(made)) if made.exists() else [])


def _changed(what: str, there: str, here: str) -> list[str]:
    return [] if there == here else [f"{what}: {there or 'none'} there, {here or 'none'} here"]


def _code(there: Code, here: Code) -> list[str]:
    if there.hash == here.hash:
        return []
    both = (f"{one.commit or 'no commit'}{_and_changes(one)} (hash {one.hash})" for one in (there, here))
    lines = _changed("code", *both)
    if there.commit and there.commit != here.commit:
        lines.append(
            f"  `git checkout {there.commit}` goes back to it; CHECKOUT=<new folder> leaves this checkout alone"
        )
    return lines


def _and_changes(state: Code) -> str:
    return f" with changes in {', '.join(state.changed)}" if state.changed else ""


def _defaults(record: Record) -> list[str]:
    """Settings that were left to their defaults and have other ones in this version."""
    try:
        here = settings.load(record.configured).model_dump(mode="json")
    except SettingsError as error:
        return [f"configuration: this version refuses it: {line}" for line in str(error).splitlines()]
    there, now = (dict(_flat(values)) for values in (record.configuration, here))
    return [
        line
        for name in sorted({*there, *now})
        for line in _changed(f"setting {name}", there.get(name, "none"), now.get(name, "none"))
    ]


def _flat(values: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Single settings and their values, by their path: `models.0.source.uri`."""
    entries = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else None
    if entries is None:
        yield name, json.dumps(values)
        return
    for key, value in entries:
        yield from _flat(value, f"{name}.{key}".strip("."))


def _outcomes(there: Record, here: Record) -> list[str]:
    """Weights and items of two runs that differ."""
    of_arms = ({arm.name: arm.weights for arm in record.arms} for record in (there, here))
    of_items = (
        {f"{one.dataset}/{part}": getattr(one, part) for one in record.datasets for part in ("train", "eval")}
        for record in (there, here)
    )
    lines = []
    for what, (first, second) in {"weights of": of_arms, "items of": of_items}.items():
        for name in first:
            lines += _changed(f"{what} {name}", first[name], second.get(name, "none"))
    return lines
