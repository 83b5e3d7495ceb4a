"""Hashes: of values, of files, of weights, and the SHA256SUMS of a folder."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SUMS = "SHA256SUMS"
# What a model answers depends on these files, too.
BESIDE = {"config.json", "generation_config.json", "tokenizer.json", "chat_template.jinja"}


def digest(*parts: Any) -> str:
    """Short hash of anything that JSON can hold; equal parts give equal hashes on every machine."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_hash(file: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with Path(file).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_sums(folder: Path) -> None:
    """Note the hashes of all files in a folder; hidden ones at its top, a library's own notes, are left out."""
    names = sorted(file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    lines = [f"{file_hash(folder / name)}  {name}\n" for name in names if not name.parts[0].startswith(".")]
    (folder / SUMS).write_text("".join(lines), "utf-8")


def damaged_files(folder: Path, names: Iterable[str] | None = None) -> list[str]:
    """Those of the noted files, or of some of them, that are not what they were; `SUMS` itself if nothing is noted."""
    noted = (folder / SUMS).read_text("utf-8").splitlines() if (folder / SUMS).is_file() else []
    sums = {name: known for known, _, name in (line.partition("  ") for line in noted)}
    if not sums:
        return [SUMS]
    chosen = sums if names is None else names
    return [name for name in chosen if not (folder / name).is_file() or sums.get(name) != file_hash(folder / name)]


def weights_hash(folder: Path) -> str:
    """Hash of a folder's safetensors and of what else decides on answers: identifies weights wherever they lie."""
    total = hashlib.sha256()
    for file in sorted(file for file in folder.iterdir() if file.suffix == ".safetensors" or file.name in BESIDE):
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()[:16]


def check_weights(hashes: dict[str, str], hint: str = "delete the folder to make it again") -> None:
    """Compare folders of weights with what they were: a flipped bit loads like any other.

    Once a job, of files that loading reads anyway: about a second for each GB.

    Args:
        hashes: of each folder, when its weights were written.
        hint: what to do about one that has changed.

    Raises:
        ValueError: one has changed; says which.
    """
    for folder, expected in hashes.items():
        if weights_hash(Path(folder)) != expected:
            raise ValueError(f"the weights in {folder} have changed since they were written; {hint}")
