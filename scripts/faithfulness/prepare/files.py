"""Reading tables of questions from files: every value in the form in which the file writes it.

Numbers of text files are texts (`010`, `1.10`, twenty digits): nothing is gained by computing with a gold answer, and a
binary float would change it.
"""

import bz2
import csv
import gzip
import io
import json
import lzma
import math
import re
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import IO, Literal, cast

import pyarrow as pa
import pyarrow.parquet as pq

from faithfulness.tables.fields import Row

# First bytes of compressed files: a browser may have unpacked a file and kept its name.
OPENERS: dict[bytes, Callable[[Path], IO[bytes]]] = {
    b"\x1f\x8b": cast(Callable[[Path], IO[bytes]], gzip.open),
    b"BZh": cast(Callable[[Path], IO[bytes]], bz2.open),
    b"\xfd7zXZ": cast(Callable[[Path], IO[bytes]], lzma.open),
}
COMPRESSED = {".gz", ".bz2", ".xz"}
UTF8_MARK = "\ufeff".encode()
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
DELIMITERS = ",;\t|"
POINTER = b"version https://git-lfs"
HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")  # of a pair; alone, no text can hold it
WHOLE = re.compile(r"(-?\d+)\.0+")


def read(file: Path, wanted: Collection[str]) -> tuple[list[Row], list[str]]:
    """The rows of a file, and the names of its columns.

    Args:
        file: JSON Lines or one JSON array, also in an object (`.jsonl`, `.json`), CSV with any usual delimiter (`.csv`,
            `.tsv`) or Parquet, each also compressed (`.gz`, `.bz2`, `.xz`).
        wanted: columns that the rows are to keep; a row lacks those that it lacks in the file.

    Returns:
        Rows whose values are texts, truth values, None, lists and mappings; of Parquet also whole numbers and dates.

    Raises:
        ValueError: an unknown kind of file or a damaged one; names the file, and the line where there is one.
    """
    kind = _kind(file)
    try:
        rows: list[Row] = []
        columns: dict[str, None] = {}
        with _opened(file) as stream:
            for row in READERS[kind](stream, wanted):
                columns |= dict.fromkeys(row)
                rows.append({name: value for name, value in row.items() if name in wanted})
    except (ValueError, OSError, EOFError, RecursionError, zlib.error, lzma.LZMAError, pa.ArrowException) as error:
        advice = "; save it as UTF-8" if isinstance(error, UnicodeDecodeError) else ""
        raise ValueError(f"{file.name} cannot be read as {kind[1:]}: {error}{advice}") from error
    return rows, list(columns)


def _kind(file: Path) -> str:
    endings = [ending.lower() for ending in file.suffixes]
    while endings and endings[-1] in COMPRESSED:
        endings.pop()
    kind = endings[-1] if endings else ""
    if file.is_dir():
        raise ValueError(f"{file} is a folder; name a file in it: `file` of the source")
    if kind not in READERS:
        raise ValueError(
            f"{file.name}: cannot read {kind or 'a file without ending'}; use {', '.join(READERS)}, each also with .gz"
        )
    return kind


def _opened(file: Path) -> IO[bytes]:
    with file.open("rb") as stream:
        start = stream.read(len(POINTER))
    if start == POINTER:
        raise ValueError("it is a pointer of Git LFS, which `git lfs pull` replaces")
    opener = next((opener for mark, opener in OPENERS.items() if start.startswith(mark)), None)
    return opener(file) if opener else file.open("rb")


def _utf8(stream: IO[bytes]) -> Iterator[bytes]:
    r"""Lines of a text file as UTF-8 without a mark, split at \n only."""
    first = stream.readline()
    if first.startswith(UTF16_MARKS):
        stream = io.BytesIO((first + stream.read()).decode("utf-16").encode())
        first = stream.readline()
    return chain([first.removeprefix(UTF8_MARK)], stream)


def _json_rows(stream: IO[bytes], wanted: Collection[str]) -> Iterator[Row]:
    """Rows of one JSON array, of one object in each line, or of an array in one object."""
    lines = ((number, line) for number, line in enumerate(_utf8(stream), start=1) if line.strip())
    head = list(islice(lines, 2))
    if head and head[0][1].lstrip().startswith(b"["):
        yield from _array(b"".join(line for _, line in chain(head, lines)))
        return
    if len(head) == 1 or (head and head[0][1].strip() == b"{"):
        head += lines
        if (whole := _whole(b"".join(line for _, line in head))) is not None:
            yield from _held(whole, wanted)
            return
    for number, line in chain(head, lines):
        try:
            row = _parsed(line)
        except ValueError as error:
            raise ValueError(
                f"line {number}: {error}; a file holds an object in each line, or one array of objects"
            ) from error
        if not isinstance(row, dict):
            raise ValueError(f"line {number} holds no object with named values, but {line[:40].decode()!r}")
        yield row


def _whole(text: bytes) -> Row | None:
    """The object that a text is as a whole; None if it is none."""
    try:
        value = _parsed(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _held(whole: Row, wanted: Collection[str]) -> list[Row]:
    """The rows in an object that names something else, too, as in `{"version": 1, "data": [...]}`; else the object."""
    tables = [
        value
        for value in whole.values()
        if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value)
    ]
    return tables[0] if len(tables) == 1 and not set(wanted) & set(whole) else [whole]


def _array(text: bytes) -> Iterator[Row]:
    for number, row in enumerate(cast(list[object], _parsed(text)), start=1):
        if not isinstance(row, dict):
            raise ValueError(f"entry {number} of its array is no object with named values, but {str(row)[:40]!r}")
        yield row


def _parsed(text: bytes) -> object:
    decoded = text.decode("utf-8")
    value: object = json.loads(decoded, parse_int=str, parse_float=_number, parse_constant=_constant)
    if HALF_CHARACTER.search(text):
        json.dumps(value, ensure_ascii=False).encode()  # fails if one is alone
    return value


def _number(text: str) -> str:
    """A number as it is written; without `.0`, which whole numbers get where other rows have none."""
    return match[1] if (match := WHOLE.fullmatch(text)) else text


def _constant(name: str) -> str | None:
    return None if name == "NaN" else name


def _csv_rows(stream: IO[bytes], _: Collection[str]) -> Iterator[Row]:
    """Rows of a CSV file; its delimiter is what its first line has most of.

    Where that is the tab, quotes may be signs like others, as in most published files.
    """
    text = b"".join(_utf8(stream)).decode("utf-8")
    first = io.StringIO(text, newline="").readline()
    delimiter = max(DELIMITERS, key=first.count)
    if delimiter != "\t":
        yield from _delimited(text, delimiter, csv.QUOTE_MINIMAL)
        return
    try:
        rows = list(_delimited(text, delimiter, csv.QUOTE_MINIMAL))
    except ValueError as error:
        try:
            rows = list(_delimited(text, delimiter, csv.QUOTE_NONE))
        except ValueError:
            raise error from None
    yield from rows


def _delimited(text: str, delimiter: str, quoting: Literal[0, 3]) -> Iterator[Row]:
    """Rows of a text whose first line has the names of the columns."""
    csv.field_size_limit(sys.maxsize)  # the default refuses long passages
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True, skipinitialspace=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        if twice := [name for name, count in Counter(names).items() if count > 1 and name]:
            raise ValueError(f"two of its columns have the name {twice[0]!r}")
        for fields in reader:
            if not any(fields):  # an empty line, or one of delimiters only
                continue
            if len(fields) != len(names):
                raise ValueError(f"line {reader.line_num} has {len(fields)} fields, and the first line {len(names)}")
            yield dict(zip(names, fields, strict=True))
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from error


def _parquet_rows(stream: IO[bytes], wanted: Collection[str]) -> Iterator[Row]:
    """Rows of a Parquet file, whose other columns (pictures, say) are not read; they are there, without values."""
    file = pq.ParquetFile(stream)
    names = file.schema_arrow.names
    here = [name for name in names if name in wanted]
    for batch in file.iter_batches(batch_size=1000, columns=here):
        columns = [_plain_values(column.to_pylist(), column.type) for column in batch.columns]
        for values in zip(*columns, strict=True) if here else [()] * batch.num_rows:
            yield dict.fromkeys(names) | dict(zip(batch.schema.names, values, strict=True))


def _plain_values(values: Iterable[object], kind: pa.DataType) -> list[object]:
    return [None if value is None else _plain(value, kind) for value in values]


def _plain(value: object, kind: pa.DataType) -> object:
    """A value of a Parquet file as those of other files."""
    types = pa.types
    kind = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_floating(kind):
        number = kind.to_pandas_dtype()(value)  # in its own precision, so that .1 is written as .1
        return None if math.isnan(number) else _number(str(number))
    if types.is_binary(kind) or types.is_large_binary(kind):
        return cast(bytes, value).decode("utf-8")
    if types.is_struct(kind):
        entries = cast(Row, value)
        return {part.name: _plain_values([entries[part.name]], part.type)[0] for part in kind}
    if types.is_map(kind):
        pairs = cast(Sequence[tuple[object, object]], value)
        return {str(key): _plain_values([held], kind.item_type)[0] for key, held in pairs}
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return _plain_values(cast(list[object], value), kind.value_type) if is_list else value


READERS: dict[str, Callable[[IO[bytes], Collection[str]], Iterator[Row]]] = {
    ".jsonl": _json_rows,
    ".json": _json_rows,
    ".ndjson": _json_rows,
    ".csv": _csv_rows,
    ".tsv": _csv_rows,
    ".parquet": _parquet_rows,
}
