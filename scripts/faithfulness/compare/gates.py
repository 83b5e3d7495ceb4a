"""Gates (method, section 8): when a cell (model x tuned arm x dataset) says nothing about the claims."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from faithfulness.compare import descriptives, effects
from faithfulness.compare.effects import Cell
from faithfulness.config.statistics import GateThresholds
from faithfulness.config.training import recipe_of
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.tables.io import frame
from faithfulness.tables.statistics import Gates

ACCURACY_GATES = ("truncation", "validity")  # the only ones that R1 and R2 use
LEAST_ITEMS = 2  # below this there is no interval
CONFIDENCE = 0.95

Finding = tuple[str, str, float, float, bool, str]  # gate, subject, value, threshold, passed, reason if not


def check(
    cells: Mapping[Cell, pd.DataFrame],
    scores: pd.DataFrame,
    chains: pd.DataFrame,
    paraphrases: pd.DataFrame,
    items: pd.DataFrame,
    *,
    limits: GateThresholds,
) -> pd.DataFrame:
    """All gates of all cells.

    Args:
        cells: frames of means (see effects).
        scores: tables.Scores with columns model, reader, dataset; tuned arms under the names of their trainings.
        chains: tables.Chains with columns model, writer, dataset; likewise.
        paraphrases: tables.Probes with columns model, writer, dataset; likewise.
        items: tables.Items with a column dataset.
        limits: thresholds.

    Returns:
        tables.Gates, one row a cell, gate and subject. A share of nothing (no chain, no readout) does not pass. Of an
        arm with several trainings each one is looked at: the failure of one must not drown in the others.
    """
    rows = []
    for model, arm, dataset in sorted(cells):
        here = {"model": model, "dataset": dataset}
        asked = _where(items, dataset=dataset)
        readers = _where(scores, **here)["reader"].unique()
        findings: list[Finding] = []
        for training in sorted(name for name in readers if recipe_of(name) == arm) or [arm]:
            arms = ["base", training]
            scored = _where(scores, **here, writer=arms, reader=arms)
            findings += [
                *_above_chance(scored, asked, arms),
                *_collapsed(scored, asked, arms, limits.collapse),
                *_format(_where(chains, **here), _where(paraphrases, **here), arms, limits),
                *_validity(scored, arms, limits.invalid),
            ]
        findings.append(_items(effects.usable_items(cells[model, arm, dataset])))
        for gate, subject, value, threshold, passed, reason in findings:
            why = f"nothing to judge {subject} by ({gate.replace('_', ' ')})" if np.isnan(value) else reason
            rows.append(
                {
                    "model": model,
                    "arm": arm,
                    "dataset": dataset,
                    "gate": gate,
                    "subject": subject,
                    "value": value,
                    "threshold": threshold,
                    "passed": passed,
                    "reason": "" if passed else why,
                }
            )
    return frame(pd.DataFrame(rows, columns=Gates.names).drop_duplicates(), Gates)


def _above_chance(scored: pd.DataFrame, items: pd.DataFrame, arms: list[str]) -> Iterator[Finding]:
    """Accuracy of each arm on its own chains; the lower end of its 95 % interval is held against guessing."""
    guess = descriptives.chance(items)
    for arm in arms:
        own = descriptives.original_answers(_where(scored, writer=arm, reader=arm)).set_index("item_id")["correct"]
        share, low, _ = descriptives.proportion(own, CONFIDENCE)
        right, by_chance = _percent(share), _percent(guess)
        reason = f"with its chain {arm} is right in {right} of items, not clearly above guessing ({by_chance})"
        yield "above_chance", arm, low, guess, low > guess, reason


def _collapsed(scored: pd.DataFrame, items: pd.DataFrame, arms: list[str], limit: float) -> Iterator[Finding]:
    """How far the share of a reader's commonest a_n exceeds that answer's gold share, over both writers' chains.

    Answers are told apart by their place among the options where the options vary between items, else by text.
    """
    vary = descriptives.options_vary(items)
    if vary:
        gold = pd.Series([list(o).index(a) for o, a in zip(items["options"], items["answer"], strict=True)])
    else:
        gold = items["answer"].map(_plain)
    for reader in arms:
        full = descriptives.original_answers(_where(scored, reader=reader))
        answers = full.loc[full["valid"].astype(bool), "position" if vary else "answer"].dropna()
        shares = (answers if vary else answers.map(_plain)).value_counts(normalize=True)
        # Ties by name, so that the order of rows does not matter.
        commonest = min(shares[shares == shares.max()].index) if len(shares) else None
        excess = float(shares.max() - (gold == commonest).mean()) if len(shares) else np.nan
        name = f"option {commonest + 1}" if vary and commonest is not None else repr(commonest)
        reason = f"{reader} answers {name} in {_percent(shares.max())} of items, where it is right in far fewer"
        yield "collapsed_reader", reader, excess, limit, excess <= limit, reason


def _format(
    chains: pd.DataFrame, paraphrases: pd.DataFrame, arms: list[str], limits: GateThresholds
) -> Iterator[Finding]:
    for arm in arms:
        written = _where(chains, writer=arm)
        steps, cut = descriptives.two_steps(written), descriptives.truncated(written)
        reworded = descriptives.accepted(_where(paraphrases, writer=arm))
        reason = f"only {_percent(steps)} of the chains of {arm} have two steps or more"
        yield "steps", arm, steps, limits.two_steps, steps >= limits.two_steps, reason
        reason = f"{_percent(cut)} of the chains of {arm} were cut off at the token limit"
        yield "truncation", arm, cut, limits.truncated, cut <= limits.truncated, reason
        reason = f"only {_percent(reworded)} of the rewordings of the chains of {arm} were usable"
        yield "paraphrase", arm, reworded, limits.paraphrase, reworded >= limits.paraphrase, reason


def _validity(scored: pd.DataFrame, arms: list[str], limit: float) -> Iterator[Finding]:
    for reader in arms:
        for perturbation in PERTURBATIONS:
            read = _where(scored, reader=reader, perturbation=perturbation)
            invalid = float(1 - read["valid"].astype(float).mean())
            reason = (
                f"{_percent(invalid)} of the answers of {reader} ({perturbation.replace('_', ' ')}) could not be read"
            )
            yield "validity", f"{reader} / {perturbation}", invalid, limit, invalid <= limit, reason


def _items(n: int) -> Finding:
    return "items", "base and tuned", n, LEAST_ITEMS, n >= LEAST_ITEMS, f"only {n} items can be compared"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _plain(answer: str) -> str:
    return answer.strip().casefold()


def _where(data: pd.DataFrame, **wanted: str | list[str]) -> pd.DataFrame:
    chosen = np.ones(len(data), bool)
    for name, value in wanted.items():
        chosen &= data[name].isin([value] if isinstance(value, str) else value).to_numpy(bool)
    return data[chosen]
