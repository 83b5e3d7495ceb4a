"""What a job says while it works: to its log file, and warnings to the terminal as well."""

import logging
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path


def to(files: Sequence[str]) -> logging.Logger:
    """Send the job's log to its file, and uncaught errors too, with a last line that says what went wrong."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    handlers[0].setLevel(logging.WARNING)
    handlers += [logging.FileHandler(file, mode="w", encoding="utf-8") for file in files]
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%H:%M:%S",
        handlers=handlers,
        force=True,
    )
    logger = logging.getLogger("faithfulness")

    def report(kind: type[BaseException], error: BaseException, trace: object) -> None:
        logger.error("%s: %s", kind.__name__, error, exc_info=(kind, error, trace))  # type: ignore[arg-type]

    sys.excepthook = report
    job = os.environ.get("SLURM_JOB_ID")
    logger.info("runs on %s, %s%s", platform.node(), processor(), f", SLURM job {job}" if job else "")
    return logger


def processor() -> str:
    """What the processor of this machine is called."""
    file = Path("/proc/cpuinfo")  # Linux; elsewhere Python knows it
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
