"""Contrasts in which something else that fine-tuning changes is held fixed (method, sections 6 and 8).

Each gives rows like those of `effects.compare`, under a contrast of its own beside the plain one: *length_matched* and
*length_adjusted* for the length of chains, *chance_corrected* for readers that give one answer more often than others.
`item_means.equal_correctness` keeps correctness fixed; measures in steps are reported beside fractions.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsmodels.regression.linear_model import OLS

from faithfulness.compare import effects, inference
from faithfulness.compare.effects import CONTRASTS, Comparison
from faithfulness.compare.inference import EQUIVALENCE, SPARSE, ZERO, Floats
from faithfulness.compare.item_means import ROLES, Cell, Cells, Seeds
from faithfulness.compare.measures import MEASURES
from faithfulness.config.statistics import Statistics

LARGEST_CHANCE = 0.9  # above this nothing is left to be measured (method, section 6)
LEAST_DEFINED = 0.95  # share of the resamples in which c is small enough; with fewer there is no interval
STEPS_APART = 1  # chains whose lengths differ by no more are of equal length


def correctable() -> list[str]:
    """The measures that can be corrected for chance."""
    return [name for name, measure in MEASURES.items() if measure.chance]


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

    def intercepts(cell: Cell, seed: int) -> list[float]:
        frame = comparison.seeds[cell][seed].reindex(cells[cell].index)
        return [fit.intercept for fit in _fits(frame, comparison).values()]

    def estimate(pooled: Sequence[Cell]) -> pd.DataFrame:
        rows = {}
        for row in fits[pooled[0]]:
            parts = [fits[cell][row] for cell in pooled]
            value = np.array(np.mean([fit.intercept for fit in parts]))
            error = np.array(np.sqrt(np.sum([fit.error**2 for fit in parts])) / len(parts))
            ends = inference.t_interval(value, error, sum(fit.freedom for fit in parts), statistics.confidence)
            numbers = {name: float(number) for name, number in ({"estimate": value} | ends).items()}
            rows[row] = numbers | {"n_items": sum(fit.n_items for fit in parts)}
        shared = effects.seeds_to_cross(comparison.seeds, pooled)
        by_seed = [np.mean([intercepts(cell, seed) for cell in pooled], axis=0) for seed in shared]
        return effects.crossed(pd.DataFrame.from_dict(rows, orient="index"), by_seed, statistics)

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


def answer_shares(answers: pd.DataFrame, *, by_place: bool) -> pd.DataFrame:
    """Which a_n each reader gave after each writer's chain of each item.

    Args:
        answers: tables.Answers of base and of the trainings of one arm, on one dataset.
        by_place: answers are distinguished by their place among the options, as options vary between items.

    Returns:
        Index item_id; columns (writer, reader, answer) with writer and reader in {base, tuned}: the share of the
        item's chains (samples, seeds) that got the answer; 0 where none did.
    """
    valid = answers[answers["valid"].astype(bool)]
    answer = valid["position"].astype("Int64").astype(str) if by_place else valid["answer"].str.strip().str.casefold()
    roles = {role: valid[role].where(valid[role] == "base", "tuned") for role in ("writer", "reader")}
    counts = valid.assign(answer=answer, **roles).groupby(["item_id", "writer", "reader", "answer"]).size()
    wide = counts.unstack([1, 2, 3], fill_value=0).astype(float).sort_index(axis=1)
    return wide / wide.T.groupby(level=[0, 1]).transform("sum").T.replace(0, np.nan)


def answer_shares_by_seed(answers: pd.DataFrame, *, by_place: bool) -> dict[int, pd.DataFrame]:
    """`answer_shares` of each training seed of an arm, with the same arguments."""
    trainings = answers.loc[answers["writer"] != "base"].groupby("writer")["seed"].first()  # chains carry the seed
    return {
        int(seed): answer_shares(
            answers[answers["writer"].isin(["base", name]) & answers["reader"].isin(["base", name])], by_place=by_place
        )
        for name, seed in trainings.items()
    }


def chance_agreement(shares: Floats, counts: Floats) -> Floats:
    """The chance that two items picked at random got the same a_n: c of method, section 6.

    c = sum_a n_a (n_a - 1) / (N (N - 1)) where each item has one a_n. Where its chains (samples, seeds) got several,
    with share s_ia of item i for answer a, and n_a = sum_i s_ia: c = (sum_a n_a^2 - sum_ia s_ia^2) / (N (N - 1)).

    Args:
        shares: shape (items, answers).
        counts: shape (resamples, items), how often each item is in a resample; or (items,).

    Returns:
        Shape (resamples,), or a scalar.
    """
    return _chance(counts @ shares, counts @ (shares**2).sum(axis=-1), counts.sum(axis=-1))


def _chance(by_answer: Floats, with_itself: Floats, total: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(((by_answer**2).sum(axis=-1) - with_itself) / (total * (total - 1)))


def correct_for_chance(x: Floats, chance: Floats, *, agreement: bool | NDArray[np.bool_]) -> Floats:
    """Chance-corrected form of a measure (method, section 6; motivated by Bentham et al. 2024).

    (x - c) / (1 - c) for agreements, x / (1 - c) for changes; NaN where c > .9.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        corrected = (x - np.where(agreement, chance, 0.0)) / (1 - chance)
    return np.where(chance > LARGEST_CHANCE, np.nan, corrected)


def chance_corrected(
    cells: Cells,
    shares: Mapping[Cell, pd.DataFrame],
    statistics: Statistics,
    names: Collection[str],
    pool: effects.Pool = sorted,
    seeds: Seeds | None = None,
    seed_shares: Seeds | None = None,
) -> pd.DataFrame:
    """The effects on chance-corrected measures; c is that of each writer x reader, recomputed in every resample.

    BCa intervals over items, and the bootstrap's p: to flip an item's sign would not change its answers. Resamples in
    which c exceeds .9 are left out; where they are many there is no interval, nor where fewer than ten differences are
    not zero.

    Args:
        cells: frames of means by cell.
        shares: `answer_shares` by cell.
        statistics: resamples, confidence, margin, seed.
        names: the measures wanted, of those that can be corrected.
        pool: which of the datasets are pooled.
        seeds: frames of means of each training seed by cell; where there are three or more, items and seeds are
            `effects.crossed`, the error over items being the spread of the resamples.
        seed_shares: `answer_shares_by_seed` by cell.

    Returns:
        As effects.compare, contrast 'chance_corrected'.
    """
    comparison = Comparison("chance_corrected", cells, names, seeds or {})
    answers_of, names = seed_shares or {}, comparison.names()
    rows = [(name, component) for name in names for component in MEASURES[name].components]

    def of_seed(cell: Cell, seed: int) -> list[float]:
        frame = comparison.seeds[cell][seed].reindex(cells[cell].index)
        values = {name: _strata([frame], [answers_of[cell][seed]], [name])[0].whole() for name in names}
        return [float(_component(values[name], component)[0]) for name, component in rows]

    def estimate(pooled: Sequence[Cell]) -> pd.DataFrame:
        frames, answers = [cells[cell] for cell in pooled], [shares[cell] for cell in pooled]
        estimated: dict[tuple[str, str], dict[str, float]] = {}
        for together in _with_same_items(frames, names):
            estimated |= _estimated(_strata(frames, answers, together), together, statistics)
        by_row = {(comparison.contrast, *row): estimated[row] for row in rows}
        table = pd.DataFrame.from_dict(by_row, orient="index")
        shared = effects.seeds_to_cross(comparison.seeds, pooled)
        by_seed = [np.mean([of_seed(cell, seed) for cell in pooled], axis=0) for seed in shared]
        return effects.crossed(table, by_seed, statistics)

    return effects.over_cells([comparison], statistics, estimate, pool)


@dataclass(frozen=True)
class _Stratum:
    """The items of one cell.

    Args:
        values: for each measure its values in each of ROLES, shape (items, 4).
        answers: for each of ROLES the share of each answer, shape (items, answers).
        agreement: which measures are agreements, the others being changes; shape (measures, 1).
    """

    values: list[Floats]
    answers: list[Floats]
    agreement: NDArray[np.bool_]

    def corrected(self, counts: Floats) -> Floats:
        """Corrected means; shape (..., items), how often each item counts, to (..., measures, 4)."""
        total = counts.sum(axis=-1)[..., None]
        # One product for each measure: how a tie is rounded must not depend on the measures beside it.
        means = np.stack([counts @ by_role / total for by_role in self.values], axis=-2)
        chance = np.stack([chance_agreement(shares, counts) for shares in self.answers], axis=-1)
        return correct_for_chance(means, chance[..., None, :], agreement=self.agreement)

    def whole(self) -> Floats:
        """Corrected means of all items, shape (measures, 4)."""
        return self.corrected(np.ones(len(self.values[0])))

    def left_out(self) -> Floats:
        """Corrected means without each item in turn, shape (items, measures, 4)."""
        n, by_item = len(self.values[0]), np.stack(self.values, axis=1)
        means = (by_item.sum(axis=0) - by_item) / (n - 1)
        squares = [(shares**2).sum(axis=-1) for shares in self.answers]
        chance = np.stack(
            [
                _chance(shares.sum(axis=0) - shares, square.sum() - square, np.array(n - 1.0))
                for shares, square in zip(self.answers, squares, strict=True)
            ],
            axis=-1,
        )
        return correct_for_chance(means, chance[:, None], agreement=self.agreement)


def _with_same_items(frames: Sequence[pd.DataFrame], names: Sequence[str]) -> Iterator[list[str]]:
    """Measures that are known of the same items in all roles."""
    groups: dict[bytes, list[str]] = {}
    for name in names:
        known = [frame[[(name, *roles) for roles in ROLES]].notna().all(axis=1).to_numpy() for frame in frames]
        groups.setdefault(np.packbits(np.concatenate(known)).tobytes(), []).append(name)
    yield from groups.values()


def _strata(frames: Sequence[pd.DataFrame], shares: Sequence[pd.DataFrame], names: Sequence[str]) -> list[_Stratum]:
    """Of measures that are known of the same items."""
    agreement = np.array([[MEASURES[name].chance == "agreement"] for name in names])
    strata = []
    for frame, by_answer in zip(frames, shares, strict=True):
        known = frame[[(name, *roles) for name in names for roles in ROLES]].dropna()
        values = [np.asfortranarray(known[[(name, *roles) for roles in ROLES]].to_numpy(float)) for name in names]
        answers = by_answer.reindex(known.index).fillna(0.0)
        # Columns of a writer and reader that never answered are not there.
        columns = [[column[:2] == roles for column in answers.columns.to_flat_index()] for roles in ROLES]
        strata.append(
            _Stratum(
                values,
                [answers.loc[:, np.array(chosen, bool)].to_numpy(float) for chosen in columns],
                agreement,
            )
        )
    return strata


def _component(corrected: Floats, component: str) -> Floats:
    """A component of corrected values; shape (..., 4) to (...)."""
    parts = [
        coefficient * corrected[..., place]
        for place, coefficient in enumerate(CONTRASTS[component])
        if coefficient  # a role without one may be NaN
    ]
    return np.asarray(np.sum(parts, axis=0))


def _estimated(
    strata: Sequence[_Stratum], names: Sequence[str], statistics: Statistics
) -> dict[tuple[str, str], dict[str, float]]:
    """Estimates by measure and component, of measures that are known of the same items."""
    sizes = [len(stratum.values[0]) for stratum in strata]
    rows = [(place, name, component) for place, name in enumerate(names) for component in MEASURES[name].components]
    if min(sizes) < 2:
        return {(name, component): {"n_items": sum(sizes)} for _, name, component in rows}
    rng = np.random.default_rng(statistics.seed)
    drawn = np.empty((len(strata), statistics.resamples, len(names), len(ROLES)))
    for number, stratum in enumerate(strata):
        for batch, counts in inference.item_counts(sizes[number], statistics.resamples, rng):
            drawn[number, batch] = stratum.corrected(counts)
    whole, left_out = [s.whole() for s in strata], [s.left_out() for s in strata]
    estimated = {}
    for place, name, component in rows:
        estimate = np.mean([_component(values[place], component) for values in whole])
        resampled = np.mean(_component(drawn[:, :, place], component), axis=0)
        distribution = resampled[np.isfinite(resampled)]
        row = {"estimate": float(estimate), "n_items": sum(sizes)}
        differ = sum((np.abs(_component(s.values[place], component)) > ZERO).sum() for s in strata)
        defined = np.isfinite(row["estimate"]) and len(distribution) >= LEAST_DEFINED * len(resampled)
        if defined and differ >= SPARSE and np.ptp(distribution) > ZERO:
            influence = [
                (len(values) - 1) * (values.mean() - values)[None]
                for values in (_component(part[:, place], component) for part in left_out)
            ]
            acceleration = inference.acceleration(influence)
            for level, ends in ((statistics.confidence, "ci"), (EQUIVALENCE, "equivalence")):
                low, high = inference.bca_interval(np.array([estimate]), distribution[None], acceleration, level)
                row[f"{ends}_low"], row[f"{ends}_high"] = float(low[0]), float(high[0])
            row["p_value"] = float(inference.bootstrap_p(distribution))
            row["error"] = float(np.std(distribution, ddof=1))
            row["detectable"] = float(inference.detectable_effect(np.asarray(row["error"])))
        estimated[name, component] = row
    return estimated
