"""The published setting can be planned offline, and a finished run used what its plan said."""

import re
import subprocess
import sys
from pathlib import Path

from tests.runs import snakemake


def test_the_published_setting_is_planned_offline(project: Path) -> None:
    done = snakemake(project, "--dry-run", config="config/paper.yaml")
    assert done.returncode == 0, done.stderr
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout + done.stderr, re.MULTILINE))
    # Nine tuned arms and base, on four datasets with eight tables; six perturbations of each arm's chains.
    expected = {"fetch_source": 9, "finetune": 9, "write_chains": 40, "perturb_chains": 240, "rescore_answers": 40}
    assert {rule: int(jobs[rule]) for rule in expected} == expected
    assert not (project / "resources").exists()


def test_what_chains_of_base_will_close_needs_no_tuned_arm(project: Path) -> None:
    planned = snakemake(project, "--dry-run", "results-smoke/forecast/tiny/base/coin_flip.csv")
    assert planned.returncode == 0, planned.stderr
    rules = set(re.findall(r"^(\w+) +\d+$", planned.stdout + planned.stderr, re.MULTILINE))
    assert {"write_chains", "check_chains"} <= rules
    assert not rules & {"finetune", "rescore_answers"}


def test_a_finished_run_used_what_was_planned(smoke: Path) -> None:
    asked = [sys.executable, "scripts/plan_run.py", "config/smoke.yaml", "--flops", "1e12"]
    done = subprocess.run(asked, cwd=smoke, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (ratio,) = re.findall(r"([\d.]+) times what it used", done.stdout)
    assert 0.8 < float(ratio) < 1.2, done.stdout
