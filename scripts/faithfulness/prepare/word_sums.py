"""Sums in words: how many things somebody has after several changes."""

import random
from collections.abc import Collection, Iterator
from functools import partial

from faithfulness.config.datasets import WordSums
from faithfulness.hashing import digest
from faithfulness.prepare.questions import FIRST_NAMES, TRIES, Item, Part, different, item

WORDS = "two three four five six seven eight nine ten eleven twelve".split()
LEAST, MOST = 2, 12  # of all amounts: "one apple" would want another noun
LARGEST = 4  # of the changes
OPTIONS = 4
VERBS = {"plus": "finds", "minus": "loses"}
THINGS = "apples books cards coins keys shells stamps stones".split()

Change = tuple[str, int]  # plus or minus, and how much


def word_sums(settings: WordSums, part: Part = "evaluation", asked: Collection[str] = ()) -> Iterator[Item]:
    """Questions about sums in number words, each with a worked chain of one equation a step, and four options.

    The options are four numbers in a row, in a random order; in every 16 questions the right one is each of the four,
    from the smallest to the largest, at each place once. A sum (its first number and its changes) belongs to the train
    items or to the evaluation items by a hash; both have all single additions and subtractions.

    Args:
        settings: of the dataset.
        part: whose items they are.
        asked: questions that may not be asked again.
    """
    rng = random.Random(f"word_sums {settings.seed} {part}")
    return different((partial(_question, settings, part, rank, spot, rng) for rank, spot in _ranks(rng)), asked)


def word(number: int) -> str:
    """A number from LEAST to MOST in words."""
    return WORDS[number - LEAST]


def _ranks(rng: random.Random) -> Iterator[tuple[int, int]]:
    """The answer's rank and place among the options, without end: each pair once in every round."""
    pairs = [(rank, spot) for rank in range(OPTIONS) for spot in range(OPTIONS)]
    while True:
        yield from rng.sample(pairs, len(pairs))


def _question(settings: WordSums, part: Part, rank: int, spot: int, rng: random.Random) -> Item:
    """A question of this part whose answer has this rank and place among the options."""
    smallest = rng.randint(LEAST, MOST - OPTIONS + 1)  # drawn once, so that a part has no totals of its own
    first, changes = _sum_of(part, smallest + rank, settings, rng)
    person, thing = rng.choice(FIRST_NAMES), rng.choice(THINGS)
    events, total = [f"{person} has {word(first)} {thing}."], first
    rationale = [f"At first, {person} has {word(first)} {thing}."]
    for sign, amount in changes:
        before, total = total, total + (amount if sign == "plus" else -amount)
        events.append(f"Then {person} {VERBS[sign]} {word(amount)} {thing}.")
        # With the things, no sentence ends in "ten.", which sentence splitters take for an abbreviation.
        rationale.append(f"{word(before).capitalize()} {sign} {word(amount)} is {word(total)} {thing}.")
    options = [word(smallest + other) for other in range(OPTIONS) if other != rank]
    rng.shuffle(options)
    options.insert(spot, word(total))
    question = f"{' '.join(events)} How many {thing} does {person} have now?"
    return item(question, options, word(total), rationale)


def _sum_of(part: Part, total: int, settings: WordSums, rng: random.Random) -> tuple[int, list[Change]]:
    """A sum of this part with this total; half of all sums are those of evaluation items."""
    for _ in range(TRIES):
        found = _sum_to(total, settings.terms - 1, rng)
        if (int(digest("word_sums", settings.seed, *found), 16) % 2 == 0) == (part == "evaluation"):
            return found
    raise ValueError(f"word_sums: no {part} sum has the total {total} with seed {settings.seed}; use another seed")


def _sum_to(total: int, count: int, rng: random.Random) -> tuple[int, list[Change]]:
    """A first number and so many changes that lead to a total, with all amounts on the way from LEAST to MOST."""
    changes: list[Change] = []
    for _ in range(count):
        possible = [("plus", amount) for amount in range(LEAST, LARGEST + 1) if total - amount >= LEAST]
        possible += [("minus", amount) for amount in range(LEAST, LARGEST + 1) if total + amount <= MOST]
        sign, amount = rng.choice(possible)
        total += -amount if sign == "plus" else amount
        changes.append((sign, amount))
    return total, changes[::-1]
