"""A row of effects in words: a few plain sentences for people who know no statistics."""

from dataclasses import dataclass

from faithfulness.compare import verdict_details
from faithfulness.compare.claims import CLAIMS
from faithfulness.compare.effect_rows import EffectRow
from faithfulness.compare.evidence import BETWEEN, compared, decisive
from faithfulness.compare.measures import MEASURES
from faithfulness.compare.verdict_details import with_interval
from faithfulness.compare.verdicts import CLOSED, OPEN
from faithfulness.text import capital, counted, listed, number


@dataclass(frozen=True)
class _Words:
    """The parts of a row's first sentence.

    Args:
        where: the cell.
        claimed: what is claimed.
        moved: what was seen, in the direction in which it was seen.
        change: the estimate with its interval.
        after: after what.
    """

    where: str
    claimed: str
    moved: str
    change: str
    after: str


def sentence(row: EffectRow, confidence: float) -> str:
    """A claim's row in words; '' for rows that belong to no claim.

    The first sentence says what was found. Those that follow say against what it was compared (base, placebo), why it
    stays open, and what else must be known of the cell.

    Args:
        row: with its verdict, and the reason as `verdicts` gives it.
        confidence: of its interval.
    """
    if not row.claim:
        return ""
    words = _words(row, confidence)
    if not row.verdict:
        why = _why_nothing(row) if row.failed else ""
        return _nothing(words, why) if why else f"{words.where}: {words.change} (a description, not a test)."
    if row.verdict == CLOSED:
        return _nothing(words, _why_nothing(row))
    text = f"{words.where}: {_found(row, words)}."
    if row.verdict == OPEN:
        text += f" {verdict_details.why_open(row)}"
    if len(row.together) > 1:
        text += f" The claim is judged on {listed(row.together)} together."
    if row.claim == "C6" and row.verdict != OPEN:
        text += f" {capital(row.reason)}."
    return " ".join([text, *verdict_details.details(row, confidence)])


def _found(row: EffectRow, words: _Words) -> str:
    if row.verdict == "equivalent":
        return f"{words.change} {words.after}; one of {number(row.margin)} or more can be ruled out (90 % interval)"
    if row.verdict == OPEN:
        return f"it stays open whether {words.claimed}: {words.change}"
    if row.verdict == "as placebo":
        return f"{words.moved}: {words.change}, but its placebo, trained by the same recipe, does the same"
    opposite = ", the opposite of the claim" if row.verdict == "contradicted" else ""
    return f"{words.moved}: {words.change}{opposite}"


def _nothing(words: _Words, why: str) -> str:
    return f"{words.where}: nothing can be said about whether {words.claimed}: {why}."


def _why_nothing(row: EffectRow) -> str:
    first, *more = row.failed or [row.reason]
    return f"{first} (and {len(more)} more)" if more else first


def _words(row: EffectRow, confidence: float) -> _Words:
    if row.smallest:
        return _of_sizes(row, confidence)
    where, measure = f"{row.model}, {_dataset(row)}", MEASURES[row.measure]
    if CLAIMS[row.claim].about == "arms":
        less, more = row.arm.split(BETWEEN)
        state = {-1: "lower", 1: "higher"}
        claimed, moved = (
            f"{measure.label} is {state[sign]} after {less} than after {more}"
            for sign in (row.direction or 0, 1 if row.estimate > 0 else -1)
        )
        change = f"it differs by {with_interval(row, confidence)}"
        return _Words(where, claimed, moved, change, f"between {less} and {more}")
    after = f"after {row.arm}"
    falls, rises = measure.falls or f"{measure.label} falls", measure.rises or f"{measure.label} rises"
    seen = compared(row) or row
    claimed = f"{falls if (row.direction or 0) < 0 else rises} {after}"
    moved = f"{after} {rises if decisive(row).estimate > 0 else falls}"
    if row.claim == "C6":
        claimed = f"answers are decided earlier {after} although the chains add no less to the right answer"
        moved = f"{after} {falls}" if row.verdict == "contradicted" else claimed
    if CLAIMS[row.claim].about == "direct":
        where += f", the {counted(row.n_items, 'item')} whose direct answer did not change"
    label = f"{measure.label}, corrected for chance," if seen is not row else measure.label
    return _Words(where, claimed, moved, verdict_details.change(seen, label, confidence), after)


def _of_sizes(row: EffectRow, confidence: float) -> _Words:
    where = f"{row.smallest} against {row.largest}, {_dataset(row)}"
    after, label = f"after {row.arm}", MEASURES[row.measure].label
    more = "loses more accuracy" if row.claim == "R1" else "is affected more in the claimed direction"
    moved = f"the {'smaller' if row.estimate > 0 else 'larger'} model {more} {after}"
    change = f"the effects on {label} differ by {with_interval(row, confidence)}"
    if row.contrast == "scale_equal_gain":
        change = f"at an equal gain of accuracy without a chain, {change}"
    elif not row.verdict:
        change = f"{change}, whatever each model learned"
    return _Words(where, f"the smaller model {more} {after}", moved, change, after)


def _dataset(row: EffectRow) -> str:
    if row.dataset != "pooled":
        return str(row.dataset)
    names = {"R1": "the datasets it was tuned on", "R2": "the datasets it was not tuned on"}
    return (names[row.claim] if row.claim in names else listed(row.pool)) + " together"
