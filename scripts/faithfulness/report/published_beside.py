"""What was published, beside what was measured."""

import itertools
from collections import Counter
from collections.abc import Sequence

import pandas as pd

from faithfulness.compare import closed
from faithfulness.compare.effects import mean_intervals
from faithfulness.compare.verdicts import VERDICTS
from faithfulness.config.statistics import Statistics
from faithfulness.report.labels import label
from faithfulness.report.plain import NamedRow, Plain, Shown
from faithfulness.report.published import Figures, Published
from faithfulness.report.verdict_tables import DESCRIPTIVE, without_descriptions
from faithfulness.text import number, percent

AGREEMENT = dict(
    zip(
        (*VERDICTS, DESCRIPTIVE),
        (
            *("same direction", "other direction", "no difference", "as with the placebo", "open"),
            *("not interpretable", "described only"),
        ),
        strict=True,
    )
)


# The measures nearest to a quantity that is not measured here: the first of these that a run has is shown.
NEAREST = {"aoc_mistakes": ("mistake_sensitivity_resample", "mistake_sensitivity")}


def directions_section(published: Published, claims: Sequence[Plain]) -> list[Shown]:
    """What was published on each claim, and what this run says: on datasets pooled, or on all if none are pooled.

    Args:
        published: directions from the literature.
        claims: from `verdict_tables.claims_section`.
    """
    rows = {claim["name"]: claim["rows"] for claim in claims}
    directions = []
    for direction in published.directions:
        of_claim = rows.get(direction.claim, [])
        shown = [row for row in of_claim if row["pooled"]] or of_claim
        counts = Counter(without_descriptions([verdict for row in shown for verdict in row["verdicts"]]))
        agreement = [
            {"verdict": verdict, "words": words if n == counts.total() else f"{words} in {n} of {counts.total()}"}
            for verdict, words in AGREEMENT.items()
            if (n := counts[verdict])
        ]
        by_cell = itertools.groupby(shown, key=lambda row: (row["model"], row["arm"], row["dataset"]))
        parts = {"source": published.sources[direction.source], "agreement": agreement}
        directions.append(direction.model_dump() | parts | {"cells": [list(rows) for _, rows in by_cell]})
    return directions


def beside_section(
    published: Published,
    measures: pd.DataFrame | None,
    summaries: pd.DataFrame,
    gates: pd.DataFrame,
    config: Plain,
) -> list[Shown]:
    """Published figures and those of this run's base arms, for each source; `datasets` are those that both have.

    Args:
        published: figures from the literature.
        measures: tables.Measures with columns model and dataset; None where no dataset has published figures.
        summaries: tables.Summaries.
        gates: tables.Gates.
        config: the configuration as plain data.
    """
    statistics = Statistics(**config["statistics"])
    sources = []
    for key, source in published.sources.items():
        figures = [part for part in published.figures if part.source == key]
        if not figures:
            continue
        known = list(dict.fromkeys(dataset for part in figures for dataset in part.values))
        datasets = [dataset for dataset in config["datasets"] if dataset["name"] in known]
        base = summaries[(summaries.arm == "base") & summaries.dataset.isin(known)]
        sources.append(
            {
                "source": source,
                "places": list(dict.fromkeys(part.place for part in figures)),
                "quantities": [part.quantity for part in figures],
                "known": known,
                "datasets": [
                    {
                        "name": dataset["name"],
                        "readout": dataset["readout"],
                        "published": [_published(part, dataset["name"]) for part in figures],
                        "models": [
                            {
                                "model": row.model,
                                "n_items": row.n_items,
                                "failed": _failed_of_base(gates, row),
                                "figures": [_measured(part, row, measures, statistics) for part in figures],
                            }
                            for row in base[base.dataset == dataset["name"]].itertuples()
                        ],
                    }
                    for dataset in datasets
                ],
                "sizes": dict(zip(base.model, base.parameters, strict=True)),
                "chains": config["chains"],
                "perturbations": config["perturbations"],
            }
        )
    return sources


def _published(part: Figures, dataset: str) -> str:
    value = part.values.get(dataset)
    return "" if value is None else number(value) if part.unit == "share" else f"{value:g} %"


def _measured(part: Figures, row: NamedRow, measures: pd.DataFrame | None, statistics: Statistics) -> Shown | None:
    """A published quantity as a base arm of this run has it, or the nearest measure, in the unit of the quantity.

    Args:
        part: the published quantity.
        row: of tables.Summaries, the base arm's.
        measures: as for `beside_section`.
        statistics: of the intervals.
    """
    write = number if part.unit == "share" else percent
    name, n_items = str(part.quantity), row.n_items
    if hasattr(row, name):  # an accuracy, over all items
        value, low, high = (getattr(row, f"{name}{end}") for end in ("", "_low", "_high"))
    else:
        values = _of_base(measures, row)
        name = next((known for known in NEAREST.get(name, (name,)) if known in values), "")
        if not name:
            return None
        value, low, high, n_items = mean_intervals(values[[name]], 1.0, statistics).loc[name]
    return {
        "value": write(value),
        "interval": "" if pd.isna(low) else f"[{write(low)}, {write(high)}]",
        "n_items": int(n_items),
        "nearest": "" if name == part.quantity else label(name),
    }


def _of_base(measures: pd.DataFrame | None, row: NamedRow) -> pd.DataFrame:
    """Measures of a base arm that reads its own chains: a row for each item, averaged over its samples."""
    if measures is None:
        return pd.DataFrame()
    own = measures[(measures.model == row.model) & (measures.dataset == row.dataset)]
    own = own[(own.writer == "base") & (own.reader == "base") & own.value.notna()]
    # The table repeats these rows for each tuned arm, which does not change the means.
    return own.groupby(["item_id", "measure"])["value"].mean().unstack().astype(float)


def _failed_of_base(gates: pd.DataFrame, row: NamedRow) -> list[str]:
    """Gates that a base arm fails itself, whatever the tuned one does."""
    failed = closed.failed(gates)
    of_cell = failed[(failed.model == row.model) & (failed.dataset == row.dataset)]
    return list(of_cell[of_cell.subject.str.split(" / ").str[0] == "base"].gate.unique())
