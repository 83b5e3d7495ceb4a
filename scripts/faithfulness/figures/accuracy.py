"""Accuracy with and without the chain."""

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from faithfulness.figures import alt_text, theme
from faithfulness.figures.colours import INK, MUTED, PAPER
from faithfulness.figures.dots import dots, summary_rows
from faithfulness.figures.theme import SHARES, THEME


def tabulate(summaries: pd.DataFrame, gates: pd.DataFrame) -> pd.DataFrame:
    """Accuracy with and without a chain, for each model, arm and dataset."""
    ends = [f"{name}{end}" for name in ("cot_accuracy", "direct_accuracy") for end in ("", "_low", "_high")]
    return summary_rows(summaries, gates, [*ends, "chance"])


@mpl.rc_context(THEME)
def draw(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Accuracy with (filled) and without (open) the chain, a dot for each arm, and the level of guessing."""
    figure = dots(data, arms, datasets, {"cot_accuracy": True, "direct_accuracy": False})
    for ax, dataset in zip(figure.axes, theme.present(datasets, data.dataset), strict=True):
        chance = float(data[data.dataset == dataset].chance.iloc[0])
        ax.axvline(chance, color=INK, linewidth=1, linestyle=(0, (2, 2)), zorder=1, label="chance")
        ax.set(xlim=(-0.03, 1.03), xlabel="accuracy (share of items)", **SHARES)
    key = theme.arm_keys(arms, data.arm)
    key += [
        Line2D([], [], color=MUTED, marker="o", markersize=4.5, label="with chain"),
        Line2D([], [], color=MUTED, marker="o", markersize=4.5, markerfacecolor=PAPER, label="without chain"),
        Line2D([], [], color=INK, linewidth=1, linestyle=(0, (2, 2)), label="guessing"),
    ]
    theme.key(figure, key, data)
    return figure


def describe(data: pd.DataFrame) -> str:
    """The figure in words."""
    return alt_text.joined(
        alt_text.ends(data, "cot_accuracy", "Accuracy with the chain"),
        alt_text.ends(data, "direct_accuracy", "Without a chain"),
        alt_text.closed(data),
    )
