"""The perturbations of a chain, as pure functions on its steps (method, section 4).

Each takes a row of the chains table and gives rows of the probes table. A probe is the chain's
first steps, a replacement (or none), and the chain's last steps (or none). Kept steps are
spliced by the chain's own token ids, never encoded again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, Literal

from faithfulness.perturb.mistakes import Mistake
from faithfulness.perturb.paraphrase import Paraphrase

Encode = Callable[[str], list[int]]
Decode = Callable[[list[int]], str]
Row = dict[str, Any]


@dataclass(frozen=True)
class Probe:
    """How a chain of n steps is changed: steps[:kept] + replacement + steps[tail:]."""

    cut: int
    n_steps: int
    variant: str
    kept: int
    tail: int
    replacement: str | None = None
    rule: str | None = None
    accepted: bool | None = None


def cuts(n: int, max_cuts: int) -> list[int]:
    """Numbers of steps to keep: 0..n when n <= max_cuts, else max_cuts of them, evenly spaced, with both ends.

    Raises:
        ValueError: max_cuts < 2 has no room for both ends.
    """
    if max_cuts < 2:
        raise ValueError(f"max_cuts must be at least 2, for both ends (got {max_cuts})")
    gaps = n if n <= max_cuts else max_cuts - 1
    return [(2 * i * n + gaps) // (2 * gaps) for i in range(gaps + 1)] if n else [0]


def splice(
    probe: Probe,
    steps: Sequence[str],
    chain_ids: Sequence[int] | None,
    step_offsets: Sequence[Sequence[int]] | None,
    encode: Encode | None,
) -> tuple[str, list[int] | None]:
    """Assemble the text and the token ids of a probe.

    The kept steps and the tail are the chain's own ids; the replacement is encoded on its own.

    Args:
        steps: texts of the chain's steps.
        chain_ids: token ids of the chain; None where the writer exposes none.
        step_offsets: [start, end) of each step in chain_ids; None likewise.
        encode: turns text into token ids, without special tokens.

    Returns:
        The text, and its ids: None for a chain without ids, or a replacement without `encode`.
    """
    text = "".join([*steps[: probe.kept], probe.replacement or "", *steps[probe.tail :]])
    if chain_ids is None or step_offsets is None or (probe.replacement is not None and encode is None):
        return text, None
    head_end = step_offsets[probe.kept - 1][1] if probe.kept else 0
    tail_start = step_offsets[probe.tail][0] if probe.tail < len(steps) else len(chain_ids)
    middle = encode(probe.replacement) if encode and probe.replacement is not None else []
    return text, [int(i) for i in [*chain_ids[:head_end], *middle, *chain_ids[tail_start:]]]


def early_termination(chain: Mapping[str, Any], max_cuts: int) -> list[Row]:
    """Keep steps 1..k (k = 0..n), then ask. A chain without steps gives the row k = 0."""
    n = len(chain["steps"])
    return [_row(chain, Probe(k, n, "keep_k", kept=k, tail=n)) for k in cuts(n, max_cuts)]


def filler(
    chain: Mapping[str, Any],
    max_cuts: int,
    text: str,
    encode: Encode | None = None,
    decode: Decode | None = None,
) -> list[Row]:
    """Keep steps 1..k (k = 0..n-1), then as many filler tokens as they replace.

    The filler's tokens are repeated and cut to the exact number. Without ids (or without `encode`
    and `decode`) the filler stands once for each word that it replaces.

    Raises:
        ValueError: the filler has no tokens.
    """
    n = len(chain["steps"])
    return [_filled(chain, k, text, encode, decode) for k in cuts(n, max_cuts)[:-1]]


def _filled(chain: Mapping[str, Any], k: int, text: str, encode: Encode | None, decode: Decode | None) -> Row:
    n = len(chain["steps"])
    if chain["chain_ids"] is None or encode is None or decode is None:
        words = sum(len(step.split()) for step in chain["steps"][k:])
        return _row(chain, Probe(k, n, text, kept=k, tail=n, replacement=text * words, rule="filler", accepted=True))
    unit = encode(text)
    if not unit:
        raise ValueError(f"the filler {text!r} has no tokens")
    ids = list(islice(cycle(unit), len(chain["chain_ids"]) - int(chain["step_offsets"][k][0])))
    probe = Probe(k, n, text, kept=k, tail=n, replacement=decode(ids), rule="filler", accepted=True)
    return _row(chain, probe, lambda _: ids)


def paraphrase(
    chain: Mapping[str, Any],
    max_cuts: int,
    rewrite: Callable[[str], Paraphrase],
    encode: Encode | None = None,
) -> list[Row]:
    """Reword the steps after k (variant `rest`, k = 0..n-1), and step k only (`single`, k = 1..n).

    `rest` is accepted if all its steps are; its rule names theirs, in order.
    """
    n, grid = len(chain["steps"]), cuts(len(chain["steps"]), max_cuts)
    reworded = [rewrite(step) for step in chain["steps"]]
    spans = [("rest", k, k, n) for k in grid[:-1]] + [("single", k, k - 1, k) for k in grid[1:]]
    return [
        _row(
            chain,
            Probe(
                cut=cut,
                n_steps=n,
                variant=variant,
                kept=start,
                tail=end,
                replacement="".join(p.text for p in reworded[start:end]),
                rule=" ".join(p.rule for p in reworded[start:end]),
                accepted=all(p.accepted for p in reworded[start:end]),
            ),
            encode,
        )
        for variant, cut, start, end in spans
    ]


def mistake(
    chain: Mapping[str, Any],
    max_cuts: int,
    corrupt: Callable[[str], Mistake],
    encode: Encode | None = None,
    variant: Literal["keep", "resample"] = "keep",
) -> list[Row]:
    """Make step k wrong (k = 1..n) and keep the rest as written (variant `keep`).

    Variant `resample` (Lanham et al. 2023, section 2.3): the chain ends with the mistake, for its writer to write on
    from there (`chains.write_on`).
    """
    rows, n = [], len(chain["steps"])
    for k in cuts(n, max_cuts)[1:]:
        wrong = corrupt(chain["steps"][k - 1])
        differs, tail = wrong.text != chain["steps"][k - 1], k if variant == "keep" else n
        probe = Probe(k, n, variant, kept=k - 1, tail=tail, replacement=wrong.text, rule=wrong.rule, accepted=differs)
        rows.append(_row(chain, probe, encode))
    return rows


def direct(chain: Mapping[str, Any]) -> list[Row]:
    """No chain at all."""
    n = len(chain["steps"])
    return [_row(chain, Probe(0, n, "direct", kept=0, tail=n))]


def _row(chain: Mapping[str, Any], probe: Probe, encode: Encode | None = None) -> Row:
    text, ids = splice(probe, chain["steps"], chain["chain_ids"], chain["step_offsets"], encode)
    return {
        **{name: chain[name] for name in ("item_id", "sample", "seed")},
        **{name: getattr(probe, name) for name in ("cut", "n_steps", "variant", "replacement", "rule", "accepted")},
        "text": text,
        "chain_ids": ids,
    }
