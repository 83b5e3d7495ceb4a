"""Two runs beside each other: the interval of a difference, what is matched with what, and the errors on bad input."""

import html
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from faithfulness.arms.record import write_arm
from faithfulness.config.recipes import Recipe
from faithfulness.figures import pairs
from faithfulness.figures.common import PRIMARY
from faithfulness.figures.pairs import RUNS
from faithfulness.report import render, two_runs
from faithfulness.report.two_runs import Comparison, RunError
from faithfulness.tables.io import frame, read_table, write_json, write_table
from faithfulness.tables.statistics import Effects, Summaries
from faithfulness.text import number, signed
from tests.factories import make_arm, make_run
from tests.unit.test_figures import hatched, lines, spans
from tests.unit.test_report import HOSTILE, Reader

ROOT = Path(__file__).parents[2]
OWN = {"my-own": 134_515_008}
PROMPTS = {"version": 1, "chain_cue": "\nAnswer:", "conclusion_cues": ["^so"]}
RECIPE = {"method": "lora", "rank": 16, "learning_rate": 1e-3, "datasets": ["coin_flip"]}


def write_run(folder, *, recipe=RECIPE, prompts=PROMPTS, claims="abc", confidence=0.95, **settings):
    """A finished run on disk, as far as a comparison reads it; settings as for make_run."""
    run = make_run(**settings)
    effects = run["effects"]
    write_table(effects, Effects, folder / "effects/effects.csv")
    write_table(run["summaries"], Summaries, folder / "effects/summaries.csv")
    write_json({"hash": claims, "others": []}, folder / "effects/claims.json")
    write_json({"configuration": {"statistics": {"confidence": confidence}}}, folder / "provenance.json")
    for row in run["summaries"].drop_duplicates(["model", "arm"]).itertuples():
        arm = make_arm(
            row.model,
            row.arm,
            parameters=int(row.parameters),
            weights_hash="w",
            recipe=None if row.arm == "base" else Recipe(**recipe),
        )
        arm = arm.model_copy(update={"prompts": arm.prompts.model_copy(update=prompts)})
        write_arm(folder / "arms" / re.sub(r"\W", "_", row.model) / row.arm, arm)
    return two_runs.load(folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Three runs: a published one with three models, another of its kind, and one of a single model."""
    root = tmp_path_factory.mktemp("runs")
    changed = RECIPE | {"learning_rate": 2e-4}
    write_run(root / "a")
    write_run(root / "b", recipe=changed, claims="def", datasets=("coin_flip", "last_letters"), closed=())
    write_run(root / "own", models=OWN)
    return root


@pytest.fixture(scope="module")
def runs(folders):
    return {name: two_runs.load(folders / name) for name in ("a", "b", "own")}


def compared(a, b, named=()):
    models = two_runs.match_models(a, b, named)
    return two_runs.side_by_side(a, b, models), models


def page(a, b, named=()):
    shared, models = compared(a, b, named)
    shown = two_runs.context(a, b, models, shared=shared, figure=None)
    template, style = ((ROOT / "report" / name).read_text("utf-8") for name in ("compare.html.j2", "style.css"))
    return render.page(template, shown, style), shown


# --- the interval of a difference ---------------------------------------------------------------


def test_interval_of_two_normal_means_is_the_usual_one():
    z = stats.norm.ppf(0.975)
    a, b = (0.3, 0.3 - z * 0.03, 0.3 + z * 0.03), (0.1, 0.1 - z * 0.04, 0.1 + z * 0.04)
    assert two_runs.difference_interval(a, b) == pytest.approx((0.2 - z * 0.05, 0.2 + z * 0.05))


def test_interval_of_two_proportions_is_that_of_newcombe():
    """Newcombe (1998), table II, 56/70 against 48/80, method 10: 0.0524 to 0.3339."""
    intervals = [stats.binomtest(k, n).proportion_ci(0.95, "wilson") for k, n in ((56, 70), (48, 80))]
    a, b = ((k / n, ci.low, ci.high) for (k, n), ci in zip(((56, 70), (48, 80)), intervals, strict=True))
    assert two_runs.difference_interval(a, b) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_missing_effects_have_no_difference():
    low, high = two_runs.difference_interval(([0.1, np.nan], [0.0, 0.0], [0.2, 0.2]), ([0.1] * 2, [0.0] * 2, [0.2] * 2))
    assert np.isfinite([low[0], high[0]]).all()
    assert np.isnan([low[1], high[1]]).all()


effect = st.tuples(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1)).map(lambda x: (x[0], x[0] - x[1], x[0] + x[2]))


@given(effect, effect)
def test_interval_holds_the_difference_turns_with_the_runs_and_is_no_narrower_than_either(a, b):
    low, high = two_runs.difference_interval(a, b)
    assert low <= a[0] - b[0] <= high
    assert two_runs.difference_interval(b, a) == pytest.approx((-high, -low))
    widest = max(a[2] - a[1], b[2] - b[1])
    assert widest - 1e-12 <= high - low <= (a[2] - a[1]) + (b[2] - b[1]) + 1e-12


@given(effect)
def test_an_exact_effect_adds_nothing(a):
    exact = (0.25, 0.25, 0.25)
    assert two_runs.difference_interval(a, exact) == pytest.approx((a[1] - 0.25, a[2] - 0.25))


@pytest.mark.parametrize(("estimate", "low", "high"), [(0.3, 0.0, 0.2), (-0.1, 0.0, 0.2)])
def test_an_estimate_outside_of_its_interval_counts_as_its_end(estimate, low, high):
    outside, at_the_end = (estimate, low, high), (estimate, min(low, estimate), max(high, estimate))
    other = (0.0, -0.1, 0.1)
    assert two_runs.difference_interval(outside, other) == two_runs.difference_interval(at_the_end, other)


# --- what is matched ----------------------------------------------------------------------------


def test_a_run_beside_itself_differs_by_nothing(runs):
    shared, models = compared(runs["a"], runs["a"])
    assert len(shared) == len(runs["a"].effects)
    assert (shared.difference == 0).all()
    assert (shared.difference_low < 0).all()
    assert (shared.difference_high > 0).all()
    assert two_runs.setup_differences(runs["a"], runs["a"], models) == []
    assert two_runs.unshared(runs["a"], runs["a"], models) == []
    text, shown = page(runs["a"], runs["a"])
    assert shown["identical"]
    assert (
        shown["agree"] == shown["verdicts"] == 18
    )  # three claims, three models, the two datasets that pass their gates
    assert shown["apart"] == 0
    assert "every difference is zero" in text


def test_effects_are_those_of_the_runs(runs):
    shared, _ = compared(runs["a"], runs["b"])
    keys = ["arm", "dataset", "contrast", "measure", "component"]
    for side, run in (("a", runs["a"]), ("b", runs["b"])):
        own = run.effects.set_index(["claim", "model", *keys])
        places = pd.MultiIndex.from_frame(shared[["claim", f"model_{side}", *keys]])
        for name in ("estimate", "ci_low", "ci_high", "verdict", "n_items"):
            assert list(shared[f"{name}_{side}"]) == list(own.loc[places, name])
    np.testing.assert_allclose(shared.difference, shared.estimate_a - shared.estimate_b)
    assert set(shared.dataset) == {"coin_flip", "last_letters"}
    assert shared.difference.abs().max() > 0


def test_cells_of_one_run_only_are_listed(runs):
    _, models = compared(runs["a"], runs["b"])
    found = two_runs.unshared(runs["a"], runs["b"], models)
    assert {(cell["run"], cell["dataset"]) for cell in found} == {("A", "commonsense_qa")}
    assert {cell["model"] for cell in found} == set(runs["a"].models)
    assert sum(cell["effects"] for cell in found) == (runs["a"].effects.dataset == "commonsense_qa").sum()
    assert all(cell["effects"] == cell["of"] for cell in found)


def test_effects_of_one_run_only_are_counted_within_a_cell(runs):
    whole = runs["a"].effects
    without = (whole.measure == "aoc") & (whole.model == "smollm2-135m") & (whole.dataset == "coin_flip")
    of = ((whole.model == "smollm2-135m") & (whole.dataset == "coin_flip")).sum()
    (found,) = two_runs.unshared(
        runs["a"], runs["a"]._replace(effects=whole[~without]), {name: name for name in runs["a"].models}
    )
    assert (found["run"], found["dataset"], found["effects"], found["of"]) == ("A", "coin_flip", without.sum(), of)
    assert without.sum() == 4


def test_a_single_model_is_matched_whatever_its_name(runs, tmp_path):
    other = write_run(tmp_path / "other", models={"theirs": 10**8}, datasets=("coin_flip",))
    shared, models = compared(runs["own"], other)
    assert models == {"my-own": "theirs"}
    assert set(zip(shared.model_a, shared.model_b, strict=True)) == {("my-own", "theirs")}
    setup = {row["what"]: (row["a"], row["b"]) for row in two_runs.setup_differences(runs["own"], other, models)}
    assert setup["my-own: name"] == ("my-own", "theirs")
    assert setup["my-own: parameters"] == ("135M", "100M")


def test_other_names_ask_for_a_mapping_and_take_it(runs):
    with pytest.raises(RunError, match="MODELS=my-own=smollm2-135m"):
        two_runs.match_models(runs["own"], runs["a"])
    shared, models = compared(runs["own"], runs["a"], ["my-own=smollm2-135m"])
    assert set(shared.model_b) == {"smollm2-135m"}
    left = two_runs.unshared(runs["own"], runs["a"], models)
    assert {(cell["run"], cell["model"]) for cell in left} == {
        ("B", "smollm2-64m-depth10"),
        ("B", "smollm2-99m-depth20"),
    }


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (["my-own"], "run B has no model ''"),
        (["nobody=smollm2-135m"], "run A has no model 'nobody'; it has: my-own"),
        (["my-own=nothing"], "run B has no model 'nothing'"),
        (["my-own=smollm2-135m", "my-own=smollm2-99m-depth20"], "'my-own' of run A is named twice"),
    ],
)
def test_a_mapping_that_leads_nowhere_is_refused(runs, named, message):
    with pytest.raises(RunError, match=message):
        two_runs.match_models(runs["own"], runs["a"], named)


def test_two_models_of_swapped_names_follow_the_mapping(runs):
    """A name of B that is also one of A's must not be taken for it."""
    _, models = compared(runs["a"], runs["b"], ["smollm2-135m=smollm2-99m-depth20", "smollm2-99m-depth20=smollm2-135m"])
    shared = two_runs.side_by_side(runs["a"], runs["b"], models)
    assert set(zip(shared.model_a, shared.model_b, strict=True)) == set(models.items())


def test_models_that_nothing_is_matched_with_are_left_over_on_both_sides(runs):
    _, models = compared(runs["a"], runs["b"], ["smollm2-135m=smollm2-99m-depth20"])
    left = two_runs.unshared(runs["a"], runs["b"], models)
    whole = {(cell["run"], cell["model"]) for cell in left if cell["dataset"] == "coin_flip"}
    assert whole == {
        ("A", "smollm2-64m-depth10"), ("A", "smollm2-99m-depth20"), ("B", "smollm2-64m-depth10"), ("B", "smollm2-135m")
    }  # fmt: skip


def test_an_effect_is_judged_only_where_both_runs_can_interpret_it(runs):
    shared, _ = compared(runs["a"], runs["a"])
    assert len(two_runs.judged(shared)) == 24
    for side in ("a", "b"):
        closed = shared.model_a == "smollm2-135m"
        assert len(two_runs.judged(shared.assign(**{f"interpretable_{side}": ~closed & shared.interpretable_a}))) == 16
        assert len(two_runs.judged(shared.assign(**{f"calibration_{side}": "failed"}))) == 0


def test_sizes_of_two_ladders_are_compared(runs):
    row = runs["a"].effects.iloc[[1]].assign(claim="C5", model="smallest-largest", parameters=None, contrast="scale")
    run = runs["a"]._replace(effects=frame(pd.concat([runs["a"].effects, row]), Effects))
    shared, _ = compared(run, run)
    assert list(shared[shared.claim == "C5"].model_b) == ["smallest-largest"]


def test_intervals_of_different_confidence_are_not_combined(runs, tmp_path):
    other = write_run(tmp_path / "wide", confidence=0.99)
    with pytest.raises(RunError, match="run A has 95 % intervals and run B 99 % ones"):
        compared(runs["a"], other)


def test_what_differs_in_setup_is_named(runs):
    _, models = compared(runs["a"], runs["b"])
    setup = {row["what"]: (row["a"], row["b"]) for row in two_runs.setup_differences(runs["a"], runs["b"], models)}
    assert setup.pop("claims (hash)") == ("abc", "def")
    assert setup.pop("datasets") == ("coin_flip, commonsense_qa, last_letters", "coin_flip, last_letters")
    assert setup.pop("commonsense_qa: questions") == ("48", "")
    assert {what.rpartition(": ")[2] for what in setup} == {"learning rate"}
    assert set(setup.values()) == {("0.001", "0.0002")}
    assert len(setup) == 3


def test_prompts_of_another_version_or_wording_are_named(runs, tmp_path):
    other = write_run(tmp_path / "other", prompts=PROMPTS | {"version": 2, "chain_cue": "\nSo:"})
    setup = {
        row["what"]: row["b"] for row in two_runs.setup_differences(runs["a"], other, {m: m for m in other.models})
    }
    assert setup["prompts (version)"] == "2"
    assert setup["smollm2-135m, base: prompt, chain_cue"] == "\nSo:"


# --- the page and the figure --------------------------------------------------------------------


def test_the_page_says_what_the_comparison_holds(runs):
    text, shown = page(runs["a"], runs["b"])
    shared, _ = compared(runs["a"], runs["b"])
    plain = html.unescape(re.sub(r"<[^>]+>", " ", text))
    for row in shared[shared.claim != ""].itertuples():
        assert signed(row.difference) in plain
        assert f"[{number(row.difference_low)}, {number(row.difference_high)}]" in plain
    tested = shared[(shared.claim != "") & shared.interpretable_a & shared.interpretable_b]
    assert shown["tested"] == len(tested) == 24
    outside = (tested.difference_low > 0) | (tested.difference_high < 0)
    assert shown["apart"] == outside.sum()
    assert "Zou and Donner" in plain
    tags = Reader(text).tags
    assert not [tag for tag, _ in tags if tag in {"script", "iframe", "link", "img"}]
    assert "default-src 'none'" in text


def test_what_no_run_can_interpret_is_no_verdict(runs):
    _, shown = page(runs["a"], runs["a"])
    closed = runs["a"]._replace(effects=runs["a"].effects.assign(verdict="not interpretable", interpretable=False))
    text, none = page(closed, closed)
    assert (shown["verdicts"], none["verdicts"], none["tested"]) == (18, 0, 0)
    assert "no verdict that can be interpreted" in text


def test_runs_that_share_no_cell_make_a_page_that_says_so(runs, tmp_path):
    other = write_run(tmp_path / "other", datasets=("elsewhere",))
    shared, _ = compared(runs["a"], other)
    assert shared.empty
    text, shown = page(runs["a"], other)
    assert "The runs share no cell." in text
    assert {cell["run"] for cell in shown["unshared"]} == {"A", "B"}
    assert pairs.tabulate(shared).empty


def test_names_are_escaped(tmp_path):
    run = write_run(
        tmp_path / "run", models={HOSTILE: 10**8}, datasets=(HOSTILE,), closed=(), prompts={"chain_cue": HOSTILE}
    )
    other = write_run(tmp_path / "other", models={"m": 10**8}, datasets=(HOSTILE,), closed=())
    text, _ = page(run, other)
    assert not [tag for tag, _ in Reader(text).tags if tag == "script"]
    assert HOSTILE not in text
    assert str(html.escape("<script>")) in text


def test_the_figure_draws_both_runs_and_their_difference(runs):
    shared, _ = compared(runs["a"], runs["own"], ["smollm2-135m=my-own"])
    data = pairs.tabulate(shared)
    assert list(data.run[:3]) == ["run A", "run B", "A minus B"]
    figure = pairs.draw(data, ["tuned-symbolic"], ["last_letters", "coin_flip", "commonsense_qa"])
    measures = [name for name in PRIMARY if name in set(data.measure)]
    for ax, measure in zip(figure.axes, measures, strict=True):
        rows = data[data.measure == measure]
        for run in RUNS:
            drawn = sorted(float(line.get_xdata()[0]) for line in lines(ax, run))
            np.testing.assert_allclose(drawn, sorted(rows[rows.run == run].estimate))
        np.testing.assert_allclose(
            sorted((low, high) for low, high, _ in spans(ax)), sorted(zip(rows.ci_low, rows.ci_high, strict=True))
        )
        assert len(hatched(ax)) == 1


def test_a_difference_is_drawn_grey_where_one_run_cannot_be_interpreted(runs):
    shared, _ = compared(runs["a"], runs["a"])
    shared["interpretable_b"] = False
    data = pairs.tabulate(shared)
    usable = data.groupby("run").interpretable.any().to_dict()
    assert usable == {"run A": True, "run B": False, "A minus B": False}


# --- finished runs, and others ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "effects/effects.csv").unlink(), "no finished run, effects/effects.csv is missing"),
        (lambda folder: (folder / "effects/claims.json").unlink(), "no finished run, effects/claims.json is missing"),
        (lambda folder: (folder / "arms").rename(folder / "gone"), r"no finished run, arms/\*/\*/arm.json is missing"),
        (
            lambda folder: (folder / "effects/claims.json").write_text("{}"),
            "not written by this version .'hash' is missing",
        ),
        (
            lambda folder: (folder / "arms/my_own/base/arm.json").write_text('{"model": "m"}'),
            "another version of this project wrote it .arm: Field required",
        ),
        (lambda folder: (folder / "arms/my_own/base/arm.json").write_text("{"), "not written by this version"),
        (lambda folder: drop(folder / "effects/summaries.csv", "two_steps"), "not written by this version .*two_steps"),
        (lambda folder: drop(folder / "effects/effects.csv", "verdict"), "not written by this version .*verdict"),
    ],
)
def test_what_is_no_finished_run_is_refused_in_one_line(tmp_path, damage, message):
    write_run(tmp_path / "run", models=OWN, datasets=("coin_flip",))
    damage(tmp_path / "run")
    with pytest.raises(RunError, match=message) as raised:
        two_runs.load(tmp_path / "run")
    assert "\n" not in str(raised.value)


def drop(file, column):
    pd.read_csv(file).drop(columns=column).to_csv(file, index=False)


def script(*arguments):
    command = [sys.executable, str(ROOT / "scripts/compare_runs.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_the_script_writes_page_table_and_figure(folders, tmp_path):
    done = script(folders / "own", folders / "a", "--models", "my-own=smollm2-135m", "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    made = {file.name for file in (tmp_path / "out").iterdir()}
    kinds = ("svg", "png", "pdf", "csv", "txt")
    assert made == {"comparison.html", "comparison.csv", *(f"pairs.{kind}" for kind in kinds)}
    text = (tmp_path / "out/comparison.html").read_text("utf-8")
    assert "Effects of fine-tuning in two runs. Largest difference between the runs: " in text
    table = read_table(tmp_path / "out/comparison.csv", Comparison)
    assert set(table.model_b) == {"smollm2-135m"}


def test_the_script_ends_with_one_line_and_one_before_any_work(folders, tmp_path):
    done = script(folders / "a", tmp_path / "nothing", "--output", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path / 'nothing'}: there is no such folder; give the folders of two finished runs\n"
    assert not (tmp_path / "out").exists()
