"""The software of a run: the state of the project's own code, and the versions of its dependencies."""

import hashlib
import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from faithfulness.operate.provenance.record import Code

FILES = ("Snakefile", "rules", "scripts")  # code that decides on results; the configuration is recorded itself


def code_state(root: Path) -> Code:
    """The state of the code in a folder; its commit is None where git does not track it."""
    files = [root / FILES[0], *sorted(file for part in FILES[1:] for file in (root / part).rglob("*"))]
    total = hashlib.sha256()
    for file in files:
        if file.suffix in ("", ".py", ".smk") and file.is_file():
            total.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    # A copy inside the checkout of another project is not tracked by that project's git.
    tracked = _git(root, "ls-files", "--error-unmatch", FILES[0]) is not None
    commit = _git(root, "rev-parse", "HEAD") if tracked else None
    changed = _git(root, "status", "--porcelain", "--no-renames", "-z", "--", *FILES) if commit else None
    return Code(
        commit=commit.strip() if commit else None,
        changed=[line[3:] for line in (changed or "").split("\0") if line],
        hash=total.hexdigest()[:16],
    )


def _git(root: Path, *arguments: str) -> str | None:
    """Output of git; None where there is no git, or where it fails."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return None if done.returncode else done.stdout


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of those packages that are installed."""
    versions = {"python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
