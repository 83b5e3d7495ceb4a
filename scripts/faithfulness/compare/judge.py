"""From estimates to judged effects (method, section 8): claims, families of tests, one verdict for each claim."""

import functools
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from faithfulness.compare import effects, verdicts
from faithfulness.compare.claims import ACCURACY, Claims
from faithfulness.compare.effect_rows import EffectRow, Key, from_estimates, ordered
from faithfulness.compare.effects import Comparison, Pool
from faithfulness.compare.gates import ACCURACY_GATES
from faithfulness.compare.item_means import Cells, Seeds
from faithfulness.compare.measures import MEASURES
from faithfulness.compare.reader_contrasts import READER_CONTRASTS
from faithfulness.compare.verdict_text import sentence
from faithfulness.compare.verdicts import Calibrated
from faithfulness.config.statistics import Statistics

Verdicts = dict[Key, tuple[str, str]]  # verdict, reason

ALTERNATIVES = {"invalid_as_same": "same", "invalid_as_changed": "changed"}  # contrast: how invalid readouts count


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

    C1-C3 test the reading component, R1 and R2 the total. Holm's families: the primary claims over all cells; R1 and
    R2 over all cells; the same two among pooled claims. Rows of no claim are adjusted together (`exploratory`), without
    those of gated cells and of the alternatives. A pooled claim is not interpretable where one of its cells is not. C6
    follows from C1 and the reading effect on information gain. All rows of a claim have the sentence of the measure
    that decides: the one that failed its calibration or cannot be estimated, else that of the largest p.

    Args:
        estimates: tables.Estimates: of the contrasts plain, equal_correctness and the ALTERNATIVES, and
            `accuracy_pools`.
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
    estimates = estimates[~estimates["contrast"].isin(READER_CONTRASTS)]
    rows = from_estimates(estimates)
    pooled_for = estimates["claim"].tolist() if "claim" in estimates else [None] * len(rows)
    failures = functools.cache(functools.partial(_failures, gates))
    for row, claim in zip(rows, pooled_for, strict=True):
        pair = row.model, row.arm
        row.tests = claim if isinstance(claim, str) else _tests(row, trained[pair], claims)
        row.claim = "" if row.contrast in ALTERNATIVES else row.tests
        directions: Mapping[str, int] = claims.directions_of(row.tests) or claims.primary_measures
        row.direction = directions.get(row.measure)
        row.failed = failures(*pair, row.pool, accuracy=not MEASURES[row.measure].of_chain)
        row.interpretable = not row.failed
        row.calibration = verdicts.calibration_status(calibration or {}, row.pool, row.measure)
        row.parameters, row.n_seeds = sizes[row.model], seeds[pair]
        if row.claim in claims.primary:
            row.together = [MEASURES[name].label for name in claims.directions_of(row.claim)]
        row.decisive, row.reason = row.measure, "; ".join(row.failed)

    alternatives = {contrast: _verdicts(rows, contrast, claims) for contrast in ALTERNATIVES}
    plain = _verdicts(rows, "plain", claims, alternatives.values())
    rest = [row for row in rows if not row.claim and row.contrast not in ALTERNATIVES]
    adjusted = verdicts.exploratory([np.nan if row.failed else row.p_value for row in rest])
    for row, p in zip(rest, adjusted, strict=True):
        row.p_bh = p
    for row in rows:
        if row.claim in (*claims.primary, *ACCURACY, "C6"):
            row.verdict, row.reason = plain[row.key]
        elif row.claim == "C4":
            row.failed = verdicts.unusable(row)
            row.reason = "; ".join(["descriptive: it conditions on outcomes", *row.failed])
    sentences = {(row.key, row.measure): sentence(row, confidence) for row in rows if row.claim}
    for row in rows:
        row.sentence = sentences[row.key, row.decisive] if row.claim else ""
    return ordered(rows)


def judge_sizes(
    gaps: pd.DataFrame,
    gates: pd.DataFrame,
    *,
    claim: str = "C5",
    confidence: float,
    calibration: Calibrated | None = None,
    alternatives: Sequence[pd.DataFrame] = (),
) -> pd.DataFrame:
    """C5, or the part of R1 that is about sizes: adjusted p (a family of its own), verdicts and sentences.

    Each measure has the verdict of D by itself: as other claims about reading, C5 needs simple effects of D that are
    not `opposed`, and the same verdict however invalid readouts are counted.

    Args:
        gaps: model_sizes.compare_sizes of all arms.
        gates: tables.Gates; the claim needs the cells of both models.
        claim: C5 or R1.
        confidence: of the intervals.
        calibration: status of the measures; None: not calibrated.
        alternatives: model_sizes.compare_sizes with invalid readouts as "same" and as "changed"; none for R1.

    Returns:
        tables.Effects; the estimate is D, positive where the smaller model is affected more in the claimed direction.
    """
    rows = _judged_sizes(gaps, gates, claim, calibration or {})
    by_place = [
        {row.place: row.verdict for row in _judged_sizes(table, gates, claim, calibration or {})}
        for table in alternatives
    ]
    for row in rows:
        row.verdict, row.reason = verdicts.under_all(row.verdict, row.reason, [v[row.place] for v in by_place])
        row.sentence = sentence(row, confidence)
        row.reason = row.reason or f"smallest {row.smallest}, largest {row.largest}; positive: smaller affected more"
    return ordered(rows)


def _judged_sizes(gaps: pd.DataFrame, gates: pd.DataFrame, claim: str, calibration: Calibrated) -> list[EffectRow]:
    """Rows of D with the verdicts that they have by one way to count invalid readouts."""
    components = from_estimates(gaps.assign(model="smallest-largest", contrast="scale"))
    extremes = zip(gaps["smallest"], gaps["largest"], gaps["n_seeds"], strict=True)
    for row, (smallest, largest, n_seeds) in zip(components, extremes, strict=True):
        row.tests = row.claim = claim
        row.smallest, row.largest, row.n_seeds = str(smallest), str(largest), int(n_seeds)
        row.failed = [
            f"{model}: {why}"
            for model in (row.smallest, row.largest)
            for why in _failures(gates, model, row.arm, row.pool, accuracy=claim in ACCURACY)
        ]
        row.interpretable = not row.failed
        row.calibration = verdicts.calibration_status(calibration, row.pool, row.measure)
    simple = verdicts.simple_effects(components)
    rows = [row for row in components if row.component != "interaction"]
    for pooled in (False, True):
        _adjust([[row] for row in rows if (row.dataset == "pooled") == pooled])
    for row in rows:
        row.verdict, row.reason = verdicts.verdict([verdicts.part_of(row, simple, +1)], row.p_holm, row.failed)
    return rows


def _tests(row: EffectRow, trained: Collection[str], claims: Claims) -> str:
    """The claim that a row's contrast, measure, component and dataset test, or ''; controls test none."""
    if row.component == "reading" and row.contrast == "equal_correctness":
        return "C4" if row.measure in claims.primary_measures else ""
    if row.contrast not in ("plain", *ALTERNATIVES):
        return ""
    if row.component == "reading":
        return claims.of_reading(row.measure) or ""
    if row.component == "total" and row.measure in claims.directions["R1"] and row.dataset != "pooled":
        return "R1" if row.dataset in trained else "R2"
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


def _verdicts(
    rows: Sequence[EffectRow], contrast: str, claims: Claims, alternatives: Collection[Verdicts] = ()
) -> Verdicts:
    """Adjust the p values of a contrast (in its rows) and judge each of its claims."""
    of_contrast = [row for row in rows if row.contrast == contrast]
    groups: dict[Key, list[EffectRow]] = {}
    for row in of_contrast:
        if row.tests in (*claims.primary, *ACCURACY):
            groups.setdefault(row.key, []).append(row)
    for pooled in (False, True):
        for family in (claims.primary, ACCURACY):
            _adjust([g for (claim, *_, d), g in groups.items() if claim in family and (d == "pooled") == pooled])
    simple = verdicts.simple_effects(of_contrast)

    def otherwise(key: Key) -> list[str]:
        return [judged[key][0] for judged in alternatives if key in judged]

    decided = {}
    for key, group in groups.items():
        by_writer = {} if key[0] in ACCURACY else simple
        parts = [verdicts.part_of(row, by_writer, row.direction or 0) for row in group]
        decided[key] = verdicts.verdict(parts, group[0].p_holm, group[0].failed, otherwise(key))
    for row in of_contrast:
        if row.tests == "C6":
            of_c1 = decided[("C1", *row.key[1:])][0]
            verdict, reason = verdicts.beside_informativeness(row, simple[row.place], of_c1)
            decided[row.key] = verdicts.under_all(verdict, reason, otherwise(row.key))
    return decided


def _adjust(groups: Sequence[Sequence[EffectRow]]) -> None:
    """Holm in one family: the p of a claim is the largest of its measures'; its rows get it, and what decides."""
    p_values = [float(np.max([row.p_value for row in group])) for group in groups]
    adjusted = verdicts.holm(p_values, [bool(group[0].failed) for group in groups])
    for group, p, p_holm in zip(groups, p_values, adjusted, strict=True):
        decisive = max(group, key=lambda row: (row.calibration == "failed", np.isnan(row.p_value), row.p_value))
        for row in group:
            row.claim_p_value, row.p_holm, row.decisive = p, p_holm, decisive.measure
