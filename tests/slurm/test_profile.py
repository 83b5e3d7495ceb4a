"""What the SLURM profile asks for, and what it keeps with Snakemake, without a cluster."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

from tests.runs import ROOT

sys.path.append(str(ROOT / "benchmarks"))
import dag

pytestmark = pytest.mark.slurm


def test_what_jobs_ask_for() -> None:
    _, _, jobs = dag.dry_run(dag.configuration(items=1000, models=2), shards=2)
    largest = jobs.groupby("rule").max()
    assert jobs["rule"].value_counts()["write_chains"] == 2 * 10 * 4 * 2
    assert largest.loc["write_chains", "gpu"] == 1
    assert largest.loc["warm_start", "gpu"] == 0  # nothing is trained: a file is written, where Snakemake runs
    assert largest.loc["measure_chains", "gpu"] == 0  # one of those that are submitted together
    weights = 2 * 8030.261248
    assert 4000 + weights < largest.loc["write_chains", "mem_mb"] < 4000 + 1.1 * weights  # and a thousand chains
    assert "rescore_answers" in dag.by_rule(jobs)


def on_a_server(config: dict[str, Any]) -> dict[str, Any]:
    """The same with a pair of models on a server."""
    model = {"name": "asked", "source": {"uri": "openai:base"}, "parameters": 1e9}
    arm = {"name": "tuned-asked", "source": {"uri": "openai:tuned"}, "datasets": ["medqa"]}
    datasets = [dataset for dataset in config["datasets"] if dataset["name"] == "medqa"]
    return config | {"models": [model], "arms": [arm], "datasets": datasets}


@pytest.mark.parametrize(
    ("change", "more"), [(dict, set()), (on_a_server, {"write_chains", "rescore_answers"})], ids=["weights", "server"]
)
def test_what_stays_with_snakemake(
    change: Any, more: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(change(dag.configuration(items=100, models=1)) | {"results": "results-dag"}))
    monkeypatch.chdir(ROOT)
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        given = {"resource_settings": ResourceSettings(cores=2), "config_settings": ConfigSettings(configfiles=[file])}
        local = api.workflow(**given, snakefile=ROOT / "Snakefile")._workflow._localrules
    assert local == {"all", "fetch_source", "warm_start", "check_shuffling", "check_chains", "write_provenance", *more}
