"""Copies of the project in which whole runs are made, and how to make them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = "results-smoke"
PARTS = ("Snakefile", "rules", "scripts", "config", "envs", "profiles", "report")


def copy_project(folder: Path) -> Path:
    """Copy what a run needs of the project to a new folder."""
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part)  # with what Python has compiled: a second for each copy
        else:
            shutil.copy(source, folder / part)
    return folder


ENVIRONMENT = os.environ | {"COLUMNS": "200"}


def command(*arguments: str, config: str = "config/smoke.yaml") -> list[str]:
    """Snakemake on two cores, as a user would call it."""
    return [sys.executable, "-m", "snakemake", *arguments, "--cores", "2", "--configfile", config]


def snakemake(folder: Path, *arguments: str, config: str = "config/smoke.yaml") -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a copy of the project."""
    asked = command(*arguments, config=config)
    return subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False, env=ENVIRONMENT)


def make(folder: Path, *arguments: str | Path) -> str:
    """What the project's make prints in a folder; these tests are run by make, too, which would change one below it."""
    own = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    asked = ["make", "--file", ROOT / "Makefile", *arguments]
    return subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=True, env=own).stdout
