"""Columns of tables: their types, and those that several tables share."""

from typing import Any

import pyarrow as pa

Row = dict[str, Any]  # of any table: the values of a column have the type that its schema says

STR, INT, FLOAT, BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()
STRINGS, BOOLS, INTS, FLOATS, SPANS = (
    pa.list_(STR),
    pa.list_(BOOL),
    pa.list_(INT),
    pa.list_(FLOAT),
    pa.list_(pa.list_(INT)),
)


def field(name: str, kind: pa.DataType, *, meaning: str, nullable: bool = False) -> pa.Field:
    """A column of a schema; `meaning` says what it holds, in which unit and range."""
    return pa.field(name, kind, nullable=nullable, metadata={"meaning": meaning})


ITEM_ID = field("item_id", STR, meaning="question, unique within its dataset (a hash of its text)")
SAMPLE = field("sample", INT, meaning="which of the sampled chains of the item, from 0 (greedy: always 0)")
SEED = field("seed", INT, meaning="training seed of the arm that wrote the chain")
