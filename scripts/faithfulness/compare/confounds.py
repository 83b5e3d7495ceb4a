"""Confound controls: contrasts in which something else that fine-tuning changes is held fixed (method, sections 6, 8).

Each gives rows like those of `effects.compare`, under a contrast of its own beside the plain one: *length_matched* and
*length_adjusted* for the length of chains, *chance_corrected* for readers that give one answer more often than others.
What differs in correctness is held fixed by `effects.equal_correctness`; measures in steps stand beside fractions.
"""

from collections.abc import Collection, Mapping, Sequence
from types import SimpleNamespace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from statsmodels.regression.linear_model import OLS

from faithfulness.compare import descriptives, effects, inference
from faithfulness.compare.effects import CELLS, WEIGHTS, Cell, Pool, Seeds
from faithfulness.compare.inference import EQUIVALENCE, SPARSE, ZERO, Floats
from faithfulness.compare.measures import MEASURES
from faithfulness.config.statistics import Statistics
from faithfulness.config.training import recipe_of

AGREEMENTS = ("filler_tolerance", "no_cot_same")
# Meaning sensitivity is one change minus another, each of which is divided by 1 - c, and so is their difference.
CHANGES = (
    *("aoc", "aoc_raw", "paraphrase_sensitivity", "mistake_sensitivity", "mistake_sensitivity_last"),
    *("mistake_sensitivity_resample", "meaning_sensitivity"),
)
LARGEST_CHANCE = 0.9  # above this nothing is left to be measured (method, section 6)
LEAST_DEFINED = 0.95  # share of the resamples in which c is small enough; with fewer there is no interval
STEPS_APART = 1  # chains whose lengths differ by no more are of equal length


def length_matched(frame: pd.DataFrame) -> pd.DataFrame:
    """The items whose two chains differ by at most one step; frames of means in and out."""
    return frame[(_longer(frame).abs() <= STEPS_APART).to_numpy()]


def _longer(frame: pd.DataFrame) -> pd.Series:
    """By how many steps tuned's chain is longer than base's."""
    return frame["n_steps", "tuned", "tuned"] - frame["n_steps", "base", "base"]


def length_adjusted(
    cells: Mapping[Cell, pd.DataFrame],
    statistics: Statistics,
    names: Collection[str],
    pool: Pool = sorted,
    seeds: Seeds | None = None,
) -> pd.DataFrame:
    """The effects at equal chain length: the intercept of their regression on the difference in length.

    Ordinary least squares over items with heteroscedasticity-robust errors (HC3; MacKinnon and White 1985), by
    statsmodels. Pooled: the equal-weight mean of the datasets' intercepts. NaN where all items differ in length by
    the same number of steps, so that length and fine-tuning cannot be told apart. No interval where fewer than ten
    differences are not zero, where all lie on one line, or where one item alone sets the slope: such errors are
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
    names, trainings = list(names), seeds or {}
    found = {cell: effects.differences(frame, names) for cell, frame in cells.items()}

    def intercepts(cell: Cell, seed: int) -> list[float]:
        frame = trainings[cell][seed].reindex(cells[cell].index)
        by_item = effects.differences(frame, names)
        return [_intercept(by_item[column], _longer(frame))[0] for column in by_item]

    def estimate(pooled: Sequence[Cell]) -> pd.DataFrame:
        rows = {}
        for column in found[pooled[0]].columns:
            fits = [_intercept(found[cell][column], _longer(cells[cell])) for cell in pooled]
            value = np.array(np.mean([fit[0] for fit in fits]))
            error = np.array(np.sqrt(np.sum([fit[1] ** 2 for fit in fits])) / len(fits))
            ends = inference.t_interval(value, error, sum(fit[2] for fit in fits), statistics.confidence)
            numbers = {name: float(number) for name, number in ({"estimate": value} | ends).items()}
            rows[column] = numbers | {"n_items": sum(fit[3] for fit in fits)}
        shared = effects.shared_seeds(trainings, pooled)
        by_seed = [np.mean([intercepts(cell, seed) for cell in pooled], axis=0) for seed in shared]
        return effects.crossed(pd.DataFrame.from_dict(rows, orient="index"), by_seed, statistics)

    return effects.over_cells(cells, "length_adjusted", names, statistics, estimate, pool)


def _intercept(difference: pd.Series, longer: pd.Series) -> tuple[float, float, int, int]:
    """Estimate, standard error, degrees of freedom and items; NaN where it cannot be had."""
    known = (difference.notna() & longer.notna()).to_numpy()
    y, x = difference.to_numpy(float)[known], longer.to_numpy(float)[known]
    design = np.column_stack([np.ones(len(x)), x]) if np.any(x) else np.ones((len(x), 1))
    freedom = len(y) - design.shape[1]
    if freedom < 1 or np.linalg.matrix_rank(design) < design.shape[1]:
        return np.nan, np.nan, max(freedom, 1), len(y)
    fit = OLS(y, design).fit(cov_type="HC3")
    worthless = (
        (np.abs(y) > ZERO).sum() < SPARSE
        or np.abs(fit.resid).max() <= ZERO
        or fit.get_influence().hat_matrix_diag.max() >= 1 - ZERO
    )
    return float(fit.params[0]), np.nan if worthless else float(fit.bse[0]), freedom, len(y)


def answer_shares(scores: pd.DataFrame, items: pd.DataFrame, model: str, arm: str, dataset: str) -> pd.DataFrame:
    """Which a_n each reader gave after each writer's chain of each item.

    Args:
        scores: tables.Scores with columns model, reader, dataset.
        items: tables.Items with a column dataset.

    Returns:
        Index item_id; columns (writer, reader, answer) with writer and reader in {base, tuned}: the share of the
        item's chains (samples, seeds) that got the answer; 0 where none did. Answers are told apart by their place
        among the options where the options vary between items.
    """
    here = scores[(scores["model"] == model) & (scores["dataset"] == dataset)]
    here = here[here["writer"].isin(["base", arm]) & here["reader"].isin(["base", arm])]
    full = descriptives.original_answers(here)
    full = full[full["valid"].astype(bool)]
    by_place = descriptives.options_vary(items[items["dataset"] == dataset])
    answer = full["position"].astype("Int64").astype(str) if by_place else full["answer"].str.strip().str.casefold()
    roles = {role: full[role].where(full[role] == "base", "tuned") for role in ("writer", "reader")}
    counts = full.assign(answer=answer, **roles).groupby(["item_id", "writer", "reader", "answer"]).size()
    wide = counts.unstack([1, 2, 3], fill_value=0).astype(float).sort_index(axis=1)
    return wide / wide.T.groupby(level=[0, 1]).transform("sum").T.replace(0, np.nan)


def answer_shares_by_seed(
    scores: pd.DataFrame, items: pd.DataFrame, model: str, arm: str, dataset: str
) -> dict[int, pd.DataFrame]:
    """`answer_shares` of each training seed of an arm.

    Args:
        scores: tables.Scores with columns model, reader, dataset; tuned arms under the names of their trainings.
        items: tables.Items with a column dataset.
    """
    here = scores[
        (scores["model"] == model) & (scores["dataset"] == dataset) & (scores["writer"].map(recipe_of) == arm)
    ]
    trainings = here.groupby("writer")["seed"].first()  # chains carry the seed of their writer
    return {int(seed): answer_shares(scores, items, model, str(name), dataset) for name, seed in trainings.items()}


def chance_agreement(shares: Floats, weights: Floats) -> Floats:
    """The chance that two items picked at random got the same a_n: c of method, section 6.

    c = sum_a n_a (n_a - 1) / (N (N - 1)) where each item has one a_n. Where its chains (samples, seeds) got several,
    with share s_ia of item i for answer a, and n_a = sum_i s_ia: c = (sum_a n_a^2 - sum_ia s_ia^2) / (N (N - 1)).

    Args:
        shares: shape (items, answers).
        weights: shape (resamples, items), how often each item counts; or (items,).

    Returns:
        Shape (resamples,), or a scalar.
    """
    counts, total = weights @ shares, weights.sum(axis=-1)
    with_itself = weights @ (shares**2).sum(axis=-1)
    return np.asarray(((counts**2).sum(axis=-1) - with_itself) / (total * (total - 1)))


def correct_for_chance(x: Floats, chance: Floats, *, agreement: bool) -> Floats:
    """Chance-corrected form of a measure (method, section 6; motivated by Bentham et al. 2024).

    (x - c) / (1 - c) for agreements, x / (1 - c) for changes; NaN where c > .9.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        corrected = ((x - chance) if agreement else x) / (1 - chance)
    return np.where(chance > LARGEST_CHANCE, np.nan, corrected)


def chance_corrected(
    cells: Mapping[Cell, pd.DataFrame],
    shares: Mapping[Cell, pd.DataFrame],
    statistics: Statistics,
    names: Collection[str],
    pool: Pool = sorted,
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
        names: the measures wanted, of AGREEMENTS and CHANGES.
        pool: which of the datasets are pooled.
        seeds: frames of means of each training seed by cell; where there are three or more, items and seeds are
            `effects.crossed`, the error over items being the spread of the resamples.
        seed_shares: `answer_shares_by_seed` by cell.

    Returns:
        As effects.compare, contrast 'chance_corrected'.
    """
    names, trainings, answers_of = effects.present(cells, names), seeds or {}, seed_shares or {}

    def corrected(cell: Cell, seed: int, row: tuple[str, str]) -> float:
        name, component = row
        frame = trainings[cell][seed].reindex(cells[cell].index)
        stratum = _stratum(frame, answers_of[cell][seed], name)
        return float(_component(stratum, np.ones(len(stratum[0])), WEIGHTS[component], name in AGREEMENTS))

    def estimate(pooled: Sequence[Cell]) -> pd.DataFrame:
        rows = {
            (name, component): row
            for name in names
            for component, row in _corrected(
                [_stratum(cells[cell], shares[cell], name) for cell in pooled], name, statistics
            ).items()
        }
        by_seed = [
            np.array([np.mean([corrected(cell, seed, row) for cell in pooled]) for row in rows])
            for seed in effects.shared_seeds(trainings, pooled)
        ]
        return effects.crossed(pd.DataFrame.from_dict(rows, orient="index"), by_seed, statistics)

    return effects.over_cells(cells, "chance_corrected", names, statistics, estimate, pool)


Stratum = tuple[Floats, list[Floats]]  # values of the items (items, 4), and their answers in each of CELLS


def _stratum(frame: pd.DataFrame, shares: pd.DataFrame, name: str) -> Stratum:
    values = frame[[(name, *roles) for roles in CELLS]].dropna()
    answers = shares.reindex(values.index).fillna(0.0)
    # Columns of a writer and reader that never answered are not there.
    return values.to_numpy(float), [answers.loc[:, _of(answers, roles)].to_numpy(float) for roles in CELLS]


def _of(answers: pd.DataFrame, roles: tuple[str, str]) -> NDArray[np.bool_]:
    """Which columns of `answer_shares` are of a writer and reader, who may have none."""
    return np.asarray([column[:2] == roles for column in answers.columns.to_flat_index()], bool)


def _corrected(strata: Sequence[Stratum], name: str, statistics: Statistics) -> dict[str, dict[str, float]]:
    """A row of estimates for each component of a measure."""
    sizes, components = [len(values) for values, _ in strata], MEASURES[name].components
    if min(sizes) < 2:
        return {component: {"n_items": sum(sizes)} for component in components}
    rng = np.random.default_rng(statistics.seed)
    drawn = [np.concatenate([c for _, c in inference.item_counts(n, statistics.resamples, rng)]) for n in sizes]
    rows = {}
    for component in components:
        signs = WEIGHTS[component]

        def statistic(*weights: Floats, signs: Sequence[float] = signs) -> Floats:
            parts = [_component(s, w, signs, name in AGREEMENTS) for s, w in zip(strata, weights, strict=True)]
            return np.mean(parts, axis=0)

        def of_items(*picked: NDArray[np.intp], axis: int = -1) -> Floats:
            return statistic(*(_counted(p, n) for p, n in zip(picked, sizes, strict=True)))

        resampled = statistic(*drawn)
        distribution = resampled[np.isfinite(resampled)]
        row = {"estimate": float(statistic(*(np.ones(n) for n in sizes))), "n_items": sum(sizes)}
        differ = sum((np.abs(values @ np.array(signs)) > ZERO).sum() for values, _ in strata)
        defined = np.isfinite(row["estimate"]) and len(distribution) >= LEAST_DEFINED * len(resampled)
        if defined and differ >= SPARSE and np.ptp(distribution) > ZERO:
            for level, ends in ((statistics.confidence, "ci"), (EQUIVALENCE, "equivalence")):
                row[f"{ends}_low"], row[f"{ends}_high"] = stats.bootstrap(
                    [np.arange(n) for n in sizes],
                    of_items,
                    method="BCa",
                    confidence_level=level,
                    n_resamples=0,
                    bootstrap_result=SimpleNamespace(bootstrap_distribution=distribution),
                    vectorized=True,
                    axis=-1,
                ).confidence_interval
            row["p_value"] = float(inference.bootstrap_p(distribution))
            row["error"] = float(np.std(distribution, ddof=1))
            row["detectable"] = float(inference.detectable_effect(np.asarray(row["error"])))
        rows[component] = row
    return rows


def _component(stratum: Stratum, weights: Floats, signs: Sequence[float], agreement: bool) -> Floats:
    values, answers = stratum
    means = weights @ values / weights.sum(axis=-1)[..., None]
    parts = [
        sign * correct_for_chance(means[..., i], chance_agreement(answers[i], weights), agreement=agreement)
        for i, sign in enumerate(signs)
        if sign
    ]
    return np.sum(parts, axis=0)


def _counted(picked: NDArray[np.intp], n: int) -> Floats:
    """How often each of n items was picked, along the last axis."""
    rows = picked.reshape(-1, picked.shape[-1])
    places = rows + n * np.arange(len(rows))[:, None]
    counts = np.bincount(places.ravel(), minlength=n * len(rows)).reshape(len(rows), n)
    return counts.reshape(*picked.shape[:-1], n).astype(float)
