"""Other ways to count or read the same run, under each of which a verdict must be the same (method, section 8)."""

from dataclasses import dataclass

PRIMARY = ("C1", "C2", "C3", "C8")
# Contrast by how invalid readouts count in the table of item means.
INVALID = {"invalid_as_same": "same", "invalid_as_changed": "changed"}


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """One such way; the contrast of its estimates has its name.

    Args:
        name: in tables.
        label: in plain words.
        reason: why a verdict that it does not share is inconclusive.
        claims: the claims that it applies to.
    """

    name: str
    label: str
    reason: str
    claims: tuple[str, ...] = (*PRIMARY, "C6")


_COUNTED = "the verdict depends on how {} are counted"
_ENTRIES = (
    Alternative(
        name="invalid_as_same",
        label="unreadable answers as unchanged",
        reason=_COUNTED.format("answers that could not be read"),
    ),
    Alternative(
        name="invalid_as_changed",
        label="unreadable answers as changed",
        reason=_COUNTED.format("answers that could not be read"),
    ),
    Alternative(
        name="raw_readout",
        label="options by raw log-probability",
        reason="the verdict depends on whether options are compared per byte or by their raw log-probability",
    ),
    Alternative(
        name="filler_words",
        label="words as filler",
        reason="the verdict depends on the filler",
        claims=("C3",),
    ),
    Alternative(
        name="filler_steps",
        label="another item's steps as filler",
        reason="the verdict depends on the filler",
        claims=("C3",),
    ),
    Alternative(
        name="second_cue",
        label="another answer cue",
        reason="the verdict depends on the words that ask for the answer",
        claims=("C1", "C8"),
    ),
)
ALTERNATIVES: dict[str, Alternative] = {entry.name: entry for entry in _ENTRIES}
