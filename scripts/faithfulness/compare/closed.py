"""What a failed gate closes: a cell (model x tuned arm x dataset), one of its claims, or nothing (a note).

Whoever asks whether something can be interpreted asks here, so that verdicts, figures and pages agree.
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from faithfulness.compare.findings import ALL, NOTE, Finding

ACCURACY_GATES = ("truncation", "validity")  # the only ones that R1 and R2 use
# Gates that look at chains: no effect of tuning on reading can make them fail, so that cells which they close leave the
# family of tests. All others but the accuracy of base may depend on the effect; their cells stay with p = 1.
OF_CHAINS = ("steps", "truncation")
# The measures that a claim's gates close with it, by how their names begin.
MEASURES_OF = {
    "C2": ("paraphrase_sensitivity", "meaning_sensitivity"),
    "C8": ("chain_following", "question_following", "neither_followed"),
}

Seen = tuple[str, Finding]  # dataset, and what a gate saw there


def failed(gates: pd.DataFrame) -> pd.DataFrame:
    """The rows of tables.Gates that failed and close something."""
    return gates[~gates["passed"].astype(bool) & (gates["closes"] != NOTE)]


def cells(gates: pd.DataFrame) -> pd.Series:
    """Whether each row of tables.Gates closes its whole cell; aligned to it."""
    return ~gates["passed"].astype(bool) & (gates["closes"] == ALL)


def of_cell(gates: pd.DataFrame, model: str, arm: str, datasets: Sequence[str]) -> list[Seen]:
    """What the gates saw in one cell, or in the cells of a pool, in their order."""
    rows = gates[(gates["model"] == model) & (gates["arm"] == arm) & gates["dataset"].isin(datasets)]
    columns = [rows[name].tolist() for name in ("dataset", *Finding.__dataclass_fields__)]
    return [(dataset, Finding(*values)) for dataset, *values in zip(*columns, strict=True)]


def closing(cell: Iterable[Seen], claim: str, measure: str, *, accuracy: bool) -> list[Seen]:
    """What closes a row of effects of the cell.

    Args:
        cell: from `of_cell`.
        claim: the claim that the row tests; '' for none.
        measure: the row's measure.
        accuracy: the row is about accuracy, which the ACCURACY_GATES close and no others, and only where they close
            everything.
    """
    chosen = [(dataset, finding) for dataset, finding in cell if not finding.passed and finding.closes != NOTE]
    if accuracy:
        return [(d, finding) for d, finding in chosen if finding.gate in ACCURACY_GATES and finding.closes == ALL]
    return [(dataset, finding) for dataset, finding in chosen if _names(finding.closes, claim, measure)]


def _names(closes: str, claim: str, measure: str) -> bool:
    named = closes.split()
    return closes == ALL or claim in named or any(measure.startswith(MEASURES_OF.get(name, ())) for name in named)


def leaves_family(closing: Iterable[Seen]) -> bool:
    """Whether a cell leaves the family of tests: something that closes it was seen on base alone or on chains."""
    return any(seen.gate in OF_CHAINS or (seen.gate, seen.subject) == ("above_chance", "base") for _, seen in closing)


def reasons(seen: Iterable[Seen], *, several: bool) -> list[str]:
    """The reasons of findings, with the dataset where they are of several."""
    return [f"{dataset}: {finding.reason}" if several else finding.reason for dataset, finding in seen]
