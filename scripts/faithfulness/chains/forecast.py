"""What is known of chains as soon as they are written, and how many would be cut off at larger token limits.

`notices.py` says what follows for the gates (method, section 8).
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from faithfulness.tables.fields import Row

COLUMNS = ("item_id", "chain_text", "conclusion", "step_spans", "finish_reason", "chain_ids")  # of tables.Chains
REWORDED = ("variant", "accepted", "strength")  # of tables.Probes
FACTORS = (1.25, 1.5, 2.0, 3.0, 4.0)  # of the token limit, at which the share that would be cut off is estimated
LEAST_ENDED = 5  # chains that ended, below which nothing is estimated
LEAST_PERIOD, TIMES = 10, 4  # characters, and how often a text must end with the same ones to count as repeating itself


def table(chains: Mapping[str, pd.DataFrame], reworded: pd.DataFrame | None, token_limit: int) -> pd.DataFrame:
    """Count what a writer's chains are like, and estimate how many would be cut off at larger token limits.

    Args:
        chains: COLUMNS of tables.Chains of `base`; of another writer its own after base's, of the same items.
        reworded: REWORDED of tables.Probes of the writer's paraphrases; None if not known yet.
        token_limit: of the chains.

    Returns:
        The columns of tables.Forecast but model and dataset.
    """
    rows: list[Row] = []

    def add(finding: str, subject: str, share: float, n: int, at: int = token_limit) -> None:
        found = {"finding": finding, "subject": subject, "token_limit": at}
        rows.append(found | {"estimated": at > token_limit, "share": share, "n": n})

    *_, (writer, written) = chains.items()
    limits = [token_limit, *larger_limits(token_limit)]
    cut_off = {name: chances_of_cut(table, token_limit) for name, table in chains.items()}
    of_items = chances_of_items(list(cut_off.values()))
    for finding, chances in (("truncated_chains", cut_off[writer]), ("truncated_items", of_items)):
        for at, share in zip(limits, chances.mean(skipna=False), strict=True):
            add(finding, writer, share, len(chances), at)
    add("repeating_chains", writer, _endless(written).mean(), len(written))
    add("two_steps", writer, (written["step_spans"].map(len) >= 2).mean(), len(written))
    for name, table in chains.items():
        add("no_conclusion", name, (table["conclusion"] == "").mean(), len(table))
    if reworded is not None:
        single = reworded[(reworded["variant"] == "single") & reworded["accepted"].notna()]
        accepted = single["accepted"].astype(bool)
        add("reworded_steps", writer, accepted.astype(float).mean(), len(single))
        add("reworded_words", writer, single.loc[accepted, "strength"].astype(float).median(), int(accepted.sum()))
    return pd.DataFrame(rows)


def larger_limits(token_limit: int) -> list[int]:
    """Token limits for which shares are estimated, in ascending order."""
    return sorted({math.ceil(factor * token_limit) for factor in FACTORS})


def chances_of_cut(chains: pd.DataFrame, token_limit: int) -> pd.DataFrame:
    """Probability that each chain is cut off, at its token limit and at larger ones.

    Returns:
        (chains, 1 + L), indexed by item_id; the columns are token limits, L of them larger. At the first it is 1 or 0,
        as was seen. A chain that repeats itself never ends. NaN where too few chains ended for an estimate.
    """
    cut, endless, larger = _cut(chains), _endless(chains), larger_limits(token_limit)
    ended = _lengths(chains, token_limit)[~cut]
    staying = share_staying(ended, int((cut & ~endless).sum()), token_limit, larger)
    expected = np.where(endless[:, None], 1.0, np.where(cut[:, None], staying, 0.0))  # (chains, L)
    return pd.DataFrame(np.column_stack([cut, expected]), chains["item_id"].to_numpy(), [token_limit, *larger])


def chances_of_items(chances: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Probability that at least one chain of an item is cut off, from those of several writers' chains.

    Returns:
        (items, 1 + L), as `chances_of_cut`; NaN at a limit where one of the chances is not known.
    """
    of_chains = pd.concat(chances)
    of_items = 1 - (1 - of_chains).groupby(level=0).prod()
    return of_items.where(np.tile(of_chains.notna().all(), (len(of_items), 1)))


def share_staying(ended: NDArray[np.float64], cut: int, limit: int, at: Sequence[int]) -> NDArray[np.float64]:
    """Share of the chains cut off at one token limit that would be cut off at larger ones, too.

    Lengths are taken as log-normal. Of a chain that was cut off it is only known that it is longer (type I censoring);
    both parameters are of maximum likelihood (Lawless 2003, Statistical Models and Methods for Lifetime Data, chapter
    5). With S the fitted share of lengths beyond a number of tokens, the result is S(at) / S(limit). Where long chains
    are rarer than that, the result is too large, and the limit that it leads to is on the safe side.

    Args:
        ended: tokens of the chains that ended.
        cut: number of chains that were cut off.
        limit: token limit of all of them.
        at: larger limits.

    Returns:
        A share for each of `at`; NaN where fewer than LEAST_ENDED chains ended.
    """
    if not cut or len(ended) < LEAST_ENDED:
        return np.full(len(at), np.nan)
    known = stats.CensoredData(uncensored=np.log(np.maximum(ended, 1)), right=np.full(cut, np.log(limit)))
    lengths = stats.norm(*stats.norm.fit(known))
    return np.exp(lengths.logsf(np.log(at)) - lengths.logsf(np.log(limit)))


def _cut(chains: pd.DataFrame) -> NDArray[np.bool_]:
    return (chains["finish_reason"] == "length").to_numpy(bool)


def _endless(chains: pd.DataFrame) -> NDArray[np.bool_]:
    """Chains that were cut off while they repeated themselves."""
    return _cut(chains) & chains["chain_text"].map(repeats_itself).to_numpy(bool)


def _lengths(chains: pd.DataFrame, token_limit: int) -> NDArray[np.float64]:
    """Tokens of each chain without its conclusion.

    A server's chains have no token ids. There it is their characters, times the tokens a character of those that were
    cut off.
    """
    if chains["chain_ids"].notna().all():
        return chains["chain_ids"].map(len).to_numpy(float)
    whole = (chains["chain_text"] + chains["conclusion"]).str.len()[_cut(chains)].sum()
    tokens = token_limit * _cut(chains).sum()
    return chains["chain_text"].str.len().to_numpy(float) * (tokens / whole if whole else 1.0)


def repeats_itself(text: str) -> bool:
    """Whether a text ends with the same characters several times over, as a model that is caught in a loop writes."""
    longest = len(text) // TIMES
    return any(text[-(TIMES - 1) * n :] == text[-TIMES * n : -n] for n in range(LEAST_PERIOD, longest + 1))
