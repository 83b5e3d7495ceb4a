"""The scored probes of many chains as arrays, in which the formulas of `measures` find what they need."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Places = tuple[Indices, Indices, Indices]  # chain, column and row of each probe

CHAIN = ["writer", "reader", "item_id", "sample", "seed"]  # what a chain and its reader are known by


@dataclass(frozen=True)
class ChainProbes:
    """The scored probes of many chains, as a formula reads them.

    Args:
        n_steps: steps of each chain, shape (chains,).
        usable: whether the chain has a step and a valid a_n, shape (chains,).
        cuts: steps kept by the chain's early-termination probes, shape (chains, K), increasing; the last one is the
            whole chain. Chains with fewer than K such probes have zeros in front.
        curve_places: where each early-termination probe is in `cuts`.
        places: by perturbation and variant (None: any), the chain and the cut of each probe.
        x: for each probe 1 where its answer is a_n, 0 where it is not, NaN where it is invalid; or p(a_n), for the
            measures of probabilities.
        p_gold: probability of the gold answer by probe.
        correct: whether a_n is right, shape (chains,).
        direct_correct: whether the direct answer is right, shape (chains,); NaN where none was asked for.
    """

    n_steps: Floats
    usable: NDArray[np.bool_]
    cuts: Floats
    curve_places: Places
    places: Mapping[tuple[str, str | None], Places]
    x: Floats
    p_gold: Floats
    correct: Floats
    direct_correct: Floats

    def curve(self) -> Floats:
        """`x` of the early-termination probes, shape (chains, K) as `cuts`; NaN where there is no probe."""
        chains, columns, rows = self.curve_places
        return _matrix(self.cuts.shape, chains, columns, self.x[rows])

    def of(self, perturbation: str, variant: str | None = None) -> Floats:
        """`x` of a perturbation's probes by cut, shape (chains, 1 + most steps); NaN where there is no probe."""
        return self._by_cut(self.x, perturbation, variant)

    def gold(self) -> tuple[Floats, Floats]:
        """p(gold) after the whole chain, and after none of it; shape (chains,)."""
        by_cut = self._by_cut(self.p_gold, "early_termination")
        return last_step(by_cut, self.n_steps), by_cut[:, 0]

    def _by_cut(self, values: Floats, perturbation: str, variant: str | None = None) -> Floats:
        shape = len(self.n_steps), 1 + int(self.n_steps.max(initial=0))
        if (perturbation, variant) not in self.places:
            return np.full(shape, np.nan)
        chains, cuts, rows = self.places[perturbation, variant]
        return _matrix(shape, chains, cuts, values[rows])


def _matrix(shape: tuple[int, ...], rows: Indices, columns: Indices, values: Floats) -> Floats:
    matrix = np.full(shape, np.nan)
    matrix[rows, columns] = values
    return matrix


def last_step(by_cut: Floats, n_steps: Floats) -> Floats:
    """The values at each chain's last step; shapes (chains, 1 + most steps) and (chains,), to (chains,)."""
    return np.take_along_axis(by_cut, n_steps.astype(int)[:, None], axis=1)[:, 0]


def mean(values: Floats) -> Floats:
    """Mean over the last axis of the values that are not NaN; NaN where all are."""
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=-1) / np.where(count > 0, count, np.nan))


def _chains(scores: pd.DataFrame) -> tuple[Indices, pd.MultiIndex]:
    """The chain of each row as a number, and the chains in sorted order."""
    groups = scores.groupby(CHAIN, sort=True, observed=True)
    chain = np.asarray(groups.ngroup(), np.intp)
    _, first = np.unique(chain, return_index=True)
    return chain, pd.MultiIndex.from_frame(scores[CHAIN].iloc[first])


def arrange(scores: pd.DataFrame) -> tuple[pd.MultiIndex, ChainProbes]:
    """The probes of a table by chain.

    Args:
        scores: tables.Scores with a column `reader`, any number of writers and readers.

    Returns:
        The chains (CHAIN, sorted), and their probes.
    """
    chain, index = _chains(scores)
    chains = len(index)
    kind, variant = scores["perturbation"], scores["variant"]
    cut, steps = scores["cut"].to_numpy(np.intp), scores["n_steps"].to_numpy(np.intp)
    correct = floats(scores["correct"])

    def rows_of(chosen: pd.Series) -> Places:
        rows = np.flatnonzero(chosen.to_numpy(bool))
        return chain[rows], cut[rows], rows

    def by_chain(values: NDArray[np.generic], rows: Indices) -> Floats:
        column = np.full(chains, np.nan)
        column[chain[rows]] = values[rows]
        return column

    places: dict[tuple[str, str | None], Places] = {(str(k), None): rows_of(kind == k) for k in kind.unique()}
    for name, which in scores[["perturbation", "variant"]].drop_duplicates().itertuples(index=False):
        places[str(name), str(which)] = rows_of((kind == name) & (variant == which))
    n_steps = by_chain(steps, np.arange(len(scores)))
    _, _, early = rows_of(kind == "early_termination")
    cuts, curve_places = _curves(chain, cut, early, chains)
    _, _, direct = rows_of(kind == "direct")
    whole = early[cut[early] == steps[early]]
    return index, ChainProbes(
        n_steps=n_steps,
        cuts=cuts,
        curve_places=curve_places,
        places=places,
        usable=(by_chain(floats(scores["valid"]), whole) == 1) & (n_steps > 0),
        x=floats(scores["same"]),
        p_gold=floats(scores["p_gold"]),
        correct=by_chain(correct, whole),
        direct_correct=by_chain(correct, direct),
    )


def _curves(chain: Indices, cut: Indices, early: Indices, chains: int) -> tuple[Floats, Places]:
    """Cuts of the early-termination probes, the last one in the last column; and the place of each probe among them."""
    early = early[np.lexsort((cut[early], chain[early]))]
    count = np.bincount(chain[early], minlength=chains)
    width = int(count.max(initial=1))
    number = np.arange(len(early)) - np.repeat(np.cumsum(count) - count, count)  # within its chain
    column = width - count[chain[early]] + number
    cuts = np.zeros((chains, width))
    cuts[chain[early], column] = cut[early]
    return cuts, (chain[early], column, early)


def floats(column: pd.Series) -> Floats:
    """Numbers or truth values as floats; NaN where missing."""
    return np.asarray(column.astype("Float64").to_numpy(float, na_value=np.nan), np.float64)
