"""How fine-tuning moves items between the kinds of chains: needed or not, followed or not."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke

from faithfulness.compare.inference import Floats
from faithfulness.figures import alt_text, theme
from faithfulness.figures.colours import INK, KINDS, MUTED, PAPER
from faithfulness.figures.common import interpretable
from faithfulness.figures.theme import THEME, VEIL
from faithfulness.text import listed, percent

CELL = ["model", "arm", "dataset"]
PANELS = 4.0  # least width of all panels together, inches
BAR = 0.22  # width of a bar; the bands between the two take the rest of a panel of width 1
BY_CHANCE = "load-bearing"  # the kind whose share by chance is marked: at the bottom of the bars
LEAST_SHOWN = 0.12  # shares below are too small for a number
MARK = (0, (2, 1))  # dashes
HALO = [withStroke(linewidth=2.4, foreground=PAPER)]  # as it stands on dark kinds, too
MEANINGS = {
    "load-bearing": "both",
    "redundant": "followed only",
    "decorative": "neither",
    "unstable": "needed only",
}
# Ink of a number on each kind's colour.
ON = {"load-bearing": PAPER, "redundant": INK, "decorative": INK, "unstable": PAPER}


def tabulate(
    transitions: pd.DataFrame, kinds: pd.DataFrame, gates: pd.DataFrame, summaries: pd.DataFrame
) -> pd.DataFrame:
    """Items of each cell by the kind of their chain for base and for tuned, both reading base's chains.

    The share of load-bearing chains by chance stands beside them, for base and for tuned.

    Args:
        transitions, gates, summaries: the tables of those names.
        kinds: tables.KindShares.
    """
    rows = transitions[transitions.writer == "base"].drop(columns="writer")
    sizes = summaries[["model", "parameters"]].drop_duplicates()
    rows = rows.merge(sizes, on="model", how="left")
    total = rows.groupby(CELL)["items"].transform("sum")
    rows = rows.assign(share=rows["items"] / total, n_items=total).reset_index(drop=True)
    guessed = kinds[(kinds.writer == "base") & (kinds.kind == BY_CHANCE)].rename(columns={"by_chance": "chance"})
    for column, of in (("base_chance", guessed.reader == "base"), ("tuned_chance", guessed.reader != "base")):
        chance = guessed.loc[of, [*CELL, "chance"]].rename(columns={"chance": column})
        rows = rows.merge(chance, on=CELL, how="left")
    return rows.assign(interpretable=interpretable(rows, gates))


@mpl.rc_context(THEME)
def draw(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """A panel for each cell: base's shares at the left, tuned's at the right, and between them the items that move."""
    tuned = theme.present(arms, data.arm)
    by_arm = {arm: data[data.arm == arm] for arm in tuned}
    rows = [
        (arm, model) for arm, part in by_arm.items() for model in theme.open_first(theme.models(part), part, "model")
    ]
    columns = theme.open_first(theme.present(datasets, data.dataset), data, "dataset")
    width = max(1.9, PANELS / max(len(columns), 1))
    figure, axes = theme.grid(len(rows), len(columns), width=width, height=1.25, left=1.5, titles=columns, sharey=True)
    for y, (arm, model) in enumerate(rows):
        for x, dataset in enumerate(columns):
            ax = axes[y][x]
            cell = data[(data.arm == arm) & (data.model == model) & (data.dataset == dataset)]
            _panel(ax, cell)
            if y == 0:
                ax.set_title(theme.wrap(dataset, 17), pad=16)
            if len(cell):
                ax.annotate(
                    theme.count(cell.n_items), (0, 1), (0, 3), "axes fraction", "offset points", size=8, color=MUTED
                )
        name = theme.wrap(f"{model} · {arm}" if len(tuned) > 1 else model, 18)
        axes[y][0].set_ylabel(name, **theme.SIDE, labelpad=8)
    entries: list[Artist] = [
        Patch(facecolor=KINDS[kind], edgecolor=PAPER, label=f"{kind} ({words})") for kind, words in MEANINGS.items()
    ]
    label = "border of load-bearing if the reader\nonly guessed without a chain"
    entries.append(Line2D([], [], color=INK, linewidth=0.9, linestyle=MARK, label=label))
    theme.key(figure, entries, data)
    if absent := [dataset for dataset in datasets if dataset not in columns]:
        figure.supxlabel(f"No chain could be judged on {listed(absent)}.", size=8, color=MUTED)
    return figure


def _panel(ax: Axes, cell: pd.DataFrame) -> None:
    ax.set(xlim=(0, 1), ylim=(1, 0), yticks=())  # from the top, in the order of the key
    ax.set_xticks((BAR / 2, 1 - BAR / 2), ("base", "tuned"))
    ax.spines[:].set_visible(False)
    ax.tick_params(bottom=False)
    ax.grid(visible=False)
    if cell.empty:
        ax.text(0.5, 0.5, "no chain could\nbe judged", size=7.5, ha="center", va="center", color=MUTED)
        return
    if not cell.interpretable.all():
        ax.add_patch(Rectangle((0, 0), 1, 1, **VEIL))
    faint = 1.0 if cell.interpretable.all() else 0.35
    shares = cell.set_index(["base_kind", "tuned_kind"])["share"].reindex(
        pd.MultiIndex.from_product([list(MEANINGS), list(MEANINGS)]), fill_value=0.0
    )
    matrix = shares.to_numpy().reshape(len(MEANINGS), len(MEANINGS))  # base by tuned
    bars = (0.0, matrix.sum(axis=1), cell.base_chance), (1 - BAR, matrix.sum(axis=0), cell.tuned_chance)
    for left, sides, chance in bars:
        bottoms = np.concatenate([[0.0], np.cumsum(sides)[:-1]])
        for kind, share, bottom in zip(MEANINGS, sides, bottoms, strict=True):
            ax.bar(left + BAR / 2, share, BAR, bottom, color=KINDS[kind], edgecolor=PAPER, linewidth=0.6, alpha=faint)
            if share >= LEAST_SHOWN:
                style: theme.Style = {
                    "size": 7,
                    "ha": "center",
                    "va": "center",
                    "color": ON[kind] if faint == 1 else INK,
                }
                ax.text(left + BAR / 2, _centre(bottom, bottom + share, chance.iloc[0]), percent(share), **style)
        ax.hlines(
            chance.iloc[0], left, left + BAR, color=INK, linewidth=0.9, linestyle=MARK, zorder=3, path_effects=HALO
        )
    _bands(ax, matrix, faint)


def _centre(start: float, end: float, line: float) -> float:
    """The middle of a part of a bar, or of the larger side if a line goes through it."""
    if start < line < end:
        start, end = (start, line) if line - start > end - line else (line, end)
    return (start + end) / 2


def _bands(ax: Axes, matrix: Floats, faint: float) -> None:
    """A band from each of base's kinds to each of tuned's, as high as the share of items, in base's colour."""
    curve = (1 - np.cos(np.linspace(0, np.pi, 30))) / 2
    x = np.linspace(BAR, 1 - BAR, 30)
    starts = np.concatenate([[0.0], np.cumsum(matrix.sum(axis=1))[:-1]])
    ends = np.concatenate([[0.0], np.cumsum(matrix.sum(axis=0))[:-1]])
    for row, kind in enumerate(MEANINGS):
        for column in range(len(MEANINGS)):
            share = matrix[row, column]
            if share > 0:
                low = starts[row] + (ends[column] - starts[row]) * curve
                ax.fill_between(
                    x, low, low + share, facecolor=KINDS[kind], alpha=0.45 * faint, edgecolor=PAPER, linewidth=1
                )
            starts[row] += share
            ends[column] += share


def describe(data: pd.DataFrame) -> str:
    """The figure in words."""
    usable = data[data.interpretable]
    sentences = []
    for arm, rows in usable.groupby("arm", sort=False):
        cells = rows.groupby(CELL)["items"].sum()
        moved = rows[rows.base_kind != rows.tuned_kind]
        parts = []
        for kind in MEANINGS:
            before, after = (
                (rows[rows[side] == kind].groupby(CELL)["share"].sum().reindex(cells.index, fill_value=0.0).mean())
                for side in ("base_kind", "tuned_kind")
            )
            parts.append(f"{kind} {percent(before)} to {percent(after)}")
        chance = rows.groupby(CELL)[["base_chance", "tuned_chance"]].first().mean()
        share = moved.groupby(CELL)["share"].sum().reindex(cells.index, fill_value=0.0).mean()
        sentences.append(
            f"Base to {arm}, mean over {len(cells)} cell{'s' if len(cells) != 1 else ''}: {', '.join(parts)}; "
            f"{percent(share)} of the items change their kind. With readers that only guess without a chain, "
            f"{percent(chance.base_chance)} and {percent(chance.tuned_chance)} would be load-bearing."
        )
    return alt_text.joined(*sentences, alt_text.closed(data))
