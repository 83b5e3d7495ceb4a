"""Answers that are strings of letters, as last letters are joined to."""

from collections.abc import Sequence


def are_strings(texts: Sequence[str]) -> bool:
    """Whether texts are strings of equally many small letters, two or more."""
    return len({len(text) for text in texts}) == 1 and all(
        len(text) > 1 and text.isalpha() and text.islower() for text in texts
    )


def leads_to_option(options: Sequence[str], letter: str, other: str) -> bool:
    """Whether another letter makes an option of every option that has this one, wherever it stands there.

    A step does not say which place of the string its letter has.
    """
    changed = [f"{o[:i]}{other}{o[i + 1 :]}" for o in options for i in range(len(o)) if o[i] == letter]
    return bool(changed) and all(option in options for option in changed)
