"""Carrying other letters through a chain that spells: letters named one by one, then put together."""

# ruff: noqa: RUF001 - signs of many forms

import re
from collections.abc import Sequence

QUOTED = re.compile(r"(?P<open>[\"“'‘])(?P<text>[^\W_]+)(?=[\"”'’])")
NAMED = re.compile(r"\b(?:letters?|words?|names?)\b[^\"“'‘]*[\"“'‘](?P<word>[^\W_]{2,})[\"”'’]", re.I)


def carried(steps: Sequence[str], spelled: str, target: str) -> list[str] | str:
    """A chain in which the letters that differ between two strings are those of the other; or why there is none.

    Every quoted letter and string must have its place in the string: letters in the order in which they are named, in
    each step that lists all of them again, and beginnings of the string. A word whose letter a step names is kept.

    Args:
        steps: of the chain.
        spelled: the string that it ends with.
        target: the string that it is to end with, as long.
    """
    spots: list[tuple[int, int, str, int]] = []  # step, first character, text, place in the string
    named = 0
    for number, step in enumerate(steps):
        words = {match.start("word") for match in NAMED.finditer(step)}
        quoted = [(match.start("text"), match["text"]) for match in QUOTED.finditer(step)]
        single = [(start, text) for start, text in quoted if len(text) == 1]
        if words and len(single) == len(words) and named < len(spelled):
            places = range(named, named + len(single))
            named += len(single)
        elif not single:
            places = range(0)
        elif len(single) == len(spelled):
            places = range(len(spelled))
        else:
            return "not_read"
        spots += [(number, start, text, place) for (start, text), place in zip(single, places, strict=True)]
        for start, text in quoted:
            if len(text) > 1 and start not in words:
                if not spelled.startswith(text):
                    return "not_read"
                spots.append((number, start, text, 0))
    if named != len(spelled):
        return "no_fact"
    if any(text != spelled[place : place + len(text)] for _, _, text, place in spots):
        return "inconsistent"
    changed = list(steps)
    for number, start, text, place in spots:
        new = target[place : place + len(text)]
        changed[number] = changed[number][:start] + new + changed[number][start + len(text) :]
    return changed
