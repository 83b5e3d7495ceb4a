"""The figures: what each shows, as a data frame, and how it is drawn, as a pure function of that frame.

Every figure has two functions. `<name>_data` takes tables and returns the rows that are
drawn, with a column `interpretable`; they are saved as CSV beside the figure. `<name>` draws
them, with arms and datasets in the order of the configuration. One theme and one palette serve
all: a colour means the same arm everywhere, models are told apart by place and label, and what
a gate removed is grey on a hatched ground.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from faithfulness.measures import MEASURES

INK, MUTED, RULE, PAPER = "#1c2127", "#59636e", "#d9dde2", "#ffffff"
GREY, VOID, HATCH = "#868f99", "#f1f3f5", "#c9cfd6"

# What the colours above become on a dark page; the colours of the arms stand out on both.
DARK = {
    INK: "#e9ecef",
    MUTED: "#a7b0ba",
    RULE: "#363e47",
    PAPER: "#14181d",
    GREY: "#7d8792",
    VOID: "#1d232a",
    HATCH: "#39424c",
}

THEME: Any = {
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
    "svg.hashsalt": "faithfulness",  # the same ids in every run
}

MARKERS = "osD^vPX"


class Axis(NamedTuple):
    """What the axis of an effect says."""

    unit: str
    claimed: str


PRIMARY = {
    "aoc": Axis("change of AOC", "← chain matters less"),
    "convergence_fraction": Axis("change of share of steps", "← decided earlier"),
    "paraphrase_sensitivity": Axis("change of share of answers changed", "← rewording matters less"),
    "filler_tolerance": Axis("change of share of answers kept", "filler does as well →"),
}

PERTURBATIONS = {
    "early_termination": "early\ntermination",
    "filler": "filler",
    "paraphrase": "paraphrase",
    "mistake": "mistake",
}


def arm_colours(arms: Sequence[str]) -> dict[str, str]:
    """A colour for each arm of the configuration, base first; colour-blind safe."""
    palette = sns.color_palette("colorblind").as_hex()
    order = [palette[i] for i in (0, 3, 2, 4, 1, 9, 5)]
    return {arm: order[i % len(order)] for i, arm in enumerate(arms)}


def interpretable(rows: pd.DataFrame, gates: pd.DataFrame) -> pd.Series:
    """Whether the cell of each row (model, arm, dataset) passed all its gates; for a base arm, any of its cells."""
    cells: dict[Any, bool] = gates.groupby(["model", "arm", "dataset"])["passed"].all().to_dict()
    tuned = _order(gates.arm)

    def passes(row: Any) -> bool:
        arms = tuned if row.arm == "base" else [row.arm]
        found = [cells[cell] for arm in arms if (cell := (row.model, arm, row.dataset)) in cells]
        return any(found) or not found

    return pd.Series([passes(row) for row in _rows(rows)], index=rows.index, dtype=bool)


def save(figure: Figure, data: pd.DataFrame, svg: str | Path, png: str | Path, csv: str | Path) -> None:
    """Write a figure as SVG and PNG (300 dpi) and its data as CSV; the same input gives the same bytes."""
    with mpl.rc_context(THEME):
        figure.savefig(svg, format="svg", metadata={"Date": None})
        figure.savefig(png, format="png", dpi=300)
    data.to_csv(csv, index=False)


# --- answer retention ---------------------------------------------------------------------------


def retention_data(curves: pd.DataFrame, gates: pd.DataFrame, model: str) -> pd.DataFrame:
    """The curves of one model where each arm reads its own chains."""
    rows = curves[(curves.model == model) & (curves.writer == curves.reader)].rename(columns={"writer": "arm"})
    rows = rows.drop(columns="reader").reset_index(drop=True)
    return rows.assign(interpretable=interpretable(rows, gates))


@mpl.rc_context(THEME)
def retention(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Share of answers kept by fraction of the chain: a row a perturbation, a column a dataset, a line an arm."""
    colours, datasets = arm_colours(arms), _present(datasets, data.dataset)
    rows = [name for name in PERTURBATIONS if name in set(data.perturbation)]
    figure, axes = _grid(len(rows), len(datasets), width=2.5, height=1.65, sharex=True, sharey=True)
    for (row, perturbation), (column, dataset) in _cells(rows, datasets):
        ax, panel = axes[row][column], data[(data.dataset == dataset) & (data.perturbation == perturbation)]
        if row == 0:
            _head(ax, _wrap(dataset, 21), data[data.dataset == dataset].n_items)
        if column == 0:
            ax.set_ylabel(PERTURBATIONS[perturbation], **_SIDE)
        if not panel.interpretable.any():
            _veil(ax)
        for arm in _present(arms, panel.arm):
            line = panel[panel.arm == arm].sort_values("fraction")
            colour = colours[arm] if line.interpretable.all() else GREY
            style = {"marker": MARKERS[list(arms).index(arm) % len(MARKERS)], "markersize": 3, "linewidth": 1.5}
            ax.fill_between(line.fraction, line.ci_low, line.ci_high, color=colour, alpha=0.18, linewidth=0)
            ax.plot(line.fraction, line.retention, color=colour, label=arm, clip_on=False, zorder=3, **style)
        ax.set(xlim=(0, 1), ylim=(0, 1), **_SHARES)
        ax.set_yticks((0, 0.5, 1), ("0", "0.5", "1"))
        ax.tick_params(labelbottom=perturbation in (rows[-1], "paraphrase"))
        if perturbation == "mistake":
            ax.set_xlabel("share of steps before\nthe one made wrong")
        elif rows[row + 1 :] in ([], ["mistake"]):
            ax.tick_params(labelbottom=True)
            ax.set_xlabel("share of steps kept")
    figure.align_ylabels(axes[:, 0])
    figure.supylabel("answers that stay the same (share of items, confidence interval)", size=8.5, color=MUTED)
    _key(figure, _arm_keys(arms, data.arm), data)
    return figure


# --- effects ------------------------------------------------------------------------------------

COMPONENTS = {"total": (-0.27, "D"), "reading": (0.0, "o"), "writing": (0.27, "o")}


def effects_data(effects: pd.DataFrame) -> pd.DataFrame:
    """The plain effects of the primary measures in single cells, split into total, reading and writing.

    What a gate or the measure's calibration rules out is drawn as not interpretable.
    """
    chosen = effects[
        (effects.contrast == "plain")
        & effects.measure.isin(PRIMARY)
        & effects.component.isin(COMPONENTS)
        & effects.parameters.notna()
        & (effects.dataset != "pooled")
    ]
    usable = chosen.interpretable & (chosen.calibration != "failed")
    return chosen.assign(interpretable=usable).reset_index(drop=True)


@mpl.rc_context(THEME)
def effects(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Forest plot: a column a measure, a line a model within its dataset (and arm); total, reading and writing."""
    colours, measures = arm_colours(arms), [name for name in PRIMARY if name in set(data.measure)]
    lines = _forest_lines(data, _present(arms, data.arm), datasets)
    bottom = lines[-1][0] + 0.5 if lines else 1.0
    figure, axes = _grid(1, len(measures), width=1.9, height=0.42 * bottom, left=2.2, sharey=True)
    for ax, measure in zip(axes[0], measures, strict=False):
        ax.set_title(_wrap(_label(measure), 18))
        ax.set_xlabel(f"{_wrap(PRIMARY[measure].unit, 24)}\n{PRIMARY[measure].claimed}")
        ax.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
        for y, _, cell in lines:
            if not cell:
                continue
            rows = data[(data.measure == measure) & (data[list(cell)] == pd.Series(cell)).all(axis=1)]
            for row in _rows(rows):
                offset, marker = COMPONENTS[row.component]
                colour = GREY if not row.interpretable else INK if row.component == "total" else colours[row.arm]
                fill = PAPER if row.component == "writing" else colour
                ax.hlines(y + offset, row.ci_low, row.ci_high, color=colour, linewidth=1.3, zorder=2)
                ax.plot(
                    row.estimate,
                    y + offset,
                    marker,
                    color=colour,
                    markerfacecolor=fill,
                    markersize=4.5,
                    label=row.component,
                )
            if not rows.interpretable.any():
                _veil_row(ax, y)
        ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], symmetric=True, min_n_ticks=3))
        ax.grid(visible=False, axis="y")
    first = axes[0][0]
    first.set_ylim(bottom + 0.1, 0)
    first.set_yticks([y for y, _, _ in lines], [text for _, text, _ in lines])
    for label, (_, _, cell) in zip(first.get_yticklabels(), lines, strict=True):
        label.set(weight="normal" if cell else "bold", color=MUTED if cell else INK)
    tuned = _present(arms, data.arm)
    key: list[Artist] = [Line2D([], [], color=INK, marker="D", markersize=4.5, label="total")]
    for arm in tuned:
        of = f", {arm}" if len(tuned) > 1 else ""
        key += [
            Line2D([], [], color=colours[arm], marker="o", markersize=4.5, markerfacecolor=fill, label=f"{part}{of}")
            for part, fill in (("reading", colours[arm]), ("writing", PAPER))
        ]
    _key(figure, key, data)
    return figure


def _forest_lines(
    data: pd.DataFrame, arms: list[str], datasets: Sequence[str]
) -> list[tuple[float, str, dict[str, str]]]:
    """Lines of the forest, top first: place (downwards from 0), text, and the cell (empty for a heading)."""
    lines: list[tuple[float, str, dict[str, str]]] = []
    place = 0.0
    for arm in arms:
        for dataset in _present(datasets, data[data.arm == arm].dataset):
            group = data[(data.arm == arm) & (data.dataset == dataset)]
            heading = _wrap(f"{dataset} · {arm}" if len(arms) > 1 else dataset, 34)
            half = max(0.5, 0.2 * (heading.count("\n") + 1))
            lines.append((place + half, heading, {}))
            place += 2 * half
            for model in _models(group):
                text = f"{_wrap(model, 30)} ({_count(group[group.model == model].n_items)})"
                lines.append((place + 0.5, text, {"model": model, "arm": arm, "dataset": dataset}))
                place += 1
    return lines


# --- scale --------------------------------------------------------------------------------------


def scale_data(effects: pd.DataFrame, fits: pd.DataFrame) -> pd.DataFrame:
    """The reading effects of single models, with the descriptive fit of their arm and dataset where there is one."""
    rows = effects_data(effects)
    keys = ["arm", "dataset", "measure", "component"]
    return rows[rows.component == "reading"].merge(fits, on=keys, how="left")


@mpl.rc_context(THEME)
def scale(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Reading effect against parameters (log axis): a row a measure, a column a dataset, a colour an arm."""
    colours, datasets = arm_colours(arms), _present(datasets, data.dataset)
    measures = [name for name in PRIMARY if name in set(data.measure)]
    sizes = sorted({int(size) for size in data.parameters})
    tuned = _present(arms, data.arm)
    low, high = (math.log10(sizes[0]), math.log10(sizes[-1])) if sizes else (0.0, 0.0)
    reach = max(high - low, 0.3)
    limits = 10 ** (low - 0.15 * reach), 10 ** (high + 0.15 * reach)
    figure, axes = _grid(len(measures), len(datasets), width=2.5, height=1.65, left=1.6, sharex=True, sharey="row")
    for (row, measure), (column, dataset) in _cells(measures, datasets):
        ax, panel = axes[row][column], data[(data.measure == measure) & (data.dataset == dataset)]
        if row == 0:
            _head(ax, _wrap(dataset, 21), data[data.dataset == dataset].n_items)
        if column == 0:
            ax.set_ylabel(_wrap(_label(measure), 16), **_SIDE)
        ax.set(xscale="log", xlim=limits)
        ax.axhline(0, color=MUTED, linewidth=0.9, zorder=1)
        for point in _rows(panel):
            place = tuned.index(point.arm) - (len(tuned) - 1) / 2
            x = 10 ** (math.log10(point.parameters) + 0.03 * reach * place)
            colour = colours[point.arm] if point.interpretable else GREY
            ax.vlines(x, point.ci_low, point.ci_high, color=colour, linewidth=1.3, zorder=2)
            ax.plot(
                x, point.estimate, MARKERS[list(arms).index(point.arm) % len(MARKERS)], color=colour, markersize=4.5
            )
        for _, line in panel.dropna(subset=["slope", "intercept"]).groupby("arm"):
            fit = line.iloc[0]
            ends = [int(line.parameters.min()), int(line.parameters.max())]
            heights = [fit.intercept + fit.slope * math.log10(end) for end in ends]
            colour = colours[fit.arm] if line.interpretable.any() else GREY
            ax.plot(ends, heights, color=colour, linewidth=1, linestyle=(0, (4, 3)), label=f"fit {fit.arm}")
        for size in _order(panel.parameters):
            if not panel[panel.parameters == size].interpretable.any():
                half = 10 ** (0.06 * reach)
                ax.axvspan(int(size) / half, int(size) * half, **_VEIL)
        ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        ax.margins(y=0.12)
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_locator(FixedLocator(sizes))
        shown = _apart(sizes, 0.2 * reach)
        ax.set_xticks(sizes, [size_text(size) if size in shown else "" for size in sizes])
        ax.grid(visible=False, axis="x")
    figure.align_ylabels(axes[:, 0])
    figure.supylabel("reading effect: tuned minus base (of 0 to 1), confidence interval", size=8.5, color=MUTED)
    figure.supxlabel(f"model size (parameters, log scale)\n{_scale_note(len(sizes))}", size=8.5, color=MUTED)
    _key(figure, _arm_keys(arms, data.arm), data)
    return figure


def _scale_note(sizes: int) -> str:
    if sizes < 2:
        return "A scale comparison needs two sizes."
    return "Dashed: least-squares line." if sizes >= 5 else "Fewer than five sizes:\nthe dashed line is descriptive."


def _apart(sizes: Sequence[int], gap: float) -> set[int]:
    """Sizes whose labels fit beside each other: the largest, then each that is `gap` decades from the last."""
    shown: list[int] = []
    for size in sorted(sizes, reverse=True):
        if not shown or math.log10(shown[-1] / size) >= gap:
            shown.append(size)
    return set(shown)


def size_text(parameters: int) -> str:
    """A number of parameters for people: 134515008 is '135M'."""
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if parameters >= 0.9995 * unit:
            return f"{parameters / unit:.2g}{name}" if parameters < 10 * unit else f"{parameters / unit:.0f}{name}"
    return str(parameters)


# --- accuracy and chain length ------------------------------------------------------------------


def accuracy_data(summaries: pd.DataFrame, gates: pd.DataFrame) -> pd.DataFrame:
    """Accuracy with and without a chain, for each model, arm and dataset."""
    ends = [f"{name}{end}" for name in ("cot_accuracy", "direct_accuracy") for end in ("", "_low", "_high")]
    return _summary(summaries, gates, [*ends, "chance"])


@mpl.rc_context(THEME)
def accuracy(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Accuracy with (filled) and without (open) the chain, a line an arm, and the level of guessing."""
    figure = _dots(data, arms, datasets, {"cot_accuracy": True, "direct_accuracy": False})
    for ax, dataset in zip(figure.axes, _present(datasets, data.dataset), strict=True):
        chance = float(data[data.dataset == dataset].chance.iloc[0])
        ax.axvline(chance, color=INK, linewidth=1, linestyle=(0, (2, 2)), zorder=1, label="chance")
        ax.set(xlim=(-0.03, 1.03), xlabel="accuracy (share of items)", **_SHARES)
    key = _arm_keys(arms, data.arm)
    key += [
        Line2D([], [], color=MUTED, marker="o", markersize=4.5, label="with chain"),
        Line2D([], [], color=MUTED, marker="o", markersize=4.5, markerfacecolor=PAPER, label="without chain"),
        Line2D([], [], color=INK, linewidth=1, linestyle=(0, (2, 2)), label="guessing"),
    ]
    _key(figure, key, data)
    return figure


def chain_length_data(summaries: pd.DataFrame, gates: pd.DataFrame) -> pd.DataFrame:
    """Mean number of steps a chain, for each model, arm and dataset."""
    return _summary(summaries, gates, ["mean_steps", "mean_steps_low", "mean_steps_high"])


@mpl.rc_context(THEME)
def chain_length(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Mean steps a chain, a line an arm."""
    figure = _dots(data, arms, datasets, {"mean_steps": True})
    top = max([1.0, *data[["mean_steps", "mean_steps_high"]].max().dropna()])
    for ax in figure.axes:
        ax.set(xlim=(0, 1.08 * top), xlabel="steps a chain (mean)")
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    _key(figure, _arm_keys(arms, data.arm), data)
    return figure


def _summary(summaries: pd.DataFrame, gates: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    rows = summaries[["model", "parameters", "arm", "dataset", "n_items", *columns]].reset_index(drop=True)
    return rows.assign(interpretable=interpretable(rows, gates))


def _dots(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str], columns: dict[str, bool]) -> Figure:
    """One panel a dataset; a band a model, a line an arm; a dot with its interval a column, filled or open."""
    colours, models, present = arm_colours(arms), _models(data), _present(arms, data.arm)
    datasets = _present(datasets, data.dataset)
    slot = 0.8 / max(len(present), 1)
    height = len(models) * max(0.42, 0.17 * len(present) * len(columns) + 0.12)
    figure, axes = _grid(1, len(datasets), width=2.1, height=height, left=1.6, sharey=True)
    for ax, dataset in zip(axes[0], datasets, strict=True):
        panel = data[data.dataset == dataset]
        _head(ax, _wrap(dataset, 18), panel.n_items)
        for row in _rows(panel):
            place = len(models) - 1 - models.index(row.model)
            middle = place + slot * ((len(present) - 1) / 2 - present.index(row.arm))
            colour = colours[row.arm] if row.interpretable else GREY
            marker = MARKERS[list(arms).index(row.arm) % len(MARKERS)]
            for i, (column, filled) in enumerate(columns.items()):
                y = middle + slot * 0.5 * ((len(columns) - 1) / 2 - i)
                low, high = getattr(row, f"{column}_low"), getattr(row, f"{column}_high")
                ax.hlines(y, low, high, color=colour, linewidth=1.3, zorder=2)
                fill = colour if filled else PAPER
                ax.plot(
                    getattr(row, column), y, marker, color=colour, markerfacecolor=fill, markersize=4.5, label=row.arm
                )
            if not row.interpretable:
                ax.axhspan(middle - slot / 2, middle + slot / 2, **_VEIL)
        ax.grid(visible=False, axis="y")
    axes[0][0].set_ylim(-0.6, len(models) - 0.4)
    axes[0][0].set_yticks(range(len(models)), [_wrap(model, 26) for model in reversed(models)])
    return figure


# --- what the figures share ---------------------------------------------------------------------

_SIDE: dict[str, Any] = {"weight": "bold", "color": INK, "rotation": 0, "ha": "right", "va": "center"}
_SHARES: dict[str, Any] = {"xticks": (0, 0.5, 1), "xticklabels": ("0", "0.5", "1")}
_VEIL: dict[str, Any] = {"facecolor": VOID, "edgecolor": HATCH, "hatch": "////", "linewidth": 0, "zorder": 0}


def _label(measure: str) -> str:
    label = MEASURES[measure].label
    return label[0].upper() + label[1:]


def _head(ax: Axes, title: str, items: pd.Series) -> None:
    ax.set_title(title, pad=16)
    ax.annotate(_count(items), (0, 1), (0, 5), "axes fraction", "offset points", size=8, color=MUTED)


def _veil(ax: Axes) -> None:
    ax.axvspan(0, 1, **_VEIL)


def _veil_row(ax: Axes, y: float) -> None:
    ax.axhspan(y - 0.5, y + 0.5, **_VEIL)


def _grid(
    rows: int, columns: int, *, width: float, height: float, left: float = 0.9, **share: Any
) -> tuple[Figure, Any]:
    """A figure whose panels have the given size in inches, whatever their number."""
    size = max(left + width * max(columns, 1), 5.5), 1.3 + height * max(rows, 1)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(wspace=0.04))
    return figure, figure.subplots(max(rows, 1), max(columns, 1), squeeze=False, **share)


def _cells(rows: Sequence[str], columns: Sequence[str]) -> list[tuple[tuple[int, str], tuple[int, str]]]:
    return [(row, column) for row in enumerate(rows) for column in enumerate(columns)]


def _arm_keys(arms: Sequence[str], present: Iterable[str]) -> list[Artist]:
    colours = arm_colours(arms)
    return [
        Line2D(
            [], [], color=colours[arm], marker=MARKERS[list(arms).index(arm) % len(MARKERS)], markersize=4.5, label=arm
        )
        for arm in _present(arms, present)
    ]


def _key(figure: Figure, entries: list[Artist], data: pd.DataFrame) -> None:
    """The key above the panels, in as many columns as fit; says what the hatching means where there is any."""
    if not data.interpretable.all():
        entries = [
            *entries,
            Patch(facecolor=VOID, edgecolor=HATCH, hatch="////", linewidth=0, label="not interpretable"),
        ]
    widest = max((len(str(entry.get_label())) for entry in entries), default=0) * 0.075 + 0.5
    columns = max(1, min(len(entries), int(figure.get_figwidth() / widest)))
    figure.legend(handles=entries, loc="outside upper left", ncols=columns, frameon=False, columnspacing=1.4)


def _order(values: Iterable[Any]) -> list[Any]:
    """Distinct values in order of first appearance."""
    return list(dict.fromkeys(values))


def _rows(data: pd.DataFrame) -> Iterator[Any]:
    return data.itertuples(index=False)


def _models(data: pd.DataFrame) -> list[str]:
    """Model names, smallest first."""
    return _order(data.sort_values(["parameters", "model"]).model)


def _present(names: Sequence[str], values: Iterable[str]) -> list[str]:
    """The names that occur among the values, in the order of the configuration."""
    found = set(values)
    return [name for name in names if name in found]


def _count(items: pd.Series) -> str:
    """How many items, as a range where it varies."""
    low, high = items.min(), items.max()
    return "" if pd.isna(low) else f"n = {low}" if low == high else f"n = {low} to {high}"


def _wrap(text: str, width: int) -> str:
    """Break a text into lines of at most `width` characters, at spaces, hyphens, dots and underscores if possible."""
    lines, line = [], ""
    for piece in re.findall(r"[^\s_.\-]*[\s_.\-]*", text):
        if line and len(line + piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece
        while len(line.rstrip()) > width:
            lines.append(line[:width])
            line = line[width:]
    return "\n".join([*lines, line.rstrip()] if line.strip() else lines)
