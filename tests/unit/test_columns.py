"""Columns of tables: options, labels and golds as their authors meant them."""

import json
import logging
import re
import string
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from faithfulness.config.datasets import Columns, TableDataset
from faithfulness.prepare import datasets
from faithfulness.prepare.golds import understand
from faithfulness.prepare.labels import labelled

Raw = dict[str, Any]
NATO = ["alpha", "bravo", "charlie", "delta"]


def items(rows: list[Raw], columns: Raw | None = None) -> tuple[list[Raw], list[str]]:
    """Items of a table with these rows, and why others were refused."""
    (understood,) = understand([[(f"row {i}", row) for i, row in enumerate(rows, 1)]], Columns(**columns or {}))
    return understood.items, [str(one) for one in understood.refused]


def one(row: Raw, columns: Raw | None = None) -> Raw:
    """The item of a table with one row."""
    (found,), refused = items([{"question": "Q?"} | row], columns)
    assert not refused
    return found


def column(answers: list[object], options: object = None, columns: Raw | None = None) -> list[str]:
    """Golds of a table with these answers, and everywhere the same options."""
    rows = [{"question": f"Q{i}?", "options": options or NATO, "answer": a} for i, a in enumerate(answers)]
    found, refused = items(rows, columns)
    assert not refused
    return [item["answer"] for item in found]


@pytest.mark.parametrize(
    ("answers", "golds"),
    [
        ([0, 1, 2, 3], NATO),
        (["0", "3"], ["alpha", "delta"]),
        ([0, 1], ["alpha", "bravo"]),
        ([1, 2, 3, 4], NATO),
        (["1", "2", "3", "4"], NATO),
        ([4, 1], ["delta", "alpha"]),
        (["1.0", "4.0"], ["alpha", "delta"]),  # whole numbers of a table with gaps
        ([[1], [4]], ["alpha", "delta"]),  # as AGIEval writes one right answer
        (["A", "D"], ["alpha", "delta"]),
        (["a", "d"], ["alpha", "delta"]),
        (["(A)", "D.", "b)", "[C]"], ["alpha", "delta", "bravo", "charlie"]),
        (["alpha", "delta"], ["alpha", "delta"]),
        (["Alpha", "DELTA ", "charlie."], ["alpha", "delta", "charlie"]),
        (["A. alpha", "(D) delta", "B: bravo", "C bravo"[:1]], ["alpha", "delta", "bravo", "charlie"]),
        ([["bravo"], ["alpha"]], ["bravo", "alpha"]),
    ],
)
def test_answers_of_a_column(answers: list[object], golds: list[str]) -> None:
    assert column(answers) == golds


def test_places_are_decided_by_the_whole_column(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "faithfulness")
    assert column([1] * 50 + [2] * 50 + [4]) == ["alpha"] * 50 + ["bravo"] * 50 + ["delta"]
    assert "the column 'answer' is read as the option's place, counted from 1" in caplog.text
    assert column([1] * 50 + [2] * 50 + [0]) == ["bravo"] * 50 + ["charlie"] * 50 + ["alpha"]
    assert "counted from 0" in caplog.text
    # Options of different number: the last place is that of each row.
    rows = [{"question": f"{n}?", "options": NATO[:n], "answer": n} for n in (2, 3, 4)]
    assert [item["answer"] for item in items(rows)[0]] == ["bravo", "charlie", "delta"]


def test_places_that_nothing_decides(caplog: pytest.LogCaptureFixture) -> None:
    assert column([1, 2]) == ["bravo", "charlie"]
    assert "nothing shows whether the first option is 0 or 1" in caplog.text
    assert "say which: `answer_is: index` or `answer_is: index_from_1`" in caplog.text
    with pytest.raises(ValueError, match="nothing shows whether the first option is 0 or 1"):
        column([1, 2, 3] * 10)
    assert column([1, 2, 3] * 10, columns={"answer_is": "index_from_1"})[:3] == NATO[:3]
    assert column([1, 2, 3] * 10, columns={"answer_is": "index"})[:3] == NATO[1:]


@given(
    options=st.lists(
        st.lists(st.text(string.ascii_letters + " ", min_size=5).map(str.strip), min_size=2, max_size=6, unique=True)
        .filter(lambda texts: all(len(text) > 4 for text in texts))
        .filter(lambda texts: len({text.casefold() for text in texts}) == len(texts)),
        min_size=2,
        max_size=5,
    ),
    data=st.data(),
)
@hypothesis_settings(max_examples=60)
def test_every_way_to_write_golds_means_the_same(options: list[list[str]], data: st.DataObject) -> None:
    places = [data.draw(st.integers(0, len(texts) - 1)) for texts in options]
    places[0], places[1] = 0, len(options[1]) - 1  # a column that shows where it begins
    letters = string.ascii_uppercase
    lines = ["\n".join(f"{letter}. {text}" for letter, text in zip(letters, texts, strict=False)) for texts in options]
    mappings = [
        [{"label": letter, "text": text} for letter, text in zip(letters, texts, strict=False)] for texts in options
    ]
    golds = [texts[place] for texts, place in zip(options, places, strict=True)]
    for shown in (options, lines, mappings, [dict(zip(letters, texts, strict=False)) for texts in options]):
        for answers in (places, [p + 1 for p in places], [letters[p] for p in places], golds):
            rows = [
                {"question": f"Q{i}?", "options": held, "answer": answer}
                for i, (held, answer) in enumerate(zip(shown, answers, strict=True))
            ]
            found, refused = items(rows)
            assert not refused
            assert [item["answer"] for item in found] == golds
            assert [item["options"] for item in found] == options


@pytest.mark.parametrize(
    "texts",
    [
        ["H. influenzae", "H. pylori", "E. coli", "S. aureus"],
        ["A. baumannii", "E. coli", "S. aureus"],
        ["C. elegans", "D. melanogaster"],
        ["A. shop", "bank"],
        ["A. shop", "B) bank"],
        ["A shop", "B bank"],
        ["1.5", "2.5", "3.5"],
        ["1:30", "2:30"],
        ["1: 2", "2: 3", "3: 4"],
        ["1 : 2", "2 : 3", "3 : 4"],
        ["A - B", "B - A"],
        ["1 - 2", "2 - 3"],
        ["A : B", "B : C"],
        ["A", "B"],
        ["U.S.", "U.K."],
        ["No. 1", "No. 2"],
        ["x. 1", "y. 2"],
        ["- shop", "- bank"],
        ["**shop**", "**bank**"],
        ["-1", "-2"],
        ["1.", "2.", "3."],
        ["A.", "B."],
        ["①", "②"],
        ["I am", "II am"],
    ],
)
def test_what_is_no_label_stays(texts: list[str]) -> None:
    for options in (texts, "\n".join(texts)):
        item = one({"options": options, "answer": texts[1]})
        assert item["options"] == texts
        assert item["answer"] == texts[1]


@pytest.mark.parametrize(
    "marks",
    [
        *("A. |B. |C. ", "A) |B) |C) ", "(A) |(B) |(C) ", "A: |B: |C: ", "[A] |[B] |[C] ", "A ) |B ) |C ) "),
        *("a. |b. |c. ", "(a) |(b) |(c) ", "A)|B)|C)", "A.|B.|C.", "I. |II. |III. ", "i) |ii) |iii) "),
        *("1. |2. |3. ", "1) |2) |3) ", "(1) |(2) |(3) ", "0. |1. |2. ", "①|②|③", "① |② |③ "),
        *("- A. |- B. |- C. ", "* A) |* B) |* C) ", "**A.** |**B.** |**C.** ", "**A**: |**B**: |**C**: "),
        *("Ⅰ. |Ⅱ. |Ⅲ. ", "（A）|（B）|（C）", "А) |Б) |В) ", "A．|B．|C．"),  # noqa: RUF001
        *("A、|B、|C、", "甲、|乙、|丙、", "가. |나. |다. "),
    ],
)
@pytest.mark.parametrize("text", ["x", "5", "E. coli", "two words.", "-3"])
def test_labels_of_every_form(marks: str, text: str) -> None:
    texts = [text, "other", "third one"]
    lines = [mark + words for mark, words in zip(marks.split("|"), texts, strict=True)]
    last = marks.split("|")[2]
    label = re.sub(r"[\W_]", "", last)
    for options in (lines, "\n".join(lines), "\r\n".join(lines), "\n\n" + "\n\n".join(lines) + "\n"):
        for answer in (label, last.lstrip("-* ").strip(), lines[2], texts[2]):
            item = one({"options": options, "answer": answer})
            assert (item["options"], item["answer"]) == (texts, "third one"), answer


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        (".\nA. shelf\nB. keg", ["shelf", "keg"]),
        ("\nA. shelf\nB. keg", ["shelf", "keg"]),
        ("Options:\nA. shelf\nB. keg", ["shelf", "keg"]),
        ("A. one,\ntwo\nB. three", ["one,\ntwo", "three"]),
        ("A. E. coli\nand more\nB. S. aureus", ["E. coli\nand more", "S. aureus"]),
        ("A. shelf\nE. coli\nB. keg", ["shelf\nE. coli", "keg"]),
        ('A. shelf\nB. keg\n"', ["shelf", "keg"]),
        ("shelf\nkeg", ["shelf", "keg"]),
        ("A. shelf\nB. Both:\nI. x\nII. y", ["shelf", "Both:\nI. x\nII. y"]),
    ],
)
def test_labels_of_lines_decide(options: str, texts: list[str]) -> None:
    for answer in ("B", "B. keg", "keg", "b") if "keg" in texts else (texts[1],):
        item = one({"options": options, "answer": answer})
        assert item["options"] == texts
        assert item["answer"] == texts[1]


@pytest.mark.parametrize(
    ("row", "columns", "texts"),
    [
        # CommonsenseQA, ARC and OpenBookQA as their authors publish them, and as the hub does
        ({"question": {"stem": "Q?", "choices": "LIST"}, "answerKey": "B"}, {"question": "question.stem"}, None),
        ({"choices": {"label": ["A", "B"], "text": ["x", "y"]}, "answerKey": "B"}, {}, None),
        ({"choices": {"label": ["1", "2"], "text": ["x", "y"]}, "answerKey": "2"}, {}, None),
        ({"choices": {"text": ["x", "y"]}, "answerKey": "B"}, {}, None),
        ({"choices": "LIST", "answerKey": "B"}, {}, None),
        ({"choices": "LIST", "answerKey": "B"}, {"options": "choices.text", "labels": "choices.label"}, None),
        ({"choices": [{"text": "x"}, {"text": "y"}], "answerKey": "y"}, {}, None),
        ({"choices": [{"id": 7, "value": "x"}, {"id": 9, "value": "y"}], "answerKey": 9},
         {"options": "choices.value", "labels": "choices.id"}, None),
        ({"choices": [{"text": "x", "right": False}, {"text": "y", "right": True}]},
         {"answer": "choices.right", "answer_is": "flags"}, None),
        ({"choices": {"B": "y", "A": "x"}, "answerKey": "B"}, {}, ["y", "x"]),
        ({"choices": {"A": "x", "B": "y", "C": None}, "answerKey": "B"}, {}, None),
        ({"choices": {"A": "x", "1": None, "B": "y", "2": None}, "answerKey": "B"}, {}, None),
        ({"choices": ["x", "y", None, None], "answerKey": "B"}, {}, None),
        ({"choices": ["x", "y", "", ""], "answerKey": "B"}, {}, None),
        ({"choices": {"A": "x", "B": "y", "C": "", "D": " "}, "answerKey": "B"}, {}, None),
        ({"choices": {"label": ["A", "B", "C"], "text": ["x", "y", None]}, "answerKey": "B"}, {}, None),
        ({"choices": [*({"label": k, "text": t} for k, t in ("Ax", "By")), {"label": "C", "text": None}],
          "answerKey": "B"}, {}, None),
        ({"choices": ["x", "y", None], "names": ["P", "Q", "R"], "answerKey": "Q"}, {"labels": "names"}, None),
        ({"choices": {"label": ["A", "B", None], "text": ["x", "y", None]}, "answerKey": "B"}, {}, None),
        ({"choices": [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}, None], "answerKey": "B"}, {}, None),
        ({"a": "x", "b": "y", "c": None, "d": ""}, {"options": ["a", "b", "c", "d"], "answer": "b"}, None),
        ({"a": "x", "b": "y", "answerKey": 1}, {"options": ["a", "b", "c"], "answer_is": "index"}, None),
        ({"choices": ["x", "y"], "answerKey": [0, 1]}, {}, None),
        ({"choices": ["x", "y"], "answerKey": [False, True]}, {}, None),
        ({"choices": ["x", "y", None], "answerKey": [0, 1, None]}, {"answer_is": "flags"}, None),
        ({"choices": {"A": "x", "B": "y"}, "answerKey": {"A": 0, "B": 1}}, {"answer_is": "flags"}, None),
    ],
)  # fmt: skip
def test_published_forms(row: Raw, columns: Raw, texts: list[str] | None) -> None:
    entries = [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}]
    nested = isinstance(row.get("question"), dict)
    row = json.loads(json.dumps(row).replace('"LIST"', json.dumps(entries)))
    defaults = {"options": "question.choices" if nested else "choices", "answer": "answerKey"}
    item = one(row, defaults | columns)
    assert item["question"] == "Q?"
    assert item["options"] == (texts or ["x", "y"])
    assert item["answer"] == "y"


def test_labels_or_labels_with_texts_may_be_said_to_be_meant() -> None:
    for answers in (["B", "A"], ["B. y", "(A) x"], ["b", "a."]):
        rows = [{"question": f"Q{a}?", "options": ["x", "y"], "answer": a} for a in answers]
        assert [item["answer"] for item in items(rows, {"answer_is": "label"})[0]] == ["y", "x"]
    _, refused = items([{"question": "Q?", "options": ["x", "y"], "answer": "x"}], {"answer_is": "label"})
    assert refused


@pytest.mark.parametrize("line", ["A. x", "x", "1. x", "E. coli"])
def test_long_texts_take_linear_time(line: str) -> None:
    start = time.process_time()
    items([{"question": "Q?", "options": "\n".join([line] * 20_000), "answer": "A"}])
    assert time.process_time() - start < 20


def test_labels_of_rows_decide_before_places() -> None:
    texts = {"label": ["1", "2", "3"], "text": ["x", "y", "z"]}
    found, _ = items([{"question": f"Q{i}?", "options": texts, "answer": str(i)} for i in (1, 2)])
    assert [item["answer"] for item in found] == ["x", "y"]
    # ... but places that begin with 0 are no labels that begin with 1
    found, _ = items([{"question": f"Q{i}?", "options": texts, "answer": i} for i in (0, 1, 2)])
    assert [item["answer"] for item in found] == ["x", "y", "z"]
    # Texts that look like labels: the column as a whole shows what is meant.
    groups = {"label": ["A", "B", "C", "D"], "text": ["AB", "O", "A", "B"]}
    found, _ = items([{"question": f"{a}?", "options": groups, "answer": a} for a in ("AB", "O", "A", "B")])
    assert [item["answer"] for item in found] == ["AB", "O", "A", "B"]
    found, _ = items([{"question": f"{a}?", "options": groups, "answer": a} for a in "ABCD"])
    assert [item["answer"] for item in found] == ["AB", "O", "A", "B"]


@pytest.mark.parametrize(
    ("options", "answer", "gold"),
    [
        (["C", "C++", "C#"], "C#", "C#"),
        (["x < 5", "x > 5"], "x > 5", "x > 5"),
        (["Na", "Na+"], "Na", "Na"),
        (["12", "1/2"], "1/2", "1/2"),
        (["010", "10"], "10", "10"),
        (["1.0", "2.0"], "2", "2.0"),
        (["None", "all"], "None", "None"),
        (["NA", "Na"], "Na", "Na"),
        ([True, False], False, "False"),
        ([1.5, 2.5], 2.5, "2.5"),
        (["sail boat?", "row boat"], "A. sail boat", "sail boat?"),
    ],
)
def test_texts_are_compared_as_far_as_they_differ(options: list[object], answer: object, gold: str) -> None:
    assert one({"options": options, "answer": answer}, {"answer_is": "text"})["answer"] == gold


ROW = {"options": ["x", "y", "z"], "answer": "x"}


@pytest.mark.parametrize(
    ("row", "columns", "reason"),
    [
        ({"options": ["x", None, "z"]}, {}, "an option is empty"),
        ({"options": ["x", "", "z"]}, {}, "an option is empty"),
        ({"options": ["x", "y", "x"]}, {}, "an option stands twice"),
        ({"options": None}, {}, "needs at least two different options"),
        ({"options": []}, {}, "needs at least two different options"),
        ({"options": "A. x"}, {}, "holds one option; put each option on a line of its own"),
        ({"options": "['x', 'y']"}, {}, "'options' holds a list printed as text"),
        ({"options": "['x' 'y' 'z']"}, {}, "'options' holds a list printed as text"),
        ({"options": "['x' 'y'\n 'z']"}, {}, "'options' holds a list printed as text"),
        ({"options": '["x", "y"]'}, {}, "'options' holds a list printed as text"),
        ({"options": "[1 2 3]"}, {}, "'options' holds a list printed as text"),
        ({"options": "array(['x', 'y'], dtype=object)"}, {}, "'options' holds a list printed as text"),
        ({"options": "{'text': array(['x', 'y'], dtype=object)}"}, {}, "'options' holds a list printed as text"),
        ({"options": "{'A': 'x', 'B': 'y'}"}, {}, "'options' holds a list printed as text"),
        ({"options": "[{'label': 'A', 'text': 'x'}]"}, {}, "'options' holds a list printed as text"),
        ({"options": "('x', 'y')"}, {}, "'options' holds a list printed as text"),
        ({"options": [["x", "y"], ["z"]]}, {}, "the column 'options' holds a list, not one value"),
        ({"options": [{"k": "A", "v": "x"}, {"k": "B", "v": "y"}]}, {}, "name the one that is the text, as options.k"),
        ({"options": {"choices": ["x", "y"]}}, {}, "the column 'options.choices' holds a list, not one value"),
        ({"options": {"text": ["x", "y"], "label": ["A"]}}, {}, "the labels are not one for each option"),
        ({"options": ["B. x", "A. y"], "answer": "A"}, {}, "the answer 'A' is none of the options"),
        ({"options": "B. x\nA. y", "answer": "A"}, {}, "the answer 'A' is none of the options"),
        ({"options": ["A. x", "C. y"], "answer": "B"}, {}, "the answer 'B' is none of the options"),
        ({"options": "A. x\nB. y\nD. z", "answer": "C"}, {}, "the labels of the options are not in order"),
        ({"options": "A. x\nB. y\nB. z", "answer": "B"}, {}, "the labels of the options are not in order"),
        ({"options": "C. x\nD. y\nE. z", "answer": "D. y"}, {}, "the labels of the options do not begin with"),
        ({"options": ["C. x", "D. y", "E. z"], "answer": "D"}, {}, "the labels of the options do not begin with"),
        ({"options": "Where is it?\nA. x\nB. y", "answer": "A"}, {}, "text stands before the first label"),
        ({"options": "A. x\nB. y", "answer": "A. y"}, {}, "the answer 'A. y' is none of the options"),
        ({"answer": ["x", "y"]}, {}, "the column 'answer' names several right answers, not one: x, y"),
        ({"answer": [1, 1, 0]}, {}, "the answer flags 2 options, not one"),
        ({"answer": [0, 0, 0]}, {}, "the answer flags 0 options, not one"),
        ({"answer": [0, 1]}, {"answer_is": "flags"}, "is not one flag (0 or 1) for each option"),
        ({"answer": [0, 2, 0]}, {"answer_is": "flags"}, "is not one flag (0 or 1) for each option"),
        ({"answer": "[0 1 0]"}, {"answer_is": "flags"}, "holds no list of flags"),
        ({"answer": "['x']"}, {}, "the column 'answer' holds a list printed as text"),
        ({"answer": {"text": "x"}}, {}, "holds a mapping, with entries text; name one of them, as answer.text"),
        ({"answer": None}, {}, "the answer is empty"),
        ({"answer": []}, {}, "the answer is empty"),
        ({"answer": "①"}, {}, "the answer '①' is none of the options"),
        ({"answer": "²"}, {}, "the answer '²' is none of the options"),
        ({"answer": "٣"}, {}, "the answer '٣' is none of the options"),
        ({"answer": "-1"}, {}, "the answer '-1' is none of the options"),
        ({"answer": "9" * 5000}, {}, "is none of the options"),
        ({"answer": "3"}, {"answer_is": "index"}, "the answer '3' is none of the options"),
        ({"answer": "0"}, {"answer_is": "index_from_1"}, "the answer '0' is none of the options"),
        ({"question": {"stem": "Q?"}}, {}, "'question' holds a mapping, with entries stem; name one"),
        ({"question": ["Q?"]}, {}, "the column 'question' holds a list, not one value"),
        ({"question": None}, {}, "the question is empty"),
        ({"chain": "['one', 'two']"}, {"rationale": "chain"}, "the column 'chain' holds a list printed as text"),
        ({"chain": [{"step": "one"}]}, {"rationale": "chain"}, "the column 'chain' holds a mapping, with entries step"),
    ],
)  # fmt: skip
def test_refused_by_name(row: Raw, columns: Raw, reason: str) -> None:
    usable, (found,) = items([{"question": "Q?"} | ROW | row], columns)
    assert not usable
    assert reason in found


@pytest.mark.parametrize(
    ("answer", "gold", "answers"),
    [
        (["six", "6"], "six", ["six", "6"]),
        (["six"], "six", None),
        (["six", None, "", "six"], "six", None),
        ([6, 7.5], "6", ["6", "7.5"]),
        ("six", "six", None),
        ("[0, 1]", "[0, 1]", None),
        ("((a + b) c)", "((a + b) c)", None),
        ("[[1, 2], [3, 4]]", "[[1, 2], [3, 4]]", None),
        (True, "True", None),
        ("010", "010", None),
    ],
)
def test_right_answers_of_open_questions(answer: object, gold: str, answers: list[str] | None) -> None:
    item = one({"answer": answer}, {"options": None})
    assert (item["answer"], item["answers"]) == (gold, answers)


def test_several_answers_each_stated_in_a_text() -> None:
    item = one({"answer": ["So #### 6", "Thus #### six"]}, {"options": None, "answer_pattern": r"#### (\w+)"})
    assert item["answers"] == ["6", "six"]
    assert one({"answers": [{"text": "a"}, {"text": "b"}]}, {"options": None, "answer": "answers.text"})["answers"]


@pytest.mark.parametrize(
    ("chain", "steps"),
    [
        (None, None),
        ("", None),
        ("nan", None),
        ("None", None),
        ("One.\n\n Two. ", ["One.", "Two."]),
        ("One.\r\nTwo.", ["One.", "Two."]),
        ("One\u2028still one.\nTwo.", ["One\u2028still one.", "Two."]),
        (["One.", " Two. ", "", None], ["One.", "Two."]),
        (["One,\nin lines.", "Two."], ["One,\nin lines.", "Two."]),
        ([], None),
        ([None], None),
        ("[1, 2] is sorted.", ["[1, 2] is sorted."]),
        (["<<1+1=2>>Two.", "#### 2"], ["Two."]),
    ],
)
def test_worked_chains(chain: object, steps: list[str] | None) -> None:
    columns = {"rationale": "chain", "leave_out": ["<<[^>]*>>", "####.*"]}
    assert one(ROW | {"chain": chain}, columns)["rationale"] == steps


def test_a_row_without_its_worked_chain_has_none() -> None:
    found, refused = items(
        [{"question": "1?", **ROW, "chain": "One."}, {"question": "2?", **ROW}], {"rationale": "chain"}
    )
    assert [item["rationale"] for item in found] == [["One."], None]
    assert not refused


@given(st.lists(st.text(max_size=12), min_size=2, max_size=5), st.text(max_size=12))
@hypothesis_settings(max_examples=200)
def test_any_texts_are_read_or_refused(texts: list[str], answer: str) -> None:
    for options in (texts, "\n".join(texts)):
        found, refused = items([{"question": "Q?", "options": options, "answer": answer}])
        assert len(found) + len(refused) == 1
        for item in found:
            assert item["answer"] in item["options"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=2, max_size=5))
def test_only_labels_are_taken_off(texts: list[str]) -> None:
    try:
        options = labelled(texts)
    except ValueError:
        return
    assert options.texts == texts or options.own
    assert (
        all(text.endswith(left) for text, left in zip(map(str.strip, texts), options.texts, strict=True))
        or not options.own
    )


def table(tmp_path: Path, rows: list[Raw], **settings: Any) -> tuple[TableDataset, Path]:
    file = tmp_path / "q.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    return TableDataset(
        name="t", task="table", source={"uri": f"path:{file}"}, **({"train": 0, "eval": 5} | settings)
    ), file  # type: ignore[arg-type]


def numbered(answers: list[object]) -> list[Raw]:
    return [{"question": f"Q{i}?", "options": NATO, "answer": answer} for i, answer in enumerate(answers)]


def test_too_many_refused_rows_are_an_error(tmp_path: Path) -> None:
    rows = numbered(["alpha", "bravo"] * 49 + ["none", ""])
    settings, file = table(tmp_path, rows)
    with pytest.raises(ValueError, match=r"2 of 100 rows are refused, a larger share than max_refused: 0\.01") as error:
        datasets.items(settings, [file])
    assert "1 because the answer is none of the options; 1 because the answer is empty" in str(error.value)
    assert "raise max_refused" in str(error.value)
    prepared = datasets.prepare(settings.model_copy(update={"max_refused": 0.02}), [file])
    assert [(row["rows"], row["left_out"], row["reason"]) for row in prepared.left_out] == [
        (100, 1, "the answer is none of the options"),
        (100, 1, "the answer is empty"),
    ]
    assert prepared.left_out[1]["example"] == "q.jsonl, row 100: the answer is empty"
    settings, file = table(tmp_path, rows[:-1])
    assert datasets.prepare(settings.model_copy(update={"max_refused": 0.0102}), [file]).left_out


def test_train_tables_are_counted_too(tmp_path: Path) -> None:
    settings, file = table(tmp_path, numbered(["alpha"] * 9), train=5)
    more = tmp_path / "more.jsonl"
    more.write_text(
        "\n".join(
            json.dumps(row | {"question": f"{row['question']} Or not?"}) for row in numbered(["bravo"] * 9 + ["no"])
        )
    )
    with pytest.raises(ValueError, match="1 of 10 rows are refused"):
        datasets.prepare(settings, [file], [more])
    (row,) = datasets.prepare(settings.model_copy(update={"max_refused": 0.1}), [file], [more]).left_out
    assert row["table"] == "train"


@pytest.mark.parametrize(
    ("answers", "columns", "lost"),
    [
        (["A", "B"] * 200 + ["E"], {}, "'E'"),
        ([1, 2] * 200 + [4], {"answer_is": "index"}, "'4'"),
        ([1, 2] * 200 + [0], {"answer_is": "index_from_1"}, "'0'"),
    ],
)
def test_no_option_is_lost(tmp_path: Path, answers: list[object], columns: Raw, lost: str) -> None:
    settings, file = table(tmp_path, numbered(answers), columns=columns)
    with pytest.raises(ValueError, match=f"all rows with the answer {lost} are refused"):
        datasets.items(settings, [file])


def test_one_refused_row_of_many_is_none_lost(tmp_path: Path) -> None:
    rows = [*numbered(["A", "B", "D"] * 100), {"question": "?", "options": ["x", "x", "y"], "answer": "A"}]
    settings, file = table(tmp_path, rows)
    assert len(datasets.prepare(settings, [file]).left_out) == 1
    rows = [*numbered(["alpha", "bravo"] * 100), {"question": "?", "options": ["5", "5", "7"], "answer": "5"}]
    settings, file = table(tmp_path, rows)
    assert len(datasets.prepare(settings, [file]).left_out) == 1


def test_several_files_are_decided_together(tmp_path: Path) -> None:
    settings, file = table(tmp_path, numbered([1, 2, 3]), eval=4)
    (tmp_path / "r.jsonl").write_text(json.dumps({"question": "R?", "options": NATO, "answer": 4}))
    _, evaluation = datasets.items(settings, [file, tmp_path / "r.jsonl"])
    assert {item["question"]: item["answer"] for item in evaluation} == {
        "Q0?": "alpha",
        "Q1?": "bravo",
        "Q2?": "charlie",
        "R?": "delta",
    }


def test_csv_with_options_of_different_number(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("question,a,b,c,answer\nQ1?,010,10,,A\nQ2?,1.10,1.1,007,C\n")
    found, refused = datasets.read_table(tmp_path / "q.csv", Columns(options=["a", "b", "c"]))
    assert not refused
    assert [item["options"] for item in found] == [["010", "10"], ["1.10", "1.1", "007"]]
    assert [item["answer"] for item in found] == ["010", "007"]


@pytest.mark.parametrize("sign", [" ", "\t", "  ", " - ", " \u2013 ", " | ", " = "])
def test_labels_without_a_sign(sign: str) -> None:
    """Three or more in order, of one form; two may be chance, and so may texts that are the same without them."""
    written = [f"{letter}{sign}{text}" for letter, text in zip("ABCD", NATO, strict=True)]
    for options in (written, "\n".join(written)):
        found = one({"options": options, "answer": "B"})
        assert (found["options"], found["answer"]) == (NATO, "bravo")
    assert one({"options": written[:2], "answer": written[1]})["options"] == written[:2]
    assert one({"options": written[1:], "answer": written[1]})["options"] == written[1:]


@pytest.mark.parametrize(
    "texts",
    [
        ["A major", "B major", "C major"],
        ["A flat", "B flat", "C sharp"],
        ["A dog barks", "A cat sleeps", "A bird sings"],
        ["A dog", "B - movie", "C section"],
    ],
)
def test_letters_that_are_no_labels(texts: list[str]) -> None:
    assert one({"options": texts, "answer": texts[1]})["options"] == texts


@pytest.mark.parametrize("text", ["a ) 21 , b ) 21.5 , c ) 22", "x | y | z", "yes, no", "(A) x (B) y"])
def test_options_in_one_line(text: str) -> None:
    _, (reason,) = items([{"question": "Q?", "options": text, "answer": "a"}])
    assert "holds one option; put each option on a line of its own" in reason
