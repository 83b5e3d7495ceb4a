"""Tables keep their schema, are written whole or not at all, and the journal loses and mistakes nothing."""

import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from faithfulness.tables import generation, measures, statistics
from faithfulness.tables.by_item import ItemRows, rows_of
from faithfulness.tables.fields import INT, field
from faithfulness.tables.generation import Chains, Items
from faithfulness.tables.io import atomically, frame, join_tables, read_rows, read_table, records, write_table
from faithfulness.tables.journal import Journal, shard
from faithfulness.tables.statistics import Effects

ITEM = {
    "item_id": "a",
    "question": "Why?",
    "options": ["x", "y"],
    "answer": "x",
    "answers": None,
    "rationale": None,
    "show_options": True,
    "letters": False,
}


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "item_id": st.text(),
                "question": st.text(),
                "options": st.none() | st.lists(st.text()),
                "answer": st.text(),
                "answers": st.none() | st.lists(st.text()),
                "rationale": st.none() | st.lists(st.text()),
                "show_options": st.booleans(),
                "letters": st.booleans(),
            }
        ),
        max_size=5,
    )
)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_parquet_round_trip(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    write_table(rows, Items, tmp_path / "items.parquet")
    assert records(read_table(tmp_path / "items.parquet", Items)) == rows


def test_csv_round_trip_keeps_types_and_gaps(tmp_path: Path) -> None:
    row = dict.fromkeys(Effects.names) | {
        "claim": "", "model": "pooled", "arm": "tuned-a", "dataset": "d", "contrast": "plain", "measure": "aoc",
        "component": "reading", "estimate": -0.1, "n_items": 40, "n_seeds": 1, "interpretable": False, "reason": "",
        "judged_by": "", "verdict": "", "sentence": "", "notes": "", "margin": 0.05, "calibration": "validated",
    }  # fmt: skip
    write_table([row], Effects, tmp_path / "effects.csv")
    assert records(read_table(tmp_path / "effects.csv", Effects)) == [row]


def test_same_rows_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_table([ITEM], Items, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_every_column_says_what_it_means() -> None:
    schemas = [
        value
        for module in (generation, measures, statistics)
        for value in vars(module).values()
        if isinstance(value, pa.Schema)
    ]
    assert len(schemas) >= 9
    assert all(field.metadata[b"meaning"] for schema in schemas for field in schema)


def test_meaning_travels_with_the_file(tmp_path: Path) -> None:
    write_table([ITEM], Items, tmp_path / "items.parquet")
    assert b"gold answer" in pq.read_schema(tmp_path / "items.parquet").field("answer").metadata[b"meaning"]


def test_missing_value_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"column 'answer' must not hold missing values \(gold answer;"):
        write_table([ITEM | {"answer": None}], Items, tmp_path / "items.parquet")
    assert not list(tmp_path.iterdir())


def test_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        atomically(path, fail)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("content", [b"", b"PAR1 cut short"])
def test_damaged_table_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "items.parquet").write_bytes(content)
    with pytest.raises(ValueError, match=r"items\.parquet is damaged or is not the expected table"):
        read_table(tmp_path / "items.parquet", Items)


def test_a_table_of_another_program_is_named_as_such(tmp_path: Path) -> None:
    pd.DataFrame([ITEM]).to_parquet(tmp_path / "items.parquet")
    with pytest.raises(ValueError, match=r"it has no checksum.* of your own, write it with .*io\.write_table"):
        read_table(tmp_path / "items.parquet", Items)


def test_a_table_of_another_schema_is_refused(tmp_path: Path) -> None:
    write_table([ITEM], Items, tmp_path / "items.parquet")
    with pytest.raises(ValueError, match=r"items\.parquet .* not the expected table: .*sample"):
        read_table(tmp_path / "items.parquet", Chains)
    other = pa.schema([*(column for column in Items if column.name != "letters"), field("letters", INT, meaning="-")])
    with pytest.raises(ValueError, match="its column 'letters' is not of the type int64"):
        read_table(tmp_path / "items.parquet", other)


def test_some_columns_of_a_table(tmp_path: Path) -> None:
    write_table([ITEM], Items, tmp_path / "items.parquet")
    assert records(read_table(tmp_path / "items.parquet", Items, ["answer", "item_id"])) == [
        {"answer": "x", "item_id": "a"}
    ]
    assert list(read_rows(tmp_path / "items.parquet", Items, ["letters"])) == [{"letters": False}]


Rows = list[dict[str, Any]]


def rows_of_items(*counts: int) -> Rows:
    """Rows of items of so many rows each."""
    return [
        ITEM | {"item_id": f"item{item}", "question": f"{row}"} for item, n in enumerate(counts) for row in range(n)
    ]


@given(counts=st.lists(st.integers(0, 30), max_size=70), block_items=st.integers(1, 30), shards=st.integers(1, 4))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_shard_reads_the_rows_of_its_items_and_little_else(
    tmp_path: Path, counts: list[int], block_items: int, shards: int
) -> None:
    rows, ids = rows_of_items(*counts), pd.DataFrame({"item_id": [f"item{item}" for item in range(len(counts))]})
    write_table(iter(rows), Items, tmp_path / "items.parquet")
    file = pq.ParquetFile(tmp_path / "items.parquet")
    largest = max((file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)), default=0)
    assert list(read_rows(tmp_path / "items.parquet", Items)) == rows
    whole = rows_of(frame(rows, Items))
    found: Rows = []
    for number in range(1, shards + 1):
        own = list(shard(ids, f"{number}-of-{shards}", block_items)["item_id"])
        table = ItemRows(tmp_path / "items.parquet", Items, own)
        blocks = [own[start : start + block_items] for start in range(0, len(own), block_items)]
        read = [row for block in blocks for row in table.rows(block)]
        assert read == whole(own)
        assert table.rows_read <= len(read) + 2 * largest
        found += read
    assert found == rows


def test_shards_of_whole_groups_read_nothing_twice(tmp_path: Path) -> None:
    """Of 100 items of 12 rows, five shards of 20 items each read a fifth."""
    write_table(iter(rows_of_items(*[12] * 100)), Items, tmp_path / "items.parquet")
    for start in range(0, 100, 20):
        own = [f"item{item}" for item in range(start, start + 20)]
        table = ItemRows(tmp_path / "items.parquet", Items, own, ["item_id", "question"])
        read = [row for item in own for row in table.rows([item])]
        assert read == [{"item_id": item, "question": f"{row}"} for item in own for row in range(12)]
        assert table.rows_read == 240


def test_rows_are_written_as_they_come(tmp_path: Path) -> None:
    """A generator of rows is never held as a whole."""
    alive = weakref.WeakSet[Row]()

    def rows() -> Iterator[dict[str, Any]]:
        for item in range(1000):
            row = Row(ITEM, item_id=f"item{item}")
            alive.add(row)
            yield row
            assert len(alive) <= 500  # two groups

    write_table(rows(), Items, tmp_path / "items.parquet")
    assert len(read_table(tmp_path / "items.parquet", Items)) == 1000


class Row(dict[str, Any]):
    """A row that can be counted while it lives."""

    __hash__ = object.__hash__  # type: ignore[assignment]


def test_tables_are_joined_in_their_order(tmp_path: Path) -> None:
    rows = rows_of_items(*[30] * 25)
    write_table(iter(rows[:400]), Items, tmp_path / "1.parquet")
    write_table(frame(rows[400:], Items), Items, tmp_path / "2.parquet")
    join_tables([tmp_path / "1.parquet", tmp_path / "2.parquet"], Items, tmp_path / "all.parquet")
    assert list(read_rows(tmp_path / "all.parquet", Items)) == rows


def test_records_are_plain_values() -> None:
    data = pd.DataFrame({"a": [np.float64("nan"), 1.5], "b": [pd.NA, np.int64(2)], "c": [np.array([1, 2]), None]})
    assert records(data) == [{"a": None, "b": None, "c": [1, 2]}, {"a": 1.5, "b": 2, "c": None}]


class TestJournal:
    """Blocks of work that are done once."""

    def run(self, folder: Path, blocks: list[list[str]], key: object = "k", fail_at: str | None = None) -> list[str]:
        """Work through blocks; returns the pieces that were worked on now, and checks the whole answer."""
        done: list[str] = []

        def work(pieces: list[str]) -> Iterable[list[dict[str, Any]]]:
            if fail_at in pieces:
                raise KeyboardInterrupt
            done.extend(pieces)
            return [[ITEM | {"item_id": name}] for name in pieces]

        table = Journal(folder, (key,), "test", block_items=1).complete(blocks, work, Items)
        assert list(table["item_id"]) == [name for block in blocks for name in block]
        return done

    def test_goes_on_where_it_was(self, tmp_path: Path) -> None:
        blocks = [["a", "b"], ["c"], ["d"]]
        with pytest.raises(KeyboardInterrupt):
            self.run(tmp_path, blocks, fail_at="d")
        assert self.run(tmp_path, blocks) == ["d"]
        assert self.run(tmp_path, blocks) == []

    def test_finds_work_in_another_order_and_beside_other_work(self, tmp_path: Path) -> None:
        self.run(tmp_path, [["a"], ["b"]])
        assert self.run(tmp_path, [["c"], ["b"], ["a"]]) == ["c"]

    def test_a_piece_more_keeps_the_others(self, tmp_path: Path) -> None:
        self.run(tmp_path, [["a"], ["b"]])
        assert self.run(tmp_path, [["a", "c"], ["b", "d"]]) == ["c", "d"]

    def test_never_takes_other_work_for_its_own(self, tmp_path: Path) -> None:
        self.run(tmp_path, [["a"]])
        assert self.run(tmp_path, [["a"]], key="other weights") == ["a"]

    def test_makes_a_damaged_block_again(self, tmp_path: Path) -> None:
        self.run(tmp_path, [["a"], ["b"]])
        file = sorted(tmp_path.rglob("*.parquet"))[0]
        file.write_bytes(file.read_bytes()[:-20])
        assert len(self.run(tmp_path, [["a"], ["b"]])) == 1

    def test_work_that_depends_on_more_is_other_work(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path, ("weights",), "test", block_items=1)
        for own in (journal, journal.extended("prompts"), journal.extended("prompts")):
            own.complete([["a"]], lambda pieces: [[ITEM] for _ in pieces], Items)
        assert len(list(tmp_path.iterdir())) == 2

    def test_blocks_are_made_one_at_a_time(self, tmp_path: Path) -> None:
        events: list[str] = []

        def blocks() -> Iterator[list[str]]:
            for name in "ab":
                events.append(f"made {name}")
                yield [name]

        def work(pieces: list[str]) -> list[list[dict[str, Any]]]:
            events.extend(f"worked on {name}" for name in pieces)
            return [[ITEM] for _ in pieces]

        Journal(tmp_path, (), "test", block_items=1).complete(blocks(), work, Items, total=2)
        assert events == ["made a", "worked on a", "made b", "worked on b"]

    @given(items=st.lists(st.integers()), block_items=st.integers(1, 5))
    def test_blocks_are_the_items_in_their_order(self, items: list[int], block_items: int) -> None:
        blocks = Journal(Path(), (), "test", block_items).blocks(items)
        assert [item for block in blocks for item in block] == items
        assert all(len(block) == block_items for block in blocks[:-1])
        assert all(0 < len(block) <= block_items for block in blocks[-1:])

    def test_no_blocks_no_rows(self, tmp_path: Path) -> None:
        assert self.run(tmp_path, []) == []


@given(blocks=st.lists(st.integers(1, 4), max_size=9), count=st.integers(1, 12), block_items=st.integers(1, 5))
def test_shards_are_whole_blocks_and_together_the_table(blocks: list[int], count: int, block_items: int) -> None:
    """Items of several rows each: no block is split, none is lost, and the order stays."""
    ids = [f"item{number}" for number, rows in enumerate(blocks) for _ in range(rows)]
    table = pd.DataFrame({"item_id": pd.Series(ids, dtype=str), "row": range(len(ids))})
    parts = [shard(table, f"{number}-of-{count}", block_items) for number in range(1, count + 1)]
    assert pd.concat(parts)["row"].tolist() == table["row"].tolist()
    starts = {f"item{number}" for number in range(0, len(blocks), block_items)}
    assert all(part["item_id"].iloc[0] in starts for part in parts if len(part))
    sizes = [-(-part["item_id"].nunique() // block_items) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert shard(table, None, block_items) is table
