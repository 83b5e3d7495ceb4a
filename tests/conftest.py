"""Fixtures that several tests share."""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import yaml
from filelock import FileLock

from faithfulness import prompts
from faithfulness.arms.record import base_arm, write_arm
from faithfulness.config.settings import Settings, load
from faithfulness.config.weights import Weights
from faithfulness.prompts import Prompts
from tests.runs import ROOT, copy_project, snakemake

if TYPE_CHECKING:  # torch takes seconds to import, and most test files need none of it
    from faithfulness.backends.transformers import TransformersBackend

# A busy machine is slow, and no test measures its speed.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make accept` has the tests in a browser read the run that it looks at."""
    parser.addoption("--results", type=Path, help="a finished run to open in place of a smoke run")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Reports, which may come from another process, carry the fault that their test makes."""
    for item in items:
        for mark in item.iter_markers("fault"):
            item.user_properties.append(("fault", mark.args))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print each fault that was tried, how often, and what came of it."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for ended in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(ended, []):
            for key, fault in getattr(report, "user_properties", []):
                if key == "fault":
                    found.setdefault(tuple(fault), Counter())[ended] += 1
    if found:
        terminalreporter.section("faults tried")
    for (fault, outcome), counts in sorted(found.items()):
        tried = ", ".join(f"{count} {ended}" for ended, count in counts.items())
        terminalreporter.write_line(f"{fault:58} {tried:20} {outcome if counts['passed'] else '-'}")


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
    from faithfulness.prepare.weights import prepare_model  # noqa: PLC0415 - imports torch

    folder = tmp_path_factory.mktemp("models") / "tiny"
    prepare_model(Weights(source={"uri": "random:llama"}, dtype="float32"), None, folder)  # type: ignore[arg-type]
    return folder


@pytest.fixture(scope="session")
def tiny_arm(tiny_model: Path, wording: Prompts) -> Path:
    """Folder of the base arm of the tiny model."""
    folder = tiny_model.parent / "arms" / "base"
    write_arm(folder, base_arm("tiny", tiny_model, wording, trust_remote_code=False))
    return folder


@pytest.fixture(scope="session")
def backend(tiny_arm: Path) -> "TransformersBackend":
    from faithfulness.backends.transformers import TransformersBackend  # noqa: PLC0415 - imports torch

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
def disk() -> Iterator[Callable[[Path, str], None]]:
    """Mounts a small disk on a folder, or changes its options; skips the test where none may be mounted."""
    mounted = set()

    def mount(folder: Path, options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        mounted.add(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A fresh copy of the project, nothing run yet."""
    return copy_project(tmp_path / "project")
