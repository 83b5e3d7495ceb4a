"""Rules of decision (method, section 8): from the numbers of a claim to its verdict."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from statsmodels.stats.multitest import multipletests

from faithfulness.compare.effect_rows import EffectRow, Place
from faithfulness.compare.inference import LEVEL, ZERO, Floats

DECIDED = ("supported", "contradicted", "equivalent")
OPEN = "inconclusive"
CLOSED = "not interpretable"
VERDICTS = (*DECIDED, OPEN, CLOSED)

NOT_CALIBRATED = "not calibrated"
UNCALIBRATED = "a measure of it did not pass its calibration"
OPPOSED = "the effects on the base arm's and on the tuned arm's chains differ in sign, by more than the margin"
DEPENDS = "the verdict depends on how answers that could not be read are counted"
TOO_FEW = "fewer than two items can be compared"

Calibrated = Mapping[tuple[str, str], str]  # status by (dataset, measure); what is not there is not calibrated


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
    | a measure failed its calibration | not interpretable | that it did |
    | an effect cannot be estimated (fewer than two items) | not interpretable | that it cannot |
    | the reading effects on base's and on tuned's chains are `opposed` | inconclusive | that they are |
    | all 90 % intervals lie inside the margins | equivalent | whether it is also detectable |
    | p_holm <= .05, all effects have the claimed sign | supported | - |
    | p_holm <= .05, all effects have the other sign | contradicted | - |
    | p_holm <= .05, the signs are mixed | inconclusive | that they are |
    | otherwise | inconclusive | - |

    'equivalent', 'supported' and 'contradicted' become inconclusive where another verdict comes out when invalid
    readouts count as "same" or as "changed".

    Args:
        parts: one for each measure; C1 has two and needs both.
        p_holm: the adjusted p of the claim.
        failed: why the cell says nothing; empty if nothing failed.
        alternatives: the verdicts under the other two ways to count invalid readouts.

    Returns:
        (verdict, reason); the reason is '' where the numbers speak for themselves.
    """
    decided, reason = _decide(parts, p_holm, failed)
    return under_all(decided, reason, alternatives)


def under_all(decided: str, reason: str, alternatives: Collection[str]) -> tuple[str, str]:
    """A verdict, unless another way to count invalid readouts gives another one."""
    if decided in DECIDED and set(alternatives) - {decided}:
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


def simple_effects(rows: Sequence[EffectRow]) -> dict[Place, tuple[float, float]]:
    """The reading effects on base's and on tuned's chains: the reading effect minus and plus half the interaction.

    Args:
        rows: of any contrasts; those of the components reading and interaction are used.
    """
    halves = {row.place: row.estimate / 2 for row in rows if row.component == "interaction"}
    return {
        row.place: (row.estimate - halves[row.place], row.estimate + halves[row.place])
        for row in rows
        if row.component == "reading" and row.place in halves
    }


def part_of(row: EffectRow, simple: Mapping[Place, tuple[float, float]], direction: int) -> Part:
    """What a row shows of its claim."""
    ends = row.equivalence_low, row.equivalence_high
    return Part(row.estimate, *ends, row.margin, direction, simple.get(row.place), row.calibration)


def opposed(simple: tuple[float, float], margin: float) -> bool:
    """Whether simple effects differ in sign and one of them is not within the margin.

    Two effects that are nearly zero differ in sign by chance, every other time.
    """
    return min(simple) < -ZERO and max(simple) > ZERO and max(map(abs, simple)) > margin


def holm(p_values: Sequence[float], gated: Sequence[bool]) -> Floats:
    """Holm's adjusted p in one family; cells that a gate removed stay in it with p = 1 (method, section 8).

    Args:
        p_values: shape (tests,); NaN (nothing to test) counts as 1.
        gated: shape (tests,), whether a gate failed.
    """
    p = np.where(np.asarray(gated, bool) | np.isnan(p_values), 1.0, p_values)
    return np.asarray(multipletests(p, method="holm")[1]) if len(p) else p


def exploratory(p_values: Sequence[float]) -> Floats:
    """Benjamini and Hochberg's adjusted p (1995) of the rows that belong to no claim; NaN where there is none."""
    p = np.asarray(p_values, float)
    known = ~np.isnan(p)
    adjusted = np.full(len(p), np.nan)
    if known.any():
        adjusted[known] = multipletests(p[known], method="fdr_bh")[1]
    return adjusted


def calibration_status(calibration: Calibrated, datasets: Sequence[str], measure: str) -> str:
    """Status of a measure on a dataset, or on several: failed if it is on one, validated if it is on all."""
    known = {calibration.get((dataset, measure), NOT_CALIBRATED) for dataset in datasets}
    return next((status for status in ("failed", NOT_CALIBRATED) if status in known), "validated")


def unusable(row: EffectRow) -> list[str]:
    """Why nothing can be read off a row: what failed of its gates, else that its measure's calibration did."""
    if row.failed or row.calibration != "failed":
        return row.failed
    return [UNCALIBRATED]


def beside_informativeness(row: EffectRow, simple: tuple[float, float], decided: str) -> tuple[str, str]:
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
    reasons = unusable(row)
    if reasons or np.isnan(row.estimate):
        return "not interpretable", "; ".join(reasons) or TOO_FEW
    if decided != "supported":
        return "inconclusive", f"it rests on C1, whose verdict here is '{decided}'"
    if opposed(simple, row.margin):
        return "inconclusive", OPPOSED
    if row.equivalence_low > -row.margin:
        return "supported", "C1 is supported, and information gain does not fall by more than its margin"
    if row.ci_high < 0:
        return "contradicted", "C1 is supported, but information gain falls as well"
    return "inconclusive", "C1 is supported, but whether information gain falls as well stays open"
