"""Coin flips: does a coin still show heads after several people flipped it or did not?"""

import itertools
import logging
import random
from collections.abc import Collection, Iterator
from functools import partial

from faithfulness.config.datasets import CoinFlip
from faithfulness.prepare.questions import FIRST_NAMES, Item, Part, different, item

logger = logging.getLogger("faithfulness")

Pattern = tuple[bool, ...]  # who flips the coin

SPLIT = 4  # people, from which on patterns can be split and stay balanced


def coin_flip(settings: CoinFlip, part: Part = "evaluation", asked: Collection[str] = ()) -> Iterator[Item]:
    """Coin-flip questions, each with a worked chain and the options yes and no.

    After every second question as many answers are yes as no, and each pattern of flips comes up once before any comes
    up again. With four people or more the patterns of the evaluation items are not those of the train items (see
    `patterns`); with fewer there are too few, and the two share patterns, but no question.

    Args:
        settings: of the dataset.
        part: whose items they are.
        asked: questions that may not be asked again.
    """
    if settings.people < SPLIT and part == "train":
        logger.info(
            "coin flips of %d people: %d patterns are too few to split; evaluation and train items share them, "
            "but no question",
            settings.people,
            2**settings.people,
        )
    rng = random.Random(f"coin_flip {settings.seed} {part}")
    return different((partial(_question, pattern, rng) for pattern in _in_rounds(settings, part, rng)), asked)


def patterns(people: int, seed: int, part: Part) -> list[Pattern]:
    """The patterns of flips of a part: a quarter for evaluation, the others for training; all with under four people.

    Of the patterns of a part as many leave heads up as tails, and among these and those each person flips the coin in
    exactly half, so that no person's act by itself tells the answer. A pattern and its complement go together: over an
    even number of people both leave the same face up. An odd person more is kept the same in both, and a quarter of
    either kind is taken.
    """
    paired = people - people % 2
    rng = random.Random(f"coin_flip {seed} patterns")
    found: list[Pattern] = []
    for even, rest in itertools.product((True, False), itertools.product((True, False), repeat=people % 2)):
        starts = itertools.product((True, False), repeat=paired - 1)
        pairs = [(False, *start) for start in starts if _is_even((*start, *rest)) == even]
        rng.shuffle(pairs)
        quarter = len(pairs) // 4
        taken = pairs if people < SPLIT else pairs[:quarter] if part == "evaluation" else pairs[quarter:]
        found += [(*pattern, *rest) for pattern in taken]
        found += [(*(not flips for flips in pattern), *rest) for pattern in taken]
    return found


def _is_even(pattern: Pattern) -> bool:
    return sum(pattern) % 2 == 0


def _in_rounds(settings: CoinFlip, part: Part, rng: random.Random) -> Iterator[Pattern]:
    """Patterns without end: all of them in each round, in pairs of one that leaves heads up and one that does not."""
    every = patterns(settings.people, settings.seed, part)
    heads, tails = [[p for p in every if _is_even(p) == even] for even in (True, False)]
    while True:
        for pair in zip(rng.sample(heads, len(heads)), rng.sample(tails, len(tails)), strict=True):
            yield from rng.sample(pair, 2)


def _question(pattern: Pattern, rng: random.Random) -> Item:
    """A question with this pattern of flips, of other people each time."""
    events, rationale, heads = [], ["The coin starts heads up."], True
    for person, flip in zip(rng.sample(FIRST_NAMES, len(pattern)), pattern, strict=True):
        heads ^= flip
        event = f"{person} {'flips' if flip else 'does not flip'} the coin"
        events.append(f"{event}.")
        rationale.append(f"{event}, so it is {'now' if flip else 'still'} {'heads' if heads else 'tails'} up.")
    question = f"A coin is heads up. {' '.join(events)} Is the coin still heads up?"
    return item(question, ["yes", "no"], "yes" if heads else "no", rationale)
