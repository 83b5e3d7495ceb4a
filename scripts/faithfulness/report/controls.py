"""Effects under controls, and beside the effect on information gain."""

import pandas as pd

from faithfulness.compare.alternatives import ALTERNATIVES
from faithfulness.compare.measures import MEASURES
from faithfulness.report.labels import label
from faithfulness.report.plain import NamedRow, Shown
from faithfulness.text import interval

CONTROLS = {
    "plain": "as it is",
    "base_chains": "readers of base's chains: tuned minus base",
    "placebo": "readers of base's chains: tuned minus placebo",
    "same_direct_answer": "items whose direct answer did not change",
    "length_matched": "chains of equal length (one step apart at most)",
    "length_adjusted": "adjusted for the difference in length",
    "in_steps": "in steps instead of fractions of the chain",
    "all_targets": "with the items whose target is a reader's answer anyway",
    "chance_corrected": "corrected for chance agreement",
    **{name: alternative.label for name, alternative in ALTERNATIVES.items()},
}
IN_STEPS = {"aoc": "aoc_steps", "convergence_fraction": "convergence_steps"}
# Rows whose effects are plain ones of another measure in place of each.
OTHER_MEASURES = {"in_steps": IN_STEPS, "all_targets": {"chain_following": "chain_following_all"}}


def controls_section(effects: pd.DataFrame) -> list[Shown]:
    """The reading effects of the primary measures under each control, a table for each interpretable cell.

    Args:
        effects: tables.Effects.
    """
    reading = effects[(effects.component == "reading") & effects.contrast.isin(CONTROLS) & effects.interpretable]
    names = list(reading[reading.contrast == "length_matched"].measure.unique())
    others = [other for measures in OTHER_MEASURES.values() for other in measures.values()]
    tables = []
    for (model, arm, dataset), cell in reading[reading.measure.isin([*names, *others])].groupby(
        ["model", "arm", "dataset"]
    ):
        by_place = {(row.contrast, row.measure): row for row in cell.itertuples()}
        by_place |= {
            (contrast, name): by_place["plain", other]
            for contrast, measures in OTHER_MEASURES.items()
            for name, other in measures.items()
            if ("plain", other) in by_place
        }
        rows = [
            {"label": text, "effects": [_control(by_place.get((contrast, name))) for name in names]}
            for contrast, text in CONTROLS.items()
        ]
        rows = [row for row in rows if any(row["effects"])]
        heads = [
            {"label": label(name), "calibration": by_place["plain", name].calibration}
            for name in names
            if ("plain", name) in by_place
        ]
        tables.append({"model": model, "arm": arm, "dataset": dataset, "heads": heads, "rows": rows})
    return tables


def control_arms_section(controls: pd.DataFrame | None) -> Shown | None:
    """How far each placebo and null arm moved from base; None without such arms.

    Args:
        controls: tables.Controls.

    Returns:
        The labels of the measures, and a row for each model, arm and dataset: the effects that can be interpreted, in
        their order, and why others cannot.
    """
    if controls is None or controls.empty:
        return None
    names = [name for name in MEASURES if name in set(controls.measure)]
    rows = []
    for (model, arm, dataset), part in controls.groupby(["model", "arm", "dataset"], sort=False):
        usable = {row.measure: row for row in part[part.interpretable].itertuples()}
        reasons = list(dict.fromkeys(map(_first, part.loc[~part.interpretable, "reason"])))
        effects = [_control(usable.get(name)) for name in names]
        rows.append({"model": model, "arm": arm, "dataset": dataset, "effects": effects, "reasons": reasons})
    return {"heads": [label(name) for name in names], "rows": rows}


def _first(reasons: str) -> str:
    """The first of several reasons."""
    first, _, more = reasons.partition("; ")
    return f"{first} (and more)" if more else first


def _control(row: NamedRow) -> Shown | None:
    if row is None or pd.isna(row.estimate):
        return None
    unit = "steps" if row.measure in IN_STEPS.values() else ""
    return {
        "estimate": row.estimate,
        "unit": unit,
        "interval": interval(row.ci_low, row.ci_high),
        "n_items": row.n_items,
    }


def correlations_section(correlations: pd.DataFrame, effects: pd.DataFrame) -> list[Shown]:
    """Correlations with the effect on information gain, a row for each interpretable cell and measure.

    Rows are left out if the measure or information gain (the measure of C6) failed its calibration.

    Args:
        correlations, effects: the tables of those names.
    """
    cell = ["model", "arm", "dataset"]
    usable = effects[effects.interpretable & (effects.contrast == "plain") & (effects.component == "reading")]
    failed = usable[usable.calibration == "failed"]
    without_gain = set(failed.loc[failed.claim == "C6", cell].itertuples(index=False, name=None))
    status = usable[[*cell, "measure", "calibration"]]
    rows: list[Shown] = correlations.merge(status, on=[*cell, "measure"]).to_dict("records")  # type: ignore[assignment]
    return [
        row | {"label": label(row["measure"])}
        for row in rows
        if row["calibration"] != "failed" and tuple(row[name] for name in cell) not in without_gain
    ]
