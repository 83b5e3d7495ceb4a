"""Effects of two runs side by side."""

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from faithfulness.figures import alt_text
from faithfulness.figures.colours import INK, arm_colours
from faithfulness.figures.common import PRIMARY
from faithfulness.figures.forest_plot import Mark, forest
from faithfulness.figures.theme import THEME

RUNS = {"run A": (-0.27, "o"), "run B": (0.0, "s"), "A minus B": (0.27, "D")}


def tabulate(shared: pd.DataFrame) -> pd.DataFrame:
    """The reading effects on the primary measures in single cells that two runs share, and their differences.

    Args:
        shared: two_runs.Comparison.

    Returns:
        Three rows for each effect, by `run` (keys of RUNS); a model has the name and size that run A gives it.
    """
    cell = ["model", "parameters", "arm", "dataset", "measure", "component"]
    rows = shared.rename(columns={"model_a": "model", "parameters_a": "parameters"})
    rows = rows[(rows.contrast == "plain") & rows.measure.isin(PRIMARY) & (rows.component == "reading")]
    rows = rows[rows.parameters.notna() & (rows.dataset != "pooled")]
    both = pd.Series(True, index=rows.index)
    parts = []
    for run, side in zip(RUNS, ("a", "b"), strict=False):
        ends = rows[[f"{name}_{side}" for name in ("estimate", "ci_low", "ci_high", "n_items")]]
        ends = ends.set_axis(["estimate", "ci_low", "ci_high", "n_items"], axis=1)
        usable = rows[f"interpretable_{side}"].astype(bool) & (rows[f"calibration_{side}"] != "failed")
        both &= usable
        parts.append(pd.concat([rows[cell], ends], axis=1).assign(run=run, interpretable=usable))
    ends = rows[["difference", "difference_low", "difference_high"]].set_axis(["estimate", "ci_low", "ci_high"], axis=1)
    parts.append(pd.concat([rows[cell], ends], axis=1).assign(run="A minus B", interpretable=both))
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)


@mpl.rc_context(THEME)
def draw(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Forest plot: a column for each measure, a line for each cell, on it run A, run B and their difference."""
    colours = dict(zip(RUNS, [*arm_colours(["run A", "run B"]).values(), INK], strict=True))
    key: list[Artist] = [
        Line2D([], [], color=colours[run], marker=marker, markersize=4.5, label=run)
        for run, (_, marker) in RUNS.items()
    ]
    return forest(data, list(arms), datasets, lambda row: Mark(*RUNS[row.run], colours[row.run], row.run), key, {})


def describe(data: pd.DataFrame) -> str:
    """The figure in words."""
    return alt_text.apart(data)
