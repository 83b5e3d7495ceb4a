"""Carrying another act through a chain about a coin: one person flips it or does not, and the faces after it turn."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from faithfulness.perturb.concluded import Face, faces
from faithfulness.perturb.wording import like, rotated

ACT = re.compile(r"\b(?:(?P<not>does not|doesn't|did not|didn't) flip|(?P<done>flips|flipped))\b", re.I)
OTHER_ACT = {
    **dict.fromkeys(("does not", "doesn't"), "flips"),
    **dict.fromkeys(("did not", "didn't"), "flipped"),
    **{"flips": "does not flip", "flipped": "did not flip"},
}
AFTER = {"now": "still", "still": "now", "becomes": "remains", "remains": "becomes", "stays": "becomes"}
# What says of a face how it came about: only "now heads up" and the like are changed with an act.
CHANGE = re.compile(r"\b(?:now|still|becomes|remains|stays)\b(?= (?:heads|tails)\b)", re.I)
UNREAD = re.compile(
    r"\b(?:not|no longer|never|isn't|wasn't) (?:still |now )?(?:heads|tails)\b|\b(?:back|again|opposite|same|"
    r"other side|unchanged|changes?|reverses?|turns?|twice|times|even|odd)\b",
    re.I,
)


@dataclass(frozen=True)
class Act:
    """A flip of the coin, or none: characters [start, end) of a step."""

    step: int
    start: int
    end: int
    flips: bool


@dataclass(frozen=True)
class Shown:
    """A face of the coin in a step, and how many of the chain's acts come before it."""

    step: int
    face: Face
    acts: int


def carried(steps: Sequence[str], seed: int, item_id: str) -> Iterator[list[str]] | str:
    """Chains in which one act is another and all faces after it are turned; or why there can be none.

    Args:
        steps: of the chain.
        seed, item_id: of the order in which acts are tried, the same for all writers of an item.
    """
    if any(UNREAD.search(step) for step in steps):
        return "not_read"
    read = next((found for first in (False, True) if (found := _read(steps, first)) is not None), None)
    if read is None:
        return "inconsistent"
    acts, shown = read
    usable = [number for number, act in enumerate(acts) if _tells(steps, act, shown)]
    if not usable:
        return "no_fact"
    return (_turned(steps, acts, shown, number) for number in rotated(usable, seed, item_id))


def _read(steps: Sequence[str], acts_first: bool) -> tuple[list[Act], list[Shown]] | None:
    """The acts and faces of a chain; None unless they agree with each other and a face comes before and after.

    Args:
        steps: of the chain.
        acts_first: whether the act of a step comes before its faces, however they are worded.
    """
    acts: list[Act] = []
    shown: list[Shown] = []
    for place, step in enumerate(steps):
        own = [Act(place, *match.span(), match["done"] is not None) for match in ACT.finditer(step)]
        for face in faces(step):
            before = sum(act.start < face.start or acts_first for act in own)
            shown.append(Shown(place, face, len(acts) + before))
        acts += own
    if not acts or not shown or shown[0].acts:
        return None
    start = shown[0].face.side
    for one in shown:
        turned = sum(act.flips for act in acts[: one.acts]) % 2 == 1
        if (one.face.side == start) == turned:
            return None
    return (acts, shown) if shown[-1].acts == len(acts) else None


def _tells(steps: Sequence[str], act: Act, shown: Sequence[Shown]) -> bool:
    """Whether no other step says of the faces after an act that they are as before or new."""
    with_act = {number for number, step in enumerate(steps) if ACT.search(step)}
    later = {one.step for one in shown if one.step > act.step}
    return not any(CHANGE.search(steps[number]) for number in later - with_act)


def _turned(steps: Sequence[str], acts: Sequence[Act], shown: Sequence[Shown], number: int) -> list[str]:
    act = acts[number]
    text = steps[act.step][act.start : act.end]
    other = OTHER_ACT[text.lower().removesuffix(" flip")]
    edits = [(act.step, act.start, act.end, like(text, other))]
    for one in shown:
        if one.acts > number:
            start, end, side = one.face
            said = steps[one.step][start:end]
            edits.append((one.step, start, end, like(said, "tails" if side == "heads" else "heads")))
    edits += [
        (act.step, *match.span(), like(match[0], AFTER[match[0].lower()])) for match in CHANGE.finditer(steps[act.step])
    ]
    changed = list(steps)
    for step, start, end, new in sorted(edits, reverse=True):
        changed[step] = changed[step][:start] + new + changed[step][end:]
    return changed
