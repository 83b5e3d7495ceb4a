"""Tables of many cells at once: the names that a file's path carries become columns."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from faithfulness.config.training import recipe_of
from faithfulness.tables.io import read_table, records
from faithfulness.tables.statistics import Calibration


def read(paths: Sequence[str | Path], schema: pa.Schema, names: Sequence[str]) -> pd.DataFrame:
    """Stack tables whose paths end in `<name>/<name>/<name>.<suffix>`, with one column a name.

    Args:
        paths: files, in any order; the result does not depend on it.
        schema: of each file.
        names: what the last parts of a path are, the file's name without suffix being the last.

    Raises:
        ValueError: a file is no table of the schema.
    """
    parts = []
    for path in sorted(map(Path, paths)):
        places = path.with_suffix("").parts[-len(names) :]
        parts.append(read_table(path, schema).assign(**dict(zip(names, places, strict=True))))
    return pd.concat(parts, ignore_index=True)


def arms(paths: Sequence[str | Path]) -> pd.DataFrame:
    """arm.json of arms' folders as a table: model, arm, parameters, train_datasets."""
    rows = [json.loads((Path(path) / "arm.json").read_text(encoding="utf-8")) for path in paths]
    columns = ["model", "arm", "parameters", "train_datasets"]
    return pd.DataFrame(rows)[columns].sort_values(["model", "arm"], ignore_index=True)


def by_recipe(data: pd.DataFrame) -> pd.DataFrame:
    """The trainings of a recipe under one name, where a table names an arm, writer or reader."""
    columns = [name for name in ("arm", "writer", "reader") if name in data]
    return data.assign(**{name: data[name].map(recipe_of) for name in columns})


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
