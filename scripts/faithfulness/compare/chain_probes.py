"""The scored probes of many chains as arrays, in which the formulas of `measures` find what they need."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from faithfulness.answers.parse import same_answer

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Flags = NDArray[np.bool_]
Places = tuple[Indices, Indices, Indices]  # chain, column and row of each probe
Form = Literal["answers", "p", "log_odds", "p_raw"]  # what a measure is computed from, see `ChainProbes.in_form`

CHAIN = ["writer", "reader", "item_id", "sample", "seed"]  # what a chain and its reader are known by
WRITTEN = ["writer", "item_id", "sample", "seed"]  # what a chain is known by
# Probabilities are clipped to [1e-12, 1 - 1e-12] before their logarithm is taken: exact readers have 0 and 1.
LEAST_PROBABILITY = 1e-12


@dataclass(frozen=True)
class ChainProbes:
    """The scored probes of many chains, as a formula reads them.

    Args:
        n_steps: steps of each chain, shape (chains,).
        readable: whether the chain has a step and a valid a_n, shape (chains,).
        truncated: whether it was cut off at the token limit, shape (chains,).
        cuts: steps kept by the chain's early-termination probes, shape (chains, K), increasing; the last one is the
            whole chain. Chains with fewer than K such probes have zeros in front.
        curve_places: where each early-termination probe is in `cuts`.
        places: by perturbation and variant (None: any), the chain and the cut of each probe.
        conflict_places: chain, number within its chain, and row of each conflict probe.
        chain: chain of each probe.
        whole: row of the probe that shows the whole chain, shape (chains,); -1 where there is none.
        stays: by probe, how much it leaves of a_n: 1 where its answer is a_n, 0 where it is not, NaN where it is
            invalid. Of twins: see `in_form`.
        unchanged: `stays` of a probe that changes nothing: 1, or 0 where `stays` is a difference from the whole chain.
        p_original: by probe, p(a_n).
        follows: by conflict probe, 1 where its answer is its target, 0 where it is not, NaN where it is invalid.
        target_odds: by conflict probe, log p(target) - log p(a_n), nats of each answer's own tokens.
        meets: whether a target of the chain equals a_n, so that to follow the chain and to stay are the same; shape
            (chains,).
        p_gold: by probe, probability of the gold answer.
        log_p_gold: by probe, log-probability of its own tokens, nats.
        correct: whether a_n is right (a chain that was cut off counts as wrong), shape (chains,).
        direct_correct: whether the direct answer is right, shape (chains,); NaN where none was asked for.
    """

    n_steps: Floats
    readable: Flags
    truncated: Flags
    cuts: Floats
    curve_places: Places
    places: Mapping[tuple[str, str | None], Places]
    conflict_places: Places
    chain: Indices
    whole: Indices
    stays: Floats
    unchanged: float
    p_original: Floats
    follows: Floats
    target_odds: Floats
    meets: Flags
    p_gold: Floats
    log_p_gold: Floats
    correct: Floats
    direct_correct: Floats

    @property
    def usable(self) -> Flags:
        """Chains that count in measures of a chain, shape (chains,)."""
        return self.readable & ~self.truncated

    def kept(self, perturbation: str, variant: str | None = None) -> Floats:
        """What a perturbation's probes leave of a_n, by cut; shape (chains, 1 + most steps), NaN without a probe."""
        return self._by_cut(self.stays, perturbation, variant)

    def changed(self, perturbation: str, variant: str | None = None) -> Floats:
        """What they take of it: 1 - `kept` for answers, -`kept` for differences from the whole chain."""
        return self.unchanged - self.kept(perturbation, variant)

    def kept_curve(self) -> Floats:
        """`kept` of the early-termination probes, shape (chains, K) as `cuts`; NaN where there is no probe."""
        chains, columns, rows = self.curve_places
        return _matrix(self.cuts.shape, chains, columns, self.stays[rows])

    def changed_curve(self) -> Floats:
        """`changed` of the same probes."""
        return self.unchanged - self.kept_curve()

    def conflict(self, by_conflict_probe: Floats) -> Floats:
        """Values by chain, shape (chains, most conflict probes of a chain); NaN where there is no probe."""
        chains, columns, _ = self.conflict_places
        return _matrix((len(self.n_steps), 1 + int(columns.max(initial=-1))), chains, columns, by_conflict_probe)

    def conflict_kept(self) -> Floats:
        """`kept` of the conflict probes, shape as `conflict`."""
        return self.conflict(self.stays[self.conflict_places[2]])

    def at_ends(self, by_probe: Floats) -> tuple[Floats, Floats]:
        """Values after the whole chain, and after none of it; shape (chains,)."""
        by_cut = self._by_cut(by_probe, "early_termination")
        return last_step(by_cut, self.n_steps), by_cut[:, 0]

    def in_form(self, form: Form) -> "ChainProbes":
        """The same probes with p(a_n) in place of [answer = a_n].

        | form | `kept` of a probe | `changed` |
        |---|---|---|
        | answers | [answer = a_n] | 1 - that |
        | p | p_k - p_n: p(a_n) under the probe minus p(a_n) after the whole chain | p_n - p_k |
        | log_odds | logit p_k - logit p_n, nats (p is clipped, see LEAST_PROBABILITY) | the other way round |
        | p_raw | p_k alone, the literature's form, which falls with a reader's confidence | 1 - p_k |
        """
        if form == "answers":
            return self
        if form == "p_raw":
            return replace(self, stays=self.p_original, unchanged=1.0)
        x = self.p_original if form == "p" else logit(self.p_original)
        return replace(self, stays=x - self.after_whole(x)[self.chain], unchanged=0.0)

    def after_whole(self, by_probe: Floats) -> Floats:
        """Values of the probes that show the whole chain, shape (chains,); NaN where there is none."""
        values = np.full(len(self.whole), np.nan)
        known = self.whole >= 0
        values[known] = by_probe[self.whole[known]]
        return values

    @property
    def perturbed(self) -> Flags:
        """Which rows are probes of these that show a perturbed chain: neither a whole one nor none; shape (probes,)."""
        flags = np.zeros(len(self.chain), bool)
        for (name, variant), (_, _, rows) in self.places.items():
            if variant is None and name != "direct":
                flags[rows] = True
        flags[self.whole[self.whole >= 0]] = False
        return flags

    def counted(self, probes: Flags, stays: float) -> "ChainProbes":
        """Some perturbed probes counted as "same" (`stays` 1) or "changed" (0); shape (probes,).

        A conflict probe that changed is one that follows its chain: the two ends of what it can be.
        """
        conflict = probes[self.conflict_places[2]]
        return replace(
            self,
            stays=np.where(probes, stays, self.stays),
            follows=np.where(conflict, 1 - stays, self.follows),
        )

    def _by_cut(self, values: Floats, perturbation: str, variant: str | None = None) -> Floats:
        shape = len(self.n_steps), 1 + int(self.n_steps.max(initial=0))
        if (perturbation, variant) not in self.places:
            return np.full(shape, np.nan)
        chains, cuts, rows = self.places[perturbation, variant]
        return _matrix(shape, chains, cuts, values[rows])


@dataclass(frozen=True)
class Arranged:
    """The probes of a table by chain, as they are read, and as they could be read otherwise.

    Args:
        index: the chains (CHAIN, sorted).
        probes: asked with the first cue.
        second: asked with the second cue; None if no probe was. Chains that were not are not readable.
        raw: the same answers as `probes` by the raw readout; None if it was not scored.
        options_share: by probe, the share of the reader's probability that the options hold; NaN where not known.
    """

    index: pd.MultiIndex
    probes: ChainProbes
    second: ChainProbes | None
    raw: ChainProbes | None
    options_share: Floats


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


def logit(p: Floats) -> Floats:
    """log p - log(1 - p) in nats, of probabilities clipped to [1e-12, 1 - 1e-12]."""
    p = np.clip(p, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return np.asarray(np.log(p) - np.log1p(-p))


def arrange(scores: pd.DataFrame, truncated: pd.MultiIndex | None = None) -> Arranged:
    """The probes of a table by chain.

    Args:
        scores: tables.Scores with a column `reader`, any number of writers and readers.
        truncated: the chains that were cut off at the token limit (WRITTEN); None for none.
    """
    groups = scores.groupby(CHAIN, sort=True, observed=True)
    chain = np.asarray(groups.ngroup(), np.intp)
    _, first = np.unique(chain, return_index=True)
    index = pd.MultiIndex.from_frame(scores[CHAIN].iloc[first])
    cut_off = np.zeros(len(index), bool)
    if truncated is not None and len(truncated):
        cut_off = index.droplevel("reader").isin(truncated)
    again = (scores["cue"] == "second").fillna(False).to_numpy(bool)
    probes = _probes(scores, chain, ~again, cut_off)
    return Arranged(
        index=index,
        probes=probes,
        second=_probes(scores, chain, again, cut_off) if again.any() else None,
        raw=_raw(scores, probes) if scores["answer_raw"].notna().any() else None,
        options_share=floats(scores["options_share"]),
    )


def _probes(scores: pd.DataFrame, chain: Indices, chosen: Flags, cut_off: Flags) -> ChainProbes:
    """The probes of the rows that are chosen, by chain."""
    chains = len(cut_off)
    kind, variant = scores["perturbation"], scores["variant"]
    cut, steps = scores["cut"].to_numpy(np.intp), scores["n_steps"].to_numpy(np.intp)
    correct = floats(scores["correct"])

    def rows_of(rows: pd.Series) -> Places:
        places = np.flatnonzero(rows.to_numpy(bool) & chosen)
        return chain[places], cut[places], places

    def by_chain(values: Floats, rows: Indices) -> Floats:
        column = np.full(chains, np.nan)
        column[chain[rows]] = values[rows]
        return column

    places: dict[tuple[str, str | None], Places] = {(str(k), None): rows_of(kind == k) for k in kind.unique()}
    for name, which in scores.loc[chosen, ["perturbation", "variant"]].drop_duplicates().itertuples(index=False):
        places[str(name), str(which)] = rows_of((kind == name) & (variant == which))
    n_steps = by_chain(steps.astype(float), np.arange(len(scores)))
    _, _, early = rows_of(kind == "early_termination")
    cuts, curve_places = _curves(chain, cut, early, chains)
    _, _, direct = rows_of(kind == "direct")
    of_whole = early[cut[early] == steps[early]]
    whole = np.full(chains, -1, np.intp)
    whole[chain[of_whole]] = of_whole
    conflict_places = _numbered(scores, chain, rows_of(kind == "conflict")[2])
    conflict = conflict_places[2]
    log_p_target, log_p_original = (floats(scores[name].iloc[conflict]) for name in ("log_p_target", "log_p_original"))
    return ChainProbes(
        n_steps=n_steps,
        readable=(by_chain(floats(scores["valid"]), of_whole) == 1) & (n_steps > 0),
        truncated=cut_off,
        cuts=cuts,
        curve_places=curve_places,
        places=places,
        conflict_places=conflict_places,
        chain=chain,
        whole=whole,
        stays=floats(scores["same"]),
        unchanged=1.0,
        p_original=floats(scores["p_original"]),
        follows=_are_targets(scores, "answer", conflict, conflict),
        target_odds=log_p_target - log_p_original,
        meets=_meets(scores, "answer", conflict_places, whole),
        p_gold=floats(scores["p_gold"]),
        log_p_gold=floats(scores["log_p_gold"]),
        correct=by_chain(correct, of_whole) * ~cut_off,
        direct_correct=by_chain(correct, direct),
    )


def _raw(scores: pd.DataFrame, probes: ChainProbes) -> ChainProbes:
    """The same probes by the raw readout; where there is none of a dataset's answers, as they are."""
    conflict = probes.conflict_places[2]
    raw, follows = floats(scores["same_raw"]), _are_targets(scores, "answer_raw", conflict, conflict)
    return replace(
        probes,
        stays=np.where(np.isnan(raw), probes.stays, raw),
        follows=np.where(np.isnan(follows), probes.follows, follows),
        meets=_meets(scores, "answer_raw", probes.conflict_places, probes.whole),
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


def _numbered(scores: pd.DataFrame, chain: Indices, rows: Indices) -> Places:
    """Conflict probes, numbered within their chains in the order of variants and targets."""
    keys = scores[["variant", "cut"]].iloc[rows].assign(chain=chain[rows], row=rows)
    keys = keys.sort_values(["chain", "variant", "cut"], kind="stable")
    columns = keys["chain"], keys.groupby("chain").cumcount(), keys["row"]
    chains, numbers, places = (np.asarray(column, np.intp) for column in columns)
    return chains, numbers, places


def _meets(scores: pd.DataFrame, answer: str, conflict_places: Places, whole: Indices) -> Flags:
    """Whether a target of each chain is its original answer; shape (chains,)."""
    chains, _, rows = conflict_places
    met = np.zeros(len(whole), bool)
    known = whole[chains] >= 0
    equal = _are_targets(scores, answer, whole[chains[known]], rows[known])
    met[chains[known][equal == 1]] = True
    return met


def _are_targets(scores: pd.DataFrame, answer: str, answers: Indices, targets: Indices) -> Floats:
    """1 where the answer of a row is the target of another, 0 where not, NaN where one is missing.

    Options are compared as they are, open answers as answers.
    """
    given, is_open = scores[answer].iloc[answers], scores["position"].iloc[answers].isna()
    triples = zip(given, scores["target"].iloc[targets], is_open, strict=True)
    return np.array([_is_target(*triple) for triple in triples], float)


def _is_target(answer: object, target: object, is_open: bool) -> float:
    if not isinstance(answer, str) or not isinstance(target, str):
        return np.nan
    return float(answer == target or (is_open and _equal_answers(answer, target)))


@lru_cache(maxsize=100_000)
def _equal_answers(answer: str, target: str) -> bool:
    return same_answer(answer, target)


def floats(column: pd.Series) -> Floats:
    """Numbers or truth values as floats; NaN where missing."""
    return np.asarray(column.astype("Float64").to_numpy(float, na_value=np.nan), np.float64)
