"""Donors: chains of the same writer and dataset whose steps stand in those of another item."""

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from faithfulness.hashing import digest
from faithfulness.tables.fields import Row

COLUMNS = ("item_id", "sample", "steps", "chain_ids", "step_offsets")  # of the chains table


def donors(chains: Iterable[Row]) -> list[Row]:
    """What perturbations may need of the other chains: COLUMNS, and the place of each on a ring, in its order.

    Chains without steps are left out. The order of the chains does not matter, as a place is a hash of item and sample.

    Args:
        chains: rows of the chains table, of one writer and dataset.
    """
    rows = [
        {name: chain[name] for name in COLUMNS} | {"place": digest("donor", chain["item_id"], chain["sample"])}
        for chain in chains
        if chain["steps"]
    ]
    return sorted(rows, key=_place)


def donor(chain: Row, ring: Sequence[Row], seed: int) -> Row | None:
    """The chain of another item that comes first after a place that is drawn for this chain.

    Which one it is depends on the seed, the chain's item and sample, and the chains on the ring.

    Args:
        chain: a row of the chains table.
        ring: from `donors`.
        seed: of the choice.

    Returns:
        None where no other item has a chain with steps.
    """
    start = bisect_left(ring, digest("borrower", seed, chain["item_id"], chain["sample"]), key=_place)
    following = itertools.chain(range(start, len(ring)), range(start))
    return next((ring[number] for number in following if ring[number]["item_id"] != chain["item_id"]), None)


def _place(row: Row) -> str:
    return str(row["place"])
