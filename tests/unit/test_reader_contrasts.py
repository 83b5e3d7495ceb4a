"""Contrasts of readers of base's chains: tuned, placebo and null arms, and base."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from faithfulness.compare import effects, reader_contrasts
from faithfulness.compare.item_means import ROLES
from faithfulness.compare.reader_contrasts import Placebo, contrast, of_reader
from faithfulness.config.statistics import Statistics

QUICK = Statistics(resamples=499)
NAN = float("nan")
shares = st.floats(0, 1)


def reader(values: Any, **others: Any) -> pd.DataFrame:
    """A reader's means on base's chains: of AOC, and of other measures."""
    columns = {"aoc": values} | others
    return pd.DataFrame({name: np.asarray(column, float) for name, column in columns.items()}).rename(
        index=lambda number: f"i{number:03}"
    )


def cell(base: Any, tuned: Any, own: Any = 0.0, direct: tuple[Any, Any] = (0.0, 0.0)) -> pd.DataFrame:
    """A frame of means of AOC and direct accuracy; `own` are tuned's chains, None of an arm that writes none."""
    none = own is None
    own = NAN if none else own
    values = {("aoc", *role): column for role, column in zip(ROLES, (base, tuned, own, own), strict=True)}
    crosswise = {("direct_accuracy", *role): NAN for role in ROLES}
    at = ("base", "tuned") if none else ("tuned", "tuned")
    crosswise |= {("direct_accuracy", "base", "base"): direct[0], ("direct_accuracy", *at): direct[1]}
    items = [f"i{number:03}" for number in range(len(base))]
    frame = pd.DataFrame(values | crosswise, index=items)
    return frame.rename_axis(columns=["measure", "writer", "reader"])


@given(arrays(float, 8, elements=shares), arrays(float, 8, elements=shares))
@hypothesis_settings(max_examples=50)
def test_reading_is_the_first_reader_minus_the_second(first: np.ndarray, second: np.ndarray) -> None:
    found = effects.differences(contrast(reader(first), reader(second)), ["aoc"])["aoc"]
    np.testing.assert_allclose(found["reading"], first - second, atol=1e-15, rtol=0)
    np.testing.assert_allclose(found["total"], first - second, atol=1e-15, rtol=0)
    assert (found[["writing", "interaction"]].abs() < 1e-15).all(axis=None)


def test_an_item_counts_that_all_readers_have_a_value_of() -> None:
    """By measure: a conflict chain leaves its own measure where a reader concludes its target, no other."""
    first = reader([0.5, NAN, 0.5, 0.5], chain=0)[["aoc"]]
    second, other = reader([0, 0, NAN, 0]), reader([1, 1, 1, NAN])
    found = contrast(first, second, other)
    assert found["aoc"].notna().all(axis=1).tolist() == [True, False, False, False]
    assert contrast(first, second)["aoc"].notna().all(axis=1).tolist() == [True, False, False, True]
    both = contrast(reader([0.5, NAN], filler_tolerance=[1, 1]), reader([0, 0], filler_tolerance=[0, 0]))
    assert both["filler_tolerance"].notna().all(axis=None)


def test_direct_answers_are_a_readers_own() -> None:
    """Of a tuned arm they stand where it reads its own chains, of a placebo where it reads base's."""
    tuned = cell([0.5] * 4, [0.5] * 4, direct=([0, 0, 1, 1], [1, 1, 1, 1]))
    placebo = cell([0.5] * 4, [0.5] * 4, None, direct=([0, 0, 1, 1], [0, 1, 0, 0]))
    assert of_reader(tuned, "tuned")["direct_accuracy"].tolist() == [1, 1, 1, 1]
    assert of_reader(placebo, "tuned")["direct_accuracy"].tolist() == [0, 1, 0, 0]
    found = reader_contrasts.against_placebo(
        "placebo",
        {("m", "t", "d"): tuned},
        {("m", "t", "d"): {0: tuned}},
        ["aoc", "direct_accuracy"],
        Placebo({("m", "t", "d"): placebo}, {}),
    )
    rows = reader_contrasts.estimate([found], QUICK).set_index("measure")
    assert rows.loc["direct_accuracy", "estimate"] == pytest.approx(0.75)
    assert rows.loc["direct_accuracy", "component"] == "total"
    assert rows.loc["aoc", "component"] == "reading"


def test_placebo_and_base_are_compared_with_tuned_on_the_same_items() -> None:
    rng = np.random.default_rng(0)
    base, tuned, sham = rng.random((3, 30))
    missing = np.where(np.arange(30) < 5, NAN, sham)
    cells = {("m", "t", "d"): cell(base, tuned)}
    seeds = {("m", "t", "d"): {0: cells["m", "t", "d"]}}
    placebo = Placebo({("m", "t", "d"): cell(base, missing, None)}, {})
    rows = reader_contrasts.estimate(
        [
            reader_contrasts.against_base("base_chains", cells, seeds, ["aoc"], placebo),
            reader_contrasts.against_placebo("placebo", cells, seeds, ["aoc"], placebo),
        ],
        QUICK,
    ).set_index("contrast")
    assert rows["n_items"].tolist() == [25, 25]
    assert rows.loc["base_chains", "estimate"] == pytest.approx((tuned - base)[5:].mean())
    assert rows.loc["placebo", "estimate"] == pytest.approx((tuned - sham)[5:].mean())
    assert rows.loc["placebo", ["base_mean", "tuned_mean"]].tolist() == pytest.approx(
        [sham[5:].mean(), tuned[5:].mean()]
    )
    (alone,) = reader_contrasts.estimate(
        [reader_contrasts.against_base("base_chains", cells, seeds, ["aoc"])], QUICK
    ).to_dict("records")
    assert alone["n_items"] == 30


def test_what_tuned_writes_does_not_matter() -> None:
    base, tuned = np.random.default_rng(1).random((2, 20))
    found = [
        reader_contrasts.estimate(
            [reader_contrasts.against_base("base_chains", {("m", "t", "d"): frame}, {("m", "t", "d"): {}}, ["aoc"])],
            QUICK,
        )
        for frame in (cell(base, tuned, own=0.1), cell(base, tuned, own=0.9))
    ]
    pd.testing.assert_frame_equal(*found)


def test_trainings_of_the_tuned_arm_are_crossed_and_those_of_the_placebo_averaged() -> None:
    rng = np.random.default_rng(2)
    base, sham = rng.random((2, 40))
    trainings = {seed: cell(base, rng.random(40) * 0.5 + seed / 10) for seed in (1, 2, 3)}
    together = sum(frame["aoc", "base", "tuned"] for frame in trainings.values()) / 3
    key = ("m", "t", "d")
    comparison = reader_contrasts.against_placebo(
        "placebo",
        {key: cell(base, together.to_numpy())},
        {key: trainings},
        ["aoc"],
        Placebo({key: cell(base, sham, None)}, {}),
    )
    (row,) = reader_contrasts.estimate([comparison], QUICK).to_dict("records")
    by_seed = [(frame["aoc", "base", "tuned"].to_numpy() - sham).mean() for frame in trainings.values()]
    assert row["estimate"] == pytest.approx(np.mean(by_seed))
    # The placebo was trained once, and may be as far off as one training of the tuned arm.
    assert row["seed_error"] == pytest.approx(np.std(by_seed, ddof=1) * np.sqrt(1 / 3 + 1))


def trained(rng: np.random.Generator, base: Any, moved: dict[int, float]) -> dict[int, pd.DataFrame]:
    """The cells of trainings of an arm that writes no chains; each is moved from base."""
    return {seed: cell(base, base + shift + rng.normal(0, 0.02, len(base)), None) for seed, shift in moved.items()}


def over(base: Any, trainings: dict[int, pd.DataFrame]) -> pd.DataFrame:
    """The cell of an arm over its trainings."""
    return cell(base, np.mean([frame["aoc", "base", "tuned"] for frame in trainings.values()], axis=0), None)


@pytest.mark.parametrize("own", [{0: 0.1}, {0: 0.1, 1: 0.14}, {0: 0.1, 1: 0.14, 2: 0.05}])
@pytest.mark.parametrize("shams", [{1: 0.1, 2: -0.12, 3: 0.02}, {1: 0.1, 2: -0.12, 3: 0.02, 4: 0.2}, {1: 0.1, 2: -0.1}])
def test_the_luck_of_training_is_that_of_the_arm_and_of_its_placebo(own: Any, shams: Any) -> None:
    """The spread within both arms; the placebo's own luck counts where tuned is compared with it."""
    rng, key = np.random.default_rng(5), ("m", "t", "d")
    base = rng.random(40)
    tuned, sham = trained(rng, base, own), trained(rng, base, shams)
    placebo = Placebo({key: over(base, sham)}, {key: sham})
    found = [
        of({key: over(base, tuned)}, {key: tuned}, of_placebo)
        for of, of_placebo in ((of_base, None), (of_base, placebo), (of_sham, placebo))
    ]
    alone, with_base, with_placebo = (reader_contrasts.estimate([one], QUICK).loc[0] for one in found)
    own_of, shams_of = ([(f["aoc", "base", "tuned"] - base).mean() for f in arm.values()] for arm in (tuned, sham))
    freedom = len(own) - 1 + len(shams) - 1
    spread = sum(np.sum((np.array(arm) - np.mean(arm)) ** 2) for arm in (own_of, shams_of)) / freedom
    if freedom < 2:
        assert np.isnan([alone["seed_error"], with_base["seed_error"], with_placebo["seed_error"]]).all()
        assert with_base["p_value"] == alone["p_value"]
        return
    assert with_base["estimate"] == pytest.approx(np.mean(own_of))
    assert with_base["seed_error"] == pytest.approx(np.sqrt(spread / len(own)))
    assert with_placebo["seed_error"] == pytest.approx(np.sqrt(spread / len(own) + spread / len(shams)))
    half = stats.t.ppf(0.975, freedom) * np.hypot(with_base["error"], with_base["seed_error"])
    assert with_base["ci_high"] - with_base["estimate"] == pytest.approx(half)
    if len(own) < 3:
        assert np.isnan(alone["seed_error"])
        assert alone["ci_high"] - alone["ci_low"] < half
        assert alone["p_value"] < 0.05 < with_base["p_value"]  # what one training shows, others of noise show as well


def of_base(cells: Any, seeds: Any, placebo: Placebo | None) -> effects.Comparison:
    return reader_contrasts.against_base("base_chains", cells, seeds, ["aoc"], placebo)


def of_sham(cells: Any, seeds: Any, placebo: Placebo | None) -> effects.Comparison:
    assert placebo
    return reader_contrasts.against_placebo("placebo", cells, seeds, ["aoc"], placebo)


def test_two_tuned_arms_are_compared_where_both_are() -> None:
    """Their trainings have nothing in common, whatever their seeds."""
    rng = np.random.default_rng(3)
    base, one, other = rng.random((3, 20))
    first = {("m", "a", "d"): cell(base, one), ("n", "a", "d"): cell(base, one), ("m", "a", "e"): cell(base, one)}
    second = {("m", "b", "d"): cell(base, other), ("m", "b", "e"): cell(base, other)}
    shifts = dict(zip((1, 2, 3), (-0.1, 0.0, 0.1), strict=True)), dict(zip((1, 5, 6), (-0.2, 0.0, 0.2), strict=True))
    seeds_first, seeds_second = (
        {key: {seed: cell(base, values + shift) for seed, shift in of_arm.items()} for key in arm}
        for arm, values, of_arm in ((first, one, shifts[0]), (second, other, shifts[1]))
    )
    found = reader_contrasts.between_arms((first, seeds_first), (second, seeds_second), ["aoc"])
    assert set(found.cells) == {("m", "a - b", "d"), ("m", "a - b", "e")}
    variance = 0.1**2 / 3 + 0.2**2 / 3  # of trainings with spreads of .1 and .2
    rows = reader_contrasts.estimate([found], QUICK)
    error = np.hypot(rows["error"], rows["seed_error"])
    assert (rows["ci_high"] - rows["estimate"]).tolist() == pytest.approx((stats.t.ppf(0.975, 2) * error).tolist())
    assert rows["seed_error"].tolist() == pytest.approx([np.sqrt(variance)] * 3)
    two = {key: {seed: of[seed] for seed in (1, 5)} for key, of in seeds_second.items()}
    found = reader_contrasts.between_arms((first, seeds_first), (second, two), ["aoc"])
    assert reader_contrasts.estimate([found], QUICK)["seed_error"].isna().all()
    rows = reader_contrasts.estimate([found], QUICK)
    assert rows["dataset"].tolist() == ["d", "e", "pooled"]
    assert rows["estimate"].tolist() == pytest.approx([(one - other).mean()] * 3)
    assert set(rows["contrast"]) == {"between_arms"}
