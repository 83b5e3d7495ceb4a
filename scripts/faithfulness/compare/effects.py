"""Effects of fine-tuning (method, sections 7 and 8): tuned minus base, paired by item, with intervals and tests.

Frames only; the formulas are in `inference`, and frames of means are explained in `item_means`. A *frame of
differences* has the same items and columns (measure, component), or (contrast, measure, component) for several
contrasts side by side. *Strata* are such frames, one for each dataset, and all have equal weight.
"""

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from faithfulness.compare import inference
from faithfulness.compare.inference import EQUIVALENCE, SPARSE, ZERO, Floats
from faithfulness.compare.item_means import ROLES, Cell, Cells, Seeds
from faithfulness.compare.measures import COMPONENTS, MEASURES, measured
from faithfulness.compare.trainings import Trainings, by_training
from faithfulness.config.statistics import Statistics
from faithfulness.tables.io import frame as as_table
from faithfulness.tables.statistics import Correlations

Pool = Callable[[Collection[str]], Sequence[str]]  # from datasets to those that are pooled
Estimate = Callable[[Sequence[Cell]], pd.DataFrame]

CONTRASTS = {  # coefficients of the ROLES in each component of the effect (method, section 7)
    "total": (-1.0, 0.0, 0.0, 1.0),
    "reading": (-0.5, 0.5, -0.5, 0.5),
    "writing": (-0.5, -0.5, 0.5, 0.5),
    "interaction": (1.0, -1.0, -1.0, 1.0),
}
ROW = ["contrast", "measure", "component"]
ESTIMATED = [
    *("estimate", "ci_low", "ci_high", "equivalence_low", "equivalence_high", "p_value"),
    *("n_items", "margin", "detectable", "items_to_detect", "items_for_equivalence", "error", "seed_error"),
    "sparse",
]


@dataclass(frozen=True)
class Comparison:
    """What is compared under one name of `contrast`.

    Args:
        contrast: name of its rows: 'plain', 'same_direct_answer', ...
        cells: frames of means by cell; items that the contrast leaves out are missing.
        measures: names of the measures wanted.
        seeds: frames of means of each training seed by cell, of which the items of `cells` count; where there are
            enough, items and seeds are `crossed`.
        components: those wanted, of the components that a measure has.
        placebo_seeds: the same of each training of the arm's placebo in place of the arm: its recipe is the same, so
            their spread says how far the arm's own trainings would differ. Or of the arm that it is compared with.
        minus_placebo: whether the arm is compared with the one whose trainings these are.
        one_recipe: whether both have one recipe.
    """

    contrast: str
    cells: Cells
    measures: Collection[str] = field(default_factory=lambda: list(MEASURES))
    seeds: Seeds = field(default_factory=dict)
    components: Collection[str] = COMPONENTS
    placebo_seeds: Seeds = field(default_factory=dict)
    minus_placebo: bool = False
    one_recipe: bool = True

    def names(self) -> list[str]:
        """The measures wanted, without optional ones that no cell has."""
        return self._names

    @functools.cached_property
    def _names(self) -> list[str]:
        present = {name for frame in self.cells.values() for name in measured(frame)}
        return [name for name in self.measures if name in present]

    def differences(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The differences wanted, of a frame of means."""
        return differences(frame, self.names(), self.components)


def differences(
    frame: pd.DataFrame, names: Iterable[str] = MEASURES, wanted: Collection[str] = COMPONENTS
) -> pd.DataFrame:
    """Components of the effect by item: total = reading + writing exactly (method, section 7).

    Args:
        frame: a frame of means.
        names: the measures wanted.
        wanted: the components wanted, of those that a measure has.

    Returns:
        A frame of differences; an item is NaN in a measure that one of its roles lacks.
    """
    names = list(names)
    values = frame[[(name, *roles) for name in names for roles in ROLES]].to_numpy().reshape(len(frame), len(names), 4)
    columns = {}
    for place, name in enumerate(names):
        by_role, components = values[:, place], MEASURES[name].components
        known = ~np.isnan(by_role[:, [0, 3]]).any(axis=1)
        if components == ("total",):  # crosswise values do not exist
            by_role = np.nan_to_num(by_role)
        for component in [component for component in components if component in wanted]:
            # Role by role: a matrix product rounds by the layout of its factors, and equal effects must tie.
            terms = [coefficient * by_role[:, role] for role, coefficient in enumerate(CONTRASTS[component])]
            columns[name, component] = np.where(known, sum(terms), np.nan)
    return pd.DataFrame(columns, index=frame.index).rename_axis(columns=["measure", "component"])


def of_items(training: pd.DataFrame, together: pd.DataFrame) -> pd.DataFrame:
    """The frame of means of one training, with the items alone of which all trainings together have a value.

    Else a training would differ from others by its items, and not by what it learned.
    """
    known = together.reindex(columns=training.columns).notna()
    return training.reindex(together.index).where(known)


def largest(name: str, component: str) -> float:
    """The largest difference that a measure's bounds allow in a component; infinite without bounds."""
    low, high = MEASURES[name].low, MEASURES[name].high
    if low is None or high is None:
        return np.inf
    return (high - low) * (2 if component == "interaction" else 1)


def margin(name: str, statistics: Statistics) -> float:
    """Effects on a measure within this of zero are equivalent to none."""
    return statistics.margins.get(name, statistics.margin)


def estimates(strata: Sequence[pd.DataFrame], statistics: Statistics, *, scale: bool = False) -> pd.DataFrame:
    """Everything that is estimated from differences, one row for each column of theirs.

    Rows that lack the same items are resampled together, so that their intervals are joint.

    Args:
        strata: frames of differences, one for each dataset.
        statistics: resamples, confidence, margin, seed.
        scale: the differences are between two effects (twice as large at most), tested by the bootstrap (C5).

    Returns:
        Index: the columns of the strata. Columns estimate, ci_low, ci_high, equivalence_low, equivalence_high (90 %),
        p_value, n_items, margin, detectable (minimal detectable effect), items_to_detect (at which an effect as large
        as the estimate is detected at 80 % power; NaN where sparse), items_for_equivalence (at which equivalence is
        shown at 80 % power if there is no effect at all), error (standard error), sparse (1 where differences were
        too few for a bootstrap, else 0). All but n_items and margin are NaN where a stratum has fewer than two items;
        so is seed_error, which `crossed` adds.
    """
    columns = strata[0].columns
    measures, components = (columns.get_level_values(level) for level in ("measure", "component"))
    limits = np.array([largest(*pair) for pair in zip(measures, components, strict=True)]) * (2 if scale else 1)
    margins = np.array([margin(name, statistics) for name in measures])
    n_items = sum(s.notna().sum().to_numpy() for s in strata)
    estimated = {name: np.full(len(columns), np.nan) for name in ESTIMATED}
    for rows, values in _complete(strata):
        distribution = inference.resampled(values, statistics)
        low, high = inference.interval(values, distribution, limits[rows], statistics.confidence)
        inner = inference.interval(values, distribution, limits[rows], EQUIVALENCE)
        sparse = inference.nonzero(values).sum(axis=0) < SPARSE
        error, n = inference.standard_error(*values), np.asarray(n_items, float)[rows]
        # Where differences are too few to be resampled, the bootstrap cannot speak against zero.
        p_value = (
            np.where(sparse, 1.0, inference.bootstrap_p(distribution))
            if scale
            else inference.sign_flip_p(values, statistics)
        )
        centre = inference.mean_of_strata(*values)
        part = {
            "estimate": centre,
            "error": error,
            "ci_low": low,
            "ci_high": high,
            "equivalence_low": inner[0],
            "equivalence_high": inner[1],
            "p_value": p_value,
            # With hardly a difference in sight, what could hide is what the interval admits.
            "detectable": np.where(sparse, high, inference.detectable_effect(error)),
            "items_to_detect": np.where(sparse, np.nan, inference.items_to_detect(centre, error, n)),
            "items_for_equivalence": np.maximum(
                inference.items_for_equivalence(error, n, margins[rows]),
                inference.items_for_none_seen(margins[rows], limits[rows], len(values)),
            ),
            "sparse": sparse.astype(float),
        }
        for name, numbers in part.items():
            estimated[name][rows] = numbers
    return pd.DataFrame(estimated | {"n_items": n_items, "margin": margins}, index=columns)


def mean_intervals(values: pd.DataFrame, limit: float, statistics: Statistics) -> pd.DataFrame:
    """Column means over items, with their intervals, kept within [0, limit].

    Args:
        values: one row for each item; NaN where it has no value.
        limit: the largest possible value; may be infinite.
        statistics: resamples, confidence, seed.

    Returns:
        Index the columns of `values`; columns mean, low, high (NaN with fewer than two items), n_items.
    """
    ends = np.full((2, values.shape[1]), np.nan)
    for rows, strata in _complete([values]):
        limits = np.full(len(rows), limit)
        low, high = inference.interval(strata, inference.resampled(strata, statistics), limits, statistics.confidence)
        ends[:, rows] = np.maximum(low, 0), high
    return pd.DataFrame({"mean": values.mean(), "low": ends[0], "high": ends[1], "n_items": values.notna().sum()})


def _complete(strata: Sequence[pd.DataFrame]) -> Iterator[tuple[NDArray[np.intp], list[Floats]]]:
    """Columns with the same items, and their values (columns, items) in each stratum, without gaps."""
    arrays = [s.to_numpy() for s in strata]
    known = np.concatenate([~np.isnan(values) for values in arrays])
    groups: dict[bytes, list[int]] = {}
    for column in range(known.shape[1]):
        groups.setdefault(np.packbits(known[:, column]).tobytes(), []).append(column)
    borders = np.cumsum([len(s) for s in strata])[:-1]
    for columns in groups.values():
        kept = np.split(known[:, columns[0]], borders)
        if min(k.sum() for k in kept) >= 2:
            rows = np.array(columns)
            yield rows, [np.ascontiguousarray(values[k][:, rows].T) for values, k in zip(arrays, kept, strict=True)]


def compare(comparisons: Sequence[Comparison], statistics: Statistics, pool: Pool = sorted) -> pd.DataFrame:
    """The effects of every cell, and of every model and arm pooled over its datasets with equal weights.

    Args:
        comparisons: of the same cells; side by side, so that all effects of the same items share their resamples.
        statistics: resamples, confidence, margin, seed.
        pool: which of the datasets are pooled.

    Returns:
        As `over_cells`.
    """
    by_item = {
        cell: pd.concat({c.contrast: c.differences(c.cells[cell]) for c in comparisons}, axis=1, names=ROW)
        .sort_index()
        for cell in comparisons[0].cells
    }  # fmt: skip

    def estimate(pooled: Sequence[Cell]) -> pd.DataFrame:
        joint = estimates([by_item[cell] for cell in pooled], statistics)
        parts = []
        for comparison in comparisons:

            def of_training(cell: Cell, frame: pd.DataFrame, comparison: Comparison = comparison) -> Floats:
                return np.asarray(comparison.differences(of_items(frame, comparison.cells[cell])).mean())

            trainings = by_training(
                comparison.seeds,
                pooled,
                of_training,
                comparison.placebo_seeds,
                minus_placebo=comparison.minus_placebo,
                one_recipe=comparison.one_recipe,
            )
            part = joint.loc[joint.index.get_level_values("contrast") == comparison.contrast]
            parts.append(crossed(part, trainings, statistics))
        return pd.concat(parts)

    return over_cells(comparisons, statistics, estimate, pool)


def crossed(rows: pd.DataFrame, trainings: Trainings, statistics: Statistics) -> pd.DataFrame:
    """Estimates over items and training seeds (method, section 8): estimate +- t(df) sqrt(SE_items^2 + s^2 / S).

    s is the spread between trainings of one arm, S their number and df = S - 1. An arm that was trained fewer than
    three times has s and df from the trainings of its placebo, if they are enough; where both have several, variances
    are pooled and degrees of freedom added. If the arm is compared with its placebo, 1/S is the sum over both arms. Of
    two arms of different recipes (C7) s^2 / S is the sum of both, and df that of the arm with fewer trainings.

    Where the spread over items is not known, because differences are few or identical, the intervals of `rows` remain
    as far as they are wider. Too few trainings leave everything as it is.

    Args:
        rows: columns of ESTIMATED but seed_error, of what is averaged over the trainings; a row without error gets no
            interval.
        trainings: the estimates of each.
        statistics: confidence.

    Returns:
        The same rows with these intervals, the p of the t that belongs to them, their detectable effect and the items
        that they need; error stays that of the items, seed_error is s / sqrt(S).
    """
    if not trainings.enough:
        return rows
    rows = rows.reindex(columns=ESTIMATED)
    error, seed_error, freedom = rows["error"].to_numpy(float), trainings.error(), trainings.freedom
    estimate, margins = rows["estimate"].to_numpy(float), rows["margin"].to_numpy(float)
    wide = inference.t_interval(estimate, np.hypot(error, seed_error), freedom, statistics.confidence)
    n, unknown = rows["n_items"].to_numpy(float), (rows["sparse"] == 1).to_numpy() | (error <= ZERO)
    to_detect = inference.items_to_detect(estimate, error, n, seed_error, freedom)
    equivalence = inference.items_for_equivalence(error, n, margins, seed_error, freedom)
    needed = {
        "items_to_detect": np.where(unknown, np.nan, to_detect),
        # More seeds do not make up for items in which nothing was seen.
        "items_for_equivalence": np.maximum(equivalence, rows["items_for_equivalence"].fillna(0).to_numpy(float)),
    }
    new = rows.assign(**wide | needed | {"error": error, "seed_error": seed_error})
    for names, widest in (
        (["ci_low", "equivalence_low"], np.minimum),
        (["ci_high", "equivalence_high", "p_value", "detectable"], np.maximum),
    ):
        new.loc[unknown, names] = widest(new.loc[unknown, names], rows.loc[unknown, names])
    return new


def over_cells(
    comparisons: Sequence[Comparison], statistics: Statistics, estimate: Estimate, pool: Pool = sorted
) -> pd.DataFrame:
    """Estimates of every cell, and of every model and arm pooled over its datasets.

    Args:
        comparisons: of the same cells.
        statistics: for the margin.
        estimate: from cells that are pooled to one row for each ROW, with columns of ESTIMATED; those it leaves out
            are NaN.
        pool: which of the datasets are pooled.

    Returns:
        Columns model, arm, dataset ('pooled' for more than one), pool (tuple of its datasets), those of ROW,
        base_mean, tuned_mean, and ESTIMATED.
    """
    cells = comparisons[0].cells
    means_of = {cell: _means(comparisons, cell) for cell in cells}
    parts = []
    for model, arm in sorted({(model, arm) for model, arm, _ in cells}):
        datasets = [dataset for m, a, dataset in cells if (m, a) == (model, arm)]
        for dataset, together in pools(datasets, pool):
            pooled = [(model, arm, d) for d in together]
            part = estimate(pooled).reindex(columns=ESTIMATED).rename_axis(index=ROW)
            part["margin"] = [margin(name, statistics) for name in part.index.get_level_values("measure")]
            means = np.mean([means_of[cell].loc[part.index].to_numpy() for cell in pooled], axis=0)
            part["base_mean"], part["tuned_mean"] = means.T
            part["pool"] = [together] * len(part)
            parts.append(part.reset_index().assign(model=model, arm=arm, dataset=dataset))
    return pd.concat(parts, ignore_index=True)


def _means(comparisons: Sequence[Comparison], cell: Cell) -> pd.DataFrame:
    """Means of base and tuned, over the items that a row's differences have; index ROW.

    Of readers over both writers' chains for `reading`, of writers for `writing`, else of each arm with its own chains:
    so their difference is the effect, but for the interaction.
    """
    rows = {}
    for comparison in comparisons:
        frame = comparison.cells[cell]
        known = comparison.differences(frame).notna()
        for row in known.columns.to_flat_index():
            name, component = tuple(row)
            weights = np.array(CONTRASTS["total" if component == "interaction" else component])
            values = frame.loc[known[name, component], [(name, *roles) for roles in ROLES]].to_numpy()
            sides = [np.abs(weights[side]) @ values[:, side].T for side in (weights < 0, weights > 0)]
            means = [side.mean() if len(side) else np.nan for side in sides]
            rows[comparison.contrast, name, component] = np.array(means)
    return pd.DataFrame.from_dict(rows, orient="index").set_axis(pd.MultiIndex.from_tuples(rows, names=ROW))


def pools(datasets: Collection[str], pool: Pool = sorted) -> list[tuple[str, tuple[str, ...]]]:
    """Each dataset by itself, and those that are pooled together where there are several."""
    together = tuple(pool(datasets))
    return [(d, (d,)) for d in sorted(datasets)] + ([("pooled", together)] if len(together) > 1 else [])


def correlations(cells: Cells, names: Collection[str], beside: str) -> pd.DataFrame:
    """Spearman's correlation over items of the reading effects on some measures with that on another one.

    Descriptive (method, section 8, C6): the noise of single readouts drives it to zero, so that none proves nothing.

    Args:
        cells: frames of means by cell.
        names: the measures.
        beside: the other measure: information gain.

    Returns:
        tables.Correlations.
    """
    rows = []
    for (model, arm, dataset), frame in sorted(cells.items(), key=lambda cell: cell[0]):
        reading = differences(frame, [*names, beside]).xs("reading", axis=1, level="component")
        for name in names:
            x, y = reading[[name, beside]].dropna().to_numpy(float).T
            varies = len(x) > 2 and min(np.ptp(x), np.ptp(y)) > ZERO
            rho = float(stats.spearmanr(x, y).statistic) if varies else None
            rows.append(
                {"model": model, "arm": arm, "dataset": dataset, "measure": name, "rho": rho, "n_items": len(x)}
            )
    return as_table(rows, Correlations)
