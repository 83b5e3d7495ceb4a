"""Making a run again from its record: its commit, its configuration, and what differs here."""

import json
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

from faithfulness.arms.gpus import gpu_kinds, visible_gpus
from faithfulness.config import settings
from faithfulness.config.base import SettingsError
from faithfulness.operate import job, versions
from faithfulness.operate.provenance.collect import hash_if_there
from faithfulness.operate.provenance.record import Code, ProvenanceError, Record, load
from faithfulness.operate.provenance.software import code_state
from faithfulness.tables.io import atomically

ROOT = Path(__file__).parents[4]


def checkout(record: Record, folder: Path, root: Path = ROOT) -> None:
    """Make a worktree of the recorded commit in a new folder; the user's own checkout does not change.

    Raises:
        ProvenanceError: no commit was recorded, it is not in this clone, or the folder cannot be used.
    """
    if not record.code.commit:
        raise ProvenanceError("the run was made outside of a git checkout: there is no commit to check out")
    command = ["git", "-C", str(root), "worktree", "add", "--detach", str(folder.absolute()), record.code.commit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["git failed"])[-1]
        raise ProvenanceError(
            f"{folder}: cannot check out {record.code.commit} ({reason}); is it fetched, the folder new?"
        )


def results_folder(record: Record) -> str:
    """Folder for the results of the run when it is made again, beside the first ones."""
    return f"results-reproduced-{record.configuration_hash[:8]}"


def write_configuration(record: Record, folder: Path) -> Path:
    """Write the configuration that makes the run again into a project.

    Args:
        record: of the run.
        folder: of the project.

    Returns:
        The path of the file within the project.
    """
    file = Path(f"config/reproduced-{record.configuration_hash[:8]}.yaml")
    head = f"# The configuration of a run whose record was made {record.made}, written by `make reproduce`.\n"
    configuration = record.configured | {"results": results_folder(record)}
    text = head + yaml.safe_dump(configuration, sort_keys=False, allow_unicode=True, width=100)
    atomically(folder / file, lambda path: path.write_text(text, "utf-8"))
    return file


def differences(record: Record, folder: Path) -> list[str]:
    """What would differ if a run were made again in a project, one line each.

    If it was already made again there, also what differs between the results.

    Args:
        record: of the run.
        folder: of the project.
    """
    lines = [*_of_code(record.code, code_state(folder)), *_of_defaults(record)]
    pins = versions.pins(folder / "envs/requirements.txt")
    for name, version in record.versions.items():
        here = platform.python_version() if name == "python" else pins.get(name, "none")
        lines += _difference(f"version of {name}", versions.public(version), here)
    lines += _difference("platform", record.platform, platform.platform())
    lines += _difference("processor", ", ".join(record.processors), job.processor())
    lines += _difference("GPU", ", ".join(record.gpus), ", ".join(gpu_kinds(visible_gpus())))
    files = record.files | {name: sha256 for dataset in record.datasets for name, sha256 in dataset.files.items()}
    for name, sha256 in files.items():
        lines += _difference(f"file {name}", sha256 or "none", hash_if_there(folder / name) or "none")
    reproduced = folder / results_folder(record) / "provenance.json"
    return lines + (_of_results(record, load(reproduced)) if reproduced.exists() else [])


def _difference(name: str, there: str, here: str) -> list[str]:
    """A line where two values differ."""
    return [] if there == here else [f"{name}: {there or 'none'} there, {here or 'none'} here"]


def _of_code(there: Code, here: Code) -> list[str]:
    if there.hash == here.hash:
        return []
    lines = _difference("code", _described(there), _described(here))
    if there.commit and there.commit != here.commit:
        lines.append(
            f"  `git checkout {there.commit}` goes back to it; CHECKOUT=<new folder> keeps this checkout as it is"
        )
    return lines


def _described(code: Code) -> str:
    changes = f" with changes in {', '.join(code.changed)}" if code.changed else ""
    return f"{code.commit or 'no commit'}{changes} (hash {code.hash})"


def _of_defaults(record: Record) -> list[str]:
    """Settings that were not set and have another default in this version."""
    try:
        configuration = settings.load(record.configured).model_dump(mode="json")
    except SettingsError as error:
        return [f"configuration: this version refuses it: {line}" for line in str(error).splitlines()]
    there, here = dict(_flat(record.configuration)), dict(_flat(configuration))
    return [
        line
        for name in sorted({*there, *here})
        for line in _difference(f"setting {name}", there.get(name, "none"), here.get(name, "none"))
    ]


def _flat(values: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Single settings and their values as JSON, by their path: `models.0.source.uri`."""
    if isinstance(values, dict):
        entries = list(values.items())
    elif isinstance(values, list):
        entries = list(enumerate(values))
    else:
        yield name, json.dumps(values)
        return
    for key, value in entries:
        yield from _flat(value, f"{name}.{key}".strip("."))


def _of_results(there: Record, here: Record) -> list[str]:
    """Weights and items that differ between two runs."""
    lines = []
    for kind, values in (("weights of", _weights), ("items of", _items)):
        second = values(here)
        for name, value in values(there).items():
            lines += _difference(f"{kind} {name}", value, second.get(name, "none"))
    return lines


def _weights(record: Record) -> dict[str, str]:
    return {arm.name: arm.weights for arm in record.arms}


def _items(record: Record) -> dict[str, str]:
    hashes = {}
    for dataset in record.datasets:
        hashes[f"{dataset.dataset}/train"] = dataset.train or "none"
        hashes[f"{dataset.dataset}/eval"] = dataset.eval or "none"
    return hashes
