"""Confound controls: chain length matched and adjusted for (corrections for chance are in test_kappa)."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from faithfulness.compare import confounds
from faithfulness.compare.item_means import ROLES
from faithfulness.config.statistics import Statistics

QUICK = Statistics(resamples=499)
CELL = ("m", "t", "d")


def frame(values, name="aoc", longer=None):
    """A frame of means of one measure, and of the lengths of both arms' own chains."""
    values = np.asarray(values, float)
    columns = {(name, *cell): values[:, i] for i, cell in enumerate(ROLES)}
    longer = np.zeros(len(values)) if longer is None else np.asarray(longer, float)
    columns |= {("n_steps", "base", "base"): np.full(len(values), 4.0), ("n_steps", "tuned", "tuned"): 4 + longer}
    return pd.DataFrame(columns, index=[f"i{i:03}" for i in range(len(values))])


# --- length


def test_length_matched_keeps_chains_at_most_one_step_apart():
    found = confounds.length_matched(frame(np.zeros((5, 4)), longer=[0, 1, -1, 2, -3]))
    assert list(found.index) == ["i000", "i001", "i002"]


def planted(n=60, effect=0.2, slope=0.1, noise=0.05, seed=0):
    rng = np.random.default_rng(seed)
    longer = rng.integers(-2, 4, n)
    values = np.zeros((n, 4))
    values[:, 3] = effect + slope * longer + rng.normal(0, noise, n)
    return frame(values, longer=longer), longer, values[:, 3]


def adjusted(cells):
    found = confounds.length_adjusted(cells, QUICK, ["aoc"])
    return found.set_index(["dataset", "component"])


def test_length_adjusted_is_the_effect_at_equal_length():
    data, longer, total = planted(seed=2)
    row = adjusted({CELL: data}).loc[("d", "total")]
    design = np.column_stack([np.ones(len(longer)), longer])
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ total
    assert row["estimate"] == pytest.approx(beta[0])
    assert row["ci_low"] < 0.2 < row["ci_high"]
    # HC3 by hand: residuals over one minus their leverage.
    scaled = (total - design @ beta) / (1 - np.einsum("ij,jk,ik->i", design, inverse, design))
    error = np.sqrt((inverse @ (design.T * scaled**2) @ design @ inverse)[0, 0])
    assert row["ci_high"] - row["ci_low"] == pytest.approx(2 * stats.t.ppf(0.975, len(longer) - 2) * error)
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(row["estimate"] / error, len(longer) - 2))
    assert total.mean() > row["estimate"] + 0.02  # what the naive mean adds to it


def test_length_adjusted_without_any_difference_in_length_is_the_mean():
    data, _, total = planted(slope=0)
    data["n_steps", "tuned", "tuned"] = 4.0
    assert adjusted({CELL: data}).loc[("d", "total"), "estimate"] == pytest.approx(total.mean())


def test_length_that_differs_by_the_same_everywhere_cannot_be_told_from_tuning():
    data, *_ = planted()
    data["n_steps", "tuned", "tuned"] = 6.0
    row = adjusted({CELL: data}).loc[("d", "total")]
    assert np.isnan(row["estimate"])
    assert np.isnan(row["p_value"])


def test_length_adjusted_pools_with_equal_weights():
    cells = {CELL: planted()[0], ("m", "t", "e"): planted(n=20, effect=0.6, seed=1)[0]}
    found = adjusted(cells)
    total = found["estimate"]
    assert total["pooled", "total"] == pytest.approx((total["d", "total"] + total["e", "total"]) / 2)
    error = np.hypot(*(found.loc[(d, "total"), "error"] for d in ("d", "e"))) / 2
    row = found.loc[("pooled", "total")]
    assert row["ci_high"] - row["estimate"] == pytest.approx(stats.t.ppf(0.975, 58 + 18) * error)


def test_length_adjusted_needs_differences_and_a_slope_of_many_items():
    data, longer, _ = planted()
    alone = data.copy()
    alone["n_steps", "tuned", "tuned"] = [9.0, *[4.0] * 59]
    few = data.copy()
    few[("aoc", "tuned", "tuned")] = [0.5] * 9 + [0.0] * 51
    line = data.copy()
    line[("aoc", "tuned", "tuned")] = 0.25 + longer / 8
    for frames in (alone, few, line):
        row = adjusted({CELL: frames}).loc[("d", "total")]
        assert np.isfinite(row["estimate"])
        assert np.isnan([row["ci_low"], row["p_value"]]).all()


def test_length_adjusted_crosses_items_and_seeds():
    seeds = {CELL: {k: planted(effect=0.2 + 0.05 * k, seed=k)[0] for k in (1, 2, 3)}}
    averaged = {CELL: sum(seeds[CELL].values()) / 3}
    alone = adjusted(averaged).loc[("d", "total")]
    found = confounds.length_adjusted(averaged, QUICK, ["aoc"], seeds=seeds).set_index("component").loc["total"]
    own = [adjusted({CELL: frame}).loc[("d", "total"), "estimate"] for frame in seeds[CELL].values()]
    assert found["estimate"] == alone["estimate"]
    assert found["seed_error"] == pytest.approx(np.std(own, ddof=1) / np.sqrt(3))
    error = np.hypot(alone["error"], found["seed_error"])
    assert found["ci_high"] - found["estimate"] == pytest.approx(stats.t.ppf(0.975, 2) * error)
    assert found["estimate"] - found["equivalence_low"] == pytest.approx(stats.t.ppf(0.95, 2) * error)
    assert found["p_value"] == pytest.approx(2 * stats.t.sf(found["estimate"] / error, 2))
    two = confounds.length_adjusted(averaged, QUICK, ["aoc"], seeds={CELL: {1: seeds[CELL][1], 2: seeds[CELL][2]}})
    assert two.set_index("component").loc["total", "ci_high"] == alone["ci_high"]
