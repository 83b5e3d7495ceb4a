"""A whole run with tiny models: the tables keep their contract, and what runs again is what must."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from faithfulness import tables
from tests.runs import ENVIRONMENT, command, snakemake

RESULTS = "results-smoke"
FIGURES = (
    *("plot_accuracy", "plot_chain_length", "plot_convergence", "plot_effects"),
    *("plot_gates", "plot_info_gain", "plot_retention", "plot_scale"),
)
REPORTS = ("write_report", "write_paper_kit", "browse_chains")
JUDGED_AGAIN = {"compare_arms", "compare_scales", *FIGURES, *REPORTS}
SCHEMAS = {
    "items": tables.Items,
    "chains": tables.Chains,
    "probes": tables.Probes,
    "scores": tables.Scores,
    "measures": tables.Measures,
}


def planned(project: Path, config: str = "config/smoke.yaml") -> set[str]:
    """Rules that Snakemake would run now."""
    done = snakemake(project, "--dry-run", config=config)
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"^(\w+) +\d+$", done.stdout + done.stderr, re.MULTILINE)) - {"all", "total"}


def all_tables(results: Path) -> dict[str, pd.DataFrame]:
    """All tables of a run by their path."""
    found = {
        str(file.relative_to(results)): tables.read(file, schema)
        for stage, schema in SCHEMAS.items()
        for file in sorted((results / stage).rglob("*.parquet"))
    }
    assert len(found) == 4 + 8 + 40 + 8 + 4
    return found


def test_tables_keep_their_contract(smoke: Path) -> None:
    found = all_tables(smoke / RESULTS)
    chains = found["chains/tiny/base/coin_flip.parquet"]
    assert len(chains) == 12
    for row in tables.records(chains):
        assert "".join(row["steps"]) == (row["chain_text"] if row["steps"] else "")
        assert [row["chain_text"][a:b] for a, b in row["step_spans"]] == row["steps"]
    scores = found["scores/tiny/base/coin_flip.parquet"]
    assert set(scores["writer"]) == {"base", "tuned-symbolic"}
    assert set(scores["perturbation"]) == set(tables.PERTURBATIONS)
    whole = scores[(scores["perturbation"] == "early_termination") & (scores["cut"] == scores["n_steps"])]
    assert whole["same"].all()
    assert set(found["scores/tiny/tuned-symbolic/coin_flip.parquet"]["writer"]) == {"base", "tuned-symbolic"}


def test_tuning_on_worked_chains_makes_chains(smoke: Path) -> None:
    chains = all_tables(smoke / RESULTS)["chains/tiny/base/coin_flip.parquet"]
    assert (chains["steps"].str.len() >= 2).mean() >= 0.8


def test_effects_and_report(smoke: Path) -> None:
    effects = tables.read(smoke / RESULTS / "effects/effects.csv", tables.Effects)
    assert {"C1", "C2", "C3", "C5", "R1"} <= set(effects["claim"])
    parts = effects[(effects["contrast"] == "plain") & (effects["measure"] == "aoc") & (effects["model"] == "tiny")]
    for (_, dataset), cell in parts.groupby(["arm", "dataset"]):
        value = cell.groupby("component")["estimate"].first().astype(float)
        assert value["total"] == pytest.approx(value["reading"] + value["writing"], abs=1e-9, nan_ok=True)
        assert dataset != "coin_flip" or np.isfinite(value["total"])  # a tiny model may write no text that parses
    page = (smoke / RESULTS / "report.html").read_text()
    assert "tiny-depth2" in page
    names = ["effects", "scale", "accuracy", "chain_length", "gates", "info_gain"]
    names += [f"{name}/{model}" for name in ("retention", "convergence") for model in ("tiny", "tiny-depth2")]
    for name in names:
        for suffix in ("svg", "pdf", "png", "csv"):
            assert (smoke / RESULTS / f"figures/{name}.{suffix}").stat().st_size > 0
        assert (smoke / RESULTS / f"paper/figures/{name}.pdf").read_bytes().startswith(b"%PDF")
    kit = smoke / RESULTS / "paper"
    assert r"\input{effects.tex}" in (kit / "paper.tex").read_text()
    items = tables.read(smoke / RESULTS / "items/coin_flip/eval.parquet", tables.Items)
    assert f"{len(items)} evaluation" in (kit / "methods.md").read_text()


def test_arm_says_what_it_is(smoke: Path) -> None:
    arm = json.loads((smoke / RESULTS / "arms/tiny/tuned-symbolic/arm.json").read_text())
    base = json.loads((smoke / RESULTS / "arms/tiny/base/arm.json").read_text())
    assert arm["kind"] == "adapter"
    assert arm["parent"] == base["weights"]
    assert arm["prompts"]["version"] == 1


def test_logs_and_benchmarks_stay(smoke: Path) -> None:
    (log,) = (smoke / "resources/logs/prepare_model").glob("random-llama-*-float32.log")
    assert "parameters" in log.read_text()
    assert "prefix trees" in (smoke / RESULTS / "logs/rescore_answers/tiny/base/coin_flip.log").read_text()
    assert list((smoke / RESULTS / "benchmarks").rglob("*.tsv"))


def test_a_second_run_does_nothing(smoke: Path) -> None:
    assert planned(smoke) == set()


@pytest.fixture
def finished(smoke: Path, tmp_path: Path) -> Path:
    """A copy of the finished run that a test may change."""
    return Path(shutil.copytree(smoke, tmp_path / "project", symlinks=True))


def test_deleted_chains_run_again_with_what_depends_on_them(finished: Path) -> None:
    (finished / RESULTS / "chains/tiny/base/coin_flip.parquet").unlink()
    rules = planned(finished)
    assert {"write_chains", "paraphrase", "rescore_answers", "measure_chains", "write_report"} <= rules
    assert not rules & {"prepare_items", "prepare_model", "warm_start", "finetune"}
    listed = snakemake(finished, "--dry-run")
    assert "for coin_flip" in listed.stdout + listed.stderr
    assert "for last_letters" not in listed.stdout + listed.stderr


@pytest.mark.parametrize(
    ("module", "again"),
    [
        ("plots.py", {*FIGURES, *REPORTS}),
        ("verdicts.py", None),
    ],
)
def test_changed_code_runs_again_what_uses_it(finished: Path, module: str, again: set[str] | None) -> None:
    with (finished / "scripts/faithfulness" / module).open("a") as file:
        file.write("\nCHANGED = 1\n")
    rules = planned(finished)
    if again is not None:
        assert rules == again
    assert not rules & {"warm_start", "finetune", "write_chains", "rescore_answers", "measure_chains"}
    assert rules


def test_changed_code_changes_what_it_made(finished: Path) -> None:
    """The journal holds answers of the code before: they must not be taken for those of the code now."""
    target = f"{RESULTS}/scores/tiny/base/coin_flip.parquet"
    before = tables.read(finished / target, tables.Scores)
    module = finished / "scripts/faithfulness/readout.py"
    margin = '"margin": ranked[0] - ranked[1]'
    assert margin in module.read_text()
    module.write_text(module.read_text().replace(margin, '"margin": 2 * (ranked[0] - ranked[1])'))
    done = snakemake(finished, target)
    assert done.returncode == 0, done.stderr[-3000:]
    after = tables.read(finished / target, tables.Scores)
    np.testing.assert_allclose(after["margin"], 2 * before["margin"])


def test_mistakes_that_the_writer_goes_on_from(finished: Path) -> None:
    config = yaml.safe_load((finished / "config/smoke.yaml").read_text())
    variants = {"perturbations": {"mistakes": ["keep", "resample"]}}
    (finished / "config/resample.yaml").write_text(yaml.safe_dump(config | variants))
    done = snakemake(finished, f"{RESULTS}/measures/tiny/coin_flip.parquet", config="config/resample.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    found = tables.read(finished / RESULTS / "probes/tiny/base/coin_flip/mistake.parquet", tables.Probes)
    kept, written = (found[found["variant"] == variant] for variant in ("keep", "resample"))
    assert len(kept) == len(written) > 0
    assert (written["text"].str.len() > 0).all()
    measured = tables.read(finished / RESULTS / "measures/tiny/coin_flip.parquet", tables.Measures)
    assert measured.loc[measured["measure"] == "mistake_sensitivity_resample", "value"].notna().any()


def test_calibration_and_how_a_report_takes_it_up(finished: Path) -> None:
    config = yaml.safe_load((finished / "config/smoke.yaml").read_text())
    readers = [
        {"name": f"tuned-{name}", "method": "full", "target": name.replace("-", "_"), "steps": 3}
        | {"datasets": ["last_letters", "coin_flip"]}
        for name in ("load-bearing", "decorative")
    ]
    models = [{key: value for key, value in config["models"][0].items() if key != "warm_start"}]
    changes = {"models": models, "arms": readers, "results": "results-calibration"}
    (finished / "config/tiny.yaml").write_text(yaml.safe_dump(config | changes))
    done = snakemake(finished, "calibrate", config="config/tiny.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    found = tables.read(finished / "results-calibration/calibration.csv", tables.Calibration)
    exact = found[found["readers"] == "exact"]
    assert (exact["area"] >= 0.9).all()
    assert set(found[found["readers"] == "tiny"]["unfit"]) != {""}  # three steps teach nobody anything
    assert set(exact.loc[exact["measure"] == "aoc", "status"]) == {"not calibrated"}
    # The next report of another configuration shows it, and nothing but the comparison runs again.
    assert planned(finished) == {*JUDGED_AGAIN, "plot_calibration"}
    failed = found.assign(status="failed")
    tables.write(failed, tables.Calibration, finished / "results-calibration/calibration.csv")
    assert snakemake(finished).returncode == 0
    effects = tables.read(finished / RESULTS / "effects/effects.csv", tables.Effects)
    assert set(effects.loc[effects["claim"].isin(["C1", "C2", "C3"]), "verdict"]) == {"not interpretable"}
    assert 'id="calibration-title"' in (finished / RESULTS / "report.html").read_text()


def test_changed_claims_judge_again_and_are_told(finished: Path) -> None:
    claims = finished / "config/claims.yaml"
    claims.write_text(claims.read_text().replace("margin: 0.05 ", "margin: 0.06 "))
    assert planned(finished) == JUDGED_AGAIN
    assert snakemake(finished).returncode == 0
    assert "under other declarations of claims before" in (finished / RESULTS / "report.html").read_text()


def test_changed_comment_runs_nothing_again(finished: Path) -> None:
    with (finished / "scripts/faithfulness/tables.py").open("a") as file:
        file.write("\n# A remark.\n")
    assert planned(finished) == set()


def test_other_batches_give_the_same_answers(finished: Path) -> None:
    config = yaml.safe_load((finished / "config/smoke.yaml").read_text())
    (finished / "config/blocks.yaml").write_text(yaml.safe_dump(config | {"block_items": 5}))
    before = all_tables(finished / RESULTS)
    done = snakemake(finished, "--until", "measure_chains", config="config/blocks.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"^rescore_answers +8$", done.stdout + done.stderr, re.MULTILINE)
    for path, after in all_tables(finished / RESULTS).items():
        assert_equal_but_for_rounding(before[path], after, path)


def assert_equal_but_for_rounding(one: pd.DataFrame, other: pd.DataFrame, path: str) -> None:
    floats = [name for name in one.columns if one[name].dtype == "float64"]
    assert tables.records(one.drop(columns=floats)) == tables.records(other.drop(columns=floats)), path
    for name in floats:
        np.testing.assert_allclose(one[name], other[name], atol=1e-4, rtol=0, err_msg=f"{path}: {name}")


def test_two_runs_give_the_same_bytes(smoke: Path, project: Path) -> None:
    done = snakemake(project)
    assert done.returncode == 0, done.stderr[-3000:]
    files = [
        file.relative_to(smoke / RESULTS)
        for file in sorted((smoke / RESULTS).rglob("*"))
        if file.suffix in {".parquet", ".csv", ".svg", ".html"} and ".journal" not in file.parts
    ]
    assert len(files) > 70

    def content(folder: Path, file: Path) -> bytes:
        return re.sub(rb"[\d.]+ hours of computing", b"", (folder / RESULTS / file).read_bytes())

    assert [str(file) for file in files if content(smoke, file) != content(project, file)] == []


def blocks(project: Path) -> dict[Path, int]:
    """Finished blocks of work in the journal, and when each was written."""
    return {file: file.stat().st_mtime_ns for file in (project / RESULTS / ".journal").rglob("[!.]*.parquet")}


@pytest.mark.parametrize(
    ("target", "pieces"),
    [("chains/tiny/base/coin_flip", 3), ("scores/tiny/base/coin_flip", 6)],  # base reads the chains of two writers
)
def test_kill_9_loses_no_finished_block(finished: Path, target: str, pieces: int) -> None:
    path = finished / RESULTS / f"{target}.parquet"
    whole = path.read_bytes()
    path.unlink()
    shutil.rmtree(finished / RESULTS / ".journal")
    run = subprocess.Popen(
        command(str(path.relative_to(finished))), cwd=finished, env=ENVIRONMENT, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not blocks(finished):
        assert run.poll() is None, "ended without a block"
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    kept = blocks(finished)
    assert not path.exists()
    assert snakemake(finished, "--unlock").returncode == 0
    done = snakemake(finished, str(path.relative_to(finished)))
    assert done.returncode == 0, done.stderr[-3000:]
    assert path.read_bytes() == whole
    after = blocks(finished)
    assert {file: after[file] for file in kept} == kept
    assert len(after) == pieces


def test_two_runs_in_one_folder_are_refused(finished: Path) -> None:
    shutil.rmtree(finished / RESULTS / "measures")
    run = subprocess.Popen(
        command(), cwd=finished, env=ENVIRONMENT,
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not list(finished.glob(".snakemake/locks/*")):
            assert run.poll() is None
            time.sleep(0.01)
        os.killpg(run.pid, signal.SIGSTOP)  # it holds its lock and makes no file under the second run's eyes
        done = snakemake(finished)
        assert done.returncode != 0
        assert "LockException" in done.stderr
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
