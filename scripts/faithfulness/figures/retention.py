"""Answer retention: how many answers stay the same, by the share of the chain that is kept."""

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from faithfulness.figures import alt_text, theme
from faithfulness.figures.colours import MUTED
from faithfulness.figures.common import interpretable, titles_of
from faithfulness.figures.curves import curves
from faithfulness.figures.theme import SIDE, THEME
from faithfulness.perturb.registry import PERTURBATIONS

# The variants of perturbations that have a curve.
CURVES = {name: variant for name, entry in PERTURBATIONS.items() for variant in entry.variants if variant.curve}
AXES = {False: "share of steps kept", True: "share of steps before\nthe one that is changed"}  # by Variant.one_step


def tabulate(curves: pd.DataFrame, gates: pd.DataFrame, model: str) -> pd.DataFrame:
    """The curves of one model where each arm reads its own chains."""
    rows = curves[(curves.model == model) & (curves.writer == curves.reader)].rename(columns={"writer": "arm"})
    rows = rows.drop(columns="reader").reset_index(drop=True)
    return rows.assign(interpretable=interpretable(rows, gates))


@mpl.rc_context(THEME)
def draw(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """Share of answers kept, by fraction of the chain: a row for each perturbation, a column for each dataset."""
    datasets = theme.present(datasets, data.dataset)
    rows = [name for name in CURVES if name in set(data.perturbation)]
    titles = titles_of(datasets)
    figure, axes = theme.grid(
        len(rows), len(datasets), width=1.95, height=1.4, titles=titles.values(), sharex=True, sharey=True
    )
    for (row, perturbation), (column, dataset) in theme.places(rows, datasets):
        ax, panel = axes[row][column], data[(data.dataset == dataset) & (data.perturbation == perturbation)]
        if row == 0:
            theme.head(ax, titles[dataset], data[data.dataset == dataset].n_items)
        if column == 0:
            ax.set_ylabel(theme.wrap(PERTURBATIONS[perturbation].label, 12), **SIDE)
        curves(ax, panel, "retention", arms)
        one_step = CURVES[perturbation].one_step
        if row + 1 == len(rows) or CURVES[rows[row + 1]].one_step != one_step:  # the last of the rows with this axis
            ax.set_xlabel(AXES[one_step])
            ax.tick_params(labelbottom=True)
    figure.align_ylabels(axes[:, 0])
    figure.supylabel("answers that stay the same (share of items, confidence interval)", size=8.5, color=MUTED)
    theme.key(figure, theme.arm_keys(arms, data.arm), data)
    return figure


def describe(data: pd.DataFrame) -> str:
    """The figure in words."""
    return alt_text.joined(
        alt_text.furthest(data, ["model", "dataset", "perturbation", "fraction"], "retention", "share of answers kept"),
        alt_text.closed(data),
    )
