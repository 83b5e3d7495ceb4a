"""A cluster for tests is in nobody's way, and tests that were killed are not in its way."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.runs import ROOT
from tests.slurm import cluster

pytestmark = pytest.mark.slurm

KILLED = """
import os, pathlib, signal, sys
from tests.slurm.cluster import cluster
with cluster(pathlib.Path(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def needed() -> None:
    if lacking := cluster.missing():
        pytest.skip(lacking)


def test_what_killed_tests_have_left_is_cleared_away(tmp_path: Path) -> None:
    for name in ("killed", "next"):
        (tmp_path / name).mkdir()
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "killed"], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert f"{tmp_path}/killed" in (cluster.CONFIGURATION / "slurm.conf").read_text()
    with cluster.cluster(tmp_path / "next"):
        assert cluster.ask("srun", "echo", "works") == "works"
        assert "other tests are at work" in cluster.missing()
    assert not (cluster.CONFIGURATION / "slurm.conf").exists()
    assert cluster.missing() == ""


def test_a_real_cluster_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONFIGURATION", tmp_path)
    assert cluster.missing() == ""
    (tmp_path / "slurm.conf").write_text("ClusterName=real\n")
    assert "this machine belongs to a cluster" in cluster.missing()
    (tmp_path / "slurm.conf").unlink()
    monkeypatch.setattr(cluster, "DAEMONS", (psutil.Process().name(),))  # a node that got it from its controller
    assert "this machine belongs to a cluster" in cluster.missing()
