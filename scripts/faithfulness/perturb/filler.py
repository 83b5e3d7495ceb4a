"""Filler: keep the first k steps, and put as many filler tokens in place of the rest (method, section 4).

`text` repeats a text of the configuration, `words` are common English words that carry no content, and `steps` are
those of another item's chain. A verdict that holds for one of them alone is about that filler.
"""

import random
import re
from collections.abc import Iterable, Sequence
from itertools import cycle, islice
from typing import TypeVar

from faithfulness.hashing import digest
from faithfulness.perturb.donors import donor
from faithfulness.perturb.splicing import Change, Decode, Encode, Row, cuts, probe

T = TypeVar("T")

# Common words that say nothing of any question: no number, negation, contrast or name, and no word of an argument.
WORDS = (
    "a about also an and are as at be been being by can come could did do does each for from get go had has have here "
    "how if in into is it its just kind let like made make many may might much of often on or other our own part quite "
    "rather really said say see seem several should so some something such take than that the their them then there "
    "these they thing things this those though through to too us very was way we well were what when where which while "
    "who will with would you your"
).split()


def perturb(
    chain: Row,
    *,
    max_cuts: int,
    filler: str,
    fillers: Sequence[str] = ("text",),
    seed: int = 0,
    donors: Sequence[Row] = (),
    encode: Encode | None = None,
    decode: Decode | None = None,
) -> list[Row]:
    """Probes that keep steps 1..k (k = 0..n-1), then have as many filler tokens as the other steps had tokens.

    The tokens of a filler are repeated and cut to the exact number. Without ids (or without `encode` and `decode`) as
    many words of it as the steps had take their place; of `text` the whole text for each word.

    Args:
        chain: a row of the chains table.
        max_cuts: see `splicing.cuts`.
        filler: the text of the variant `text`.
        fillers: names of the variants that are made.
        seed: of the words, and of the choice among donors.
        donors: chains of the same writer, from `donors.donors`; `steps` is left out where no other item has one.
        encode, decode: of the chain's tokenizer; None for a chain without token ids.

    Raises:
        ValueError: the filler has no tokens.
    """
    grid = cuts(len(chain["steps"]), max_cuts)[:-1]
    lender = donor(chain, donors, seed) if "steps" in fillers else None
    if chain["chain_ids"] is None or encode is None or decode is None:
        words = [len(step.split()) for step in chain["steps"]]
        texts = {
            "text": [filler],
            "words": [f" {word}" for word in _words(chain, seed, sum(words))],
            "steps": re.findall(r"\s*\S+", "".join(lender["steps"])) if lender else [],
        }
        return [
            probe(chain, _change(chain, k, name, "".join(_filled(texts[name], sum(words[k:])))))
            for name in fillers
            for k in grid
            if texts[name]
        ]
    ids = {
        "text": encode(filler),
        "words": encode("".join(f" {word}" for word in _words(chain, seed, len(chain["chain_ids"])))),
        "steps": lender["chain_ids"] if lender else [],
    }
    if not ids["text"]:
        raise ValueError(f"the filler {filler!r} has no tokens")
    return [_of_tokens(chain, k, name, ids[name], decode) for name in fillers for k in grid if ids[name]]


def _words(chain: Row, seed: int, count: int) -> list[str]:
    """Words in an order that is drawn for the chain's item."""
    return random.Random(digest("words", seed, chain["item_id"])).choices(WORDS, k=count)


def _filled(unit: Iterable[T], count: int) -> list[T]:
    return list(islice(cycle(unit), count))


def _of_tokens(chain: Row, k: int, variant: str, unit: Sequence[int], decode: Decode) -> Row:
    ids = _filled(unit, len(chain["chain_ids"]) - chain["step_offsets"][k][0])
    return probe(chain, _change(chain, k, variant, decode(ids)), lambda _: ids)


def _change(chain: Row, k: int, variant: str, replacement: str) -> Change:
    n = len(chain["steps"])
    return Change(k, variant, kept=k, tail=n, replacement=replacement, rule="filler", accepted=True)
