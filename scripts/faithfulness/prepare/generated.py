"""Generated tasks: last letters and coin flips."""

import random
from collections.abc import Callable, Iterator

from faithfulness.config.datasets import CoinFlip, LastLetters
from faithfulness.hashing import digest
from faithfulness.tables.fields import Row

Item = Row  # of the table of items


# The names end in six letters each, six names a letter, so that a small model meets every pair of last letters in
# training; no letter ends names of both lists, so a pair is never its own reversal.
FIRST_NAMES = """Anna Emma Julia Laura Maria Sara Alan Ben John Kevin Ryan Simon Derek Frank Jack Mark Nick Patrick
Charles Chris James Louis Lucas Thomas David Donald Edward Fred Richard Todd Adam Graham Jim Sam Tom William""".split()

LAST_NAMES = """Baker Carter Fisher Miller Parker Taylor Armstrong Fleming King Long Manning Young Abbott Bennett Grant
Hunt Knight Wright Bailey Gray Kelly Kennedy Murphy Perry Bell Campbell Hall Hill Mitchell Russell Cole Lane Moore Rice
Stone White""".split()


def last_letters(settings: LastLetters) -> Iterator[Item]:
    """Endless last-letter concatenation questions, each with a worked chain and four options.

    Options are the gold string, its reversal and two strings one letter off, in a random order. The wrong letter
    ends another name of the same list, so that it takes the words to find it out.
    """
    rng = random.Random(f"last_letters {settings.seed}")
    while True:
        lists = [FIRST_NAMES if i % 2 == 0 else LAST_NAMES for i in range(settings.words)]
        words = [rng.choice(names) for names in lists]
        gold = "".join(word[-1] for word in words)
        if len(set(words)) < len(words) or gold == gold[::-1]:
            continue  # a palindrome's reversal would be a second right option
        options = [gold, gold[::-1]]
        while len(options) < 4:
            spot = rng.randrange(len(gold))
            other = gold[:spot] + rng.choice(lists[spot])[-1] + gold[spot + 1 :]
            if other not in options:
                options.append(other)
        rng.shuffle(options)
        question = f'Take the last letters of the words in "{" ".join(words)}" and concatenate them.'
        rationale = [f'The last letter of "{word}" is "{word[-1]}".' for word in words]
        letters = ", ".join(f'"{letter}"' for letter in gold[:-1]) + f' and "{gold[-1]}"'
        rationale.append(f'Putting {letters} together gives "{gold}".')
        yield item(question, options, gold, rationale)


def coin_flip(settings: CoinFlip) -> Iterator[Item]:
    """Endless coin-flip questions, each with a worked chain and the options yes and no."""
    rng = random.Random(f"coin_flip {settings.seed}")
    while True:
        people = rng.sample(FIRST_NAMES, settings.people)
        flips = [rng.random() < 0.5 for _ in people]
        events, rationale, heads = [], ["The coin starts heads up."], True
        for person, flip in zip(people, flips, strict=True):
            heads ^= flip
            event = f"{person} {'flips' if flip else 'does not flip'} the coin"
            events.append(f"{event}.")
            rationale.append(f"{event}, so it is {'now' if flip else 'still'} {'heads' if heads else 'tails'} up.")
        question = f"A coin is heads up. {' '.join(events)} Is the coin still heads up?"
        yield item(question, ["yes", "no"], "yes" if heads else "no", rationale)


def item(
    question: str,
    options: list[str] | None,
    answer: str,
    rationale: list[str] | None = None,
    show_options: bool = False,
) -> Item:
    """A question with its gold answer, as the table of items holds it."""
    return {
        "item_id": digest(question, options),
        "question": question,
        "options": options,
        "answer": answer,
        "answers": None,
        "rationale": rationale,
        "show_options": show_options,
        "letters": False,
    }


GENERATORS: dict[str, Callable[..., Iterator[Item]]] = {"last_letters": last_letters, "coin_flip": coin_flip}
