"""Length of the chains."""

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from faithfulness.figures import alt_text, theme
from faithfulness.figures.dots import dots, summary_rows
from faithfulness.figures.theme import THEME


def tabulate(summaries: pd.DataFrame, gates: pd.DataFrame) -> pd.DataFrame:
    """Mean number of steps in a chain, for each model, arm and dataset."""
    return summary_rows(summaries, gates, ["mean_steps", "mean_steps_low", "mean_steps_high"])


@mpl.rc_context(THEME)
def draw(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Mean number of steps in a chain, a dot for each arm."""
    figure = dots(data, arms, datasets, {"mean_steps": True})
    top = max([1.0, *data[["mean_steps", "mean_steps_high"]].max().dropna()])
    for ax in figure.axes:
        ax.set(xlim=(0, 1.08 * top), xlabel="steps per chain (mean)")
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    theme.key(figure, theme.arm_keys(arms, data.arm), data)
    return figure


def describe(data: pd.DataFrame) -> str:
    """The figure in words."""
    return alt_text.joined(
        alt_text.ends(data, "mean_steps", "Mean steps per chain"),
        alt_text.closed(data),
    )
