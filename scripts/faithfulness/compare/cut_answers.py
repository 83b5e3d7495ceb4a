"""What readers answered at each cut and without a chain, beside a_n: all that is compared of the answers themselves.

A table of scores has a row for each probe. Here is one row for each chain, reader, perturbation and variant, so that
the statistics of an arm read a tenth of the rows, and answers are numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from faithfulness.compare.alternatives import MAIN
from faithfulness.compare.chain_probes import CHAIN, Floats
from faithfulness.compare.item_means import ROLES
from faithfulness.config.roles import is_control
from faithfulness.hashing import digest

Codes = NDArray[np.int64]
Kind = tuple[str, str]  # perturbation, variant

UNREAD = -1  # in place of an answer that could not be read, or of no probe
DIRECT = ("direct", "direct")
READ = ("early_termination", "filler", "paraphrase", "mistake", DIRECT[0])  # perturbations whose answers are compared
LISTS = pd.ArrowDtype(pa.list_(pa.int64()))


def of_scores(scores: pd.DataFrame, *, by_place: bool) -> pd.DataFrame:
    """The answers of a table of scores.

    Placebo and null arms, which write no chains, answer base's probes without a chain as their own writers; these
    answers stand beside their readings of base's chains.

    Args:
        scores: tables.Scores with a column `reader`, of one model and dataset.
        by_place: answers are distinguished by their place among the options, as options vary between items.

    Returns:
        tables.CutAnswers, sorted; its lists are Arrow's.
    """
    scores = scores.assign(writer=scores["writer"].mask(scores["reader"].map(is_control), "base"))
    first = scores["perturbation"].isin(READ) & (scores["cue"] == "first")
    pairs = scores[first].groupby(["writer", "reader"])
    return pd.concat([_of_pair(part, by_place=by_place) for _, part in pairs], ignore_index=True).assign(
        alternative=MAIN
    )


def _of_pair(scores: pd.DataFrame, *, by_place: bool) -> pd.DataFrame:
    place, chain = ["perturbation", "variant"], scores.groupby(CHAIN, observed=True).ngroup().to_numpy()
    row = scores.groupby([*CHAIN, *place], observed=True).ngroup().to_numpy()
    cuts, n_steps = scores["cut"].to_numpy(np.int64), scores["n_steps"].to_numpy(np.int64)
    codes = numbered(scores["position"] if by_place else scores["answer"])
    whole = (scores["perturbation"] == "early_termination").to_numpy(bool) & (cuts == n_steps)
    original = np.full(1 + chain.max(initial=0), UNREAD)
    original[chain[whole]] = codes[whole]
    order = np.lexsort((cuts, row))
    first = np.flatnonzero(np.diff(row[order], prepend=-1))
    rows = scores[[*CHAIN, *place, "n_steps"]].iloc[order[first]]
    return rows.assign(
        original=original[chain[order[first]]],
        cuts=as_lists(first, cuts[order]),
        answers=as_lists(first, codes[order]),
    )


def numbered(answers: pd.Series) -> Codes:
    """Places as they are, and texts as 60 bits of their hash: the same number in every reader's table."""
    if answers.dtype.kind == "i":
        return answers.fillna(UNREAD).to_numpy(np.int64)
    numbers, texts = pd.factorize(answers)  # -1 where missing
    return np.array([*(int(digest(text)[:15], 16) for text in texts), UNREAD], np.int64)[numbers]


def as_lists(first: NDArray[np.intp], values: Codes) -> pd.api.extensions.ExtensionArray:
    """Values as lists, each of which begins at one of the places."""
    offsets = pa.array([*first, len(values)], pa.int32())
    return pd.array(pa.ListArray.from_arrays(offsets, pa.array(values)), dtype=LISTS)


@dataclass(frozen=True)
class CutChains:
    """The chains of base and of trainings of one arm with their readers, as arrays.

    Args:
        item_ids: the item of each chain, shape (chains,).
        roles: its writer and reader as a place in `item_means.ROLES`, shape (chains,).
        trainings: number of the trainings that wrote and read it, shape (chains,): those of one role have others.
        n_steps: its steps, shape (chains,).
        original: a_n, shape (chains,).
        usable: whether the chain has a step, and a valid a_n with all its readers; shape (chains,). Chains that were
            cut off are no exception, as their items leave the frames of means, and with them all contrasts.
        cuts: by kind of probe the cuts of each chain, shape (chains, K), increasing; chains with fewer have zeros in
            front.
        answers: the answers there, shape (chains, K); UNREAD where there is none.
    """

    item_ids: NDArray[np.object_]
    roles: NDArray[np.intp]
    trainings: NDArray[np.intp]
    n_steps: Floats
    original: Codes
    usable: NDArray[np.bool_]
    cuts: Mapping[Kind, Floats]
    answers: Mapping[Kind, Codes]


@dataclass(frozen=True)
class CellAnswers:
    """The answers of a cell: over all trainings, and by training as the frames of means of a `Comparison` are.

    Args:
        together: over all trainings of the arm.
        seeds: of each training of the arm.
        placebo_seeds: of each training of its placebo in place of the arm.
    """

    together: CutChains
    seeds: Mapping[int, CutChains] = field(default_factory=dict)
    placebo_seeds: Mapping[int, CutChains] = field(default_factory=dict)


def arrange(answers: pd.DataFrame) -> CutChains:
    """The chains of tables.CutAnswers of base and of trainings of one arm, on one dataset."""
    chain = answers.groupby(CHAIN, observed=True).ngroup().to_numpy()
    _, first = np.unique(chain, return_index=True)
    chains = answers[[*CHAIN, "n_steps", "original"]].iloc[first].reset_index(drop=True)
    read = (chains["original"] != UNREAD) & (chains["n_steps"] > 0)
    by_writer = [chains[key] for key in ("writer", "item_id", "sample", "seed")]
    cuts, codes = {}, {}
    for kind, rows in _by_kind(answers).items():
        lists, places = answers.iloc[rows], np.asarray(chain[rows], np.intp)
        cuts[kind] = _matrix(lists["cuts"], places, len(chains), 0).astype(float)
        codes[kind] = _matrix(lists["answers"], places, len(chains), UNREAD)
    return CutChains(
        item_ids=chains["item_id"].to_numpy(object),
        roles=2 * (chains["writer"] != "base").to_numpy(np.intp) + (chains["reader"] != "base").to_numpy(np.intp),
        trainings=np.asarray(chains.groupby(["writer", "reader", "seed"], observed=True).ngroup(), np.intp),
        n_steps=chains["n_steps"].to_numpy(float),
        original=chains["original"].to_numpy(np.int64),
        usable=read.groupby(by_writer).transform("all").to_numpy(bool),
        cuts=cuts,
        answers=codes,
    )


def by_seed(answers: pd.DataFrame) -> dict[int, CutChains]:
    """The chains of base and of each training of an arm, by the training's seed."""
    trainings = answers.loc[answers["writer"] != "base"].groupby("writer")["seed"].first()  # chains carry the seed
    return {
        int(seed): arrange(answers[answers["writer"].isin(["base", name]) & answers["reader"].isin(["base", name])])
        for name, seed in trainings.items()
    }


def same_direct_answer(chains: CutChains) -> pd.Index:
    """The items whose answer without a chain is one and the same with base and with all trainings of the arm.

    Empty where nobody was asked without a chain; an item with an answer that could not be read is missing.
    """
    own = np.isin(chains.roles, [place for place, (writer, reader) in enumerate(ROLES) if writer == reader])
    direct = chains.answers.get(DIRECT, np.full((len(own), 1), UNREAD))[own, -1]
    by_item = pd.DataFrame({"role": chains.roles[own], "answer": direct}).groupby(chains.item_ids[own])
    one = (by_item["answer"].nunique() == 1) & (by_item["answer"].min() != UNREAD) & (by_item["role"].nunique() == 2)
    return one.index[one]


def _by_kind(answers: pd.DataFrame) -> dict[Kind, NDArray[np.intp]]:
    """The rows of each kind of probe."""
    kinds: dict[Kind, NDArray[np.intp]] = {}
    for perturbation, variant in answers[["perturbation", "variant"]].drop_duplicates().itertuples(index=False):
        rows = ((answers["perturbation"] == perturbation) & (answers["variant"] == variant)).to_numpy(bool)
        kinds[str(perturbation), str(variant)] = np.flatnonzero(rows)
    return kinds


def _matrix(lists: pd.Series, places: NDArray[np.intp], chains: int, missing: int) -> Codes:
    """Lists as rows of a matrix, each with its end at the right."""
    lengths = lists.map(len).to_numpy(np.intp)
    width = int(lengths.max(initial=1))
    column = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - width, lengths)
    matrix = np.full((chains, width), missing, np.int64)
    matrix[np.repeat(places, lengths), column] = np.concatenate(lists.to_list()) if len(lists) else []
    return matrix
