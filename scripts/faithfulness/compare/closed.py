"""What a failed gate closes: a cell (model x tuned arm x dataset), one of its claims, or nothing (a note).

Whoever asks whether something can be interpreted asks here, so that verdicts, figures and pages agree.
"""

from collections.abc import Sequence

import pandas as pd

ALL = "all"  # every claim on reading
NOTE = ""  # nothing
ACCURACY_GATES = ("truncation", "validity")  # the only ones that R1 and R2 use
# Gates that look at base alone or at chains: no effect of tuning on reading can make them fail, so the cells that they
# close leave the family of tests. All others may depend on the effect; their cells stay in the family with p = 1.
OF_CHAINS = ("steps", "truncation")
# The measures that a claim's gates close with it, by how their names begin.
MEASURES_OF = {"C2": ("paraphrase_sensitivity", "meaning_sensitivity")}


def is_control(arm: str) -> bool:
    """Whether an arm is a placebo or null arm, of which nothing is claimed."""
    return arm.startswith(("placebo-", "null-"))


def failed(gates: pd.DataFrame) -> pd.DataFrame:
    """The gates that failed and close something."""
    return gates[~gates["passed"].astype(bool) & (gates["closes"] != NOTE)]


def cells(gates: pd.DataFrame) -> pd.Series:
    """Whether each row closes its whole cell; aligned to the gates."""
    return ~gates["passed"].astype(bool) & (gates["closes"] == ALL)


def closing(gates: pd.DataFrame, claim: str, measure: str, *, accuracy: bool) -> pd.DataFrame:
    """The failed gates that close a row of effects, whichever cell they are of.

    Args:
        gates: tables.Gates.
        claim: the claim that the row tests; '' for none.
        measure: the row's measure.
        accuracy: the row is about accuracy, which the ACCURACY_GATES close and no others.
    """
    chosen = failed(gates)
    if accuracy:
        return chosen[chosen["gate"].isin(ACCURACY_GATES)]
    return chosen[chosen["closes"].map(lambda closes: _names(closes, claim, measure)).astype(bool)]


def _names(closes: str, claim: str, measure: str) -> bool:
    named = closes.split()
    return closes == ALL or claim in named or any(measure.startswith(MEASURES_OF.get(name, ())) for name in named)


def leaves_family(failures: pd.DataFrame) -> bool:
    """Whether a cell leaves the family of tests: one of its failed gates looks at base alone or at chains."""
    of_base = (failures["gate"] == "above_chance") & (failures["subject"] == "base")
    return bool((of_base | failures["gate"].isin(OF_CHAINS)).any())


def of_cell(gates: pd.DataFrame, model: str, arm: str, datasets: Sequence[str]) -> pd.DataFrame:
    """The rows of one cell, or of the cells of a pool, in their order."""
    return gates[(gates["model"] == model) & (gates["arm"] == arm) & gates["dataset"].isin(datasets)]


def reasons(rows: pd.DataFrame, *, several: bool) -> list[str]:
    """The reasons of gates, with the dataset where they are of several."""
    return [f"{row.dataset}: {row.reason}" if several else str(row.reason) for row in rows.itertuples()]
