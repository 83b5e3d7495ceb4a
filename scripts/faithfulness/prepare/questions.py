"""What all generated tasks share: items, their two parts, and the choice of questions that were not asked before."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Literal

from faithfulness.hashing import digest
from faithfulness.tables.fields import Row

Item = Row  # of the table of items
Part = Literal["evaluation", "train"]

TRIES = 2000  # draws of a question, after which none is left that was not asked before

# Six names for each of eight last letters in either list. No letter ends names of both, so a letter tells its place.
FIRST_NAMES = """Anna Emma Julia Laura Maria Sara Alan Ben John Kevin Ryan Simon Derek Frank Jack Mark Nick Patrick
Charles Chris James Louis Lucas Thomas David Donald Edward Fred Richard Todd Adam Graham Jim Sam Tom William Hannah
Joseph Keith Leah Noah Ruth Bruno Diego Hugo Leo Marco Pedro""".split()

LAST_NAMES = """Baker Carter Fisher Miller Parker Taylor Armstrong Fleming King Long Manning Young Abbott Bennett Grant
Hunt Knight Wright Bailey Gray Kelly Kennedy Murphy Perry Bell Campbell Hall Hill Mitchell Russell Cole Lane Moore Rice
Stone White Cox Fox Hendrix Knox Lennox Maddox Diaz Gomez Lopez Ortiz Perez Sanchez""".split()


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


def different(draws: Iterable[Callable[[], Item]], asked: Collection[str]) -> Iterator[Item]:
    """One item of each draw, each with a question of its own; ends with the first draw that finds no new one.

    A draw is tried again until its question is new, so that what the draws balance stays balanced.

    Args:
        draws: each gives a random item of its kind whenever it is called.
        asked: questions that may not be asked again.
    """
    seen = set(asked)
    for draw in draws:
        candidates = (draw() for _ in range(TRIES))
        found = next((candidate for candidate in candidates if candidate["question"] not in seen), None)
        if found is None:
            return
        seen.add(found["question"])
        yield found
