"""A row of effects in words: one or two plain sentences for people who know no statistics."""

from dataclasses import replace

import numpy as np

from faithfulness.compare.effect_rows import EffectRow
from faithfulness.compare.inference import LEVEL
from faithfulness.compare.measures import MEASURES
from faithfulness.text import capital, listed, number


def sentence(row: EffectRow, confidence: float) -> str:
    """A claim's row in words, one or two plain sentences; '' for rows that belong to no claim.

    Args:
        row: with its verdict, and the reason as `verdicts` gives it.
        confidence: of its interval.
    """
    if not row.claim:
        return ""
    where, after = f"{row.model}, {_dataset(row)}", f"after {row.arm}"
    measure = MEASURES[row.measure]
    label = measure.label
    falls, rises = measure.falls or f"{label} falls", measure.rises or f"{label} rises"
    moved, change = f"{after} {rises if row.estimate > 0 else falls}", _change(row, confidence)
    if row.claim == "C4":
        return f"{where}: {_described(row, moved if _clear(row) else after, change)}."
    if row.contrast == "scale":
        where = f"{row.smallest} against {row.largest}, {_dataset(row)}"
        more = "loses more accuracy" if row.claim == "R1" else "is affected more in the claimed direction"
        claimed = f"the smaller model {more} {after}"
        moved = f"the {'smaller' if row.estimate > 0 else 'larger'} model {more} {after}"
        change = f"the effects on {label} differ by {_with_interval(row, confidence)}"
    elif row.claim == "C6":
        claimed = f"answers are decided earlier {after} although the chains add no less to the right answer"
        moved = f"{after} {falls}" if row.verdict == "contradicted" else claimed
    else:
        claimed = f"{falls if (row.direction or 0) < 0 else rises} {after}"

    if row.verdict == "not interpretable":
        return f"{where}: nothing can be said about whether {claimed}: {_why_nothing(row)}."
    if row.verdict == "equivalent":
        text = f"{where}: {change} {after}; one of {number(row.margin)} or more can be ruled out (90 % interval)."
    elif row.verdict == "inconclusive":
        text = f"{where}: it stays open whether {claimed}: {change}. {_why_open(row)}"
    else:
        opposite = ", the opposite of the claim" if row.verdict == "contradicted" else ""
        text = f"{where}: {moved}: {change}{opposite}."
    if len(row.together) > 1:
        text += f" The claim is judged on {listed(row.together)} together."
    if row.claim == "C6" and row.verdict != "inconclusive":
        text += f" {capital(row.reason)}."
    return text


def _described(row: EffectRow, moved: str, change: str) -> str:
    """What C4 says, which is no test."""
    those = "items that are equally right or wrong throughout"
    if row.failed:
        return f"nothing can be said about the {those}: {_why_nothing(row)}"
    if np.isnan(row.estimate):
        return f"nothing can be said about the {those}: there are too few of them"
    colon = ":" if _clear(row) else ""
    return f"among the {row.n_items} {those}, {moved}{colon} {change} (a description, not a test)"


def _why_nothing(row: EffectRow) -> str:
    first, *more = row.failed or [row.reason]
    return f"{first} (and {len(more)} more)" if more else first


def _why_open(row: EffectRow) -> str:
    if row.reason:
        return f"{capital(row.reason)}."
    lost = _clear(row) and row.p_holm > LEVEL
    text = (
        f"{'That does not survive the correction for all tests. ' if lost else ''}With {row.n_items} items only a "
        f"change of about {number(row.detectable)} or more would show reliably in a single test"
    )
    if row.items_to_detect > row.n_items:
        text += f"; a change as large as this one takes about {row.items_to_detect:.0f} items to show"
    none = f"that there is none of {number(row.margin)} or more"
    if np.isnan(row.items_for_equivalence):
        text += f"; more training seeds, not more items, could show {none}"
    elif row.items_for_equivalence > row.n_items:
        text += f"; if there is no change at all, about {row.items_for_equivalence:.0f} items would show {none}"
    return f"{text}."


def _clear(row: EffectRow) -> bool:
    """Whether the interval leaves out zero."""
    return bool(row.ci_low > 0 or row.ci_high < 0)


def _dataset(row: EffectRow) -> str:
    if row.dataset != "pooled":
        return str(row.dataset)
    names = {"R1": "the datasets it was tuned on", "R2": "the datasets it was not tuned on"}
    return (names[row.claim] if row.claim in names else listed(row.pool)) + " together"


def _change(row: EffectRow, confidence: float) -> str:
    label = MEASURES[row.measure].label
    if row.ci_low > 0:
        return f"{label} rises by {_with_interval(row, confidence)}"
    if row.ci_high < 0:
        fall = replace(row, estimate=-row.estimate, ci_low=-row.ci_high, ci_high=-row.ci_low)
        return f"{label} falls by {_with_interval(fall, confidence)}"
    return f"{label} changes by {_with_interval(row, confidence)}"


def _with_interval(row: EffectRow, confidence: float) -> str:
    unit = MEASURES[row.measure].unit
    shown = number(row.estimate) + ("" if unit == "share" else f" {unit}")
    return f"{shown} ({100 * confidence:g} % interval {number(row.ci_low)} to {number(row.ci_high)})"
