"""What the report shows: everything that its template is filled with.

The words that never change are in `report/` (the page, the captions, the method); these modules count, choose, sort
and put into sentences. Every number on the page comes from a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import yaml

from faithfulness.calibrate.organisms import ORGANISMS
from faithfulness.compare import closed
from faithfulness.compare.findings import NOTE
from faithfulness.compare.measures import CONTINUOUS
from faithfulness.compare.null_pairs import alarms
from faithfulness.report.conflict_table import conflicts_section
from faithfulness.report.controls import control_arms_section, controls_section, correlations_section
from faithfulness.report.headline import headline
from faithfulness.report.labels import label
from faithfulness.report.limits import limits_section
from faithfulness.report.plain import NamedRow, Plain, Shown
from faithfulness.report.published import Published
from faithfulness.report.published_beside import beside_section, directions_section
from faithfulness.report.render import rst
from faithfulness.report.run import run_section
from faithfulness.report.verdict_tables import claims_section, glance_section
from faithfulness.tables.measures import KINDS
from faithfulness.text import capital, counted, exact_percent, interval, number, spaced

PAIR = ["model", "first", "second"]  # of tables.NullPairs


@dataclass(frozen=True)
class Results:
    """The tables of a run that its report shows.

    Args:
        effects, gates, summaries, strengths, kinds, conflicts, correlations: the tables of those names (kinds:
            tables.KindShares).
        calibration: tables.Calibration, if there is one.
        measures: tables.Measures with columns model and dataset, for the datasets with published figures; None if no
            dataset has any.
        after_writing: from `run.after_writing`.
        left_out: tables.LeftOut with a column dataset; None where it is unknown.
        controls, null_pairs: the tables of those names, if the run has placebo or null arms.
    """

    effects: pd.DataFrame
    gates: pd.DataFrame
    summaries: pd.DataFrame
    strengths: pd.DataFrame
    kinds: pd.DataFrame
    conflicts: pd.DataFrame
    correlations: pd.DataFrame
    calibration: pd.DataFrame | None
    measures: pd.DataFrame | None
    after_writing: Sequence[str] = ()
    left_out: pd.DataFrame | None = None
    controls: pd.DataFrame | None = None
    null_pairs: pd.DataFrame | None = None


def context(
    results: Results,
    *,
    config: Plain,
    claims_record: Plain,
    published: Published,
    figures: Sequence[Shown],
    provenance: Plain,
    hours: float,
    method: str,
) -> Shown:
    """Everything that the template shows, except for the style sheet.

    Args:
        results: the tables of the run.
        config: the configuration as plain data.
        claims_record: hash of the declared claims, and of earlier declarations that judged these results.
        published: figures and directions from the literature.
        figures: from `render.figure`, each with the `section` that shows it, in the order of the page.
        provenance: the record of where the results come from, as plain data.
        hours: from `run.hours`.
        method: the method page, as reStructuredText.
    """
    effects, gates, summaries = results.effects, results.gates, results.summaries
    claims = claims_section(effects, [dataset["name"] for dataset in config["datasets"]])
    return {
        "headline": headline(effects),
        "glance": glance_section(claims),
        "claims": claims,
        # Of a figure for each model, the first is shown and the rest are folded away.
        "figures": [
            figure | {"folded": figure["name"] in {earlier["name"] for earlier in figures[:i]}}
            for i, figure in enumerate(figures)
        ],
        "run": run_section(summaries, config, results.left_out) | {"hours": hours},
        "after_writing": results.after_writing,
        "limits": limits_section(effects, gates, summaries, results.calibration, config),
        "kinds": kinds_section(results.kinds),
        "conflicts": conflicts_section(results.conflicts),
        "null_pairs": null_pairs_section(results.null_pairs),
        "control_arms": control_arms_section(results.controls),
        "controls": controls_section(effects, gates),
        "correlations": correlations_section(results.correlations, effects),
        "calibration": calibration_section(results.calibration),
        "confusions": confusions_section(results.calibration),
        "organisms": list(ORGANISMS),
        "directions": directions_section(published, claims),
        "beside": beside_section(published, results.measures, summaries, gates, config),
        "confidence": exact_percent(config["statistics"]["confidence"]),
        "claims_record": claims_record,
        "claims_file": config["claims"],
        "summaries": summaries.to_dict("records"),
        "strengths": results.strengths.to_dict("records"),
        "gates": gates_section(gates),
        "effects": effects_section(effects),
        "method": rst(method, prefix="method-"),
        "config": yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100),
        "provenance": provenance,
    }


def kinds_section(kinds: pd.DataFrame) -> Shown:
    """The names of the kinds, and a row with their shares for each cell, writer and reader."""
    rows = []
    for (model, arm, dataset, writer, reader), part in kinds.groupby(
        ["model", "arm", "dataset", "writer", "reader"], sort=False
    ):
        by_kind = {row["kind"]: row for row in part.to_dict("records")}
        shares = [
            {"value": row["share"], "interval": interval(row["ci_low"], row["ci_high"]), "by_chance": row["by_chance"]}
            for row in (by_kind[kind] for kind in KINDS.values())
        ]
        names = {"model": model, "arm": arm, "dataset": dataset, "writer": writer, "reader": reader}
        rows.append(names | {"shares": shares, "n_items": int(part.n_items.max())})
    return {"names": list(KINDS.values()), "rows": rows}


def null_pairs_section(null_pairs: pd.DataFrame | None) -> str:
    """How often trainings that differ by chance alone would have been called changed, in words; '' without any pair.

    Args:
        null_pairs: tables.NullPairs; None without controls.
    """
    found = None if null_pairs is None else alarms(null_pairs)
    if found is None:
        return ""
    every = found.pairs + found.closed
    text = (
        f"{counted(every, 'comparison')} of this run differ{'s' if every == 1 else ''} by chance alone: another warm "
        "start, or placebos of other seeds."
    )
    if found.pairs:
        text += (
            f" Of {found.pairs} that could be judged, {found.changed} would have been called changed (95 % interval "
            f"of the rate {interval(found.low, found.high)})."
        )
    return f"{text} No verdict could be given on {found.closed} of them." if found.closed else text


def calibration_section(calibration: pd.DataFrame | None) -> list[Shown]:
    """The calibration table as the page shows it; measures of probabilities stay in the file."""
    if calibration is None:
        return []
    shown = calibration[~calibration.measure.isin(CONTINUOUS)].sort_values(["measure", "dataset"], kind="stable")
    rows: list[Shown] = shown.to_dict("records")  # type: ignore[assignment]
    return [
        row
        | {
            "label": label(row["measure"]),
            "monotone": None if pd.isna(row["monotone"]) else bool(row["monotone"]),
            "interval": interval(row["area_low"], row["area_high"]),
        }
        for row in rows
    ]


# The published measures, and the one that asks whether the chain is followed.
COMPARED = ("aoc", "convergence_fraction", "filler_tolerance", "paraphrase_sensitivity", "chain_following")


def confusions_section(calibration: pd.DataFrame | None) -> list[Shown]:
    """Which readers a measure does not tell apart: a row for each measure and the pairs that it confuses.

    Exact readers only: they are what they are called.
    """
    if calibration is None:
        return []
    exact = calibration[(calibration.readers == "exact") & (calibration.confused != "")]
    rows = []
    for measure in COMPARED:
        of_measure = exact[exact.measure == measure]
        for confused, group in of_measure.groupby("confused", sort=False):
            pairs = str(confused).split("; ")
            rows.append({"label": label(measure), "pairs": pairs, "datasets": list(group.dataset)})
    return rows


def gates_section(gates: pd.DataFrame) -> Shown:
    """A row for each cell and a column for each gate that closes something: passed, or the value and its limit; and in
    sentences why gates failed, and what closes nothing but must be known (`notes`).
    """
    names = list(gates[gates.closes != NOTE].gate.unique())
    rows = []
    for (model, arm, dataset), cell in gates.groupby(["model", "arm", "dataset"], sort=False):
        of_gates = cell[cell.closes != NOTE]
        failed = of_gates[~of_gates.passed]
        rows.append(
            {
                "model": model,
                "arm": arm,
                "dataset": dataset,
                "passed": not closed.cells(cell).any(),
                "gates": [
                    [_measured(row) for row in failed[failed.gate == name].itertuples(index=False)] for name in names
                ],
                "looked_at": [bool((of_gates.gate == name).any()) for name in names],
                "reasons": _reasons(failed),
                "notes": _reasons(cell[~cell.passed & (cell.closes == NOTE)]),
            }
        )
    return {"names": names, "rows": rows}


def _measured(row: NamedRow) -> str:
    """What a failed gate saw: 'base (early termination): 1.00, limit 0.95'."""
    reader, _, perturbation = row.subject.partition(" / ")
    looked_at = f"{reader} ({spaced(perturbation)})" if perturbation else reader
    return f"{looked_at}: {number(row.value) or 'no answers'}, limit {number(row.threshold)}"


def _reasons(rows: pd.DataFrame) -> list[str]:
    return [capital(reason) for reason in rows.reason.unique() if reason]


def effects_section(effects: pd.DataFrame) -> list[Shown]:
    """All effects, grouped by model, arm and dataset."""
    return [
        {
            "model": model,
            "arm": arm,
            "dataset": dataset,
            "rows": [
                row | {"label": label(row["measure"]), "interval": interval(row["ci_low"], row["ci_high"], 3)}
                for row in group.to_dict("records")
            ],
        }
        for (model, arm, dataset), group in effects.groupby(["model", "arm", "dataset"], sort=False)
    ]
