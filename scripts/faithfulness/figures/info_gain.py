"""Effects on information gain beside those on AOC."""

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from faithfulness.figures import alt_text, theme
from faithfulness.figures.colours import GREY, MUTED, arm_colours
from faithfulness.figures.common import plain_effects, titles_of
from faithfulness.figures.theme import SIDE, THEME, VEIL

PAIR = ("aoc", "info_gain")


def tabulate(effects: pd.DataFrame) -> pd.DataFrame:
    """The reading effects on AOC and on information gain of each cell, side by side, with their intervals."""
    cell = ["model", "parameters", "arm", "dataset"]
    chosen = plain_effects(effects, PAIR)
    chosen = chosen[chosen.component == "reading"]
    aoc, gain = (
        chosen[chosen.measure == name][[*cell, "n_items", "interpretable", "estimate", "ci_low", "ci_high"]].rename(
            columns={"estimate": name, "ci_low": f"{name}_low", "ci_high": f"{name}_high"}
        )
        for name in PAIR
    )
    both = aoc.merge(gain.drop(columns="n_items"), on=cell, suffixes=("", "_other"))
    usable = both.interpretable & both.interpretable_other
    return both.assign(interpretable=usable).drop(columns="interpretable_other").reset_index(drop=True)


@mpl.rc_context(THEME)
def draw(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Effect on information gain against AOC: a row for each model, a column for each dataset, a point for each arm."""
    colours, datasets, models = arm_colours(arms), theme.present(datasets, data.dataset), theme.models(data)
    titles = titles_of(datasets)
    labels = {model: theme.wrap(model, 18) for model in models}
    figure, axes = theme.grid(
        len(models),
        len(datasets),
        width=1.85,
        height=max([1.35, *map(theme.room, labels.values())]),
        left=1.9,
        titles=titles.values(),
        sharex=True,
        sharey=True,
    )
    for (row, model), (column, dataset) in theme.places(models, datasets):
        ax, panel = axes[row][column], data[(data.model == model) & (data.dataset == dataset)]
        if row == 0:
            theme.head(ax, titles[dataset], data[data.dataset == dataset].n_items)
        if column == 0:
            ax.set_ylabel(labels[model], **SIDE)
        ax.axhline(0, color=MUTED, linewidth=0.9, zorder=1)
        ax.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
        for point in theme.rows(panel):
            colour = colours[point.arm] if point.interpretable else GREY
            ax.hlines(point.info_gain, point.aoc_low, point.aoc_high, color=colour, linewidth=1.3, zorder=2)
            ax.vlines(point.aoc, point.info_gain_low, point.info_gain_high, color=colour, linewidth=1.3, zorder=2)
            ax.plot(
                point.aoc, point.info_gain, theme.marker(arms, point.arm), color=colour, markersize=4.5, label=point.arm
            )
        if not panel.interpretable.any():
            ax.add_patch(Rectangle((0, 0), 1, 1, transform=ax.transAxes, **VEIL))
        ax.margins(0.12)
        ax.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10], symmetric=True, min_n_ticks=3))
        ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    figure.align_ylabels(axes[:, 0])
    figure.supylabel("reading effect on information gain (nats)\ntells less ←  → tells more", size=8.5, color=MUTED)
    figure.supxlabel("reading effect on AOC (of 0 to 1)\n← chain matters less", size=8.5, color=MUTED)
    theme.key(figure, theme.arm_keys(arms, data.arm), data)
    return figure


def describe(data: pd.DataFrame) -> str:
    """The figure in words."""
    return alt_text.joined(
        alt_text.gain_beside_aoc(data),
        alt_text.closed(data),
    )
