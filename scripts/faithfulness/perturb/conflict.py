"""Conflict: a chain of the writer's form that leads to another answer (method, section 4).

The test of use: where a chain and the question disagree, which of the two does the answer follow? The chain ends with
a target, which is neither the gold answer nor what the writer's own chain concludes. `carry` changes one fact of the
chain and all that follows from it; `swap` takes the chain of another item. What a model has to write is in
`conflict_written`. A chain that cannot be made stays as a row without a target, which says why: it is counted and not
scored.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from faithfulness.hashing import digest
from faithfulness.perturb import donors as ring
from faithfulness.perturb.carry import leading_elsewhere
from faithfulness.perturb.concluded import concluded
from faithfulness.perturb.splicing import Change, Encode, Row, probe


class Made(NamedTuple):
    """A chain that leads to a target.

    Attributes:
        target: the answer, as the chain writes it.
        steps: its steps.
        rule: what made it.
        ids: its token ids, of the writer's tokenizer; None where its text has to be encoded.
    """

    target: str
    steps: Sequence[str]
    rule: str
    ids: Sequence[int] | None = None


def perturb(
    chain: Row,
    *,
    item: Row,
    seed: int,
    conflict: Row,
    donors: Sequence[Row] = (),
    sharing: Mapping[str, Row] | None = None,
    encode: Encode | None = None,
) -> list[Row]:
    """The conflict chains of a chain that need no model, and a row for each that could not be made.

    Args:
        chain: a row of the chains table.
        item: of the chain: `question`, `options`, `answer`, `answers` and `letters`.
        seed: of what is drawn: targets, facts and their values, donors.
        conflict: the settings `kinds` and `targets`.
        donors: chains of the same writer, from `donors.donors`.
        sharing: all items by item_id, if they have the same options; else none of them, and no chain is swapped.
        encode: of the chain's tokenizer; None for a chain without token ids.
    """
    count = conflict["targets"]
    item = {**item, "item_id": chain["item_id"]}
    rows = []
    for kind in conflict["kinds"]:
        if kind == "carry":
            rows += rows_of(chain, kind, _carried(chain, item, seed), count, encode)
        elif kind == "swap" and sharing:
            rows += rows_of(chain, kind, _swapped(chain, item, seed, donors, sharing, count), count, encode)
    return rows


def targets_of(item: Row, ends: str, seed: int) -> list[str]:
    """The options that a conflict chain may lead to, in an order drawn by seed, the same for all writers of an item.

    Args:
        item: with `item_id`, `options` and `answer`.
        ends: what the writer's chain concludes.
        seed: of the order.
    """
    others = [option for option in item["options"] or () if option not in (ends, item["answer"])]
    return sorted(others, key=lambda option: digest("target", seed, item["item_id"], option))


def rows_of(chain: Row, kind: str, made: Iterator[Made] | str, count: int, encode: Encode | None) -> list[Row]:
    """Rows of the probes table: the first `count` different chains that were made, and why others are missing.

    Args:
        chain: a row of the chains table.
        kind: variant of the perturbation.
        made: chains, or why there are none.
        count: chains that are wanted.
        encode: of the chain's tokenizer.
    """
    found: list[Made] = []
    reason = "no_consistent"
    if isinstance(made, str):
        reason = made
    else:
        for one in made:
            if all(one.steps != other.steps for other in found):
                found.append(one)
            if len(found) == count:
                break
    rows = [accepted(chain, kind, number, one, encode) for number, one in enumerate(found, start=1)]
    return rows + [refused(chain, kind, number, reason) for number in range(len(found) + 1, count + 1)]


def accepted(chain: Row, kind: str, number: int, made: Made, encode: Encode | None) -> Row:
    """The row of a conflict chain; steps at both ends that are the chain's own keep their token ids."""
    own, new = chain["steps"], list(made.steps)
    kept = 0 if made.ids is not None else _equal(own, new)
    last = 0 if made.ids is not None else _equal(own[kept:][::-1], new[kept:][::-1])
    change = Change(
        number,
        kind,
        kept=kept,
        tail=len(own) - last,
        replacement="".join(new[kept : len(new) - last]),
        rule=made.rule,
        accepted=True,
        target=made.target,
    )
    return probe(chain, change, encode if made.ids is None else lambda _: list(made.ids or ()))


def refused(chain: Row, kind: str, number: int, reason: str) -> Row:
    """The row of a conflict chain that could not be made."""
    return probe(chain, Change(number, kind, kept=0, tail=len(chain["steps"]), rule=reason, accepted=False))


def _equal(one: Sequence[str], other: Sequence[str]) -> int:
    """How many elements two lists begin with alike."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def ending(chain: Row, item: Row) -> str | None:
    """What a chain concludes, by its conclusion or else by its last steps."""
    return concluded(chain["steps"], chain["conclusion"], item)


def _carried(chain: Row, item: Row, seed: int) -> Iterator[Made] | str:
    ends = ending(chain, item)
    if ends is None:
        return "not_concluding"
    targets = targets_of(item, ends, seed) if item["options"] else None
    if targets == []:
        return "no_target"
    led = leading_elsewhere(chain["steps"], ends, targets, item, seed)
    return led if isinstance(led, str) else (Made(*one) for one in led)


def _swapped(
    chain: Row, item: Row, seed: int, donors: Sequence[Row], sharing: Mapping[str, Row], count: int
) -> Iterator[Made] | str:
    ends = ending(chain, item)
    if ends is None:
        return "not_concluding"
    targets = targets_of(item, ends, seed)
    if not targets:
        return "no_target"
    # Donors of as many steps come first: a chain of the same form.
    lenders = list(ring.others(chain, donors, seed))
    lenders.sort(key=lambda lender: len(lender["steps"]) != len(chain["steps"]))
    made = [
        Made(target, lender["steps"], "donor", None if chain["chain_ids"] is None else lender["chain_ids"])
        for target in targets
        for lender in islice(_ending_with(target, lenders, item, sharing), count)
    ]
    return iter(made) if made else "no_donor"


def _ending_with(target: str, chains: Sequence[Row], item: Row, sharing: Mapping[str, Row]) -> Iterator[Row]:
    """The chains that conclude the target, and whose last steps say no other answer to the item.

    A conclusion answers the chain's own question, whose options may have other letters; the steps are read with the
    item's.
    """
    for chain in chains:
        own = sharing[chain["item_id"]]
        if ending(chain, own) == target and concluded(chain["steps"], "", item) in (target, None):
            yield chain
