"""The figures draw the numbers of their frames, and stay legible with few and many models."""

import io
import itertools
import math
import re
from importlib import import_module
from typing import get_args

import matplotlib as mpl
import matplotlib.image as mpl_image
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.text import Text

from faithfulness.calibrate.criterion import LEAST_AREA
from faithfulness.figures import (
    accuracy,
    calibration,
    chain_length,
    common,
    convergence,
    effects,
    gates,
    info_gain,
    kinds,
    retention,
    scale,
    theme,
)
from faithfulness.figures.colours import DARK, GREY, INK, MUTED, PAPER, RULE, VOID, arm_colours
from faithfulness.figures.common import PRIMARY
from faithfulness.figures.convergence import CHAINS
from faithfulness.figures.registry import FIGURES, Section
from faithfulness.figures.retention import CURVES
from faithfulness.figures.theme import THEME
from faithfulness.tables.io import frame
from faithfulness.tables.statistics import Effects
from tests.factories import DATASETS, LONG, SIX, THREE, make_calibration, make_run
from tests.runs import ROOT


def draw_all(run, arms, datasets):
    """Every figure of a run (of those one a model, the first), by name: the figure, its data and its words."""
    model = run["curves"].model.iloc[0]
    tables = run | {"calibration": make_calibration(datasets, model)}
    drawn = {}
    for entry in FIGURES:
        module = import_module(entry.module)
        chosen = {name: tables[name] for name in entry.tables} | dict.fromkeys(entry.settings, 0.95)
        data = module.tabulate(**chosen, **({"model": model} if entry.per_model else {}))
        drawn[entry.name] = (module.draw(data, arms, datasets), data, module.describe(data))
    return drawn


LONG_MODELS = {"an-organisation--a-model-with-a-name-of-its-own-0.5b-instruct": 5 * 10**8, LONG.upper(): 3 * 10**9}
LONG_ARMS = (
    "tuned-symbolic",
    "tuned-on-something-with-a-long-name-as-people-give-them",
    "tuned-full-rank-64-three-epochs",
)

CASES = {
    "three models": {},
    "one model": {"models": {"smollm2-135m": 134_515_008}, "datasets": ("last_letters",), "closed": ()},
    "six models": {"models": SIX, "tuned": ("tuned-symbolic", "tuned-commonsense"), "datasets": ("coin_flip", LONG)},
    "three arms, long names": {"models": LONG_MODELS, "tuned": LONG_ARMS, "datasets": (*DATASETS[1:], LONG)},
    "nothing interpretable": {"models": dict(list(THREE.items())[:2]), "closed": DATASETS},
}


@pytest.fixture(scope="module", params=CASES)
def drawn(request):
    settings = {"models": THREE, "tuned": ("tuned-symbolic",), "datasets": DATASETS} | CASES[request.param]
    run, arms = make_run(**settings), ["base", *settings["tuned"]]
    return draw_all(run, arms, settings["datasets"]), arms


@pytest.fixture(scope="module")
def run():
    return make_run()


ARMS = ["base", "tuned-symbolic"]


def lines(ax, label):
    return [line for line in ax.lines if line.get_label() == label]


def spans(ax):
    """The intervals drawn as lines: (low, high, across), whichever way they run."""
    found = []
    for collection in ax.collections:
        for (x0, y0), (x1, y1) in collection.get_segments() if hasattr(collection, "get_segments") else ():
            found.append((x0, x1, y0) if y0 == y1 else (y0, y1, x0))
    return found


def hatched(ax):
    return [patch for patch in ax.patches if patch.get_hatch()]


def texts_as_drawn(figure, monkeypatch):
    """Every text that really gets drawn, with its box in pixels."""
    seen, original = [], Text.draw
    monkeypatch.setattr(Text, "draw", lambda self, renderer: (seen.append(self), original(self, renderer))[1])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return [(text, text.get_window_extent(canvas.get_renderer())) for text in seen if text.get_text().strip()]


def test_no_text_overlaps_or_leaves_the_figure(drawn, monkeypatch):
    for name, (figure, *_) in drawn[0].items():
        boxes = texts_as_drawn(figure, monkeypatch)
        assert len(boxes) > 5
        width, height = figure.canvas.get_width_height()
        for text, box in boxes:
            inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1
            assert inside, f"{name}: {text.get_text()!r} leaves the figure"
        for (a, one), (b, other) in itertools.combinations(boxes, 2):
            wide = min(one.x1, other.x1) - max(one.x0, other.x0)
            high = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert wide <= 1 or high <= 1, f"{name}: {a.get_text()!r} and {b.get_text()!r} overlap"


def test_colours_mean_the_same_arm_everywhere(drawn):
    figures, arms = drawn
    colours = arm_colours(arms)
    assert len(set(colours.values())) == len(arms)
    assert arm_colours(["base", "tuned-symbolic"])["base"] == colours["base"]
    for figure, data, _ in figures.values():
        allowed = {*colours.values(), INK, MUTED, GREY, RULE}
        used = {to_hex(line.get_color()) for ax in figure.axes for line in ax.lines}
        assert used <= allowed
        if not data.interpretable.any():
            assert not used & set(colours.values()), "an uninterpretable cell shows an arm's colour"


def test_kinds_draws_the_shares_of_base_and_tuned_and_what_moves(run):
    data = kinds.tabulate(run["transitions"], run["kinds"], run["gates"], run["summaries"])
    assert (data.groupby(["model", "arm", "dataset"])["share"].sum().round(9) == 1).all()
    assert set(data.n_items) == {48}
    figure = kinds.draw(data, ARMS, DATASETS)
    bars = [patch for patch in figure.axes[0].patches if not patch.get_hatch()]
    heights = {(to_hex(bar.get_facecolor()), round(bar.get_x(), 2)): round(bar.get_height() * 48) for bar in bars}
    at = {"base": 0.0, "tuned": round(1 - kinds.BAR, 2)}
    shown = {(kind, arm): heights[kinds.KINDS[kind], x] for kind in kinds.MEANINGS for arm, x in at.items()}
    assert shown == {
        ("load-bearing", "base"): 44, ("load-bearing", "tuned"): 30, ("redundant", "base"): 4,
        ("redundant", "tuned"): 16, ("decorative", "base"): 0, ("decorative", "tuned"): 2,
        ("unstable", "base"): 0, ("unstable", "tuned"): 0,
    }  # fmt: skip
    assert "load-bearing 92 % to 62 %, redundant 8 % to 33 %, decorative 0 % to 4 %" in kinds.describe(data)
    # Where load-bearing would end for a reader that guesses without a chain.
    marks = [segment for lines in figure.axes[0].collections[:2] for segment in lines.get_segments()]
    assert [tuple(point[1] for point in mark) for mark in marks] == [(0.25, 0.25), (0.4, 0.4)]
    assert "only guess without a chain, 25 % and 40 % would be load-bearing" in kinds.describe(data)
    # What others write is in the table, not in the figure.
    assert len(data) == len(run["transitions"]) / 2


def test_kinds_in_the_order_of_the_key_from_the_top_and_datasets_without_any_are_named(run):
    moved = run["transitions"].query("dataset != 'coin_flip'")
    figure = kinds.draw(kinds.tabulate(moved, run["kinds"], run["gates"], run["summaries"]), ARMS, DATASETS)
    bars = {
        to_hex(bar.get_facecolor()): bar.get_y()
        for bar in figure.axes[0].patches
        if round(bar.get_x(), 2) == 0 and not bar.get_hatch()
    }
    ordered = [bars[kinds.KINDS[kind]] for kind in kinds.MEANINGS]
    assert ordered == sorted(ordered)
    assert figure.axes[0].yaxis_inverted()
    assert [text.get_text().split(" ")[0] for text in figure.legends[0].get_texts()][:4] == list(kinds.MEANINGS)
    assert figure.get_supxlabel() == "No chain could be judged on coin_flip."


@pytest.mark.parametrize("chance", np.linspace(0.05, 0.95, 10))
def test_no_number_stands_on_the_mark_of_chance(run, chance):
    data = kinds.tabulate(run["transitions"], run["kinds"], run["gates"], run["summaries"])
    figure = kinds.draw(data.assign(base_chance=chance, tuned_chance=chance), ARMS, DATASETS)
    numbers = [text for ax in figure.axes for text in ax.texts if "%" in text.get_text()]
    assert numbers
    assert all(abs(text.get_position()[1] - chance) >= kinds.LEAST_SHOWN / 4 for text in numbers)


def test_what_can_be_interpreted_comes_first(run):
    gates, table = run["gates"].copy(), run["effects"].copy()
    gates.loc[(gates.dataset == "last_letters") | (gates.model == "smollm2-64m-depth10"), "passed"] = False
    closed = (table.dataset == "last_letters") | (table.model == "smollm2-64m-depth10")
    table.loc[closed, "interpretable"] = False
    figure = effects.draw(effects.tabulate(table), ARMS, DATASETS)
    labels = [label.get_text().split(" (")[0] for label in figure.axes[0].get_yticklabels()]
    assert labels[0] == "coin_flip"
    assert labels[1:4] == ["smollm2-99m-depth20", "smollm2-135m", "smollm2-64m-depth10"]
    moved = kinds.draw(kinds.tabulate(run["transitions"], run["kinds"], gates, run["summaries"]), ARMS, DATASETS)
    assert moved.axes[0].get_title(loc="left") == "coin_flip"
    assert moved.axes[0].get_ylabel().replace("\n", "") == "smollm2-99m-depth20"


def test_retention_draws_the_curves_with_their_bands(run):
    data = retention.tabulate(run["curves"], run["gates"], "smollm2-135m")
    assert set(data.model) == {"smollm2-135m"}
    assert set(data.arm) == set(ARMS)
    figure = retention.draw(data, ARMS, DATASETS)
    panels = dict(zip(itertools.product(CURVES, DATASETS), figure.axes, strict=True))
    for (perturbation, dataset), ax in panels.items():
        for arm in ARMS:
            rows = data[(data.perturbation == perturbation) & (data.dataset == dataset) & (data.arm == arm)]
            (line,) = lines(ax, arm)
            np.testing.assert_allclose(line.get_xydata(), rows[["fraction", "retention"]])
        bands = [collection for collection in ax.collections if len(collection.get_paths())]
        assert len(bands) == len(ARMS)
        top = max(path.vertices[:, 1].max() for band in bands for path in band.get_paths())
        assert top == pytest.approx(panel_max(data, perturbation, dataset))
        assert bool(hatched(ax)) == (dataset == "commonsense_qa")
    assert "n = 47 to 48" in [text.get_text() for text in figure.axes[0].texts]


def panel_max(data, perturbation, dataset):
    return data[(data.perturbation == perturbation) & (data.dataset == dataset)].ci_high.max()


def test_retention_takes_each_arm_on_its_own_chains_only(run):
    curves = run["curves"].copy()
    curves.loc[curves.writer != curves.reader, "retention"] = 99.0
    assert retention.tabulate(curves, run["gates"], "smollm2-135m").retention.max() <= 1


def measured(data):
    """The primary measures of a run, in their order."""
    return [measure for measure in PRIMARY if measure in set(data.measure)]


def test_effects_draws_estimates_and_intervals(run):
    data = effects.tabulate(run["effects"])
    assert set(data.component) == {"total", "reading", "writing"}
    figure = effects.draw(data, ARMS, DATASETS)
    for ax, measure in zip(figure.axes, measured(data), strict=True):
        rows = data[data.measure == measure]
        for component in ("total", "reading", "writing"):
            found = sorted(float(line.get_xdata()[0]) for line in lines(ax, component))
            np.testing.assert_allclose(found, sorted(rows[rows.component == component].estimate))
        np.testing.assert_allclose(
            sorted((low, high) for low, high, _ in spans(ax)), sorted(zip(rows.ci_low, rows.ci_high, strict=True))
        )
        assert len(hatched(ax)) == 3  # the three models on the closed dataset
        greys = [line for line in ax.lines if to_hex(line.get_color()) == GREY]
        assert len(greys) == 9
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels[:2] == ["last_letters", "smollm2-64m-depth10 (n = 48)"]


def test_effects_leaves_out_what_is_not_a_plain_effect_of_a_cell(run):
    table = run["effects"]
    extra = pd.concat(
        [
            table.head(3).assign(contrast="same_direct_answer"),
            table.head(3).assign(dataset="pooled"),
            table.head(3).assign(model="smallest-largest", parameters=pd.NA, contrast="scale"),
        ]
    )
    found = effects.tabulate(frame(pd.concat([table, extra]), Effects))
    pd.testing.assert_frame_equal(found, effects.tabulate(table))


def test_scale_draws_points_intervals_and_the_fit(run):
    data = scale.tabulate(run["effects"], run["scale_fits"])
    figure = scale.draw(data, ARMS, DATASETS)
    for (measure, dataset), ax in zip(itertools.product(measured(data), DATASETS), figure.axes, strict=True):
        rows = data[(data.measure == measure) & (data.dataset == dataset)].sort_values("parameters")
        points = sorted(tuple(line.get_xydata()[0]) for line in ax.lines if line.get_marker() == "s")
        np.testing.assert_allclose(points, rows[["parameters", "estimate"]].astype(float))
        (fit,) = lines(ax, "fit tuned-symbolic")
        slope, intercept = rows.slope.iloc[0], rows.intercept.iloc[0]
        np.testing.assert_allclose(fit.get_ydata(), intercept + slope * np.log10(fit.get_xdata().astype(float)))
        np.testing.assert_allclose(sorted(low for low, _, _ in spans(ax)), sorted(rows.ci_low))
        assert ax.get_xscale() == "log"
        assert len(hatched(ax)) == (3 if dataset == "commonsense_qa" else 0)


@pytest.mark.parametrize(
    ("models", "note"),
    [
        ({"smollm2-135m": 134_515_008}, "needs two sizes"),
        (THREE, "Fewer than five sizes"),
        (SIX, "least-squares line"),
    ],
)
def test_scale_says_how_far_it_carries(models, note):
    run = make_run(models=models)
    figure = scale.draw(scale.tabulate(run["effects"], run["scale_fits"]), ARMS, DATASETS)
    assert note in figure.get_supxlabel()
    fitted = [line for ax in figure.axes for line in ax.lines if line.get_label().startswith("fit")]
    assert bool(fitted) == (len(models) > 1)


def test_accuracy_draws_both_accuracies_and_the_level_of_guessing(run):
    data = accuracy.tabulate(run["summaries"], run["gates"])
    figure = accuracy.draw(data, ARMS, DATASETS)
    for ax, dataset in zip(figure.axes, DATASETS, strict=True):
        rows = data[data.dataset == dataset]
        for arm in ARMS:
            values = rows[rows.arm == arm][["cot_accuracy", "direct_accuracy"]].to_numpy().ravel()
            np.testing.assert_allclose(sorted(line.get_xdata()[0] for line in lines(ax, arm)), sorted(values))
            filled = [line for line in lines(ax, arm) if to_hex(line.get_markerfacecolor()) != PAPER]
            np.testing.assert_allclose(
                sorted(line.get_xdata()[0] for line in filled), sorted(rows[rows.arm == arm].cot_accuracy)
            )
        (chance,) = lines(ax, "chance")
        assert chance.get_xdata()[0] == (0.5 if dataset == "coin_flip" else 0.2)
        assert len(spans(ax)) == 2 * len(rows)
        assert len(hatched(ax)) == (len(rows) if dataset == "commonsense_qa" else 0)


def test_chain_length_draws_means_and_intervals(run):
    data = chain_length.tabulate(run["summaries"], run["gates"])
    figure = chain_length.draw(data, ARMS, DATASETS)
    for ax, dataset in zip(figure.axes, DATASETS, strict=True):
        rows = data[data.dataset == dataset]
        found = sorted(line.get_xdata()[0] for arm in ARMS for line in lines(ax, arm))
        np.testing.assert_allclose(found, sorted(rows.mean_steps))
        np.testing.assert_allclose(sorted(high for _, high, _ in spans(ax)), sorted(rows.mean_steps_high))
        assert ax.get_xlim()[0] == 0


def test_convergence_draws_the_cumulative_shares(run):
    data = convergence.tabulate(run["measures"], run["gates"], "smollm2-135m", 0.95)
    figure = convergence.draw(data, ARMS, DATASETS)
    panels = dict(zip(itertools.product(CHAINS, DATASETS), figure.axes, strict=True))
    chains = run["measures"].query("model == 'smollm2-135m' and dataset == 'coin_flip'")
    for kind, writer in (("base", ["base", "base"]), ("own", ARMS)):
        for arm, of in zip(ARMS, writer, strict=True):
            values = chains[(chains.writer == of) & (chains.reader == arm)].value
            (line,) = lines(panels[kind, "coin_flip"], arm)
            for fraction, share in zip(*line.get_data(), strict=True):
                assert share == pytest.approx((values <= fraction).mean())
    drawn = data.query("dataset == 'coin_flip' and arm == 'base'").set_index(["chains", "fraction"])
    assert drawn.loc[("base", 0.5), ["ci_low", "decided", "ci_high"]].is_monotonic_increasing
    assert set(data.n_items) == {24}
    assert all(bool(hatched(ax)) == (dataset == "commonsense_qa") for (_, dataset), ax in panels.items())


def test_convergence_averages_samples_and_trainings_of_an_item(run):
    rows = [
        {"model": "m", "dataset": "d", "arm": "tuned", "writer": writer, "reader": reader, "item_id": item}
        | {"sample": sample, "seed": seed, "measure": "convergence_fraction", "value": value}
        for writer, reader, seed in (("base", "base", 0), ("base", "tuned", 0), ("base", "tuned", 1))
        for item, sample, value in (("a", 0, 0.0), ("a", 1, 1.0), ("b", 0, 1.0), ("b", 1, None))
    ]
    data = convergence.tabulate(pd.DataFrame(rows), run["gates"], "m", 0.95)
    at_start = data[(data.fraction == 0) & (data.chains == "base")].set_index("arm")
    assert at_start.decided.to_dict() == {"base": 0.25, "tuned": 0.25}
    assert set(at_start.n_items) == {2}
    assert (data[data.fraction == 1][["ci_low", "decided", "ci_high"]] == 1).all(axis=None)


def test_info_gain_sets_two_effects_side_by_side_with_both_intervals(run):
    data = info_gain.tabulate(run["effects"])
    figure = info_gain.draw(data, ARMS, DATASETS)
    for (model, dataset), ax in zip(itertools.product(THREE, DATASETS), figure.axes, strict=True):
        reading = run["effects"][run["effects"].component == "reading"]
        cell = reading[(reading.model == model) & (reading.dataset == dataset)]
        aoc, gain = (cell[cell.measure == name].iloc[0] for name in ("aoc", "info_gain"))
        (point,) = lines(ax, "tuned-symbolic")
        assert tuple(point.get_xydata()[0]) == (aoc.estimate, gain.estimate)
        assert spans(ax) == [
            (aoc.ci_low, aoc.ci_high, gain.estimate), (gain.ci_low, gain.ci_high, aoc.estimate)
        ]  # fmt: skip
        assert bool(hatched(ax)) == (dataset == "commonsense_qa")
    failed = run["effects"].assign(calibration="validated")
    failed.loc[(failed.measure == "info_gain") & (failed.dataset == "coin_flip"), "calibration"] = "failed"
    closed = info_gain.tabulate(failed)
    assert set(closed[~closed.interpretable.astype(bool)].dataset) == {"coin_flip", "commonsense_qa"}


def test_calibration_draws_readers_and_areas():
    data = calibration.tabulate(make_calibration())
    assert "aoc_p" not in set(data.measure)
    figure = calibration.draw(data, ARMS, DATASETS)
    for column, dataset in enumerate(DATASETS[:2]):
        values, areas = figure.axes[2 * column : 2 * column + 2]
        rows = data[data.dataset == dataset]
        np.testing.assert_allclose(sorted(line.get_xdata()[0] for line in lines(areas, "area")), sorted(rows.area))
        np.testing.assert_allclose(
            sorted((low, high) for low, high, _ in spans(areas)),
            sorted(zip(rows.area_low, rows.area_high, strict=True)),
        )
        shares = rows[(rows.measure != "info_gain") & (rows.measure != "paraphrase_sensitivity")]
        found = sorted(line.get_xdata()[0] for line in lines(values, "load_bearing"))
        np.testing.assert_allclose(found, sorted(shares.load_bearing))
        assert [line.get_xdata()[0] for line in lines(values, "surface")] == [0.7]
        assert sum("nats" in text.get_text() for text in values.texts) == 2
        assert len(hatched(values)) == len(hatched(areas)) == 2  # the measure that failed, with both readers
        assert LEAST_AREA in {line.get_xdata()[0] for line in areas.lines}
    assert "failed: mistake sensitivity" in calibration.describe(data)


def test_gates_say_in_marks_and_words_what_passed(run):
    data = gates.tabulate(run["gates"], run["summaries"])
    figure = gates.draw(data, ARMS, DATASETS)
    (ax,) = figure.axes
    marks = [text.get_text() for text in ax.texts]
    cells = len(THREE) * len(DATASETS)
    assert marks.count("✓") == int(data.passed.sum())
    assert marks.count("✗ 0.25") == int((~data.passed.astype(bool)).sum()) == len(THREE)
    assert (marks.count("yes"), marks.count("no")) == (cells - len(THREE), len(THREE))
    assert len(hatched(ax)) == 2 * len(THREE)
    few = data.drop(data[(data.gate == "validity") & (data.dataset == "coin_flip")].index)
    assert [text.get_text() for text in gates.draw(few, ARMS, DATASETS).axes[0].texts].count("-") == len(THREE)


def test_gates_show_the_value_that_failed_not_one_that_passed(run):
    table = pd.concat([run["gates"], run["gates"].query("gate == 'above_chance'").assign(value=0.99, passed=True)])
    data = gates.tabulate(table, run["summaries"]).query("gate == 'above_chance' and dataset == 'commonsense_qa'")
    assert set(data.value) == {0.25}
    assert not data.passed.any()


def test_every_figure_says_in_words_what_it_shows(drawn):
    for name, (_, data, words) in drawn[0].items():
        assert words.endswith("."), name
        closed = int((~data.interpretable.astype(bool)).sum())
        assert ("cannot be interpreted" in words or "failed: " in words) == bool(closed), name


def test_the_words_name_the_largest_effect(run):
    data = effects.tabulate(run["effects"])
    rows = data[(data.component == "reading") & data.interpretable]
    row = rows.loc[rows.estimate.abs().idxmax()]
    words = effects.describe(data)
    number = f"{row.estimate:+.2f}".replace("-", "\u2212")
    assert number in words
    assert f"for {row.model} on {row.dataset} after {row.arm}" in words
    apart = int(((rows.ci_low > 0) | (rows.ci_high < 0)).sum())
    assert f"intervals of {apart} of {len(rows)} reading effects leave out zero" in words


def test_gates_close_a_tuned_arm_alone_and_base_only_with_all_its_cells():
    tuned = ("tuned-a", "tuned-b")
    run = make_run(models={"m": 10**8}, tuned=tuned, datasets=("coin_flip",), closed=())
    gates = run["gates"]
    gates.loc[(gates.arm == "tuned-a") & (gates.gate == "steps"), "passed"] = False
    # What closes one claim alone closes no cell.
    gates.loc[(gates.arm == "tuned-b") & (gates.gate == "paraphrase"), "passed"] = False
    rows = run["summaries"].set_index("arm", drop=False)
    assert common.interpretable(rows, gates).to_dict() == {"base": True, "tuned-a": False, "tuned-b": True}
    gates.loc[(gates.arm == "tuned-b") & (gates.gate == "steps"), "passed"] = False
    assert not common.interpretable(rows, gates).any()

    data = retention.tabulate(run["curves"], run["gates"].assign(passed=gates.arm != "tuned-a"), "m")
    ax = retention.draw(data, ["base", *tuned], ["coin_flip"]).axes[0]
    assert not hatched(ax)
    assert to_hex(lines(ax, "tuned-a")[0].get_color()) == GREY
    assert to_hex(lines(ax, "tuned-b")[0].get_color()) == arm_colours(["base", *tuned])["tuned-b"]


def test_missing_values_leave_gaps_and_nothing_else(run):
    table, curves = run["effects"].copy(), run["curves"].copy()
    table.loc[table.model == "smollm2-135m", ["estimate", "ci_low", "ci_high"]] = np.nan
    curves.loc[curves.fraction == 0.5, ["retention", "ci_low", "ci_high"]] = np.nan
    gap = retention.tabulate(curves, run["gates"], "smollm2-135m")
    retention.draw(gap[gap.perturbation != "mistake"], ARMS, DATASETS)
    figure = effects.draw(effects.tabulate(table), ARMS, DATASETS)
    shown = [line.get_xdata()[0] for line in lines(figure.axes[0], "reading")]
    assert sum(math.isnan(x) for x in shown) == len(DATASETS)


KINDS = ("svg", "pdf", "png", "csv", "txt")


def test_files_are_the_same_in_every_run(run, tmp_path):
    for attempt in ("a", "b"):
        data = accuracy.tabulate(run["summaries"], run["gates"])
        figure = accuracy.draw(data, ARMS, DATASETS)
        words = accuracy.describe(data)
        common.save(figure, data, words, **{kind: tmp_path / f"{attempt}.{kind}" for kind in KINDS})
    for kind in KINDS:
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    svg = (tmp_path / "a.svg").read_text()
    assert "<dc:date>" not in svg
    assert "<text" not in svg, "letters must be outlines, so that the figure needs no font"
    assert f"<dc:description>{words}</dc:description>" in svg
    assert (tmp_path / "a.txt").read_text() == f"{words}\n"
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "a.csv"), data, check_dtype=False)
    height, width, _ = mpl_image.imread(tmp_path / "a.png").shape
    np.testing.assert_allclose([width, height], 300 * figure.get_size_inches(), atol=1)


def test_colours_that_change_in_the_dark_are_all_that_a_figure_uses(run):
    """Whatever is not an arm's colour must have a dark counterpart, or it would vanish on a dark page."""
    known = {*DARK, *arm_colours(ARMS).values(), "none"}
    for figure, *_ in draw_all(run, ARMS, DATASETS).values():
        svg = io.StringIO()
        with mpl.rc_context(THEME):
            figure.savefig(svg, format="svg")
        used = re.findall(r"(?:fill|stroke)[:=]\s*\"?(#[0-9a-fA-F]{6}|none)", svg.getvalue())
        assert {colour.lower() for colour in used} <= known


def contrast(one, other):
    """Contrast of two colours as WCAG 2 defines it."""

    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_colours_stand_out_on_light_and_dark():
    for colour in list(arm_colours(["a", "b", "c"]).values()):
        assert min(contrast(colour, PAPER), contrast(colour, DARK[PAPER])) >= 3
    for text, ground in itertools.product((INK, MUTED), (PAPER, VOID)):
        assert contrast(text, ground) >= 4.5
        assert contrast(DARK[text], DARK[ground]) >= 4.5
    assert contrast(GREY, VOID) >= 2.5


def test_names_break_at_their_joints_and_lose_nothing():
    name = "an-organisation--a-model-0.5b.v2_instruct"
    lines = theme.wrap(name, 12).split("\n")
    assert "".join(lines) == name
    assert max(map(len, lines)) <= 12
    assert any("0.5b" in line for line in lines)
    assert theme.wrap("x" * 30, 12).split("\n") == ["x" * 12, "x" * 12, "x" * 6]


def test_the_report_shows_the_figures_of_every_section():
    page = (ROOT / "report/page.html.j2").read_text()
    assert set(re.findall(r'show_all\("(\w+)"\)', page)) == set(get_args(Section))
