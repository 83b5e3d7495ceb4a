"""After a change, what depends on it runs again, and nothing else."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from faithfulness.compare.chain_values import of_cue
from faithfulness.figures import registry
from faithfulness.tables.generation import Forecast, Probes, Scores
from faithfulness.tables.io import read_table, records, write_table
from faithfulness.tables.measures import Calibration, Measures
from faithfulness.tables.statistics import Conflicts, Effects
from tests.runs import RESULTS, snakemake
from tests.words import edit_all

FIGURES = [f"plot_{figure.name}" for figure in registry.FIGURES if figure.name != "calibration"]
REPORTS = ("write_report", "write_paper_kit", "browse_chains")
JUDGED_AGAIN = {
    *("describe_arms", "estimate_effects", "estimate_controls", "compare_arms", "judge_null_pairs", "compare_scales"),
    "write_provenance",
    *(*FIGURES, *REPORTS),
}


def rules_in(listed: subprocess.CompletedProcess[str]) -> set[str]:
    """Rules in the output of a dry run."""
    assert listed.returncode == 0, listed.stderr
    return set(re.findall(r"^(\w+) +\d+$", listed.stdout + listed.stderr, re.MULTILINE)) - {"all", "total"}


def planned(project: Path, config: str = "config/smoke.yaml") -> set[str]:
    """Rules that Snakemake would run now."""
    return rules_in(snakemake(project, "--dry-run", config=config))


def test_a_second_run_does_nothing(smoke: Path) -> None:
    assert planned(smoke) == set()


def test_deleted_chains_run_again_with_what_depends_on_them(finished: Path) -> None:
    (finished / RESULTS / "chains/tiny/base/coin_flip.parquet").unlink()
    listed = snakemake(finished, "--dry-run")
    rules = rules_in(listed)
    assert {"write_chains", "perturb_chains", "rescore_answers", "measure_chains", "write_report"} <= rules
    assert not rules & {"prepare_items", "prepare_model", "warm_start", "finetune"}
    assert "for coin_flip" in listed.stdout + listed.stderr
    assert "for last_letters" not in listed.stdout + listed.stderr


@pytest.mark.parametrize(
    ("module", "again"),
    [
        ("figures/scale.py", {"plot_scale", "write_report", "write_paper_kit"}),
        ("figures/common.py", {*FIGURES, "write_report", "write_paper_kit"}),
        ("compare/verdicts.py", None),
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
    before = read_table(finished / target, Scores)
    module = finished / "scripts/faithfulness/rescore/answering.py"
    margin = '"margin": ranked[0] - ranked[1]'
    assert margin in module.read_text()
    module.write_text(module.read_text().replace(margin, '"margin": 2 * (ranked[0] - ranked[1])'))
    done = snakemake(finished, target)
    assert done.returncode == 0, done.stderr[-3000:]
    after = read_table(finished / target, Scores)
    np.testing.assert_allclose(after["margin"], 2 * before["margin"])


def test_edited_words_run_no_model_again_and_decide_no_answer(finished: Path) -> None:
    edit_all(finished / "scripts")
    rules = planned(finished)
    assert not rules & {"warm_start", "finetune", "write_chains", "perturb_chains", "rescore_answers", "measure_chains"}
    target = finished / RESULTS / "scores/tiny/base/coin_flip.parquet"
    before = read_table(target, Scores)
    target.unlink()
    shutil.rmtree(finished / RESULTS / ".journal")
    done = snakemake(finished, str(target.relative_to(finished)))
    assert done.returncode == 0, done.stderr[-3000:]
    pd.testing.assert_frame_equal(read_table(target, Scores), before, rtol=0, atol=1e-9)


def test_changed_comment_runs_nothing_again(finished: Path) -> None:
    with (finished / "scripts/faithfulness/tables/io.py").open("a") as file:
        file.write("\n# A remark.\n")
    assert planned(finished) == set()


@pytest.mark.fault("configuration edited: a dataset more", "the others are left alone")
def test_a_new_dataset_of_open_questions_leaves_the_others_alone(finished: Path) -> None:
    rows = [{"question": f"What is {i} plus {i}?", "answer": f"{2 * i}"} for i in range(6)]
    (finished / "own.jsonl").write_text("\n".join(map(json.dumps, rows)))
    own = {"name": "own", "task": "table", "source": {"uri": "path:own.jsonl"}, "columns": {"options": None}}
    own |= {"readout": "text", "train": 0, "eval": 6, "max_new_tokens": 20}
    config = yaml.safe_load((finished / "config/smoke.yaml").read_text())
    (finished / "config/own.yaml").write_text(yaml.safe_dump(config | {"datasets": [*config["datasets"], own]}))
    target = f"{RESULTS}/measures/tiny/own.parquet"
    done = snakemake(finished, target, config="config/own.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search("for own", done.stdout + done.stderr)
    assert not re.search("for (coin_flip|last_letters)", done.stdout + done.stderr)
    measured = read_table(finished / target, Measures)
    assert set(measured.loc[measured["measure"] == "cot_accuracy", "value"]) <= {0.0, 1.0}


@pytest.mark.fault("configuration edited between two runs", "only what depends on it runs again")
@pytest.mark.parametrize(
    ("where", "change", "again", "kept"),
    [
        (
            ["statistics"],
            {"resamples": 99},
            {"estimate_effects", "write_report"},
            {"measure_chains", "rescore_answers"},
        ),
        (["datasets", 1], {"max_new_tokens": 60}, {"write_chains", "rescore_answers"}, {"warm_start", "finetune"}),
        (
            ["datasets", 0],
            {"answer_tokens": 5},
            {"rescore_answers", "write_report"},
            {"write_chains", "perturb_chains"},
        ),
        (["arms", 0], {"learning_rate": 1.0e-3}, {"finetune", "write_chains"}, {"warm_start", "prepare_items"}),
    ],
    ids=["resamples", "max_new_tokens", "answer_tokens", "learning_rate"],
)
def test_an_edited_setting_runs_again_what_depends_on_it(
    smoke: Path, tmp_path: Path, where: list, change: dict, again: set[str], kept: set[str]
) -> None:
    config = yaml.safe_load((smoke / "config/smoke.yaml").read_text())
    entry = config
    for key in where:
        entry = entry[key]
    entry.update(change)
    (tmp_path / "edited.yaml").write_text(yaml.safe_dump(config))
    rules = planned(smoke, str(tmp_path / "edited.yaml"))
    assert again <= rules
    assert not rules & kept


@pytest.mark.fault("claims edited between two runs", "only judged again, and logged")
def test_claims_and_calibration_judge_again_and_are_named(finished: Path) -> None:
    claims = finished / "config/claims.yaml"
    claims.write_text(claims.read_text().replace("margin: 0.05 ", "margin: 0.06 "))
    assert planned(finished) == JUDGED_AGAIN
    config = yaml.safe_load((finished / "config/smoke.yaml").read_text())
    readers = [
        {
            "name": f"tuned-{name}",
            "method": "full",
            "target": name.replace("-", "_"),
            "steps": 3,
            "datasets": ["coin_flip"],
        }
        for name in ("load-bearing", "decorative")
    ]
    models = [{key: value for key, value in config["models"][0].items() if key != "warm_start"}]
    coins = [dataset for dataset in config["datasets"] if dataset["name"] == "coin_flip"]
    changes = {"models": models, "datasets": coins, "arms": readers, "results": "results-calibration"}
    (finished / "config/tiny.yaml").write_text(yaml.safe_dump(config | changes))
    done = snakemake(finished, "calibrate", config="config/tiny.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    found = read_table(finished / "results-calibration/calibration.csv", Calibration)
    exact = found[found["readers"] == "exact"]
    assert (exact["area"] >= 0.9).all()
    assert set(found[found["readers"] == "tiny"]["unfit"]) != {""}  # three steps teach nobody anything
    assert set(exact.loc[exact["measure"] == "aoc", "status"]) == {"not calibrated"}
    # The next report of another configuration shows it, and nothing but the comparison runs again.
    assert planned(finished) == {*JUDGED_AGAIN, "plot_calibration"}
    failed = found.assign(status="failed")
    write_table(failed, Calibration, finished / "results-calibration/calibration.csv")
    assert snakemake(finished, f"{RESULTS}/report.html").returncode == 0
    effects = read_table(finished / RESULTS / "effects/effects.csv", Effects)
    judged = effects[effects["claim"].isin(["C1", "C2", "C3"]) & (effects["dataset"] == "coin_flip")]
    assert set(judged["verdict"]) == {"not interpretable"}
    page = (finished / RESULTS / "report.html").read_text()
    assert 'id="calibration-title"' in page
    assert "under other declarations of claims before" in page


def test_what_chains_may_close_scores_nothing_again(finished: Path) -> None:
    claims = finished / "config/claims.yaml"
    claims.write_text(claims.read_text().replace("truncated_items: 0.2 ", "truncated_items: 0.1 "))
    assert planned(finished) == JUDGED_AGAIN
    config = yaml.safe_load((finished / "config/smoke.yaml").read_text())
    (finished / "config/stop.yaml").write_text(yaml.safe_dump(config | {"chains": {"after_writing": "stop"}}))
    assert planned(finished, "config/stop.yaml") == JUDGED_AGAIN
    for module, constant in (("notices", "FEW = 0.25"), ("forecast", "LEAST_ENDED = 5")):
        file = finished / f"scripts/faithfulness/chains/{module}.py"
        text = file.read_text()
        assert constant in text
        file.write_text(text.replace(constant, f"{constant}1"))
    assert planned(finished) == JUDGED_AGAIN


def test_another_arm_checks_and_scores_no_chains_of_others_again(smoke: Path, tmp_path: Path) -> None:
    config = yaml.safe_load((smoke / "config/smoke.yaml").read_text())
    tuned = next(arm for arm in config["arms"] if arm["name"] == "tuned-symbolic")
    (tmp_path / "more.yaml").write_text(
        yaml.safe_dump(config | {"arms": [*config["arms"], tuned | {"name": "tuned-more"}]})
    )
    listed = snakemake(smoke, "--dry-run", config=str(tmp_path / "more.yaml"))
    assert listed.returncode == 0, listed.stderr
    found = re.findall(r"(checking chains|scoring answers): (\S+) (\S+)", listed.stdout + listed.stderr)
    assert {(what, arm) for what, _, arm in found} == {
        ("checking chains", "tuned-more"),
        ("scoring answers", "tuned-more"),
        ("scoring answers", "base"),  # which reads the chains of all arms
    }


def test_chains_that_were_checked_before_stop_a_run_that_would_score_them(finished: Path) -> None:
    """Their check need not run again, and each start is refused until the setting or the chains change."""
    table = finished / RESULTS / "forecast/tiny/tuned-symbolic/coin_flip.csv"
    made = table.stat().st_mtime
    known = read_table(table, Forecast)
    few = known.assign(share=known["share"].mask(known["finding"] == "two_steps", 0.5))
    write_table(few, Forecast, table)
    os.utime(table, (made, made))
    config = yaml.safe_load((finished / "config/smoke.yaml").read_text())
    (finished / "config/stop.yaml").write_text(yaml.safe_dump(config | {"chains": {"after_writing": "stop"}}))
    scores = f"{RESULTS}/scores/tiny/tuned-symbolic/coin_flip.parquet"
    (finished / scores).unlink()
    for _ in range(2):
        stopped = snakemake(finished, scores, config="config/stop.yaml")
        assert stopped.returncode != 0
        assert "tiny, coin_flip: only 50 % of the chains of tuned-symbolic have two steps or more" in stopped.stderr
        assert "Traceback" not in stopped.stderr
        assert not (finished / scores).exists()
    assert snakemake(finished, scores).returncode == 0
    assert snakemake(finished, scores, config="config/stop.yaml").returncode == 0  # nothing is to be scored


def test_mistakes_from_which_the_writer_continues(finished: Path) -> None:
    config = yaml.safe_load((finished / "config/smoke.yaml").read_text())
    variants = {"perturbations": {"mistakes": ["keep", "resample"]}}
    (finished / "config/resample.yaml").write_text(yaml.safe_dump(config | variants))
    done = snakemake(finished, f"{RESULTS}/measures/tiny/coin_flip.parquet", config="config/resample.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    found = read_table(finished / RESULTS / "probes/tiny/base/coin_flip/mistake.parquet", Probes)
    kept, written = (found[found["variant"] == variant] for variant in ("keep", "resample"))
    assert len(kept) == len(written) > 0
    assert (written["text"].str.len() > 0).all()
    measured = read_table(finished / RESULTS / "measures/tiny/coin_flip.parquet", Measures)
    assert measured.loc[measured["measure"] == "mistake_sensitivity_resample", "value"].notna().any()


def test_conflict_chains_that_the_writer_writes(finished: Path) -> None:
    config = yaml.safe_load((finished / "config/smoke.yaml").read_text())
    kinds = ["carry", "swap", "continue", "argue"]
    (finished / "config/conflict.yaml").write_text(
        yaml.safe_dump(config | {"perturbations": {"conflict": {"kinds": kinds}}})
    )
    target = f"{RESULTS}/probes/tiny/base/coin_flip/conflict.parquet"
    before = records(read_table(finished / target, Probes))
    done = snakemake(finished, target, f"{RESULTS}/effects/conflicts.csv", config="config/conflict.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    found = records(read_table(finished / target, Probes))
    assert {row["variant"] for row in found} == set(kinds)
    assert [row for row in found if row["variant"] in kinds[:2]] == before
    counted = read_table(finished / RESULTS / "effects/conflicts.csv", Conflicts)
    of_base = (counted["arm"] == "base") & (counted["reader"] == "base")
    own = counted[(counted["model"] == "tiny") & (counted["dataset"] == "coin_flip") & of_base]
    assert own["variant"].to_list() == sorted(kinds)
    assert (own["chains"] == 12).all()
    assert (own["accepted"] + own["repaired"] + own["refused"] == 12).all()
    made = sum(row["target"] is not None for row in found)
    assert own["accepted"].sum() == made
    scores = of_cue(read_table(finished / RESULTS / "scores/tiny/base/coin_flip.parquet", Scores))
    scored = scores[(scores["perturbation"] == "conflict") & (scores["writer"] == "base")]
    assert len(scored) == made
    assert scored["target"].notna().all()


def test_a_paraphraser_rewords_again_and_changes_no_other_probe(finished: Path) -> None:
    config = yaml.safe_load((finished / "config/smoke.yaml").read_text())
    untrained = {key: config["models"][0][key] for key in ("source", "dtype")} | {"candidates": 2}
    (finished / "config/model.yaml").write_text(yaml.safe_dump(config | {"perturbations": {"paraphraser": untrained}}))
    rules = planned(finished, "config/model.yaml")
    assert {"prepare_paraphraser", "paraphrase", "rescore_answers", "write_report"} <= rules
    assert not rules & {"prepare_model", "warm_start", "write_chains", "perturb_chains"}
    target = f"{RESULTS}/probes/tiny/base/coin_flip/paraphrase.parquet"
    before = read_table(finished / target, Probes)
    done = snakemake(finished, target, config="config/model.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    # Nothing that it says can pass, and the rules reword as they did without it.
    assert records(read_table(finished / target, Probes)) == records(before)
    log = (finished / RESULTS / "logs/paraphrase/tiny/base/coin_flip.log").read_text()
    assert re.search(r"the model reworded 0 of [1-9]\d* steps", log)
