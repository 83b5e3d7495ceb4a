"""What a claim's sentence says after its first one: comparisons with base and placebo, why it stays open, notes."""

from dataclasses import replace

import numpy as np

from faithfulness.compare.claims import CLAIMS
from faithfulness.compare.effect_rows import EffectRow
from faithfulness.compare.evidence import compared, decisive
from faithfulness.compare.inference import LEVEL
from faithfulness.compare.measures import MEASURES
from faithfulness.compare.readings import BASE_CHAINS, CHANCE, PLACEBO
from faithfulness.compare.verdicts import NO_ROOM
from faithfulness.text import capital, counted, listed, number, signed


def details(row: EffectRow, confidence: float) -> list[str]:
    """Sentences on a row that can be interpreted, beside what was found.

    Args:
        row: with its verdict.
        confidence: of intervals.
    """
    sentences = []
    if CLAIMS[row.claim].about == "reading" and row.claim != "C6":
        sentences += [_comparisons(row, confidence), _room(row), _same_direct_answer(row, confidence)]
    if row.constants:
        corrected = ", so that agreement is corrected for chance" if CHANCE in row.beside else ""
        sentences.append(f"{capital(listed(row.constants))}{corrected if row.corrected else ''}.")
    sentences += [f"{capital(note)}." for note in row.notes if note not in row.constants]
    return [sentence for sentence in sentences if sentence]


def _comparisons(row: EffectRow, confidence: float) -> str:
    """Against what the claim is judged."""
    if PLACEBO not in row.beside:
        return "No placebo was run."
    of = {"base": compared(row, BASE_CHAINS), "the placebo": compared(row, PLACEBO)}
    known = [f"{_signed(other, confidence)} against {name}" for name, other in of.items() if other]
    label = MEASURES[row.measure].label + (", corrected for chance," if row.corrected else "")
    return f"On base's chains {label} changes by {' and by '.join(known)}." if known else ""


def _room(row: EffectRow) -> str:
    if row.has_room:
        return ""
    way = "rise" if (row.direction or 0) > 0 else "fall"
    near = f"{number(row.room)} from" if float(f"{row.room:.2f}") else "at"
    label = MEASURES[row.measure].label
    return f"Base is {near} the end of the scale, so {label} has no room to {way} by {number(row.margin)}."


def _same_direct_answer(row: EffectRow, confidence: float) -> str:
    """C4 as a condition: how much of the effect is left among items whose answer was not learned."""
    equal = row.beside.get("same_direct_answer")
    if equal is None:
        return ""
    if np.isnan(equal.estimate):
        return "Too few items have a direct answer that did not change, to look at them alone."
    scale = ", which is not corrected for chance" if row.corrected else ""
    among = f"Among the {counted(equal.n_items, 'item')} whose direct answer did not change"
    return f"{among}: {_signed(equal, confidence)}{scale}."


def why_open(row: EffectRow) -> str:
    """Why a verdict is inconclusive, and how many items would settle it."""
    if row.reason and row.reason != NO_ROOM:
        return f"{capital(row.reason)}."
    if not row.has_room:
        return "Neither such an effect nor its absence can be shown here."
    seen = decisive(row)
    if np.isnan(seen.detectable):
        return "Too few answers differ to say how large an effect could be seen."
    lost = (seen.ci_low > 0 or seen.ci_high < 0) and row.p_holm > LEVEL
    on = " on base's chains" if PLACEBO in row.beside else ""
    text = (
        f"{'That does not survive the correction for all tests. ' if lost else ''}With {seen.n_items} items only a "
        f"change of about {number(seen.detectable)} or more{on} would show reliably in a single test"
    )
    needed = []
    if seen.items_to_detect > seen.n_items:
        needed.append(f"about {seen.items_to_detect:.0f} items detect an effect of the size seen")
    if seen.items_for_equivalence > seen.n_items:
        needed.append(f"about {seen.items_for_equivalence:.0f} would show equivalence if there is none")
    elif np.isnan(seen.items_for_equivalence) and not np.isnan(seen.seed_error):
        needed.append("more training seeds, not more items, would show equivalence if there is none")
    return f"{'; '.join([text, *needed])}."


def change(row: EffectRow, label: str, confidence: float) -> str:
    """How a measure moved: 'rises by' and 'falls by' where its interval leaves out zero, else 'changes by'."""
    if row.ci_low > 0:
        return f"{label} rises by {with_interval(row, confidence)}"
    if row.ci_high < 0:
        fall = replace(row, estimate=-row.estimate, ci_low=-row.ci_high, ci_high=-row.ci_low)
        return f"{label} falls by {with_interval(fall, confidence)}"
    return f"{label} changes by {with_interval(row, confidence)}"


def with_interval(row: EffectRow, confidence: float) -> str:
    """The estimate with its unit and interval: '0.21 (95 % interval 0.14 to 0.28)'."""
    unit = MEASURES[row.measure].unit
    shown = number(row.estimate) + ("" if unit == "share" else f" {unit}")
    if np.isnan(row.ci_low):
        return f"{shown} (no interval can be had)"
    return f"{shown} ({100 * confidence:g} % interval {number(row.ci_low)} to {number(row.ci_high)})"


def _signed(row: EffectRow, confidence: float) -> str:
    shown = with_interval(row, confidence)
    return signed(row.estimate) + shown.removeprefix(number(row.estimate))
