"""Sections 7 and 8 of the method on frames: decomposition, item sets, pooling, training seeds, power."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from faithfulness.compare import effects, inference, item_means
from faithfulness.compare.measures import MEASURES
from faithfulness.compare.power import items_table
from faithfulness.compare.trainings import shared_seeds
from faithfulness.config.statistics import Statistics
from faithfulness.tables.statistics import Effects
from tests.frames import by_cell, by_seed, compare, frame_of
from tests.unit.test_inference import one_interval, row

QUICK = Statistics(resamples=999)
PAIRS = [("base", "base"), ("base", "t"), ("t", "base"), ("t", "t")]


def long(values, measure="aoc_raw", *, sample=0, arm="t", seeds=(0, 1, 1, 1)):
    """Measures rows from an (items, 4) array in the order of item_means.ROLES."""
    return pd.DataFrame(
        [
            {
                "arm": arm,
                "writer": w,
                "reader": r,
                "item_id": f"i{i:03}",
                "sample": sample,
                "seed": seed,
                "measure": measure,
                "value": value,
            }
            for i, row in enumerate(values)
            for (w, r), value, seed in zip(PAIRS, row, seeds, strict=True)
        ]
    )


def frame(values, measure="aoc"):
    """A frame of means in which all items are usable."""
    return frame_of(pd.concat([long(values, measure), long(np.zeros_like(values), "aoc_raw")]))


# --- decomposition (section 7)


def test_components_by_hand():
    found = effects.differences(frame([[0.8, 0.5, 0.9, 0.4]]), ["aoc"]).iloc[0]["aoc"]
    assert found["total"] == pytest.approx(0.4 - 0.8)
    assert found["reading"] == pytest.approx(((0.5 - 0.8) + (0.4 - 0.9)) / 2)
    assert found["writing"] == pytest.approx(((0.9 - 0.8) + (0.4 - 0.5)) / 2)
    assert found["interaction"] == pytest.approx(0.4 - 0.9 - 0.5 + 0.8)


@given(arrays(float, (6, 4), elements=st.floats(-30, 30)))
@hypothesis_settings(max_examples=30)
def test_total_is_reading_plus_writing_exactly(values):
    differences = effects.differences(frame(values), ["aoc"])["aoc"]
    gap = differences["total"] - differences["reading"] - differences["writing"]
    assert gap.abs().max() <= 1e-12
    estimate = effects.estimates([effects.differences(frame(values), ["aoc"])], Statistics(resamples=99))["estimate"]
    assert abs(estimate["aoc", "total"] - estimate["aoc", "reading"] - estimate["aoc", "writing"]) <= 1e-12


def test_one_item_set_a_contrast():
    values = np.tile([0.8, 0.5, 0.9, 0.4], (3, 1))
    unusable = np.zeros((3, 4))
    unusable[1, 2] = np.nan  # base cannot answer after tuned's chain of the second item
    found = frame_of(pd.concat([long(values, "aoc"), long(unusable, "aoc_raw"), long(values, "cot_accuracy")]))
    assert found["aoc"].notna().sum(axis=1).tolist() == [4, 0, 4]
    assert found["cot_accuracy"].notna().all(axis=1).all()  # an invalid answer is a wrong one, not a missing one
    assert item_means.usable_items(found) == 2


def test_samples_are_averaged_and_a_chain_counts_for_both_readers_or_for_none():
    first, second = np.array([[0.2, 0.4, 0.6, 0.8]]), np.array([[0.4, 0.8, 1.0, 0.2]])
    valid, broken = np.zeros((1, 4)), np.array([[np.nan, 0, 0, 0]])  # base's second chain: base has no valid a_n
    data = pd.concat(
        [
            long(first, "aoc"),
            long(valid),
            long(second, "aoc", sample=1),
            long(broken, sample=1),
        ]
    )
    found = frame_of(data)["aoc"].iloc[0]
    assert found.tolist() == pytest.approx([0.2, 0.4, 0.8, 0.5])


def test_seeds_of_the_tuned_arm_are_averaged_within_items():
    one, two = long([[0.2, 0.4, 0.6, 0.8]], "aoc"), long([[0.2, 0.8, 1.0, 0.2]], "aoc", seeds=(0, 2, 2, 2))
    both = pd.concat([one, two[two["seed"] == 2]])
    usable = both.assign(measure="aoc_raw", value=0.0)
    assert frame_of(pd.concat([both, usable]))["aoc"].iloc[0].tolist() == pytest.approx([0.2, 0.6, 0.8, 0.5])


def test_what_depends_on_mistakes_is_compared_between_readers_of_the_same_chains_only():
    for name in ("mistake_sensitivity", "mistake_sensitivity_last", "meaning_sensitivity", "mistake_sensitivity_p"):
        found = effects.differences(frame([[0.8, 0.5, 0.9, 0.4]], name), [name])
        assert list(found.columns) == [(name, "reading")]
        assert found.iloc[0, 0] == pytest.approx(((0.5 - 0.8) + (0.4 - 0.9)) / 2)


def test_direct_accuracy_has_a_total_although_nobody_reads_crosswise():
    found = effects.differences(frame([[0, np.nan, np.nan, 1]], "direct_accuracy"), ["direct_accuracy"])
    assert list(found.columns) == [("direct_accuracy", "total")]
    assert found.iloc[0, 0] == 1


def test_largest_possible_differences():
    assert effects.largest("aoc", "reading") == 1
    assert effects.largest("aoc", "interaction") == 2
    assert effects.largest("meaning_sensitivity", "reading") == 2
    assert effects.largest("info_gain", "total") == np.inf


# --- together


def test_estimates_by_hand():
    values = np.random.default_rng(0).normal(0.1, 0.2, 24)
    data = pd.DataFrame({("aoc", "reading"): values}).rename_axis(columns=["measure", "component"])
    got = effects.estimates([data], QUICK).iloc[0]
    assert got["estimate"] == pytest.approx(values.mean())
    assert (got["ci_low"], got["ci_high"]) == pytest.approx(one_interval(values))
    assert (got["equivalence_low"], got["equivalence_high"]) == pytest.approx(one_interval(values, confidence=0.9))
    assert got["p_value"] == inference.sign_flip_p(row(values), QUICK)[0]
    assert (got["n_items"], got["margin"]) == (24, 0.05)
    assert got["detectable"] == pytest.approx(2.8016 * values.std(ddof=1) / np.sqrt(24), rel=1e-4)
    assert got["items_for_equivalence"] == np.ceil((2.92641 * values.std(ddof=1) / 0.05) ** 2)
    assert got["items_to_detect"] == np.ceil((2.80158 * values.std(ddof=1) / values.mean()) ** 2)


def test_sparse_estimates_detect_only_what_their_interval_excludes():
    values = np.zeros(24)
    values[:3] = -0.5
    data = pd.DataFrame({("aoc", "reading"): values}).rename_axis(columns=["measure", "component"])
    plain, scale = effects.estimates([data], QUICK).iloc[0], effects.estimates([data], QUICK, scale=True).iloc[0]
    limit = stats.binomtest(3, 24).proportion_ci(0.95, method="exact").high
    assert plain["detectable"] == pytest.approx(limit)
    assert (scale["ci_low"], scale["ci_high"]) == pytest.approx((-2 * limit, 2 * limit))  # of two effects
    assert scale["p_value"] == 1


def cells(n=14, datasets=("d1", "d2"), seed=0):
    rng = np.random.default_rng(seed)
    found = {}
    for dataset in datasets:
        values = rng.uniform(0, 1, (n, 4))
        data = [long(values, name) for name, m in MEASURES.items() if m.of_chain]
        data += [
            long(np.round(values), "cot_accuracy"),
            long(np.round(values), "direct_accuracy"),
            long(values, "n_steps"),
        ]
        found["m", "t", dataset] = frame_of(pd.concat(data))
    return found


def test_compare_gives_every_measure_component_and_pool():
    found = compare(cells(), "plain", Statistics(resamples=99))
    assert set(found["dataset"]) == {"d1", "d2", "pooled"}
    expected = sum(len(m.components) for m in MEASURES.values())
    assert found.groupby("dataset").size().tolist() == [expected] * 3
    wide = found.pivot_table(index=["measure", "component"], columns="dataset", values="estimate")
    assert (wide["pooled"] - (wide["d1"] + wide["d2"]) / 2).abs().max() < 1e-12
    one = found[(found["measure"] == "aoc") & (found["component"] == "total")].set_index("dataset")
    parts = found[found["component"] != "interaction"]
    assert (parts["tuned_mean"] - parts["base_mean"] - parts["estimate"]).abs().max() < 1e-12
    assert (one["ci_low"] < one["estimate"]).all()
    assert (one["estimate"] < one["ci_high"]).all()
    assert (one["equivalence_low"] > one["ci_low"]).all()


def seeded(n=40, seeds=(1, 2, 3), spread=0.2):
    """Measures of one cell with several training seeds, whose effects differ by `spread`."""
    rng = np.random.default_rng(0)
    base = rng.uniform(0.3, 0.5, n)
    parts = []
    for seed in seeds:
        tuned = base + 0.1 + spread * (seed - np.mean(seeds)) + rng.normal(0, 0.05, n)
        values = np.column_stack([base, tuned, base, tuned])
        for name in ("aoc", "aoc_raw"):
            parts.append(long(values, name, seeds=(0, seed, seed, seed)))
    return pd.concat(parts).drop_duplicates().assign(model="m", dataset="d")


def test_seeds_are_crossed_with_items():
    data = seeded()
    one = by_cell(data)
    of_seeds = by_seed(data)
    assert len(of_seeds["m", "t", "d"]) == 3
    plain = compare(one, "plain", QUICK, ["aoc"]).set_index("component").loc["reading"]
    found = compare(one, "plain", QUICK, ["aoc"], seeds=of_seeds).set_index("component").loc["reading"]
    assert found["estimate"] == pytest.approx(plain["estimate"])
    frames = [effects.differences(frame, ["aoc"])["aoc", "reading"] for frame in of_seeds["m", "t", "d"].values()]
    items = np.mean(frames, axis=0)
    error = np.sqrt(items.var(ddof=1) / 40 + np.var([frame.mean() for frame in frames], ddof=1) / 3)
    assert found["ci_high"] - found["estimate"] == pytest.approx(stats.t.ppf(0.975, 2) * error)
    assert found["estimate"] - found["ci_low"] == pytest.approx(stats.t.ppf(0.975, 2) * error)
    assert found["equivalence_high"] - found["estimate"] == pytest.approx(stats.t.ppf(0.95, 2) * error)
    assert found["estimate"] - found["equivalence_low"] == pytest.approx(stats.t.ppf(0.95, 2) * error)
    assert found["p_value"] == pytest.approx(2 * stats.t.sf(found["estimate"] / error, 2))
    assert found["ci_low"] < plain["ci_low"]  # three trainings say less about others than many items about others


def test_seeds_of_several_datasets_are_crossed_together():
    data = pd.concat([seeded(), seeded(n=30, spread=0.1).assign(dataset="e")])
    one, of_seeds = by_cell(data), by_seed(data)
    found = compare(one, "plain", QUICK, ["aoc"], seeds=of_seeds).set_index(["dataset", "component"])
    frames = {
        d: [effects.differences(frame, ["aoc"])["aoc", "reading"] for frame in of_seeds["m", "t", d].values()]
        for d in ("d", "e")
    }
    items = [np.mean(frames[d], axis=0).var(ddof=1) / len(frames[d][0]) for d in ("d", "e")]
    pooled_by_seed = [(a.mean() + b.mean()) / 2 for a, b in zip(frames["d"], frames["e"], strict=True)]
    error = np.sqrt(sum(items) / 4 + np.var(pooled_by_seed, ddof=1) / 3)
    row = found.loc[("pooled", "reading")]
    assert row["ci_high"] - row["estimate"] == pytest.approx(stats.t.ppf(0.975, 2) * error)
    assert row["detectable"] == pytest.approx((stats.t.ppf(0.975, 2) + stats.t.ppf(0.8, 2)) * error)


def test_seeds_of_a_contrast_count_its_items_only():
    data = seeded()
    of_seeds = by_seed(data)
    some = {cell: frame.iloc[:25] for cell, frame in by_cell(data).items()}
    (row,) = [r for r in compare(some, "x", QUICK, ["aoc"], seeds=of_seeds).to_dict("records")
              if r["component"] == "reading"]  # fmt: skip
    own = [effects.differences(f.iloc[:25], ["aoc"])["aoc", "reading"].mean() for f in of_seeds["m", "t", "d"].values()]
    assert row["estimate"] == pytest.approx(np.mean(own))
    assert row["seed_error"] == pytest.approx(np.std(own, ddof=1) / np.sqrt(3))


def test_a_training_has_no_item_that_all_of_them_together_lack():
    """As where one training concludes the target of a conflict chain: else trainings differ by their items."""
    data = seeded(spread=0)
    together, of_seeds = by_cell(data), by_seed(data)
    for frame in (together["m", "t", "d"], of_seeds["m", "t", "d"][2]):
        frame.iloc[:10] = np.nan
    for seed in (1, 3):
        of_seeds["m", "t", "d"][seed] = of_seeds["m", "t", "d"][2].combine_first(of_seeds["m", "t", "d"][seed] + 0.5)
    (row,) = [r for r in compare(together, "x", QUICK, ["aoc"], seeds=of_seeds).to_dict("records")
              if r["component"] == "reading"]  # fmt: skip
    assert row["n_items"] == 30
    assert row["seed_error"] == pytest.approx(0)


def test_seeds_without_any_difference_prove_nothing():
    data = seeded(n=12, spread=0)
    data.loc[:, "value"] = 0.4
    one, of_seeds = by_cell(data), by_seed(data)
    crossed = compare(one, "plain", QUICK, ["aoc"], seeds=of_seeds).set_index("component").loc["reading"]
    plain = compare(one, "plain", QUICK, ["aoc"]).set_index("component").loc["reading"]
    for name in ("ci_low", "ci_high", "equivalence_low", "equivalence_high", "detectable", "items_for_equivalence"):
        assert crossed[name] == plain[name] != 0
    assert crossed["p_value"] == 1
    assert np.isnan([crossed["items_to_detect"], plain["items_to_detect"]]).all()


def test_seeds_that_all_differ_by_the_same_prove_no_more_than_their_items():
    data = seeded(n=12, spread=0)
    data.loc[:, "value"] = np.where(data["reader"] == "base", 0.4, 0.7)
    one, of_seeds = by_cell(data), by_seed(data)
    crossed = compare(one, "plain", QUICK, ["aoc"], seeds=of_seeds).set_index("component").loc["reading"]
    plain = compare(one, "plain", QUICK, ["aoc"]).set_index("component").loc["reading"]
    doubt = 1 - 0.025 ** (1 / 12)
    assert (crossed["ci_low"], crossed["ci_high"]) == pytest.approx((0.3 - doubt, min(1, 0.3 + doubt)))
    for name in ("ci_low", "ci_high", "equivalence_low", "equivalence_high", "p_value"):
        assert crossed[name] == plain[name] != 0


def test_trainings_of_several_datasets_are_paired_by_their_seed():
    data = pd.concat([seeded(seeds=(1, 2, 3, 4)), seeded(n=30, seeds=(4, 3, 2), spread=-0.1).assign(dataset="e")])
    of_seeds = by_seed(data)
    assert shared_seeds(of_seeds, [("m", "t", "d"), ("m", "t", "e")]) == [2, 3, 4]
    found = compare(by_cell(data), "plain", QUICK, ["aoc"], seeds=of_seeds)
    row = found.set_index(["dataset", "component"]).loc[("pooled", "reading")]
    of = {
        cell: [effects.differences(frames[seed], ["aoc"])["aoc", "reading"].mean() for seed in (2, 3, 4)]
        for cell, frames in of_seeds.items()
    }
    assert row["seed_error"] == pytest.approx(np.mean(list(of.values()), axis=0).std(ddof=1) / np.sqrt(3))


def test_two_seeds_are_not_crossed():
    data = seeded(seeds=(1, 2))
    one, of_seeds = by_cell(data), by_seed(data)
    found = [compare(one, "plain", QUICK, ["aoc"], seeds=s) for s in (None, of_seeds)]
    pd.testing.assert_frame_equal(*found)


def test_items_that_a_next_run_needs():
    row = dict.fromkeys(Effects.names) | {"claim": "C3", "model": "m", "arm": "t", "dataset": "d"}
    row |= {"contrast": "plain", "measure": "filler_tolerance", "component": "reading", "n_items": 50}
    row |= {"detectable": 0.1, "items_to_detect": 77.0, "items_for_equivalence": 310.0}
    rows = [row, row | {"dataset": "pooled"}, row | {"measure": "info_gain"}, row | {"detectable": None}]
    found, sparse = items_table(pd.DataFrame([*rows, row | {"sparse": True}])).to_dict("records")
    assert [found[f"items_for_{e}"] for e in ("05", "10", "20")] == [200, 50, 13]
    # The end of a Clopper-Pearson interval does not fall with the root of the items.
    assert pd.isna([sparse[f"items_for_{e}"] for e in ("05", "10", "20")]).all()
    assert found["items_for_equivalence"] == sparse["items_for_equivalence"] == 310
    assert found["items_to_detect"] == 77


def test_items_that_a_next_run_needs_where_seeds_differ():
    row = dict.fromkeys(Effects.names) | {"claim": "C3", "model": "m", "arm": "t", "dataset": "d"}
    row |= {"contrast": "plain", "measure": "filler_tolerance", "component": "reading", "n_items": 50, "n_seeds": 3}
    of_seeds, of_items = (inference.detectable_effect(np.array(error), 2) for error in (0.015, 0.01))
    row |= {"seed_error": 0.015, "detectable": float(np.hypot(of_seeds, of_items)), "items_for_equivalence": np.nan}
    (found,) = items_table(pd.DataFrame([row])).to_dict("records")
    assert pd.isna(found["items_for_05"])  # the seeds alone hide .05
    assert found["items_for_10"] == np.ceil(50 * of_items**2 / (0.1**2 - of_seeds**2))
    assert pd.isna(found["items_for_equivalence"])


def test_correlations_of_effects_over_items():
    rng = np.random.default_rng(0)
    frame = next(iter(cells(datasets=["d1"]).values()))
    frame["info_gain"] = frame["aoc"].to_numpy() ** 3  # no monotone function of the effects, but close to one
    frame["filler_tolerance"] = 0.5
    frame["info_gain"] += rng.normal(0, 0.1, frame["info_gain"].shape)
    found = effects.correlations({("m", "t", "d1"): frame}, ["aoc", "filler_tolerance"], "info_gain")
    parts = effects.differences(frame, ["aoc", "info_gain"])
    ranks = [stats.rankdata(parts[name, "reading"]) for name in ("aoc", "info_gain")]
    found = found.set_index("measure")
    assert found.loc["aoc", "rho"] == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert np.isnan(found.loc["filler_tolerance", "rho"])
    assert found.loc["aoc", "n_items"] == len(frame)


def test_one_dataset_is_not_pooled():
    assert set(compare(cells(datasets=["d1"]), "plain", Statistics(resamples=99))["dataset"]) == {"d1"}


def test_measures_with_gaps_use_the_items_they_have():
    frames = cells(datasets=["d1"])
    first = next(iter(frames.values()))
    first.loc["i003", "filler_tolerance"] = np.nan
    found = compare(frames, "plain", Statistics(resamples=99)).set_index(["measure", "component"])
    assert found.loc[("filler_tolerance", "reading"), "n_items"] == 13
    assert found.loc[("aoc", "reading"), "n_items"] == 14
    whole = first.drop("i003")
    alone = compare({("m", "t", "d1"): whole}, "plain", Statistics(resamples=99)).set_index(["measure", "component"])
    columns = ["estimate", "ci_low", "ci_high", "p_value"]
    got = found.loc[("filler_tolerance", "reading"), columns].astype(float)
    assert np.allclose(got, alone.loc[("filler_tolerance", "reading"), columns].astype(float))


def test_fewer_than_two_items_give_no_number():
    found = compare({c: f.iloc[:1] for c, f in cells().items()}, "plain", QUICK)
    assert found["estimate"].isna().all()
    assert (found["n_items"] <= 2).all()


def test_effects_do_not_depend_on_the_order_of_rows():
    values = np.random.default_rng(5).uniform(0, 1, (12, 4))
    data = pd.concat([long(values, "aoc"), long(values)], ignore_index=True)
    shuffled = data.sample(frac=1, random_state=2)
    results = [compare({("m", "t", "d"): frame_of(d)}, "plain", QUICK, ["aoc"]) for d in (data, shuffled)]
    pd.testing.assert_frame_equal(*results, check_exact=True)


def test_mean_intervals_stay_within_bounds():
    values = pd.DataFrame({"all": np.ones(20), "some": np.tile([0, 1.0], 10), "gaps": [np.nan] * 18 + [0.5, 1.0]})
    found = effects.mean_intervals(values, 1.0, QUICK)
    assert found.loc["all", ["mean", "low", "high"]].tolist() == pytest.approx([1, 0.025 ** (1 / 20), 1])
    assert 0.2 < found.loc["some", "low"] < 0.5 < found.loc["some", "high"] < 0.8
    assert found["n_items"].tolist() == [20, 20, 2]
