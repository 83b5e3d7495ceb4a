"""Gates (method, section 8): when a cell (model x tuned arm x dataset), or one of its claims, says nothing.

Some findings close nothing: they are notes, which verdicts and sentences use (`closed`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from faithfulness.compare import conflicts, descriptives, manipulation, notes
from faithfulness.compare.claims import Claims
from faithfulness.compare.descriptives import Observations
from faithfulness.compare.findings import ALL, CONFIDENCE, NOTE, Finding, Tuning
from faithfulness.compare.inference import ZERO
from faithfulness.compare.item_means import usable_items
from faithfulness.compare.proportions import proportion
from faithfulness.config.roles import is_control
from faithfulness.config.statistics import GateThresholds
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.text import counted, listed, percent, spaced

LEAST_ITEMS = 2  # below this there is no interval
# Where no chain has such a probe: conflict chains have a gate of their own, and no claim rests on mistakes.
MAY_BE_ABSENT = (notes.CONFLICT, "mistake")
# What keeps rules from rewording a step, as `perturb/paraphrase.py` names it, in words.
NOT_REWORDED = {
    "not_prose": "are code, formulas or tables",
    "other_language": "are in a language that the rules do not know (a `paraphraser` may)",
    "no_rule": "have no other words that are certain to mean the same",
}


def check(
    observed: Observations, frames: Mapping[str, pd.DataFrame], declared: Claims, tunings: Mapping[str, Tuning]
) -> pd.DataFrame:
    """All gates of all arms but base, and the notes on them.

    Args:
        observed: of one model and dataset.
        frames: the frame of means of each arm but base; those of placebo and null arms have base's chains only.
        declared: thresholds, directions and margins.
        tunings: how each tuned arm was made; arms that are not named there get no gate on what they learned.

    Returns:
        The columns of tables.Gates but model and dataset, one row for each arm, gate and subject. A share of nothing
        (no chain, no readout) does not pass. Each training of an arm is looked at: the failure of one must not drown
        in the others. Truncation is that of all together, as their items leave together. Placebo and null arms, which
        write no chains, are looked at as readers of base's.
    """
    rows: list[dict[str, object]] = []
    for arm in sorted(frames):
        if is_control(arm):
            findings = _of_control(observed, arm, frames[arm], declared.gates)
        else:
            findings = _of_tuned(observed, arm, frames, declared, tunings.get(arm, Tuning()))
        for finding in findings:
            reason = "" if finding.passed else finding.reason
            if np.isnan(finding.value):
                reason = f"nothing to judge {finding.subject} by ({spaced(finding.gate)})"
            rows.append({"arm": arm, **vars(finding), "reason": reason})
    return pd.DataFrame(rows, columns=["arm", *Finding.__dataclass_fields__]).drop_duplicates(ignore_index=True)


def _of_tuned(
    observed: Observations, arm: str, frames: Mapping[str, pd.DataFrame], declared: Claims, tuning: Tuning
) -> list[Finding]:
    limits, frame = declared.gates, frames[arm]
    findings: list[Finding] = []
    for training in observed.trainings(arm):
        pair = ["base", training]
        findings += [
            *(_above_chance(observed, name, name) for name in pair),
            *_collapsed(observed, pair, pair, limits.collapse),
            *(finding for name in pair for finding in _format(observed, name, limits)),
            *_validity(observed, pair, pair, limits.invalid),
            *_options_share(observed, pair, pair, limits.options_share),
            *conflicts.made(observed.readouts, pair),
            *manipulation.took(observed, training, tuning),
            *notes.constants(observed, pair, pair, limits.constant),
            *notes.conclusions(observed, pair),
        ]
    if tuning.placebo:
        findings += _placebo(observed, tuning.placebo, declared)
        findings += notes.constants(observed, observed.trainings(tuning.placebo), ["base"], limits.constant)
    findings += notes.left_out(observed, ["base", arm], limits.truncated_items)
    met = notes.met_targets(frame, frames.get(tuning.placebo) if tuning.placebo else None)
    return [*findings, _items(usable_items(frame)), *notes.rooms(frame, declared), *met]


def _of_control(observed: Observations, arm: str, frame: pd.DataFrame, limits: GateThresholds) -> list[Finding]:
    """A placebo or null arm writes no chains: it is looked at as a reader of base's."""
    findings = [
        _above_chance(observed, "base", "base"),
        *_format(observed, "base", limits),
        *notes.left_out(observed, ["base"], limits.truncated_items),
    ]
    for training in observed.trainings(arm):
        findings += _reading_base(observed, ["base", training], limits)
        findings += notes.constants(observed, ["base", training], ["base"], limits.constant)
    usable = frame[[("aoc_raw", "base", reader) for reader in ("base", "tuned")]].notna().all(axis=1).sum()
    return [*findings, _items(int(usable))]


def _reading_base(observed: Observations, readers: Sequence[str], limits: GateThresholds) -> list[Finding]:
    """The gates that apply to readers of base's chains."""
    return [
        *(_above_chance(observed, name, "base") for name in readers),
        *_collapsed(observed, readers, ["base"], limits.collapse),
        *_validity(observed, readers, ["base"], limits.invalid),
        *_options_share(observed, readers, ["base"], limits.options_share),
    ]


def _above_chance(observed: Observations, reader: str, writer: str) -> Finding:
    """Accuracy with a chain; the lower end of its 95 % interval is compared with guessing."""
    answers = observed.answers
    own = answers[(answers["writer"] == writer) & (answers["reader"] == reader)].set_index("item_id")["correct"]
    guess = descriptives.chance(observed.items)
    share, low, _ = proportion(own, CONFIDENCE)
    chain = "its chain" if reader == writer else f"the chain of {writer}"
    reason = (
        f"with {chain} {reader} is right in {percent(share)} of items, not clearly above guessing ({percent(guess)})"
    )
    return Finding("above_chance", reader, low, guess, low > guess, reason)


def _format(observed: Observations, name: str, limits: GateThresholds) -> Iterator[Finding]:
    written = observed.chains[observed.chains["writer"] == name]
    steps = descriptives.two_steps(written)
    reason = f"only {percent(steps)} of the chains of {name} have two steps or more"
    yield Finding("steps", name, steps, limits.two_steps, steps >= limits.two_steps, reason)
    replacements = observed.replacements[observed.replacements["writer"] == name]
    reworded, refused = descriptives.accepted(replacements), descriptives.not_reworded(replacements)
    reason = f"only {percent(reworded)} of the steps of the chains of {name} were reworded"
    why = [f"{percent(share)} {NOT_REWORDED[rule]}" for rule, share in refused.items() if rule in NOT_REWORDED]
    reason += f"; {listed(why)}" if why else ""
    yield Finding("paraphrase", name, reworded, limits.paraphrase, reworded >= limits.paraphrase, reason, "C2")
    changed = descriptives.strength(replacements)
    reason = f"the rewordings of the chains of {name} change only {percent(changed)} of the words (median)"
    yield Finding("strength", name, changed, limits.strength, changed >= limits.strength, reason, "C2")


def _collapsed(
    observed: Observations, readers: Sequence[str], writers: Sequence[str], limit: float
) -> Iterator[Finding]:
    """How far the share of a reader's commonest a_n exceeds that answer's gold share, over the writers' chains."""
    gold = descriptives.golds(observed.items)
    for reader in readers:
        shares = descriptives.answer_shares(observed, reader, writers)
        # Ties by name, so that the order of rows does not matter.
        commonest = min(shares[shares == shares.max()].index) if len(shares) else None
        excess = float(shares.max() - (gold == commonest).mean()) if len(shares) else np.nan
        name = repr(commonest) if isinstance(commonest, str | None) else f"option {int(commonest) + 1}"
        reason = f"{reader} answers {name} in {percent(shares.max())} of items, where it is right in far fewer"
        yield Finding("collapsed_reader", reader, excess, limit, excess <= limit + ZERO, reason)


def _validity(
    observed: Observations, readers: Sequence[str], writers: Sequence[str], limit: float
) -> Iterator[Finding]:
    readouts = observed.readouts[observed.readouts["writer"].isin(writers)]
    counts = readouts.groupby(["reader", "perturbation"])[["readouts", "invalid"]].sum()
    shares = counts["invalid"] / counts["readouts"]
    for reader in readers:
        for perturbation in PERTURBATIONS:
            invalid = float(shares.get((reader, perturbation), np.nan))
            if perturbation in MAY_BE_ABSENT and np.isnan(invalid):
                continue
            kind = spaced(perturbation)
            reason = f"{percent(invalid)} of the answers of {reader} ({kind}) could not be read"
            closes = "C8" if perturbation == notes.CONFLICT else ALL
            yield Finding("validity", f"{reader} / {perturbation}", invalid, limit, invalid <= limit, reason, closes)


def _options_share(
    observed: Observations, readers: Sequence[str], writers: Sequence[str], limit: float
) -> Iterator[Finding]:
    """The share of a reader's probability that the options hold after whole chains; none where answers are texts."""
    answers = observed.answers[observed.answers["writer"].isin(writers)]
    for reader in readers:
        share = float(answers.loc[answers["reader"] == reader, "options_share"].astype(float).mean())
        reason = f"after whole chains the options hold only {percent(share)} of the probability of {reader}"
        if not np.isnan(share):
            yield Finding("options_share", reader, share, limit, share >= limit, reason)


def _placebo(observed: Observations, placebo: str, declared: Claims) -> Iterator[Finding]:
    """Whether a placebo can be judged: the gates that apply to a reader of base's chains, and that it learned nothing.

    A failure closes nothing: it takes away what the placebo would have shown.
    """
    for name in observed.trainings(placebo):
        learned = manipulation.learned(observed, name, declared.margin)
        for finding in [*_reading_base(observed, [name], declared.gates), learned]:
            subject = finding.subject if finding.gate == "validity" else f"{name} / {finding.gate}"
            yield replace(finding, gate="placebo", subject=subject, closes=NOTE)


def _items(n: int) -> Finding:
    reason = f"only {counted(n, 'item')} can be compared" if n else "no item can be compared"
    return Finding("items", "base and tuned", n, LEAST_ITEMS, n >= LEAST_ITEMS, reason)
