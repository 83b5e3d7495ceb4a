"""Calibration: how well the measures separate readers of known faithfulness."""

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from faithfulness.calibrate.criterion import LEAST_AREA
from faithfulness.compare.measures import CONTINUOUS, MEASURES
from faithfulness.figures import alt_text, theme
from faithfulness.figures.colours import GREY, INK, MUTED, PAPER
from faithfulness.figures.common import capital_label, titles_of
from faithfulness.figures.theme import MARKERS, SHARES, THEME, VEIL, NamedRow, Style

READERS = {"load_bearing": "●", "decorative": "○", "surface": "◐"}


def tabulate(calibration: pd.DataFrame) -> pd.DataFrame:
    """The calibration of all measures of answers (those of probabilities stay in the table), in the usual order."""
    rows = calibration[calibration.measure.isin(MEASURES) & ~calibration.measure.isin(CONTINUOUS)]
    order = {name: place for place, name in enumerate(MEASURES)}
    rows = rows.sort_values("measure", key=lambda names: names.map(order), kind="stable").reset_index(drop=True)
    return rows.assign(interpretable=rows.status != "failed")


@mpl.rc_context(THEME)
def draw(data: pd.DataFrame, _arms: Sequence[str], _datasets: Sequence[str]) -> Figure:
    """Two panels for each dataset: the value of each measure with the readers that it must separate, and its area.

    The datasets are those that were calibrated, which a run need not have.
    """
    datasets, measures, made_of = (theme.distinct(data[name]) for name in ("dataset", "measure", "readers"))
    markers = dict(zip(made_of, MARKERS, strict=False))
    slot = 0.8 / max(len(made_of), 1)
    shares = data[data.measure.map(lambda name: MEASURES[name].unit == "share").astype(bool)]
    least = min([0.0, *shares[list(READERS)].min().dropna()])
    titles, labels = titles_of(datasets), [theme.wrap(capital_label(name), 26) for name in measures]
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
        areas.axvline(LEAST_AREA, color=INK, linewidth=1, linestyle=(0, (2, 2)), zorder=1)
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
        for name, text in ((name, "exact functions" if name == "exact" else f"made of {name}") for name in made_of)
    ]
    key.append(Line2D([], [], color=INK, linewidth=1, linestyle=(0, (2, 2)), label=f"passes at {LEAST_AREA:g}"))
    theme.key(figure, key, data)
    return figure


def describe(data: pd.DataFrame) -> str:
    """The figure in words."""
    return alt_text.joined(*alt_text.calibrated(data))


def _readers(ax: Axes, row: NamedRow, y: float, marker: str) -> None:
    """The values that a measure must separate, as dots, or as numbers if its unit is not a share."""
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


def _filled(reader: str, colour: str) -> Style:
    """How a reader's dot is filled: whole, not at all, or by half."""
    return {"markerfacecolor": PAPER if reader == "decorative" else colour} | (
        {"fillstyle": "left", "markerfacecoloralt": PAPER} if reader == "surface" else {}
    )
