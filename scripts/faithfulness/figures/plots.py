"""The figures: what each shows, as a data frame, and how it is drawn, as a pure function of that frame.

Every figure has two functions. `<name>_data` takes tables and returns the rows that are
drawn, with a column `interpretable`; they are saved as CSV beside the figure. `<name>` draws
them, with arms and datasets in the order of the configuration, and says in words what is to be
seen. How figures look, and what they are made of, stands in `theme`.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from faithfulness.compare.descriptives import proportion
from faithfulness.compare.measures import MEASURES
from faithfulness.config.training import recipe_of
from faithfulness.figures import alt_text, theme
from faithfulness.figures.theme import GREY, INK, MARKERS, MUTED, PAPER, RULE, SHARES, SIDE, THEME, VEIL
from faithfulness.text import size_text


class Axis(NamedTuple):
    """What the axis of an effect says."""

    unit: str
    claimed: str


PRIMARY = {
    "aoc": Axis("change of AOC", "← chain matters less"),
    "convergence_fraction": Axis("change of share of steps", "← decided earlier"),
    "paraphrase_sensitivity": Axis("change of share of answers changed", "← wording matters less"),
    "filler_tolerance": Axis("change of share of answers kept", "filler does as well →"),
}

PERTURBATIONS = {
    "early_termination": "early\ntermination",
    "filler": "filler",
    "paraphrase": "paraphrase",
    "mistake": "mistake",
}


def interpretable(rows: pd.DataFrame, gates: pd.DataFrame) -> pd.Series:
    """Whether the cell of each row (model, arm, dataset) passed all its gates; for a base arm, any of its cells."""
    cells: dict[Any, bool] = gates.groupby(["model", "arm", "dataset"])["passed"].all().to_dict()
    tuned = theme.distinct(gates.arm)

    def passes(row: Any) -> bool:
        arms = tuned if row.arm == "base" else [row.arm]
        found = [cells[cell] for arm in arms if (cell := (row.model, arm, row.dataset)) in cells]
        return any(found) or not found

    return pd.Series([passes(row) for row in theme.rows(rows)], index=rows.index, dtype=bool)


def save(
    figure: Figure, data: pd.DataFrame, svg: str | Path, pdf: str | Path, png: str | Path, csv: str | Path
) -> None:
    """Write a figure as SVG, PDF and PNG (300 dpi), its words inside, and its data as CSV; same input, same bytes."""
    words = figure.get_label()
    with mpl.rc_context(THEME):
        figure.savefig(svg, format="svg", metadata={"Date": None, "Description": words})
        figure.savefig(pdf, format="pdf", metadata={"CreationDate": None, "Subject": words})
        figure.savefig(png, format="png", dpi=300, metadata={"Description": words})
    data.to_csv(csv, index=False)


def retention_data(curves: pd.DataFrame, gates: pd.DataFrame, model: str) -> pd.DataFrame:
    """The curves of one model where each arm reads its own chains."""
    rows = curves[(curves.model == model) & (curves.writer == curves.reader)].rename(columns={"writer": "arm"})
    rows = rows.drop(columns="reader").reset_index(drop=True)
    return rows.assign(interpretable=interpretable(rows, gates))


@mpl.rc_context(THEME)
def retention(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Share of answers kept by fraction of the chain: a row a perturbation, a column a dataset, a line an arm."""
    datasets = theme.present(datasets, data.dataset)
    rows = [name for name in PERTURBATIONS if name in set(data.perturbation)]
    titles = _titles(datasets)
    figure, axes = theme.grid(
        len(rows), len(datasets), width=1.95, height=1.4, titles=titles.values(), sharex=True, sharey=True
    )
    for (row, perturbation), (column, dataset) in theme.places(rows, datasets):
        ax, panel = axes[row][column], data[(data.dataset == dataset) & (data.perturbation == perturbation)]
        if row == 0:
            theme.head(ax, titles[dataset], data[data.dataset == dataset].n_items)
        if column == 0:
            ax.set_ylabel(PERTURBATIONS[perturbation], **SIDE)
        _curves(ax, panel, "retention", arms)
        if perturbation == "mistake":
            ax.set_xlabel("share of steps before\nthe one made wrong")
        elif rows[row + 1 :] in ([], ["mistake"]):
            ax.set_xlabel("share of steps kept")
            ax.tick_params(labelbottom=True)
    figure.align_ylabels(axes[:, 0])
    figure.supylabel("answers that stay the same (share of items, confidence interval)", size=8.5, color=MUTED)
    theme.key(figure, theme.arm_keys(arms, data.arm), data)
    where = ["model", "dataset", "perturbation", "fraction"]
    return theme.describe(
        figure,
        alt_text.furthest(data, where, "retention", "share of answers kept"),
        alt_text.closed(data),
    )


CHAINS = {"base": "base's chains,\nread by each", "own": "own chains"}


def convergence_data(measures: pd.DataFrame, gates: pd.DataFrame, model: str, confidence: float) -> pd.DataFrame:
    """Share of one model's chains decided by each fraction, with its Clopper-Pearson interval over items.

    Args:
        measures: tables.Measures with columns model and dataset.
        gates: tables.Gates.
        model: the model.
        confidence: of the intervals.

    Returns:
        A row a dataset, kind of chains (`base`: those of the base arm, read by each arm; `own`: those that the arm
        wrote), arm and convergence fraction that occurs; trainings and samples of an item are averaged.
    """
    of_model = measures[(measures.model == model) & (measures.measure == "convergence_fraction")].dropna(subset="value")
    of_model = of_model.assign(writer=of_model.writer.map(recipe_of), reader=of_model.reader.map(recipe_of))
    # The base arm reading its own chains stands in the pair of every tuned arm.
    of_model = of_model.drop_duplicates(["dataset", "writer", "reader", "item_id", "sample", "seed"])
    parts = []
    for dataset, rows in of_model.groupby("dataset"):
        fractions = sorted({0.0, 1.0, *rows.value})
        for kind, part in (("base", rows[rows.writer == "base"]), ("own", rows[rows.writer == rows.reader])):
            for arm, read in part.groupby("reader"):
                values = read.set_index("item_id").value
                for fraction in fractions:
                    share, low, high = proportion(values <= fraction + 1e-9, confidence)
                    low = 1.0 if fraction == 1 else low  # by definition, not by chance
                    parts.append(
                        {"model": model, "dataset": dataset, "chains": kind, "arm": arm, "fraction": fraction}
                        | {"decided": share, "ci_low": low, "ci_high": high, "n_items": values.index.nunique()}
                    )
    columns = ["model", "dataset", "chains", "arm", "fraction", "decided", "ci_low", "ci_high", "n_items"]
    found = pd.DataFrame(parts, columns=columns)
    return found.assign(interpretable=interpretable(found, gates))


@mpl.rc_context(THEME)
def convergence(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Cumulative share of chains whose answer is decided: a row a kind of chains, a column a dataset, a line an arm."""
    datasets = theme.present(datasets, data.dataset)
    titles = _titles(datasets)
    figure, axes = theme.grid(
        2, len(datasets), width=1.95, height=1.6, left=1.3, titles=titles.values(), sharex=True, sharey=True
    )
    for (row, kind), (column, dataset) in theme.places(list(CHAINS), datasets):
        ax, panel = axes[row][column], data[(data.dataset == dataset) & (data.chains == kind)]
        if row == 0:
            theme.head(ax, titles[dataset], data[data.dataset == dataset].n_items)
        if column == 0:
            ax.set_ylabel(CHAINS[kind], **SIDE)
        _curves(ax, panel, "decided", arms, stepped=True)
    figure.align_ylabels(axes[:, 0])
    figure.supylabel("chains decided by then\n(share of items, confidence interval)", size=8.5, color=MUTED)
    figure.supxlabel(
        "convergence fraction: share of steps after which the answer no longer moves", size=8.5, color=MUTED
    )
    theme.key(figure, theme.arm_keys(arms, data.arm), data)
    of_base = data[data.chains == "base"]
    return theme.describe(
        figure,
        alt_text.furthest(of_base, ["model", "dataset", "fraction"], "decided", "share decided"),
        alt_text.closed(data),
    )


def _curves(ax: Axes, panel: pd.DataFrame, column: str, arms: Sequence[str], *, stepped: bool = False) -> None:
    """A line an arm with its band, over the fraction of the chain; the earlier arm shows where two are the same."""
    colours, shown = theme.arm_colours(arms), theme.present(arms, panel.arm)
    if not panel.interpretable.any():
        ax.axvspan(0, 1, **VEIL)
    for place, arm in enumerate(shown):
        line = panel[panel.arm == arm].sort_values("fraction")
        colour = colours[arm] if line.interpretable.all() else GREY
        size = 1.2 + 1.6 * (len(shown) - 1 - place) / max(len(shown) - 1, 1)
        step: dict[str, Any] = {"step": "post"} if stepped else {}
        ax.fill_between(line.fraction, line.ci_low, line.ci_high, color=colour, alpha=0.16, linewidth=0, **step)
        style: dict[str, Any] = {"drawstyle": "steps-post"} if stepped else {"marker": theme.marker(arms, arm)}
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


class Line(NamedTuple):
    """A line of a table of cells: its middle and half its height, its text, and the cell (empty for a heading)."""

    y: float
    half: float
    text: str
    cell: dict[str, str]


COMPONENTS = {"total": (-0.27, "D"), "reading": (0.0, "o"), "writing": (0.27, "o")}


def effects_data(effects: pd.DataFrame) -> pd.DataFrame:
    """The plain effects of the primary measures in single cells, split into total, reading and writing.

    What a gate or the measure's calibration rules out is drawn as not interpretable.
    """
    chosen = _plain(effects, PRIMARY)
    return chosen[chosen.component.isin(COMPONENTS)].reset_index(drop=True)


def _plain(effects: pd.DataFrame, measures: Iterable[str]) -> pd.DataFrame:
    """Plain effects on some measures in single cells, not interpretable where a gate or the calibration failed."""
    chosen = effects[
        (effects.contrast == "plain")
        & effects.measure.isin(list(measures))
        & effects.parameters.notna()
        & (effects.dataset != "pooled")
    ]
    return chosen.assign(interpretable=chosen.interpretable & (chosen.calibration != "failed"))


@mpl.rc_context(THEME)
def effects(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Forest plot: a column a measure, a line a model within its dataset (and arm); total, reading and writing."""
    colours = theme.arm_colours(arms)

    def mark(row: Any) -> Mark:
        colour = INK if row.component == "total" else colours[row.arm]
        return Mark(*COMPONENTS[row.component], colour, row.component, filled=row.component != "writing")

    tuned = theme.present(arms, data.arm)
    key: list[Artist] = [Line2D([], [], color=INK, marker="D", markersize=4.5, label="total")]
    for arm in tuned:
        of = f", {arm}" if len(tuned) > 1 else ""
        key += [
            Line2D([], [], color=colours[arm], marker="o", markersize=4.5, markerfacecolor=fill, label=f"{part}{of}")
            for part, fill in (("reading", colours[arm]), ("writing", PAPER))
        ]
    claimed = {name: axis.claimed for name, axis in PRIMARY.items()}
    figure = _forest(data, tuned, datasets, mark, key, claimed)
    return theme.describe(figure, alt_text.largest(data), alt_text.closed(data))


class Mark(NamedTuple):
    """How an effect is drawn: place across its line (down from the middle), marker, colour, label, filled or open."""

    offset: float
    marker: str
    colour: str
    label: str
    filled: bool = True


def _forest(
    data: pd.DataFrame,
    arms: list[str],
    datasets: Sequence[str],
    mark: Callable[[Any], Mark],
    key: list[Artist],
    notes: Mapping[str, str],
) -> Figure:
    """A column a measure, a line a cell, and on it a mark with its interval for each row of the cell.

    Args:
        data: rows with model, parameters, arm, dataset, measure, estimate, ci_low, ci_high, n_items and interpretable.
        arms, datasets: in the order of the lines.
        mark: how a row is drawn where it can be interpreted.
        key: what the marks mean.
        notes: what stands below a measure's axis.
    """
    measures = [name for name in PRIMARY if name in set(data.measure)]
    lines = _forest_lines(data, arms, datasets, inches=0.38)
    figure, axes = theme.grid(
        1, len(measures), width=1.5, height=0.38 * _bottom(lines), left=1.9, sharex=True, sharey=True
    )
    for ax, measure in zip(axes[0], measures, strict=False):
        ax.set_title(theme.wrap(_label(measure), 15))
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
    _label_lines(first, lines)
    theme.key(figure, key, data)
    return figure


def _round_down(value: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above a positive value."""
    unit = 10.0 ** math.floor(math.log10(value))
    return max(unit * digit for digit in (1, 2, 5) if unit * digit <= value)


def _forest_lines(data: pd.DataFrame, arms: list[str], datasets: Sequence[str], inches: float) -> list[Line]:
    """Lines of a table of cells, top first, downwards from 0; each at least 1 high, which is so many inches."""
    lines: list[Line] = []

    def add(text: str, cell: dict[str, str]) -> None:
        half = max(1, theme.room(text) / inches) / 2
        lines.append(Line(lines[-1].y + lines[-1].half + half if lines else half, half, text, cell))

    for arm in arms:
        for dataset in theme.present(datasets, data[data.arm == arm].dataset):
            group = data[(data.arm == arm) & (data.dataset == dataset)]
            add(theme.wrap(f"{dataset} · {arm}" if len(arms) > 1 else dataset, 32), {})
            for model in theme.models(group):
                text = f"{theme.wrap(model, 26)} ({theme.count(group[group.model == model].n_items)})"
                add(text, {"model": model, "arm": arm, "dataset": dataset})
    return lines


def _label_lines(ax: Axes, lines: Sequence[Line]) -> None:
    """The lines' texts beside an axis: headings stand out."""
    ax.set_ylim(_bottom(lines) + 0.1, 0)
    ax.set_yticks([line.y for line in lines], [line.text for line in lines])
    for label, line in zip(ax.get_yticklabels(), lines, strict=True):
        label.set(weight="normal" if line.cell else "bold", color=MUTED if line.cell else INK)


def _bottom(lines: Sequence[Line]) -> float:
    return lines[-1].y + lines[-1].half if lines else 1.0


RUNS = {"run A": (-0.27, "o"), "run B": (0.0, "s"), "A minus B": (0.27, "D")}


def pairs_data(shared: pd.DataFrame) -> pd.DataFrame:
    """The reading effects on the primary measures in single cells that two runs share, and their differences.

    Args:
        shared: comparison.Comparison.

    Returns:
        Three rows an effect, told apart by `run` (keys of RUNS); a model has the name and size of run A's.
    """
    cell = ["model", "parameters", "arm", "dataset", "measure", "component"]
    rows = shared.rename(columns={"model_a": "model", "parameters_a": "parameters"})
    rows = rows[(rows.contrast == "plain") & rows.measure.isin(PRIMARY) & (rows.component == "reading")]
    rows = rows[rows.parameters.notna() & (rows.dataset != "pooled")]
    both = pd.Series(True, index=rows.index)
    parts = []
    for run, side in zip(RUNS, ("a", "b"), strict=False):
        ends = rows[[f"{name}_{side}" for name in ("estimate", "ci_low", "ci_high", "n_items")]]
        ends = ends.set_axis(["estimate", "ci_low", "ci_high", "n_items"], axis=1)
        usable = rows[f"interpretable_{side}"].astype(bool) & (rows[f"calibration_{side}"] != "failed")
        both &= usable
        parts.append(pd.concat([rows[cell], ends], axis=1).assign(run=run, interpretable=usable))
    ends = rows[["difference", "difference_low", "difference_high"]].set_axis(["estimate", "ci_low", "ci_high"], axis=1)
    parts.append(pd.concat([rows[cell], ends], axis=1).assign(run="A minus B", interpretable=both))
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)


@mpl.rc_context(THEME)
def pairs(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Paired forest plot: a column a measure, a line a model within its dataset (and arm); run A, run B, difference."""
    colours = dict(zip(RUNS, [*theme.arm_colours(["run A", "run B"]).values(), INK], strict=True))
    key: list[Artist] = [
        Line2D([], [], color=colours[run], marker=marker, markersize=4.5, label=run)
        for run, (_, marker) in RUNS.items()
    ]
    figure = _forest(data, list(arms), datasets, lambda row: Mark(*RUNS[row.run], colours[row.run], row.run), key, {})
    return theme.describe(figure, alt_text.apart(data))


def scale_data(effects: pd.DataFrame, fits: pd.DataFrame) -> pd.DataFrame:
    """The reading effects of single models, with the descriptive fit of their arm and dataset where there is one."""
    rows = effects_data(effects)
    keys = ["arm", "dataset", "measure", "component"]
    return rows[rows.component == "reading"].merge(fits, on=keys, how="left")


@mpl.rc_context(THEME)
def scale(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Reading effect against parameters (log axis): a row a measure, a column a dataset, a colour an arm."""
    colours, datasets = theme.arm_colours(arms), theme.present(datasets, data.dataset)
    measures = [name for name in PRIMARY if name in set(data.measure)]
    sizes = sorted({int(size) for size in data.parameters})
    tuned = theme.present(arms, data.arm)
    low, high = (math.log10(sizes[0]), math.log10(sizes[-1])) if sizes else (0.0, 0.0)
    reach = max(high - low, 0.3)
    limits = 10 ** (low - 0.15 * reach), 10 ** (high + 0.15 * reach)
    titles = _titles(datasets)
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
            ax.set_ylabel(theme.wrap(_label(measure), 16), **SIDE)
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
    of = f"Effects on reading for {len(sizes)} model size{'s' if len(sizes) != 1 else ''}"
    span = f", {size_text(sizes[0])} to {size_text(sizes[-1])} parameters." if len(sizes) > 1 else "."
    return theme.describe(figure, f"{of}{span}", alt_text.largest(data), alt_text.closed(data))


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


PAIR = ("aoc", "info_gain")


def info_gain_data(effects: pd.DataFrame) -> pd.DataFrame:
    """The reading effects on AOC and on information gain of each cell, side by side, with their intervals."""
    cell = ["model", "parameters", "arm", "dataset"]
    chosen = _plain(effects, PAIR)
    chosen = chosen[chosen.component == "reading"]
    one, other = (
        chosen[chosen.measure == name][[*cell, "n_items", "interpretable", "estimate", "ci_low", "ci_high"]].rename(
            columns={"estimate": name, "ci_low": f"{name}_low", "ci_high": f"{name}_high"}
        )
        for name in PAIR
    )
    both = one.merge(other.drop(columns="n_items"), on=cell, suffixes=("", "_other"))
    usable = both.interpretable & both.interpretable_other
    return both.assign(interpretable=usable).drop(columns="interpretable_other").reset_index(drop=True)


@mpl.rc_context(THEME)
def info_gain(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Effect on information gain against that on AOC: a row a model, a column a dataset, a point an arm."""
    colours, datasets, models = theme.arm_colours(arms), theme.present(datasets, data.dataset), theme.models(data)
    titles = _titles(datasets)
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
    return theme.describe(figure, alt_text.gain_beside_aoc(data), alt_text.closed(data))


def accuracy_data(summaries: pd.DataFrame, gates: pd.DataFrame) -> pd.DataFrame:
    """Accuracy with and without a chain, for each model, arm and dataset."""
    ends = [f"{name}{end}" for name in ("cot_accuracy", "direct_accuracy") for end in ("", "_low", "_high")]
    return _summary(summaries, gates, [*ends, "chance"])


@mpl.rc_context(THEME)
def accuracy(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Accuracy with (filled) and without (open) the chain, a line an arm, and the level of guessing."""
    figure = _dots(data, arms, datasets, {"cot_accuracy": True, "direct_accuracy": False})
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
    return theme.describe(
        figure,
        alt_text.ends(data, "cot_accuracy", "Accuracy with the chain"),
        alt_text.ends(data, "direct_accuracy", "Without a chain"),
        alt_text.closed(data),
    )


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
    theme.key(figure, theme.arm_keys(arms, data.arm), data)
    return theme.describe(figure, alt_text.ends(data, "mean_steps", "Mean steps a chain"), alt_text.closed(data))


def _summary(summaries: pd.DataFrame, gates: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    rows = summaries[["model", "parameters", "arm", "dataset", "n_items", *columns]].reset_index(drop=True)
    return rows.assign(interpretable=interpretable(rows, gates))


def _dots(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str], columns: dict[str, bool]) -> Figure:
    """One panel a dataset; a band a model, a line an arm; a dot with its interval a column, filled or open."""
    colours, models, shown = theme.arm_colours(arms), theme.models(data), theme.present(arms, data.arm)
    datasets = theme.present(datasets, data.dataset)
    slot = 0.8 / max(len(shown), 1)
    titles, labels = _titles(datasets), [theme.wrap(model, 24) for model in models]
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


READERS = {"load_bearing": "●", "decorative": "○", "surface": "◐"}


def calibration_data(calibration: pd.DataFrame) -> pd.DataFrame:
    """The calibration of all measures of answers (those of probabilities stay in the table), in the usual order."""
    rows = calibration[calibration.measure.isin(MEASURES) & ~calibration.measure.str.endswith("_p")]
    order = {name: place for place, name in enumerate(MEASURES)}
    rows = rows.sort_values("measure", key=lambda names: names.map(order), kind="stable").reset_index(drop=True)
    return rows.assign(interpretable=rows.status != "failed")


@mpl.rc_context(THEME)
def calibration(data: pd.DataFrame, least_area: float) -> Figure:
    """Two panels a dataset: each measure's value with the readers that it must tell apart, and the area it reaches.

    Args:
        data: from `calibration_data`.
        least_area: area under the ROC curve at which a measure passes.
    """
    datasets, measures, made_of = (theme.distinct(data[name]) for name in ("dataset", "measure", "readers"))
    markers = dict(zip(made_of, MARKERS, strict=False))
    slot = 0.8 / max(len(made_of), 1)
    shares = data[data.measure.map(lambda name: MEASURES[name].unit == "share").astype(bool)]
    least = min([0.0, *shares[list(READERS)].min().dropna()])
    titles, labels = _titles(datasets), [theme.wrap(_label(name), 26) for name in measures]
    figure, axes = theme.grid(
        1,
        2 * len(datasets),
        width=1.35,
        height=len(measures) * max([0.2 * len(made_of) + 0.02, *map(theme.room, labels)]),
        titles=titles.values(),
        left=2.2,
        sharey=True,
        width_ratios=[1.4, 1] * max(len(datasets), 1),
    )
    for column, dataset in enumerate(datasets):
        values, areas = axes[0][2 * column : 2 * column + 2]
        panel = data[data.dataset == dataset]
        theme.head(values, titles[dataset], panel.n_items)
        values.set(xlim=(least - 0.06, 1.06), xlabel="value (mean of items)", **SHARES)
        areas.set(xlim=(-0.06, 1.06), xlabel="area under ROC\n(95 % interval)", **SHARES)
        areas.axvline(least_area, color=INK, linewidth=1, linestyle=(0, (2, 2)), zorder=1)
        for row in theme.rows(panel):
            place = len(measures) - 1 - measures.index(row.measure)
            y = place + slot * ((len(made_of) - 1) / 2 - made_of.index(row.readers))
            _readers(values, row, y, markers[row.readers])
            colour = INK if row.interpretable else GREY
            areas.hlines(y, row.area_low, row.area_high, color=colour, linewidth=1.3, zorder=2)
            areas.plot(row.area, y, markers[row.readers], color=colour, markersize=3.5, label="area")
            if not row.interpretable:
                for ax in (values, areas):
                    ax.axhspan(y - slot / 2, y + slot / 2, **VEIL)
        for ax in (values, areas):
            ax.grid(visible=False, axis="y")
    axes[0][0].set_ylim(-0.6, len(measures) - 0.4)
    axes[0][0].set_yticks(range(len(measures)), labels[::-1])
    key: list[Artist] = [
        Line2D(
            [],
            [],
            color=INK,
            marker="o",
            linewidth=0,
            markersize=4.5,
            label=f"{name.replace('_', '-')} reader",
            **style,
        )
        for name, style in ((name, _filled(name, INK)) for name in READERS)
    ]
    key += [
        Line2D([], [], color=MUTED, marker=markers[name], linewidth=0, markersize=4.5, label=theme.wrap(text, 40))
        for name in made_of
        for text in ["exact functions" if name == "exact" else f"made of {name}"]
    ]
    key.append(Line2D([], [], color=INK, linewidth=1, linestyle=(0, (2, 2)), label=f"passes at {least_area:g}"))
    theme.key(figure, key, data)
    return theme.describe(figure, *alt_text.calibrated(data))


def _readers(ax: Axes, row: Any, y: float, marker: str) -> None:
    """The values that a measure must tell apart, as dots; in words where its unit is no share."""
    high = "load_bearing" if MEASURES[row.measure].faithful else "surface"
    pair = {name: getattr(row, name) for name in (high, "decorative")}
    if any(map(pd.isna, pair.values())):
        return
    if MEASURES[row.measure].unit != "share":
        text = "  ".join(f"{READERS[name]} {round(value, 1) + 0.0:.1f}" for name, value in pair.items())
        ax.text(0.5, y, f"{text} {MEASURES[row.measure].unit}", size=7, color=MUTED, ha="center", va="center")
        return
    colour = INK if row.interpretable else GREY
    ax.hlines(y, min(pair.values()), max(pair.values()), color=MUTED, linewidth=0.7, zorder=2)
    for name, value in pair.items():
        ax.plot(value, y, marker, color=colour, markersize=4.5, label=name, **_filled(name, colour))


def _filled(reader: str, colour: str) -> dict[str, Any]:
    """How a reader's dot is filled: whole, not at all, or by half."""
    return {"markerfacecolor": PAPER if reader == "decorative" else colour} | (
        {"fillstyle": "left", "markerfacecoloralt": PAPER} if reader == "surface" else {}
    )


GATES = {
    "above_chance": "above\nchance",
    "collapsed_reader": "answers\nvary",
    "steps": "two steps\nor more",
    "truncation": "not\ncut off",
    "validity": "answers\nreadable",
    "paraphrase": "rewording\naccepted",
    "items": "enough\nitems",
}


def gates_data(gates: pd.DataFrame, summaries: pd.DataFrame) -> pd.DataFrame:
    """A row a cell and gate: whether it passed, and the first value that failed (else the first there is)."""
    cell = ["model", "arm", "dataset"]
    first = gates.sort_values("passed", kind="stable").drop_duplicates([*cell, "gate"])
    rows = first[[*cell, "gate", "subject", "value", "threshold", "passed"]].sort_index().reset_index(drop=True)
    described = summaries.groupby(["model", "dataset"])[["parameters", "n_items"]].max().reset_index()
    rows = rows.merge(described, on=["model", "dataset"], how="left")
    return rows.assign(interpretable=interpretable(rows, gates))


@mpl.rc_context(THEME)
def gates(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Words and marks: a line a model within its dataset (and arm), a column a gate, and what comes of them."""
    columns = [name for name in GATES if name in set(data.gate)]
    lines = _forest_lines(data, theme.present(arms, data.arm), datasets, inches=0.27)
    figure, axes = theme.grid(1, 1, width=0.72 * (len(columns) + 1), height=0.27 * _bottom(lines), left=2.2)
    ax = axes[0][0]
    for y, half, _, cell in lines:
        rows = data[(data[list(cell)] == pd.Series(cell)).all(axis=1)].set_index("gate") if cell else data.iloc[:0]
        for x, gate in enumerate(columns):
            if gate in rows.index:
                row = rows.loc[gate]
                _mark(ax, x, y, "✓" if row.passed else f"✗ {round(row.value, 2):g}", bool(row.passed))
            elif cell:
                _mark(ax, x, y, "-", True)
        if cell:
            ax.axhline(y + half, color=RULE, linewidth=0.6, zorder=1)
            _mark(ax, len(columns), y, "yes" if rows.interpretable.all() else "no", bool(rows.interpretable.all()))
    ax.set_xlim(-0.5, len(columns) + 0.5)
    ax.set_xticks(range(len(columns) + 1), [*(GATES[name] for name in columns), "inter-\npretable"])
    _label_lines(ax, lines)
    ax.tick_params(labelbottom=False, labeltop=True, bottom=False)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    return theme.describe(figure, alt_text.closed(data), alt_text.failed_gates(data))


def _mark(ax: Axes, x: float, y: float, text: str, passed: bool) -> None:
    if not passed:
        ax.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, **VEIL))
    weight = "normal" if passed else "bold"
    ax.text(x, y, text, size=7.5, ha="center", va="center", weight=weight, color=MUTED if passed else INK)


def _titles(datasets: Sequence[str]) -> dict[str, str]:
    return {dataset: theme.wrap(dataset, 17) for dataset in datasets}


def _label(measure: str) -> str:
    label = MEASURES[measure].label
    return label[0].upper() + label[1:]
