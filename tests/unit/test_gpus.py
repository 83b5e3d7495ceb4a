"""Jobs take GPUs of their own: a made-up nvidia-smi names two."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from faithfulness.arms.devices import place
from faithfulness.arms.gpus import gpu_kinds, take_gpus, visible_gpus

TAKE = """
import sys, time
sys.path.insert(0, "scripts")
from faithfulness.arms.gpus import take_gpus
take_gpus(int(sys.argv[1]))
import os
print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
time.sleep(60)
"""


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho GPU-a\necho GPU-b\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def job(count: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", TAKE, str(count)], stdout=subprocess.PIPE, text=True)


def taken(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


@pytest.mark.usefixtures("two")
def test_no_two_jobs_share_one() -> None:
    """The third waits until one of two ends, however it does."""
    jobs = [job(1), job(1)]
    assert {taken(one) for one in jobs} == {"GPU-a", "GPU-b"}
    third = job(1)
    time.sleep(1.5)
    assert third.poll() is None
    jobs[0].kill()
    assert taken(third) in {"GPU-a", "GPU-b"}
    for one in (*jobs, third):
        one.kill()
        one.wait()


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    ("allowed", "names"), [(None, ["GPU-a", "GPU-b"]), ("1", ["GPU-b"]), ("GPU-b,0", ["GPU-b", "GPU-a"]), ("", [])]
)
def test_visible(monkeypatch: pytest.MonkeyPatch, allowed: str | None, names: list[str]) -> None:
    if allowed is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert visible_gpus() == names


def test_what_they_are_sold_as(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\n[ "$1" = --id=GPU-a,GPU-b ] && printf "NVIDIA H100\\nNVIDIA H100\\n" || exit 6\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert gpu_kinds(["GPU-a", "GPU-b"]) == ["NVIDIA H100"]
    assert gpu_kinds(["GPU-c"]) == []
    assert gpu_kinds([]) == []


@pytest.mark.usefixtures("two")
def test_more_than_there_are() -> None:
    with pytest.raises(RuntimeError, match=r"needs 3 GPUs .*, and 2 are visible"):
        take_gpus(3)


def test_a_machine_without_any(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    take_gpus(2)
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_a_job_whose_node_has_none_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match=r"this job asks for GPUs .* can use none on .*: is the node in a partition"):
        place("auto", 1)
    assert place("auto", 0) == ("cpu", {"": "cpu"})
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    assert place("auto", 1) == ("cpu", {"": "cpu"})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert place("auto", 1) == ("cpu", {"": "cpu"})
