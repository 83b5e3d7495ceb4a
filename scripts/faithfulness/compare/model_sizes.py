"""Effects across model sizes (method, section 8, C5)."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from faithfulness.compare import effects, equal_gain
from faithfulness.compare.effects import Pool
from faithfulness.compare.item_means import Cells, Seeds
from faithfulness.compare.trainings import Trainings, shared_seeds
from faithfulness.config.roles import is_control
from faithfulness.config.statistics import Statistics
from faithfulness.tables import io
from faithfulness.tables.statistics import ScaleFits

Pair = tuple[pd.DataFrame, pd.DataFrame]  # frames of means of the smallest and of the largest model
Columns = Mapping[tuple[str, str], float]  # o by measure and component
Estimate = Callable[[Sequence[Pair], Sequence[Sequence[Pair]]], pd.DataFrame]  # from pairs, and those of each seed

READING = ("reading", "interaction")


def compare_sizes(
    cells: Cells,
    sizes: Mapping[str, int],
    seeds: Seeds,
    directions: Mapping[str, int],
    statistics: Statistics,
    pool: Pool = sorted,
    component: str = "reading",
) -> pd.DataFrame:
    """D = o (effect on the smallest model - effect on the largest) of a component, by arm.

    Positive: the smaller model is affected more, in the claimed direction o. Paired by the items that the
    contrasts of both models share, so that one bootstrap over those items resamples both effects; trainings are paired
    by their seed, and seeds that only one of the models has are left out.

    Args:
        cells: frames of means by cell.
        sizes: parameters by model.
        seeds: frames of means of each training seed by cell; from three on items and seeds are crossed.
        directions: o by measure, +1 or -1.
        statistics: resamples, confidence, margin, seed.
        pool: which of the datasets are pooled.
        component: reading (C5), which adds rows of the interaction, whose halves set its simple effects apart; or
            total (R1).

    Returns:
        Columns arm, smallest, largest, n_seeds, dataset ('pooled' for several), pool, contrast, measure, component and
        those of effects.estimates; no row for an arm with fewer than two sizes, or for a control.
    """
    components = READING if component == "reading" else (component,)
    columns = {(name, part): float(sign) for name, sign in directions.items() for part in components}

    def estimate(pairs: Sequence[Pair], by_seed: Sequence[Sequence[Pair]]) -> pd.DataFrame:
        part = effects.estimates([_gap(*pair, columns) for pair in pairs], statistics, scale=True)
        of_seeds = [np.mean([_gap(*pair, columns).mean() for pair in of_seed], axis=0) for of_seed in by_seed]
        return effects.crossed(part, Trainings(of_seeds), statistics)

    return _of_extremes(cells, sizes, seeds, pool, estimate).assign(contrast="scale")


def compare_sizes_at_equal_gain(
    cells: Cells,
    sizes: Mapping[str, int],
    seeds: Seeds,
    directions: Mapping[str, int],
    statistics: Statistics,
    pool: Pool = sorted,
) -> pd.DataFrame:
    """D of readings where both models gained the same direct accuracy, as one recipe teaches models other amounts (C5).

    Arguments and result are those of `compare_sizes`, the frames having `direct_accuracy`; D is the intercept of
    `equal_gain`, contrast 'scale_equal_gain'.
    """
    columns = {(name, part): float(sign) for name, sign in directions.items() for part in READING}
    margins = np.array([effects.margin(name, statistics) for name, _ in columns])

    def estimate(pairs: Sequence[Pair], by_seed: Sequence[Sequence[Pair]]) -> pd.DataFrame:
        gaps, gains = [_gap(*pair, columns) for pair in pairs], [_gains(*pair) for pair in pairs]
        of_seeds = [
            np.mean([equal_gain.intercepts(_gap(*pair, columns), _gains(*pair)) for pair in of_seed], axis=0)
            for of_seed in by_seed
        ]
        part = equal_gain.estimates(gaps, gains, margins, statistics)
        return effects.crossed(part, Trainings(of_seeds), statistics)

    return _of_extremes(cells, sizes, seeds, pool, estimate).assign(contrast="scale_equal_gain")


def _of_extremes(cells: Cells, sizes: Mapping[str, int], seeds: Seeds, pool: Pool, estimate: Estimate) -> pd.DataFrame:
    """What is estimated of the smallest and the largest model of each arm, on each dataset and pooled."""
    parts = []
    for arm, small, large, datasets in _extremes(cells, sizes):
        frames = {d: (cells[small, arm, d], cells[large, arm, d]) for d in datasets}

        def training(model: str, dataset: str, seed: int, arm: str = arm) -> pd.DataFrame:
            return effects.of_items(seeds[model, arm, dataset][seed], cells[model, arm, dataset])

        of_seeds = {
            d: {
                seed: (training(small, d, seed), training(large, d, seed))
                for seed in sorted({*seeds[small, arm, d]} & {*seeds[large, arm, d]})
            }
            for d in datasets
        }
        for dataset, pooled in effects.pools(datasets, pool):
            shared = shared_seeds(of_seeds, pooled)
            part = estimate([frames[d] for d in pooled], [[of_seeds[d][s] for d in pooled] for s in shared])
            part = part.reset_index()
            part["pool"] = [pooled] * len(part)
            parts.append(part.assign(arm=arm, smallest=small, largest=large, n_seeds=len(shared), dataset=dataset))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _extremes(cells: Cells, sizes: Mapping[str, int]) -> Iterator[tuple[str, str, str, list[str]]]:
    """Each tuned arm with models of two sizes: its smallest and largest model, and the datasets that both have."""
    for arm in sorted({arm for _, arm, _ in cells if not is_control(arm)}):
        models = sorted({model for model, a, _ in cells if a == arm}, key=lambda model: (sizes[model], model))
        small, large = models[0], models[-1]
        if sizes[small] != sizes[large]:
            of_model = {m: {d for model, a, d in cells if (model, a) == (m, arm)} for m in (small, large)}
            yield arm, small, large, sorted(of_model[small] & of_model[large])


def _gap(small: pd.DataFrame, large: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Effect on the small model minus that on the large one, times the claimed sign, by item."""
    shared = small.index.intersection(large.index)
    names = dict.fromkeys(name for name, _ in columns)
    smaller, larger = (effects.differences(frame.loc[shared], names)[list(columns)] for frame in (small, large))
    return (smaller - larger) * np.array(list(columns.values()))


def _gains(small: pd.DataFrame, large: pd.DataFrame) -> pd.Series:
    """What direct accuracy gained on the small model minus that on the large one, by item."""
    shared = small.index.intersection(large.index)
    smaller, larger = (effects.differences(frame.loc[shared], ["direct_accuracy"]) for frame in (small, large))
    return (smaller - larger)["direct_accuracy", "total"]


def fit(found: pd.DataFrame) -> pd.DataFrame:
    """Line of each effect over log10(parameters), by least squares; descriptive below five sizes.

    Args:
        found: tables.Effects; its plain rows that are interpretable are used, but those of measures that failed their
            calibration.

    Returns:
        tables.ScaleFits, sorted; slope and intercept are null with fewer than two sizes.
    """
    keys = ["arm", "dataset", "measure", "component"]
    used = found[(found["contrast"] == "plain") & found["interpretable"].astype(bool) & found["estimate"].notna()]
    used = used[used["calibration"] != "failed"]
    used = used[~((used["dataset"] == "pooled") & used["claim"].isin(["R1", "R2"]))]  # pools of part of the datasets
    rows = []
    for key, part in used.sort_values([*keys, "model"]).groupby(keys):
        x, y = np.log10(part["parameters"].to_numpy(float)), part["estimate"].to_numpy(float)
        line = stats.linregress(x, y) if len(np.unique(x)) > 1 else None
        ends = {"slope": line.slope, "intercept": line.intercept} if line else {"slope": None, "intercept": None}
        rows.append(dict(zip(keys, key, strict=True)) | ends | {"n_models": len(np.unique(x))})
    return io.frame(rows, ScaleFits)
