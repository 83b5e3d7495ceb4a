"""Contrasts between two readers of base's chains (method, section 8): tuned, placebo and null arms, and base.

A contrast is a frame of means (see `item_means`) in which one reader has the role of tuned and the other that of base,
whoever writes: both writers' means are those on base's chains. So the component `reading` is the first reader minus the
second exactly, and intervals, tests, pools and training seeds are those of any other contrast.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd

from faithfulness.compare import effects
from faithfulness.compare.effects import Comparison, Pool
from faithfulness.compare.item_means import ROLES, Cell, Cells, Seeds
from faithfulness.compare.measures import MEASURES
from faithfulness.compare.readings import BASE_CHAINS, BETWEEN_ARMS, NULL, PLACEBO
from faithfulness.compare.trainings import enough
from faithfulness.config.statistics import Statistics

READER_CONTRASTS = (BASE_CHAINS, PLACEBO, NULL, BETWEEN_ARMS)
SAID = ("reading", "total")  # the components that say what the first reader has more than the second


def of_reader(frame: pd.DataFrame, role: str) -> pd.DataFrame:
    """What a reader makes of base's chains, and its answers without a chain.

    Args:
        frame: a frame of means.
        role: of the reader: base, or tuned, which is the role of the cell's arm.

    Returns:
        Index item_id, a column for each measure.
    """
    names = list(frame.columns.unique("measure"))
    read = frame[[(name, "base", role) for name in names]].set_axis(names, axis=1)
    own = ("direct_accuracy", role, role)  # without a chain, a reader that writes chains is its own writer
    return read.assign(direct_accuracy=frame[own].combine_first(read["direct_accuracy"])) if own in frame else read


def contrast(first: pd.DataFrame, second: pd.DataFrame, *others: pd.DataFrame) -> pd.DataFrame:
    """The frame of means whose component `reading` is the first reader minus the second.

    Args:
        first, second: from `of_reader`.
        others: further readers that the contrast belongs to. In each measure, items count of which all these readers
            have a value: a conflict chain tells nothing where a reader concludes its target anyway.

    Returns:
        A frame of means; items that do not count are NaN.
    """
    readers = [first, second, *others]
    items = reduce(pd.Index.intersection, [reader.index for reader in readers])
    names = [name for name in MEASURES if all(name in reader for reader in readers)]
    values = [reader.loc[items, names] for reader in readers]
    known = np.logical_and.reduce([value.notna().to_numpy() for value in values])
    by_role = {"tuned": values[0].where(known), "base": values[1].where(known)}
    columns = pd.MultiIndex.from_tuples(
        [(name, *roles) for name in names for roles in ROLES], names=["measure", "writer", "reader"]
    )
    wide = np.stack([by_role[reader].to_numpy(float) for _, reader in ROLES], axis=-1)
    return pd.DataFrame(wide.reshape(len(items), len(columns)), items, columns)


@dataclass(frozen=True)
class Placebo:
    """The placebo of a tuned arm, by the cells of the tuned arm.

    Args:
        cells: frames of means.
        seeds: those of each training seed.
    """

    cells: Cells
    seeds: Seeds


def against_base(
    name: str, cells: Cells, seeds: Seeds, measures: Collection[str], placebo: Placebo | None = None
) -> Comparison:
    """The contrast of each cell's arm with base, on base's chains.

    Args:
        name: of the contrast.
        cells: frames of means by cell.
        seeds: frames of means of each training seed by cell.
        measures: names of the measures wanted.
        placebo: of these cells. Of their items those count that the placebo has a value of, too.
    """
    return _of_tuned(name, (cells, seeds), measures, placebo, minus_placebo=False)


def against_placebo(name: str, cells: Cells, seeds: Seeds, measures: Collection[str], placebo: Placebo) -> Comparison:
    """The contrast of tuned arms with their placebo on base's chains, of the same items as `against_base`.

    Several trainings of the placebo are averaged; those of the tuned arm are crossed as in other contrasts.

    Args:
        name: of the contrast.
        cells: frames of means by cell.
        seeds: frames of means of each training seed by cell.
        measures: names of the measures wanted.
        placebo: of these cells.
    """
    return _of_tuned(name, (cells, seeds), measures, placebo, minus_placebo=True)


def _of_tuned(
    name: str,
    tuned: tuple[Cells, Seeds],
    measures: Collection[str],
    placebo: Placebo | None,
    *,
    minus_placebo: bool,
) -> Comparison:
    cells, seeds = tuned
    shams = {cell: of_reader(frame, "tuned") for cell, frame in (placebo.cells if placebo else {}).items()}

    def of_arm(frame: pd.DataFrame, cell: Cell) -> pd.DataFrame:
        """The contrast of the tuned arm, or of its placebo in place of it."""
        first, base = of_reader(frame, "tuned"), of_reader(frame, "base")
        if minus_placebo:
            return contrast(first, shams[cell], base)
        return contrast(first, base, shams[cell]) if cell in shams else contrast(first, base)

    def by_seed(frames: Seeds) -> Seeds:
        return {cell: {seed: of_arm(frame, cell) for seed, frame in frames.get(cell, {}).items()} for cell in cells}

    return Comparison(
        name,
        {cell: of_arm(frame, cell) for cell, frame in cells.items()},
        measures,
        by_seed(seeds),
        SAID,
        by_seed(placebo.seeds if placebo else {}),
        minus_placebo,
    )


def between_arms(first: tuple[Cells, Seeds], second: tuple[Cells, Seeds], measures: Collection[str]) -> Comparison:
    """The contrast of two tuned arms of the same models on base's chains (C7); its arm is `<first> - <second>`.

    Args:
        first, second: frames of means by cell, and of each training seed by cell, of one arm each. Their recipes
            differ, so trainings with the same seed have nothing in common, and each arm needs enough of them.
        measures: names of the measures wanted.
    """
    cells: dict[Cell, pd.DataFrame] = {}
    by_seed: tuple[dict[Cell, dict[int, pd.DataFrame]], ...] = ({}, {})
    for (model, arm, dataset), frame in first[0].items():
        for (other_model, other_arm, other_dataset), other in second[0].items():
            if (model, dataset) == (other_model, other_dataset):
                cell = model, f"{arm} - {other_arm}", dataset
                cells[cell] = _between(frame, other)
                one, two = first[1][model, arm, dataset], second[1][model, other_arm, dataset]
                if enough(len(one)) and enough(len(two)):
                    by_seed[0][cell] = {seed: _between(training, other) for seed, training in one.items()}
                    by_seed[1][cell] = {seed: _between(frame, training) for seed, training in two.items()}
    return Comparison(BETWEEN_ARMS, cells, measures, by_seed[0], SAID, by_seed[1], True, one_recipe=False)


def _between(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    return contrast(of_reader(first, "tuned"), of_reader(second, "tuned"), of_reader(first, "base"))


def estimate(comparisons: Collection[Comparison], statistics: Statistics, pool: Pool = sorted) -> pd.DataFrame:
    """The effects of contrasts of the same cells.

    Args:
        comparisons: from the functions above.
        statistics: resamples, confidence, margin, seed.
        pool: which of the datasets are pooled.

    Returns:
        As effects.compare, with the component that says what the first reader has more than the second: `reading`, or
        `total` of measures that need no chain.
    """
    rows = effects.compare(list(comparisons), statistics, pool)
    component = {name: "reading" if "reading" in measure.components else "total" for name, measure in MEASURES.items()}
    return rows[rows["component"] == rows["measure"].map(component)].reset_index(drop=True)
