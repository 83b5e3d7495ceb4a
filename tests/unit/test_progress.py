"""The line of progress that `make` shows of a run, in a terminal and in a pipe, and what stays beside it."""

import io
import logging
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakemake.settings.types import OutputSettings
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_progress import UNFINISHED, LogHandler, Progress, duration
from tests.runs import ROOT, make

SNAKEFILE = """
from snakemake.logging import logger
rule all:
    input: expand("{name}.txt", name=["good", "bad"])
rule write:
    output: "{name}.txt"
    log: "logs/{name}.log"
    message: "Writing {wildcards.name}"
    shell:
        "if [ {wildcards.name} = bad ]; then (seq 100; echo no disk is left) > {log}; exit 1; fi; touch {output}"
onstart:
    logger.info(None, extra={"expected_seconds": {job.jobid: 2.0 for job in workflow.dag.needrun_jobs()}})
"""
COMMAND = [sys.executable, "-m", "snakemake", "--cores", "1", "--keep-going", "--logger", "progress"]
ENVIRONMENT = {name: text for name, text in os.environ.items() if name != "TERM"} | {
    "PYTHONPATH": str(ROOT / "scripts"),
    "TERM": "xterm",
}
SAID = r"""3 jobs to run
  0 %  0 of 3 jobs  Writing (good|bad)
Failed: Writing bad \(rule write\)
  log: logs/bad.log, which ends with
    90
(    \d+\n){10}    no disk is left
Ended after \d+ s: 1 of 3 jobs are done, 1 failed\. The next run continues here\.
All messages: .*\.snakemake/log/.*\.snakemake\.log
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    return tmp_path


def test_a_pipe_gets_whole_lines_and_the_end_of_a_failed_log(folder: Path) -> None:
    done = subprocess.run(COMMAND, cwd=folder, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert done.returncode == 1
    assert not set(done.stderr) & set("\r\x1b")
    assert "Select jobs" not in done.stderr
    assert re.fullmatch(SAID, done.stderr), done.stderr


def test_a_terminal_gets_one_line_that_is_rewritten(folder: Path) -> None:
    (folder / "bad.txt").touch()
    main, terminal = pty.openpty()
    with subprocess.Popen(COMMAND, cwd=folder, stdout=terminal, stderr=terminal, env=ENVIRONMENT) as run:
        os.close(terminal)
        shown = b""
        while chunk := _read(main):
            shown += chunk
    os.close(main)
    assert run.returncode == 0
    lines = [line.rpartition("\x1b[K")[2].strip() for line in shown.decode().splitlines()]
    assert re.search(r"\r\x1b\[K  0 %  \[-{24}\]  0 of 2 jobs", shown.decode()), shown.decode()
    assert re.fullmatch(r"All 2 jobs are done, after \d+ s\.", lines[-1]), lines


def _read(terminal: int) -> bytes:
    """What a terminal was sent; nothing once the other end is closed."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        return b""


def test_nothing_to_do_is_said(folder: Path) -> None:
    for name in ("good", "bad"):
        (folder / f"{name}.txt").touch()
    done = subprocess.run(
        [*COMMAND, "--", "good.txt"], cwd=folder, capture_output=True, text=True, check=False, env=ENVIRONMENT
    )
    assert "Nothing to be done" in done.stderr


@given(
    expected=st.lists(st.floats(0.1, 1e5), min_size=1, max_size=20),
    pace=st.floats(0.1, 10),
    queued=st.booleans(),
)
def test_the_share_of_a_run_in_turn_ends_at_one_and_its_time_left_at_nothing(
    expected: list[float], pace: float, queued: bool
) -> None:
    progress, now = Progress(dict(enumerate(expected)), began=0.0, queued=queued), 0.0
    total = sum(expected)
    for job, weight in enumerate(expected):
        progress.start(job, now)
        assert 0 <= progress.share(now + weight * pace * 100) <= (sum(expected[: job + 1]) + 1e-6) / total
        now += weight * pace
        progress.finish(job, now)
        assert progress.share(now) == pytest.approx(sum(expected[: job + 1]) / total)
        # All jobs take as many times longer than expected, and so will the rest.
        assert progress.left(now) == pytest.approx(total * pace - now, abs=1e-6 * total * pace)
    assert progress.share(now) == 1


def test_a_running_job_counts_by_its_time_and_never_as_done() -> None:
    progress = Progress({1: 100.0, 2: 100.0}, began=0.0)
    progress.start(1, 0.0)
    assert progress.share(20.0) == pytest.approx(0.1)
    assert progress.left(20.0) == pytest.approx(180.0)
    assert progress.share(1e6) == pytest.approx(UNFINISHED / 2)
    progress.fail(1)
    assert progress.share(1e6) == 0
    assert progress.left(1e6) is None


def test_a_job_in_a_queue_is_not_counted_before_it_is_done() -> None:
    progress = Progress({1: 100.0, 2: 100.0}, began=0.0, queued=True)
    progress.start(1, 0.0)
    assert progress.share(90.0) == 0
    progress.finish(1, 100.0)
    assert progress.share(100.0) == 0.5


def test_nothing_expected_is_all_done() -> None:
    assert Progress({}, began=0.0).share(1.0) == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1 s"), (59.4, "59 s"), (59.6, "1 min"), (3_570, "1 h"), (3_569, "59 min"), (7_500, "2 h 5 min"),
        (47.9 * 3600, "47 h 54 min"), (72 * 3600, "3 days"),
    ],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_make_does_not_echo_its_recipes(tmp_path: Path) -> None:
    assert make(tmp_path, "clean", f"RESULTS={tmp_path / 'results'}") == ""


def record(event: LogEvent | None, level: int = logging.INFO, message: str = "", **content: Any) -> logging.LogRecord:
    return logging.makeLogRecord({"levelno": level, "msg": message, "event": event, **content})


def test_jobs_that_were_submitted_together_fail_together(tmp_path: Path) -> None:
    (tmp_path / "slurm.log").write_text("killed\n")
    output = OutputSettings(nocolor=True)
    handler = LogHandler(output, None)
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.stream = io.StringIO()
    handler.handle(record(LogEvent.RESOURCES_INFO, nodes=100))
    handler.handle(record(None, expected_seconds={1: 30.0, 2: 90.0}))
    for job, rule in ((1, "perturb_chains"), (2, "paraphrase")):
        handler.handle(record(LogEvent.JOB_INFO, jobid=job, rule_msg=None, rule_name=rule))
    handler.handle(record(None, logging.WARNING, "Unable to guess SLURM account."))
    group = {"job_error_info": [{}, {}], "aux_logs": [str(tmp_path / "slurm.log")]}
    handler.handle(record(LogEvent.GROUP_ERROR, logging.ERROR, **group))
    failed = {"jobid": 2, "rule_msg": None, "rule_name": "paraphrase", "log": ["no.log"], "indent": True}
    handler.handle(record(LogEvent.JOB_ERROR, logging.ERROR, **failed))
    handler.close()
    handler.close()  # as Snakemake does
    assert handler.stream.getvalue() == (
        "2 jobs to run\n"
        "  0 %  0 of 2 jobs  perturb_chains\n"  # it was submitted, and may not run yet
        "Unable to guess SLURM account.\n"
        f"Failed: a group of 2 jobs\n  log: {tmp_path}/slurm.log, which ends with\n    killed\n"
        "  of this group: paraphrase (rule paraphrase)\n  log: no.log\n"
        "Ended after 1 s: 0 of 2 jobs are done, 1 failed. The next run continues here.\n"
    )


def test_a_job_that_fails_names_its_error_in_the_terminal_and_explains_it_in_its_log(tmp_path: Path) -> None:
    code = "from faithfulness.operate import job; job.start(['log']).warning('slow'); raise ValueError('no column')"
    environment = ENVIRONMENT | {"SLURM_JOB_ID": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
    )
    assert re.fullmatch(r"[\d:]+ WARNING slow\n[\d:]+ ERROR ValueError: no column\n", done.stderr), done.stderr
    log = (tmp_path / "log").read_text()
    assert "Traceback (most recent call last)" in log
    assert log.endswith("ValueError: no column\n")
