"""Carrying a change through a chain: another act, another letter, or another number, and all that follows from it."""

# ruff: noqa: RUF001 - signs of many forms

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from faithfulness.answers.exact import Exact
from faithfulness.answers.parse import is_correct
from faithfulness.answers.quantities import whole
from faithfulness.perturb import carry_coins, carry_letters, carry_numbers
from faithfulness.perturb.concluded import asks_for_face, concluded, ending_of
from faithfulness.perturb.letters import are_strings
from faithfulness.tables.fields import Row

LARGEST = 60  # powers of 2 and 5 in a number


class Led(NamedTuple):
    """A chain that leads to a target, which is as the chain writes it, and what was changed: act, letter or number."""

    target: str
    steps: list[str]
    rule: str


def leading_elsewhere(
    steps: Sequence[str], ends: str, targets: Sequence[str] | None, item: Row, seed: int
) -> Iterator[Led] | str:
    """Chains of the same steps in which one fact is another one, carried through, so that they end with another answer.

    Args:
        steps: of the chain.
        ends: what it concludes.
        targets: what it may end with instead, in the order in which they are tried; None for any other number.
        item: of the chain: `item_id`, `question`, `options`, `answer`, `answers` and `letters`.
        seed: of what is drawn: facts and their values.

    Returns:
        The chains, made as they are taken; or why there are none.
    """
    if concluded(steps, "", item) != ends:
        return "not_concluding"
    if asks_for_face(item):
        turned = carry_coins.carried(steps, seed, item["item_id"])
        return turned if isinstance(turned, str) else _ending(turned, "act", targets or (), item)
    if targets is not None and are_strings([ends, *targets]) and '"' in "".join(steps).translate(_QUOTES):
        return _spelled(steps, ends, targets, item)
    return _computed(steps, ends, targets, item, seed)


_QUOTES = str.maketrans(dict.fromkeys("“”‘’'", '"'))


def _ending(chains: Iterator[list[str]], rule: str, targets: Sequence[str], item: Row) -> Iterator[Led]:
    """The chains that end with a target."""
    for steps in chains:
        end = concluded(steps, "", item)
        if end in targets:
            yield Led(str(end), steps, rule)


def _spelled(steps: Sequence[str], ends: str, targets: Sequence[str], item: Row) -> Iterator[Led] | str:
    # One letter leads to the options that differ least from the gold answer: they come first.
    nearest = sorted(targets, key=lambda target: _differing(target, item["answer"]))
    found = [carry_letters.carried(steps, ends, target) for target in nearest]
    chains = [chain for chain in found if not isinstance(chain, str)]
    if chains:
        return _ending(iter(chains), "letter", targets, item)
    return next((reason for reason in found if isinstance(reason, str)), "no_target")


def _differing(one: str, other: str) -> int:
    """In how many places two strings differ."""
    return sum(a != b for a, b in zip(one, other, strict=False))


def _computed(
    steps: Sequence[str], ends: str, targets: Sequence[str] | None, item: Row, seed: int
) -> Iterator[Led] | str:
    value = number(ends)
    wanted = [None] if targets is None else [number(target) for target in targets]
    if value is None or (targets is not None and None in wanted):
        return "no_number"
    sources = carry_numbers.sources(steps, item["question"], value)
    if isinstance(sources, str):
        return sources
    facts = carry_numbers.facts(sources, steps, item["question"], seed, item["item_id"])
    if not facts:
        return "no_fact"
    golds = [number(gold) for gold in item.get("answers") or [item["answer"]]]
    excluded = {value, *(gold for gold in golds if gold is not None)}
    chains = (
        chain.steps
        for want in wanted
        for chain in carry_numbers.carried(sources, steps, facts, excluded, want, (seed, item["item_id"]))
    )
    return _ending_elsewhere(chains, ends, targets, item)


def _ending_elsewhere(
    chains: Iterator[list[str]], ends: str, targets: Sequence[str] | None, item: Row
) -> Iterator[Led]:
    for steps in chains:
        end, written = ending_of(steps, "", item)
        elsewhere = end != ends and not is_correct(end, item)
        if end is not None and written is not None and elsewhere and (targets is None or end in targets):
            yield Led(written, steps, "number")


def number(answer: str) -> Fraction | None:
    """The number that an answer is, also in words; None if it is something else."""
    spelled = carry_numbers.spelled(answer)
    if spelled is not None:
        return spelled
    quantity = whole(answer)
    return None if quantity is None else _fraction(quantity.value)


def _fraction(value: Exact) -> Fraction | None:
    if max(abs(value.twos), abs(value.fives)) > LARGEST:
        return None
    return Fraction(value.n, value.d) * Fraction(2) ** value.twos * Fraction(5) ** value.fives
