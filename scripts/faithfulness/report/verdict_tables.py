"""The verdicts: a table for each claim, and one line for each at a glance."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from faithfulness.compare.claims import CLAIMS
from faithfulness.compare.verdicts import CLOSED, DECIDED, OPEN, VERDICTS
from faithfulness.report.labels import calibration_status, label
from faithfulness.report.plain import NamedRow, Plain, Shown
from faithfulness.text import interval

DESCRIPTIVE = "descriptive"  # in place of a verdict where a claim is described, not tested
BY_MEASURE = ("C4", "C5", "C7")  # claims that judge each measure by itself; all measures of another share a verdict


def claims_section(effects: pd.DataFrame, datasets: Sequence[str]) -> list[Shown]:
    """The verdict tables, one for each claim.

    A table has a row for each cell. Rows that a gate closed come last; before and among them, pooled datasets first.

    Args:
        effects: tables.Effects.
        datasets: names, in the order of the configuration.
    """
    tested = effects[effects.claim != ""]
    tables = []
    for name in [claim for claim in CLAIMS if (tested.claim == claim).any()]:
        rows = _rows(tested[tested.claim == name], datasets)
        counts = Counter(verdict for row in rows for verdict in row["verdicts"])
        tally = {verdict: counts[verdict] for verdict in VERDICTS if counts[verdict]}
        tables.append({"name": name, "label": CLAIMS[name].label, "tally": tally, "rows": rows})
    return tables


def _rows(tested: pd.DataFrame, datasets: Sequence[str]) -> list[Shown]:
    reach = max(tested[["ci_low", "ci_high", "estimate"]].abs().max().max(), 0.01)
    # A row has one verdict and one sentence.
    alone = tested.claim.isin(BY_MEASURE)
    keys = tested.assign(
        alone=tested.measure.where(alone, ""), scale=tested.contrast.where(tested.contrast.str.startswith("scale"), "")
    )
    rows = []
    for (model, arm, dataset, *_), cell in keys.groupby(["model", "arm", "dataset", "alone", "scale"], sort=False):
        rows.append(
            {
                "model": model,
                "arm": arm,
                "dataset": dataset,
                "pooled": dataset == "pooled",
                "interpretable": bool(cell.interpretable.all()),
                "n_items": int(cell.n_items.max()),
                "verdicts": [verdict or DESCRIPTIVE for verdict in cell.verdict.unique()],
                "words": _sentence(cell, f"{model}, {dataset}: "),
                "effects": [_drawn(row, reach) for row in cell.itertuples()],
                "size": cell.parameters.fillna(0).max(),
            }
        )
    order = {dataset: place for place, dataset in enumerate(datasets)}
    return sorted(
        rows,
        key=lambda row: (not row["interpretable"], not row["pooled"], order.get(row["dataset"], -1), row["size"]),
    )


def _sentence(cell: pd.DataFrame, prefix: str) -> str:
    """The sentence that all rows of a cell share, without what the row's heading says already."""
    text = str(cell.sentence.iloc[0])
    rest = text.removeprefix(prefix)
    return text if rest == text else rest[:1].upper() + rest[1:]


def _drawn(row: NamedRow, reach: float) -> Shown:
    """An effect with its interval, and where these are between 0 (-reach) and 100 (reach)."""

    def place(value: float) -> float | None:
        return None if pd.isna(value) else round(50 + 48 * value / reach, 1)

    return {
        "label": label(row.measure),
        "component": row.component,
        "calibration": calibration_status(row.measure, row.calibration),
        "estimate": row.estimate,
        "interval": interval(row.ci_low, row.ci_high),
        "low": place(row.ci_low),
        "middle": place(row.estimate),
        "high": place(row.ci_high),
    }


def glance_section(claims: Sequence[Plain]) -> list[Shown]:
    """One line for each claim: the verdicts on its single cells and on its datasets pooled.

    Args:
        claims: from `claims_section`.
    """
    lines = []
    for claim in claims:
        unit = " effects" if claim["name"] in BY_MEASURE else ""
        cells, pools = (
            _in_words([v for row in claim["rows"] if row["pooled"] == pooled for v in row["verdicts"]], unit)
            for pooled in (False, True)
        )
        lines.append({"name": claim["name"], "label": claim["label"], "cells": cells, "pooled": pools})
    return lines


def without_descriptions(verdicts: Sequence[str]) -> list[str]:
    """Verdicts without the descriptions beside them; if there are only descriptions, these."""
    return [verdict for verdict in verdicts if verdict != DESCRIPTIVE] or list(verdicts)


def _in_words(verdicts: Sequence[str], unit: str) -> Shown:
    """The verdicts that decide something, each with its share of all; and the rest, counted.

    Where nothing was decided, the strongest of the other verdicts takes its place.
    """
    counts = Counter(without_descriptions(verdicts))
    first = [verdict for verdict in DECIDED if counts[verdict]]
    first = first or [verdict for verdict in (OPEN, CLOSED, DESCRIPTIVE) if counts[verdict]][:1]
    rest = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict] and verdict not in first]
    return {
        "decided": [
            {"verdict": verdict, "words": _share(verdict, counts[verdict], counts.total(), unit)} for verdict in first
        ],
        "rest": ", ".join(rest),
    }


def _share(verdict: str, count: int, total: int, unit: str) -> str:
    """'supported in 2 of 6', 'inconclusive in all 6 effects'; a description is no verdict and has no count."""
    if verdict == DESCRIPTIVE:
        return verdict
    return f"{verdict} in {f'all {total}' if count == total > 1 else f'{count} of {total}'}{unit}"


def single_cells(effects: pd.DataFrame) -> pd.DataFrame:
    """The effects with a verdict on one model and one dataset."""
    return effects[(effects.verdict != "") & effects.parameters.notna() & (effects.dataset != "pooled")]


def pooled_cells(effects: pd.DataFrame) -> pd.DataFrame:
    """The effects with a verdict on one model and several datasets together."""
    return effects[(effects.verdict != "") & effects.parameters.notna() & (effects.dataset == "pooled")]


def verdict_counts(tested: pd.DataFrame, claim: str) -> Counter[str]:
    """The number of cells, or of pools, of a claim with each verdict; several measures share one verdict.

    Args:
        tested: from `single_cells` or `pooled_cells`.
        claim: its name.
    """
    rows = tested[tested.claim == claim].drop_duplicates(["model", "arm", "dataset", "verdict"])
    return Counter(rows.verdict)
