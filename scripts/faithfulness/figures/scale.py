"""Effects of fine-tuning against model size."""

import math
from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from faithfulness.figures import alt_text, theme
from faithfulness.figures.colours import GREY, MUTED, arm_colours
from faithfulness.figures.common import PRIMARY, capital_label, plain_effects, titles_of
from faithfulness.figures.theme import SIDE, THEME, VEIL
from faithfulness.text import size_text


def tabulate(effects: pd.DataFrame, scale_fits: pd.DataFrame) -> pd.DataFrame:
    """The reading effects of single models, with the descriptive fit of their arm and dataset if there is one."""
    rows = plain_effects(effects, PRIMARY)
    keys = ["arm", "dataset", "measure", "component"]
    return rows[rows.component == "reading"].merge(scale_fits, on=keys, how="left")


@mpl.rc_context(THEME)
def draw(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Reading effect against parameters (log axis): a row for each measure, a column for each dataset."""
    colours, datasets = arm_colours(arms), theme.present(datasets, data.dataset)
    measures = [name for name in PRIMARY if name in set(data.measure)]
    sizes = sorted({int(size) for size in data.parameters})
    tuned = theme.present(arms, data.arm)
    low, high = (math.log10(sizes[0]), math.log10(sizes[-1])) if sizes else (0.0, 0.0)
    reach = max(high - low, 0.3)
    limits = 10 ** (low - 0.15 * reach), 10 ** (high + 0.15 * reach)
    titles = titles_of(datasets)
    figure, axes = theme.grid(
        len(measures),
        len(datasets),
        width=1.85,
        height=1.45,
        left=1.5,
        titles=titles.values(),
        sharex=True,
        sharey="row",
    )
    for (row, measure), (column, dataset) in theme.places(measures, datasets):
        ax, panel = axes[row][column], data[(data.measure == measure) & (data.dataset == dataset)]
        if row == 0:
            theme.head(ax, titles[dataset], data[data.dataset == dataset].n_items)
        if column == 0:
            ax.set_ylabel(theme.wrap(capital_label(measure), 16), **SIDE)
        ax.set(xscale="log", xlim=limits)
        ax.axhline(0, color=MUTED, linewidth=0.9, zorder=1)
        for point in theme.rows(panel):
            place = tuned.index(point.arm) - (len(tuned) - 1) / 2
            x = 10 ** (math.log10(point.parameters) + 0.03 * reach * place)
            colour = colours[point.arm] if point.interpretable else GREY
            ax.vlines(x, point.ci_low, point.ci_high, color=colour, linewidth=1.3, zorder=2)
            ax.plot(x, point.estimate, theme.marker(arms, point.arm), color=colour, markersize=4.5)
        for _, line in panel.dropna(subset=["slope", "intercept"]).groupby("arm"):
            fit = line.iloc[0]
            ends = [int(line.parameters.min()), int(line.parameters.max())]
            heights = [fit.intercept + fit.slope * math.log10(end) for end in ends]
            colour = colours[fit.arm] if line.interpretable.any() else GREY
            ax.plot(ends, heights, color=colour, linewidth=1, linestyle=(0, (4, 3)), label=f"fit {fit.arm}")
        for size in theme.distinct(panel.parameters):
            if not panel[panel.parameters == size].interpretable.any():
                half = 10 ** (0.06 * reach)
                ax.axvspan(int(size) / half, int(size) * half, **VEIL)
        ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        ax.margins(y=0.12)
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_locator(FixedLocator(sizes))
        shown = _apart(sizes, 0.3 * reach)
        ax.set_xticks(sizes, [size_text(size) if size in shown else "" for size in sizes])
        ax.grid(visible=False, axis="x")
    figure.align_ylabels(axes[:, 0])
    figure.supylabel("reading effect: tuned minus base (of 0 to 1), confidence interval", size=8.5, color=MUTED)
    figure.supxlabel(f"model size (parameters, log scale)\n{_scale_note(len(sizes))}", size=8.5, color=MUTED)
    theme.key(figure, theme.arm_keys(arms, data.arm), data)
    return figure


def describe(data: pd.DataFrame) -> str:
    """The figure in words."""
    return alt_text.joined(
        alt_text.sizes(data),
        alt_text.largest(data),
        alt_text.closed(data),
    )


def _scale_note(sizes: int) -> str:
    if sizes < 2:
        return "A scale comparison needs two sizes."
    return "Dashed: least-squares line." if sizes >= 5 else "Fewer than five sizes:\nthe dashed line is descriptive."


def _apart(sizes: Sequence[int], gap: float) -> set[int]:
    """Sizes whose labels fit beside each other: the largest, then each that is `gap` decades below the last."""
    shown: list[int] = []
    for size in sorted(sizes, reverse=True):
        if not shown or math.log10(shown[-1] / size) >= gap:
            shown.append(size)
    return set(shown)
