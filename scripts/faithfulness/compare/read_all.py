"""Tables of many cells at once: the names that a file's path carries become columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from faithfulness.tables.io import read_table, records
from faithfulness.tables.measures import Calibration


def read(
    paths: Sequence[str | Path],
    schema: pa.Schema,
    names: Sequence[str],
    columns: Sequence[str] | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Stack tables whose paths end in `<name>/<name>/<name>.<suffix>`, with one column for each name.

    Args:
        paths: files, in any order; the result does not depend on it.
        schema: of each file.
        names: what the last parts of a path are, the file's name without suffix being the last.
        columns: those to read of each file; None: all of them.
        where: only rows whose column has the value, or one of a list of values.

    Raises:
        ValueError: a file is no table of the schema.
    """
    parts = []
    for path in sorted(map(Path, paths)):
        places = path.with_suffix("").parts[-len(names) :]
        table = read_table(path, schema, columns, where)
        parts.append(table.assign(**dict(zip(names, places, strict=True))))
    return pd.concat(parts, ignore_index=True)


def calibration(files: Sequence[str | Path]) -> dict[tuple[str, str], str]:
    """Status by (dataset, measure) of calibration tables; empty without any."""
    rows = [row for file in files for row in records(read_table(file, Calibration))]
    return {(row["dataset"], row["measure"]): row["status"] for row in rows}
