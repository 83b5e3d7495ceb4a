"""Blocks of work, their shards, and the journal that keeps finished ones so that a killed job goes on where it was."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from faithfulness.hashing import digest
from faithfulness.tables.io import frame, read_table, write_table


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


def journalled(
    blocks: Sequence[Sequence[Any]],
    work: Callable[[list[Any]], Iterable[list[dict[str, Any]]]],
    schema: pa.Schema,
    folder: str | Path,
    key: Sequence[Any],
    label: str,
) -> pd.DataFrame:
    """Work through `blocks`, keeping each finished piece of them on disk, and return all rows in order.

    A piece's file is named by the hash of `key` (what else the result depends on: weights,
    prompts, settings, code) and of the piece itself, so work is found again after a kill, with
    other pieces beside it, or in another order, and is never mistaken for other work.

    Args:
        blocks: what is worked on together: pieces, JSON-serialisable descriptions of the work.
        work: makes the rows of each piece of a block that is not on disk yet.
        folder: the journal, `<results>/.journal`.
        label: shown by the progress bar.
    """
    here, parts = Path(folder) / digest(*key), []
    with tqdm(blocks, desc=label, unit="block", mininterval=5, maxinterval=30) as progress:
        for block in progress:
            paths = [here / f"{digest(piece)}.parquet" for piece in block]
            missing = [i for i, path in enumerate(paths) if not _readable(path, schema)]
            if missing:
                for i, rows in zip(missing, work([block[i] for i in missing]), strict=True):
                    write_table(rows, schema, paths[i])
            parts += [read_table(path, schema) for path in paths]
    return pd.concat(parts, ignore_index=True) if parts else frame([], schema)


def _readable(path: Path, schema: pa.Schema) -> bool:
    if not path.exists():
        return False
    try:
        read_table(path, schema)
    except ValueError:  # a block that was damaged is made again
        return False
    return True
