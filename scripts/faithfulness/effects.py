"""Effects of fine-tuning (method, sections 7 and 8): tuned minus base, paired by item, with intervals and tests.

Arrays and frames only. A *frame of means* holds one cell (model x tuned arm x dataset): a row an item,
columns (measure, writer, reader) with writer and reader in {base, tuned}. A *frame of differences* holds
the same items with columns (measure, component). *Strata* are such frames, one a dataset, weighted equally.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from faithfulness import tables
from faithfulness.measures import MEASURES
from faithfulness.settings import Statistics

Floats = NDArray[np.float64]
Cell = tuple[str, str, str]  # model, tuned arm, dataset
Pool = Callable[[Collection[str]], Sequence[str]]  # from datasets to those that are pooled

CELLS = [("base", "base"), ("base", "tuned"), ("tuned", "base"), ("tuned", "tuned")]  # (writer, reader)
WEIGHTS = {  # of the cells above, in each component (method, section 7)
    "total": (-1.0, 0.0, 0.0, 1.0),
    "reading": (-0.5, 0.5, -0.5, 0.5),
    "writing": (-0.5, -0.5, 0.5, 0.5),
    "interaction": (1.0, -1.0, -1.0, 1.0),
}
SPARSE = 10  # fewer non-zero differences than this are too few for a bootstrap (method, section 8)
EQUIVALENCE = 0.9  # confidence of the interval that must lie inside the margin: two one-sided tests at .05
LEVEL, POWER = 0.05, 0.8
ZERO = 1e-12  # differences below this are rounding
BATCH = 256  # resamples held in memory at once by scipy
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


def means_by_seed(measures: pd.DataFrame) -> dict[Cell, list[pd.DataFrame]]:
    """`means` of each training seed of each cell, of the seeds in their order."""
    found: dict[Cell, list[pd.DataFrame]] = {}
    for (model, arm, dataset), part in measures.groupby(["model", "arm", "dataset"]):
        alone = (part["writer"] == "base") & (part["reader"] == "base")
        seeds = sorted(part.loc[~alone, "seed"].unique())
        found[str(model), str(arm), str(dataset)] = [means(part[alone | (part["seed"] == seed)]) for seed in seeds]
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
    return tables.frame(rows, tables.Correlations)


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
    nonzero = _nonzero(strata)
    sparse = nonzero.sum(axis=0) < SPARSE
    constant = np.all([np.ptp(s, axis=-1) <= ZERO for s in strata], axis=0) & ~sparse

    centre = np.where(sparse, 0.0, mean_of_strata(*strata))
    sizes = [s.shape[-1] for s in strata]
    half = np.zeros(len(limits))
    for row in np.flatnonzero(sparse | constant):
        counts = nonzero[:, row] if sparse[row] else np.zeros(len(strata), int)
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


def _nonzero(strata: Sequence[Floats]) -> NDArray[np.intp]:
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
    return _items_for(margins, q * error, n, q * np.asarray(seed_error))


def _items_for(effect: Floats | float, spread: Floats, n: Floats, seed_spread: Floats) -> Floats:
    """Items at which the spread of n items, which falls with their root, and that of the seeds make up an effect."""
    room = np.asarray(effect) ** 2 - seed_spread**2
    return np.ceil(n * spread**2 / np.where(room > 0, room, np.nan))


def items_for_none_seen(margins: Floats, limits: Floats, strata: int) -> Floats:
    """Items at which the Clopper-Pearson limit of no non-zero difference falls inside the margin, in all strata."""
    with np.errstate(divide="ignore"):
        found = np.log(LEVEL) / np.log1p(-np.minimum(margins / limits, 0.5))
    return np.where(np.isfinite(limits), strata * np.ceil(found), 0)


def items_table(found: pd.DataFrame) -> pd.DataFrame:
    """Items that a next run needs, by the spread of this one: n (detectable / effect)^2, as errors fall with root n.

    What seeds add to the spread stays; null where that alone hides the effect.

    Args:
        found: tables.Effects; its rows of single cells that belong to a claim and are measured in shares are used.

    Returns:
        tables.Power.
    """
    unit = found["measure"].map({name: m.unit for name, m in MEASURES.items()})
    used = found[(found["claim"] != "") & (found["dataset"] != "pooled") & (found["contrast"] == "plain")]
    used = used[(unit.loc[used.index] == "share") & used["detectable"].notna()]
    n, seen = used["n_items"].to_numpy(float), used["detectable"].to_numpy(float)
    freedom = np.where(used["seed_error"].notna(), used["n_seeds"].to_numpy(float) - 1, np.inf)
    of_seeds = detectable_effect(used["seed_error"].fillna(0.0).to_numpy(float), freedom)
    of_items = np.sqrt(np.maximum(seen**2 - of_seeds**2, 0))
    columns = {f"items_for_{name}": _items_for(int(name) / 100, of_items, n, of_seeds) for name in ("05", "10", "20")}
    return tables.frame(used.assign(**columns, items_for_equivalence=used["items_needed"]), tables.Power)


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
        distribution = resampled(values, statistics)
        low, high = interval(values, distribution, limits[rows], statistics.confidence)
        inner = interval(values, distribution, limits[rows], EQUIVALENCE)
        sparse = _nonzero(values).sum(axis=0) < SPARSE
        error, n = standard_error(*values), found["n_items"].to_numpy(float)[rows]
        # Where differences are too few to be resampled, the bootstrap cannot speak against zero.
        p_value = np.where(sparse, 1.0, bootstrap_p(distribution)) if scale else sign_flip_p(values, statistics)
        part = {
            "estimate": mean_of_strata(*values),
            "error": error,
            "ci_low": low,
            "ci_high": high,
            "equivalence_low": inner[0],
            "equivalence_high": inner[1],
            "p_value": p_value,
            # With hardly a difference in sight, what could hide is what the interval admits.
            "detectable": np.where(sparse, high, detectable_effect(error)),
            "items_needed": np.maximum(
                items_for_equivalence(error, n, margins[rows]),
                items_for_none_seen(margins[rows], limits[rows], len(values)),
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
        low, high = interval(strata, resampled(strata, statistics), limits, statistics.confidence)
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
    seeds: Mapping[Cell, Sequence[pd.DataFrame]] | None = None,
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
    names = list(names)
    found = {cell: differences(frame, names) for cell, frame in cells.items()}

    def estimate(pooled: Sequence[Cell]) -> pd.DataFrame:
        part = estimates([found[cell] for cell in pooled], statistics)
        trainings = [
            [differences(frame.reindex(cells[cell].index), names) for frame in (seeds or {}).get(cell, ())]
            for cell in pooled
        ]
        return crossed(part, trainings, statistics)

    return over_cells(cells, contrast, names, statistics, estimate, pool)


def crossed(found: pd.DataFrame, trainings: Sequence[Sequence[pd.DataFrame]], statistics: Statistics) -> pd.DataFrame:
    """Estimates over items and training seeds (method, section 8): estimate +- t(S-1) sqrt(SE_items^2 + s_seed^2 / S).

    Where differences are too few for the spread to be known, the intervals of `interval` stand as far as they are
    wider. Fewer than three seeds leave everything as it is.

    Args:
        found: from `estimates`, of differences averaged over the seeds.
        trainings: frames of differences, for each stratum one a seed.
        statistics: confidence.

    Returns:
        The same rows with these intervals, the p of the t that belongs to them, their detectable effect and the items
        that they need; error stays that of the items, seed_error is s_seed / sqrt(S).
    """
    count = min(map(len, trainings))
    if count < ENOUGH_SEEDS:
        return found
    effects = np.mean([[frame.mean().to_numpy() for frame in frames] for frames in trainings], axis=0)  # (seeds, rows)
    error, seed_error = found["error"].to_numpy(float), effects.std(axis=0, ddof=1) / np.sqrt(count)
    estimate, margins = found["estimate"].to_numpy(float), found["margin"].to_numpy(float)
    wide = t_interval(estimate, np.hypot(error, seed_error), count - 1, statistics.confidence)
    needed = items_for_equivalence(error, found["n_items"].to_numpy(float), margins, seed_error, count - 1)
    new = found.assign(**wide | {"error": error, "seed_error": seed_error, "items_needed": needed})
    # More seeds do not make up for items in which nothing was seen.
    new["items_needed"] = np.maximum(new["items_needed"], found["items_needed"])
    sparse = (found["sparse"] == 1).to_numpy()
    for names, widest in (
        (["ci_low", "equivalence_low"], np.minimum),
        (["ci_high", "equivalence_high", "p_value", "detectable"], np.maximum),
    ):
        new.loc[sparse, names] = widest(new.loc[sparse, names], found.loc[sparse, names])
    return new


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
