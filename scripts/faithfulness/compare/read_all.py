"""Tables of many cells at once: the names that a file's path carries become columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from faithfulness.arms.record import read_arm
from faithfulness.tables.io import read_table, records
from faithfulness.tables.statistics import Calibration


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


def arms(paths: Sequence[str | Path]) -> pd.DataFrame:
    """The records of arms' folders as a table, one row for each training."""
    columns = ["model", "arm", "seed", "parameters", "train_datasets"]
    records_of_arms = [read_arm(path) for path in paths]
    rows = [[getattr(record, column) for column in columns] for record in records_of_arms]
    return pd.DataFrame(rows, columns=columns).sort_values(["model", "arm", "seed"], ignore_index=True)


def training_counts(arms: pd.DataFrame) -> dict[tuple[str, str], int]:
    """How many trainings each (model, arm) has."""
    return {(str(model), str(arm)): len(part) for (model, arm), part in arms.groupby(["model", "arm"])}


def sizes(arms: pd.DataFrame) -> dict[str, int]:
    """Parameters by model: those of its base arm (an adapter adds to them, a merged one does not)."""
    base = arms[arms["arm"] == "base"]
    return dict(zip(base["model"], base["parameters"], strict=True))


def train_datasets(arms: pd.DataFrame) -> dict[tuple[str, str], set[str]]:
    """The datasets that each (model, arm) was tuned on."""
    pairs = zip(arms["model"], arms["arm"], strict=True)
    return dict(zip(pairs, map(set, arms["train_datasets"]), strict=True))


def calibration(files: Sequence[str | Path]) -> dict[tuple[str, str], str]:
    """Status by (dataset, measure) of calibration tables; empty without any."""
    rows = [row for file in files for row in records(read_table(file, Calibration))]
    return {(row["dataset"], row["measure"]): row["status"] for row in rows}
