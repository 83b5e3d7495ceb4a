"""Differences at equal gain of direct accuracy (method, section 8, C5): intercepts of regressions over items.

Models of other sizes learn other amounts from one recipe, so a difference between their effects may be one of dose.
With y_i the difference of the effects on an item and x_i the difference of what its direct answer gained, the intercept
of y on x is the difference where both models gained alike. It is estimated by least squares; the interval is BCa's,
from resamples of the items.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from faithfulness.compare import inference
from faithfulness.compare.effects import ESTIMATED
from faithfulness.compare.inference import EQUIVALENCE, SPARSE, ZERO, Floats
from faithfulness.config.statistics import Statistics

LEAST_DEFINED = 0.95  # share of the resamples in which gains differ enough; with fewer there is no interval


def estimates(
    strata: Sequence[pd.DataFrame], gains: Sequence[pd.Series], margins: Floats, statistics: Statistics
) -> pd.DataFrame:
    """The intercepts of each column of differences on the difference of gains; the mean over strata of equal weight.

    NaN where all items differ in gain by the same amount, so that gain and size cannot be separated; where none differs
    it is the mean. No interval where fewer than ten differences are not zero, where all are on one line, or where one
    item alone sets the slope.

    Args:
        strata: frames of differences, one for each dataset.
        gains: the difference of gains by item, for each of them.
        margins: shape (columns,).
        statistics: resamples, confidence, seed.

    Returns:
        Index the columns of the strata, columns `effects.ESTIMATED`.
    """
    table = pd.DataFrame(np.nan, strata[0].columns, ESTIMATED).assign(margin=margins)
    for column, values in _with_same_items(strata, gains):
        table.loc[table.index[column], "n_items"] = sum(len(x) for x, _ in values)
        if min(len(x) for x, _ in values) < 2:
            continue
        whole = np.mean([_intercepts(_terms(x, y).sum(axis=0)) for x, y in values], axis=0)
        distribution = _resampled(values, statistics)
        left_out = [_intercepts(terms.sum(axis=0) - terms) for terms in (_terms(x, y) for x, y in values)]
        for place, row in enumerate(column):
            numbers = {"estimate": whole[place]}
            drawn = distribution[np.isfinite(distribution[:, place]), place]
            sparse = sum((np.abs(y[:, place]) > ZERO).sum() for _, y in values) < SPARSE
            defined = np.isfinite(whole[place]) and len(drawn) >= LEAST_DEFINED * len(distribution)
            if defined and not sparse and all(_varies(x, y[:, place]) for x, y in values):
                numbers |= _spread(whole[place], drawn, [part[:, place] for part in left_out], statistics)
                n = np.array(table.loc[table.index[row], "n_items"])
                numbers |= {
                    "items_to_detect": inference.items_to_detect(whole[place], numbers["error"], n),
                    "items_for_equivalence": inference.items_for_equivalence(numbers["error"], n, margins[row]),
                }
            numbers["sparse"] = float(sparse)
            table.loc[table.index[row], list(numbers)] = [float(number) for number in numbers.values()]
    return table


def intercepts(differences: pd.DataFrame, gains: pd.Series) -> Floats:
    """The intercepts alone, of the items that each column has; shape (columns,)."""
    values = np.full(differences.shape[1], np.nan)
    for columns, [(x, y)] in _with_same_items([differences], [gains]):
        if len(x):
            values[columns] = _intercepts(_terms(x, y).sum(axis=0))
    return values


def _with_same_items(
    strata: Sequence[pd.DataFrame], gains: Sequence[pd.Series]
) -> Iterator[tuple[list[int], list[tuple[Floats, Floats]]]]:
    """Columns known of the same items, and of each stratum x, shape (items,), and their y, shape (items, columns)."""
    xs, ys = [gain.to_numpy(float) for gain in gains], [frame.to_numpy(float) for frame in strata]
    known = [np.isfinite(y) & np.isfinite(x)[:, None] for x, y in zip(xs, ys, strict=True)]
    groups: dict[bytes, list[int]] = {}
    for column in range(ys[0].shape[1]):
        groups.setdefault(b"".join(part[:, column].tobytes() for part in known), []).append(column)
    for columns in groups.values():
        kept = [part[:, columns[0]] for part in known]
        yield columns, [(x[k], y[k][:, columns]) for x, y, k in zip(xs, ys, kept, strict=True)]


def _terms(x: Floats, y: Floats) -> Floats:
    """What intercepts need of each item: 1, x, x^2, the y, the x y; shapes (items,), (items, rows)."""
    return np.column_stack([np.ones(len(x)), x, x**2, y, x[:, None] * y])


def _intercepts(sums: Floats) -> Floats:
    """Least-squares intercepts from sums of `_terms`, shape (..., 3 + 2 rows) to (..., rows).

    The mean where x is zero throughout; NaN where x is another constant.
    """
    n, x, squares = (sums[..., place, None] for place in range(3))
    y, products = np.split(sums[..., 3:], 2, axis=-1)
    determinant = n * squares - x**2
    with np.errstate(divide="ignore", invalid="ignore"):
        line = np.where(determinant > ZERO, (squares * y - x * products) / determinant, np.nan)
        return np.asarray(np.round(np.where(squares > ZERO, line, y / n), 12))


def _resampled(values: Sequence[tuple[Floats, Floats]], statistics: Statistics) -> Floats:
    """Bootstrap distribution of the mean over strata of the intercepts, shape (resamples, rows)."""
    rng = np.random.default_rng(statistics.seed)
    total = np.zeros((statistics.resamples, values[0][1].shape[1]))
    for x, y in values:
        terms = _terms(x, y)
        for batch, counts in inference.item_counts(len(x), statistics.resamples, rng):
            total[batch] += _intercepts(counts @ terms)
    return total / len(values)


def _varies(x: Floats, y: Floats) -> bool:
    """Whether an error of the intercept means anything: no perfect line, and no item that sets the slope alone."""
    if np.ptp(x) <= ZERO:
        return bool(np.ptp(y) > ZERO)
    centred = x - x.mean()
    slope = centred @ y / (centred @ centred)
    residuals = y - y.mean() - slope * centred
    leverage = 1 / len(x) + centred**2 / (centred @ centred)
    return bool(np.abs(residuals).max() > ZERO and leverage.max() < 1 - ZERO)


def _spread(
    estimate: Floats, distribution: Floats, left_out: Sequence[Floats], statistics: Statistics
) -> dict[str, Floats]:
    """Intervals, p, error and detectable effect of one intercept."""
    acceleration = inference.acceleration([(len(v) - 1) * (v.mean() - v)[None] for v in left_out])
    numbers: dict[str, Floats] = {}
    for level, ends in ((statistics.confidence, "ci"), (EQUIVALENCE, "equivalence")):
        low, high = inference.bca_interval(np.atleast_1d(estimate), distribution[None], acceleration, level)
        numbers |= {f"{ends}_low": np.asarray(low[0]), f"{ends}_high": np.asarray(high[0])}
    error = np.asarray(np.std(distribution, ddof=1))
    return numbers | {
        "p_value": inference.bootstrap_p(distribution),
        "error": error,
        "detectable": inference.detectable_effect(error),
    }
