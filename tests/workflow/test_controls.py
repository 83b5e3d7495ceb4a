"""The experiments on null pairs and placebos, with a tiny model and few steps: they run, go on, and count."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from faithfulness.tables.controls import NullPairs
from faithfulness.tables.io import read_table
from faithfulness.tables.statistics import Effects
from tests.runs import ROOT, snakemake

TINY = {"source": {"uri": "random:llama"}, "dtype": "float32"}


def small(name: str, seeds: list[int]) -> dict[str, Any]:
    """An experiment with a tiny model in place of the real one, few steps, items and seeds."""
    config = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
    (model,) = config["models"]
    warm_start = model["warm_start"] | {"steps": 6, "batch_size": 4}
    config["models"] = [{"name": model["name"], "warm_start": warm_start} | TINY]
    for dataset in config["datasets"]:
        dataset |= {"train": min(dataset["train"], 60), "eval": 4, "max_new_tokens": 24}
    tuned, placebo, *null = config["arms"]
    placebo["seeds"] = seeds
    for arm in null:
        (made,) = (value for key, value in arm.items() if key != "name")
        made["seeds"] = seeds
    config["arms"] = [tuned | {"steps": 2, "batch_size": 4, "rank": 2}, placebo, *null]
    return config | {"statistics": {"resamples": 99}}


def script(folder: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": "scripts"}
    asked = [sys.executable, f"scripts/{name}.py", *arguments]
    return subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.slow
@pytest.mark.fault("null pairs stopped and started again", "goes on with what is not made yet")
def test_null_pairs_go_on_where_they_stopped(project: Path) -> None:
    config = small("null_pairs", [1, 2])
    (project / "config/small.yaml").write_text(yaml.safe_dump(config))
    table = f"{config['results']}/effects/null_pairs.csv"
    again = f"{config['results']}/arms/smollm2-64m-depth10/null-warm-start.seed1"
    first = snakemake(project, again, config="config/small.yaml")
    assert first.returncode == 0, first.stderr[-3000:]
    made = (project / again / "arm.json").stat().st_mtime_ns
    done = snakemake(project, table, config="config/small.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    assert (project / again / "arm.json").stat().st_mtime_ns == made
    pairs = read_table(project / table, NullPairs)
    assert set(zip(pairs["first"], pairs["second"], strict=True)) == {
        ("null-warm-start.seed1", "null-warm-start.seed2"),
        ("placebo-symbolic.seed1", "placebo-symbolic.seed2"),
    }
    shown = script(project, "show_null_pairs", table)
    # A pair of which nothing can be said, as may be with so small a model, is counted apart.
    counted = re.findall(r"Of (\d+) (?:null|more)", shown.stdout)
    assert sum(map(int, counted)) == 2, shown.stdout + shown.stderr
    assert shown.stdout.count(" against ") == 2


@pytest.mark.slow
def test_placebos_are_judged_against_base_and_tuned_against_them(project: Path) -> None:
    config = small("placebo", [1, 2])
    (project / "config/small.yaml").write_text(yaml.safe_dump(config))
    done = snakemake(project, f"{config['results']}/effects/null_pairs.csv", config="config/small.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    checked = script(project, "check_placebo", "config/small.yaml", "--datasets", "coin_flip")
    assert checked.stdout.count(" against ") == 4, checked.stderr
    assert "tuned-symbolic against placebo-symbolic: " in checked.stdout
    assert "If the spread between trainings were left out of single ones: Of " in checked.stdout
    said = [line for line in checked.stdout.splitlines() if " against " in line]
    changed = [line for line in said if not line.endswith(("not called changed", "nothing can be said"))]
    whole = [line for line in said if re.search("symbolic against", line)]
    assert len(whole) == 2
    nothing = all(line.endswith("nothing can be said") for line in whole)
    assert checked.returncode == int(bool(changed) or nothing)


@pytest.mark.slow
def test_arms_of_little_and_of_some_reasoning_are_compared_with_each_other(project: Path) -> None:
    """C7: a row for each measure, cell and pool, the signs those of the arm whose data need little."""
    config = small("placebo", [1]) | {"results": "results-between"}
    letters, coins = (dataset for dataset in config["datasets"] if dataset["task"] != "table")
    config["datasets"] = [letters | {"reasoning": "some"}, coins | {"reasoning": "none"}]
    recipe = {key: value for key, value in config["arms"][0].items() if key not in ("name", "datasets")}
    names = {"tuned-reasons": letters["name"], "tuned-facts": coins["name"]}
    config["arms"] = [{"name": name, "datasets": [dataset]} | recipe for name, dataset in names.items()]
    (project / "config/small.yaml").write_text(yaml.safe_dump(config))
    table = "results-between/effects/effects.csv"
    done = snakemake(project, table, config="config/small.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    judged = read_table(project / table, Effects)
    between = judged[judged["claim"] == "C7"]
    assert set(between["arm"]) == {"tuned-facts - tuned-reasons"}
    primary = judged[judged["claim"].isin(["C1", "C2", "C3", "C8"])]
    assert set(between["measure"]) == set(primary["measure"])
    assert set(between["dataset"]) == set(primary["dataset"])
    assert between["verdict"].ne("").all()


@pytest.mark.slow
def test_a_model_may_have_a_base_arm_only(project: Path) -> None:
    config = small("placebo", [1]) | {"results": "results-alone"}
    (model,) = config["models"]
    config["models"].append(model | {"name": "alone", "layers": 2})
    config["arms"] = [arm | {"models": [model["name"]]} for arm in config["arms"]]
    (project / "config/small.yaml").write_text(yaml.safe_dump(config))
    done = snakemake(project, "results-alone/report.html", config="config/small.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    judged = read_table(project / "results-alone/effects/effects.csv", Effects)
    assert set(judged["model"]) == {model["name"]}
    assert "alone" in (project / "results-alone/report.html").read_text()
