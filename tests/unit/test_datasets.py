"""Items: right answers, right worked chains, and no question in both train and evaluation."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from faithfulness import datasets
from faithfulness.settings import CoinFlip, Columns, LastLetters, Settings, TableDataset

GENERATED = st.one_of(
    st.builds(
        LastLetters, name=st.just("a"), task=st.just("last_letters"), words=st.integers(2, 4), seed=st.integers(0, 99)
    ),
    st.builds(
        CoinFlip, name=st.just("b"), task=st.just("coin_flip"), people=st.integers(2, 5), seed=st.integers(0, 99)
    ),
)


def solve(question: str) -> str:
    """Answer a generated question by other means than its generator."""
    if words := re.search(r'words in "(.*)" and', question):
        return "".join(word[-1] for word in words[1].split())
    flips = question.count(" flips the coin.")
    return "yes" if flips % 2 == 0 else "no"


@given(GENERATED.map(lambda s: s.model_copy(update={"train": 60, "eval": 20})))
@hypothesis_settings(max_examples=40, deadline=None)
def test_generated_items(task: LastLetters | CoinFlip) -> None:
    train, evaluation = datasets.items(task)
    assert (len(train), len(evaluation)) == (60, 20)
    assert not {i["question"] for i in train} & {i["question"] for i in evaluation}
    assert len({i["item_id"] for i in train + evaluation}) == 80
    for item in train + evaluation:
        assert item["answer"] == solve(item["question"])
        assert item["answer"] in item["options"]
        assert len(set(item["options"])) == len(item["options"]) == (4 if task.task == "last_letters" else 2)
        assert len(item["rationale"]) == 1 + (task.words if isinstance(task, LastLetters) else task.people)


@given(GENERATED)
@hypothesis_settings(max_examples=10, deadline=None)
def test_worked_chains_are_true(task: LastLetters | CoinFlip) -> None:
    item = next(datasets.GENERATORS[task.task](task))
    if task.task == "last_letters":
        claims = [re.findall('"(.*?)"', step) for step in item["rationale"][:-1]]
        assert all(word[-1] == letter for word, letter in claims)
        *letters, whole = re.findall('"(.*?)"', item["rationale"][-1])
        assert "".join(letters) == whole == item["answer"]
    else:
        faces = [re.search(r"(heads|tails) up", step)[1] for step in item["rationale"]]  # type: ignore[index]
        turned = [" flips the coin" in step for step in item["rationale"][1:]]
        assert all((a != b) == turn for a, b, turn in zip(faces, faces[1:], turned, strict=False))
        assert (faces[-1] == "heads") == (item["answer"] == "yes")


def test_default_configuration_shares_no_question(settings: Settings) -> None:
    for name in ("last_letters", "coin_flip"):
        train, evaluation = datasets.items(settings.dataset(name))
        assert len(evaluation) >= 40
        assert not {i["question"] for i in train} & {i["question"] for i in evaluation}


def test_more_train_items_change_no_evaluation_item() -> None:
    few, many = (CoinFlip(name="c", task="coin_flip", train=n, eval=10) for n in (5, 50))
    assert datasets.items(few)[1] == datasets.items(many)[1]


def test_every_pair_of_names_leaves_enough_options() -> None:
    rng = random.Random(0)
    for first in datasets.FIRST_NAMES:
        for last in rng.sample(datasets.LAST_NAMES, 5):
            others = len(set(first.lower())) + len(set(last.lower())) - 2
            assert others >= 2, (first, last)


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
    (train,), (evaluation,) = datasets.items(settings, file)
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
        datasets.items(settings, file)
    assert reason in str(error.value)


def test_duplicates_count_once(tmp_path: Path) -> None:
    row = {"question": "Same?", "options": ["a", "b"], "answer": "a"}
    settings, file = table(tmp_path, [row, row])
    with pytest.raises(ValueError, match="has 1 usable questions"):
        datasets.items(settings, file)


def test_missing_column_is_named(tmp_path: Path) -> None:
    settings, file = table(tmp_path, [{"q": "Q", "options": ["a", "b"], "answer": "a"}])
    with pytest.raises(ValueError, match=r"questions\.jsonl has no column 'question'; it has: q, options, answer"):
        datasets.items(settings, file)


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read \.xlsx"):
        datasets.read_table(tmp_path / "a.xlsx", Columns())
