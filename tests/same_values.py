"""Whether two results folders hold the same values: `python tests/same_values.py OLD NEW`.

Every table (.parquet and .csv) of OLD is compared with the one of NEW, to 1e-9. A table or column may have another name
in NEW (`FILES`, `COLUMNS`), and NEW may have more of both. Rows may be in another order. Sentences and reasons are for
people: other words there are counted, but are no difference. The exit status is 1 where values differ.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

TOLERANCE = 1e-9
PROSE = ("sentence", "reason")
FILES = {"effects/cells.csv": "effects/by_cell.csv"}


def largest_of_the_claim(new: pd.DataFrame) -> pd.Series:
    """`p_value` was that of the row's claim, where it belongs to one; it is the measure's own now."""
    own = new["p_value"]
    return new["claim_p_value"].fillna(own) if "claim_p_value" in new else own


# Columns of old tables that are found elsewhere in the new ones, by file and column.
COLUMNS: dict[tuple[str, str], Callable[[pd.DataFrame], pd.Series]] = {
    ("effects/cells.csv", "p_value"): largest_of_the_claim,
    ("effects/effects.csv", "p_value"): largest_of_the_claim,
}


def tables(folder: Path) -> list[str]:
    """The tables of a results folder, without those of the paper kit (its own rounded copies) and of the journal."""
    files = (file.relative_to(folder) for pattern in ("*.parquet", "*.csv") for file in folder.rglob(pattern))
    return sorted(str(file) for file in files if file.parts[0] not in (".journal", "paper"))


def read(file: Path) -> pd.DataFrame:
    """A table with plain values: lists as text, so that rows can be sorted."""
    if file.suffix == ".csv":
        return pd.read_csv(file, keep_default_na=False, na_values=[""])
    data = pd.read_parquet(file)
    for name in data:
        if data[name].map(lambda value: isinstance(value, np.ndarray | list)).any():
            data[name] = data[name].map(_plain).map(repr)
    return data


def _plain(value: object) -> object:
    return [_plain(part) for part in value] if isinstance(value, np.ndarray | list) else value


def differences(old: Path, new: Path) -> Iterator[tuple[str, str]]:
    """What differs, as (kind, sentence); kinds: 'difference', 'words' and 'addition'."""
    before = tables(old)
    for file in before:
        path = new / FILES.get(file, file)
        if not path.exists():
            yield "difference", f"{file}: there is no {path}"
        else:
            yield from _of_tables(file, read(old / file), read(path))
    for file in sorted({*tables(new)} - {FILES.get(name, name) for name in before}):
        yield "addition", f"{file}: a new table"


def _of_tables(file: str, old: pd.DataFrame, new: pd.DataFrame) -> Iterator[tuple[str, str]]:
    moved = {name: COLUMNS[file, name](new) for name in old if (file, name) in COLUMNS}
    if added := [str(name) for name in new if name not in old]:
        yield "addition", f"{file}: new columns {', '.join(added)}"
    new = new.assign(**moved)
    if missing := [str(name) for name in old if name not in new]:
        yield "difference", f"{file}: {', '.join(missing)} missing"
        return
    if len(old) != len(new):
        yield "difference", f"{file}: {len(old)} rows, now {len(new)}"
        return
    new = new[list(old)]
    names = [name for name in old if name not in PROSE and old[name].dtype.kind not in "f"]
    old, new = (_sorted(data, names) for data in (old, new))
    for name in old:
        apart = ~_equal(old[name], new[name])
        if apart.any():
            row = int(np.flatnonzero(apart)[0])
            kind = "words" if name in PROSE else "difference"
            example = f"{old[name][row]!r}, now {new[name][row]!r}"
            yield kind, f"{file}: {name} in {apart.sum()} of {len(old)} rows, as {example}"


def _sorted(data: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return data.loc[data[names].astype(str).sort_values(names, kind="stable").index].reset_index(drop=True)


def _equal(old: pd.Series, new: pd.Series) -> np.ndarray:
    """Which values are equal: numbers up to the tolerance, relative to numbers above 1."""
    if all(pd.api.types.is_numeric_dtype(column) for column in (old, new)):
        before, after = (column.astype("Float64").to_numpy(float, na_value=np.nan) for column in (old, new))
        return np.isclose(before, after, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
    return ((old == new) | (old.isna() & new.isna())).to_numpy(bool)


def main() -> int:
    """Print what differs and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path, help="results of the earlier commit")
    parser.add_argument("new", type=Path, help="results of this commit")
    arguments = parser.parse_args()
    found = list(differences(arguments.old, arguments.new))
    for kind, sentence in found:
        print(f"{kind:10} {sentence}")
    apart = sum(kind == "difference" for kind, _ in found)
    print(f"{len(tables(arguments.old))} tables compared; {apart or 'no'} differences beyond {TOLERANCE:g}.")
    return int(apart > 0)


if __name__ == "__main__":
    sys.exit(main())
