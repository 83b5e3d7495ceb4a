"""Forest plots: a column per measure, a line per cell, and on it effects with their intervals."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from faithfulness.figures import theme
from faithfulness.figures.colours import GREY, INK, MUTED, PAPER
from faithfulness.figures.common import PRIMARY, capital_label
from faithfulness.figures.theme import VEIL, NamedRow


class Line(NamedTuple):
    """A line of a table of cells: its middle and half its height, its text, and the cell (empty in a heading)."""

    y: float
    half: float
    text: str
    cell: dict[str, str]


class Mark(NamedTuple):
    """How an effect is drawn: place across its line (down from the middle), marker, colour, label, filled or open."""

    offset: float
    marker: str
    colour: str
    label: str
    filled: bool = True


def forest(
    data: pd.DataFrame,
    arms: list[str],
    datasets: Sequence[str],
    mark: Callable[[NamedRow], Mark],
    key: list[Artist],
    notes: Mapping[str, str],
) -> Figure:
    """A column for each measure, a line for each cell, and on it a mark with its interval for each row of the cell.

    Args:
        data: rows with model, parameters, arm, dataset, measure, estimate, ci_low, ci_high, n_items and interpretable.
        arms, datasets: in the order of the lines.
        mark: how a row is drawn if it can be interpreted.
        key: what the marks mean.
        notes: a second line below the axis of a measure.
    """
    measures = [name for name in PRIMARY if name in set(data.measure)]
    lines = cell_lines(data, arms, datasets, inches=0.38)
    figure, axes = theme.grid(
        1, len(measures), width=1.5, height=0.38 * bottom(lines), left=1.9, sharex=True, sharey=True
    )
    for ax, measure in zip(axes[0], measures, strict=False):
        ax.set_title(theme.wrap(capital_label(measure), 15))
        ax.set_xlabel("\n".join([theme.wrap(PRIMARY[measure].unit, 19), *filter(None, [notes.get(measure)])]))
        ax.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
        for y, half, _, cell in lines:
            if not cell:
                continue
            rows = data[(data.measure == measure) & (data[list(cell)] == pd.Series(cell)).all(axis=1)]
            for row in theme.rows(rows):
                shown = mark(row)
                colour = shown.colour if row.interpretable else GREY
                fill = colour if shown.filled else PAPER
                ax.hlines(y + shown.offset, row.ci_low, row.ci_high, color=colour, linewidth=1.3, zorder=2)
                style = {"color": colour, "markerfacecolor": fill, "markersize": 4.5, "label": shown.label}
                ax.plot(row.estimate, y + shown.offset, shown.marker, **style)
            if not rows.interpretable.any():
                ax.axhspan(y - half, y + half, **VEIL)
        ax.grid(visible=False, axis="y")
    first = axes[0][0]
    reach = data[["ci_low", "estimate", "ci_high"]].abs().max().max()
    if reach > 0:  # one scale for all, so that lengths compare
        first.set_xlim(-1.08 * reach, 1.08 * reach)
        tick = _round_down(reach)
        first.set_xticks((-tick, 0, tick), (f"\u2212{tick:g}", "0", f"+{tick:g}"))
    label_lines(first, lines)
    theme.key(figure, key, data)
    return figure


def _round_down(value: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above a positive value."""
    unit = 10.0 ** math.floor(math.log10(value))
    return max(unit * digit for digit in (1, 2, 5) if unit * digit <= value)


def cell_lines(data: pd.DataFrame, arms: list[str], datasets: Sequence[str], inches: float) -> list[Line]:
    """Lines of a table of cells from the top, 0, downwards; each is at least 1 high. Cells with a row that can be
    interpreted come first.

    Args:
        data: rows of cells, with interpretable.
        arms, datasets: in the order of the lines.
        inches: height of 1.
    """
    lines: list[Line] = []

    def add(text: str, cell: dict[str, str]) -> None:
        half = max(1, theme.room(text) / inches) / 2
        lines.append(Line(lines[-1].y + lines[-1].half + half if lines else half, half, text, cell))

    for arm in arms:
        of_arm = data[data.arm == arm]
        for dataset in theme.open_first(theme.present(datasets, of_arm.dataset), of_arm, "dataset"):
            group = of_arm[of_arm.dataset == dataset]
            add(theme.wrap(f"{dataset} · {arm}" if len(arms) > 1 else dataset, 32), {})
            for model in theme.open_first(theme.models(group), group, "model"):
                text = f"{theme.wrap(model, 26)} ({theme.count(group[group.model == model].n_items)})"
                add(text, {"model": model, "arm": arm, "dataset": dataset})
    return lines


def label_lines(ax: Axes, lines: Sequence[Line]) -> None:
    """The lines' texts beside an axis: headings stand out."""
    ax.set_ylim(bottom(lines) + 0.1, 0)
    ax.set_yticks([line.y for line in lines], [line.text for line in lines])
    for label, line in zip(ax.get_yticklabels(), lines, strict=True):
        label.set(weight="normal" if line.cell else "bold", color=MUTED if line.cell else INK)


def bottom(lines: Sequence[Line]) -> float:
    """Where the last line ends."""
    return lines[-1].y + lines[-1].half if lines else 1.0
