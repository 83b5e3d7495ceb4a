"""What a person should know of chains before answers are scored: what they will close or leave out, what would help.

The limits of the gates decide what is said, and no number of the forecast: this module counts for no hash of code.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from faithfulness.tables.fields import Row
from faithfulness.tables.io import records
from faithfulness.text import percent

FEW = 0.25  # of the largest share of items that may leave: the estimate is uncertain, so a limit leaves some room
REWORDER = "a language model that rewords them (perturbations.paraphraser)"
UNLIKE = 0.5  # difference between two arms' shares of chains without a conclusion that is worth a word


@dataclass(frozen=True)
class Limits:
    """Those limits of the gates that chains and rewordings decide; see `config.statistics.GateThresholds`."""

    truncated_items: float
    two_steps: float
    paraphrase: float
    strength: float


@dataclass(frozen=True)
class Notice:
    """What is the case, for a person.

    Args:
        closes: whether a comparison of a tuned arm with base will be closed because of it.
        message: what is the case.
        hint: what would help; '' where nothing has to be done.
    """

    closes: bool
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.message}. What would help: {self.hint}" if self.hint else self.message


class StoppedError(Exception):
    """Chains close a comparison, and the run is to stop before answers are scored."""


def notices(forecast: pd.DataFrame, limits: Limits) -> Iterator[Notice]:
    """What a forecast says; nothing where all is well.

    Args:
        forecast: the columns of tables.Forecast but model and dataset.
        limits: of the gates.
    """
    rows = records(forecast)
    counted = {(row["finding"], row["subject"]): row for row in rows if not row["estimated"]}
    for (finding, subject), row in counted.items():
        later = [one for one in rows if one["estimated"] and (one["finding"], one["subject"]) == (finding, subject)]
        match finding:
            case "truncated_chains" if row["share"] > 0:
                endless = counted["repeating_chains", subject]
                yield _cut_off(row, _advised(later, limits), round(endless["share"] * endless["n"]))
            case "truncated_items" if row["share"] > 0:
                yield _left_out(row, _advised(later, limits), limits)
            case "two_steps" if row["share"] < limits.two_steps:
                yield _short(row, limits)
            case "no_conclusion" if abs(row["share"] - counted[finding, "base"]["share"]) > UNLIKE:
                yield _unlike(row, counted[finding, "base"])
            case "reworded_steps" if row["n"] and row["share"] < limits.paraphrase:
                yield _not_reworded(row, limits)
            case "reworded_words" if row["n"] and row["share"] < limits.strength:
                yield _hardly_reworded(row, limits)


def _advised(later: Sequence[Row], limits: Limits) -> tuple[int, float]:
    """A larger token limit and the share expected there: the least with few, else with enough, else the largest.

    (0, NaN) where nothing is known.
    """
    known = [(row["token_limit"], row["share"]) for row in later if row["share"] is not None]
    for most in (FEW * limits.truncated_items, limits.truncated_items):
        for at, share in known:
            if share <= most:
                return at, share
    return known[-1] if known else (0, np.nan)


def _cut_off(row: Row, advised: tuple[int, float], endless: int) -> Notice:
    at, expected = advised
    return Notice(
        closes=False,
        message=f"{percent(row['share'])} of the chains of {row['subject']} ({_of(row)}) were cut off at "
        f"{row['token_limit']} tokens"
        + (f"; at {at} it would be about {percent(expected)}" if at else "")
        + (f"; {endless} of them repeat themselves, which no limit ends" if endless else ""),
    )


def _left_out(row: Row, advised: tuple[int, float], limits: Limits) -> Notice:
    (at, expected), arm = advised, row["subject"]
    whose, comparison = f"base or {arm}", f"the comparison of {arm} with base"
    if arm == "base":
        whose, comparison = "base", "every comparison with base"
    most = percent(limits.truncated_items)
    closes = row["share"] > limits.truncated_items
    return Notice(
        closes=closes,
        message=f"a chain of {whose} was cut off in {_of(row)} items ({percent(row['share'])}), "
        + (f"more than {most}: {comparison} will be closed" if closes else f"which leave {comparison}"),
        hint=""
        if not closes
        else f"max_new_tokens: {at}, with about {percent(expected)} (chains are written on from where they end)"
        if expected <= limits.truncated_items
        else f"other prompts or weights, as at {at} tokens it would still be about {percent(expected)}"
        if at
        else "a much larger max_new_tokens (too few chains ended to say which)",
    )


def _short(row: Row, limits: Limits) -> Notice:
    return Notice(
        closes=True,
        message=f"only {percent(row['share'])} of the chains of {row['subject']} have two steps or more, less than "
        f"{percent(limits.two_steps)}: comparisons with them will be closed",
        hint="questions that take several steps, or prompts that ask for them",
    )


def _unlike(row: Row, base: Row) -> Notice:
    return Notice(
        closes=False,
        message=f"{percent(row['share'])} of the chains of {row['subject']} have no conclusion, and "
        f"{percent(base['share'])} of those of base",
        hint="conclusion_cues in the file of prompts, if the conclusions are there in words that are not recognised",
    )


def _not_reworded(row: Row, limits: Limits) -> Notice:
    return Notice(
        closes=False,
        message=f"only {percent(row['share'])} of the steps of the chains of {row['subject']} could be reworded, less "
        f"than {percent(limits.paraphrase)}: what rests on rewordings (C2) will be closed",
        hint=REWORDER,
    )


def _hardly_reworded(row: Row, limits: Limits) -> Notice:
    return Notice(
        closes=False,
        message=f"the rewordings of the chains of {row['subject']} change only {percent(row['share'])} of the words "
        f"(median), less than {percent(limits.strength)}: what rests on rewordings (C2) will be closed",
        hint=REWORDER,
    )


def _of(row: Row) -> str:
    """How many of how many."""
    return f"{round(row['share'] * row['n'])} of {row['n']}"


def stop(place: str, said: Iterable[Notice]) -> None:
    """End the job or run if there are notices that close a comparison, with what to change.

    Args:
        place: model and dataset.
        said: from `notices`.

    Raises:
        StoppedError: there are.
    """
    closing = [notice for notice in said if notice.closes]
    if closing:
        what = "; ".join(notice.message for notice in closing)
        helps = "; ".join(dict.fromkeys(notice.hint for notice in closing))
        raise StoppedError(
            f"{place}: {what}. No answer to them is scored. What would help: {helps}. To go on nevertheless, set "
            "`chains: {after_writing: go_on}`"
        )
