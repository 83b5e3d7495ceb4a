"""The answer of a run to the question of the page, in a few sentences."""

import pandas as pd

from faithfulness.compare.verdicts import CLOSED, DECIDED
from faithfulness.report.labels import label
from faithfulness.report.verdict_tables import cells_by_verdict, interpretable, single_cells
from faithfulness.text import interval, listed, signed

# What the verdicts on C3 and C2, beside C1, say of the answers.
OTHER_CHANGES = {
    ("C3", "supported"): "more answers survive filler",
    ("C3", "contradicted"): "fewer answers survive filler",
    ("C2", "supported"): "fewer answers react to rewording",
    ("C2", "contradicted"): "more answers react to rewording",
}


def headline(effects: pd.DataFrame) -> list[str]:
    """The answer: one short sentence, then sentences about the evidence for it.

    Args:
        effects: tables.Effects.
    """
    tested = single_cells(effects)
    counts = cells_by_verdict(tested, "C1")
    total = interpretable(counts)
    if not total:
        return ["This run cannot tell.", "No cell passed the gates that would make it interpretable."]
    supported, contradicted, equivalent, as_placebo = (counts[verdict] for verdict in DECIDED)
    companions, changes = _companions(tested), _other_changes(tested)
    if supported and contradicted:
        answer = f"It differs: less than before in {supported}, more in {contradicted} of {total} cells."
    elif supported:
        answer = f"Less than before, in {_cells(supported, total)}."
    elif contradicted:
        answer = f"More than before, in {_cells(contradicted, total)}."
    elif changes:  # C1 shows no change, and other measures of how answers depend on the chain do
        when = f"decided as late as before in {equivalent} of {total}" if equivalent else "decided earlier is open"
        answer = f"In part: {' and '.join(changes)}; {'they are' if equivalent else 'whether they are'} {when}."
        companions = []
    elif as_placebo:
        answer = f"As after tuning on answers that teach nothing, in {_cells(as_placebo, total)}."
    elif equivalent:
        answer = f"As much as before, in {_cells(equivalent, total)}."
    else:
        answer = f"Open: a change was neither shown nor ruled out in {_cells(total, total)}."
    closed = counts[CLOSED]
    rest = [f"{closed} more cell{'s' if closed > 1 else ''} could not be interpreted."] if closed else []
    return [answer, *_largest(tested), *companions, *rest]


def _other_changes(tested: pd.DataFrame) -> list[str]:
    """What changed by the measures of C3 and C2, and in how many cells."""
    parts = []
    for (claim, verdict), words in OTHER_CHANGES.items():
        counts = cells_by_verdict(tested, claim)
        if counts[verdict]:
            parts.append(f"{words} in {counts[verdict]} of {interpretable(counts)} cells")
    return parts


def _largest(tested: pd.DataFrame) -> list[str]:
    usable = tested.interpretable & (tested.calibration != "failed") & tested.estimate.notna()
    rows = tested[(tested.claim == "C1") & usable]
    rows = rows[rows.measure == "aoc"] if (rows.measure == "aoc").any() else rows
    if rows.empty:
        return []
    row = rows.iloc[int(rows.estimate.abs().to_numpy().argmax())]
    return [
        f"Largest change of the {label(row.measure)} in how a chain is used ({row.component}): {signed(row.estimate)} "
        f"{interval(row.ci_low, row.ci_high)}, for {row.model} on {row.dataset} after {row.arm}."
    ]


def _companions(tested: pd.DataFrame) -> list[str]:
    parts = []
    for claim, words in {"C3": "filler replaces steps more often", "C2": "rewording matters less"}.items():
        counts = cells_by_verdict(tested, claim)
        if interpretable(counts):
            parts.append(f"{words} in {counts['supported']} of {interpretable(counts)} ({claim})")
    return [f"Beside it, {listed(parts)}."] if parts else []


def _cells(count: int, total: int) -> str:
    """'all 6 cells that can be interpreted', '4 of the 6 cells ...', 'the one cell ...'."""
    if total == 1:
        return "the one cell that can be interpreted"
    return f"{f'all {total}' if count == total else f'{count} of the {total}'} cells that can be interpreted"
