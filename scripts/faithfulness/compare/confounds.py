"""Contrasts in which something else that fine-tuning changes is held fixed (method, sections 6 and 8).

Each gives rows like those of `effects.compare`, under a contrast of its own beside the plain one: *length_matched* and
*length_adjusted* for the length of chains, *chance_corrected* for readers that give one answer more often than others.
`cut_answers.same_direct_answer` keeps the direct answer fixed; measures in steps are reported beside fractions.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import OLS

from faithfulness.compare import effects, inference, kappa
from faithfulness.compare.cut_answers import CellAnswers, CutChains
from faithfulness.compare.effects import CONTRASTS, Comparison
from faithfulness.compare.inference import EQUIVALENCE, SPARSE, ZERO, Floats
from faithfulness.compare.item_means import ROLES, Cell, Cells, Seeds
from faithfulness.compare.measures import COMPONENTS, MEASURES
from faithfulness.compare.trainings import by_training
from faithfulness.config.statistics import Statistics

LEAST_DEFINED = 0.95  # share of the resamples in which c is small enough; with fewer there is no interval
STEPS_APART = 1  # chains whose lengths differ by no more are of equal length


def length_matched(frame: pd.DataFrame) -> pd.DataFrame:
    """The items whose two chains differ by at most one step; frames of means in and out."""
    return frame[(_longer(frame).abs() <= STEPS_APART).to_numpy()]


def _longer(frame: pd.DataFrame) -> pd.Series:
    """By how many steps tuned's chain is longer than base's."""
    return frame["n_steps", "tuned", "tuned"] - frame["n_steps", "base", "base"]


@dataclass(frozen=True)
class _Fit:
    """A regression on the difference in length: its intercept, standard error, degrees of freedom and items."""

    intercept: float
    error: float
    freedom: int
    n_items: int


def length_adjusted(
    cells: Cells,
    statistics: Statistics,
    names: Collection[str],
    pool: effects.Pool = sorted,
    seeds: Seeds | None = None,
) -> pd.DataFrame:
    """The effects at equal chain length: the intercept of their regression on the difference in length.

    Ordinary least squares over items with heteroscedasticity-robust errors (HC3; MacKinnon and White 1985), by
    statsmodels. Pooled: the equal-weight mean of the datasets' intercepts. NaN where all items differ in length by
    the same number of steps, so that length and fine-tuning cannot be separated. No interval where fewer than ten
    differences are not zero, where all are on one line, or where one item alone sets the slope: such errors are
    worthless.

    Args:
        cells: frames of means by cell.
        statistics: confidence, margin.
        names: the measures wanted.
        pool: which of the datasets are pooled.
        seeds: frames of means of each training seed by cell; where there are three or more, items and seeds are
            `effects.crossed`.

    Returns:
        As effects.compare, contrast 'length_adjusted'.
    """
    comparison = Comparison("length_adjusted", cells, list(names), seeds or {})
    fits = {cell: _fits(frame, comparison) for cell, frame in cells.items()}

    def intercepts(cell: Cell, frame: pd.DataFrame) -> Floats:
        return np.array([fit.intercept for fit in _fits(effects.of_items(frame, cells[cell]), comparison).values()])

    def estimate(pooled: Sequence[Cell]) -> pd.DataFrame:
        rows = {}
        for row in fits[pooled[0]]:
            parts = [fits[cell][row] for cell in pooled]
            value = np.array(np.mean([fit.intercept for fit in parts]))
            error = np.array(np.sqrt(np.sum([fit.error**2 for fit in parts])) / len(parts))
            ends = inference.t_interval(value, error, sum(fit.freedom for fit in parts), statistics.confidence)
            numbers = {name: float(number) for name, number in ({"estimate": value} | ends).items()}
            rows[row] = numbers | {"n_items": sum(fit.n_items for fit in parts)}
        trainings = by_training(comparison.seeds, pooled, intercepts)
        return effects.crossed(pd.DataFrame.from_dict(rows, orient="index"), trainings, statistics)

    return effects.over_cells([comparison], statistics, estimate, pool)


def _fits(frame: pd.DataFrame, comparison: Comparison) -> dict[tuple[str, str, str], _Fit]:
    by_item = effects.differences(frame, comparison.names())
    longer = _longer(frame).to_numpy(float)
    columns = by_item.columns.to_flat_index()
    return {(comparison.contrast, *column): _fit(by_item[column].to_numpy(float), longer) for column in columns}


def _fit(difference: Floats, longer: Floats) -> _Fit:
    """NaN where an intercept or its error cannot be had."""
    known = np.isfinite(difference) & np.isfinite(longer)
    y, x = difference[known], longer[known]
    design = np.column_stack([np.ones(len(x)), x]) if np.any(x) else np.ones((len(x), 1))
    freedom = len(y) - design.shape[1]
    if freedom < 1 or np.linalg.matrix_rank(design) < design.shape[1]:
        return _Fit(np.nan, np.nan, max(freedom, 1), len(y))
    fit = OLS(y, design).fit(cov_type="HC3")
    worthless = (
        (np.abs(y) > ZERO).sum() < SPARSE
        or np.abs(fit.resid).max() <= ZERO
        or fit.get_influence().hat_matrix_diag.max() >= 1 - ZERO
    )
    return _Fit(float(fit.params[0]), np.nan if worthless else float(fit.bse[0]), freedom, len(y))


@dataclass(frozen=True)
class _Estimated:
    """A corrected measure in the four ROLES.

    Args:
        n_items: items that it is known of.
        whole: its corrected means, shape (4,).
        drawn: those of the resamples, shape (resamples, 4).
        left_out: those without each item in turn, shape (items, 4).
        by_item: its uncorrected values, shape (items, 4).
        scale: 1 / (1 - c) of each role, shape (4,): by how much the correction stretches the measure.
    """

    n_items: int
    whole: Floats
    drawn: Floats
    left_out: Floats
    by_item: Floats
    scale: Floats


def chance_corrected(
    comparison: Comparison, answers: Mapping[Cell, CellAnswers], statistics: Statistics, pool: effects.Pool = sorted
) -> pd.DataFrame:
    """The effects on chance-corrected measures; c is that of each writer x reader, recomputed in every resample.

    BCa intervals over items, and the bootstrap's p: to flip an item's sign would not change its answers. Resamples in
    which a c exceeds .9 are left out; where they are many there is no interval, nor where fewer than ten differences
    are not zero. Each dataset has resamples of its own, so a pooled row is the mean of theirs.

    Args:
        comparison: of measures that can be corrected. Where its trainings are enough, items and trainings are
            `effects.crossed`, the error over items being the spread of the resamples.
        answers: by cell.
        statistics: resamples, confidence, margin, seed.
        pool: which of the datasets are pooled.

    Returns:
        As effects.compare, with all components of each measure.
    """
    comparison = replace(comparison, components=COMPONENTS)
    cells, names = comparison.cells, comparison.names()
    rows = [(name, component) for name in names for component in MEASURES[name].components]
    estimated = {
        cell: {
            name: values
            for together, items in _with_same_items(frame, names)
            for name, values in _estimated(answers[cell].together, together, items, cell[2], statistics).items()
        }
        for cell, frame in cells.items()
    }

    def of_training(cell: Cell, training: tuple[pd.DataFrame, CutChains]) -> Floats:
        frame, chains = training
        whole = {
            # Of probes that no chain has, such as mistakes where no step claims anything, there is nothing to look up.
            name: _whole(_by_role(chains, name, items)) if len(items) else np.full(len(ROLES), np.nan)
            for together, items in _with_same_items(effects.of_items(frame, cells[cell]), names)
            for name in together
        }
        return np.array([_component(whole[name], component) for name, component in rows])

    own, placebo = (
        {cell: {seed: (frames[cell][seed], chains[seed]) for seed in chains} for cell, chains in of_arm.items()}
        for frames, of_arm in (
            (comparison.seeds, {cell: answers[cell].seeds for cell in cells}),
            (comparison.placebo_seeds, {cell: answers[cell].placebo_seeds for cell in cells}),
        )
    )

    def estimate(pooled: Sequence[Cell]) -> pd.DataFrame:
        by_row = {
            (comparison.contrast, *row): _row([estimated[cell][row[0]] for cell in pooled], *row, statistics)
            for row in rows
        }
        trainings = by_training(own, pooled, of_training, placebo, minus_placebo=comparison.minus_placebo)
        table = pd.DataFrame.from_dict(by_row, orient="index")
        if trainings.own:  # where one training leaves nothing to correct, nothing is known of them together
            table.loc[np.isnan(trainings.own).any(axis=0), "estimate"] = np.nan
        return effects.crossed(table, trainings, statistics)

    return effects.over_cells([comparison], statistics, estimate, pool)


def _with_same_items(frame: pd.DataFrame, names: Sequence[str]) -> Iterator[tuple[list[str], pd.Index]]:
    """Measures that are known of the same items in all roles, and these items."""
    groups: dict[bytes, list[str]] = {}
    known = {name: frame[[(name, *roles) for roles in ROLES]].notna().all(axis=1).to_numpy() for name in names}
    for name in names:
        groups.setdefault(known[name].tobytes(), []).append(name)
    yield from ((together, frame.index[known[together[0]]]) for together in groups.values())


def _by_role(chains: CutChains, name: str, items: pd.Index) -> list[kappa.Probes]:
    return [kappa.probes(chains, name, role, items) for role in range(len(ROLES))]


def _whole(by_role: Sequence[kappa.Probes]) -> Floats:
    return np.array([part.corrected(np.ones(part.matrix.shape[0])) for part in by_role])


def _estimated(
    chains: CutChains, names: Sequence[str], items: pd.Index, dataset: str, statistics: Statistics
) -> dict[str, _Estimated]:
    """Measures of one cell that are known of the same items, in the same resamples; none with fewer than two items."""
    n = len(items)
    if n < 2:
        by_role, by_resample, by_item = (
            np.full((*rows, len(ROLES)), np.nan) for rows in ((), (statistics.resamples,), (n,))
        )
        return {name: _Estimated(n, by_role, by_resample, by_item, by_item, by_role) for name in names}
    measures = {name: _by_role(chains, name, items) for name in names}
    parts = [part for by_role in measures.values() for part in by_role]
    joined, borders = kappa.side_by_side(parts), np.cumsum([part.matrix.shape[1] for part in parts])[:-1]
    drawn = np.empty((statistics.resamples, len(parts)))
    rng = np.random.default_rng([statistics.seed, crc32(dataset.encode())])
    for batch, counts in inference.item_counts(n, statistics.resamples, rng, joined.shape[1]):
        sums = np.split(np.asarray(counts @ joined), borders, axis=1)
        drawn[batch] = np.stack([part.of_sums(s, np.array(n)) for part, s in zip(parts, sums, strict=True)], axis=1)
    return {
        name: _Estimated(
            n,
            _whole(by_role),
            drawn[:, len(ROLES) * place : len(ROLES) * (place + 1)],
            np.stack([part.left_out() for part in by_role], axis=1),
            np.stack([part.by_item() for part in by_role], axis=1),
            1 / (1 - np.minimum([part.chance() for part in by_role], kappa.LARGEST_CHANCE)),
        )
        for place, (name, by_role) in enumerate(measures.items())
    }


def _component(corrected: Floats, component: str) -> Floats:
    """A component of corrected values; shape (..., 4) to (...)."""
    parts = [
        coefficient * corrected[..., place]
        for place, coefficient in enumerate(CONTRASTS[component])
        if coefficient  # a role without one may be NaN
    ]
    return np.asarray(np.sum(parts, axis=0))


def _row(strata: Sequence[_Estimated], name: str, component: str, statistics: Statistics) -> dict[str, float]:
    """The estimate of a component over strata of equal weight.

    Where fewer than ten items differ, or all of them alike, a bootstrap is worthless: as in `inference.interval`, what
    may hide is the Clopper-Pearson limit of their share (of none) x the largest possible difference, stretched as the
    correction stretches the measure.
    """
    estimate = float(np.mean([_component(s.whole, component) for s in strata]))
    resampled = np.mean([_component(s.drawn, component) for s in strata], axis=0)
    distribution = resampled[np.isfinite(resampled)]
    n = float(sum(s.n_items for s in strata))
    margin = effects.margin(name, statistics)
    row = {"estimate": estimate, "n_items": n, "margin": margin}
    if not (np.isfinite(estimate) and len(distribution) >= LEAST_DEFINED * len(resampled)):
        return row
    differ = [int((np.abs(_component(s.by_item, component)) > ZERO).sum()) for s in strata]
    used, few = np.array(CONTRASTS[component]) != 0, sum(differ) < SPARSE
    sparse = few or np.ptp(distribution) <= ZERO
    most = effects.largest(name, component) * max(float(s.scale[used].max()) for s in strata)
    for level, ends in ((statistics.confidence, "ci"), (EQUIVALENCE, "equivalence")):
        if sparse:
            shares = [inference.upper_limit(k * few, s.n_items, level) for k, s in zip(differ, strata, strict=True)]
            half = most * float(np.mean(shares))
            row[f"{ends}_low"], row[f"{ends}_high"] = max(estimate - half, -most), min(estimate + half, most)
        else:
            left_out = [_component(s.left_out, component) for s in strata]
            acceleration = inference.acceleration([(len(v) - 1) * (v.mean() - v)[None] for v in left_out])
            low, high = inference.bca_interval(np.array([estimate]), distribution[None], acceleration, level)
            row[f"{ends}_low"], row[f"{ends}_high"] = float(low[0]), float(high[0])
    error = np.std(distribution, ddof=1)
    needed = {
        # As in `effects.estimates`: with hardly a difference in sight, what could hide is what the interval admits.
        "detectable": row["ci_high"] if sparse else inference.detectable_effect(error),
        "items_to_detect": np.nan if sparse else inference.items_to_detect(np.array(estimate), error, np.array(n)),
        "items_for_equivalence": np.maximum(
            inference.items_for_equivalence(error, np.array(n), np.array(margin)),
            inference.items_for_none_seen(np.array(margin), np.array(most), len(strata)),
        ),
    }
    row |= {key: float(value) for key, value in needed.items()}
    row["p_value"] = 1.0 if few else float(inference.bootstrap_p(distribution))
    return row | {"error": float(error), "sparse": float(sparse)}
