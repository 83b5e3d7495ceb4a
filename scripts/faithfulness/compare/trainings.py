"""Single trainings of an arm and of its placebo (method, section 8): what the luck of training adds to an error."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from faithfulness.compare.inference import Floats

K = TypeVar("K")
T = TypeVar("T")

ENOUGH_SEEDS = 3  # fewer trainings of an arm say nothing about other trainings of its recipe


def shared_seeds(by_seed: Mapping[K, Collection[int]], keys: Iterable[K]) -> list[int]:
    """The training seeds that all keys have, in their order."""
    return sorted(set.intersection(*(set(by_seed.get(key, ())) for key in keys)))


def freedom(*trainings: int) -> int:
    """Degrees of freedom of the spread within arms, from the number of trainings of each."""
    return sum(max(count - 1, 0) for count in trainings)


def enough(*trainings: int) -> bool:
    """Whether arms of one recipe were trained often enough to say something about other trainings of it."""
    return freedom(*trainings) >= ENOUGH_SEEDS - 1


@dataclass(frozen=True)
class Trainings:
    """What a row is estimated at by each training of an arm, and of its placebo.

    Args:
        own: the estimates of each training of the arm, shape (rows,).
        placebo: those of each training of its placebo in place of the arm.
        minus_placebo: whether the placebo is what the arm is compared with.
        one_recipe: whether both have one recipe, so that one spread. Else the placebo is another tuned arm (C7).
    """

    own: Sequence[Floats]
    placebo: Sequence[Floats] = ()
    minus_placebo: bool = False
    one_recipe: bool = True

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the error; with two recipes the smaller ones (Welch's are no less)."""
        counts = len(self.own), len(self.placebo)
        return freedom(*counts) if self.one_recipe else min(counts) - 1

    @property
    def enough(self) -> bool:
        """Whether they say something about other trainings of the recipe."""
        return enough(len(self.own), len(self.placebo))

    def error(self) -> Floats:
        """Standard error that the luck of training adds to an estimate over all trainings, shape (rows,).

        The spread is that within arms, pooled over both if they have one recipe.
        """
        if not self.one_recipe:
            variances = [np.var(arm, axis=0, ddof=1) / len(arm) for arm in (self.own, self.placebo)]
            return np.asarray(np.sqrt(np.sum(variances, axis=0)))
        arms = [np.asarray(arm) for arm in (self.own, self.placebo) if len(arm) > 1]
        squares = np.sum([((arm - arm.mean(axis=0)) ** 2).sum(axis=0) for arm in arms], axis=0)
        compared = (self.own, self.placebo) if self.minus_placebo else (self.own,)
        return np.asarray(np.sqrt(squares / self.freedom * sum(1 / max(len(arm), 1) for arm in compared)))


def by_training(
    own: Mapping[K, Mapping[int, T]],
    keys: Sequence[K],
    estimate: Callable[[K, T], Floats],
    placebo: Mapping[K, Mapping[int, T]] | None = None,
    *,
    minus_placebo: bool = False,
    one_recipe: bool = True,
) -> Trainings:
    """Estimates of each training that all keys have, the means over the keys; none are made of too few trainings.

    Args:
        own: what there is of each training of an arm, by key (a cell) and seed.
        keys: those that are pooled.
        estimate: from a key and what there is of a training to its estimates, shape (rows,).
        placebo: what there is of each training of the arm's placebo.
        minus_placebo, one_recipe: as `Trainings` has them.
    """
    arms = (own, placebo or {})
    seeds = [shared_seeds(arm, keys) for arm in arms]
    counts = [len(shared) for shared in seeds]
    if not (enough(*counts) if one_recipe else all(map(enough, counts))):
        return Trainings([])
    of_own, of_placebo = (
        [np.mean([estimate(key, arm[key][seed]) for key in keys], axis=0) for seed in shared]
        for arm, shared in zip(arms, seeds, strict=True)
    )
    return Trainings(of_own, of_placebo, minus_placebo, one_recipe)
