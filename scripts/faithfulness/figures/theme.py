"""How the figures look: one theme, one palette, and the pieces that all of them are made of.

A colour means the same arm everywhere, models differ by place and label, and cells that a gate closed are grey on a
hatched ground.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from faithfulness.figures.colours import HATCH, INK, MUTED, PAPER, RULE, VOID, arm_colours

Style = dict[str, Any]  # keyword arguments of matplotlib
T = TypeVar("T")
NamedRow = Any  # a row of DataFrame.itertuples, whose attributes are its columns

THEME: Any = {  # matplotlib lists the names of its settings as literals
    **sns.axes_style("white"),
    **sns.plotting_context("paper"),
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8.5,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.bottom": True,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "path",  # the same letters on every machine
    "pdf.fonttype": 42,  # letters that can be searched and that journals accept
    "svg.hashsalt": "faithfulness",  # the same ids in every run
}

MARKERS = "osD^vPX"
LINE = 0.15  # height of a line of text, inches


SIDE: Style = {"weight": "bold", "color": INK, "rotation": 0, "ha": "right", "va": "center"}
SHARES: Style = {"xticks": (0, 0.5, 1), "xticklabels": ("0", "0.5", "1")}
VEIL: Style = {"facecolor": VOID, "edgecolor": HATCH, "hatch": "////", "linewidth": 0, "zorder": 0}


def marker(arms: Sequence[str], arm: str) -> str:
    """An arm's marker, so that colour is never alone."""
    return MARKERS[list(arms).index(arm) % len(MARKERS)]


def head(ax: Axes, title: str, items: pd.Series) -> None:
    """Title of a panel with its number of items beneath."""
    ax.set_title(title, pad=16)
    ax.annotate(count(items), (0, 1), (0, 5), "axes fraction", "offset points", size=8, color=MUTED)


def grid(
    rows: int,
    columns: int,
    *,
    width: float,
    height: float,
    left: float = 0.9,
    titles: Iterable[str] = (),
    **share: Any,
) -> tuple[Figure, Any]:
    """A figure whose panels have the given size in inches, whatever their number and the lines of their titles."""
    above = 1.3 + LINE * max((title.count("\n") for title in titles), default=0)
    size = max(left + width * max(columns, 1), 5.5), above + height * max(rows, 1)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(wspace=0.04))
    return figure, figure.subplots(max(rows, 1), max(columns, 1), squeeze=False, **share)


def room(text: str) -> float:
    """Height in inches that a label of one or more lines needs for itself."""
    return LINE * (text.count("\n") + 1) + 0.06


def places(rows: Sequence[str], columns: Sequence[str]) -> list[tuple[tuple[int, str], tuple[int, str]]]:
    """The panels of a grid: (row, its name), (column, its name)."""
    return [(row, column) for row in enumerate(rows) for column in enumerate(columns)]


def arm_keys(arms: Sequence[str], shown: Iterable[str]) -> list[Artist]:
    """Entries of the key for the arms that are shown."""
    colours = arm_colours(arms)
    return [
        Line2D([], [], color=colours[arm], marker=marker(arms, arm), markersize=4.5, label=wrap(arm, 40))
        for arm in present(arms, shown)
    ]


def key(figure: Figure, entries: list[Artist], data: pd.DataFrame) -> None:
    """The key above the panels, in as many columns as fit; with an entry for the hatching if there is any."""
    if not data.interpretable.all():
        entries = [
            *entries,
            Patch(facecolor=VOID, edgecolor=HATCH, hatch="////", linewidth=0, label="not interpretable"),
        ]
    lengths = [len(line) for entry in entries for line in str(entry.get_label()).split("\n")]
    widest = max(lengths, default=0) * 0.075 + 0.5
    columns = max(1, min(len(entries), int(figure.get_figwidth() / widest)))
    lines = sum(str(entry.get_label()).count("\n") + 1 for entry in entries)
    figure.set_figheight(figure.get_figheight() + 1.2 * LINE * (math.ceil(lines / columns) - 1))
    figure.legend(handles=entries, loc="outside upper left", ncols=columns, frameon=False, columnspacing=1.4)


def distinct(values: Iterable[T]) -> list[T]:
    """Distinct values in order of first appearance."""
    return list(dict.fromkeys(values))


def rows(data: pd.DataFrame) -> Iterator[NamedRow]:
    """The rows of a frame, with their columns as attributes."""
    return data.itertuples(index=False)


def models(data: pd.DataFrame) -> list[str]:
    """Model names, smallest first."""
    return distinct(data.sort_values(["parameters", "model"]).model)


def present(names: Sequence[str], values: Iterable[str]) -> list[str]:
    """The names that occur among the values, in the order of the configuration."""
    present_names = set(values)
    return [name for name in names if name in present_names]


def open_first(names: Iterable[str], data: pd.DataFrame, column: str) -> list[str]:
    """Names of a column in their order, but those with rows that can be interpreted before those without."""
    usable = set(data.loc[data.interpretable.astype(bool), column])
    return sorted(names, key=lambda name: name not in usable)


def count(items: pd.Series) -> str:
    """The number of items, as a range if it varies."""
    low, high = items.min(), items.max()
    return "" if pd.isna(low) else f"n = {low}" if low == high else f"n = {low} to {high}"


def wrap(text: str, width: int) -> str:
    """Break a text into lines of at most `width` characters, at spaces, hyphens, underscores and dots if possible.

    Numbers are not broken at their decimal point.
    """
    lines, line = [], ""
    for piece in re.findall(r"(?:[^\s_.\-]|\.(?=\d))*[\s_.\-]*", text):
        if line and len(line + piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece
        while len(line.rstrip()) > width:
            lines.append(line[:width])
            line = line[width:]
    return "\n".join([*lines, line.rstrip()] if line.strip() else lines)
