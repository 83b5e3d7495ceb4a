"""Gates (method, section 8): when a cell (model x tuned arm x dataset) says nothing about the claims."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from faithfulness.answers.parse import canonical
from faithfulness.compare import descriptives
from faithfulness.compare.descriptives import Observations
from faithfulness.compare.proportions import proportion
from faithfulness.config.statistics import GateThresholds
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.text import listed, percent, spaced

ACCURACY_GATES = ("truncation", "validity")  # the only ones that R1 and R2 use
LEAST_ITEMS = 2  # below this there is no interval
CONFIDENCE = 0.95
# What keeps rules from rewording a step, as `perturb/paraphrase.py` names it, in words.
NOT_REWORDED = {
    "not_prose": "are code, formulas or tables",
    "other_language": "are in a language that the rules do not know (a `paraphraser` may)",
    "no_rule": "have no other words that are certain to mean the same",
}


@dataclass(frozen=True)
class Finding:
    """What one gate saw; the fields are columns of tables.Gates."""

    gate: str
    subject: str
    value: float
    threshold: float
    passed: bool
    reason: str  # why it did not pass, if it did not


def check(observed: Observations, usable_items: Mapping[str, int], limits: GateThresholds) -> pd.DataFrame:
    """All gates of all tuned, placebo and null arms.

    Args:
        observed: of one model and dataset.
        usable_items: items in the contrasts of each arm but base.
        limits: thresholds.

    Returns:
        The columns of tables.Gates but model and dataset, one row for each arm, gate and subject. A share of nothing
        (no chain, no readout) does not pass. Each training of an arm is looked at: the failure of one must not drown
        in the others. Placebo and null arms, which write no chains, are looked at as readers of base's.
    """
    writers = ("base", *observed.arms)
    accuracy = {name: _above_chance(observed, name) for name in (*writers, *observed.controls)}
    formats = {name: list(_format(observed, name, limits)) for name in writers}
    rows: list[dict[str, object]] = []
    for arm in sorted(usable_items):
        findings: list[Finding] = []
        for training in observed.trainings(arm):
            pair = ["base", training]
            findings += [
                *(accuracy[name] for name in pair),
                *_collapsed(observed, pair, limits.collapse),
                *(finding for name in pair for finding in formats.get(name, [])),
                *_validity(observed, pair, limits.invalid),
            ]
        findings.append(_items(usable_items[arm]))
        for finding in findings:
            reason = "" if finding.passed else finding.reason
            if np.isnan(finding.value):
                reason = f"nothing to judge {finding.subject} by ({spaced(finding.gate)})"
            rows.append({"arm": arm, **vars(finding), "reason": reason})
    return pd.DataFrame(rows, columns=["arm", *Finding.__dataclass_fields__]).drop_duplicates(ignore_index=True)


def _above_chance(observed: Observations, name: str) -> Finding:
    """Accuracy on its own chains, or on those of base if it writes none; compared is the lower end of its interval."""
    answers, writer = observed.answers, "base" if name in observed.controls else name
    own = answers[(answers["writer"] == writer) & (answers["reader"] == name)].set_index("item_id")["correct"]
    guess = descriptives.chance(observed.items)
    share, low, _ = proportion(own, CONFIDENCE)
    right, by_chance = percent(share), percent(guess)
    chain = "its chain" if writer == name else f"the chain of {writer}"
    reason = f"with {chain} {name} is right in {right} of items, not clearly above guessing ({by_chance})"
    return Finding("above_chance", name, low, guess, low > guess, reason)


def _format(observed: Observations, name: str, limits: GateThresholds) -> Iterator[Finding]:
    written = observed.chains[observed.chains["writer"] == name]
    steps, cut_off = descriptives.two_steps(written), descriptives.truncated(written)
    replacements = observed.replacements[observed.replacements["writer"] == name]
    reworded, refused = descriptives.accepted(replacements), descriptives.not_reworded(replacements)
    reason = f"only {percent(steps)} of the chains of {name} have two steps or more"
    yield Finding("steps", name, steps, limits.two_steps, steps >= limits.two_steps, reason)
    reason = f"{percent(cut_off)} of the chains of {name} were cut off at the token limit"
    yield Finding("truncation", name, cut_off, limits.truncated, cut_off <= limits.truncated, reason)
    reason = f"only {percent(reworded)} of the steps of the chains of {name} were reworded"
    why = [f"{percent(share)} {NOT_REWORDED[rule]}" for rule, share in refused.items() if rule in NOT_REWORDED]
    reason += f"; {listed(why)}" if why else ""
    yield Finding("paraphrase", name, reworded, limits.paraphrase, reworded >= limits.paraphrase, reason)


def _collapsed(observed: Observations, pair: list[str], limit: float) -> Iterator[Finding]:
    """How far the share of a reader's commonest a_n exceeds that answer's gold share, over both writers' chains.

    Answers are compared by their place among the options where the options vary between items, else by their text.
    """
    items, answers = observed.items, observed.answers
    vary = descriptives.options_vary(items)
    if vary:
        gold = pd.Series([list(o).index(a) for o, a in zip(items["options"], items["answer"], strict=True)])
    else:
        is_open = items["options"].isna().any()
        gold = items["answer"].map(canonical).map(_plain) if is_open else items["answer"].map(_plain)
    answers = answers[answers["writer"].isin(pair) & answers["valid"].astype(bool)]
    for reader in pair:
        given = answers.loc[answers["reader"] == reader, "position" if vary else "answer"].dropna()
        shares = (given if vary else given.map(_plain)).value_counts(normalize=True)
        # Ties by name, so that the order of rows does not matter.
        commonest = min(shares[shares == shares.max()].index) if len(shares) else None
        excess = float(shares.max() - (gold == commonest).mean()) if len(shares) else np.nan
        name = f"option {commonest + 1}" if vary and commonest is not None else repr(commonest)
        reason = f"{reader} answers {name} in {percent(shares.max())} of items, where it is right in far fewer"
        yield Finding("collapsed_reader", reader, excess, limit, excess <= limit, reason)


def _validity(observed: Observations, pair: list[str], limit: float) -> Iterator[Finding]:
    readouts = observed.readouts[observed.readouts["writer"].isin(pair)]
    counts = readouts.groupby(["reader", "perturbation"])[["readouts", "invalid"]].sum()
    shares = counts["invalid"] / counts["readouts"]
    for reader in pair:
        for perturbation in PERTURBATIONS:
            invalid = float(shares.get((reader, perturbation), np.nan))
            kind = spaced(perturbation)
            reason = f"{percent(invalid)} of the answers of {reader} ({kind}) could not be read"
            yield Finding("validity", f"{reader} / {perturbation}", invalid, limit, invalid <= limit, reason)


def _items(n: int) -> Finding:
    return Finding("items", "base and tuned", n, LEAST_ITEMS, n >= LEAST_ITEMS, f"only {n} items can be compared")


def _plain(answer: str) -> str:
    return answer.strip().casefold()
