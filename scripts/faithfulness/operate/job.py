"""What a job says while it works: to its log file, and warnings to the terminal as well."""

import errno
import json
import logging
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from faithfulness.operate import versions

FULL = errno.ENOSPC, errno.EDQUOT
FORBIDDEN = errno.EROFS, errno.EACCES, errno.EPERM
HINTS = {
    FULL: "the disk is full: make room and run again; what is finished is kept",
    FORBIDDEN: "this may not be written: change its rights, or take another folder (`results`)",
}
# Other libraries keep only the text of the system's error; SQLite has texts of its own.
TEXTS = {
    FULL: [*map(os.strerror, FULL), "database or disk is full"],
    FORBIDDEN: [*map(os.strerror, FORBIDDEN), "attempt to write a readonly database", "unable to open database file"],
}


FACTS = ".facts.json"  # in place of .log, beside a job's log


@dataclass
class Facts:
    """Where a job runs: kept beside its log, for the record of the run."""

    processor: str
    slurm_job: str | None = None
    gpus: list[str] = field(default_factory=list)  # their kinds


_facts: list[Path] = []  # files for the facts of this job


class Brief(logging.Formatter):
    """Layout for a terminal: without tracebacks, which are in the log, and over the rest of a line of progress."""

    def format(self, record: logging.LogRecord) -> str:
        return ("\x1b[K" if sys.stderr.isatty() else "") + super().format(record)

    def formatException(self, ei: object) -> str:
        return ""


def start(files: Sequence[str]) -> logging.Logger:
    """Send the job's log to its file, and uncaught errors too, with a last line that says what went wrong.

    From here on the job ends when its Snakemake is gone: nothing else would stop it, beside the next run. On a SLURM
    node it does not end at SIGTERM, which comes some time before SIGKILL when the node is taken back: SLURM puts only
    those jobs back into its queue that it had to kill, and counts others as failed.
    """
    if snakemake := os.environ.get("SNAKEMAKE_PID"):
        threading.Thread(target=_end_with, args=(int(snakemake),), daemon=True).start()
    layout = "%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setLevel(logging.WARNING)
    if files:
        terminal.setFormatter(Brief(*layout))
    log_files = [logging.FileHandler(file, mode="w", encoding="utf-8") for file in files]
    logging.basicConfig(
        level=logging.INFO, format=layout[0], datefmt=layout[1], handlers=[terminal, *log_files], force=True
    )
    logger = logging.getLogger("faithfulness")

    def report(kind: type[BaseException], error: BaseException, trace: object) -> None:
        logger.error("%s: %s", kind.__name__, error, exc_info=(kind, error, trace))  # type: ignore[arg-type]
        if hint := hint_of(error):
            logger.error(hint)

    sys.excepthook = report
    job = os.environ.get("SLURM_JOB_ID")
    if job:
        message = f"SIGTERM: SLURM job {job} continues until it is killed"
        signal.signal(signal.SIGTERM, lambda *_: logger.warning(message))
    facts = Facts(processor(), job)
    logger.info("runs on %s, %s%s", platform.node(), facts.processor, f", SLURM job {job}" if job else "")
    _facts[:] = [Path(file).with_suffix(FACTS) for file in files]
    for file in _facts:
        _write_facts(facts, file)
    versions.check()
    return logger


def note_gpus(kinds: Sequence[str]) -> None:
    """Add the kinds of GPU that this job uses to its facts."""
    for file in _facts:
        facts = read_facts(file)
        facts.gpus = sorted({*facts.gpus, *kinds})
        _write_facts(facts, file)


def read_facts(file: Path) -> Facts:
    """The facts of a job."""
    return Facts(**json.loads(file.read_text("utf-8")))


def _write_facts(facts: Facts, file: Path) -> None:
    whole = file.with_suffix(".tmp")  # a kill leaves no half of a file
    whole.write_text(json.dumps(asdict(facts)) + "\n", "utf-8")
    whole.replace(file)


def processor() -> str:
    """What the processor of this machine is called."""
    file = Path("/proc/cpuinfo")  # Linux; elsewhere Python knows it
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def hint_of(error: BaseException | None) -> str:
    """The way out of an error whose cause, or that of an error behind it, is the disk; '' for others."""
    while error:
        for numbers, hint in HINTS.items():
            if getattr(error, "errno", None) in numbers or any(text in str(error) for text in TEXTS[numbers]):
                return hint
        error = error.__cause__ or error.__context__
    return ""


def _end_with(process: int) -> None:
    try:
        while True:
            os.kill(process, 0)  # does nothing, to what there is
            time.sleep(0.5)
    except OSError:
        os.kill(os.getpid(), signal.SIGKILL)
