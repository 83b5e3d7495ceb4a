"""Rules of decision (method, section 8): from the numbers of a claim to its verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from faithfulness.compare.effect_rows import EffectRow, Place
from faithfulness.compare.inference import LEVEL, ZERO, Floats

DECIDED = ("supported", "contradicted", "equivalent", "as placebo")
OPEN = "inconclusive"
CLOSED = "not interpretable"
VERDICTS = (*DECIDED, OPEN, CLOSED)

NOT_CALIBRATED = "not calibrated"
UNCALIBRATED = "a measure of it did not pass its calibration"
OPPOSED = "the effects on the base arm's and on the tuned arm's chains differ in sign, by more than the margin"
APART = "the measures of the claim move in different directions"
NO_ROOM = "base is so near to the end of the scale that an effect of the margin has no room"
NO_PLACEBO_VERDICT = "the placebo could not be judged"
BESIDE_PLACEBO = "tuning changed it against base, but whether by more than the placebo did stays open"
UNCORRECTED = "one answer is constant under the perturbation, and these numbers are not corrected for chance"
TOO_FEW = "fewer than two items can be compared"

Calibrated = Mapping[tuple[str, str], str]  # status by (dataset, measure); what is not there is not calibrated


@dataclass(frozen=True)
class Seen:
    """An estimate, and its 90 % interval."""

    estimate: float
    low: float
    high: float

    def within(self, margin: float) -> bool:
        """Whether the interval lies inside the margin around zero."""
        return -margin < self.low and self.high < margin


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
        base: with a placebo, tuned minus base on base's chains, which says whether there is a change against base;
            None where no placebo was run: the effect says so.
        placebo: tuned minus placebo on base's chains; None where no placebo was run.
        room: whether base leaves room for an effect of the margin in the claimed direction.
    """

    estimate: float
    low: float
    high: float
    margin: float
    direction: int
    simple: tuple[float, float] | None = None
    calibration: str = NOT_CALIBRATED
    base: Seen | None = None
    placebo: Seen | None = None
    room: bool = True

    @property
    def against_base(self) -> Seen:
        """What says whether there is a change against base."""
        return self.base or Seen(self.estimate, self.low, self.high)

    @property
    def equivalent(self) -> bool:
        """Whether the effect, and with a placebo that on base's chains too, lies inside the margin."""
        return all(seen.within(self.margin) for seen in (Seen(self.estimate, self.low, self.high), self.against_base))


def verdict(
    parts: Sequence[Part],
    p_holm: float,
    failed: Sequence[str] = (),
    *,
    p_base: float | None = None,
    placebo_failed: Sequence[str] = (),
) -> tuple[str, str]:
    """Verdict of a cell or of a pooled claim (method, section 8). The first row that applies decides:

    | condition | verdict | reason |
    |---|---|---|
    | a gate failed | not interpretable | what failed |
    | a measure failed its calibration | not interpretable | that it did |
    | an effect cannot be estimated (fewer than two items) | not interpretable | that it cannot |
    | the reading effects on base's and on tuned's chains are `opposed` | inconclusive | that they are |
    | all 90 % intervals lie inside the margins, a measure has no room | inconclusive | that it has none |
    | all 90 % intervals lie inside the margins | equivalent | whether a change was detected, too |
    | no change against base was detected | inconclusive | - |
    | the effects against base differ in sign | inconclusive | that they do |
    | the placebo failed | inconclusive | that it did |
    | p_holm <= .05, all effects have the claimed sign, a measure has no room | inconclusive | that it has none |
    | p_holm <= .05, all effects have the claimed sign | supported | - |
    | p_holm <= .05, all effects have the other sign | contradicted | - |
    | all 90 % intervals against the placebo lie inside the margins, a measure has no room | inconclusive | the same |
    | all 90 % intervals against the placebo lie inside the margins | as placebo | - |
    | otherwise (there is a placebo) | inconclusive | that it may explain the change |

    With a placebo, "all effects" are those against base and those against the placebo, both on base's chains, "a change
    against base was detected" means p_base <= .05, and "all 90 % intervals" of the effects include those against base
    on base's chains. Without one, these are the effects over both writers' chains, and p_holm <= .05.

    Args:
        parts: one for each measure; C1 has two and needs both.
        p_holm: the adjusted p of the claim: the largest of all comparisons that it needs.
        failed: why the cell says nothing; empty if nothing failed.
        p_base: the adjusted p of the claim without the comparisons with the placebo; only used where there is one.
        placebo_failed: why the placebo says nothing; empty if nothing failed.

    Returns:
        (verdict, reason); the reason is '' where the numbers speak for themselves.
    """
    if nothing := _nothing(parts, failed):
        return CLOSED, nothing
    if any(part.simple and opposed(part.simple, part.margin) for part in parts):
        return OPEN, OPPOSED
    of_base = p_base if p_base is not None and any(part.placebo for part in parts) else p_holm
    changed = of_base <= LEVEL
    if all(part.equivalent for part in parts):
        return _if_room(parts, "equivalent", "detectable, but too small to matter" if changed else "")
    return _changed(parts, p_holm, placebo_failed) if changed else (OPEN, "")


def _nothing(parts: Sequence[Part], failed: Sequence[str]) -> str:
    """Why nothing can be said; '' if something can."""
    if failed:
        return "; ".join(failed)
    if any(part.calibration == "failed" for part in parts):
        return UNCALIBRATED
    return TOO_FEW if any(np.isnan(part.estimate) for part in parts) else ""


def _if_room(parts: Sequence[Part], decided: str, reason: str) -> tuple[str, str]:
    return (decided, reason) if all(part.room for part in parts) else (OPEN, NO_ROOM)


def _changed(parts: Sequence[Part], p_holm: float, placebo_failed: Sequence[str]) -> tuple[str, str]:
    """The verdict where a change against base was detected."""
    signs = {float(np.sign(part.against_base.estimate) * part.direction) for part in parts}
    if signs not in ({1.0}, {-1.0}):
        return OPEN, APART
    if placebo_failed:
        return OPEN, f"{NO_PLACEBO_VERDICT}: {'; '.join(placebo_failed)}"
    of_placebo = {float(np.sign(p.placebo.estimate) * p.direction) for p in parts if p.placebo}
    if p_holm <= LEVEL and of_placebo <= signs:
        return _if_room(parts, "supported", "") if signs == {1.0} else ("contradicted", "")
    if all(part.placebo and part.placebo.within(part.margin) for part in parts):
        return _if_room(parts, "as placebo", "")
    return OPEN, BESIDE_PLACEBO if of_placebo else ""


def under_all(decided: str, reason: str, others: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """A verdict, unless another way to count or read the same run gives another one.

    Args:
        decided: the verdict.
        reason: its reason.
        others: for each other way its verdict, and why a verdict that it does not share is inconclusive.
    """
    moved = list(dict.fromkeys(why for other, why in others if other != decided))
    return (OPEN, "; ".join(moved)) if decided in DECIDED and moved else (decided, reason)


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


def opposed(simple: tuple[float, float], margin: float) -> bool:
    """Whether simple effects differ in sign and one of them is not within the margin.

    Two effects that are nearly zero differ in sign by chance, every other time.
    """
    return min(simple) < -ZERO and max(simple) > ZERO and max(map(abs, simple)) > margin


def holm(p_values: Sequence[float], gated: Sequence[bool], left: Sequence[bool]) -> Floats:
    """Holm's adjusted p in one family (Holm 1979).

    A cell that a gate closed stays in the family with p = 1, as the gate may depend on the effect; one whose gate looks
    at base alone or at chains leaves it (method, section 8), but only where no more than half of the family would. In
    simulations in which the gate's statistic correlates with the effect (.58), the family's error is then .029 at most;
    it would be .048 if three in four cells left.

    Args:
        p_values: shape (tests,); NaN (nothing to test) counts as 1.
        gated: shape (tests,), whether a gate failed.
        left: shape (tests,), whether a gate of base alone or of chains failed.

    Returns:
        Shape (tests,); NaN for tests that left.
    """
    leaves = np.asarray(left, bool)
    leaves = leaves & (2 * leaves.sum() <= len(leaves))
    p = np.where(np.asarray(gated, bool) | np.asarray(left, bool) | np.isnan(p_values), 1.0, p_values)
    stays = ~leaves
    adjusted = np.full(len(p), np.nan)
    places = np.flatnonzero(stays)[np.argsort(p[stays], kind="stable")]
    factors = np.arange(len(places), 0, -1)
    adjusted[places] = np.minimum(np.maximum.accumulate(p[places] * factors), 1.0)
    return adjusted


def exploratory(p_values: Sequence[float]) -> Floats:
    """Benjamini and Hochberg's adjusted p (1995) of the rows that belong to no claim; NaN where there is none."""
    p = np.asarray(p_values, float)
    known = ~np.isnan(p)
    adjusted = np.full(len(p), np.nan)
    if known.any():
        adjusted[known] = stats.false_discovery_control(p[known], method="bh")
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
        return CLOSED, "; ".join(reasons) or TOO_FEW
    if decided != "supported":
        return "inconclusive", f"it rests on C1, whose verdict here is '{decided}'"
    if opposed(simple, row.margin):
        return "inconclusive", OPPOSED
    if row.equivalence_low > -row.margin:
        return "supported", "C1 is supported, and information gain does not fall by more than its margin"
    if row.ci_high < 0:
        return "contradicted", "C1 is supported, but information gain falls as well"
    return "inconclusive", "C1 is supported, but whether information gain falls as well stays open"
