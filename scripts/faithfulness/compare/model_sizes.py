"""Effects across model sizes (method, section 8, C5)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from faithfulness.compare import effects
from faithfulness.compare.effects import Pool
from faithfulness.compare.item_means import Cells, Seeds
from faithfulness.config.statistics import Statistics
from faithfulness.tables import io
from faithfulness.tables.statistics import ScaleFits


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
        Columns arm, smallest, largest, n_seeds, dataset ('pooled' for several), pool, measure, component and those of
        effects.estimates; no row for an arm with fewer than two sizes.
    """
    components = ("reading", "interaction") if component == "reading" else (component,)
    columns = {(name, part): float(sign) for name, sign in directions.items() for part in components}
    parts = []
    for arm in sorted({arm for _, arm, _ in cells}):
        models = sorted({model for model, a, _ in cells if a == arm}, key=lambda model: (sizes[model], model))
        small, large = models[0], models[-1]
        if sizes[small] == sizes[large]:
            continue
        of_model = {m: {d for model, a, d in cells if (model, a) == (m, arm)} for m in (small, large)}
        datasets = sorted(of_model[small] & of_model[large])
        gaps = {d: _gap(cells[small, arm, d], cells[large, arm, d], columns) for d in datasets}
        gaps_by_seed: dict[str, dict[int, pd.Series]] = {}
        for d in datasets:
            of_small, of_large = seeds[small, arm, d], seeds[large, arm, d]
            gaps_by_seed[d] = {
                seed: _gap(of_small[seed], of_large[seed], columns).mean() for seed in sorted({*of_small} & {*of_large})
            }
        for dataset, pooled in effects.pools(datasets, pool):
            shared = effects.shared_seeds(gaps_by_seed, pooled)
            by_seed = [np.mean([gaps_by_seed[d][seed] for d in pooled], axis=0) for seed in shared]
            part = effects.estimates([gaps[d] for d in pooled], statistics, scale=True)
            part = effects.crossed(part, by_seed, statistics).reset_index()
            part["pool"] = [pooled] * len(part)
            parts.append(part.assign(arm=arm, smallest=small, largest=large, n_seeds=len(shared), dataset=dataset))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _gap(small: pd.DataFrame, large: pd.DataFrame, columns: Mapping[tuple[str, str], float]) -> pd.DataFrame:
    """Effect on the small model minus that on the large one, times the claimed sign, by item."""
    shared = small.index.intersection(large.index)
    names = dict.fromkeys(name for name, _ in columns)
    smaller, larger = (effects.differences(frame.loc[shared], names)[list(columns)] for frame in (small, large))
    return (smaller - larger) * np.array(list(columns.values()))


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
