"""Items of tables: read as they are meant, or refused; and no question in both train and evaluation."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from faithfulness.config.datasets import Columns, TableDataset
from faithfulness.prepare import datasets


def table(tmp_path: Path, rows: list[dict[str, Any]], **settings: Any) -> tuple[TableDataset, Path]:
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    source = {"uri": f"path:{file}"}
    return TableDataset(name="t", task="table", source=source, **({"train": 1, "eval": 1} | settings)), file  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", ["bank", "B. bank", "B", 1])
@pytest.mark.parametrize("options", ["A. shop\nB. bank", ["shop", "bank"]])
def test_table_answers_and_options(tmp_path: Path, answer: object, options: object) -> None:
    settings, file = table(
        tmp_path, [{"question": f"Where {i}?", "options": options, "answer": answer} for i in range(2)]
    )
    (train,), (evaluation,) = datasets.items(settings, [file])
    assert train["answer"] == evaluation["answer"] == "bank"
    assert train["options"] == ["shop", "bank"]
    assert train["show_options"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_other_formats(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"open.{suffix}"
    frame = pd.DataFrame({"q": ["1 + 1?", "2 + 2?"], "gold": ["2", "4"]})
    frame.to_csv(file, index=False) if suffix == "csv" else frame.to_parquet(file)
    rows, refused = datasets.read_table(file, Columns(question="q", options=None, answer="gold"))
    assert [row["answer"] for row in rows] == ["2", "4"]
    assert not refused


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"question": "", "options": ["a", "b"], "answer": "a"}, "row 1: the question is empty"),
        ({"question": "Q", "options": ["a", "a"], "answer": "a"}, "row 1: needs at least two different options"),
        ({"question": "Q", "options": ["a"], "answer": "a"}, "row 1: needs at least two different options"),
        ({"question": "Q", "options": ["a", "b"], "answer": "c"}, "row 1: the answer 'c' is none of the options"),
    ],
)
def test_no_usable_item(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    settings, file = table(tmp_path, [row])
    with pytest.raises(ValueError, match="'t' has 0 usable questions, but train: 1 and eval: 1 ask for 2") as error:
        datasets.items(settings, [file])
    assert reason in str(error.value)


ROW = {"question": "Q?", "options": ["a", "b"], "answer": "a"}


@pytest.mark.parametrize(
    ("row", "columns", "expected"),
    [
        (ROW | {"context": "C."}, {"question": "{context}\n{question}"}, ("C.\nQ?", ["a", "b"], "a")),
        (
            {"question": "Q?", "one": "a", "two": "b", "label": 1},
            {"options": ["one", "two"], "answer": "label"},
            ("Q?", ["a", "b"], "b"),
        ),
        (ROW | {"options": {"A": "x", "B": "y"}, "answer": "B"}, {}, ("Q?", ["x", "y"], "y")),
        (
            ROW | {"choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answer": "2"},
            {"options": "choices.text", "labels": "choices.label", "answer_is": "label"},
            ("Q?", ["x", "y"], "y"),
        ),
        (
            {"question": "Q?", "mc1": {"choices": ["x", "y"], "labels": [0, 1]}},
            {"options": "mc1.choices", "answer": "mc1.labels", "answer_is": "flags"},
            ("Q?", ["x", "y"], "y"),
        ),
        (ROW | {"options": ["A)21", "B)30"], "answer": "B"}, {"answer_is": "label"}, ("Q?", ["21", "30"], "30")),
        (ROW | {"options": ["1", "0"], "answer": 0}, {"answer_is": "index"}, ("Q?", ["1", "0"], "1")),
        (ROW | {"options": ["1", "0"], "answer": 0}, {"answer_is": "text"}, ("Q?", ["1", "0"], "0")),
        (ROW | {"options": "A. one,\ntwo\nB. three", "answer": "B"}, {}, ("Q?", ["one,\ntwo", "three"], "three")),
        (
            ROW | {"answer": "So it is 5.\n#### 1,024"},
            {"options": None, "answer_pattern": r"####\s*(\S+)"},
            ("Q?", None, "1,024"),
        ),
    ],
    ids=[
        *("template", "a column an option", "mapping", "labels", "flags", "glued labels"),
        *("index", "number as text", "option of two lines", "pattern"),
    ],
)
def test_columns(row: dict[str, Any], columns: dict[str, Any], expected: tuple[Any, ...], tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    (item,), refused = datasets.read_table(tmp_path / "rows.jsonl", Columns(**columns))
    assert (item["question"], item["options"], item["answer"]) == expected
    assert not refused


@pytest.mark.parametrize(
    ("row", "columns", "reason"),
    [
        (ROW | {"options": ["1", "0"], "answer": 0}, {}, "may be an option's text, its label or its index; say which"),
        (ROW | {"answer": [1, 1]}, {}, "the answer flags 2 options, not one"),
        (ROW | {"answer": "no mark"}, {"options": None, "answer_pattern": "####(.*)"}, "nothing in the answer matches"),
        (ROW | {"options": {"A": "x"}}, {"options": "options.text"}, "there is no 'options.text'"),
        (ROW | {"options": ["a", ""]}, {}, "needs at least two different options"),
    ],
    ids=["ambiguous", "two flags", "no match", "no entry", "empty option"],
)
def test_rows_are_refused(row: dict[str, Any], columns: dict[str, Any], reason: str, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    usable, (found,) = datasets.read_table(tmp_path / "rows.jsonl", Columns(**columns))
    assert not usable
    assert found.startswith("rows.jsonl, row 1: ")
    assert reason in found


def test_worked_chains_of_a_table(tmp_path: Path) -> None:
    text = "He has 2+3=<<2+3=5>>5 apples. That is\tmuch.\nHe eats 1.\n#### 4"
    (tmp_path / "rows.jsonl").write_text(json.dumps({"question": "Q?", "answer": text}))
    columns = Columns(
        options=None, answer_pattern=r"####\s*(\S+)", rationale="answer", leave_out=["<<[^>]*>>", r"####[\s\S]*"]
    )
    ((item,), _) = datasets.read_table(tmp_path / "rows.jsonl", columns)
    assert item["rationale"] == ["He has 2+3=5 apples. That is\tmuch.", "He eats 1."]


def test_train_items_from_a_table_of_their_own(tmp_path: Path) -> None:
    rows = [ROW | {"question": f"Q{i}?"} for i in range(6)]
    settings, file = table(tmp_path, rows[:4], eval=3, train=2)
    (tmp_path / "more.jsonl").write_text("\n".join(map(json.dumps, rows[2:])))
    train, evaluation = datasets.items(settings, [file], [tmp_path / "more.jsonl"])
    asked = {item["question"] for item in evaluation}
    assert len(asked) == 3
    assert asked <= {row["question"] for row in rows[:4]}
    assert len({item["question"] for item in train} - asked) == 2
    greedy = settings.model_copy(update={"train": 9})
    with pytest.raises(ValueError, match="and train: 9, from tables of their own"):
        datasets.items(greedy, [file], [tmp_path / "more.jsonl"])


def test_several_files_are_one_table(tmp_path: Path) -> None:
    settings, file = table(tmp_path, [ROW])
    (tmp_path / "more.jsonl").write_text(json.dumps(ROW | {"question": "R?"}))
    train, evaluation = datasets.items(settings, [file, tmp_path / "more.jsonl"])
    assert {item["question"] for item in train + evaluation} == {"Q?", "R?"}


def test_shuffled_options_keep_the_answer(tmp_path: Path) -> None:
    rows = [{"question": f"Q{i}?", "options": ["right", "b", "c"], "answer": "right"} for i in range(40)]
    settings, file = table(tmp_path, rows, eval=40, train=0, shuffle_options=True)
    _, evaluation = datasets.items(settings, [file])
    places = [item["options"].index("right") for item in evaluation]
    assert set(places) == {0, 1, 2}
    assert datasets.items(settings, [file])[1] == evaluation
    assert {item["answer"] for item in evaluation} == {"right"}


def test_damaged_table(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"bad\.parquet cannot be read as parquet"):
        datasets.read_table(tmp_path / "bad.parquet", Columns())


def test_duplicates_count_once(tmp_path: Path) -> None:
    row = {"question": "Same?", "options": ["a", "b"], "answer": "a"}
    settings, file = table(tmp_path, [row, row])
    with pytest.raises(ValueError, match="has 1 usable questions"):
        datasets.items(settings, [file])


def test_missing_column_is_named(tmp_path: Path) -> None:
    settings, file = table(tmp_path, [{"q": "Q", "options": ["a", "b"], "answer": "a"}])
    with pytest.raises(ValueError, match=r"questions\.jsonl has no column 'question'; it has: q, options, answer"):
        datasets.items(settings, [file])


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read \.xlsx"):
        datasets.read_table(tmp_path / "a.xlsx", Columns())
