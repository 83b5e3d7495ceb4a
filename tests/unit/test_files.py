"""Files of questions: every format that people bring, each value as the file writes it."""

import bz2
import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from faithfulness.config.datasets import Columns
from faithfulness.prepare import datasets, files

OPEN = Columns(options=None)
ROWS = [{"question": "Q1?", "answer": "one"}, {"question": "Q2?", "answer": "two"}]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


def gzipped(content: bytes) -> bytes:
    """Compressed without the time, which would name the tests of each process differently."""
    return gzip.compress(content, mtime=0)


def read(file: Path, content: str | bytes) -> list[dict[str, Any]]:
    """Rows of a file with this content."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return files.read(file, {"question", "answer", "options"})[0]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.jsonl", LINES),
        ("q.json", LINES),
        ("q.ndjson", LINES),
        ("Q.JSONL", LINES),
        ("q.v1.2.jsonl", LINES),
        ("q.json", json.dumps(ROWS)),
        ("q.json", "\n\n" + json.dumps(ROWS, indent=2)),
        ("q.jsonl", json.dumps(ROWS, indent=1)),
        ("q.json", json.dumps({"version": "1.0", "data": ROWS})),
        ("q.json", json.dumps({"canary": "x", "keywords": ["a"], "examples": ROWS}, indent=2) + "\n"),
        ("q.jsonl", "\ufeff" + LINES),
        ("q.json", "\ufeff" + json.dumps(ROWS)),
        ("q.jsonl", LINES.encode("utf-16")),
        ("q.jsonl", LINES.replace("\n", "\r\n")),
        ("q.jsonl", LINES.replace("\n", "\n\n") + "  \n"),
        ("q.jsonl", LINES.rstrip("\n")),
        ("q.jsonl.gz", gzipped(LINES.encode())),
        ("q.jsonl.gz", gzipped(LINES[:38].encode()) + gzipped(LINES[38:].encode())),
        ("q.json.gz", gzipped(json.dumps(ROWS).encode())),
        ("q.jsonl", gzipped(LINES.encode())),
        ("q.jsonl.gz", LINES),
        ("q.jsonl.bz2", bz2.compress(LINES.encode())),
        ("q.jsonl.xz", lzma.compress(LINES.encode())),
        ("q.csv", "question,answer\nQ1?,one\nQ2?,two\n"),
        ("q.csv", "\ufeffquestion,answer\r\nQ1?,one\r\nQ2?,two\r\n"),
        ("q.csv", '"question","answer"\n"Q1?","one"\n\n"Q2?","two"\n,\n'),
        ("q.csv", "question, answer\nQ1?, one\nQ2?, two"),
        ("q.csv", "question;answer\nQ1?;one\nQ2?;two\n"),
        ("q.tsv", "question\tanswer\nQ1?\tone\nQ2?\ttwo\n"),
        ("q.csv", "question\tanswer\nQ1?\tone\nQ2?\ttwo\n".encode("utf-16")),
        ("q.csv.gz", gzipped(b"question,answer\nQ1?,one\nQ2?,two\n")),
    ],
)
def test_formats(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert read(tmp_path / name, content) == ROWS


@pytest.mark.parametrize("name", ["q.parquet", "q.parquet.gz", "split=test/q.parquet"])
def test_parquet(tmp_path: Path, name: str) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), buffer)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    whole = buffer.getvalue()
    assert read(tmp_path / name, gzipped(whole) if name.endswith("gz") else whole) == ROWS


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("q.jsonl", LINES + '{"question": "Q3?", "answer"\n' + LINES, "q.jsonl cannot be read as jsonl: line 3: "),
        ("q.jsonl.gz", gzipped((LINES + "{").encode()), "cannot be read as jsonl: line 3: "),
        ("q.jsonl", LINES + '["Q3?", "three"]\n', "line 3 holds no object with named values"),
        ("q.jsonl", LINES.encode() + b'{"question": "\xff"}', "line 3: 'utf-8' codec can't decode"),
        ("q.jsonl", LINES + '{"question": "\\ud800"}', "line 3: 'utf-8' codec can't encode"),
        ("q.json", json.dumps([*ROWS, 3]), "entry 3 of its array is no object"),
        ("q.json", json.dumps(ROWS)[:-3], "cannot be read as json: "),
        ("q.json", json.dumps({"data": ROWS}, indent=2)[:-3], "line 1: "),
        ("q.csv", "question,answer\nQ1?,one\nQ2?\n", "line 3 has 1 fields, and the first line 2"),
        ("q.csv", "question,answer\nQ1?,one,more\n", "line 2 has 3 fields, and the first line 2"),
        ("q.csv", 'question,answer\n"Q1?,one\nQ2?,two\n', "line 3: unexpected end of data"),
        ("q.csv", 'question,answer\n"a"b,one\n', "line 2: "),
        ("q.csv", "question,answer,answer\nQ1?,one,two\n", "two of its columns have the name 'answer'"),
        ("q.csv", "question,answer\nQ1?,caf\xe9\n".encode("latin-1"), "'utf-8' codec can't decode"),
        ("q.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "`git lfs pull`"),
        ("q.jsonl.gz", gzipped(LINES.encode())[:-9], "cannot be read as jsonl: "),
        ("q.jsonl.bz2", bz2.compress(LINES.encode())[:-9], "cannot be read as jsonl: "),
        ("q.jsonl.xz", lzma.compress(LINES.encode())[:-9], "cannot be read as jsonl: "),
        ("q.parquet", b"PAR1", "cannot be read as parquet: "),
        ("q.xlsx", b"", r"cannot read .xlsx; use .jsonl"),
        ("q.xlsx.gz", b"", r"cannot read .xlsx; use .jsonl"),
        ("q", b"", "cannot read a file without ending"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: str | bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=r"^q") as error:
        read(tmp_path / name, content)
    assert reason in str(error.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a folder; name a file in it"):
        files.read(tmp_path, set())


@pytest.mark.parametrize(
    ("rows", "written"),
    [
        ([['Who says "no"?', "me"], ['"Hello" is said by?', "him"]], None),
        ([["How long?", '6" long'], ['"unbalanced', "no"]], None),
        ([["two\nlines", "a\tb"], ['say "hi"', '"x"']], csv.QUOTE_MINIMAL),
        ([["two\nlines", '"x'], ["all", "quoted"]], csv.QUOTE_ALL),
    ],
)
def test_quotes_beside_tabs(tmp_path: Path, rows: list[list[str]], written: int | None) -> None:
    """They enclose fields where the whole file can be read so, and are signs elsewhere."""
    stream = io.StringIO()
    table = [["question", "answer"], *rows]
    if written is None:
        stream.write("".join("\t".join(fields) + "\n" for fields in table))
    else:
        csv.writer(stream, delimiter="\t", quoting=written).writerows(table)  # type: ignore[arg-type]
    found = read(tmp_path / "q.tsv", stream.getvalue())
    assert [[row["question"], row["answer"]] for row in found] == rows


def test_one_object_is_a_row_or_holds_them(tmp_path: Path) -> None:
    row = {"question": "Q?", "options": [{"text": "a"}, {"text": "b"}], "answer": "a"}
    for content in (json.dumps(row), json.dumps(row, indent=2)):
        assert read(tmp_path / "q.json", content) == [row]
    assert read(tmp_path / "q.json", json.dumps({"one": ROWS, "two": ROWS})) == [{}]


@pytest.mark.parametrize("answer", ["010", "1.10", "007", "1e5", "12345678901234567890", "1,000", "NA", "None", "-0"])
def test_values_of_csv_are_texts(tmp_path: Path, answer: str) -> None:
    quoted = f'"{answer}"'
    assert read(tmp_path / "q.csv", f"question,answer\nQ1?,{quoted}\nQ2?,\n")[0]["answer"] == answer


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("9007199254740993", "9007199254740993"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("9" * 5000, "9" * 5000),
        ("1.10", "1.10"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("18.0", "18"),
        ("-18.00", "-18"),
        ("5e1000000", "5e1000000"),
        ("6.02e23", "6.02e23"),
        ("NaN", None),
        ("Infinity", "Infinity"),
        ("null", None),
        ("true", True),
        ('"18.0"', "18.0"),
        ('"nan"', "nan"),
    ],
)
def test_numbers_of_json_keep_their_form(tmp_path: Path, written: str, expected: object) -> None:
    for name, content in (("q.jsonl", '{"answer": %s}\n{"answer": null}\n'), ("q.json", '[{"answer": %s}]')):
        assert read(tmp_path / name, content.replace("%s", written))[0]["answer"] == expected


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([9007199254740993, None], pa.int64(), 9007199254740993),
        ([2**64 - 1, None], pa.uint64(), 2**64 - 1),
        ([18.0, None], pa.float64(), "18"),
        ([1.1, None], pa.float32(), "1.1"),
        ([1.1, None], pa.float64(), "1.1"),
        ([float("nan"), 1.0], pa.float64(), None),
        ([b"text", None], pa.binary(), "text"),
        ([["a", None], None], pa.list_(pa.string()), ["a", None]),
        ([[0.0, 1.0]], pa.list_(pa.float32()), ["0", "1"]),
        ([[("A", "x"), ("B", "y")]], pa.map_(pa.string(), pa.string()), {"A": "x", "B": "y"}),
        (
            [[{"label": "A", "text": "x"}]],
            pa.list_(pa.struct([("label", pa.string()), ("text", pa.large_string())])),
            [{"label": "A", "text": "x"}],
        ),
        ([{"A": 1.0, "B": None}], pa.struct([("A", pa.float64()), ("B", pa.float64())]), {"A": "1", "B": None}),
    ],
)
def test_values_of_parquet(tmp_path: Path, values: list[object], kind: pa.DataType, expected: object) -> None:
    pq.write_table(pa.table({"answer": pa.array(values, kind)}), tmp_path / "q.parquet")
    assert files.read(tmp_path / "q.parquet", {"answer"})[0][0]["answer"] == expected


def test_categories_of_parquet(tmp_path: Path) -> None:
    pq.write_table(pa.table({"answer": pa.array(["b", "a"]).dictionary_encode()}), tmp_path / "q.parquet")
    assert files.read(tmp_path / "q.parquet", {"answer"})[0] == [{"answer": "b"}, {"answer": "a"}]


def test_other_columns_of_parquet_are_not_read(tmp_path: Path) -> None:
    table = pa.table({"answer": ["a", "b"], "picture": [b"\xff\xd8", None], "choices": [{"text": ["x"]}] * 2})
    pq.write_table(table, tmp_path / "q.parquet")
    rows, columns = files.read(tmp_path / "q.parquet", {"answer", "choices", "choices.text", "choices.label"})
    assert rows == [{"answer": "a", "choices": {"text": ["x"]}}, {"answer": "b", "choices": {"text": ["x"]}}]
    assert columns == ["answer", "picture", "choices"]
    assert files.read(tmp_path / "q.parquet", {"none"}) == ([{}, {}], columns)


def test_big_numbers_beside_gaps_keep_all_digits(tmp_path: Path) -> None:
    content = '{"question": "Q1?", "answer": 9007199254740993}\n{"question": "Q2?", "answer": null}\n'
    (tmp_path / "q.jsonl").write_text(content)
    (item,), (reason,) = datasets.read_table(tmp_path / "q.jsonl", OPEN)
    assert item["answer"] == "9007199254740993"
    assert reason == "q.jsonl, row 2: the answer is empty"


def test_long_passages_of_csv(tmp_path: Path) -> None:
    assert read(tmp_path / "q.csv", f"question,answer\n{'word ' * 40_000},one\n")[0]["answer"] == "one"


# Any text that a file can hold, signs that other programs take for ends of lines among it.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00")) | st.sampled_from(
    ["a\u2028b", "a\x85b", "a\u2029b", "a\x0bb\x0cc", "a\nb", "a\r\nb", '"', "a,b;c\td|e", "[", "\ufeff", "{}"]
)


def as_jsonl(rows: list[dict[str, str]], file: Path, ascii_only: bool) -> None:
    file.write_bytes("\n".join(json.dumps(row, ensure_ascii=ascii_only) for row in rows).encode())


def as_json(rows: list[dict[str, str]], file: Path, ascii_only: bool) -> None:
    file.write_bytes(json.dumps(rows, ensure_ascii=ascii_only).encode())


def as_csv(rows: list[dict[str, str]], file: Path, ascii_only: bool) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["question", "answer"], quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)


def as_parquet(rows: list[dict[str, str]], file: Path, ascii_only: bool) -> None:
    pq.write_table(pa.Table.from_pylist(rows, pa.schema([("question", pa.string()), ("answer", pa.string())])), file)


@pytest.mark.parametrize(
    ("name", "write"),
    [("q.jsonl", as_jsonl), ("q.json", as_json), ("q.csv", as_csv), ("q.parquet", as_parquet)],
)
@given(
    rows=st.lists(st.fixed_dictionaries({"question": TEXT.filter(bool), "answer": TEXT}), min_size=1, max_size=4),
    ascii_only=st.booleans(),
)
@hypothesis_settings(max_examples=60)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    write: Callable[[list[dict[str, str]], Path, bool], None],
    rows: list[dict[str, str]],
    ascii_only: bool,
) -> None:
    file = tmp_path_factory.getbasetemp() / name
    write(rows, file, ascii_only)
    assert files.read(file, {"question", "answer"})[0] == rows
