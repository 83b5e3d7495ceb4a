"""What the comparison of two results folders sees, and what it does not mind."""

from pathlib import Path

import pandas as pd
import pytest

from tests.same_values import differences


def write(folder: Path, file: str, **changes: object) -> None:
    columns = {"arm": ["a", "b"], "estimate": [0.1, None], "p_value": [0.2, 0.3], "sentence": ["x", "y"]} | changes
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(folder / file, index=False)


def kinds(tmp_path: Path) -> list[str]:
    return [kind for kind, _ in differences(tmp_path / "old", tmp_path / "new")]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"estimate": [0.1 + 1e-11, None]}, []),
        ({"arm": ["b", "a"], "estimate": [None, 0.1], "p_value": [0.3, 0.2], "sentence": ["y", "x"]}, []),
        ({"estimate": [0.1001, None]}, ["difference"]),
        ({"estimate": [0.1, 0.0]}, ["difference"]),
        ({"arm": ["a", "c"]}, ["difference"]),
        ({"sentence": ["x", "z"]}, ["words"]),
        ({"more": [1, 2]}, ["addition"]),
        ({"p_value": [0.1, 0.3], "claim_p_value": [0.2, None]}, ["addition"]),
        ({"p_value": [0.1, 0.3], "claim_p_value": [0.1, None]}, ["addition", "difference"]),
    ],
)
def test_what_differs(tmp_path: Path, changes: dict[str, object], expected: list[str]) -> None:
    write(tmp_path / "old", "effects/cells.csv")
    write(tmp_path / "new", "effects/by_cell.csv", **changes)
    assert kinds(tmp_path) == expected


def test_a_missing_table_and_a_new_one(tmp_path: Path) -> None:
    write(tmp_path / "old", "a.csv")
    write(tmp_path / "new", "b.csv")
    assert kinds(tmp_path) == ["difference", "addition"]
