"""Effects of fine-tuning (method, sections 7 and 8): tuned minus base, paired by item, with intervals and tests.

Frames only; the formulas are in `inference`. A *frame of means* holds one cell (model x tuned arm x dataset): a row
an item, columns (measure, writer, reader) with writer and reader in {base, tuned}. A *frame of differences* holds
the same items with columns (measure, component). *Strata* are such frames, one a dataset, weighted equally.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from faithfulness.compare import inference
from faithfulness.compare.inference import EQUIVALENCE, SPARSE, ZERO, Floats
from faithfulness.compare.measures import MEASURES, measured
from faithfulness.config.statistics import Statistics
from faithfulness.tables import io
from faithfulness.tables.statistics import Correlations

Cell = tuple[str, str, str]  # model, tuned arm, dataset
Seeds = Mapping[Cell, Mapping[int, pd.DataFrame]]  # frames of means by cell and training seed
Pool = Callable[[Collection[str]], Sequence[str]]  # from datasets to those that are pooled

CELLS = [("base", "base"), ("base", "tuned"), ("tuned", "base"), ("tuned", "tuned")]  # (writer, reader)
WEIGHTS = {  # of the cells above, in each component (method, section 7)
    "total": (-1.0, 0.0, 0.0, 1.0),
    "reading": (-0.5, 0.5, -0.5, 0.5),
    "writing": (-0.5, -0.5, 0.5, 0.5),
    "interaction": (1.0, -1.0, -1.0, 1.0),
}
ESTIMATED = [
    *("estimate", "ci_low", "ci_high", "equivalence_low", "equivalence_high", "p_value"),
    *("n_items", "margin", "detectable", "items_needed", "error", "seed_error", "sparse"),
]
ENOUGH_SEEDS = 3  # fewer say nothing about other trainings of the recipe (method, section 8)


def means(measures: pd.DataFrame) -> pd.DataFrame:
    """Item means of one cell; samples and seeds of an item are averaged (method, sections 6 and 8).

    A chain counts where it has a step and a valid a_n with both readers, and an item where each writer has
    such a chain: one item set a contrast. Accuracies and lengths, which count an invalid answer as wrong,
    are means over all chains.

    Args:
        measures: tables.Measures of one model, tuned arm and dataset.

    Returns:
        A frame of means, sorted by item; NaN where a measure is undefined.
    """
    data = measures.sort_values(["item_id", "writer", "reader", "sample", "seed", "measure"])
    roles = data[["writer", "reader"]].where(data[["writer", "reader"]] == "base", "tuned")
    # Base writes the same chain for every training seed of its tuned reader.
    chain_seed = data["seed"].where(roles["writer"] == "tuned", 0)
    value = data["value"].astype("Float64").to_numpy(float, na_value=np.nan)
    data = data.assign(writer=roles["writer"], reader=roles["reader"], chain_seed=chain_seed, value=value)

    of_chain = data["measure"].map({name: m.of_chain for name, m in MEASURES.items()}).astype(bool)
    read = data["value"].notna().where(data["measure"] == "aoc_raw", True)
    usable = read.groupby([data["writer"], data["item_id"], data["sample"], data["chain_seed"]]).transform("all")
    data["value"] = data["value"].where(usable | ~of_chain)
    wide = data.groupby(["item_id", "measure", "writer", "reader"])["value"].mean().unstack([1, 2, 3])
    columns = pd.MultiIndex.from_tuples(
        [(name, *cell) for name in MEASURES for cell in CELLS], names=wide.columns.names
    )
    wide = wide.reindex(columns=columns)

    shared = _four(wide, "aoc_raw").notna().all(axis=1)
    chain_columns = [column for column in columns if MEASURES[column[0]].of_chain]
    wide[chain_columns] = wide[chain_columns].where(shared, axis=0)
    return wide


def means_by_cell(measures: pd.DataFrame) -> dict[Cell, pd.DataFrame]:
    """`means` of each cell of a tables.Measures with columns model and dataset."""
    groups = measures.groupby(["model", "arm", "dataset"])
    return {(str(model), str(arm), str(dataset)): means(part) for (model, arm, dataset), part in groups}


def means_by_seed(measures: pd.DataFrame) -> dict[Cell, dict[int, pd.DataFrame]]:
    """`means` of each training seed of each cell."""
    found: dict[Cell, dict[int, pd.DataFrame]] = {}
    for (model, arm, dataset), part in measures.groupby(["model", "arm", "dataset"]):
        alone = (part["writer"] == "base") & (part["reader"] == "base")
        seeds = sorted(part.loc[~alone, "seed"].unique())
        found[str(model), str(arm), str(dataset)] = {
            int(seed): means(part[alone | (part["seed"] == seed)]) for seed in seeds
        }
    return found


def training_seeds(measures: pd.DataFrame) -> dict[tuple[str, str], int]:
    """Number of training seeds by (model, tuned arm), of a tables.Measures with a column model."""
    tuned = measures[measures["reader"] != "base"]
    return dict(tuned.groupby(["model", "arm"])["seed"].nunique())


def usable_items(frame: pd.DataFrame) -> int:
    """How many items a frame of means has in its contrasts."""
    return int(_four(frame, "aoc_raw").notna().all(axis=1).sum())


def correlations(cells: Mapping[Cell, pd.DataFrame], names: Collection[str], beside: str) -> pd.DataFrame:
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
            one, other = reading[[name, beside]].dropna().to_numpy(float).T
            varies = len(one) > 2 and min(np.ptp(one), np.ptp(other)) > ZERO
            rho = float(stats.spearmanr(one, other).statistic) if varies else None
            rows.append(
                {"model": model, "arm": arm, "dataset": dataset, "measure": name, "rho": rho, "n_items": len(one)}
            )
    return io.frame(rows, Correlations)


def equal_correctness(frame: pd.DataFrame) -> pd.DataFrame:
    """The items where the correctness of a_n is equal in all four cells and that of the direct answer in both arms.

    Conditions on outcomes, so what is found among them is descriptive (method, section 8, C4).
    """
    answers = _four(frame, "cot_accuracy").nunique(axis=1, dropna=False)
    direct = _own(frame, "direct_accuracy").nunique(axis=1, dropna=False)
    return frame[((answers == 1) & (direct == 1)).to_numpy()]


def _four(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """A measure in the four writer x reader cells."""
    return frame[[(name, *cell) for cell in CELLS]]


def _own(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """A measure where each arm reads its own chains."""
    return frame[[(name, *CELLS[0]), (name, *CELLS[3])]]


def differences(frame: pd.DataFrame, names: Iterable[str] = MEASURES) -> pd.DataFrame:
    """Components of the effect, by item: total = reading + writing exactly (method, section 7).

    Args:
        frame: a frame of means.
        names: the measures wanted.

    Returns:
        A frame of differences; an item is NaN in a measure that one of its cells lacks.
    """
    names = list(names)
    values = frame[[(name, *cell) for name in names for cell in CELLS]].to_numpy().reshape(len(frame), len(names), 4)
    found = {}
    for place, name in enumerate(names):
        cells, components = values[:, place], MEASURES[name].components
        known = ~np.isnan(cells[:, [0, 3]]).any(axis=1)
        if components == ("total",):  # there are no crosswise cells to wait for
            cells = np.nan_to_num(cells)
        for component in components:
            found[name, component] = np.where(known, cells @ np.array(WEIGHTS[component]), np.nan)
    return pd.DataFrame(found, index=frame.index).rename_axis(columns=["measure", "component"])


def largest(name: str, component: str) -> float:
    """The largest difference that a measure's bounds allow in a component; infinite without bounds."""
    low, high = MEASURES[name].low, MEASURES[name].high
    if low is None or high is None:
        return np.inf
    return (high - low) * (2 if component == "interaction" else 1)


def estimates(strata: Sequence[pd.DataFrame], statistics: Statistics, *, scale: bool = False) -> pd.DataFrame:
    """Everything that is estimated from differences: one row a measure and component.

    Rows that lack the same items are resampled together, so that their intervals are joint.

    Args:
        strata: frames of differences, one a dataset.
        statistics: resamples, confidence, margin, seed.
        scale: the differences are between two effects (twice as large at most), tested by the bootstrap (C5).

    Returns:
        Index (measure, component); columns estimate, ci_low, ci_high, equivalence_low, equivalence_high (90 %),
        p_value, n_items, margin, detectable (minimal detectable effect), items_needed, error (standard error), sparse
        (1 where differences were too few for a bootstrap, else 0). All but n_items and margin are NaN where a stratum
        has fewer than two items; so is seed_error, which `crossed` fills in.
    """
    columns = strata[0].columns
    limits = np.array([largest(*column) for column in columns]) * (2 if scale else 1)
    margins = np.array([margin(name, statistics) for name in columns.get_level_values(0)])
    found = pd.DataFrame({"n_items": sum(s.notna().sum() for s in strata), "margin": margins}, index=columns)
    for rows, values in _complete(strata):
        distribution = inference.resampled(values, statistics)
        low, high = inference.interval(values, distribution, limits[rows], statistics.confidence)
        inner = inference.interval(values, distribution, limits[rows], EQUIVALENCE)
        sparse = inference.nonzero(values).sum(axis=0) < SPARSE
        error, n = inference.standard_error(*values), found["n_items"].to_numpy(float)[rows]
        # Where differences are too few to be resampled, the bootstrap cannot speak against zero.
        p_value = (
            np.where(sparse, 1.0, inference.bootstrap_p(distribution))
            if scale
            else inference.sign_flip_p(values, statistics)
        )
        part = {
            "estimate": inference.mean_of_strata(*values),
            "error": error,
            "ci_low": low,
            "ci_high": high,
            "equivalence_low": inner[0],
            "equivalence_high": inner[1],
            "p_value": p_value,
            # With hardly a difference in sight, what could hide is what the interval admits.
            "detectable": np.where(sparse, high, inference.detectable_effect(error)),
            "items_needed": np.maximum(
                inference.items_for_equivalence(error, n, margins[rows]),
                inference.items_for_none_seen(margins[rows], limits[rows], len(values)),
            ),
            "sparse": sparse.astype(float),
        }
        found.loc[columns[rows], list(part)] = np.column_stack(list(part.values()))
    return found.reindex(columns=ESTIMATED)


def mean_intervals(values: pd.DataFrame, limit: float, statistics: Statistics) -> pd.DataFrame:
    """Column means over items, with their intervals, kept within [0, limit].

    Args:
        values: a row an item; NaN where it has no value.
        limit: the largest possible value; may be infinite.
        statistics: resamples, confidence, seed.

    Returns:
        Index the columns of `values`; columns mean, low, high (NaN with fewer than two items), n_items.
    """
    found = pd.DataFrame({"mean": values.mean(), "low": np.nan, "high": np.nan, "n_items": values.notna().sum()})
    for rows, strata in _complete([values]):
        limits = np.full(len(rows), limit)
        low, high = inference.interval(strata, inference.resampled(strata, statistics), limits, statistics.confidence)
        found.loc[values.columns[rows], ["low", "high"]] = np.column_stack([np.maximum(low, 0), high])
    return found


def _complete(strata: Sequence[pd.DataFrame]) -> Iterator[tuple[NDArray[np.intp], list[Floats]]]:
    """Columns with the same items, and their values (columns, items) in each stratum, without gaps."""
    known = np.concatenate([s.notna().to_numpy() for s in strata])
    patterns, which = np.unique(known, axis=1, return_inverse=True)
    borders = np.cumsum([len(s) for s in strata])[:-1]
    for number, pattern in enumerate(patterns.T):
        rows = np.flatnonzero(which == number)
        kept = np.split(pattern, borders)
        if min(k.sum() for k in kept) >= 2:
            yield rows, [s.to_numpy()[k][:, rows].T for s, k in zip(strata, kept, strict=True)]


def compare(
    cells: Mapping[Cell, pd.DataFrame],
    contrast: str,
    statistics: Statistics,
    names: Iterable[str] = MEASURES,
    pool: Pool = sorted,
    seeds: Seeds | None = None,
) -> pd.DataFrame:
    """The effects of every cell, and of every model and arm pooled over its datasets with equal weights.

    Args:
        cells: frames of means by cell.
        contrast: what the rows are called.
        statistics: resamples, confidence, margin, seed.
        names: the measures wanted.
        pool: which of the datasets are pooled.
        seeds: frames of means of each training seed by cell, of which the items of `cells` count; where there are
            three or more, items and seeds are `crossed`.

    Returns:
        As `over_cells`.
    """
    names, trainings = present(cells, names), seeds or {}
    found = {cell: differences(frame, names) for cell, frame in cells.items()}

    def effect(cell: Cell, seed: int) -> Floats:
        return differences(trainings[cell][seed].reindex(cells[cell].index), names).mean().to_numpy()

    def estimate(pooled: Sequence[Cell]) -> pd.DataFrame:
        part = estimates([found[cell] for cell in pooled], statistics)
        shared = shared_seeds(trainings, pooled)
        by_seed = [np.mean([effect(cell, seed) for cell in pooled], axis=0) for seed in shared]
        return crossed(part, by_seed, statistics)

    return over_cells(cells, contrast, names, statistics, estimate, pool)


def present(cells: Mapping[Cell, pd.DataFrame], names: Iterable[str]) -> list[str]:
    """Those of some measures that a cell has."""
    found = {name for frame in cells.values() for name in measured(frame)}
    return [name for name in names if name in found]


def shared_seeds(by_seed: Mapping[Any, Collection[int]], keys: Iterable[Any]) -> list[int]:
    """The training seeds that all of some cells have, in their order."""
    return sorted(set.intersection(*(set(by_seed.get(key, ())) for key in keys)))


def crossed(found: pd.DataFrame, by_seed: Sequence[Floats], statistics: Statistics) -> pd.DataFrame:
    """Estimates over items and training seeds (method, section 8): estimate +- t(S-1) sqrt(SE_items^2 + s_seed^2 / S).

    Where the spread over items is not known, because differences are few or identical, the intervals of `found` stand
    as far as they are wider. Fewer than three seeds leave everything as it is.

    Args:
        found: columns of ESTIMATED but seed_error, of what is averaged over the seeds; a row without error gets no
            interval.
        by_seed: the estimates of each training seed, shape (rows,).
        statistics: confidence.

    Returns:
        The same rows with these intervals, the p of the t that belongs to them, their detectable effect and the items
        that they need; error stays that of the items, seed_error is s_seed / sqrt(S).
    """
    count = len(by_seed)
    if count < ENOUGH_SEEDS:
        return found
    found = found.reindex(columns=ESTIMATED)
    error, seed_error = found["error"].to_numpy(float), np.std(by_seed, axis=0, ddof=1) / np.sqrt(count)
    estimate, margins = found["estimate"].to_numpy(float), found["margin"].to_numpy(float)
    wide = inference.t_interval(estimate, np.hypot(error, seed_error), count - 1, statistics.confidence)
    needed = inference.items_for_equivalence(error, found["n_items"].to_numpy(float), margins, seed_error, count - 1)
    new = found.assign(**wide | {"error": error, "seed_error": seed_error, "items_needed": needed})
    # More seeds do not make up for items in which nothing was seen.
    new["items_needed"] = np.maximum(new["items_needed"], found["items_needed"])
    unknown = (found["sparse"] == 1).to_numpy() | (error <= ZERO)
    for names, widest in (
        (["ci_low", "equivalence_low"], np.minimum),
        (["ci_high", "equivalence_high", "p_value", "detectable"], np.maximum),
    ):
        new.loc[unknown, names] = widest(new.loc[unknown, names], found.loc[unknown, names])
    return new


Estimate = Callable[[Sequence[Cell]], pd.DataFrame]


def over_cells(
    cells: Mapping[Cell, pd.DataFrame],
    contrast: str,
    names: Sequence[str],
    statistics: Statistics,
    estimate: Estimate,
    pool: Pool = sorted,
) -> pd.DataFrame:
    """Estimates of every cell, and of every model and arm pooled over its datasets.

    Args:
        cells: frames of means by cell.
        contrast: what the rows are called.
        names: the measures wanted.
        statistics: for the margin.
        estimate: from cells that are pooled to one row a (measure, component), with columns of ESTIMATED; those it
            leaves out are NaN.
        pool: which of the datasets are pooled.

    Returns:
        Columns model, arm, dataset ('pooled' for more than one), pool (tuple of its datasets), contrast, measure,
        component, base_mean, tuned_mean, and ESTIMATED.
    """
    parts = []
    for model, arm in sorted({(model, arm) for model, arm, _ in cells}):
        datasets = [dataset for m, a, dataset in cells if (m, a) == (model, arm)]
        for dataset, together in pools(datasets, pool):
            pooled = [(model, arm, d) for d in together]
            part = estimate(pooled).reindex(columns=ESTIMATED).rename_axis(index=["measure", "component"])
            part["margin"] = [margin(name, statistics) for name, _ in part.index]
            for column, cell in (("base_mean", CELLS[0]), ("tuned_mean", CELLS[3])):
                part[column] = np.mean([_means_of(cells[p], cell, list(part.index), names) for p in pooled], axis=0)
            part["pool"] = [together] * len(part)
            parts.append(part.reset_index().assign(model=model, arm=arm, dataset=dataset, contrast=contrast))
    return pd.concat(parts, ignore_index=True)


def _means_of(frame: pd.DataFrame, cell: tuple[str, str], rows: list[tuple[str, str]], names: Sequence[str]) -> Floats:
    """Means of the measures in a writer x reader cell, over the items that their differences have."""
    known = differences(frame, names)[rows].notna().to_numpy()
    return frame[[(name, *cell) for name, _ in rows]].where(known).mean().to_numpy()


def margin(name: str, statistics: Statistics) -> float:
    """Effects on a measure within this of zero are equivalent to none."""
    return statistics.margins.get(name, statistics.margin)


def pools(datasets: Collection[str], pool: Pool = sorted) -> list[tuple[str, tuple[str, ...]]]:
    """Each dataset by itself, and those that are pooled together where there are several."""
    together = tuple(pool(datasets))
    return [(d, (d,)) for d in sorted(datasets)] + ([("pooled", together)] if len(together) > 1 else [])
