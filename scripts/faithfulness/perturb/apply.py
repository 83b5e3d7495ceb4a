"""Applying perturbations to chains, whichever the registry names."""

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

from faithfulness.perturb.splicing import Row

# Columns of tables.Items that a perturbation may need.
OF_ITEM = ("question", "options", "answer", "answers", "show_options", "letters")


def probes_of(
    name: str, needs: Iterable[str], chains: Iterable[Row], offered: Mapping[str, Any], items: Mapping[str, Row]
) -> Iterator[Row]:
    """The probes of chains, one perturbation, in the order of the chains.

    Args:
        name: of the perturbation, whose module is the one of this name.
        needs: what its function takes (see `registry.Perturbation`).
        chains: rows of the chains table.
        offered: what is the same for all chains: settings, `contrasts`, `donors`, `encode`, `decode`. The values are of
            the types that each perturbation's own function says.
        items: `OF_ITEM` of each item by item_id, for perturbations that need any of these.

    Returns:
        Rows of the probes table, made as they are taken.
    """
    module = import_module(f"{__package__}.{name}")
    needs = tuple(needs)
    if "sharing" in needs:
        offered = {**offered, "sharing": items if shared_options(items) else {}}
    for chain in chains:
        item = items.get(chain["item_id"], {})
        given = {need: item if need == "item" else item[need] if need in OF_ITEM else offered[need] for need in needs}
        yield from module.perturb(chain, **given)


def shared_options(items: Mapping[str, Row]) -> bool:
    """Whether all items have the same answer options, in any order."""
    options = {frozenset(item["options"] or ()) for item in items.values()}
    return len(options) == 1 and options != {frozenset()}
