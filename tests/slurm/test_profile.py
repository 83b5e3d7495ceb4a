"""What the SLURM profile asks for, without a cluster."""

import sys

import pytest

from tests.runs import ROOT

sys.path.append(str(ROOT / "benchmarks"))
import dag

pytestmark = pytest.mark.slurm


def test_what_jobs_ask_for() -> None:
    _, _, jobs = dag.dry_run(dag.configuration(items=1000, models=2), shards=2)
    largest = jobs.groupby("rule").max()
    assert jobs["rule"].value_counts()["write_chains"] == 2 * 10 * 4 * 2
    assert largest.loc["write_chains", "gpu"] == 1
    assert largest.loc["measure_chains", "gpu"] == 0  # one of those that are submitted together
    assert largest.loc["write_chains", "mem_mb"] == 4000 + round(2 * 8030.261248 + 50)  # weights, and a thousand chains
    assert "rescore_answers" in dag.by_rule(jobs)
