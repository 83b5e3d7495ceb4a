"""Dots with intervals: a panel per dataset, a band per model, a dot per arm."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from faithfulness.figures import theme
from faithfulness.figures.colours import GREY, PAPER, arm_colours
from faithfulness.figures.common import interpretable, titles_of
from faithfulness.figures.theme import VEIL


def summary_rows(summaries: pd.DataFrame, gates: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Columns of the summaries, for each model, arm and dataset."""
    rows = summaries[["model", "parameters", "arm", "dataset", "n_items", *columns]].reset_index(drop=True)
    return rows.assign(interpretable=interpretable(rows, gates))


def dots(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str], columns: dict[str, bool]) -> Figure:
    """A panel for each dataset, a band for each model, and a dot with its interval for each arm and column.

    Args:
        data: from `summary_rows`.
        arms, datasets: in the order of the configuration.
        columns: the columns that are drawn, and whether their dots are filled.
    """
    colours, models, shown = arm_colours(arms), theme.models(data), theme.present(arms, data.arm)
    datasets = theme.present(datasets, data.dataset)
    slot = 0.8 / max(len(shown), 1)
    titles, labels = titles_of(datasets), [theme.wrap(model, 24) for model in models]
    height = len(models) * max([0.42, 0.15 * len(shown) * len(columns) + 0.12, *map(theme.room, labels)])
    figure, axes = theme.grid(1, len(datasets), width=1.8, height=height, left=1.6, titles=titles.values(), sharey=True)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        panel = data[data.dataset == dataset]
        theme.head(ax, titles[dataset], panel.n_items)
        for row in theme.rows(panel):
            place = len(models) - 1 - models.index(row.model)
            middle = place + slot * ((len(shown) - 1) / 2 - shown.index(row.arm))
            colour = colours[row.arm] if row.interpretable else GREY
            for i, (column, filled) in enumerate(columns.items()):
                y = middle + slot * 0.5 * ((len(columns) - 1) / 2 - i)
                low, high = getattr(row, f"{column}_low"), getattr(row, f"{column}_high")
                ax.hlines(y, low, high, color=colour, linewidth=1.3, zorder=2)
                ax.plot(
                    getattr(row, column),
                    y,
                    theme.marker(arms, row.arm),
                    color=colour,
                    markerfacecolor=colour if filled else PAPER,
                    markersize=4.5,
                    label=row.arm,
                )
            if not row.interpretable:
                ax.axhspan(middle - slot / 2, middle + slot / 2, **VEIL)
        ax.grid(visible=False, axis="y")
    axes[0][0].set_ylim(-0.6, len(models) - 0.4)
    axes[0][0].set_yticks(range(len(models)), labels[::-1])
    return figure
