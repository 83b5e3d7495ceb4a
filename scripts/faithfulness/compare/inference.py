"""Inference on arrays of differences (method, section 8): intervals, tests, detectable effects, items needed.

*Strata* are arrays of shape (rows, items of the stratum), one for each dataset, and all datasets have equal weight. A
row is an effect. Nothing here knows what the differences are differences of.

Resamples are drawn in batches of about `BATCH_NUMBERS` numbers, so memory does not grow with items times resamples.
A generator gives the same numbers in batches as all at once, so that the size of a batch changes no result.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from faithfulness.config.statistics import Statistics

Floats = NDArray[np.float64]
Counts = NDArray[np.intp]

SPARSE = 10  # fewer non-zero differences than this are too few for a bootstrap (method, section 8)
EQUIVALENCE = 0.9  # confidence of the interval that must be inside the margin: two one-sided tests at .05
LEVEL, POWER = 0.05, 0.8
ZERO = 1e-12  # differences below this are rounding errors
BATCH_NUMBERS = 2**20  # random numbers that are drawn at once: 8 MB
EXACT_BATCH = 256  # sign patterns that scipy's exact test holds in memory at once


def mean_of_strata(*strata: Floats, axis: int = -1) -> Floats:
    """Equal-weight mean of the strata's means, rounded so that equal means tie whatever the order of summation."""
    return np.asarray(np.round(np.mean([np.mean(s, axis=axis) for s in strata], axis=0), 14))


def studentised(*strata: Floats, axis: int = -1) -> Floats:
    """Equal-weight mean of the strata, divided by its standard error."""
    return np.round(mean_of_strata(*strata, axis=axis) / np.maximum(standard_error(*strata, axis=axis), ZERO), 9)


def standard_error(*strata: Floats, axis: int = -1) -> Floats:
    """Standard error of `mean_of_strata`."""
    variances = [np.var(s, axis=axis, ddof=1) / s.shape[axis] for s in strata]
    return np.sqrt(np.sum(variances, axis=0)) / len(strata)


def item_counts(n: int, resamples: int, rng: np.random.Generator, width: int = 1) -> Iterator[tuple[slice, Floats]]:
    """How often each of n items is drawn in each resample, in batches of resamples.

    Args:
        n: items.
        resamples: their number.
        rng: of the draws.
        width: numbers that are computed from a resample: batches are as small as these need.

    Yields:
        Which resamples a batch holds, and their counts, shape (resamples of the batch, n). The draws are those of
        `rng.integers(0, n, (resamples, n))`, which scipy.stats.bootstrap takes from the same seed.
    """
    for batch in _batches(max(n, width), resamples):
        size = batch.stop - batch.start
        drawn = rng.integers(0, n, (size, n))
        drawn += n * np.arange(size)[:, None]
        yield batch, np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(float)


def _batches(n: int, resamples: int) -> Iterator[slice]:
    size = max(1, BATCH_NUMBERS // n)
    for start in range(0, resamples, size):
        yield slice(start, min(start + size, resamples))


def resampled(strata: Sequence[Floats], statistics: Statistics) -> Floats:
    """Bootstrap distribution of `mean_of_strata`; every row has the same resampled items.

    The distribution equals that of scipy.stats.bootstrap from the same seed; with the counts of each item a batch of
    resamples is one matrix product instead of a gather.

    Args:
        strata: arrays of shape (rows, items of the stratum).

    Returns:
        Shape (rows, resamples).
    """
    rng = np.random.default_rng(statistics.seed)
    total = np.zeros((len(strata[0]), statistics.resamples))
    for stratum in strata:
        n = stratum.shape[-1]
        for batch, counts in item_counts(n, statistics.resamples, rng):
            total[:, batch] += stratum @ counts.T / n
    return np.asarray(np.round(total / len(strata), 14))


def interval(
    strata: Sequence[Floats], distribution: Floats, limits: Floats, confidence: float
) -> tuple[Floats, Floats]:
    """Confidence interval of `mean_of_strata` (method, section 8).

    BCa (Efron 1987). Where fewer than ten values differ from zero a bootstrap is worthless, and the interval is
    +-(largest possible difference) x the Clopper-Pearson upper limit of their share (several strata: the mean of their
    limits). Where each stratum has one value only, the interval is the mean of these values +- the same, for a share
    of none. Without a largest possible difference the largest observed difference replaces it.

    Args:
        strata: arrays of shape (rows, items of the stratum), at least two items each.
        distribution: from `resampled`.
        limits: shape (rows,), the largest possible absolute difference; may be infinite.
        confidence: of the interval.

    Returns:
        Lower and upper ends, shape (rows,).
    """
    possible = np.where(np.isfinite(limits), limits, np.max([np.abs(s).max(axis=-1) for s in strata], axis=0))
    counted = nonzero(strata)
    sparse = counted.sum(axis=0) < SPARSE
    constant = np.all([np.ptp(s, axis=-1) <= ZERO for s in strata], axis=0) & ~sparse

    centre = np.where(sparse, 0.0, mean_of_strata(*strata))
    sizes = [s.shape[-1] for s in strata]
    half = np.zeros(len(limits))
    for row in np.flatnonzero(sparse | constant):
        counts = counted[:, row] if sparse[row] else np.zeros(len(strata), int)
        shares = [upper_limit(int(k), n, confidence) for k, n in zip(counts, sizes, strict=True)]
        half[row] = possible[row] * np.mean(shares)
    low, high = np.maximum(centre - half, -limits), np.minimum(centre + half, limits)

    rest = ~(sparse | constant)
    if rest.any():
        varying = [s[rest] for s in strata]
        deviations = [s - s.mean(axis=-1, keepdims=True) for s in varying]
        low[rest], high[rest] = bca_interval(
            mean_of_strata(*varying), distribution[rest], acceleration(deviations), confidence
        )
    return low, high


def acceleration(influence: Sequence[Floats]) -> Floats:
    """Acceleration of BCa: a sixth of the third over the second central moment, to the power of 3/2, of the jackknife.

    Efron 1987; for several samples Efron and Tibshirani 1993, problem 15.36, where each sample's jackknife is weighted
    by its size, as in scipy.stats.bootstrap.

    Args:
        influence: for each stratum, shape (rows, items): items - 1 times what the estimate without the item falls
            short of the mean of such estimates. Of a mean that is the item's deviation from the mean; a common factor
            of all strata, such as their weight, does not matter.

    Returns:
        Shape (rows,).
    """
    cubes = np.sum([(u**3).sum(axis=-1) / u.shape[-1] ** 3 for u in influence], axis=0)
    squares = np.sum([(u**2).sum(axis=-1) / u.shape[-1] ** 2 for u in influence], axis=0)
    return np.asarray(cubes / (6 * squares**1.5))


def bca_interval(
    estimate: Floats, distribution: Floats, acceleration: Floats, confidence: float
) -> tuple[Floats, Floats]:
    """Bias-corrected and accelerated bootstrap interval (Efron 1987).

    Args:
        estimate: shape (rows,).
        distribution: shape (rows, resamples).
        acceleration: shape (rows,).
        confidence: of the interval.

    Returns:
        Lower and upper ends, shape (rows,); NaN where all resamples are on one side of the estimate.
    """
    observed = estimate[:, None]
    below = (distribution < observed).sum(axis=-1) + (distribution <= observed).sum(axis=-1)
    bias = special.ndtri(below / (2 * distribution.shape[-1]))
    ends = []
    for level in ((1 - confidence) / 2, (1 + confidence) / 2):
        z = bias + special.ndtri(level)
        with np.errstate(invalid="ignore"):
            places = special.ndtr(bias + z / (1 - acceleration * z))
        ends.append(np.array([_percentile(row, place) for row, place in zip(distribution, places, strict=True)]))
    return ends[0], ends[1]


def _percentile(values: Floats, place: float) -> float:
    """The value at a place between 0 and 1; NaN where all resamples are on one side of the estimate."""
    return np.nan if np.isnan(place) else float(np.percentile(values, 100 * place))


def nonzero(strata: Sequence[Floats]) -> Counts:
    """Number of non-zero differences, shape (strata, rows)."""
    return np.array([(np.abs(s) > ZERO).sum(axis=-1) for s in strata])


def upper_limit(k: int, n: int, confidence: float) -> float:
    """Upper Clopper-Pearson limit of a share of k in n."""
    return float(stats.binomtest(k, n).proportion_ci(confidence, method="exact").high)


def sign_flip_p(strata: Sequence[Floats], statistics: Statistics) -> Floats:
    """Two-sided p of the studentised sign-flip permutation test (method, section 8).

    Exact, by scipy.stats.permutation_test, where there are fewer sign patterns than resamples. Otherwise by random
    signs, the same for every row: flips leave the sum of squares alone, so that one matrix product gives a batch of
    statistics. Then p is twice (patterns at least as extreme + 1) / (patterns + 1), as scipy counts it.

    Args:
        strata: arrays of shape (rows, items of the stratum), at least two items each.

    Returns:
        Shape (rows,).
    """
    sizes = [s.shape[-1] for s in strata]
    if sum(sizes) > np.log2(statistics.resamples):
        return _random_flips_p(strata, statistics)
    borders = np.cumsum(sizes)[:-1]

    def statistic(values: Floats, axis: int = -1) -> Floats:
        return studentised(*np.split(values, borders, axis=axis), axis=axis)

    return stats.permutation_test(
        (np.concatenate(strata, axis=-1),),
        statistic,
        permutation_type="samples",
        vectorized=True,
        n_resamples=statistics.resamples,
        batch=EXACT_BATCH,
        axis=-1,
        rng=np.random.default_rng(statistics.seed),
    ).pvalue


def _random_flips_p(strata: Sequence[Floats], statistics: Statistics) -> Floats:
    rng = np.random.default_rng(statistics.seed)
    shape = (len(strata[0]), 1 + statistics.resamples)  # the observed signs, then the random ones
    centre, variance = np.zeros(shape), np.zeros(shape)
    for stratum in strata:
        n = stratum.shape[-1]
        squares = (stratum**2).mean(axis=-1, keepdims=True)
        for columns, signs in _signs(n, statistics.resamples, rng):
            means = stratum @ signs.T / n
            centre[:, columns] += means
            variance[:, columns] += np.maximum(squares - means**2, 0) / (n - 1)
    error = np.sqrt(variance) / len(strata)
    statistic = np.round(np.round(centre / len(strata), 14) / np.maximum(error, ZERO), 9)
    observed, null = statistic[:, :1], statistic[:, 1:]
    beyond = np.minimum((null >= observed).sum(axis=-1), (null <= observed).sum(axis=-1))
    return np.minimum(1.0, 2 * (beyond + 1) / (statistics.resamples + 1))


def _signs(n: int, resamples: int, rng: np.random.Generator) -> Iterator[tuple[slice, Floats]]:
    """The observed signs, then random ones in batches; shape (patterns of the batch, n)."""
    yield slice(0, 1), np.ones((1, n))
    for batch in _batches(n, resamples):
        signs = rng.integers(0, 2, (batch.stop - batch.start, n)).astype(float)
        signs *= -2.0
        signs += 1.0
        yield slice(1 + batch.start, 1 + batch.stop), signs


def bootstrap_p(distribution: Floats) -> Floats:
    """Two-sided p of a mean of zero from its bootstrap distribution: twice the smaller share on one side of zero.

    Args:
        distribution: shape (rows, resamples).

    Returns:
        Shape (rows,); at least 2 / (resamples + 1).
    """
    beyond = np.minimum((distribution <= 0).sum(axis=-1), (distribution >= 0).sum(axis=-1))
    return np.minimum(1.0, 2 * (beyond + 1) / (distribution.shape[-1] + 1))


def t_interval(estimate: Floats, error: Floats, freedom: float, confidence: float) -> dict[str, Floats]:
    """Intervals, two-sided p and detectable effect of estimates, by the t distribution.

    Args:
        estimate: shape (rows,).
        error: their standard errors, shape (rows,).
        freedom: degrees of freedom of the errors.
        confidence: of the outer interval; the inner one is that of the equivalence test.

    Returns:
        Columns of `effects.ESTIMATED`, shape (rows,) each.
    """
    outer, inner = (stats.t.ppf((1 + level) / 2, freedom) * error for level in (confidence, EQUIVALENCE))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stats.t.sf(np.abs(estimate) / error, freedom)
    return {
        "ci_low": estimate - outer,
        "ci_high": estimate + outer,
        "equivalence_low": estimate - inner,
        "equivalence_high": estimate + inner,
        "p_value": np.where((error == 0) & (estimate == 0), 1.0, p),
        "detectable": detectable_effect(error, freedom),
        "error": error,
    }


def detectable_effect(error: Floats, freedom: Floats | float = np.inf) -> Floats:
    """Minimal detectable effect at 80 % power (two-sided, 5 %, one test): (t(.975) + t(.8)) x the standard error.

    Args:
        error: standard errors.
        freedom: degrees of freedom of the errors; infinite for the normal quantiles.
    """
    return _quantiles(1 - LEVEL / 2, POWER, freedom) * error


def _quantiles(test: float, power: float, freedom: Floats | float) -> Floats:
    """Sum of two quantiles of t: that of a test and that of its power."""
    return np.asarray(stats.t.ppf(test, freedom) + stats.t.ppf(power, freedom))


def items_for_equivalence(
    error: Floats, n: Floats, margins: Floats, seed_error: Floats | float = 0.0, freedom: float = np.inf
) -> Floats:
    """Items that an equivalence test needs for 80 % power if there is no effect at all.

    Two one-sided tests at 5 %: n (q x standard error)^2 / (margin^2 - (q x error of the seeds)^2), q = t(.95) + t(.9),
    because the error over items falls with the root of n and the error over seeds does not (a standard deviation of .3
    and a margin of .05 need about 310 items). NaN where no number of items is enough, because of the seeds.
    """
    q = _quantiles(1 - LEVEL, (1 + POWER) / 2, freedom)
    return items_for(margins, q * error, n, q * np.asarray(seed_error))


def items_to_detect(
    estimate: Floats, error: Floats, n: Floats, seed_error: Floats | float = 0.0, freedom: float = np.inf
) -> Floats:
    """Items at which an effect as large as the estimate would be detected with 80 % power (two-sided, 5 %, one test).

    n (q x standard error)^2 / (estimate^2 - (q x error of the seeds)^2), q = t(.975) + t(.8). NaN where no number of
    items is enough, because of the seeds or because the estimate is zero.
    """
    q = _quantiles(1 - LEVEL / 2, POWER, freedom)
    return items_for(np.where(np.abs(estimate) > ZERO, estimate, np.nan), q * error, n, q * np.asarray(seed_error))


def items_for(effect: Floats | float, spread: Floats, n: Floats, seed_spread: Floats) -> Floats:
    """Items at which the spread over items and that over seeds together are as large as an effect.

    Args:
        effect: the effect.
        spread: over n items; it falls with the root of their number.
        n: the number of those items.
        seed_spread: over training seeds; it does not fall with the number of items.
    """
    room = np.asarray(effect) ** 2 - seed_spread**2
    return np.ceil(n * spread**2 / np.where(room > 0, room, np.nan))


def items_for_none_seen(margins: Floats, limits: Floats, strata: int) -> Floats:
    """Items of all strata at which the sparse rule's interval is inside the margin if no difference is seen.

    Args:
        margins: shape (rows,).
        limits: shape (rows,), the largest possible absolute difference; 0 items are returned where it is infinite.
        strata: number of strata; each needs the same number of items.
    """
    with np.errstate(divide="ignore"):
        items = np.log(LEVEL) / np.log1p(-np.minimum(margins / limits, 0.5))
    return np.where(np.isfinite(limits), strata * np.ceil(items), 0)
