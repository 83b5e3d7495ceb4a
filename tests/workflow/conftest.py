"""A copy of the project in which whole runs are made."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

PARTS = ("Snakefile", "rules", "scripts", "config", "envs", "profiles", "report")
Snakemake = Callable[..., subprocess.CompletedProcess[str]]


def copy_project(folder: Path) -> Path:
    """Copy what a run needs of the project to a new folder."""
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
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


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a finished smoke run."""
    folder = copy_project(tmp_path_factory.mktemp("smoke") / "project")
    done = snakemake(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A fresh copy of the project, nothing run yet."""
    return copy_project(tmp_path / "project")
