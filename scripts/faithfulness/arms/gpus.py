"""Which GPUs a job takes, so that no two share one: they would share its memory, and a trainer that sees several
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

logger = logging.getLogger("faithfulness")

_held: dict[str, IO[str]] = {}  # until the process ends, however it does


def take_gpus(count: int) -> None:
    """Keep `count` of the visible GPUs for this process, waiting until they are free, and see no others.

    Does nothing on a machine without GPUs. To be called before CUDA is used.

    Raises:
        RuntimeError: fewer are visible.
    """
    names = visible_gpus()
    if not names:
        return
    if len(names) < count:
        raise RuntimeError(f"{count} GPUs are asked for (gpus of a model), and {len(names)} can be seen")
    waited = False
    while len(_held) < count:
        for name in names:
            if len(_held) < count and name not in _held:
                _try(name)
        if len(_held) < count:
            if not waited:
                logger.info("waiting for a free GPU")
            waited = True
            time.sleep(1)
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(_held)
    for kind in gpu_kinds(_held):
        logger.info("takes GPU %s", kind)


def visible_gpus() -> list[str]:
    """Names of the GPUs that this process may see, as CUDA takes them: unlike numbers, the same in every container."""
    if not shutil.which("nvidia-smi"):
        return []
    query = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    names = subprocess.run(query, capture_output=True, text=True, check=False).stdout.split()
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return names
    return [names[int(one)] if one.isdigit() and int(one) < len(names) else one for one in allowed.split(",") if one]


def gpu_kinds(names: Iterable[str]) -> list[str]:
    """What the GPUs of those names are sold as; none where nvidia-smi does not tell."""
    asked = ",".join(names)
    if not asked:
        return []
    query = ["nvidia-smi", f"--id={asked}", "--query-gpu=name", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    return [] if done.returncode else sorted(set(done.stdout.splitlines()))


def _try(name: str) -> None:
    # Of this user: another's file could not be opened, and schedulers keep users apart.
    lock = (Path(tempfile.gettempdir()) / f"faithfulness-{os.getuid()}-{name}.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
    else:
        _held[name] = lock
