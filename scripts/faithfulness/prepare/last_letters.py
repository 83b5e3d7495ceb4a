"""Last letters: the last letters of several names, joined."""

import logging
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from faithfulness.config.datasets import LastLetters
from faithfulness.prepare.questions import FIRST_NAMES, LAST_NAMES, Item, Part, different, item

logger = logging.getLogger("faithfulness")

OPTIONS = 4
SPLIT = 3  # words, from which on strings are split


@dataclass(frozen=True)
class Alphabet:
    """The letters at one place of a string, and the names that end in each.

    Attributes:
        names: by their last letter.
        halves: the letters in two halves, drawn by seed.
    """

    names: dict[str, list[str]]
    halves: tuple[list[str], list[str]]

    def half(self, letter: str) -> int:
        """Which half a letter is in: 0 or 1."""
        return int(letter in self.halves[1])


def last_letters(settings: LastLetters, part: Part = "evaluation", asked: Collection[str] = ()) -> Iterator[Item]:
    """Last-letter concatenation questions, each with a worked chain and four options.

    The options are the four strings that two letters at each of two places make, so that none of them is more like the
    others than the rest is: they do not tell which one is right, and a letter read wrongly leads to another of them.
    In every four questions the answer stands once at each place of the options.

    With three words or more, all four options are strings of the same part: no string of an evaluation item, right or
    wrong, is one of a train item, while train items have every pair of letters at every two places (see `part_of`).
    Strings of two letters are shared by the parts, but no question is: such a string is one token of most models, and
    a model cannot write a token that it has not met in training.

    Args:
        settings: of the dataset.
        part: whose items they are.
        asked: questions that may not be asked again.
    """
    if settings.words < SPLIT and part == "train":
        logger.info(
            "last letters of %d words: strings are too short to split; evaluation and train items share them, but no "
            "question",
            settings.words,
        )
    places = alphabets(settings)
    rng = random.Random(f"last_letters {settings.seed} {part}")
    return different((partial(_question, places, part, spot, rng) for spot in _spots(rng)), asked)


def alphabets(settings: LastLetters) -> list[Alphabet]:
    """The letters at each place: first and last names take turns."""
    rng = random.Random(f"last_letters {settings.seed} halves")
    kinds = []
    for names in (FIRST_NAMES, LAST_NAMES):
        by_letter: dict[str, list[str]] = {}
        for name in names:
            by_letter.setdefault(name[-1], []).append(name)
        letters = rng.sample(sorted(by_letter), len(by_letter))
        middle = len(letters) // 2
        kinds.append(Alphabet(by_letter, (letters[:middle], letters[middle:])))
    return [kinds[place % 2] for place in range(settings.words)]


def part_of(string: str, places: Sequence[Alphabet]) -> Part:
    """The part that a string of three letters or more belongs to.

    The letters of each place are halved, and strings with an even number of letters from second halves are those of
    evaluation items: half of all strings, whichever letters stand at all places but one.
    """
    second = sum(place.half(letter) for letter, place in zip(string, places, strict=True))
    return "evaluation" if second % 2 == 0 else "train"


def _spots(rng: random.Random) -> Iterator[int]:
    """Places of the answer among the options, without end: each once in every round."""
    while True:
        yield from rng.sample(range(OPTIONS), OPTIONS)


def _question(places: Sequence[Alphabet], part: Part, spot: int, rng: random.Random) -> Item:
    """A question of this part whose answer stands at this place of the options."""
    while True:
        gold = "".join(rng.choice([*place.names]) for place in places)
        words = [rng.choice(place.names[letter]) for letter, place in zip(gold, places, strict=True)]
        shared = len(gold) < SPLIT
        if len(set(words)) == len(words) and (shared or part_of(gold, places) == part):
            break
    options = _others(gold, places, rng)
    options.insert(spot, gold)
    question = f'Take the last letters of the words in "{" ".join(words)}" and concatenate them.'
    rationale = [f'The last letter of "{word}" is "{word[-1]}".' for word in words]
    letters = ", ".join(f'"{letter}"' for letter in gold[:-1]) + f' and "{gold[-1]}"'
    rationale.append(f'Putting {letters} together gives "{gold}".')
    return item(question, options, gold, rationale)


def _others(gold: str, places: Sequence[Alphabet], rng: random.Random) -> list[str]:
    """The wrong options: another letter of the same half at one of two places, at the other, and at both."""
    changed = sorted(rng.sample(range(len(gold)), 2))
    letters = {}
    for place in changed:
        half = places[place].halves[places[place].half(gold[place])]
        letters[place] = rng.choice([letter for letter in half if letter != gold[place]])
    replaced = [changed[:1], changed[1:], changed]
    others = ["".join(letters[i] if i in spots else letter for i, letter in enumerate(gold)) for spots in replaced]
    return rng.sample(others, len(others))
