"""The terminal of a run: one line of overall progress, the warnings, and each failure with the end of its log.

`make` starts Snakemake with `--logger progress` and this folder's parent on PYTHONPATH, where Snakemake looks for a
package of this name. Jobs count by the seconds that they are expected to take, which the Snakefile logs when a run
starts. The plugins that can be installed count every job alike and show no time left.

In a terminal the line is rewritten every second. Elsewhere (a pipe, a file) a line is written now and then, without
control characters. Everything else that Snakemake says is in its own log under .snakemake/log.
"""

import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

EVERY_TERMINAL = 1.0  # seconds between two lines of progress
EVERY_PIPE = 60.0
LOG_LINES = 12  # of a failed job's log
BAR = 24  # characters
UNFINISHED = 0.95  # of its expected time at most counts as done while a job runs
PRIOR = 0.05  # of the whole run's expected time: the weight of "jobs take as long as expected" before any has finished
RED, PLAIN = "\x1b[31m", "\x1b[0m"
CLEAR = "\r\x1b[K"  # to the start of the line, and delete what is on it
# Messages without an event that a person needs; the others say what Snakemake does next.
SHOWN = ("Nothing to be done", "Trying to restart job", "Will exit after", "Terminating processes")
# What Snakemake says of a failed job beside the job's own error.
REPEATED = ("Exiting because a job execution failed", "At least one job did not complete", "CalledProcessError in file")


@dataclass
class Progress:
    """How much of a run is done, and how long the rest will take. Times are in seconds.

    `queued`: jobs may wait in a scheduler's queue, so one that was submitted need not run.
    """

    expected: dict[int, float]
    began: float
    queued: bool = False
    running: dict[int, float] = field(default_factory=dict)
    finished: dict[int, float] = field(default_factory=dict)

    def start(self, job: int, now: float) -> None:
        """Count a job as running, again where it failed before."""
        self.running[job] = now

    def finish(self, job: int, now: float) -> None:
        """Count a job as done."""
        self.finished[job] = now - self.running.pop(job, now)

    def fail(self, job: int) -> None:
        """Count a job as not running; it may start again."""
        self.running.pop(job, None)

    def share(self, now: float) -> float:
        """Share of the expected time that is done, in [0, 1]; a running job counts by the time that it has run."""
        total = sum(self.expected.values())
        if not total:
            return 1.0
        done = sum(self.expected.get(job, 0.0) for job in self.finished)
        took = sum(self.finished.values())
        pace = 1.0 if self.queued else (took + PRIOR * total) / (done + PRIOR * total)
        if not self.queued:
            for job, start in self.running.items():
                weight = self.expected.get(job, 0.0)
                done += min((now - start) / pace, UNFINISHED * weight)
        return min(1.0, done / total)

    def left(self, now: float) -> float | None:
        """Seconds until the end if the rest runs as fast as what is done; None before anything is."""
        share = self.share(now)
        return (now - self.began) * (1 - share) / share if share > 0 else None


def duration(seconds: float) -> str:
    """A time in words, as exact as an estimate is: '40 s', '12 min', '2 h 5 min', '3 days'."""
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{round(seconds / 86400)} days"


def ends_of(logs: Iterable[str]) -> Iterator[str]:
    """Lines that name each log and show its end; a log that was never written is named alone."""
    for log in logs:
        try:
            lines = Path(log).read_text("utf-8", errors="replace").splitlines()[-LOG_LINES:]
        except OSError:
            lines = []
        yield f"  log: {log}{', which ends with' if lines else ''}"
        yield from (f"    {line}" for line in lines)


class LogHandler(LogHandlerBase):
    """What Snakemake hands its messages to."""

    def __post_init__(self) -> None:
        """Called once, before the first message."""
        self.stream: TextIO = sys.stdout if self.common_settings.stdout else sys.stderr
        self.terminal = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self.progress: Progress | None = None
        self.queued = False
        self.names: dict[int, str] = {}
        self.failed: set[int] = set()
        self.written = -EVERY_PIPE  # when the last line of progress was
        self.percent = 0
        self.ended = threading.Event()
        self.complete_log = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Take one message; called with the handler's lock held, by one thread."""
        try:
            self.take(record)
        except Exception:  # a bug here must not end a run
            self.handleError(record)

    def take(self, record: logging.LogRecord) -> None:
        """Count, show or drop a message."""
        if self.common_settings.dryrun:
            if text := self.format(record):
                self.stream.write(text + "\n")
            return
        event, text, now = getattr(record, "event", None), record.getMessage(), time.monotonic()
        if expected := getattr(record, "expected_seconds", None):
            self.begin(expected, now)
        elif event == LogEvent.RESOURCES_INFO and hasattr(record, "nodes"):
            self.queued = True
        elif event == LogEvent.JOB_INFO:
            job = record.jobid  # type: ignore[attr-defined]
            self.names[job] = record.rule_msg or record.rule_name  # type: ignore[attr-defined]
            if self.progress:
                self.progress.start(job, now)
                self.draw(now)
        elif event == LogEvent.JOB_FINISHED and self.progress:
            self.progress.finish(record.job_id, now)  # type: ignore[attr-defined]
            self.failed.discard(record.job_id)  # type: ignore[attr-defined]  # it was tried again
            self.draw(now)
        elif event == LogEvent.JOB_ERROR:
            self.failure(record)
        elif event == LogEvent.GROUP_ERROR:
            self.group_failure(record)
        elif any(part in text for part in REPEATED):
            pass  # the failed jobs say it
        elif text.startswith("Complete log"):
            self.complete_log = text.partition(": ")[2]
        elif record.levelno >= logging.WARNING or (event is None and text.startswith(SHOWN)):
            self.show(self.format(record), error=record.levelno >= logging.ERROR)

    def begin(self, expected: dict[int, float], now: float) -> None:
        """Start to count; a terminal's line is rewritten also while nothing happens."""
        self.progress = Progress(expected, began=now, queued=self.queued)
        self.show(f"{len(expected)} jobs to run")
        if self.terminal:
            threading.Thread(target=self.tick, daemon=True).start()

    def tick(self) -> None:
        """Rewrite the line every second until the run ends."""
        while not self.ended.wait(EVERY_TERMINAL):
            with self.lock:  # type: ignore[union-attr]
                if not self.ended.is_set():
                    self.draw(time.monotonic())

    def failure(self, record: logging.LogRecord) -> None:
        """Show which job failed, where its log is and how that ends."""
        job, logs = record.jobid, record.log  # type: ignore[attr-defined]
        self.failed.add(job)
        if self.progress:
            self.progress.fail(job)
        of_group = record.indent  # type: ignore[attr-defined]
        rule, name = record.rule_name, self.names.get(job, record.rule_name)  # type: ignore[attr-defined]
        lines = [f"{'  of this group' if of_group else 'Failed'}: {name} (rule {rule})"]
        if record.rule_msg:  # type: ignore[attr-defined]
            lines.append(f"  {record.rule_msg}")  # type: ignore[attr-defined]
        self.show("\n".join([*lines, *ends_of(logs)]), error=True)

    def group_failure(self, record: logging.LogRecord) -> None:
        """Show that jobs which were submitted together failed; a message for each of them follows."""
        jobs, logs = record.job_error_info, record.aux_logs  # type: ignore[attr-defined]
        self.show("\n".join([f"Failed: a group of {len(jobs)} jobs", *ends_of(logs)]), error=True)

    def line(self, now: float) -> str:
        """The line of progress."""
        assert self.progress
        self.percent = max(self.percent, int(100 * self.progress.share(now)))
        left = self.progress.left(now)
        parts = [f"{self.percent:3d} %"]
        if self.terminal:
            filled = self.percent * BAR // 100
            parts.append(f"[{'#' * filled}{'-' * (BAR - filled)}]")
        parts.append(f"{len(self.progress.finished)} of {len(self.progress.expected)} jobs")
        if left is not None:
            parts.append(f"about {duration(left)} left")
        running = list(self.progress.running)
        if running:
            more = f" and {len(running) - 1} more" if len(running) > 1 else ""
            parts.append(f"{self.names[running[-1]]}{more}")
        return "  ".join(parts)

    def draw(self, now: float) -> None:
        """Write the line of progress: over the last one in a terminal, else where it is time for one."""
        if self.terminal:
            width = self.width()
            self.stream.write(f"{CLEAR}{self.line(now)[: width - 1]}\r")
        elif now - self.written >= EVERY_PIPE:
            self.stream.write(self.line(now) + "\n")
        else:
            return
        self.written = now
        self.stream.flush()

    def width(self) -> int:
        """Characters in a line of the terminal."""
        try:
            return os.get_terminal_size(self.stream.fileno()).columns
        except (OSError, ValueError):
            return shutil.get_terminal_size().columns

    def show(self, text: str, error: bool = False) -> None:
        """Write a message above the line of progress."""
        if not text or text == "None":
            return
        if error and self.terminal and not self.common_settings.nocolor:
            text = f"{RED}{text}{PLAIN}"
        self.stream.write(f"{CLEAR if self.terminal else ''}{text}\n")
        self.stream.flush()
        if self.progress and self.terminal and not self.ended.is_set():
            self.draw(time.monotonic())

    def close(self) -> None:
        """Say how the run ended; Snakemake calls this more than once."""
        if self.progress and not self.ended.is_set():
            self.ended.set()
            took = duration(time.monotonic() - self.progress.began)
            done, jobs = len(self.progress.finished), len(self.progress.expected)
            if done >= jobs:
                self.show(f"All {jobs} jobs are done, after {took}.")
            else:
                failed = f", {len(self.failed)} failed" if self.failed else ""
                self.show(f"Ended after {took}: {done} of {jobs} jobs are done{failed}. The next run continues here.")
                self.show(f"All messages: {self.complete_log}" if self.complete_log else "")
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """Whether Snakemake's own output is replaced."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Whether a file is written."""
        return False

    @property
    def has_filter(self) -> bool:
        """No: Snakemake's own one keeps `--quiet`."""
        return False

    @property
    def has_formatter(self) -> bool:
        """No: warnings and dry runs look as Snakemake's own."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """Whether a graph of the rules is wanted."""
        return False
