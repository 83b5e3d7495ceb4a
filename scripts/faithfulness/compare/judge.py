"""From estimates to judged effects (method, section 8): claims, families of tests, one verdict for each claim."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from faithfulness.compare import effects, evidence, verdicts
from faithfulness.compare.alternatives import ALTERNATIVES
from faithfulness.compare.claims import ACCURACY, Claims
from faithfulness.compare.effect_rows import EffectRow, Key, from_estimates, ordered
from faithfulness.compare.effects import Comparison, Pool
from faithfulness.compare.evidence import BETWEEN, Evidence, Simple
from faithfulness.compare.item_means import Cells, Seeds
from faithfulness.compare.measures import MEASURES
from faithfulness.compare.readings import BESIDE_PLAIN, BETWEEN_ARMS, PLAIN
from faithfulness.compare.verdict_text import sentence
from faithfulness.compare.verdicts import Calibrated
from faithfulness.config.roles import is_control
from faithfulness.config.statistics import Statistics

Verdicts = dict[Key, tuple[str, str]]  # verdict, reason
Groups = dict[Key, list[EffectRow]]
EQUAL_GAIN = "scale_equal_gain"
ONE_GAIN = "the gains of the two models differ by the same amount in all items, so gain and size cannot be separated"
ALONE = ("C4", "C7")  # claims whose measures are judged each by itself, without a placebo


def accuracy_pools(
    cells: Cells,
    trained: Mapping[tuple[str, str], Collection[str]],
    statistics: Statistics,
    pool: Pool = sorted,
    seeds: Seeds | None = None,
) -> pd.DataFrame:
    """The pooled rows of R1 (datasets that the arm was tuned on) and R2 (the other ones), where there are several.

    Args:
        cells: frames of means by cell.
        trained: the datasets that each (model, arm) was tuned on.
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
            rows = effects.compare([Comparison("plain", chosen, ["cot_accuracy"], seeds or {})], statistics, pool)
            parts.append(rows[(rows["dataset"] == "pooled") & (rows["component"] == "total")].assign(claim=claim))
    return pd.concat(parts, ignore_index=True)


def judge(
    estimates: pd.DataFrame,
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

    The primary claims, C4 and C7 test the reading component, R1 and R2 the total. Holm's families, each once over
    single cells and once over pooled claims: the primary claims; R1 and R2; C4; C7. In none of them are placebo and
    null arms, nor are they among the rows of no claim, which are adjusted together (`exploratory`) without those of
    gated cells and of the ALTERNATIVES. A pooled claim is not interpretable where one of its cells is not. C6 follows
    from C1 and the reading effect on information gain. All rows of a claim have the sentence of the measure that
    decides: the one that failed its calibration or cannot be estimated, else that of the largest p; C4 and C7 judge
    each measure.

    Args:
        estimates: tables.Estimates: the contrasts of `readings`, same_direct_answer and between_arms, and
            `accuracy_pools`; all but plain may be missing.
        gates: tables.Gates.
        trained: the datasets that each (model, arm) was tuned on.
        sizes: parameters by model.
        seeds: number of training seeds by (model, arm).
        claims: what is claimed.
        confidence: of the intervals.
        calibration: status of the measures; None: not calibrated.

    Returns:
        tables.Effects, sorted.
    """
    rows = from_estimates(estimates)
    pooled_for = estimates["claim"].tolist() if "claim" in estimates else [None] * len(rows)
    for row, claim in zip(rows, pooled_for, strict=True):
        arms = [(row.model, arm) for arm in row.arm.split(BETWEEN)]
        row.tests = claim if isinstance(claim, str) else _tests(row, trained.get(arms[0], ()), claims)
        row.claim = "" if row.contrast in ALTERNATIVES else row.tests
        directions: Mapping[str, int] = claims.directions_of(row.tests) or claims.primary_measures
        row.direction = directions.get(row.measure)
        row.calibration = verdicts.calibration_status(calibration or {}, row.pool, row.measure)
        row.parameters, row.n_seeds = sizes[row.model], min(seeds.get(arm, 1) for arm in arms)
        if row.claim in claims.primary:
            row.together = [MEASURES[name].label for name in claims.directions_of(row.claim)]
    evidence.describe(rows, gates)
    for row in rows:
        row.decisive, row.reason = row.measure, "; ".join(row.failed)

    decided = _judged(rows, claims)
    for row in rows:
        if row.key in decided and row.claim:
            row.verdict, row.reason = decided[row.key]
    simple = verdicts.simple_effects(rows)
    for claim in ALONE:
        _judge_alone([row for row in rows if row.claim == claim], simple)
    _adjust_exploratory(rows)
    sentences = {(row.key, row.measure): sentence(row, confidence) for row in rows if row.claim}
    for row in rows:
        row.sentence = sentences[row.key, row.decisive] if row.claim else ""
        row.judged_by = evidence.decisive(row).contrast if row.claim else ""
    return ordered(rows)


def _tests(row: EffectRow, trained: Collection[str], claims: Claims) -> str:
    """The claim that a row's contrast, measure, component and dataset test, or ''; controls test none."""
    if is_control(row.arm):
        return ""
    if row.component == "reading" and row.contrast in ("same_direct_answer", BETWEEN_ARMS):
        claim = "C4" if row.contrast == "same_direct_answer" else "C7"
        return claim if row.measure in claims.primary_measures else ""
    if row.contrast not in (PLAIN, *ALTERNATIVES):
        return ""
    if row.component == "reading":
        return claims.of_reading(row.measure) or ""
    if row.component == "total" and row.measure in claims.directions["R1"] and row.dataset != "pooled":
        return "R1" if row.dataset in trained else "R2"
    return ""


def _judged(rows: Sequence[EffectRow], claims: Claims) -> Verdicts:
    """The verdicts on the primary claims, C6 and accuracy, which are the same however the run is counted and read."""
    simple = verdicts.simple_effects(rows)
    groups: Groups = {}
    for row in rows:
        if row.claim in (*claims.primary, *ACCURACY):
            groups.setdefault(row.key, []).append(row)
    gains = {row.key: row for row in rows if row.claim == "C6"}
    main = {key: evidence.evidence(group, simple) for key, group in groups.items()}
    by_reading: dict[str, Verdicts] = {}
    for name in [name for name in ALTERNATIVES if any(row.contrast == name for row in rows)]:
        asked = {key: group for key, group in groups.items() if evidence.applies(group, name, key[0])}
        asked_gains = {key: row for key, row in gains.items() if evidence.applies([row], name, "C6")}
        known = {key: group for key, group in asked.items() if evidence.known(group, name)}
        moved = {key: evidence.evidence(group, simple, name) for key, group in known.items()}
        decided = _decide(groups, main | moved, claims)
        others = {key: row.beside[name] for key, row in asked_gains.items() if evidence.known([row], name)}
        found = {key: decided[key] for key in moved} | _beside(others, decided, simple)
        # What was asked for and could not be had is no agreement.
        too_few = (verdicts.CLOSED, f"too few items can be compared where {ALTERNATIVES[name].label}")
        by_reading[name] = dict.fromkeys((*asked, *asked_gains), too_few) | {
            key: (verdict, ALTERNATIVES[name].reason) for key, (verdict, _) in found.items()
        }
    shared = _shared(_decide(groups, main, claims, record=True), by_reading)
    return shared | _shared(_beside(gains, shared, simple), by_reading)


def _shared(decided: Verdicts, by_reading: Mapping[str, Verdicts]) -> Verdicts:
    """The verdicts of the main reading; inconclusive where an alternative gives another one.

    Args:
        decided: of the main reading.
        by_reading: by the name of an alternative, with the reason why one that is not shared is inconclusive.
    """
    return {
        key: verdicts.under_all(*verdict, [of[key] for of in by_reading.values() if key in of])
        for key, verdict in decided.items()
    }


def _decide(groups: Groups, found: Mapping[Key, Evidence], claims: Claims, *, record: bool = False) -> Verdicts:
    """The verdicts on the primary claims and on accuracy, with Holm's p; its rows get the p if it is to be recorded."""
    decided: Verdicts = {}
    for pooled in (False, True):
        for family in (claims.primary, ACCURACY):
            keys = [key for key in groups if key[0] in family and (key[3] == "pooled") == pooled]
            gated, left = [bool(found[key].failed) for key in keys], [found[key].leaves for key in keys]
            adjusted = verdicts.holm([found[key].p_value for key in keys], gated, left)
            of_base = verdicts.holm([found[key].p_base for key in keys], gated, left)
            for key, p, p_base in zip(keys, adjusted, of_base, strict=True):
                one = found[key]
                decided[key] = verdicts.verdict(
                    one.parts, p, one.failed, p_base=p_base, placebo_failed=one.placebo_failed
                )
                if record:
                    _record(groups[key], one, p)
    return decided


def _record(group: Sequence[EffectRow], one: Evidence, p_holm: float) -> None:
    """Give the rows of a claim its p, and the measure that decides."""
    p_of = one.p_values
    decisive = max(group, key=lambda row: (row.calibration == "failed", np.isnan(p_of[row.measure]), p_of[row.measure]))
    for row in group:
        row.claim_p_value, row.p_holm, row.decisive = one.p_value, p_holm, decisive.measure
        row.failed, row.interpretable = one.failed, not one.failed


def _beside(rows: Mapping[Key, EffectRow], of_claims: Verdicts, simple: Simple) -> Verdicts:
    """C6, from rows of information gain and the verdicts on C1."""
    return {
        key: verdicts.beside_informativeness(row, simple[row.place], of_claims["C1", *key[1:]][0])
        for key, row in rows.items()
    }


def _judge_alone(rows: Sequence[EffectRow], simple: Simple) -> None:
    """Judge the rows of a claim each by itself: a family of single cells, and one of pools."""
    for pooled in (False, True):
        family = [row for row in rows if (row.dataset == "pooled") == pooled]
        adjusted = verdicts.holm(
            [row.p_value for row in family], [bool(row.failed) for row in family], [row.leaves for row in family]
        )
        for row, p_holm in zip(family, adjusted, strict=True):
            row.claim_p_value, row.p_holm, row.decisive = row.p_value, p_holm, row.measure
            decided = verdicts.verdict([evidence.part_of(row, simple, row.direction or 0)], p_holm, row.failed)
            row.verdict, row.reason = _uncorrected(row, *decided)


def _uncorrected(row: EffectRow, verdict: str, reason: str) -> tuple[str, str]:
    """A verdict, unless it rests on constant answers that nothing corrects for chance."""
    return (verdicts.OPEN, verdicts.UNCORRECTED) if row.corrected and verdict in verdicts.DECIDED else (verdict, reason)


def _adjust_exploratory(rows: Sequence[EffectRow]) -> None:
    """Adjust the p of rows of no claim, without gated cells, controls and alternatives."""
    rest = [r for r in rows if not r.claim and r.contrast not in BESIDE_PLAIN and not is_control(r.arm)]
    adjusted = verdicts.exploratory([np.nan if row.failed else row.p_value for row in rest])
    for row, p in zip(rest, adjusted, strict=True):
        row.p_bh = p


def judge_sizes(
    gaps: pd.DataFrame,
    gates: pd.DataFrame,
    *,
    claims: Claims,
    claim: str = "C5",
    confidence: float,
    calibration: Calibrated | None = None,
    alternatives: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """C5, or the part of R1 that is about sizes: adjusted p (a family of its own), verdicts and sentences.

    Each measure has the verdict of D by itself: as other claims about reading, C5 needs simple effects of D that are
    not `opposed`, and the same verdict under the ALTERNATIVES of the claim that the measure belongs to. It is judged at
    equal gain of direct accuracy where there are such rows; the others are shown beside them and get no verdict. Where
    all items differ in gain by the same amount it is not interpretable.

    Args:
        gaps: model_sizes.compare_sizes of all arms; with a column contrast, 'scale' or 'scale_equal_gain', where there
            are both.
        gates: tables.Gates; the claim needs the cells of both models.
        claims: what is claimed.
        claim: C5 or R1.
        confidence: of the intervals.
        calibration: status of the measures; None: not calibrated.
        alternatives: the same as gaps by the name of an alternative; none for R1.

    Returns:
        tables.Effects; the estimate is D, positive where the smaller model is affected more in the claimed direction.
    """
    rows = _judged_sizes(gaps, gates, claim, calibration or {})
    by_way = {
        name: {row.place: row.verdict for row in _judged_sizes(table, gates, claim, calibration or {})}
        for name, table in (alternatives or {}).items()
    }
    for row in rows:
        others = [
            (way[row.place], ALTERNATIVES[name].reason)
            for name, way in by_way.items()
            if way.get(row.place) and claims.of_reading(row.measure) in ALTERNATIVES[name].claims
        ]
        row.verdict, row.reason = verdicts.under_all(row.verdict, row.reason, others)
        row.sentence = sentence(row, confidence)
        row.reason = row.reason or f"smallest {row.smallest}, largest {row.largest}; positive: smaller affected more"
    return ordered(rows)


def _judged_sizes(gaps: pd.DataFrame, gates: pd.DataFrame, claim: str, calibration: Calibrated) -> list[EffectRow]:
    """Rows of D with the verdicts that they have by one way to count and read the run."""
    named = gaps if "contrast" in gaps else gaps.assign(contrast="scale")
    components = from_estimates(named.assign(model="smallest-largest"))
    extremes = zip(gaps["smallest"], gaps["largest"], gaps["n_seeds"], strict=True)
    for row, (smallest, largest, n_seeds) in zip(components, extremes, strict=True):
        row.tests = row.claim = claim
        row.direction = +1
        row.smallest, row.largest, row.n_seeds = str(smallest), str(largest), int(n_seeds)
        row.calibration = verdicts.calibration_status(calibration, row.pool, row.measure)
    evidence.describe(components, gates)
    rows = [row for row in components if row.component != "interaction"]
    known = {row.place[1:] for row in rows if row.contrast == "scale" and not np.isnan(row.estimate)}
    for row in rows:
        if row.contrast == EQUAL_GAIN and np.isnan(row.estimate) and row.place[1:] in known:
            row.failed.append(ONE_GAIN)
    judged = EQUAL_GAIN if any(row.contrast == EQUAL_GAIN for row in rows) else "scale"
    _judge_alone([row for row in rows if row.contrast == judged], verdicts.simple_effects(components))
    return rows
