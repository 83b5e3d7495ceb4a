"""Whether tuning did what it was meant to do: an arm learned its answers, and its placebo did not."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from faithfulness.compare import descriptives
from faithfulness.compare.descriptives import Observations
from faithfulness.compare.findings import ALL, CONFIDENCE, NOTE, Finding, Tuning
from faithfulness.compare.inference import ZERO
from faithfulness.compare.proportions import proportion
from faithfulness.text import listed, percent

LEVEL = 0.05  # of the test whether direct accuracy rose


def took(observed: Observations, training: str, tuning: Tuning) -> Iterator[Finding]:
    """Whether a training took on a dataset that it was tuned on: direct accuracy rose and is above chance.

    It rose if a one-sided exact McNemar test (McNemar 1947) of the direct answers of base and of the training has
    p <= .05, and is above chance if its 95 % interval is. For arms that were trained elsewhere, or on worked chains,
    this is a note: what they were meant to learn is not known, or not the direct answer.

    Args:
        observed: of one model and dataset.
        training: name of the tuned arm's training.
        tuning: how the arm was made.

    Returns:
        One finding for a dataset tuned on, none for another: `elsewhere` speaks of these. None, too, where an arm of
        another making was not asked for direct answers.
    """
    if not tuning.on:
        return
    before, after = direct(observed, "base"), direct(observed, training)
    both = pd.concat([before, after], axis=1, keys=["before", "after"]).dropna()
    guess = descriptives.chance(observed.items)
    share, low, _ = proportion(after, CONFIDENCE)
    p = rise_p(both["before"].to_numpy(bool), both["after"].to_numpy(bool))
    reason = (
        f"tuning did not take: without a chain {training} is right in {percent(share)} of items (base in "
        f"{percent(proportion(before, CONFIDENCE)[0])}, guessing in {percent(guess)})"
    )
    if tuning.answers or not np.isnan(share):
        closes = ALL if tuning.answers else NOTE
        yield Finding("manipulation", training, share, guess, bool(p <= LEVEL and low > guess), reason, closes)


def rise_p(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> float:
    """p that so many more items became right than wrong if tuning did nothing: exact McNemar test, one-sided.

    Args:
        before, after: whether each item was right, shape (items,).
    """
    gained, lost = int((~before & after).sum()), int((before & ~after).sum())
    if not gained + lost:
        return 1.0
    return float(stats.binomtest(gained, gained + lost, 0.5, alternative="greater").pvalue)


def direct(observed: Observations, reader: str) -> pd.Series:
    """Whether a reader's direct answer to each item is right; items that were not asked are missing."""
    answers = observed.answers
    asked = answers[answers["reader"] == reader].dropna(subset="direct_correct")
    return asked.groupby("item_id")["direct_correct"].mean().astype(float) > 0.5


def learned(observed: Observations, placebo: str, margin: float) -> Finding:
    """Whether a placebo, which is to teach nothing, raised direct accuracy by more than the margin."""
    rise = direct(observed, placebo).mean() - direct(observed, "base").mean()
    reason = f"{placebo} raised accuracy without a chain by {percent(rise)}"
    return Finding("learned", placebo, float(rise), margin, bool(rise <= margin + ZERO), reason)


def elsewhere(gates: pd.DataFrame) -> pd.DataFrame:
    """The gates of all datasets, with what `took` says about those that an arm was not tuned on.

    They stay open if tuning took on at least one dataset that the arm was tuned on.

    Args:
        gates: tables.Gates, whose rows of the gate `manipulation` are of the datasets tuned on.

    Returns:
        tables.Gates.
    """
    asked = gates[(gates["gate"] == "manipulation") & (gates["closes"] == ALL)]
    rows = []
    for (model, arm), part in asked.groupby(["model", "arm"], sort=False):
        worked = part.groupby("dataset")["passed"].all()
        any_took = bool(worked.any())
        cells = gates.loc[(gates["model"] == model) & (gates["arm"] == arm), "dataset"].drop_duplicates()
        reason = "" if any_took else f"tuning took on none of the datasets tuned on ({listed(worked.index)})"
        values = {"gate": "manipulation", "subject": arm, "value": float(worked.sum()), "threshold": 1.0}
        rows += [
            {"model": model, "arm": arm, "dataset": dataset, "passed": any_took, "reason": reason, "closes": ALL}
            | values
            for dataset in cells
            if dataset not in worked.index
        ]
    return pd.concat([gates, pd.DataFrame(rows).astype({"passed": "boolean"})], ignore_index=True) if rows else gates
