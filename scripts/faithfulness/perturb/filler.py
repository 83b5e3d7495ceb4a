"""Filler: keep the first k steps, and put as many filler tokens in place of the rest (method, section 4)."""

from itertools import cycle, islice

from faithfulness.perturb.splicing import Change, Decode, Encode, Row, cuts, probe


def perturb(
    chain: Row, *, max_cuts: int, filler: str, encode: Encode | None = None, decode: Decode | None = None
) -> list[Row]:
    """Probes that keep steps 1..k (k = 0..n-1), then have as many filler tokens as the other steps had tokens.

    The filler's tokens are repeated and cut to the exact number. Without ids (or without `encode` and `decode`) the
    filler comes once for each word that it replaces.

    Args:
        chain: a row of the chains table.
        max_cuts: see `splicing.cuts`.
        filler: its text.
        encode, decode: of the chain's tokenizer; None for a chain without token ids.

    Raises:
        ValueError: the filler has no tokens.
    """
    grid = cuts(len(chain["steps"]), max_cuts)[:-1]
    if chain["chain_ids"] is None or encode is None or decode is None:
        words = [len(step.split()) for step in chain["steps"]]
        return [probe(chain, _change(chain, k, filler, filler * sum(words[k:]))) for k in grid]
    unit = encode(filler)
    if not unit:
        raise ValueError(f"the filler {filler!r} has no tokens")
    return [_of_tokens(chain, k, filler, unit, decode) for k in grid]


def _of_tokens(chain: Row, k: int, filler: str, unit: list[int], decode: Decode) -> Row:
    ids = list(islice(cycle(unit), len(chain["chain_ids"]) - chain["step_offsets"][k][0]))
    return probe(chain, _change(chain, k, filler, decode(ids)), lambda _: ids)


def _change(chain: Row, k: int, filler: str, replacement: str) -> Change:
    n = len(chain["steps"])
    return Change(k, filler, kept=k, tail=n, replacement=replacement, rule="filler", accepted=True)
