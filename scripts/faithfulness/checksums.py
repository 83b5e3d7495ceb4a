"""Whether files are as they were written: their SHA-256 beside them, as sha256sum writes and checks them."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

SUMS = "SHA256SUMS"


def of(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write(folder: Path) -> None:
    """Note the hashes of all files in a folder; hidden ones at its top, a library's own notes, are left out."""
    names = sorted(file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    lines = [f"{of(folder / name)}  {name}\n" for name in names if not name.parts[0].startswith(".")]
    (folder / SUMS).write_text("".join(lines), "utf-8")


def damaged(folder: Path, names: Iterable[str] | None = None) -> list[str]:
    """Those of the noted files, or of some of them, that are not what they were; `SUMS` itself if nothing is noted."""
    noted = (folder / SUMS).read_text("utf-8").splitlines() if (folder / SUMS).is_file() else []
    sums = {name: known for known, _, name in (line.partition("  ") for line in noted)}
    if not sums:
        return [SUMS]
    chosen = sums if names is None else names
    return [name for name in chosen if not (folder / name).is_file() or sums.get(name) != of(folder / name)]
