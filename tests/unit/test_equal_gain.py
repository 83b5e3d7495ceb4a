"""C5 at equal gain of direct accuracy: the intercept of the difference of effects on the difference of gains."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from faithfulness.compare import claims, equal_gain, inference, judge, model_sizes
from faithfulness.compare.item_means import ROLES
from faithfulness.config.statistics import Statistics
from faithfulness.tables.io import frame as as_table
from faithfulness.tables.statistics import Gates

QUICK = Statistics(resamples=499)
SIZES = {"small": 10, "large": 1000}
MARGIN = np.array([0.05])


def one(y, x):
    """The estimate of one column of differences."""
    index = [f"i{i:03}" for i in range(len(y))]
    columns = pd.MultiIndex.from_tuples([("aoc", "reading")], names=["measure", "component"])
    gaps, gains = pd.DataFrame(np.asarray(y, float)[:, None], index, columns), pd.Series(np.asarray(x, float), index)
    return equal_gain.estimates([gaps], [gains], MARGIN, QUICK).iloc[0]


def dose(n=80, at_equal_gain=0.0, slope=0.3, seed=0):
    """Differences of effects that are what was learned more, and something else."""
    rng = np.random.default_rng(seed)
    x = rng.choice([-1.0, 0.0, 1.0], n, p=[0.1, 0.5, 0.4])
    return at_equal_gain + slope * x + rng.normal(0, 0.05, n), x


def test_the_intercept_is_that_of_least_squares():
    y, x = dose(at_equal_gain=0.1)
    assert one(y, x)["estimate"] == pytest.approx(np.polyfit(x, y, 1)[1])


def test_a_difference_of_dose_alone_is_none_at_equal_gain():
    y, x = dose()
    row = one(y, x)
    assert y.mean() > 0.07
    assert row["ci_low"] < 0 < row["ci_high"]
    assert abs(row["estimate"]) < 0.02
    other = one(*dose(at_equal_gain=0.1))
    assert other["ci_low"] > 0.05
    assert other["p_value"] < 0.01


def test_intervals_are_those_of_scipys_bootstrap():
    y, x = dose(n=30, at_equal_gain=0.05)
    row = one(y, x)

    def intercept(y, x):
        return np.polyfit(x, y, 1)[1]

    expected = stats.bootstrap(
        (y, x), intercept, paired=True, vectorized=False, n_resamples=499, method="BCa", rng=np.random.default_rng(0)
    )
    ends = expected.confidence_interval
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(ends), abs=1e-9)
    assert row["p_value"] == pytest.approx(inference.bootstrap_p(expected.bootstrap_distribution))
    assert row["error"] == pytest.approx(np.std(expected.bootstrap_distribution, ddof=1))
    assert row["items_to_detect"] == np.ceil(30 * (2.80158 * row["error"] / row["estimate"]) ** 2)


def test_without_any_difference_of_gains_it_is_the_mean():
    y, _ = dose()
    assert one(y, np.zeros(len(y)))["estimate"] == pytest.approx(y.mean())


def test_gains_that_differ_by_the_same_everywhere_cannot_be_told_from_size():
    y, _ = dose()
    row = one(y, np.ones(len(y)))
    assert np.isnan(row[["estimate", "ci_low", "p_value"]].astype(float)).all()
    assert row["n_items"] == len(y)


def test_intervals_need_differences_and_a_slope_of_many_items():
    y, x = dose()
    few = np.where(np.arange(len(y)) < 9, 0.5, 0.0)
    for given_y, given_x in ((few, x), (0.25 + x / 8, x), (y, np.where(np.arange(len(y)) == 3, 1.0, 0.0))):
        row = one(given_y, given_x)
        assert np.isfinite(row["estimate"])
        assert np.isnan(row[["ci_low", "p_value"]].astype(float)).all()
    assert one(few, x)["sparse"] == 1


def test_items_without_a_gain_or_a_difference_are_left_out():
    y, x = dose()
    row = one(np.where(np.arange(80) < 5, np.nan, y), np.where(np.arange(80) >= 70, np.nan, x))
    assert row["n_items"] == 65
    assert row["estimate"] == pytest.approx(one(y[5:70], x[5:70])["estimate"])


@given(st.integers(0, 2**16), st.floats(-1, 1), st.floats(-1, 1))
def test_it_does_not_depend_on_what_was_learned(seed, effect, slope):
    rng = np.random.default_rng(seed)
    x = np.append(rng.choice([-1.0, 0.0, 1.0], 20), [0.0, 1.0])
    y = effect + rng.normal(0, 0.1, 22)
    index = list(range(22))
    plain, learned = (
        equal_gain.intercepts(pd.DataFrame({"a": values}, index), pd.Series(x, index))[0]
        for values in (y, y + slope * x)
    )
    assert learned == pytest.approx(plain, abs=1e-9)


def frame(seed, *, effect, gain, n=60):
    """Means of one model: `effect` falls on AOC for the items that were learned, `gain` of them, and of the others."""
    rng = np.random.default_rng(seed)
    learned = rng.random(n) < gain
    aoc = rng.uniform(0.4, 0.6, n)
    tuned = aoc - 0.3 * learned - effect + rng.normal(0, 0.02, n)
    columns = {("aoc", w, r): aoc if r == "base" else tuned for w, r in ROLES}
    direct = np.zeros(n)
    columns |= {("direct_accuracy", w, r): np.where(r == "tuned", learned, direct) for w, r in ROLES if w == r}
    columns |= {("direct_accuracy", w, r): np.full(n, np.nan) for w, r in ROLES if w != r}
    return pd.DataFrame(columns, index=[f"i{i:03}" for i in range(n)])


def compared(cells, seeds=None):
    seeds = seeds or {cell: {1: frame} for cell, frame in cells.items()}
    parts = [f(cells, SIZES, seeds, {"aoc": -1}, QUICK)
             for f in (model_sizes.compare_sizes, model_sizes.compare_sizes_at_equal_gain)]  # fmt: skip
    found = pd.concat(parts)
    return found.set_index(["contrast", "dataset", "component"])


def test_sizes_are_compared_at_equal_gain_beside_the_plain_difference():
    cells = {
        ("small", "t", "d"): frame(1, effect=0.0, gain=0.6),
        ("large", "t", "d"): frame(2, effect=0.0, gain=0.2),
        ("small", "t", "e"): frame(3, effect=0.1, gain=0.5),
        ("large", "t", "e"): frame(4, effect=0.0, gain=0.5),
    }
    found = compared(cells)["estimate"]
    assert found["scale", "d", "reading"] == pytest.approx(0.3 * 0.4, abs=0.06)  # the dose
    assert found["scale_equal_gain", "d", "reading"] == pytest.approx(0, abs=0.02)
    assert found["scale_equal_gain", "e", "reading"] == pytest.approx(0.1, abs=0.02)
    pooled = (found["scale_equal_gain", "d", "reading"] + found["scale_equal_gain", "e", "reading"]) / 2
    assert found["scale_equal_gain", "pooled", "reading"] == pytest.approx(pooled)
    assert ("scale_equal_gain", "d", "interaction") in found.index


def test_where_all_items_gained_alike_the_verdict_says_that_gain_and_size_cannot_be_separated():
    cells = {("small", "t", "d"): frame(1, effect=0.1, gain=1.0), ("large", "t", "d"): frame(2, effect=0.0, gain=0.0)}
    for kept, why in ((60, "so gain and size cannot be separated"), (1, "fewer than two items can be compared")):
        gaps = compared({cell: means.iloc[:kept] for cell, means in cells.items()}).reset_index()
        table = judge.judge_sizes(
            gaps, as_table([], Gates), claims=claims.load("config/claims.yaml"), confidence=QUICK.confidence
        )
        (row,) = table[table["contrast"] == "scale_equal_gain"].to_dict("records")
        assert row["verdict"] == "not interpretable"
        assert row["reason"].endswith(why)
        assert row["sentence"].endswith(f"{why}.")


def test_items_and_seeds_are_crossed():
    seeds = {
        (model, "t", "d"): {k: frame(10 * k + place, effect=0.1 * (model == "small") + 0.02 * k * place, gain=0.5)
                            for k in (1, 2, 3)}
        for place, model in enumerate(SIZES)
    }  # fmt: skip
    averaged = {cell: sum(by_seed.values()) / 3 for cell, by_seed in seeds.items()}
    row, alone = (compared(averaged, given).loc[("scale_equal_gain", "d", "reading")] for given in (seeds, None))
    own = [compared({cell: f[k] for cell, f in seeds.items()}).loc[("scale_equal_gain", "d", "reading"), "estimate"]
           for k in (1, 2, 3)]  # fmt: skip
    assert row["estimate"] == alone["estimate"]
    assert row["seed_error"] == pytest.approx(np.std(own, ddof=1) / np.sqrt(3))
    error = np.hypot(alone["error"], row["seed_error"])
    assert row["ci_high"] - row["estimate"] == pytest.approx(stats.t.ppf(0.975, 2) * error)
