"""What several figures share: the rows and labels that they choose, and how a figure is saved."""

from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from faithfulness.compare import closed
from faithfulness.compare.measures import MEASURES
from faithfulness.figures import theme
from faithfulness.figures.theme import THEME, NamedRow
from faithfulness.text import capital


class Axis(NamedTuple):
    """The words on the axis of an effect: its unit, and on which side the claim is."""

    unit: str
    claimed: str


PRIMARY = {
    "chain_following": Axis("change of share that follows", "← chain followed less"),
    "aoc": Axis("change of AOC", "← chain matters less"),
    "convergence_fraction": Axis("change of share of steps", "← decided earlier"),
    "paraphrase_sensitivity": Axis("change of share of answers changed", "← wording matters less"),
    "filler_tolerance": Axis("change of share of answers kept", "filler does as well →"),
}


def interpretable(rows: pd.DataFrame, gates: pd.DataFrame) -> pd.Series:
    """Whether no gate closed the cell of each row (model, arm, dataset); for a base arm, whether one cell is open.

    What closes one claim alone leaves its cell open.
    """
    open_cells = (~closed.cells(gates)).groupby([gates["model"], gates["arm"], gates["dataset"]]).all()
    cells: dict[Hashable, bool] = open_cells.to_dict()
    tuned = theme.distinct(gates.arm)

    def passes(row: NamedRow) -> bool:
        arms = tuned if row.arm == "base" else [row.arm]
        passed = [cells[cell] for arm in arms if (cell := (row.model, arm, row.dataset)) in cells]
        return any(passed) or not passed

    return pd.Series([passes(row) for row in theme.rows(rows)], index=rows.index, dtype=bool)


def save(figure: Figure, data: pd.DataFrame, words: str, **files: str | Path) -> None:
    """Write a figure; the same input gives the same bytes.

    Args:
        figure: the figure.
        data: what it draws.
        words: what it shows, in words.
        files: where its SVG, PDF and PNG (300 dpi) go, each with the words inside, its data as CSV, and its words
            alone as TXT: `svg`, `pdf`, `png`, `csv` and `txt`.
    """
    with mpl.rc_context(THEME):
        figure.savefig(files["svg"], format="svg", metadata={"Date": None, "Description": words})
        figure.savefig(files["pdf"], format="pdf", metadata={"CreationDate": None, "Subject": words})
        figure.savefig(files["png"], format="png", dpi=300, metadata={"Description": words})
    data.to_csv(files["csv"], index=False)
    Path(files["txt"]).write_text(f"{words}\n", encoding="utf-8")


def plain_effects(effects: pd.DataFrame, measures: Iterable[str]) -> pd.DataFrame:
    """Plain effects on the given measures in single cells; not interpretable if a gate or the calibration failed."""
    chosen = effects[
        (effects.contrast == "plain")
        & effects.measure.isin(list(measures))
        & effects.parameters.notna()
        & (effects.dataset != "pooled")
    ]
    return chosen.assign(interpretable=chosen.interpretable & (chosen.calibration != "failed"))


def titles_of(datasets: Sequence[str]) -> dict[str, str]:
    """Titles of panels: names of datasets, broken into lines that fit."""
    return {dataset: theme.wrap(dataset, 17) for dataset in datasets}


def capital_label(measure: str) -> str:
    """A measure's label where it begins a line."""
    return capital(MEASURES[measure].label)
