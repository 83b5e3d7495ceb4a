"""Blocks of work, their shards, and the journal that keeps finished ones so that a killed job goes on where it was."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from faithfulness.hashing import digest
from faithfulness.tables.io import Row, frame, read_table, write_table

T = TypeVar("T")
Piece = TypeVar("Piece")


def shard(data: pd.DataFrame, which: str | None, block_items: int) -> pd.DataFrame:
    """The rows of one shard: some whole blocks of items, so that a shard finds in the journal what the whole would.

    Args:
        data: a table with the column `item_id`, its items one after the other.
        which: `<number>-of-<count>`, from 1; None for all rows.
        block_items: items of a block.

    Returns:
        The rows, as many blocks as in the other shards or one more; put together in order, shards are the table.
    """
    if which is None:
        return data
    number, count = map(int, which.split("-of-"))
    block = pd.factorize(data["item_id"])[0] // block_items
    blocks = int(block.max()) + 1 if len(data) else 0
    start, end = (blocks * part // count for part in (number - 1, number))
    return data[(start <= block) & (block < end)].reset_index(drop=True)


@dataclass(frozen=True)
class Journal:
    """Finished pieces of one kind of work on disk, so that a killed job goes on where it was.

    A piece's file is named by the hash of `key` and of the piece itself. So work is recognised after a kill, beside
    other pieces and in another order, and is never mistaken for other work.

    Attributes:
        folder: of all journals of a run, `<results>/.journal`.
        key: what the rows depend on beside the pieces: weights, prompts, settings, code. JSON can hold it.
        label: what the progress bar says.
        block_items: items that are worked on together.
    """

    folder: Path
    key: tuple[object, ...]
    label: str
    block_items: int

    def extended(self, *parts: object) -> "Journal":
        """The journal of work that depends on `parts`, too."""
        return replace(self, key=(*self.key, *parts))

    def blocks(self, items: Sequence[T]) -> list[Sequence[T]]:
        """The items in their order, in blocks of `block_items`; the last block may be smaller."""
        return [items[start : start + self.block_items] for start in range(0, len(items), self.block_items)]

    def rows(self, piece: object, schema: pa.Schema) -> pd.DataFrame | None:
        """The rows of a piece that are on disk; None if there are none."""
        return _finished(self._file(piece), schema)

    def _file(self, piece: object) -> Path:
        return self.folder / digest(*self.key) / f"{digest(piece)}.parquet"

    def complete(
        self,
        blocks: Iterable[Sequence[Piece]],
        work: Callable[[list[Piece]], Iterable[list[Row]]],
        schema: pa.Schema,
        total: int | None = None,
        suffices: Callable[[pd.DataFrame], bool] = lambda _: True,
    ) -> pd.DataFrame:
        """The rows of all pieces, in their order; what is on disk already is not worked on again.

        Args:
            blocks: what is worked on together: pieces, descriptions of work that JSON can hold. They are taken one at a
                time, so they may be made while the work goes on.
            work: makes the rows of each of the pieces that are not on disk.
            schema: of the rows.
            total: how many blocks there are, for the progress bar, where `blocks` has no length.
            suffices: whether rows on disk are all that is wanted of their piece; else it is worked on again, and the
                new rows replace them once they are all there.
        """
        tables = []
        for block in tqdm(blocks, desc=self.label, unit="block", total=total, mininterval=5, maxinterval=30):
            files = [self._file(piece) for piece in block]
            on_disk = {file: _finished(file, schema) for file in files}
            finished = {file: table for file, table in on_disk.items() if table is not None and suffices(table)}
            missing = {file: piece for file, piece in zip(files, block, strict=True) if file not in finished}
            for file, rows in zip(missing, work(list(missing.values())) if missing else (), strict=True):
                write_table(rows, schema, file)
                finished[file] = read_table(file, schema)
            tables += [finished[file] for file in files]
        return pd.concat(tables, ignore_index=True) if tables else frame([], schema)


def _finished(file: Path, schema: pa.Schema) -> pd.DataFrame | None:
    """The rows of a piece on disk; None where there is no file, or a damaged one, whose piece is worked on again."""
    try:
        return read_table(file, schema) if file.exists() else None
    except ValueError:
        return None
