"""GPUs of a job: no two jobs share one, because they would share its memory, and a trainer that sees several GPUs
multiplies its batch.
"""

import fcntl
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from faithfulness.operate import job

logger = logging.getLogger("faithfulness")

# Lock files of the GPUs of this process, open until it ends, in whatever way: the kernel then releases the locks.
_locks: dict[str, IO[str]] = {}


def take_gpus(count: int) -> None:
    """Reserve `count` of the visible GPUs for this process and hide all others; waits until they are free.

    Does nothing on a machine without GPUs. Must be called before CUDA is used.

    Raises:
        RuntimeError: fewer are visible.
    """
    names = visible_gpus()
    if not names:
        return
    if len(names) < count:
        raise RuntimeError(f"the model needs {count} GPUs (its `gpus`), and {len(names)} are visible")
    waited = False
    while len(_locks) < count:
        for name in names:
            if len(_locks) < count and name not in _locks:
                _try(name)
        if len(_locks) < count:
            if not waited:
                logger.info("waiting for a free GPU")
            waited = True
            time.sleep(1)
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(_locks)
    kinds = gpu_kinds(_locks)
    logger.info("uses GPU %s", ", ".join(kinds))
    job.note_gpus(kinds)


def visible_gpus() -> list[str]:
    """Identifiers of the GPUs that this process may use. Unlike numbers, they are the same in every container."""
    if not shutil.which("nvidia-smi"):
        return []
    query = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    names = subprocess.run(query, capture_output=True, text=True, check=False).stdout.split()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return names
    return [_identifier(device, names) for device in visible.split(",") if device]


def _identifier(device: str, names: list[str]) -> str:
    """The identifier of a device that CUDA_VISIBLE_DEVICES names by its number or by its identifier."""
    return names[int(device)] if device.isdigit() and int(device) < len(names) else device


def gpu_kinds(names: Iterable[str]) -> list[str]:
    """Product names of GPUs, each once; none if nvidia-smi does not know them."""
    identifiers = ",".join(names)
    if not identifiers:
        return []
    query = ["nvidia-smi", f"--id={identifiers}", "--query-gpu=name", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    return [] if answer.returncode else sorted(set(answer.stdout.splitlines()))


def _try(name: str) -> None:
    """Lock a GPU if it is free."""
    # The user is part of the name: another user's file could not be opened, and schedulers keep users apart.
    lock = (Path(tempfile.gettempdir()) / f"faithfulness-{os.getuid()}-{name}.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
    else:
        _locks[name] = lock
