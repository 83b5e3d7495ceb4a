"""Fixtures that several tests share."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

from faithfulness import arms, models, prompts
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.prompts import Prompts
from faithfulness.settings import Settings, Weights, load
from tests.runs import ROOT, copy_project, snakemake


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make accept` has the tests in a browser read the run that it looks at."""
    parser.addoption("--results", type=Path, help="a finished run to open in place of a smoke run")


@pytest.fixture
def config() -> dict[str, Any]:
    """The default configuration, as plain values that a test may change."""
    return yaml.safe_load((ROOT / "config/config.yaml").read_text())


@pytest.fixture
def settings(config: dict[str, Any]) -> Settings:
    return load(config)


@pytest.fixture(scope="session")
def wording() -> Prompts:
    return prompts.load(ROOT / "config/prompts/default.yaml")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny untrained Llama, float32."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    models.prepare(Weights(source={"uri": "random:llama"}, dtype="float32"), None, folder)  # type: ignore[arg-type]
    return folder


@pytest.fixture(scope="session")
def tiny_arm(tiny_model: Path, wording: Prompts) -> Path:
    """Folder of the base arm of the tiny model."""
    folder = tiny_model.parent / "arms" / "base"
    arms.write(folder, arms.reference("tiny", tiny_model, wording, trust_remote_code=False))
    return folder


@pytest.fixture(scope="session")
def backend(tiny_arm: Path) -> TransformersBackend:
    return TransformersBackend(tiny_arm, "cpu", 1)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a finished smoke run: made by the worker that asks first, for all of them."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "smoke"
    with FileLock(shared / "smoke.lock"):
        if not folder.exists():
            done = snakemake(copy_project(folder))
            assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture
def finished(smoke: Path, tmp_path: Path) -> Path:
    """A copy of the finished run that a test may change."""
    return Path(shutil.copytree(smoke, tmp_path / "project", symlinks=True))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A fresh copy of the project, nothing run yet."""
    return copy_project(tmp_path / "project")
