"""The rows of some items of a table, so that a job reads its share of a large table and no more."""

from collections import defaultdict
from collections.abc import Callable, Collection
from itertools import chain
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from faithfulness.tables.io import Row, open_table, part_of, records

RowsOf = Callable[[Collection[str]], list[Row]]  # from item ids to the rows of these items, in the table's order


class ItemRows:
    """Rows of a Parquet table by item.

    Only the row groups that hold wanted items are read, and of the other groups the column `item_id`. Asked for items
    in the order of the table, it reads each group once, as the groups of the last call are kept.

    Args:
        path: of the table.
        schema: of the table.
        item_ids: all items that will be asked for.
        columns: those that the rows have, `item_id` among them; None for all.

    Attributes:
        rows_read: rows of the groups that were read until now.
        rows_in_all: rows of the table.

    Raises:
        ValueError: see `tables.io.read_table`.
    """

    def __init__(
        self, path: str | Path, schema: pa.Schema, item_ids: Collection[str], columns: Collection[str] | None = None
    ) -> None:
        self.rows_read = 0
        self._columns = part_of(schema, columns).names
        self._file = open_table(path, part_of(schema, columns))
        self.rows_in_all = self._file.metadata.num_rows
        self._groups_of = defaultdict[str, list[int]](list)
        self._last: dict[int, pa.Table] = {}
        wanted = set(item_ids)
        for group in range(self._file.num_row_groups):
            for item in self._file.read_row_group(group, ["item_id"])["item_id"].unique().to_pylist():
                if item in wanted:
                    self._groups_of[item].append(group)

    def rows(self, item_ids: Collection[str]) -> list[Row]:
        """All rows of these items, in the order of the table, as plain Python values."""
        groups = sorted({group for item in item_ids for group in self._groups_of[item]})
        self._last = {group: self._last[group] if group in self._last else self._read(group) for group in groups}
        chosen = pa.array(item_ids, pa.string())
        return [
            row
            for table in self._last.values()
            for row in table.filter(pc.is_in(table["item_id"], value_set=chosen)).to_pylist()
        ]

    def _read(self, group: int) -> pa.Table:
        table = self._file.read_row_group(group, self._columns).select(self._columns)
        self.rows_read += table.num_rows
        return table


def rows_of(table: pd.DataFrame) -> RowsOf:
    """The same of a table in memory."""
    rows = records(table)
    places = defaultdict[str, list[int]](list)
    for place, row in enumerate(rows):
        places[row["item_id"]].append(place)
    return lambda item_ids: [rows[place] for place in sorted(chain.from_iterable(places[item] for item in item_ids))]
