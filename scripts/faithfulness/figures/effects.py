"""Effects of fine-tuning, split into total, reading and writing."""

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from faithfulness.figures import alt_text, theme
from faithfulness.figures.colours import INK, PAPER, arm_colours
from faithfulness.figures.common import PRIMARY, plain_effects
from faithfulness.figures.forest_plot import Mark, forest
from faithfulness.figures.theme import THEME, NamedRow

COMPONENTS = {"total": (-0.27, "D"), "reading": (0.0, "o"), "writing": (0.27, "o")}


def tabulate(effects: pd.DataFrame) -> pd.DataFrame:
    """The plain effects of the primary measures in single cells, split into total, reading and writing.

    If a gate or the measure's calibration failed, the effect is drawn as not interpretable.
    """
    chosen = plain_effects(effects, PRIMARY)
    return chosen[chosen.component.isin(COMPONENTS)].reset_index(drop=True)


@mpl.rc_context(THEME)
def draw(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Forest plot: a column for each measure, a line for each cell, on it total, reading and writing effect."""
    colours = arm_colours(arms)

    def mark(row: NamedRow) -> Mark:
        colour = INK if row.component == "total" else colours[row.arm]
        return Mark(*COMPONENTS[row.component], colour, row.component, filled=row.component != "writing")

    tuned = theme.present(arms, data.arm)
    key: list[Artist] = [Line2D([], [], color=INK, marker="D", markersize=4.5, label="total")]
    for arm in tuned:
        of = f", {arm}" if len(tuned) > 1 else ""
        key += [
            Line2D([], [], color=colours[arm], marker="o", markersize=4.5, markerfacecolor=fill, label=f"{part}{of}")
            for part, fill in (("reading", colours[arm]), ("writing", PAPER))
        ]
    claimed = {name: axis.claimed for name, axis in PRIMARY.items()}
    return forest(data, tuned, datasets, mark, key, claimed)


def describe(data: pd.DataFrame) -> str:
    """The figure in words."""
    return alt_text.joined(alt_text.largest(data), alt_text.closed(data))
