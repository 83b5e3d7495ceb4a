"""Convergence: the share of chains whose answer is decided, by the share of steps read."""

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from faithfulness.compare.proportions import proportion
from faithfulness.figures import alt_text, theme
from faithfulness.figures.colours import MUTED
from faithfulness.figures.common import interpretable, titles_of
from faithfulness.figures.curves import curves
from faithfulness.figures.theme import SIDE, THEME

CHAINS = {"base": "base's chains,\nread by each", "own": "own chains"}


def tabulate(measures: pd.DataFrame, gates: pd.DataFrame, model: str, confidence: float) -> pd.DataFrame:
    """Share of one model's chains decided by each fraction, with its Clopper-Pearson interval over items.

    Args:
        measures: tables.Measures with columns model and dataset.
        gates: tables.Gates.
        model: the model.
        confidence: of the intervals.

    Returns:
        A row for each dataset, kind of chains (`base`: those of the base arm, read by each arm; `own`: those that the
        arm wrote), arm and convergence fraction that occurs; trainings and samples of an item are averaged.
    """
    of_model = measures[(measures.model == model) & (measures.measure == "convergence_fraction")].dropna(subset="value")
    # Trainings of an arm count together.
    roles = {role: of_model[role].where(of_model[role] == "base", of_model.arm) for role in ("writer", "reader")}
    of_model = of_model.assign(**roles)
    # The base arm reading its own chains is in the pair of every tuned arm.
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
def draw(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Cumulative share of chains whose answer is decided: a row for each kind of
    chains, a column for each dataset, a line for each arm.
    """
    datasets = theme.present(datasets, data.dataset)
    titles = titles_of(datasets)
    figure, axes = theme.grid(
        2, len(datasets), width=1.95, height=1.6, left=1.3, titles=titles.values(), sharex=True, sharey=True
    )
    for (row, kind), (column, dataset) in theme.places(list(CHAINS), datasets):
        ax, panel = axes[row][column], data[(data.dataset == dataset) & (data.chains == kind)]
        if row == 0:
            theme.head(ax, titles[dataset], data[data.dataset == dataset].n_items)
        if column == 0:
            ax.set_ylabel(CHAINS[kind], **SIDE)
        curves(ax, panel, "decided", arms, stepped=True)
    figure.align_ylabels(axes[:, 0])
    figure.supylabel("chains decided by then\n(share of items, confidence interval)", size=8.5, color=MUTED)
    figure.supxlabel(
        "convergence fraction: share of steps after which the answer no longer moves", size=8.5, color=MUTED
    )
    theme.key(figure, theme.arm_keys(arms, data.arm), data)
    return figure


def describe(data: pd.DataFrame) -> str:
    """The figure in words."""
    return alt_text.joined(
        alt_text.furthest(data[data.chains == "base"], ["model", "dataset", "fraction"], "decided", "share decided"),
        alt_text.closed(data),
    )
