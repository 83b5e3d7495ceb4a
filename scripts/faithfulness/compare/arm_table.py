"""The records of arms as a table, and what comparisons need of it."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from faithfulness.arms.record import read_arm


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
