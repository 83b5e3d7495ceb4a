"""How a perturbed chain is made: first steps of the chain, a replacement (or none), last steps of the chain (or none).

Kept steps are spliced by the chain's own token ids, never encoded again (method, section 4).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from faithfulness.tables.fields import Row

Encode = Callable[[str], list[int]]
Decode = Callable[[list[int]], str]


@dataclass(frozen=True)
class Change:
    """How a chain is changed: steps[:kept] + replacement + steps[tail:].

    Attributes:
        cut: number by which the probe is compared: steps kept, or the step touched, from 1.
        variant: of the perturbation.
        kept: first steps that stay.
        tail: where the last steps that stay begin, from 0; the number of steps where none do.
        replacement: text in place of the steps between; None where they are left out.
        rule: what made the replacement.
        accepted: whether the replacement passed its checks.
        strength: share of the replaced words that a rewording changes; None where nothing is reworded.
        target: answer that the changed chain leads to; None where it is to lead to none of its own.
    """

    cut: int
    variant: str
    kept: int
    tail: int
    replacement: str | None = None
    rule: str | None = None
    accepted: bool | None = None
    strength: float | None = None
    target: str | None = None


def cuts(n: int, max_cuts: int) -> list[int]:
    """Numbers of steps to keep: 0..n when n <= max_cuts, else max_cuts of them, evenly spaced, with both ends.

    Raises:
        ValueError: max_cuts < 2 has no room for both ends.
    """
    if max_cuts < 2:
        raise ValueError(f"max_cuts must be at least 2, for both ends (got {max_cuts})")
    gaps = n if n <= max_cuts else max_cuts - 1
    # i * n / gaps, rounded to the nearest integer (halves up) in whole numbers, so that no float decides
    return [(2 * i * n + gaps) // (2 * gaps) for i in range(gaps + 1)] if n else [0]


def splice(
    change: Change,
    steps: Sequence[str],
    chain_ids: Sequence[int] | None,
    step_offsets: Sequence[Sequence[int]] | None,
    encode: Encode | None,
) -> tuple[str, list[int] | None]:
    """The text and the token ids of a changed chain.

    The kept steps are the chain's own ids; the replacement is encoded by itself.

    Args:
        change: what is changed.
        steps: texts of the chain's steps.
        chain_ids: token ids of the chain; None where the writer exposes none.
        step_offsets: [start, end) of each step in chain_ids; None where the writer exposes none.
        encode: turns text into token ids, without special tokens.

    Returns:
        The text, and its ids: None for a chain without ids, or a replacement without `encode`.
    """
    text = "".join([*steps[: change.kept], change.replacement or "", *steps[change.tail :]])
    if chain_ids is None or step_offsets is None or (change.replacement is not None and encode is None):
        return text, None
    head_end = step_offsets[change.kept - 1][1] if change.kept else 0
    tail_start = step_offsets[change.tail][0] if change.tail < len(steps) else len(chain_ids)
    middle = encode(change.replacement) if encode and change.replacement is not None else []
    return text, [*chain_ids[:head_end], *middle, *chain_ids[tail_start:]]


def probe(chain: Row, change: Change, encode: Encode | None = None) -> Row:
    """A row of the probes table: a chain (a row of the chains table) with a change."""
    text, ids = splice(change, chain["steps"], chain["chain_ids"], chain["step_offsets"], encode)
    return {
        **{name: chain[name] for name in ("item_id", "sample", "seed", "tokenizer_hash")},
        **vars(change),
        "n_steps": len(chain["steps"]),
        "text": text,
        "chain_ids": ids,
    }
