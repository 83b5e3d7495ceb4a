"""Confound controls: chain length matched and adjusted for, answers corrected for chance."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from faithfulness.compare import confounds, inference
from faithfulness.compare.item_means import ROLES
from faithfulness.compare.measures import MEASURES
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


# --- chance


def test_chance_agreement_by_hand():
    shares = np.array([[1, 0], [1, 0], [1, 0], [0, 1.0]])
    assert confounds.chance_agreement(shares, np.ones(4)) == pytest.approx(3 * 2 / (4 * 3))
    assert confounds.chance_agreement(shares, np.array([[2, 0, 0, 2.0]])) == pytest.approx([4 / 12])


def test_chance_agreement_of_items_with_several_chains_is_between_items_only():
    half = np.full((50, 2), 0.5)  # whatever two items are picked, their answers agree half of the time
    assert confounds.chance_agreement(half, np.ones(50)) == pytest.approx(0.5)
    assert confounds.chance_agreement(np.eye(20), np.ones(20)) == 0
    own = (np.eye(20) + np.roll(np.eye(20), 1, axis=1)) / 2  # neighbours share one of two answers
    pairs = [own[i] @ own[j] for i in range(20) for j in range(20) if i != j]
    assert confounds.chance_agreement(own, np.ones(20)) == pytest.approx(np.mean(pairs))


@given(st.lists(st.integers(0, 3), min_size=2, max_size=30))
def test_chance_agreement_is_the_share_of_pairs_that_agree(answers):
    pairs = [a == b for i, a in enumerate(answers) for j, b in enumerate(answers) if i != j]
    assert confounds.chance_agreement(np.eye(4)[answers], np.ones(len(answers))) == pytest.approx(np.mean(pairs))


def test_corrected_forms_by_hand():
    assert confounds.correct_for_chance(np.array(0.7), np.array(0.4), agreement=True) == pytest.approx(0.5)
    assert confounds.correct_for_chance(np.array(0.3), np.array(0.4), agreement=False) == pytest.approx(0.5)
    assert np.isnan(confounds.correct_for_chance(np.array(0.3), np.array(0.91), agreement=False))
    # An agreement and the change that is its complement stay complements.
    x = np.linspace(0, 1, 5)
    kept = confounds.correct_for_chance(x, np.array(0.25), agreement=True)
    assert kept + confounds.correct_for_chance(1 - x, np.array(0.25), agreement=False) == pytest.approx(np.ones(5))


def one_hot(answers, codes=3):
    columns = {
        (*cell, str(k)): (answers[:, i] == k).astype(float) for i, cell in enumerate(ROLES) for k in range(codes)
    }
    return pd.DataFrame(columns, index=[f"i{i:03}" for i in range(len(answers))])


def test_chance_corrected_agrees_with_plain_loops():
    rng = np.random.default_rng(1)
    n = 30
    values, answers = rng.uniform(0, 1, (n, 4)), rng.choice(3, (n, 4), p=[0.5, 0.3, 0.2])
    found = confounds.chance_corrected({CELL: frame(values)}, {CELL: one_hot(answers)}, QUICK, ["aoc"])
    row = found.set_index(["measure", "component"]).loc[("aoc", "reading")]

    def reading(picked):
        corrected = []
        for i in range(4):
            own = answers[picked, i]
            counts = np.array([(own == k).sum() for k in range(3)])
            c = (counts * (counts - 1)).sum() / (n_of := len(picked)) / (n_of - 1)
            corrected.append(values[picked, i].mean() / (1 - c))
        return (corrected[1] - corrected[0] + corrected[3] - corrected[2]) / 2

    assert row["estimate"] == pytest.approx(reading(np.arange(n)))
    expected = stats.bootstrap(
        (np.arange(n),), reading, vectorized=False, n_resamples=499, method="BCa", rng=np.random.default_rng(0)
    )
    ends = expected.confidence_interval
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(ends), abs=1e-9)
    assert row["p_value"] == pytest.approx(inference.bootstrap_p(expected.bootstrap_distribution))


def test_every_agreement_and_change_is_corrected_in_its_components():
    rng = np.random.default_rng(2)
    values, answers = rng.uniform(0, 1, (30, 4)), rng.choice(3, (30, 4))
    names = confounds.correctable()
    data = pd.concat([frame(values, name) for name in names], axis=1)
    data = data.loc[:, ~data.columns.duplicated()]
    found = confounds.chance_corrected({CELL: data}, {CELL: one_hot(answers)}, QUICK, names)
    expected = {(name, component) for name in names for component in MEASURES[name].components}
    assert set(zip(found["measure"], found["component"], strict=True)) == expected
    assert found["ci_low"].notna().all()


def test_chance_corrected_crosses_items_and_seeds():
    rng = np.random.default_rng(1)
    base = rng.uniform(0.4, 0.6, 40)
    seeds, shares = {CELL: {}}, {CELL: {}}
    for k in (1, 2, 3):
        tuned = base + 0.1 * k + rng.normal(0, 0.05, 40)
        seeds[CELL][k] = frame(np.column_stack([base, tuned, base, tuned]))
        shares[CELL][k] = one_hot(rng.choice(3, (40, 4), p=[0.2 * k, 0.3, 0.7 - 0.2 * k]))
    averaged, answers = {CELL: sum(seeds[CELL].values()) / 3}, {CELL: sum(shares[CELL].values()) / 3}
    by_component = {
        name: confounds.chance_corrected(*given, QUICK, ["aoc"], **more).set_index("component").loc["reading"]
        for name, given, more in [
            ("alone", (averaged, answers), {}),
            ("crossed", (averaged, answers), {"seeds": seeds, "seed_shares": shares}),
            *[(k, ({CELL: seeds[CELL][k]}, {CELL: shares[CELL][k]}), {}) for k in (1, 2, 3)],
        ]
    }
    alone, crossed = by_component["alone"], by_component["crossed"]
    own = [by_component[k]["estimate"] for k in (1, 2, 3)]
    assert crossed["estimate"] == alone["estimate"]
    assert crossed["seed_error"] == pytest.approx(np.std(own, ddof=1) / np.sqrt(3))
    error = np.hypot(alone["error"], crossed["seed_error"])
    assert crossed["ci_high"] - crossed["estimate"] == pytest.approx(stats.t.ppf(0.975, 2) * error)
    assert crossed["p_value"] == pytest.approx(2 * stats.t.sf(crossed["estimate"] / error, 2))
    # The error over items is what is detectable with them, over the quantiles: the spread of the resamples.
    assert alone["detectable"] == pytest.approx(2.8016 * alone["error"], rel=1e-4)


def test_answers_that_are_nearly_always_the_same_leave_nothing_to_correct():
    values = np.random.default_rng(1).uniform(0, 1, (30, 4))
    found = confounds.chance_corrected({CELL: frame(values)}, {CELL: one_hot(np.zeros((30, 4)))}, QUICK, ["aoc"])
    assert found["estimate"].isna().all()
    assert found["n_items"].eq(30).all()


def answered(answers, options=("x", "y")):
    """tables.Answers by item, writer and reader."""
    rows = [
        {"writer": w, "reader": r, "item_id": item, "sample": 0, "seed": 0, "valid": a is not None, "answer": a}
        | {"position": options.index(a) if a else None}
        for (item, w, r), a in answers.items()
    ]
    return pd.DataFrame(rows)


def test_answers_are_told_apart_by_place_where_options_vary():
    answers = {("i0", "base", "base"): "x", ("i1", "base", "base"): "y", ("i0", "t", "t"): None}
    found = confounds.answer_shares(answered(answers), by_place=False)
    assert found.loc["i0", ("base", "base", "x")] == 1
    assert ("tuned", "tuned") not in {column[:2] for column in found.columns}  # it gave no valid answer
    assert ("base", "base", "1") in confounds.answer_shares(answered(answers), by_place=True).columns


def test_answers_of_each_training_seed_are_those_of_its_reader_and_chains():
    answers = {("i0", w, r): "x" for w in ("base", "t.seed4") for r in ("base", "t.seed4")}
    answers |= {("i0", w, r): "y" for w in ("base", "t.seed7") for r in ("base", "t.seed7") if "t.seed7" in (w, r)}
    table = answered(answers)
    table["seed"] = table["writer"].map({"base": 0, "t.seed4": 4, "t.seed7": 7})
    found = confounds.answer_shares_by_seed(table, by_place=False)
    assert sorted(found) == [4, 7]
    assert found[4].loc["i0", ("base", "tuned", "x")] == found[4].loc["i0", ("tuned", "base", "x")] == 1
    assert found[7].loc["i0", ("base", "tuned", "y")] == found[7].loc["i0", ("tuned", "tuned", "y")] == 1
    assert found[7].loc["i0", ("base", "base", "x")] == 1
