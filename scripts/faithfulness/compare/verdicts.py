"""From estimates to verdicts (method, section 8): claims, families of tests, one verdict a row."""

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from faithfulness.compare import effects
from faithfulness.compare.claims import ACCURACY, Claims
from faithfulness.compare.effects import Cell, Pool, Seeds
from faithfulness.compare.gates import ACCURACY_GATES
from faithfulness.compare.inference import LEVEL, ZERO
from faithfulness.compare.measures import COMPONENTS, MEASURES
from faithfulness.compare.verdict_text import Row, sentence
from faithfulness.config.statistics import Statistics
from faithfulness.tables.io import frame
from faithfulness.tables.statistics import Effects

Key = tuple[str, str, str, str]  # claim, model, arm, dataset
Place = tuple[str, str, str, str, str]  # contrast, model, arm, dataset, measure
Verdicts = dict[Key, tuple[str, str]]  # verdict, reason

CLAIMS = ("C1", "C2", "C3", "C4", "C5", "C6", *ACCURACY)
ALTERNATIVES = {"invalid_as_same": "same", "invalid_as_changed": "changed"}  # contrast: measures.Invalid

Calibrated = Mapping[tuple[str, str], str]  # status by (dataset, measure); what is not there is not calibrated

NOT_CALIBRATED = "not calibrated"
UNCALIBRATED = "a measure of it did not pass its calibration"
OPPOSED = "the effects on the base arm's and on the tuned arm's chains differ in sign, by more than the margin"
DEPENDS = "the verdict depends on how answers that could not be read are counted"
TOO_FEW = "fewer than two items can be compared"


@dataclass(frozen=True)
class Part:
    """What one measure of a claim shows.

    Args:
        estimate: the effect.
        low, high: its 90 % interval.
        margin: effects within this of zero are equivalent to none.
        direction: the claimed sign, +1 or -1.
        simple: the `simple_effects`; None where the claim is not about reading.
        calibration: status of the measure.
    """

    estimate: float
    low: float
    high: float
    margin: float
    direction: int
    simple: tuple[float, float] | None = None
    calibration: str = NOT_CALIBRATED


def verdict(
    parts: Sequence[Part], p_holm: float, failed: Sequence[str] = (), alternatives: Collection[str] = ()
) -> tuple[str, str]:
    """Verdict of a cell or of a pooled claim (method, section 8). The first row that applies decides:

    | condition | verdict | reason |
    |---|---|---|
    | a gate failed | not interpretable | what failed |
    | a measure failed its calibration | not interpretable | so |
    | an effect cannot be estimated (fewer than two items) | not interpretable | so |
    | the reading effects on base's and on tuned's chains are `opposed` | inconclusive | so |
    | all 90 % intervals lie inside the margins | equivalent | whether it is also detectable |
    | p_holm <= .05, all effects have the claimed sign | supported | - |
    | p_holm <= .05, all effects have the other sign | contradicted | - |
    | p_holm <= .05, the signs are mixed | inconclusive | so |
    | otherwise | inconclusive | - |

    'equivalent', 'supported' and 'contradicted' become inconclusive where another verdict comes out when invalid
    readouts count as "same" or as "changed".

    Args:
        parts: one a measure; C1 has two and needs both.
        p_holm: adjusted p, of a claim with several measures from the largest of theirs.
        failed: why the cell says nothing; empty if nothing failed.
        alternatives: the verdicts under the other two ways to count invalid readouts.

    Returns:
        (verdict, reason); the reason is '' where the numbers speak for themselves.
    """
    decided, reason = _decide(parts, p_holm, failed)
    return _under_all(decided, reason, alternatives)


def _under_all(decided: str, reason: str, alternatives: Collection[str]) -> tuple[str, str]:
    """A verdict, unless another way to count invalid readouts gives another one."""
    if decided in ("equivalent", "supported", "contradicted") and set(alternatives) - {decided}:
        return "inconclusive", DEPENDS
    return decided, reason


def _decide(parts: Sequence[Part], p_holm: float, failed: Sequence[str]) -> tuple[str, str]:
    if not failed and any(part.calibration == "failed" for part in parts):
        failed = [UNCALIBRATED]
    signs = {float(np.sign(part.estimate) * part.direction) for part in parts}
    detectable = p_holm <= LEVEL
    if failed or any(np.isnan(part.estimate) for part in parts):
        return "not interpretable", "; ".join(failed) or TOO_FEW
    if any(part.simple and opposed(part.simple, part.margin) for part in parts):
        return "inconclusive", OPPOSED
    if all(-part.margin < part.low and part.high < part.margin for part in parts):
        return "equivalent", "detectable, but too small to matter" if detectable else ""
    if detectable and signs in ({1.0}, {-1.0}):
        return "supported" if signs == {1.0} else "contradicted", ""
    return "inconclusive", "the measures of the claim move in different directions" if detectable else ""


def simple_effects(rows: Sequence[Row]) -> dict[Place, tuple[float, float]]:
    """The reading effects on base's and on tuned's chains: the reading effect minus and plus half the interaction.

    Args:
        rows: of any contrasts; those of the components reading and interaction are used.
    """
    halves = {_place(row): row["estimate"] / 2 for row in rows if row["component"] == "interaction"}
    return {
        place: (row["estimate"] - halves[place], row["estimate"] + halves[place])
        for row in rows
        if row["component"] == "reading" and (place := _place(row)) in halves
    }


def _place(row: Row) -> Place:
    return row["contrast"], row["model"], row["arm"], row["dataset"], row["measure"]


def opposed(simple: tuple[float, float], margin: float) -> bool:
    """Whether simple effects differ in sign and one of them is not within the margin.

    Two effects that are nearly zero differ in sign by chance, every other time.
    """
    return min(simple) < -ZERO and max(simple) > ZERO and max(map(abs, simple)) > margin


def holm(p_values: Sequence[float], gated: Sequence[bool]) -> np.ndarray:
    """Holm's adjusted p in one family; cells that a gate removed stay in it with p = 1 (method, section 8).

    Args:
        p_values: shape (tests,); NaN (nothing to test) counts as 1.
        gated: shape (tests,), whether a gate failed.
    """
    p = np.where(np.asarray(gated, bool) | np.isnan(p_values), 1.0, p_values)
    return np.asarray(multipletests(p, method="holm")[1]) if len(p) else p


def accuracy_pools(
    cells: Mapping[Cell, pd.DataFrame],
    trained: Mapping[tuple[str, str], Collection[str]],
    statistics: Statistics,
    pool: Pool = sorted,
    seeds: Seeds | None = None,
) -> pd.DataFrame:
    """The pooled rows of R1 (datasets that the arm was tuned on) and R2 (the others), where there are several.

    Args:
        cells: frames of means by cell.
        trained: the datasets each (model, arm) was tuned on.
        statistics: resamples, confidence, margin, seed.
        pool: which of the datasets are pooled.
        seeds: frames of means of each training seed by cell.

    Returns:
        As effects.compare, with a column claim.
    """
    parts = []
    for claim in ACCURACY:
        chosen = {cell: f for cell, f in cells.items() if (cell[2] in trained[cell[:2]]) == (claim == "R1")}
        if chosen:
            found = effects.compare(chosen, "plain", statistics, ["cot_accuracy"], pool, seeds)
            parts.append(found[(found["dataset"] == "pooled") & (found["component"] == "total")].assign(claim=claim))
    return pd.concat(parts, ignore_index=True)


def exploratory(p_values: Sequence[float]) -> np.ndarray:
    """Benjamini and Hochberg's adjusted p (1995) of the rows that belong to no claim; NaN where there is none."""
    p = np.asarray(p_values, float)
    known = ~np.isnan(p)
    adjusted = np.full(len(p), np.nan)
    if known.any():
        adjusted[known] = multipletests(p[known], method="fdr_bh")[1]
    return adjusted


def judge(
    found: pd.DataFrame,
    gates: pd.DataFrame,
    trained: Mapping[tuple[str, str], Collection[str]],
    sizes: Mapping[str, int],
    seeds: Mapping[tuple[str, str], int],
    *,
    claims: Claims,
    confidence: float,
    calibration: Calibrated | None = None,
) -> pd.DataFrame:
    """Claims, adjusted p, verdicts and sentences of every cell and pooled claim but C5.

    C1-C3 test the reading component, R1 and R2 the total. Holm's families: the primary claims over all cells; R1 and
    R2 over all cells; the same two among pooled claims. Rows of no claim are adjusted together (`exploratory`), but
    for those of gated cells and of the alternatives. A pooled claim is not interpretable where one of its cells is
    not. C6 is read off C1 and the reading effect on information gain. All rows of a claim have the sentence of the
    measure that decides: the one that failed its calibration or cannot be estimated, else that of the largest p.

    Args:
        found: effects.compare of the contrasts plain, equal_correctness and the ALTERNATIVES, and accuracy_pools.
        gates: tables.Gates.
        trained: the datasets each (model, arm) was tuned on.
        sizes: parameters by model.
        seeds: number of training seeds by (model, arm).
        claims: what is claimed.
        confidence: of the intervals.
        calibration: status of the measures; None: not calibrated.

    Returns:
        tables.Effects, sorted.
    """
    rows: list[Row] = found.to_dict("records")  # type: ignore[assignment]
    failures = functools.cache(functools.partial(_failures, gates))
    for row in rows:
        pair = row["model"], row["arm"]
        row["failed"] = failures(*pair, row["pool"], accuracy=not MEASURES[row["measure"]].of_chain)
        row["tests"] = row["claim"] if isinstance(row.get("claim"), str) else _tests(row, trained[pair], claims)
        row["direction"] = claims.directions.get(row["tests"], claims.primary_measures).get(row["measure"])
        row["calibration"] = calibration_status(calibration or {}, row["pool"], row["measure"])
        row["claim"] = "" if row["contrast"] in ALTERNATIVES else row["tests"]
        judged = claims.directions.get(row["claim"], ()) if row["claim"] in claims.primary else ()
        row |= {"together": [MEASURES[name].label for name in judged], "decisive": row["measure"]}
        row |= {"parameters": sizes[pair[0]], "n_seeds": seeds[pair], "p_holm": np.nan, "verdict": ""}
        row |= {"interpretable": not row["failed"], "reason": "; ".join(row["failed"])}

    verdicts = {contrast: _verdicts(rows, contrast, claims) for contrast in ALTERNATIVES}
    plain = _verdicts(rows, "plain", claims, verdicts.values())
    rest = [r for r in rows if not r["claim"] and r["contrast"] not in ALTERNATIVES]
    adjusted = exploratory([np.nan if row["failed"] else row["p_value"] for row in rest])
    for row, p in zip(rest, adjusted, strict=True):
        row["p_bh"] = p
    for row in rows:
        key = _key(row)
        if row["claim"] in (*claims.primary, *ACCURACY, "C6"):
            row["verdict"], row["reason"] = plain[key]
        elif row["claim"] == "C4":
            row["failed"] = _unusable(row)
            row["reason"] = "; ".join(["descriptive: it conditions on outcomes", *row["failed"]])
    said = {(_key(row), row["measure"]): sentence(row, confidence) for row in rows if row["claim"]}
    return ordered([row | {"sentence": said[_key(row), row["decisive"]] if row["claim"] else ""} for row in rows])


def _unusable(row: Row) -> list[str]:
    """Why nothing can be read off a row: what failed of its gates, else that its measure's calibration did."""
    return row["failed"] or [UNCALIBRATED] * (row["calibration"] == "failed")


def calibration_status(calibration: Calibrated, datasets: Sequence[str], measure: str) -> str:
    """Status of a measure on a dataset, or on several: failed if it is on one, validated if it is on all."""
    found = {calibration.get((dataset, measure), NOT_CALIBRATED) for dataset in datasets}
    return next((status for status in ("failed", NOT_CALIBRATED) if status in found), "validated")


def judge_sizes(
    found: pd.DataFrame,
    gates: pd.DataFrame,
    *,
    claim: str = "C5",
    confidence: float,
    calibration: Calibrated | None = None,
    alternatives: Sequence[pd.DataFrame] = (),
) -> pd.DataFrame:
    """C5, or the part of R1 that is about sizes: adjusted p (a family of its own), verdicts and sentences.

    Each measure has the `verdict` of D by itself: as other claims about reading, C5 needs simple effects of D that are
    not `opposed`, and the same verdict however invalid readouts are counted.

    Args:
        found: scales.compare_sizes of all arms.
        gates: tables.Gates; the claim needs the cells of both models.
        claim: C5 or R1.
        confidence: of the intervals.
        calibration: status of the measures; None: not calibrated.
        alternatives: scales.compare_sizes with invalid readouts as "same" and as "changed"; none for R1.

    Returns:
        tables.Effects; the estimate is D, positive where the smaller model is affected more in the claimed direction.
    """
    rows = _judged_sizes(found, gates, claim, calibration or {})
    others = [
        {_place(row): row["verdict"] for row in _judged_sizes(other, gates, claim, calibration or {})}
        for other in alternatives
    ]
    for row in rows:
        row["verdict"], row["reason"] = _under_all(row["verdict"], row["reason"], [o[_place(row)] for o in others])
        row["sentence"] = sentence(row, confidence)
        row["reason"] = (
            row["reason"] or f"smallest {row['smallest']}, largest {row['largest']}; positive: smaller affected more"
        )
    return ordered(rows)


def _judged_sizes(found: pd.DataFrame, gates: pd.DataFrame, claim: str, calibration: Calibrated) -> list[Row]:
    """Rows of D with the verdicts that they have by one way to count invalid readouts."""
    every: list[Row] = found.to_dict("records")  # type: ignore[assignment]
    for row in every:
        row["failed"] = [
            f"{model}: {why}"
            for model in (row["smallest"], row["largest"])
            for why in _failures(gates, model, row["arm"], row["pool"], accuracy=claim in ACCURACY)
        ]
        row |= {"model": "smallest-largest", "claim": claim, "tests": claim, "contrast": "scale", "parameters": None}
        row |= {"base_mean": np.nan, "tuned_mean": np.nan, "interpretable": not row["failed"], "together": []}
        row["calibration"] = calibration_status(calibration, row["pool"], row["measure"])
    simple, rows = simple_effects(every), [row for row in every if row["component"] != "interaction"]
    for pooled in (False, True):
        _adjust([[row] for row in rows if (row["dataset"] == "pooled") == pooled])
    for row in rows:
        ends = row["equivalence_low"], row["equivalence_high"]
        part = Part(row["estimate"], *ends, row["margin"], +1, simple.get(_place(row)), row["calibration"])
        row["verdict"], row["reason"] = verdict([part], row["p_holm"], row["failed"])
    return rows


def ordered(rows: Sequence[Row] | pd.DataFrame) -> pd.DataFrame:
    """tables.Effects in the order of claims, sizes (large first), arms, datasets, contrasts and measures."""
    data = pd.DataFrame(rows).reindex(columns=Effects.names)
    data = frame(data.assign(sparse=data["sparse"].astype("boolean")), Effects)
    places = {name: place for place, name in enumerate([*CLAIMS, "", *MEASURES, *COMPONENTS])}
    keys = data.assign(
        claim=data["claim"].map(places),
        parameters=-data["parameters"].fillna(0),
        dataset_pooled=data["dataset"] == "pooled",
        measure=data["measure"].map(places),
        component=data["component"].map(places),
    )
    by = ["claim", "parameters", "model", "arm", "dataset_pooled", "dataset", "contrast", "measure", "component"]
    return data.loc[keys.sort_values(by).index].reset_index(drop=True)


def _tests(row: Row, trained: Collection[str], claims: Claims) -> str:
    """The claim that a row's contrast, measure, component and dataset test, or ''; controls test none."""
    if row["component"] == "reading" and row["contrast"] == "equal_correctness":
        return "C4" if row["measure"] in claims.primary_measures else ""
    if row["contrast"] not in ("plain", *ALTERNATIVES):
        return ""
    if row["component"] == "reading":
        return claims.of_reading(row["measure"]) or ""
    if row["component"] == "total" and row["measure"] in claims.directions["R1"] and row["dataset"] != "pooled":
        return "R1" if row["dataset"] in trained else "R2"
    return ""


def _failures(gates: pd.DataFrame, model: str, arm: str, datasets: Sequence[str], *, accuracy: bool) -> list[str]:
    """Why a cell, or one of the cells of a pool, says nothing; accuracy claims use two gates only."""
    failed = gates[~gates["passed"].astype(bool) & (gates["model"] == model) & (gates["arm"] == arm)]
    if accuracy:
        failed = failed[failed["gate"].isin(ACCURACY_GATES)]
    return [
        f"{dataset}: {why}" if len(datasets) > 1 else why
        for dataset in datasets
        for why in failed.loc[failed["dataset"] == dataset, "reason"]
    ]


def _key(row: Row) -> Key:
    return row["tests"], row["model"], row["arm"], row["dataset"]


def _verdicts(rows: Sequence[Row], contrast: str, claims: Claims, alternatives: Collection[Verdicts] = ()) -> Verdicts:
    """Adjust the p values of a contrast (in its rows) and judge each of its claims."""
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        if row["contrast"] == contrast and row["tests"] in (*claims.primary, *ACCURACY):
            groups.setdefault(_key(row), []).append(row)
    for pooled in (False, True):
        for family in (claims.primary, ACCURACY):
            _adjust([g for (claim, *_, d), g in groups.items() if claim in family and (d == "pooled") == pooled])
    simple = simple_effects([row for row in rows if row["contrast"] == contrast])

    def others(key: Key) -> list[str]:
        return [other[key][0] for other in alternatives if key in other]

    found = {}
    for key, group in groups.items():
        parts = []
        for row in group:
            ends = row["equivalence_low"], row["equivalence_high"]
            by_writer = None if key[0] in ACCURACY else simple[_place(row)]
            parts.append(Part(row["estimate"], *ends, row["margin"], row["direction"], by_writer, row["calibration"]))
        found[key] = verdict(parts, group[0]["p_holm"], group[0]["failed"], others(key))
    for row in rows:
        if row["contrast"] == contrast and row["tests"] == "C6":
            key = _key(row)
            decided = beside_informativeness(row, simple[_place(row)], found[("C1", *key[1:])][0])
            found[key] = _under_all(*decided, others(key))
    return found


def _adjust(groups: Sequence[Sequence[Row]]) -> None:
    """Holm in one family: a claim's p is the largest of its measures'; its rows get it, and which measure decides."""
    p_values = [float(np.max([row["p_value"] for row in group])) for group in groups]
    adjusted = holm(p_values, [bool(group[0]["failed"]) for group in groups])
    for group, p, p_holm in zip(groups, p_values, adjusted, strict=True):
        decisive = max(
            group, key=lambda row: (row["calibration"] == "failed", np.isnan(row["p_value"]), row["p_value"])
        )
        name = decisive["measure"]
        for row in group:
            row |= {"p_value": p, "p_holm": p_holm, "decisive": name}


def beside_informativeness(row: Row, simple: tuple[float, float], decided: str) -> tuple[str, str]:
    """C6 from the verdict on C1 and the reading effect on information gain. The first row that applies decides:

    | condition | verdict |
    |---|---|
    | a gate or its calibration failed, or the effect cannot be estimated | not interpretable |
    | C1 is not supported | inconclusive |
    | the effects on base's and on tuned's chains are `opposed` | inconclusive |
    | the lower end of the 90 % interval is above minus the margin | supported |
    | the upper end of the interval is below zero | contradicted |
    | otherwise | inconclusive |

    Args:
        row: of information gain, with failed.
        simple: its `simple_effects`.
        decided: the verdict on C1.

    Returns:
        (verdict, reason).
    """
    unusable = _unusable(row)
    if unusable or np.isnan(row["estimate"]):
        return "not interpretable", "; ".join(unusable) or TOO_FEW
    if decided != "supported":
        return "inconclusive", f"it rests on C1, whose verdict here is '{decided}'"
    if opposed(simple, row["margin"]):
        return "inconclusive", OPPOSED
    if row["equivalence_low"] > -row["margin"]:
        return "supported", "C1 is supported, and information gain does not fall by more than its margin"
    if row["ci_high"] < 0:
        return "contradicted", "C1 is supported, but information gain falls as well"
    return "inconclusive", "C1 is supported, but whether information gain falls as well stays open"
