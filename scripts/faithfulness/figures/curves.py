"""Curves over the share of a chain: what the figures of answer retention and of convergence draw in their panels."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from faithfulness.figures import theme
from faithfulness.figures.colours import GREY, arm_colours
from faithfulness.figures.theme import SHARES, VEIL, Style


def curves(ax: Axes, panel: pd.DataFrame, column: str, arms: Sequence[str], *, stepped: bool = False) -> None:
    """A line with its band for each arm, over the fraction of the chain; where two coincide, the thinner is on top."""
    colours, shown = arm_colours(arms), theme.present(arms, panel.arm)
    if not panel.interpretable.any():
        ax.axvspan(0, 1, **VEIL)
    for place, arm in enumerate(shown):
        line = panel[panel.arm == arm].sort_values("fraction")
        colour = colours[arm] if line.interpretable.all() else GREY
        size = 1.2 + 1.6 * (len(shown) - 1 - place) / max(len(shown) - 1, 1)
        step: Style = {"step": "post"} if stepped else {}
        ax.fill_between(line.fraction, line.ci_low, line.ci_high, color=colour, alpha=0.16, linewidth=0, **step)
        style: Style = {"drawstyle": "steps-post"} if stepped else {"marker": theme.marker(arms, arm)}
        ax.plot(
            line.fraction,
            line[column],
            color=colour,
            label=arm,
            clip_on=False,
            zorder=3,
            linewidth=size,
            markersize=1.9 + size,
            **style,
        )
    ax.set(xlim=(0, 1), ylim=(0, 1), **SHARES)
    ax.set_yticks((0, 0.5, 1), ("0", "0.5", "1"))
