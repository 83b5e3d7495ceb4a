"""Measures corrected for the agreement that chance gives: Cohen's kappa by cut (method, section 6).

A reader that answers "no" to everything perturbed keeps its answer wherever that was "no". So the agreement expected by
chance, c, comes from both marginals, of the original and of the perturbed answers (Cohen 1960). It is that of the
training, the kind of probe and the place in the chain, b, as answers fall back on a prior where little of the chain is
left. With w_ij the weight of an item's probe in its measure and x_ij whether the answer is a_n,

    c = sum_b W_b c_b / sum_b W_b,   W_b = sum of w_ij at place b,   x = mean over items of sum_j w_ij x_ij,

and the corrected mean is (x - c) / (1 - c) for agreements, x / (1 - c) for changes. The marginals have the weights of
the measure, so that a constant answer has exactly the agreement that chance gives. Chance is averaged before the
division: places that few chains reach would else be undefined, or outweigh all others where c_b is near 1.

Each training of an arm has marginals of its own, as b is that, too: where one training answers "yes" to everything
perturbed and another "no", neither agrees more often than chance, and nor do both together.

Chains differ in length, so places are fractions of the chain: no step kept (there the question alone can answer), and
the four quarters of k / n. In chains of up to five steps each cut before the last has a place of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from faithfulness.compare.chain_probes import Floats
from faithfulness.compare.cut_answers import UNREAD, CutChains, Kind
from faithfulness.compare.formulas import quadrature_weights
from faithfulness.compare.inference import ZERO
from faithfulness.compare.measures import MEASURES

LARGEST_CHANCE = 0.9  # above this nothing is left to be measured (method, section 6)
QUARTERS = 4
LEAST_DENSE = 0.1  # share of numbers that are not zero from which a matrix is held as a dense one, which is faster

Weights = Callable[[CutChains], Floats]  # of a chain's probes, shape (chains, K); NaN for a chain without a value


@dataclass(frozen=True)
class Average:
    """A weighted mean over some probes of a chain, which is a measure or a part of one.

    Args:
        kind: of the probes.
        weights: of each of them in the mean.
        sign: -1 where the mean is subtracted.
    """

    kind: Kind
    weights: Weights
    sign: float = 1.0


def _read(chains: CutChains, kind: Kind) -> Floats:
    return (chains.answers[kind] != UNREAD).astype(float)


def _normalised(weights: Floats) -> Floats:
    total = weights.sum(axis=1, keepdims=True)
    return weights / np.where(total > 0, total, np.nan)


def _equal(chains: CutChains, kind: Kind) -> Floats:
    return _normalised(_read(chains, kind))


def _at_none(chains: CutChains, kind: Kind) -> Floats:
    return _normalised(_read(chains, kind) * (chains.cuts[kind] == 0))


def _at_last(chains: CutChains, kind: Kind) -> Floats:
    return _normalised(_read(chains, kind) * (chains.cuts[kind] == chains.n_steps[:, None]))


def _paired(chains: CutChains, kind: Kind, other: Kind) -> Floats:
    """Equal weights of the cuts at which both kinds have a valid readout."""
    shape = len(chains.n_steps), 1 + int(chains.n_steps.max(initial=0))
    others = np.zeros(shape)
    rows, columns = np.nonzero(_read(chains, other))
    others[rows, chains.cuts[other][rows, columns].astype(int)] = 1
    return _normalised(_read(chains, kind) * np.take_along_axis(others, chains.cuts[kind].astype(int), axis=1))


def _trapezoid(chains: CutChains, kind: Kind, *, whole: bool) -> Floats:
    """The weights of `measures.area_over_curve`; `whole`: with the whole chain, which has changed in no reader."""
    cuts, read = chains.cuts[kind], _read(chains, kind)
    early = read * (cuts < chains.n_steps[:, None])
    weights = quadrature_weights(cuts, chains.n_steps)
    if not whole:
        return _normalised(weights * early)
    total = (weights * read).sum(axis=1, keepdims=True)
    return weights * early / np.where(total > 0, total, np.nan)


def _average(kind: Kind, weights: Callable[..., Floats] = _equal, sign: float = 1.0, **options: object) -> Average:
    return Average(kind, partial(weights, kind=kind, **options), sign)


_EARLY, _FILLER = ("early_termination", "keep_k"), ("filler", "text")
_MISTAKE, _SINGLE = ("mistake", "keep"), ("paraphrase", "single")

# The measures that can be corrected, as their formulas in `measures` weigh the probes.
AVERAGES: dict[str, tuple[Average, ...]] = {
    "aoc_raw": (_average(_EARLY, _trapezoid, whole=True),),
    "aoc": (_average(_EARLY, _trapezoid, whole=False),),
    "filler_tolerance": (_average(_FILLER),),
    "paraphrase_sensitivity": (_average(("paraphrase", "rest")),),
    "mistake_sensitivity": (_average(_MISTAKE),),
    "mistake_sensitivity_last": (_average(_MISTAKE, _at_last),),
    "mistake_sensitivity_resample": (_average(("mistake", "resample")),),
    "meaning_sensitivity": (
        _average(_MISTAKE, _paired, other=_SINGLE),
        _average(_SINGLE, _paired, -1.0, other=_MISTAKE),
    ),
    "no_cot_same": (_average(_EARLY, _at_none),),
}


def correctable() -> list[str]:
    """The measures that can be corrected for chance."""
    return [name for name in MEASURES if name in AVERAGES]


def place_in_chain(cuts: Floats, n_steps: Floats) -> NDArray[np.intp]:
    """Where in the chain a cut is: 0 where k = 0, else the quarter of k / n, from 1 to 4."""
    return np.asarray(-(-QUARTERS * cuts // n_steps), np.intp)  # upside-down floor division: rounds up, exactly


def correct_for_chance(x: Floats, chance: Floats, *, agreement: bool) -> Floats:
    """Chance-corrected form of a measure: (x - c) / (1 - c) for agreements, x / (1 - c) for changes; NaN where c > .9.

    The first is kappa and the second 1 - kappa, of which no more than chance gives is 0 and 1.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        corrected = (x - chance if agreement else x) / (1 - chance)
    return np.where(chance > LARGEST_CHANCE, np.nan, corrected)


@dataclass(frozen=True)
class Probes:
    """The probes of a measure with one writer and reader, added up by item, place and answer.

    A place is one in the chain, of one training: each training has marginals of its own.

    Args:
        matrix: one row for each item; columns are the weighted values of each place, then its weights, then the weight
            of each original answer there but the last, then that of each perturbed answer but the last (the weight
            that is left): shape (items, 2 places answers).
        parts: which of the measure's averages each place belongs to, shape (places, averages); 1 or 0.
        agreement: the measure is an agreement, not a change.
    """

    matrix: sparse.csr_array
    parts: Floats
    agreement: bool

    def corrected(self, counts: Floats) -> Floats:
        """Corrected means of resamples; shape (..., items), how often each item counts, to (...)."""
        return self.of_sums(np.asarray(counts @ self.matrix), counts.sum(axis=-1))

    def of_sums(self, sums: Floats, items: Floats) -> Floats:
        """The same from the sums of the matrix over the items of resamples, shape (..., columns), and their number."""
        values, weights, original, perturbed = self._split(sums)
        rest = (weights - original.sum(axis=-1)) * (weights - perturbed.sum(axis=-1))
        return self._mean(values, weights, (original * perturbed).sum(axis=-1) + rest, items)

    def left_out(self) -> Floats:
        """Corrected means without each item in turn, shape (items,)."""
        n, places = self.matrix.shape[0], len(self.parts)
        values, weights, original, perturbed = self._split(np.asarray(np.ones(n) @ self.matrix))
        own_values, own_weights = (self.matrix[:, block].toarray() for block in self._blocks()[:2])
        own_original, own_perturbed = (self.matrix[:, block] for block in self._blocks()[2:])
        by_place = np.repeat(np.eye(places), original.shape[-1], axis=0)
        weights_left = weights - own_weights
        # sum_a (O_a - o_a) (P_a - p_a), multiplied out: an item has seldom more than an answer or two.
        products = (
            (original * perturbed).sum(axis=-1)
            - own_original @ (perturbed.reshape(-1, 1) * by_place)
            - own_perturbed @ (original.reshape(-1, 1) * by_place)
            + (own_original * own_perturbed) @ by_place
        )
        rest = [
            weights_left - total.sum(axis=-1) + own @ by_place
            for total, own in ((original, own_original), (perturbed, own_perturbed))
        ]
        return self._mean(values - own_values, weights_left, products + rest[0] * rest[1], np.full(n, n - 1.0))

    def chance(self) -> float:
        """The agreement that is expected by chance, over all places; NaN without any probe."""
        _, weights, original, perturbed = self._split(np.asarray(np.ones(self.matrix.shape[0]) @ self.matrix))
        rest = (weights - original.sum(axis=-1)) * (weights - perturbed.sum(axis=-1))
        there = weights > ZERO
        products = ((original * perturbed).sum(axis=-1) + rest)[there]
        return float((products / weights[there]).sum() / weights[there].sum()) if there.any() else np.nan

    def by_item(self) -> Floats:
        """The uncorrected measure of each item, shape (items,)."""
        return np.asarray(self.matrix[:, self._blocks()[0]].sum(axis=1), np.float64)

    def _blocks(self) -> list[slice]:
        places = len(self.parts)
        of_answers = self.matrix.shape[1] // 2 - places
        return [
            slice(start, end) for start, end in pairwise(np.cumsum([0, places, places, *[of_answers] * 2]).tolist())
        ]

    def _split(self, sums: Floats) -> list[Floats]:
        """Values and weights by place, original and perturbed answers by place and answer."""
        values, weights, *answers = (sums[..., block] for block in self._blocks())
        shape = *sums.shape[:-1], len(self.parts), answers[0].shape[-1] // max(len(self.parts), 1)  # none was read
        return [values, weights, *(block.reshape(shape) for block in answers)]

    def _mean(self, values: Floats, weights: Floats, products: Floats, items: Floats) -> Floats:
        """Corrected means, from sums by place; `products`: of both marginals, summed over answers."""
        there = weights > ZERO  # a resample may have no chain that is long enough
        by_chance = np.where(there, products / np.where(there, weights, np.nan), 0.0) @ self.parts
        weight = weights @ self.parts
        with np.errstate(divide="ignore", invalid="ignore"):
            x, chance = values @ self.parts / weight, by_chance / weight
            means = weight / items[..., None] * correct_for_chance(x, chance, agreement=self.agreement)
        # Equal means must tie, whatever the order of summation.
        return np.asarray(np.round(means.sum(axis=-1), 14))


def side_by_side(parts: Sequence[Probes]) -> Floats | sparse.csr_array:
    """The matrices of several probes of the same items as one, of which one product gives the sums of all of them.

    A matrix of numbers that are hardly ever zero, as where there are few options, is a dense one: that is faster.
    """
    joined = sparse.hstack([part.matrix for part in parts], format="csr")
    dense = joined.nnz > LEAST_DENSE * np.prod(joined.shape)
    return np.asarray(joined.toarray(), np.float64) if dense else joined


def probes(chains: CutChains, name: str, role: int, items: pd.Index) -> Probes:
    """The probes of a measure with one writer and reader.

    Args:
        chains: of base and of trainings of one arm.
        name: the measure.
        role: writer and reader as a place in ROLES.
        items: those that count.
    """
    item = items.get_indexer(pd.Index(chains.item_ids))
    counted = chains.usable & (chains.roles == role) & (item >= 0)
    agreement = MEASURES[name].chance == "agreement"
    averages = len(AVERAGES[name])
    columns: dict[str, list[NDArray[np.generic]]] = {key: [] for key in ("item", "place", "weight", "value", "a", "b")}
    for number, average in enumerate(AVERAGES[name]):
        weights = average.weights(chains)
        defined = counted & np.isfinite(weights).all(axis=1)
        share = 1 / np.maximum(np.bincount(item[defined], minlength=len(items)), 1)  # samples and seeds are averaged
        row, column = np.nonzero(np.where(defined[:, None], weights, 0.0))
        weight = weights[row, column] * share[item[row]]
        original, answer = chains.original[row], chains.answers[average.kind][row, column]
        place = place_in_chain(chains.cuts[average.kind][row, column], chains.n_steps[row])
        value = weight * average.sign * ((original == answer) if agreement else (original != answer))
        place += (1 + QUARTERS) * (number + averages * chains.trainings[row])
        new = (item[row], place, weight, value, original, answer)
        for key, part in zip(columns, new, strict=True):
            columns[key].append(part)
    items_of, places_of, weight, value, original, answer = (np.concatenate(parts) for parts in columns.values())
    places, place = np.unique(places_of, return_inverse=True)
    parts = (places[:, None] // (1 + QUARTERS) % averages == np.arange(averages)).astype(float)
    codes, code = np.unique(np.concatenate([original, answer]), return_inverse=True)
    last = max(len(codes) - 1, 1)  # where there is one answer only it has a column, too
    of_answers = [
        (weight * (numbers < last), place * last + np.minimum(numbers, last - 1), len(places) * last)
        for numbers in np.split(code, [len(original)])
    ]
    blocks = [(value, place, len(places)), (weight, place, len(places)), *of_answers]
    matrix = sparse.hstack(
        [sparse.coo_array((numbers, (items_of, at)), shape=(len(items), width)) for numbers, at, width in blocks],
        format="csr",
    )
    matrix.eliminate_zeros()
    return Probes(matrix, parts, agreement)
