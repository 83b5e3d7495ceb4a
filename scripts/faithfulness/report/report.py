"""What the report shows: pure functions from tables and configuration to the context of its template.

The words that never change stand in `report/` (the page, the captions, the method); here is
what is counted, chosen, sorted and put into sentences. Every number on the page comes from a table.
"""

import base64
import html
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from faithfulness.compare.claims import CLAIMS
from faithfulness.compare.effects import ENOUGH_SEEDS, mean_intervals
from faithfulness.compare.measures import MEASURES
from faithfulness.compare.verdicts import VERDICTS
from faithfulness.config.statistics import Statistics
from faithfulness.figures.theme import DARK
from faithfulness.report.published import Figures, Published
from faithfulness.text import exact_percent, interval, number, percent, signed, size_text, slug, spaced

DESCRIPTIVE = "descriptive"  # what stands in place of a verdict where a claim is described, not tested


def context(
    *,
    effects: pd.DataFrame,
    gates: pd.DataFrame,
    summaries: pd.DataFrame,
    correlations: pd.DataFrame,
    claims_record: Mapping[str, Any],
    calibration: pd.DataFrame | None,
    published: Published,
    measures: pd.DataFrame | None,
    figures: Sequence[dict[str, Any]],
    hours: float,
    provenance: Mapping[str, Any],
    config: Mapping[str, Any],
    method: str,
    style: str,
) -> dict[str, Any]:
    """Everything that the template shows.

    Args:
        effects, gates, summaries, correlations: the tables of those names.
        claims_record: hash of the declared claims, and others under which these results were judged.
        calibration: tables.Calibration, where there is one.
        published: figures and directions of others.
        measures: tables.Measures with columns model and dataset, of the datasets that there are published figures of;
            None without any.
        figures: from `figure`, in the order of the page.
        hours: from `hours`.
        provenance: the record of where the results come from, as plain data.
        config: the configuration as plain data.
        method: the method page, as reStructuredText.
        style: the style sheet.
    """
    judged = claims(effects, [dataset["name"] for dataset in config["datasets"]])
    run = what_was_run(summaries, config) | {"hours": hours}
    return {
        "style": Markup(style),  # our own file
        "headline": headline(effects),
        "glance": glance(judged),
        "claims": judged,
        # A figure a model: the first is shown, the others are folded away.
        "figures": [
            shown | {"folded": shown["name"] in {earlier["name"] for earlier in figures[:i]}}
            for i, shown in enumerate(figures)
        ],
        "run": run,
        "limits": limits(effects, gates, summaries, calibration, config),
        "controls": controls(effects),
        "correlations": correlated(correlations, effects),
        "calibration": calibrated(calibration),
        "directions": directions(published, judged),
        "beside": beside(published, measures, summaries, gates, config),
        "confidence": exact_percent(config["statistics"]["confidence"]),
        "claims_record": claims_record,
        "claims_file": config["claims"],
        "summaries": summaries.to_dict("records"),
        "gates": gates_overview(gates),
        "effects": cells(effects),
        "method": rst(method, prefix="method-"),
        "config": yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100),
        "provenance": provenance,
    }


def render(template: str, shown: Mapping[str, Any]) -> str:
    """The page. Whatever comes from data or configuration is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"signed": signed, "number": number, "percent": percent, "size": size_text}
    environment.filters |= {"slug": slug, "breakable": breakable}
    return environment.from_string(template).render(**shown)


def headline(effects: pd.DataFrame) -> list[str]:
    """The answer to the question of the page: one short sentence, then what stands behind it."""
    tested = _single_cells(effects)
    counts = _tally(tested, "C1")
    total = sum(counts[verdict] for verdict in VERDICTS[:4])
    if not total:
        return ["This run cannot tell.", "No cell passed the gates that would make it interpretable."]
    supported, contradicted, equivalent = (counts[verdict] for verdict in VERDICTS[:3])
    companions, beside = _companions(tested), _beside(tested)
    if supported and contradicted:
        answer = f"It differs: less than before in {supported}, more in {contradicted} of {total} cells."
    elif supported:
        answer = f"Less than before, in {_of(supported, total)}."
    elif contradicted:
        answer = f"More than before, in {_of(contradicted, total)}."
    elif beside:  # another measure of the coupling changed: not to be passed over
        decided = f"decided as late as before in {equivalent} of {total}" if equivalent else "decided earlier is open"
        answer = f"In part: {' and '.join(beside)}; {'they are' if equivalent else 'whether they are'} {decided}."
        companions = []
    elif equivalent:
        answer = f"As much as before, in {_of(equivalent, total)}."
    else:
        answer = f"Open: a change was neither shown nor ruled out in {_of(total, total)}."
    closed = counts[VERDICTS[4]]
    rest = [f"{closed} more cell{'s' if closed > 1 else ''} could not be interpreted."] if closed else []
    return [answer, *_largest(tested), *companions, *rest]


# What a verdict on the claims beside C1 says of the answers.
BESIDE = {
    ("C3", "supported"): "more answers survive filler",
    ("C3", "contradicted"): "fewer answers survive filler",
    ("C2", "supported"): "fewer answers react to rewording",
    ("C2", "contradicted"): "more answers react to rewording",
}


def _beside(tested: pd.DataFrame) -> list[str]:
    """What changed of the coupling by the measures of C2 and C3, and in how many cells."""
    parts = []
    for (claim, verdict), words in BESIDE.items():
        counts = _tally(tested, claim)
        if counts[verdict]:
            parts.append(f"{words} in {counts[verdict]} of {sum(counts[name] for name in VERDICTS[:4])} cells")
    return parts


def _largest(tested: pd.DataFrame) -> list[str]:
    usable = tested.interpretable & (tested.calibration != "failed") & tested.estimate.notna()
    rows = tested[(tested.claim == "C1") & usable]
    rows = rows[rows.measure == "aoc"] if (rows.measure == "aoc").any() else rows
    if rows.empty:
        return []
    row = rows.iloc[int(rows.estimate.abs().to_numpy().argmax())]
    return [
        f"Largest change of the {_label(row.measure)} in how a chain is used ({row.component}): {signed(row.estimate)} "
        f"{_interval(row)}, for {row.model} on {row.dataset} after {row.arm}."
    ]


def _companions(tested: pd.DataFrame) -> list[str]:
    parts = []
    for claim, words in {"C3": "filler replaces steps more often", "C2": "rewording matters less"}.items():
        counts = _tally(tested, claim)
        total = sum(counts[verdict] for verdict in VERDICTS[:4])
        if total:
            parts.append(f"{words} in {counts['supported']} of {total} ({claim})")
    return [f"Beside it, {' and '.join(parts)}."] if parts else []


def _single_cells(effects: pd.DataFrame) -> pd.DataFrame:
    return effects[(effects.verdict != "") & effects.parameters.notna() & (effects.dataset != "pooled")]


def _tally(tested: pd.DataFrame, claim: str) -> dict[str, int]:
    """How many cells of a claim got each verdict; a claim of two measures has one verdict a cell."""
    rows = tested[tested.claim == claim].drop_duplicates(["model", "arm", "dataset", "verdict"])
    return {verdict: int((rows.verdict == verdict).sum()) for verdict in VERDICTS}


def _of(some: int, total: int) -> str:
    """'all 6 cells that can be interpreted', '4 of the 6 cells ...', 'the one cell ...'."""
    if total == 1:
        return "the one cell that can be interpreted"
    return (
        f"all {total} cells that can be interpreted"
        if some == total
        else f"{some} of the {total} cells that can be interpreted"
    )


def claims(effects: pd.DataFrame, datasets: Sequence[str]) -> list[dict[str, Any]]:
    """The verdict tables, one a claim: a row a cell, what a gate removed last, in each part pooled rows first."""
    tested = effects[effects.claim != ""]
    found = []
    for name in [claim for claim in CLAIMS if (tested.claim == claim).any()]:
        rows = _verdict_rows(tested[tested.claim == name], datasets)
        tally = Counter(verdict for row in rows for verdict in row["verdicts"])
        counts = {verdict: tally[verdict] for verdict in VERDICTS if tally[verdict]}
        found.append({"name": name, "label": CLAIMS[name].label, "tally": counts, "rows": rows})
    return found


def glance(claims: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One line a claim, from `claims`: what came of its cells and of its datasets pooled."""
    return [
        {
            "name": claim["name"],
            "label": claim["label"],
            "cells": _told([verdict for row in claim["rows"] if not row["pooled"] for verdict in row["verdicts"]]),
            "pooled": _told([verdict for row in claim["rows"] if row["pooled"] for verdict in row["verdicts"]]),
        }
        for claim in claims
    ]


def _told(verdicts: Sequence[str]) -> dict[str, Any]:
    """What was decided, as (verdict, in how many of those that can be interpreted), and what was not, in words.

    Where nothing was decided, the most that can be said takes its place.
    """
    counts = Counter(verdicts)
    decided = [verdict for verdict in VERDICTS[:3] if counts[verdict]]
    decided = decided or [verdict for verdict in (VERDICTS[3], DESCRIPTIVE, VERDICTS[4]) if counts[verdict]][:1]
    closed = VERDICTS[4]
    total = len(verdicts) - counts[closed] * (decided != [closed])
    rest = [f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict] and verdict not in decided]
    return {
        "decided": [{"verdict": verdict, "words": _share(verdict, counts[verdict], total)} for verdict in decided],
        "rest": ", ".join(rest),
    }


def _share(verdict: str, some: int, total: int) -> str:
    """'supported in 2 of 6', 'inconclusive in all 6'; a description is no verdict and has no count."""
    if verdict == DESCRIPTIVE:
        return verdict
    return f"{verdict} in all {total}" if some == total > 1 else f"{verdict} in {some} of {total}"


def _verdict_rows(tested: pd.DataFrame, datasets: Sequence[str]) -> list[dict[str, Any]]:
    reach = max(tested[["ci_low", "ci_high", "estimate"]].abs().max().max(), 0.01)
    # One verdict and one sentence a row: a claim that is judged on several measures together has one of them.
    alone = tested.claim.isin(["C4", "C5"])
    keys = tested.assign(alone=tested.measure.where(alone, ""), scale=tested.contrast == "scale")
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
                "verdicts": [verdict or DESCRIPTIVE for verdict in _distinct(cell.verdict)],
                "words": _words(cell, f"{model}, {dataset}: "),
                "effects": [_drawn(row, reach) for row in cell.itertuples()],
                "size": cell.parameters.fillna(0).max(),
            }
        )
    order = {dataset: place for place, dataset in enumerate(datasets)}
    return sorted(
        rows,
        key=lambda row: (not row["interpretable"], not row["pooled"], order.get(row["dataset"], -1), row["size"]),
    )


def _words(cell: pd.DataFrame, prefix: str) -> str:
    """The sentence that all rows of a cell share, without what the row's heading says already."""
    text = str(cell.sentence.iloc[0])
    rest = text.removeprefix(prefix)
    return text if rest == text else rest[:1].upper() + rest[1:]


def _drawn(row: Any, reach: float) -> dict[str, Any]:
    """An effect with its interval, and where these lie between 0 (-reach) and 100 (reach)."""

    def place(value: float) -> float | None:
        return None if pd.isna(value) else round(50 + 48 * value / reach, 1)

    return {
        "label": _label(row.measure),
        "component": row.component,
        "calibration": _status(row.measure, row.calibration),
        "estimate": row.estimate,
        "interval": _interval(row),
        "low": place(row.ci_low),
        "middle": place(row.estimate),
        "high": place(row.ci_high),
    }


def what_was_run(summaries: pd.DataFrame, config: Mapping[str, Any]) -> dict[str, Any]:
    """Models with their sizes, tuned arms, datasets and paraphraser, as configured and as found in the tables."""
    sizes = dict(zip(summaries.model, summaries.parameters, strict=True))
    items = summaries.groupby("dataset").n_items.max().to_dict()
    chance = summaries.groupby("dataset").chance.first().to_dict()
    return {
        "models": [model | {"parameters": sizes.get(model["name"])} for model in config["models"]],
        "arms": config["arms"],
        "datasets": [
            dataset | {"n_items": items.get(dataset["name"]), "chance": chance.get(dataset["name"])}
            for dataset in config["datasets"]
        ],
        "paraphraser": config["perturbations"]["paraphraser"],
        "sizes": sorted(set(sizes.values())),
    }


def hours(benchmarks: Path) -> float:
    """Hours that the jobs of a run took, one after the other, from the files of their `benchmark:`.

    Jobs side by side count each; of a job that was killed and went on, the last part counts.
    """
    return sum(pd.read_csv(file, sep="\t")["s"].sum() for file in sorted(benchmarks.rglob("*.tsv"))) / 3600


ENOUGH_ITEMS = 100  # below this, and where differences are few, intervals were simulated to cover less well


def limits(
    effects: pd.DataFrame,
    gates: pd.DataFrame,
    summaries: pd.DataFrame,
    calibration: pd.DataFrame | None,
    config: Mapping[str, Any],
) -> dict[str, Any]:
    """What keeps a reader from concluding more: closed cells by dataset and gate, open verdicts, seeds, sizes."""
    failed = gates[~gates.passed].drop_duplicates(["model", "arm", "dataset", "gate"])
    of: dict[Any, int] = gates.drop_duplicates(["model", "arm", "dataset"]).groupby("dataset").size().to_dict()
    tested = _single_cells(effects)
    judged = tested[tested.interpretable & tested.estimate.notna()]
    of_chains = tested[tested.measure.map(lambda name: _status(name, "any") != "").astype(bool)]
    uncalibrated = _distinct(of_chains[of_chains.calibration == "not calibrated"].dataset)
    tried = set() if calibration is None else set(calibration.dataset)
    return {
        "gates": [
            {
                "dataset": dataset,
                "gate": gate,
                "cells": len(rows),
                "of": of[dataset],
                "models": _distinct(rows.model),
            }
            for (dataset, gate), rows in failed.groupby(["dataset", "gate"], sort=False)
        ],
        "inconclusive": {name: n for name in ("C1", "C2", "C3") if (n := _tally(tested, name)["inconclusive"])},
        "few_seeds": _distinct(tested[tested.n_seeds < ENOUGH_SEEDS].arm),
        "intervals": len(judged),
        "few_items": int((judged.n_items < ENOUGH_ITEMS).sum()),
        "sparse": int(judged["sparse"].fillna(False).sum()),
        "failed_measures": [
            {"label": _label(str(name)), "datasets": _distinct(rows.dataset)}
            for name, rows in tested[tested.calibration == "failed"].groupby("measure", sort=False)
        ],
        "uncalibrated": [dataset for dataset in uncalibrated if dataset not in tried],
        "half_calibrated": [dataset for dataset in uncalibrated if dataset in tried],
        "sizes": int(summaries.parameters.nunique()),
        "pruned": [model["name"] for model in config["models"] if model.get("layers")],
    }


CONTROLS = (
    *("plain", "equal_correctness", "length_matched", "length_adjusted", "in_steps", "chance_corrected"),
    *("invalid_as_same", "invalid_as_changed"),
)
IN_STEPS = {"aoc": "aoc_steps", "convergence_fraction": "convergence_steps"}


def controls(effects: pd.DataFrame) -> list[dict[str, Any]]:
    """The reading effects of the primary measures under each control, a table a cell; cells that say something only."""
    reading = effects[(effects.component == "reading") & effects.contrast.isin(CONTROLS) & effects.interpretable]
    names = _distinct(reading[reading.contrast == "length_matched"].measure)
    wanted = [*names, *IN_STEPS.values()]
    found = []
    for (model, arm, dataset), cell in reading[reading.measure.isin(wanted)].groupby(["model", "arm", "dataset"]):
        by_place = {(row.contrast, row.measure): row for row in cell.itertuples()}
        by_place |= {
            ("in_steps", name): by_place["plain", twin]
            for name, twin in IN_STEPS.items()
            if ("plain", twin) in by_place
        }
        rows = [
            {"contrast": contrast, "effects": [_control(by_place.get((contrast, name))) for name in names]}
            for contrast in CONTROLS
        ]
        heads = [
            {"label": _label(name), "calibration": by_place["plain", name].calibration}
            for name in names
            if ("plain", name) in by_place
        ]
        found.append({"model": model, "arm": arm, "dataset": dataset, "heads": heads, "rows": rows})
    return found


def correlated(correlations: pd.DataFrame, effects: pd.DataFrame) -> list[dict[str, Any]]:
    """Correlations with the effect on information gain, a row a cell and measure, with the measure's calibration.

    Interpretable cells only, and none where the measure or information gain (the measure of C6) failed its calibration.
    """
    cell = ["model", "arm", "dataset"]
    usable = effects[effects.interpretable & (effects.contrast == "plain") & (effects.component == "reading")]
    failed = usable[usable.calibration == "failed"]
    without_gain = set(failed.loc[failed.claim == "C6", cell].itertuples(index=False, name=None))
    status = usable[[*cell, "measure", "calibration"]]
    rows: list[dict[str, Any]] = correlations.merge(status, on=[*cell, "measure"]).to_dict("records")  # type: ignore[assignment]
    return [
        row | {"label": _label(row["measure"])}
        for row in rows
        if row["calibration"] != "failed" and tuple(row[name] for name in cell) not in without_gain
    ]


def _control(row: Any) -> dict[str, Any] | None:
    if row is None or pd.isna(row.estimate):
        return None
    unit = "steps" if row.measure in IN_STEPS.values() else ""
    return {"estimate": row.estimate, "unit": unit, "interval": _interval(row), "n_items": row.n_items}


def calibrated(calibration: pd.DataFrame | None) -> list[dict[str, Any]]:
    """The calibration table as the page shows it; measures of probabilities stay in the file."""
    if calibration is None:
        return []
    shown = calibration[~calibration.measure.str.endswith("_p")].sort_values(["measure", "dataset"], kind="stable")
    rows: list[dict[str, Any]] = shown.to_dict("records")  # type: ignore[assignment]
    return [
        row
        | {
            "label": _label(row["measure"]),
            "monotone": None if pd.isna(row["monotone"]) else bool(row["monotone"]),
            "interval": interval(row["area_low"], row["area_high"]),
        }
        for row in rows
    ]


def gates_overview(gates: pd.DataFrame) -> dict[str, Any]:
    """A row a cell and a column a gate: passed, or what was measured against what; and why, in sentences."""
    names = _distinct(gates.gate)
    rows = [
        {
            "model": model,
            "arm": arm,
            "dataset": dataset,
            "passed": bool(cell.passed.all()),
            "gates": [cell[(cell.gate == name) & ~cell.passed].to_dict("records") for name in names],
            "looked_at": [bool((cell.gate == name).any()) for name in names],
            "reasons": [reason for reason in _distinct(cell[~cell.passed].reason) if reason],
        }
        for (model, arm, dataset), cell in gates.groupby(["model", "arm", "dataset"], sort=False)
    ]
    return {"names": names, "rows": rows}


def cells(effects: pd.DataFrame) -> list[dict[str, Any]]:
    """All effects, grouped by model, arm and dataset."""
    return [
        {
            "model": model,
            "arm": arm,
            "dataset": dataset,
            "rows": [
                row | {"label": _label(row["measure"]), "interval": _interval(pd.Series(row), 3)}
                for row in group.to_dict("records")
            ],
        }
        for (model, arm, dataset), group in effects.groupby(["model", "arm", "dataset"], sort=False)
    ]


AGREEMENT = dict(
    zip(
        (*VERDICTS, DESCRIPTIVE),
        ("same direction", "other direction", "no difference", "open", "not interpretable", "described only"),
        strict=True,
    )
)
# What stands in for a quantity that is not measured here: the nearest, the first of these that a run has.
NEAREST = {"aoc_mistakes": ("mistake_sensitivity_resample", "mistake_sensitivity")}


def directions(published: Published, judged: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What was published on each claim, and the rows of `claims` on it: of datasets pooled, where any are."""
    rows = {claim["name"]: claim["rows"] for claim in judged}
    found = []
    for direction in published.directions:
        of_claim = rows.get(direction.claim, [])
        shown = [row for row in of_claim if row["pooled"]] or of_claim
        counts = Counter(verdict for row in shown for verdict in row["verdicts"])
        agreement = [
            {"verdict": verdict, "words": words if some == counts.total() else f"{words} in {some} of {counts.total()}"}
            for verdict, words in AGREEMENT.items()
            if (some := counts[verdict])
        ]
        by_cell = itertools.groupby(shown, key=lambda row: (row["model"], row["arm"], row["dataset"]))
        parts = {"source": published.sources[direction.source], "agreement": agreement}
        found.append(direction.model_dump() | parts | {"cells": [list(rows) for _, rows in by_cell]})
    return found


def beside(
    published: Published,
    measures: pd.DataFrame | None,
    summaries: pd.DataFrame,
    gates: pd.DataFrame,
    config: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Published figures and those of this run's base arms, a part a source; `datasets` are those that both have.

    Args:
        published: figures of others.
        measures: tables.Measures with columns model and dataset; None where no dataset has published figures.
        summaries: tables.Summaries.
        gates: tables.Gates.
        config: the configuration as plain data.
    """
    statistics = Statistics(**config["statistics"])
    found = []
    for key, source in published.sources.items():
        figures = [part for part in published.figures if part.source == key]
        if not figures:
            continue
        known = _distinct(dataset for part in figures for dataset in part.values)
        datasets = [dataset for dataset in config["datasets"] if dataset["name"] in known]
        base = summaries[(summaries.arm == "base") & summaries.dataset.isin(known)]
        found.append(
            {
                "source": source,
                "places": _distinct(part.place for part in figures),
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
    return found


def _published(part: Figures, dataset: str) -> str:
    value = part.values.get(dataset)
    return "" if value is None else number(value) if part.unit == "share" else f"{value:g} %"


def _measured(part: Figures, row: Any, measures: pd.DataFrame | None, statistics: Statistics) -> dict[str, Any] | None:
    """What a base arm has of a published quantity, or the nearest to it, in the unit of the quantity.

    Args:
        part: the published quantity.
        row: of tables.Summaries, the base arm's.
        measures: as for `beside`.
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
        "nearest": "" if name == part.quantity else _label(name),
    }


def _of_base(measures: pd.DataFrame | None, row: Any) -> pd.DataFrame:
    """Measures of a base arm that reads its own chains: a row an item, over which samples are averaged."""
    if measures is None:
        return pd.DataFrame()
    own = measures[(measures.model == row.model) & (measures.dataset == row.dataset)]
    own = own[(own.writer == "base") & (own.reader == "base") & own.value.notna()]
    # Repeated for each tuned arm, all alike: the means are the same.
    return own.groupby(["item_id", "measure"])["value"].mean().unstack().astype(float)


def _failed_of_base(gates: pd.DataFrame, row: Any) -> list[str]:
    """Gates that a base arm fails itself, whatever the tuned one does."""
    of_cell = gates[(gates.model == row.model) & (gates.dataset == row.dataset) & ~gates.passed]
    return _distinct(of_cell[of_cell.subject.str.split(" / ").str[0] == "base"].gate)


def figure(path: str | Path, svg: str, captions: Mapping[str, str]) -> dict[str, Any]:
    """A figure as the page shows it.

    Args:
        path: where the SVG lies: `<name>.svg`, or `<name>/<model>.svg` for a figure a model.
        svg: its text.
        captions: the captions by name, reStructuredText with Snakemake's placeholders.
    """
    path = Path(path)
    name = path.parent.name if path.parent.name in captions else path.stem
    # The same caption serves Snakemake's own report, which knows the wildcards as snakemake.wildcards.
    caption = Environment(undefined=StrictUndefined).from_string(captions[name])
    text = rst(caption.render(snakemake={"wildcards": {"model": path.stem}}))
    size = re.search(r'viewBox="0 0 ([\d.]+) [\d.]+"', svg)
    words = re.search(r"<dc:description>(.*?)</dc:description>", svg, re.DOTALL)
    title = text.striptags().partition(". ")[0] + "."
    return {
        "name": name,
        "id": slug(f"figure-{name}-{path.stem}"),
        "title": title,
        "alt": f"{title} {html.unescape(words[1])}" if words else title,
        "caption": text,
        "source": embedded(svg),
        "inches": round(float(size[1]) / 72, 2) if size else 8,
    }


def embedded(svg: str) -> str:
    """An SVG as a data address that needs no other file and turns dark where the reader's screen is."""
    rules = "".join(
        f'[{kind}="{light}"],[style*="{kind}: {light}"]{{{kind}:{dark}!important}}'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
    )
    style = f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>"
    themed = re.sub(r"(<svg\b[^>]*>)", lambda found: found[1] + style, svg, count=1)
    return "data:image/svg+xml;base64," + base64.b64encode(themed.encode()).decode()


def rst(text: str, prefix: str = "") -> Markup:
    """A reStructuredText page as HTML, without its title; no raw HTML and no other files let in."""
    settings = {
        "raw_enabled": False,
        "file_insertion_enabled": False,
        "math_output": "MathML",
        "initial_header_level": 3,
        "id_prefix": prefix,
        "report_level": 2,
        "halt_level": 2,
    }
    return Markup(publish_parts(text, writer="html5", settings_overrides=settings)["body"])


def breakable(name: str) -> Markup:
    """A name that may be broken after its underscores, where the place is narrow."""
    return escape(name).replace("_", Markup("_<wbr>"))


def _interval(row: Any, digits: int = 2) -> str:
    return interval(row.ci_low, row.ci_high, digits)


def _label(measure: str) -> str:
    return MEASURES[measure].label if measure in MEASURES else spaced(measure)


def _status(measure: str, calibration: str) -> str:
    """A measure's calibration; '' for accuracies, which need none."""
    return calibration if measure not in MEASURES or MEASURES[measure].of_chain else ""


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
