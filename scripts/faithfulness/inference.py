"""Inference on arrays of differences (method, section 8): intervals, tests, detectable effects, items needed.

*Strata* are arrays of shape (rows, items of the stratum), one a dataset, weighted equally; a row is an effect. Nothing
here knows what the differences are of.
"""

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from faithfulness.settings import Statistics

Floats = NDArray[np.float64]

SPARSE = 10  # fewer non-zero differences than this are too few for a bootstrap (method, section 8)
EQUIVALENCE = 0.9  # confidence of the interval that must lie inside the margin: two one-sided tests at .05
LEVEL, POWER = 0.05, 0.8
ZERO = 1e-12  # differences below this are rounding
BATCH = 256  # resamples held in memory at once by scipy


def mean_of_strata(*strata: Floats, axis: int = -1) -> Floats:
    """Equal-weight mean of the strata's means, rounded so that equal means tie whatever the order of summation."""
    return np.asarray(np.round(np.mean([np.mean(s, axis=axis) for s in strata], axis=0), 14))


def studentised(*strata: Floats, axis: int = -1) -> Floats:
    """Equal-weight mean of the strata over its standard error."""
    return np.round(mean_of_strata(*strata, axis=axis) / np.maximum(standard_error(*strata, axis=axis), ZERO), 9)


def standard_error(*strata: Floats, axis: int = -1) -> Floats:
    """Standard error of `mean_of_strata`."""
    variances = [np.var(s, axis=axis, ddof=1) / s.shape[axis] for s in strata]
    return np.sqrt(np.sum(variances, axis=0)) / len(strata)


def resampled(strata: Sequence[Floats], statistics: Statistics) -> Floats:
    """Bootstrap distribution of `mean_of_strata`, the same resampled items for every row.

    Equals what scipy.stats.bootstrap draws from the same seed; the counts of each item make it one
    matrix product instead of a gather.

    Args:
        strata: arrays of shape (rows, items of the stratum).

    Returns:
        Shape (rows, resamples).
    """
    rng = np.random.default_rng(statistics.seed)
    drawn = [item_counts(s.shape[-1], statistics.resamples, rng) for s in strata]
    parts = [s @ counts.T / s.shape[-1] for s, counts in zip(strata, drawn, strict=True)]
    return np.asarray(np.round(np.mean(parts, axis=0), 14))


def item_counts(n: int, resamples: int, rng: np.random.Generator) -> Floats:
    """How often each of n items is drawn in each resample; shape (resamples, n)."""
    drawn = rng.integers(0, n, (resamples, n)) + n * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(float)


def interval(
    strata: Sequence[Floats], distribution: Floats, limits: Floats, confidence: float
) -> tuple[Floats, Floats]:
    """Confidence interval of `mean_of_strata` (method, section 8).

    BCa (Efron 1987; scipy.stats.bootstrap). Where fewer than ten values differ from zero a bootstrap is
    worthless, and the interval is +-(largest possible difference) x the Clopper-Pearson upper limit of
    their share (strata: the mean of their limits). Where all values of a stratum are identical in every
    stratum it is their mean +- the same, for a share of none. Without a largest possible difference the
    largest observed takes its place.

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
        half[row] = possible[row] * np.mean([_upper(int(k), n, confidence) for k, n in zip(counts, sizes, strict=True)])
    low, high = np.maximum(centre - half, -limits), np.minimum(centre + half, limits)

    rest = ~(sparse | constant)
    if rest.any():
        ends = stats.bootstrap(
            [s[rest] for s in strata],
            mean_of_strata,
            method="BCa",
            confidence_level=confidence,
            n_resamples=0,
            bootstrap_result=SimpleNamespace(bootstrap_distribution=distribution[rest]),
            vectorized=True,
            batch=BATCH,
            axis=-1,
        ).confidence_interval
        low[rest], high[rest] = ends
    return low, high


def nonzero(strata: Sequence[Floats]) -> NDArray[np.intp]:
    """Number of non-zero differences by stratum and row."""
    return np.array([(np.abs(s) > ZERO).sum(axis=-1) for s in strata])


def _upper(k: int, n: int, confidence: float) -> float:
    return float(stats.binomtest(k, n).proportion_ci(confidence, method="exact").high)


def sign_flip_p(strata: Sequence[Floats], statistics: Statistics) -> Floats:
    """Two-sided p of the studentised sign-flip permutation test (method, section 8).

    Exact, by scipy.stats.permutation_test, where there are fewer sign patterns than resamples. Else the same random
    signs for every row: flipping leaves the sum of squares alone, so that one matrix product gives all statistics;
    p is (patterns at least as extreme + 1) / (patterns + 1), doubled, as scipy counts it.

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
        batch=BATCH,
        axis=-1,
        rng=np.random.default_rng(statistics.seed),
    ).pvalue


def _random_flips_p(strata: Sequence[Floats], statistics: Statistics) -> Floats:
    rng = np.random.default_rng(statistics.seed)
    centres, errors = [], []  # of each stratum; shape (rows, 1 + resamples), the observed signs first
    for stratum in strata:
        n = stratum.shape[-1]
        signs = np.vstack([np.ones(n), 1.0 - 2.0 * rng.integers(0, 2, (statistics.resamples, n))])
        centre = stratum @ signs.T / n
        squares = (stratum**2).mean(axis=-1, keepdims=True)
        centres.append(centre)
        errors.append(np.maximum(squares - centre**2, 0) / (n - 1))
    error = np.sqrt(np.sum(errors, axis=0)) / len(strata)
    statistic = np.round(np.round(np.mean(centres, axis=0), 14) / np.maximum(error, ZERO), 9)
    observed, null = statistic[:, :1], statistic[:, 1:]
    beyond = np.minimum((null >= observed).sum(axis=-1), (null <= observed).sum(axis=-1))
    return np.minimum(1.0, 2 * (beyond + 1) / (statistics.resamples + 1))


def bootstrap_p(distribution: Floats) -> Floats:
    """Two-sided p of a mean of zero, from its bootstrap distribution: twice the smaller share beyond zero.

    Args:
        distribution: shape (rows, resamples).

    Returns:
        Shape (rows,); never below 2 / (resamples + 1).
    """
    beyond = np.minimum((distribution <= 0).sum(axis=-1), (distribution >= 0).sum(axis=-1))
    return np.minimum(1.0, 2 * (beyond + 1) / (distribution.shape[-1] + 1))


def t_interval(estimate: Floats, error: Floats, freedom: float, confidence: float) -> dict[str, Floats]:
    """Intervals, two-sided p and detectable effect of estimates whose errors have so many degrees of freedom."""
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


def _quantiles(one: float, other: float, freedom: Floats | float) -> Floats:
    return np.asarray(stats.t.ppf(one, freedom) + stats.t.ppf(other, freedom))


def items_for_equivalence(
    error: Floats, n: Floats, margins: Floats, seed_error: Floats | float = 0.0, freedom: float = np.inf
) -> Floats:
    """Items at which equivalence would be shown at 80 % power if there were no effect at all.

    Two one-sided tests at 5 %: n (q x standard error)^2 / (margin^2 - (q x error of the seeds)^2), q = t(.95) + t(.9),
    as the error over items falls with the root of n and that over seeds does not (a standard deviation of .3 and a
    margin of .05 take about 310). NaN where more items would not do: more seeds are needed.
    """
    q = _quantiles(1 - LEVEL, (1 + POWER) / 2, freedom)
    return items_for(margins, q * error, n, q * np.asarray(seed_error))


def items_for(effect: Floats | float, spread: Floats, n: Floats, seed_spread: Floats) -> Floats:
    """Items at which the spread of n items, which falls with their root, and that of the seeds make up an effect."""
    room = np.asarray(effect) ** 2 - seed_spread**2
    return np.ceil(n * spread**2 / np.where(room > 0, room, np.nan))


def items_for_none_seen(margins: Floats, limits: Floats, strata: int) -> Floats:
    """Items at which the Clopper-Pearson limit of no non-zero difference falls inside the margin, in all strata."""
    with np.errstate(divide="ignore"):
        found = np.log(LEVEL) / np.log1p(-np.minimum(margins / limits, 0.5))
    return np.where(np.isfinite(limits), strata * np.ceil(found), 0)
