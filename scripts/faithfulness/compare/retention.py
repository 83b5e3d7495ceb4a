"""Answer retention: how many answers stay as they were when part of a chain is cut or replaced (the curves)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from faithfulness.compare.chain_probes import ChainProbes, Floats
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.tables.io import frame
from faithfulness.tables.measures import Retention

GRID = np.arange(11) / 10
# The variants of perturbations that have a curve.
VARIANTS = {name: variant for name, entry in PERTURBATIONS.items() for variant in entry.variants if variant.curve}


def chain_curves(index: pd.MultiIndex, probes: ChainProbes) -> dict[str, pd.DataFrame]:
    """Retention of each chain on the fractions 0, .1, ..., 1, by perturbation.

    Each chain's curve is interpolated linearly, as the trapezoid weights of the AOC imply. Where nothing of the chain
    is perturbed (filler, paraphrase and mistake at 1) retention is 1 by definition. Left of its first valid readout a
    chain has no value.

    Returns:
        One row for each chain with a valid readout, one column for each fraction.
    """
    curves = {}
    for perturbation, variant in VARIANTS.items():
        points = probes.kept(perturbation, variant.name)
        if variant.one_step:  # at the steps before the one that is changed, which is numbered from 1
            points = np.roll(points, -1, axis=1)
        known = np.isfinite(points).any(axis=1) & (probes.n_steps > 0)
        points, n_steps = points[known], probes.n_steps[known]
        if perturbation != "early_termination":
            points[np.arange(len(points)), n_steps.astype(int)] = 1.0
        if len(points):
            curves[perturbation] = pd.DataFrame(interpolate(points, n_steps), index[known], GRID)
    return curves


def interpolate(points: Floats, n_steps: Floats) -> Floats:
    """Linear interpolation of each chain's known points onto GRID.

    Args:
        points: shape (chains, 1 + most steps); column k is at fraction k / n of the chain. NaN where not known.
        n_steps: shape (chains,), at least 1.

    Returns:
        Shape (chains, fractions of GRID); NaN left of a chain's first known point; its last one stays to the right.
    """
    steps = np.arange(points.shape[1])
    fractions = steps / n_steps[:, None]
    known = np.isfinite(points)
    # By column, the nearest known column up to it and from it; -1 and the width where there is none.
    before = np.maximum.accumulate(np.where(known, steps, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, steps, len(steps))[:, ::-1], axis=1)[:, ::-1]
    after = np.column_stack([after, np.full(len(points), len(steps))])
    chains = np.arange(len(points))
    values = np.empty((len(points), len(GRID)))
    for place, fraction in enumerate(GRID):
        column = (fractions <= fraction).sum(axis=1) - 1
        left, right = before[chains, column], after[chains, column + 1]
        inner = (right < len(steps)) & (left >= 0)
        right = np.where(inner, right, left)
        x, y = fractions[chains, left], points[chains, left]
        width = np.where(inner, fractions[chains, right] - x, 1.0)
        slope = (points[chains, right] - y) / width
        values[:, place] = np.where(left >= 0, slope * (fraction - x) + y, np.nan)
    return values


def by_item(curves: Mapping[tuple[str, str], Mapping[str, pd.DataFrame]], arms: Mapping[str, str]) -> pd.DataFrame:
    """Curves of items: the means over their chains (samples, and trainings of an arm).

    Args:
        curves: from `chain_curves`, by writer and reader.
        arms: the arm of each training, by the training's name.

    Returns:
        tables.Retention.
    """
    chains: dict[tuple[str, str, str], list[pd.DataFrame]] = {}
    for (writer, reader), by_perturbation in curves.items():
        for perturbation, part in by_perturbation.items():
            key = arms.get(writer, writer), arms.get(reader, reader), perturbation
            chains.setdefault(key, []).append(part)
    rows_by_pair = []
    for (writer, reader, perturbation), parts in sorted(chains.items(), key=lambda entry: entry[0]):
        items = pd.concat(parts).groupby(level="item_id").mean()
        rows = pd.DataFrame({"item_id": items.index, "retention": list(items.to_numpy())})
        rows_by_pair.append(rows.assign(writer=writer, reader=reader, perturbation=perturbation))
    return frame(pd.concat(rows_by_pair, ignore_index=True) if rows_by_pair else [], Retention)
