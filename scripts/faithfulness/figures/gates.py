"""Gates: which cell passed which."""

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from faithfulness.compare.findings import ALL, NOTE
from faithfulness.figures import alt_text, theme
from faithfulness.figures.colours import INK, MUTED, RULE
from faithfulness.figures.common import interpretable
from faithfulness.figures.forest_plot import bottom, cell_lines, label_lines
from faithfulness.figures.theme import THEME, VEIL

GATES = {
    "above_chance": "above\nchance",
    "collapsed_reader": "answers\nvary",
    "steps": "two steps\nor more",
    "truncation": "not\ncut off",
    "validity": "answers\nreadable",
    "options_share": "options\nlikely",
    "manipulation": "tuning\ntook",
    "paraphrase": "rewording\naccepted",
    "strength": "rewording\nstrong",
    "conflicts": "conflict\nchains",
    "items": "enough\nitems",
}


def tabulate(gates: pd.DataFrame, summaries: pd.DataFrame) -> pd.DataFrame:
    """A row for each cell and gate that closes something: whether it passed, and the first value that failed, or the
    first of all.
    """
    cell = ["model", "arm", "dataset"]
    closing = gates[gates["closes"] != NOTE]
    first = closing.sort_values("passed", kind="stable").drop_duplicates([*cell, "gate"])
    columns = [*cell, "gate", "subject", "value", "threshold", "passed", "closes"]
    rows = first[columns].sort_index().reset_index(drop=True)
    described = summaries.groupby(["model", "dataset"])[["parameters", "n_items"]].max().reset_index()
    rows = rows.merge(described, on=["model", "dataset"], how="left")
    return rows.assign(interpretable=interpretable(rows, gates))


@mpl.rc_context(THEME)
def draw(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    """A table of marks: a line for each cell, a column for each gate, and whether the cell can be interpreted."""
    columns = [name for name in GATES if name in set(data.gate)]
    lines = cell_lines(data, theme.present(arms, data.arm), datasets, inches=0.27)
    figure, axes = theme.grid(1, 1, width=0.72 * (len(columns) + 1), height=0.27 * bottom(lines), left=2.2)
    ax = axes[0][0]
    for y, half, _, cell in lines:
        rows = data[(data[list(cell)] == pd.Series(cell)).all(axis=1)].set_index("gate") if cell else data.iloc[:0]
        for x, gate in enumerate(columns):
            if gate in rows.index:
                row = rows.loc[gate]
                value = "" if row.value != row.value else f" {round(row.value, 2):g}"  # of readers that give no answer
                claims = "" if row.passed or row.closes == ALL else f"\n({row.closes})"
                _mark(ax, x, y, "✓" if row.passed else f"✗{value}{claims}", bool(row.passed))
            elif cell:
                _mark(ax, x, y, "-", True)
        if cell:
            ax.axhline(y + half, color=RULE, linewidth=0.6, zorder=1)
            _mark(ax, len(columns), y, "yes" if rows.interpretable.all() else "no", bool(rows.interpretable.all()))
    ax.set_xlim(-0.5, len(columns) + 0.5)
    ax.set_xticks(range(len(columns) + 1), [*(GATES[name] for name in columns), "inter-\npretable"])
    label_lines(ax, lines)
    ax.tick_params(labelbottom=False, labeltop=True, bottom=False)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    return figure


def describe(data: pd.DataFrame) -> str:
    """The figure in words."""
    return alt_text.joined(
        alt_text.closed(data),
        alt_text.failed_gates(data),
    )


def _mark(ax: Axes, x: float, y: float, text: str, passed: bool) -> None:
    if not passed:
        ax.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, **VEIL))
    weight = "normal" if passed else "bold"
    ax.text(x, y, text, size=7.5, ha="center", va="center", weight=weight, color=MUTED if passed else INK)
