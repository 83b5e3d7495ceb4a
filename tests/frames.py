"""Frames of means for tests, from tables of single measures."""

from collections.abc import Collection, Sequence

import pandas as pd

from faithfulness.compare import effects, item_means
from faithfulness.compare.chain_probes import CHAIN
from faithfulness.compare.effects import Comparison, Pool
from faithfulness.compare.item_means import Cell, Cells, Seeds
from faithfulness.compare.measures import MEASURES
from faithfulness.config.statistics import Statistics
from faithfulness.tables.fields import Row
from faithfulness.tables.generation import Scores
from faithfulness.tables.io import frame


def item_table(measures: pd.DataFrame) -> pd.DataFrame:
    """Item means with columns model and dataset, from rows of tables.Measures with columns model and dataset."""
    parts = []
    for (model, arm, dataset), rows in measures.groupby(["model", "arm", "dataset"]):
        values = rows.set_index([*CHAIN, "measure"])["value"].unstack().reindex(columns=list(MEASURES))
        chains = values.astype(float).reset_index().assign(truncated=False)
        alone = (chains["writer"] == "base") & (chains["reader"] == "base")
        seeds = sorted(chains.loc[~alone, "seed"].unique())
        items = item_means.of_trainings([chains[alone | (chains["seed"] == seed)] for seed in seeds])
        parts.append(items.assign(model=model, arm=arm, dataset=dataset))
    return pd.concat(parts, ignore_index=True)


def by_cell(measures: pd.DataFrame) -> dict[Cell, pd.DataFrame]:
    """Frames of means by cell."""
    return item_means.frames(item_table(measures))


def by_seed(measures: pd.DataFrame) -> dict[Cell, dict[int, pd.DataFrame]]:
    """Frames of means by cell and training seed."""
    return item_means.frames_by_seed(item_table(measures))


def frame_of(measures: pd.DataFrame) -> pd.DataFrame:
    """The frame of means of one cell."""
    (frame,) = by_cell(measures.assign(model="m", dataset="d")).values()
    return frame


def compare(
    cells: Cells,
    contrast: str,
    statistics: Statistics,
    names: Collection[str] = tuple(MEASURES),
    pool: Pool = sorted,
    seeds: Seeds | None = None,
) -> pd.DataFrame:
    """The effects of one comparison."""
    return effects.compare([Comparison(contrast, cells, names, seeds or {})], statistics, pool)


def scored(rows: Sequence[Row]) -> pd.DataFrame:
    """tables.Scores with a column `reader`, from rows that may lack what may be missing."""
    return frame(rows, Scores).assign(reader=[row["reader"] for row in rows])
