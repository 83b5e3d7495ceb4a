"""Reading and writing tables: checked against a schema, atomically, and sealed with a hash."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from faithfulness.tables.fields import BOOL, INT, STR

K = TypeVar("K")


SEAL = b"sha256 of this file with 64 zero bytes here"


def frame(rows: Iterable[dict[str, Any]] | pd.DataFrame, schema: pa.Schema) -> pd.DataFrame:
    """Rows as a data frame with exactly the schema's columns, in its order and types."""
    if not isinstance(rows, pd.DataFrame):
        rows = pd.DataFrame(list(rows), columns=schema.names)
    return to_pandas(_conform(rows, schema))


def _conform(data: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    table = pa.Table.from_pandas(data[schema.names], schema=schema, preserve_index=False, safe=False)
    table = table.replace_schema_metadata(None)
    for field in schema:
        if not field.nullable and table[field.name].null_count:
            raise ValueError(
                f"column {field.name!r} must not hold missing values ({field.metadata[b'meaning'].decode()})"
            )
    return table


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as pandas, with nullable types, so that integers and booleans survive gaps."""
    kinds = {INT: pd.Int64Dtype(), BOOL: pd.BooleanDtype()}
    return cast(pd.DataFrame, table.to_pandas(types_mapper=kinds.get))


def records(data: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as plain Python values (lists, None), which JSON can hold."""
    return [{str(key): _plain(value) for key, value in row.items()} for row in data.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | list):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if value is pd.NA or value != value else value  # noqa: PLR0124 - NaN differs from itself


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


def write_table(data: Iterable[dict[str, Any]] | pd.DataFrame, schema: pa.Schema, path: str | Path) -> None:
    """Write a table atomically. `.parquet` keeps all types; `.csv` is for people.

    Raises:
        ValueError: a column is missing or holds missing values that it must not.
    """
    if not isinstance(data, pd.DataFrame):
        data = pd.DataFrame(list(data), columns=schema.names)
    table = _conform(data, schema)
    if str(path).endswith(".csv"):
        atomically(path, lambda p: to_pandas(table).to_csv(p, index=False))
    else:
        atomically(path, lambda p: p.write_bytes(_parquet(table)))


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({SEAL: bytes(64)}), sink, compression="zstd")
    return _sealed(sink.getvalue().to_pybytes())


def _sealed(raw: bytes) -> bytes:
    """A Parquet file with the hash of the rest of it in its metadata: a flipped bit would read like any other value.

    Checksums of pages leave out their headers and the footer.
    """
    before, key, after = raw.rpartition(SEAL)
    start, end = 2, 66  # behind two bytes that say what comes and how long it is
    bare = hashlib.sha256(before + key + after[:start] + bytes(64) + after[end:])
    return before + key + after[:start] + bare.hexdigest().encode() + after[end:]


def read_table(path: str | Path, schema: pa.Schema) -> pd.DataFrame:
    """Read a table and check its columns.

    Raises:
        ValueError: the file is damaged, or is not a table of this schema; says which file.
    """
    try:
        if str(path).endswith(".csv"):
            texts = {f.name: str for f in schema if f.type == STR}
            data = pd.read_csv(
                path, dtype=texts, keep_default_na=False, na_values={f.name: [""] for f in schema if f.type != STR}
            )
            return frame(data, schema)
        raw = Path(path).read_bytes()
        if _sealed(raw) != raw:
            raise ValueError("its bytes are not those that were written")
        return to_pandas(pq.read_table(pa.BufferReader(raw), schema=schema))
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise ValueError(
            f"{path} is damaged or is not the expected table: {error}. Delete it and run again to make it anew."
        ) from error


def read_tables(paths: Sequence[str | Path], schema: pa.Schema) -> pd.DataFrame:
    """Read several tables of one schema and stack them in the order given."""
    return pd.concat([read_table(path, schema) for path in paths], ignore_index=True)


def read_named_tables(names: Sequence[K], paths: Sequence[str | Path], schema: pa.Schema) -> dict[K, pd.DataFrame]:
    """Read one table for each name."""
    return {name: read_table(path, schema) for name, path in zip(names, paths, strict=True)}
