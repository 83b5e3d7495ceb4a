"""What must be known of a cell although it closes nothing: constant answers, no room for an effect, other chains."""

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd

from faithfulness.compare import descriptives
from faithfulness.compare.claims import Claims
from faithfulness.compare.descriptives import Observations
from faithfulness.compare.findings import NOTE, Finding
from faithfulness.compare.inference import ZERO
from faithfulness.compare.item_means import ROLES
from faithfulness.compare.measures import MEASURES
from faithfulness.config.roles import is_control
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.text import number, percent

STATES_APART = 0.5  # shares of chains whose last step states the answer differ strongly from here on
# The perturbation that measures read, by how their names begin.
READ_FROM = {
    "aoc": "early_termination",
    "convergence": "early_termination",
    "no_cot_same": "early_termination",
    "filler_tolerance": "filler",
    "paraphrase_sensitivity": "paraphrase",
    "mistake_sensitivity": "mistake",
    "chain_following": "conflict",
}
# The variants that these measures read, where a perturbation has others beside them.
VARIANTS = {"early_termination": ("keep_k",), "filler": ("text",), "paraphrase": ("rest",), "mistake": ("keep",)}


def perturbation_of(measure: str) -> str | None:
    """The perturbation that a measure is about; None for measures of none or of several."""
    return next((perturbation for start, perturbation in READ_FROM.items() if measure.startswith(start)), None)


def constants(
    observed: Observations, readers: Collection[str], writers: Collection[str], limit: float
) -> Iterator[Finding]:
    """Readers that answer a constant under a perturbation, but not after whole chains (these are collapsed).

    Args:
        observed: of one model and dataset.
        readers: base, and trainings of other arms.
        writers: whose chains they read.
        limit: from which share of valid answers on the commonest one is a constant.

    Returns:
        One finding for each reader and perturbation, of the writer under whose chains the share is largest.
    """
    readouts = observed.readouts[observed.readouts["writer"].isin(writers)]
    for reader in readers:
        shares = descriptives.answer_shares(observed, reader, writers)
        collapsed = len(shares) > 0 and float(shares.max()) >= limit  # no shares: no valid answer after a whole chain
        for perturbation in dict.fromkeys(READ_FROM.values()):
            rows = readouts[(readouts["reader"] == reader) & (readouts["perturbation"] == perturbation)]
            variants = VARIANTS.get(perturbation, ())
            rows = rows[rows["variant"].isin(variants)] if rows["variant"].isin(variants).any() else rows
            rows = rows.dropna(subset="commonest_share")
            if rows.empty:
                continue
            row = rows.iloc[int(rows["commonest_share"].astype(float).to_numpy().argmax())]
            share = float(row["commonest_share"])
            constant = share >= limit and not collapsed
            when = "before tuning" if reader == "base" else f"with {reader}" if is_control(reader) else "after tuning"
            label = PERTURBATIONS[perturbation].label if perturbation in PERTURBATIONS else perturbation
            reason = f"{when}, {percent(share)} of answers under {label} are `{row['commonest']}`"
            yield Finding("constant", f"{reader} / {perturbation}", share, limit, not constant, reason, NOTE)


def rooms(frame: pd.DataFrame, declared: Claims) -> Iterator[Finding]:
    """How far base readers are, over both writers' chains, from the end towards which a measure is claimed to move.

    With less room than the margin, no effect of the margin can be seen, and none can be ruled out.

    Args:
        frame: a frame of means.
        declared: directions and margins.

    Returns:
        One finding for each measure of a primary claim; none for measures without bounds or without values.
    """
    for name, direction in declared.primary_measures.items():
        measure, margin = MEASURES[name], declared.margins.get(name, declared.margin)
        bound = measure.high if direction > 0 else measure.low
        if bound is None or name not in frame.columns.get_level_values(0):
            continue
        level = float(np.mean([frame[name, writer, "base"].mean() for writer, reader in ROLES if reader == "base"]))
        if np.isnan(level):
            continue
        room, way = abs(bound - level), "rise" if direction > 0 else "fall"
        reason = f"{measure.label} of base is {number(level)} and has no room to {way} by {number(margin)}"
        yield Finding("floor", name, room, margin, room >= margin - ZERO, reason, NOTE)


def left_out(observed: Observations, pair: Collection[str], limit: float) -> Iterator[Finding]:
    """Items whose chains were cut off: with few of them they leave the contrasts, with many the cell is closed."""
    chains = observed.chains[observed.chains["writer"].isin(pair)]
    n = chains["item_id"].nunique()
    cut = chains.loc[chains["finish_reason"] == "length", "item_id"].nunique()
    share, subject = cut / n if n else np.nan, " and ".join(pair)
    reason = f"{percent(share)} of items have a chain of {subject} that was cut off at the token limit"
    yield Finding("truncation", subject, share, limit, share <= limit, reason)
    if 0 < share <= limit:
        reason = f"{cut} of {n} items leave the contrasts, as a chain of {subject} was cut off at the token limit"
        yield Finding("truncated_items", subject, share, limit, False, reason, NOTE)


def conclusions(observed: Observations, pair: Collection[str]) -> Iterator[Finding]:
    """Whether the last steps of one arm's chains state the answer, and those of the other's do not."""
    shares = [descriptives.last_step_states(observed.chains[observed.chains["writer"] == name]) for name in pair]
    apart = float(max(shares) - min(shares))
    said = " and ".join(
        f"{percent(share)} of the last steps of {name}" for name, share in zip(pair, shares, strict=True)
    )
    reason = f"{said} state the answer: what is cut or replaced differs in kind between the arms"
    yield Finding("last_step_states", " and ".join(pair), apart, STATES_APART, apart < STATES_APART, reason, NOTE)
