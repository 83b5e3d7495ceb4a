"""Reading and writing tables: checked against a schema, atomically, and sealed with a hash."""

import hashlib
import json
import os
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from faithfulness.tables.fields import BOOL, INT, STR, Row

K = TypeVar("K")

SEAL = b"sha256 of this file with 64 zero bytes here"
# A row group of a table that is written row by row holds whole items: as many as a block has by default, so that shards
# of whole blocks read whole groups; more where items have so few rows that the groups' own description would dominate.
GROUP_ITEMS = 20
GROUP_ROWS = 200
MOST_GROUP_ROWS = 100_000
BATCH_ROWS = 1000  # that are plain Python values at a time


def frame(rows: Iterable[Row] | pd.DataFrame, schema: pa.Schema) -> pd.DataFrame:
    """Rows as a data frame with exactly the schema's columns, in its order and types."""
    if not isinstance(rows, pd.DataFrame):
        rows = pd.DataFrame(list(rows), columns=schema.names)
    return to_pandas(_conform(rows, schema))


def _conform(data: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    # A column of lists that no row has is one of missing numbers, which Arrow does not take for lists.
    lists = [field.name for field in schema if pa.types.is_list(field.type) and data[field.name].dtype.kind == "f"]
    data = data[schema.names].astype(dict.fromkeys(lists, object))
    table = pa.Table.from_pandas(data, schema=schema, preserve_index=False, safe=False)
    return _without_gaps(table.replace_schema_metadata(None))


def _arrow(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    """Rows as an Arrow table; a row that lacks a column has a missing value there."""
    columns = [pa.array([row.get(field.name) for row in rows], field.type, from_pandas=True) for field in schema]
    return _without_gaps(pa.Table.from_arrays(columns, schema=schema.remove_metadata()))


def _without_gaps(table: pa.Table) -> pa.Table:
    for field in table.schema:
        if not field.nullable and table[field.name].null_count:
            raise ValueError(
                f"column {field.name!r} must not hold missing values ({field.metadata[b'meaning'].decode()})"
            )
    return table


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as pandas, with nullable types, so that integers and booleans survive gaps."""
    kinds = {INT: pd.Int64Dtype(), BOOL: pd.BooleanDtype()}
    return cast(pd.DataFrame, table.to_pandas(types_mapper=kinds.get))


def records(data: pd.DataFrame) -> list[Row]:
    """Rows of a data frame as plain Python values (lists, None), which JSON can hold."""
    return pa.Table.from_pandas(data, preserve_index=False).to_pylist()


def atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Call `write` on a temporary file beside `path`, then move it there: all or nothing."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        write(Path(name))
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(data: Any, path: str | Path) -> None:
    """Write plain values as JSON, atomically."""
    text = json.dumps(data, indent=2, sort_keys=True) + "\n"
    atomically(path, lambda file: file.write_text(text, "utf-8"))


def write_table(data: Iterable[Row] | pd.DataFrame, schema: pa.Schema, path: str | Path) -> None:
    """Write a table atomically. `.parquet` keeps all types; `.csv` is for people.

    Rows are taken one at a time, so a generator of more rows than memory holds may be written as Parquet.

    Raises:
        ValueError: a column is missing or holds missing values that it must not.
    """
    if str(path).endswith(".csv"):
        whole = frame(data, schema)
        atomically(path, lambda file: whole.to_csv(file, index=False))
    elif isinstance(data, pd.DataFrame):
        table = _conform(data, schema)
        atomically(path, lambda file: _write_groups([table], schema, file))
    else:
        groups = (_arrow(rows, schema) for rows in _groups(data))
        atomically(path, lambda file: _write_groups(groups, schema, file))


def write_parts(parts: Iterable[pd.DataFrame], schema: pa.Schema, path: str | Path) -> None:
    """Write the rows of several data frames as one Parquet table, atomically; no more than one of them is in memory.

    Raises:
        ValueError: see `write_table`.
    """
    tables = (_conform(part, schema) for part in parts)
    atomically(path, lambda file: _write_groups(tables, schema, file))


def join_tables(paths: Sequence[str | Path], schema: pa.Schema, path: str | Path) -> None:
    """Write the rows of several Parquet tables of one schema as one table, in the order of `paths`, group by group.

    Raises:
        ValueError: see `read_table`.
    """
    groups = (group for part in paths for group in _read_groups(part, schema))
    atomically(path, lambda file: _write_groups(groups, schema, file))


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows in row groups: of whole items where there is a column `item_id` and the rows of an item come together."""
    group: list[Row] = []
    items, item = 0, None
    for row in rows:
        if row.get("item_id") != item:
            if items and items % GROUP_ITEMS == 0 and len(group) >= GROUP_ROWS:
                yield group
                group, items = [], 0
            items, item = items + 1, row.get("item_id")
        if len(group) == MOST_GROUP_ROWS:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _write_groups(groups: Iterable[pa.Table], schema: pa.Schema, file: Path) -> None:
    with pq.ParquetWriter(file, schema.with_metadata({SEAL: bytes(64)}), compression="zstd") as writer:
        for group in groups:
            writer.write_table(group, row_group_size=MOST_GROUP_ROWS)
    with file.open("r+b") as stream:
        position, _, digest = _seal(stream)
        stream.seek(position)
        stream.write(digest)


def _seal(stream: BinaryIO) -> tuple[int, bytes, bytes]:
    """Where in a Parquet file its seal is, the seal, and what it must be: the hash of the file with zeros in its place.

    A flipped bit would be read like any other value: Parquet's own checksums of pages leave out their headers and the
    footer. The file is read once, a piece at a time.

    Raises:
        ValueError: there is no seal.
    """
    end = stream.seek(0, os.SEEK_END)
    stream.seek(end - 8)
    (footer,) = struct.unpack("<I", stream.read(4))
    start = stream.seek(end - 8 - footer)
    before, key, after = stream.read(footer).rpartition(SEAL)
    if not key:
        raise ValueError("it has no checksum, so this project did not write it as it is now")
    position = start + len(before + key) + 2  # behind two bytes: what comes, and how long it is
    hashed = hashlib.sha256()
    for first, last in ((0, position), (position + 64, end)):
        stream.seek(first)
        while piece := stream.read(min(last - stream.tell(), 2**20)):
            hashed.update(piece)
        if first == 0:
            hashed.update(bytes(64))
    return position, after[2:66], hashed.hexdigest().encode()


def open_table(path: str | Path, schema: pa.Schema) -> pq.ParquetFile:
    """A Parquet table, ready to be read: its checksum is right, and it has the columns of the schema.

    Raises:
        ValueError: the file is damaged, is not one of this project's, or is not a table of this schema; says which.
    """
    try:
        with Path(path).open("rb") as stream:
            _, seal, expected = _seal(stream)
        if seal != expected:
            raise ValueError("its bytes are not those that were written")
        file = pq.ParquetFile(path)
        for field in schema:
            if file.schema_arrow.field(field.name).type != field.type:
                raise ValueError(f"its column {field.name!r} is not of the type {field.type}")
    except (OSError, struct.error, pa.ArrowException, KeyError, ValueError) as error:
        raise ValueError(
            f"{_not_expected(path, error)} If it is a table of your own, write it with "
            "faithfulness.tables.io.write_table."
        ) from error
    return file


def _not_expected(path: str | Path, error: Exception) -> str:
    return f"{path} is damaged or is not the expected table: {error}. Delete it and run again to make it anew."


def _read_groups(path: str | Path, schema: pa.Schema) -> Iterator[pa.Table]:
    file = open_table(path, schema)
    for number in range(file.num_row_groups):
        yield file.read_row_group(number, schema.names).select(schema.names)


def read_table(
    path: str | Path,
    schema: pa.Schema,
    columns: Sequence[str] | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Read a table, or some of its columns and rows, and check it.

    Args:
        path: the file.
        schema: of the whole table.
        columns: those wanted; None: all of them.
        where: by column the values of the rows wanted, of Parquet tables; no more than these rows are held in memory.

    Raises:
        ValueError: the file is damaged, or is not a table of this schema; says which file.
    """
    if where:
        return to_pandas(_rows_where(path, schema, columns or schema.names, where))
    schema = part_of(schema, columns)
    if not str(path).endswith(".csv"):
        return to_pandas(open_table(path, schema).read(schema.names).select(schema.names))
    texts = {field.name: str for field in schema if field.type == STR}
    gaps = {field.name: [""] for field in schema if field.type != STR}
    try:
        return frame(pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=gaps), schema)
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise ValueError(_not_expected(path, error)) from error


def _rows_where(
    path: str | Path, schema: pa.Schema, columns: Sequence[str], where: Mapping[str, Sequence[str]]
) -> pa.Table:
    wanted = part_of(schema, dict.fromkeys([*columns, *where]))
    groups = [part_of(schema, columns).empty_table()]
    for group in _read_groups(path, wanted):
        rows = group
        for name, values in where.items():
            rows = rows.filter(pc.is_in(rows[name], pa.array(values, wanted.field(name).type)))
        groups.append(rows.select(list(columns)))
    return pa.concat_tables(groups)


def read_rows(path: str | Path, schema: pa.Schema, columns: Sequence[str] | None = None) -> Iterator[Row]:
    """The rows of a Parquet table, or some columns of them, as plain Python values, `BATCH_ROWS` at a time.

    Raises:
        ValueError: see `read_table`.
    """
    groups = _read_groups(path, part_of(schema, columns))
    return (row for group in groups for batch in group.to_batches(BATCH_ROWS) for row in batch.to_pylist())


def part_of(schema: pa.Schema, columns: Iterable[str] | None) -> pa.Schema:
    """The schema of some columns, in their order; of all where `columns` is None."""
    return schema if columns is None else pa.schema([schema.field(name) for name in columns])


def read_tables(paths: Sequence[str | Path], schema: pa.Schema) -> pd.DataFrame:
    """Read several tables of one schema and stack them in the order given."""
    return pd.concat([read_table(path, schema) for path in paths], ignore_index=True)


def read_named_tables(names: Sequence[K], paths: Sequence[str | Path], schema: pa.Schema) -> dict[K, pd.DataFrame]:
    """Read one table for each name."""
    return {name: read_table(path, schema) for name, path in zip(names, paths, strict=True)}
