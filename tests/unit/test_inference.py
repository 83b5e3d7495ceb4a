"""Section 8 of the method on arrays: intervals, tests, detectable effects, items needed."""

import itertools
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from faithfulness.compare import inference
from faithfulness.config.statistics import Statistics

QUICK = Statistics(resamples=999)


def row(values):
    return [np.atleast_2d(np.asarray(values, float))]


def one_interval(values, limit=1.0, confidence=0.95, statistics=QUICK):
    strata = [np.atleast_2d(np.asarray(v, float)) for v in (values if isinstance(values, tuple) else (values,))]
    low, high = inference.interval(strata, inference.resampled(strata, statistics), np.array([limit]), confidence)
    return low[0], high[0]


# --- intervals (section 8)


def test_bca_agrees_with_scipy_on_the_same_draws():
    values = np.random.default_rng(3).normal(0.2, 0.4, (2, 17))
    got = inference.interval([values], inference.resampled([values], QUICK), np.array([np.inf, np.inf]), 0.95)
    expected = stats.bootstrap(
        (values,), np.mean, axis=-1, n_resamples=999, method="BCa", rng=np.random.default_rng(0), vectorized=True
    ).confidence_interval
    np.testing.assert_allclose(got, expected, atol=1e-9)


@settings(max_examples=30)
@given(
    sizes=st.lists(st.integers(12, 40), min_size=1, max_size=3),
    seed=st.integers(0, 2**16),
    confidence=st.sampled_from([0.9, 0.95]),
)
def test_closed_acceleration_gives_the_intervals_of_scipys_jackknife(sizes, seed, confidence):
    rng = np.random.default_rng(seed)
    strata = [rng.gamma(1, 1, (2, n)) - 0.5 for n in sizes]
    distribution = inference.resampled(strata, QUICK)
    expected = stats.bootstrap(
        strata, inference.mean_of_strata, method="BCa", confidence_level=confidence, n_resamples=0, vectorized=True,
        bootstrap_result=SimpleNamespace(bootstrap_distribution=distribution), axis=-1,
    ).confidence_interval  # fmt: skip
    ends = inference.interval(strata, distribution, np.full(2, np.inf), confidence)
    np.testing.assert_allclose(ends, expected, atol=1e-9)


def test_acceleration_of_a_mean_is_its_skewness_over_six_roots_of_n():
    values = np.array([0.0, 0.0, 1.0, 5.0])
    expected = stats.skew(values) / (6 * np.sqrt(4))
    assert inference.acceleration([values[None] - 1.5])[0] == pytest.approx(expected)
    left_out = np.array([np.delete(values, i).mean() for i in range(4)])
    influence = 3 * (left_out.mean() - left_out)
    assert inference.acceleration([influence[None]])[0] == pytest.approx(expected)


def test_an_interval_needs_resamples_on_both_sides_of_the_estimate():
    low, high = inference.bca_interval(np.array([2.0]), np.array([[0.0, 1.0]]), np.array([0.1]), 0.95)
    assert np.isnan([low, high]).all()


def test_the_size_of_a_batch_changes_nothing(monkeypatch):
    strata = [np.random.default_rng(n).normal(0.1, 1, (3, n)) for n in (15, 40)]
    at_once = inference.resampled(strata, QUICK), inference.sign_flip_p(strata, QUICK)
    monkeypatch.setattr(inference, "BATCH_NUMBERS", 100)
    np.testing.assert_allclose(inference.resampled(strata, QUICK), at_once[0], atol=1e-12)
    assert inference.sign_flip_p(strata, QUICK) == pytest.approx(at_once[1])


def test_memory_of_ten_thousand_items_is_bounded():
    """The whole matrix of resamples would take 240 MB."""
    strata = [np.random.default_rng(0).integers(0, 5, (8, 10_000)) / 4]
    statistics = Statistics(resamples=3_000)
    tracemalloc.start()
    try:
        distribution = inference.resampled(strata, statistics)
        inference.interval(strata, distribution, np.ones(8), 0.95)
        inference.sign_flip_p(strata, statistics)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50e6


def test_resamples_agree_with_a_plain_loop_and_strata_weigh_the_same():
    a, b = np.array([0.1, 0.5, -0.2]), np.array([1.0, 0.0, 0.3, 0.4, 0.8])
    rng = np.random.default_rng(0)
    draws = [[rng.integers(0, 3) for _ in range(3)] for _ in range(999)]  # drawn in one go or one by one: the same
    more = [[rng.integers(0, 5) for _ in range(5)] for _ in range(999)]
    expected = [(a[i].mean() + b[j].mean()) / 2 for i, j in zip(draws, more, strict=True)]
    rng = np.random.default_rng(0)
    assert np.array_equal(draws, rng.integers(0, 3, (999, 3)))
    np.testing.assert_allclose(inference.resampled([*row(a), *row(b)], QUICK)[0], expected, atol=1e-9)


def test_sparse_rule_below_ten_nonzero_differences():
    values = np.zeros(48)
    values[:9] = 0.5
    limit = stats.binomtest(9, 48).proportion_ci(0.95, method="exact").high
    assert one_interval(values) == pytest.approx((-limit, limit))
    assert one_interval(values, limit=2.0)[1] == pytest.approx(2 * limit)
    values[9] = 0.5  # ten are enough for the bootstrap, which does not stretch to the other sign
    assert one_interval(values)[0] > 0


def test_sparse_rule_without_any_difference_is_the_rule_of_three():
    assert one_interval(np.zeros(48))[1] == pytest.approx(1 - 0.025 ** (1 / 48))


def test_sparse_rule_takes_the_largest_observed_difference_where_there_is_no_bound():
    assert one_interval([2.0, 1.0, 0, 0, 0, 0], limit=np.inf)[1] == pytest.approx(
        2 * stats.binomtest(2, 6).proportion_ci(0.95, method="exact").high
    )


def test_identical_differences_give_an_interval_that_admits_doubt():
    doubt = 1 - 0.025 ** (1 / 20)
    assert one_interval(np.full(20, 0.3)) == pytest.approx((0.3 - doubt, 0.3 + doubt))
    assert one_interval(np.full(20, 1.0)) == pytest.approx((1 - doubt, 1))  # no further than is possible


def test_sparse_rule_of_strata_averages_their_limits():
    limits = [stats.binomtest(k, n).proportion_ci(0.95, method="exact").high for k, n in ((3, 20), (0, 40))]
    first = np.zeros(20)
    first[:3] = 1
    assert one_interval((first, np.zeros(40)))[1] == pytest.approx(np.mean(limits))


def test_stratified_interval_weighs_datasets_equally_whatever_their_size():
    rng = np.random.default_rng(1)
    small, large = rng.normal(0.5, 0.1, 20), rng.normal(0.0, 0.1, 400)
    low, high = one_interval((small, large), np.inf)
    assert low < 0.25 < high
    assert high - low < 0.06


def test_pooled_intervals_are_those_of_a_plain_stratified_bootstrap():
    rng = np.random.default_rng(4)
    strata = [rng.gamma(2, 1, 30), rng.normal(1, 2, 45)]
    statistics = Statistics(resamples=999)
    rows = [s[None] for s in strata]
    found = inference.interval(rows, inference.resampled(rows, statistics), np.array([np.inf]), 0.95)
    draws = np.random.default_rng(statistics.seed)
    picked = [draws.integers(0, len(s), (999, len(s))) for s in strata]
    distribution = np.sort([np.mean([s[p[b]].mean() for s, p in zip(strata, picked, strict=True)]) for b in range(999)])
    # BCa by hand (Efron 1987; several samples: Efron and Tibshirani 1993, problem 15.36): the acceleration takes each
    # sample's jackknife, weighed by its size.
    observed = np.mean([s.mean() for s in strata])
    below = (distribution < observed).sum() + (distribution <= observed).sum()
    bias = stats.norm.ppf(below / (2 * 999))
    cubes = squares = 0.0
    for k, s in enumerate(strata):
        others = np.mean([t.mean() for i, t in enumerate(strata) if i != k])
        left = np.array([(np.delete(s, i).mean() + others) / 2 for i in range(len(s))])
        u = (len(s) - 1) * (left.mean() - left)
        cubes, squares = cubes + (u**3).sum() / len(s) ** 3, squares + (u**2).sum() / len(s) ** 2
    acceleration = cubes / (6 * squares**1.5)
    for end, level in zip(found, (0.025, 0.975), strict=True):
        z = bias + stats.norm.ppf(level)
        place = stats.norm.cdf(bias + z / (1 - acceleration * z))
        assert end[0] == pytest.approx(np.percentile(distribution, 100 * place), abs=1e-9)


# --- the sign-flip test


def flips_by_hand(values, signs):
    flipped = signs * values
    return np.round(flipped.mean() / max(flipped.std(ddof=1) / np.sqrt(len(values)), 1e-12), 9)


def test_exact_sign_flips_agree_with_a_loop_over_all_signs():
    values = np.array([0.5, 0.25, -0.1, 0.4, 0.3, 0.7])
    null = [flips_by_hand(values, np.array(s)) for s in itertools.product([1, -1], repeat=6)]
    observed = flips_by_hand(values, np.ones(6))
    expected = 2 * min(np.mean(null >= observed), np.mean(null <= observed))
    assert inference.sign_flip_p(row(values), QUICK)[0] == pytest.approx(expected, abs=1e-9)
    assert expected == pytest.approx(2 * 2 / 64)  # all positive, or all but the smallest


def test_exact_sign_flips_of_strata_agree_with_a_loop():
    a, b = np.array([0.5, 0.4, 0.1]), np.array([0.2, -0.1, 0.6, 0.3])

    def statistic(signs):
        x, y = a * signs[:3], b * signs[3:]
        error = np.sqrt(x.var(ddof=1) / 3 + y.var(ddof=1) / 4) / 2
        return np.round((x.mean() + y.mean()) / 2 / max(error, 1e-12), 9)

    null = np.array([statistic(np.array(s)) for s in itertools.product([1, -1], repeat=7)])
    observed = statistic(np.ones(7))
    expected = 2 * min(np.mean(null >= observed), np.mean(null <= observed))
    assert inference.sign_flip_p([*row(a), *row(b)], QUICK)[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("values", "expected"), [(np.zeros(8), 1), (np.full(6, 0.5), 2 / 64), (np.array([1, -1.0]), 1)]
)
def test_sign_flips_without_variance(values, expected):
    assert inference.sign_flip_p(row(values), QUICK)[0] == pytest.approx(expected)


def test_random_sign_flips_find_what_is_there_and_nothing_else():
    rng = np.random.default_rng(0)
    values = np.stack([rng.normal(0.3, 0.3, 60), np.tile([0.3, -0.3], 30)])
    p = inference.sign_flip_p([values], QUICK)
    assert p[0] == pytest.approx(2 / 1000)  # the smallest that 999 flips allow
    assert p[1] > 0.9


def test_random_sign_flips_agree_with_a_loop_over_the_same_signs():
    rng = np.random.default_rng(4)
    a, b = rng.normal(0.1, 0.3, 20), rng.normal(0.0, 0.5, 30)
    rng = np.random.default_rng(0)
    signs = [1 - 2.0 * rng.integers(0, 2, (999, n)) for n in (20, 30)]

    def statistic(x, y):
        return (x.mean() + y.mean()) / 2 / (np.sqrt(x.var(ddof=1) / 20 + y.var(ddof=1) / 30) / 2)

    null = np.array([statistic(a * s, b * t) for s, t in zip(*signs, strict=True)])
    beyond = min((null >= statistic(a, b)).sum(), (null <= statistic(a, b)).sum())
    assert inference.sign_flip_p([*row(a), *row(b)], QUICK)[0] == pytest.approx(2 * (beyond + 1) / 1000, abs=1e-9)


def test_random_sign_flips_agree_with_scipy_but_for_chance():
    values = np.random.default_rng(4).normal(0.06, 0.3, 40)
    many = Statistics(resamples=20_000)
    expected = stats.permutation_test(
        (values,), lambda x, axis: inference.studentised(x, axis=axis), permutation_type="samples", vectorized=True,
        n_resamples=20_000, rng=np.random.default_rng(1),
    ).pvalue  # fmt: skip
    assert inference.sign_flip_p(row(values), many)[0] == pytest.approx(expected, abs=0.02)


def test_bootstrap_p_by_hand():
    distribution = np.array([[1, 1, 1, -1.0], [1, 1, 1, 1], [1, -1, 1, -1]])
    assert inference.bootstrap_p(distribution) == pytest.approx([2 * 2 / 5, 2 * 1 / 5, 1])


# --- power


def test_items_for_equivalence_reproduces_the_methods_example():
    error = np.array([0.3 / np.sqrt(48)])
    needed = inference.items_for_equivalence(error, np.array([48.0]), np.array([0.05]))
    assert needed[0] == pytest.approx(310, abs=3)


def test_items_to_detect_have_eighty_percent_power():
    estimate, error = np.array([0.158, 0.0]), np.full(2, 0.292 / np.sqrt(40))
    needed = inference.items_to_detect(estimate, error, np.full(2, 40.0))
    assert needed[0] == np.ceil((2.80158 * 0.292 / 0.158) ** 2) == 27
    assert inference.detectable_effect(0.292 / np.sqrt(needed[0])) <= 0.158
    assert np.isnan(needed[1])
    # What seeds add to the error stays, however many items there are.
    q = stats.t.ppf(0.975, 2) + stats.t.ppf(0.8, 2)
    few = inference.items_to_detect(estimate, error, np.full(2, 40.0), np.array([0.02, 0.02]), 2)
    assert few[0] == np.ceil((q * 0.292) ** 2 / (0.158**2 - (q * 0.02) ** 2))
    assert np.isnan(inference.items_to_detect(estimate, error, np.full(2, 40.0), np.full(2, 0.03), 2)[0])


def test_items_for_equivalence_without_any_difference():
    margins, limits = np.full(2, 0.05), np.array([1.0, np.inf])
    assert inference.items_for_equivalence(np.zeros(2), np.full(2, 48.0), margins).tolist() == [0, 0]
    assert inference.items_for_none_seen(margins, limits, 1).tolist() == [59, 0]  # .95^59 < .05 < .95^58
    assert inference.items_for_none_seen(margins, limits, 2).tolist() == [118, 0]  # each of two datasets needs them
    assert one_interval(np.zeros(59), confidence=0.9)[1] < 0.05 < one_interval(np.zeros(58), confidence=0.9)[1]


def test_detectable_effect_has_eighty_percent_power():
    error = 0.3 / np.sqrt(200)
    effect = inference.detectable_effect(error)
    assert 1 - stats.norm.cdf(1.96 - effect / error) == pytest.approx(0.8, abs=0.001)
    few = inference.detectable_effect(error, 2)  # three seeds: t(.975, 2) + t(.8, 2)
    assert few == pytest.approx((4.3027 + 1.0607) * error, abs=1e-4)


def test_items_do_not_make_up_for_the_spread_of_seeds():
    error, n, margins = np.full(3, 0.03), np.full(3, 100.0), np.full(3, 0.2)
    needed = inference.items_for_equivalence(error, n, margins, np.array([0.0, 0.02, 0.05]), 2)
    q = stats.t.ppf(0.95, 2) + stats.t.ppf(0.9, 2)
    assert needed[0] == np.ceil(100 * (q * 0.03 / 0.2) ** 2)
    # At so many items, q times the whole error is the margin.
    assert q * np.hypot(0.03 * np.sqrt(100 / needed[1]), 0.02) == pytest.approx(0.2, abs=1e-3)
    assert np.isnan(needed[2])


def test_standard_error_of_strata_by_hand():
    a, b = np.array([1.0, 2.0, 6.0]), np.array([0.0, 1.0])
    expected = np.sqrt(7 / 3 + 0.5 / 2) / 2  # variances 7 and .5
    assert inference.standard_error(a, b) == pytest.approx(expected)
    assert inference.studentised(a, b) == pytest.approx((3 + 0.5) / 2 / expected)


def test_batches_for_wide_results_hold_the_same_draws():
    drawn = [
        np.concatenate([counts for _, counts in inference.item_counts(7, 50, np.random.default_rng(0), width)])
        for width in (1, inference.BATCH_NUMBERS // 3)
    ]
    assert (drawn[0] == drawn[1]).all()
    sizes = [counts.shape[0] for _, counts in inference.item_counts(7, 50, np.random.default_rng(0), 10**12)]
    assert sizes == [1] * 50
