"""Conflict chains that a writer writes: what it is given, what is accepted, and how many of them there are."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from faithfulness import prompts
from faithfulness.backends.protocol import Completion, Decoding, Prompt
from faithfulness.chains import steps
from faithfulness.compare.conflicts import REASONS, REPAIRED, acceptance
from faithfulness.perturb import conflict_written
from faithfulness.perturb.conflict_written import arguments, judged, mistakes, write
from faithfulness.perturb.mistake import Mistake
from faithfulness.prompts import Message, Prompts, render
from faithfulness.tables.generation import Probes
from faithfulness.tables.io import frame
from faithfulness.tables.journal import Journal
from faithfulness.tables.statistics import Conflicts

PERTURB = Path(conflict_written.__file__).parent
ITEM = {
    "item_id": "i",
    "question": "What is 3 + 4?",
    "options": ["7", "8", "9"],
    "answer": "7",
    "answers": None,
    "show_options": True,
    "letters": False,
}
TEXT = " Three and four are added. 3 + 4 = 7. So it is 7."


def chain_row(text: str = TEXT) -> dict[str, Any]:
    spans = steps.split(text)
    ends = [end for _, end in spans]
    return {
        **{"item_id": "i", "sample": 0, "seed": 0, "prompt": "P", "prompt_ids": [1], "tokenizer_hash": "h"},
        "steps": [text[slice(*span)] for span in spans],
        "conclusion": "",
        "chain_ids": list(text.encode()),
        "step_offsets": [list(span) for span in pairwise([0, *ends])],
    }


def encode(text: str) -> list[int]:
    return list(text.encode())


def wrong(step: str) -> Mistake | None:
    return Mistake(step.replace("= 7", "= 8"), "number") if "=" in step else None


class Scripted:
    """A writer who writes the given text."""

    tokenizer, tokenizer_hash = None, "h"

    def __init__(self, text: str) -> None:
        self.text, self.asked = text, []  # type: ignore[var-annotated]

    def render(self, messages: Sequence[Message], wording: Prompts) -> str:
        return render(None, messages, wording)

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        self.asked += prompts
        ids = encode(self.text)
        ends = list(range(1, len(ids) + 1))
        return [Completion(self.text, "stop", ids=ids, token_ends=ends) for _ in prompts]

    def score(self, probes: Any, propose: Any = None) -> Any:
        raise AssertionError("a writer scores nothing")


def written(text: str, starts: list[dict[str, Any]], wording: Prompts, folder: Path) -> tuple[dict[str, Any], Scripted]:
    writer = Scripted(text)
    journal = Journal(folder, ("k",), "test", 4)
    (row,) = write(writer, starts, wording, Decoding(50), 0, journal)  # type: ignore[arg-type]
    assert write(Scripted("another"), starts, wording, Decoding(50), 0, journal) == [row]  # type: ignore[arg-type]
    return row, writer


@pytest.mark.parametrize(
    ("more", "accepted", "target", "rule"),
    [
        (" So it is 8.", True, "8", "writer"),
        (" That makes 9 in all.\nAnswer: 9", True, "9", "writer"),
        (" No, it is 7.", False, None, "repaired"),
        (" Who knows?", False, None, "not_concluding"),
        (" So it is 8.\nAnswer: 9", False, None, "not_concluding"),  # both are stated
        ("\nAnswer: 8", True, "8", "writer"),
        ("\nAnswer: 7", False, None, "repaired"),
    ],
)
def test_a_writer_continues_from_a_mistake(
    more: str, accepted: bool, target: str | None, rule: str, wording: Prompts, tmp_path: Path
) -> None:
    chain = chain_row()
    starts = mistakes(chain, ITEM, wrong, 1, 0, encode)
    before = "".join(chain["steps"][:1]) + " 3 + 4 = 8."
    row, writer = written(more, starts, wording, tmp_path)
    assert [(request.text, request.ids) for request in writer.asked] == [(f"P{before}", [1, *encode(before)])]
    made = judged(chain, ITEM, row)
    assert (made["accepted"], made["target"], made["rule"], made["cut"]) == (accepted, target, rule, 1)
    assert made["variant"] == "continue"
    if accepted:
        assert made["text"] == before + more.partition("\n")[0]
        assert bytes(made["chain_ids"]).decode() == made["text"]
    frame([made], Probes)


def test_a_mistake_that_leads_to_the_right_answer_is_no_conflict(wording: Prompts, tmp_path: Path) -> None:
    chain = chain_row(TEXT.replace("7", "9"))
    starts = mistakes(chain, ITEM, lambda step: Mistake(" Wrong.", "r"), 1, 0, encode)
    row, _ = written(" So it is 7.", starts, wording, tmp_path)
    assert judged(chain, ITEM, row)["rule"] == "gold"


def test_steps_of_several_mistakes_differ_and_missing_ones_are_counted() -> None:
    chain = chain_row()
    rows = mistakes(chain, ITEM, lambda step: Mistake(f" No:{step}", "r"), 5, 0, encode)
    assert [row["cut"] for row in rows] == [1, 2, 3, 4, 5]
    assert len({row["text"] for row in rows[:3]}) == 3
    assert [row.get("rule") for row in rows] == [None, None, None, "no_mistake", "no_mistake"]
    (row,) = mistakes(chain_row(" Hm."), ITEM, wrong, 1, 0, encode)
    assert (row["rule"], row["accepted"]) == ("not_concluding", False)


@pytest.mark.parametrize(
    ("text", "accepted", "rule"),
    [
        (" One and seven are {target}, so it is {target}.", True, "writer"),
        (" It is 7.", False, "gold"),
        (" Nobody knows.", False, "not_concluding"),
    ],
)
def test_a_writer_argues_for_another_option(
    text: str, accepted: bool, rule: str, wording: Prompts, tmp_path: Path
) -> None:
    chain = chain_row()
    (start,) = arguments(chain, ITEM, 1, 0, wording, Scripted("").render)
    target = start["target"]
    assert target in ("8", "9")
    row, writer = written(text.format(target=target), [start], wording, tmp_path)
    asked = writer.asked[0]
    assert f'Explain step by step why the answer is "{target}".' in asked.text
    assert ITEM["question"] in asked.text
    assert asked.text.endswith(wording.chain_prefill)
    assert asked.ids is None
    made = judged(chain, ITEM, row)
    assert (made["accepted"], made["rule"], made["variant"]) == (accepted, rule, "argue")
    assert made["target"] == (target if accepted else None)
    if accepted:
        assert bytes(made["chain_ids"]).decode() == made["text"] == text.format(target=target)


def test_another_option_than_the_one_that_was_asked_for_is_refused() -> None:
    keys = {"item_id": "i", "sample": 0, "variant": "argue", "cut": 1, "target": "8", "chain_ids": None}
    made = judged(chain_row(), ITEM, keys | {"text": " 9.", "steps": [" It is 9."], "conclusion": ""})
    assert (made["accepted"], made["rule"]) == (False, "other_answer")


def test_an_argument_that_ends_like_the_writer_s_own_chain_is_not_repaired() -> None:
    keys = {"item_id": "i", "sample": 0, "variant": "argue", "cut": 1, "target": "8", "chain_ids": None}
    written_row = keys | {"text": " 9.", "steps": [" It is 9."], "conclusion": ""}
    made = judged(chain_row(TEXT.replace("7", "9")), ITEM, written_row)
    assert (made["accepted"], made["rule"]) == (False, "other_answer")


@pytest.mark.parametrize(
    ("gold", "answers", "ends", "target", "rule"),
    [
        ("$1,200", None, "$1,200", None, "gold"),
        ("$1,200", None, "$1,300", "$1,300", "writer"),
        ("18", ["18", "20"], "20", None, "gold"),
        ("18", ["18", "20"], "1,000", "1,000", "writer"),
        ("18", ["18", "20"], "1000.0", None, "repaired"),
    ],
)
def test_open_answers_are_compared_as_answers(
    gold: str, answers: list[str] | None, ends: str, target: str | None, rule: str
) -> None:
    item = ITEM | {"options": None, "answer": gold, "answers": answers}
    own = chain_row(" It is 4 * 4 = 16.") | {"conclusion": " The answer is 1000." if rule == "repaired" else ""}
    keys = {"item_id": "i", "sample": 0, "variant": "continue", "cut": 1, "target": None, "chain_ids": None}
    text = f" So it is {ends}."
    made = judged(own, item, keys | {"text": text, "steps": [text], "conclusion": f" The answer is {ends}."})
    assert (made["accepted"], made["target"], made["rule"]) == (target is not None, target, rule)


def test_each_option_is_argued_for_once(wording: Prompts) -> None:
    rows = arguments(chain_row(), ITEM, 3, 0, wording, Scripted("").render)
    assert {row["target"] for row in rows[:2]} == {"8", "9"}
    assert rows[2]["rule"] == "no_target"
    (row,) = arguments(chain_row(), ITEM | {"options": None}, 1, 0, wording, Scripted("").render)
    assert row["rule"] == "no_target"


def test_the_prompt_names_an_option_as_the_question_does(wording: Prompts) -> None:
    prompt = prompts.argument_prompt(ITEM | {"letters": True}, "8", wording, Scripted("").render)
    assert 'why the answer is "B"' in prompt
    assert "(B) 8" in prompt


def test_a_start_is_written_once_however_many_there_are(wording: Prompts, tmp_path: Path) -> None:
    starts = [
        *mistakes(chain_row(), ITEM, wrong, 1, 0, encode),
        *arguments(chain_row(), ITEM, 2, 0, wording, render_plain),
    ]
    writer = Scripted(" It is 9.")
    rows = write(writer, starts, wording, Decoding(50), 0, Journal(tmp_path, ("k",), "test", 4))  # type: ignore[arg-type]
    assert [(row["variant"], row["cut"]) for row in rows] == [("continue", 1), ("argue", 1), ("argue", 2)]
    assert len({request.seed for request in writer.asked}) == 3
    assert conflict_written.write(writer, [], wording, Decoding(50), 0, Journal(tmp_path, ("k",), "test", 4)) == []  # type: ignore[arg-type]


def render_plain(messages: Sequence[Message], wording: Prompts) -> str:
    return render(None, messages, wording)


def test_acceptance_by_arm_and_kind() -> None:
    rows = [
        ("base", "carry", "number", True),
        ("base", "carry", "no_fact", False),
        ("base", "continue", "repaired", False),
        ("x-1", "carry", "no_fact", False),
        ("x-2", "carry", "no_fact", False),
        ("x-2", "carry", "algebra", False),
    ]
    probes = pd.DataFrame(rows, columns=["writer", "variant", "rule", "accepted"])
    readouts = pd.DataFrame(
        [
            ("base", "base", "conflict", "carry", 2.0, 1.0),
            ("base", "x-1", "conflict", "carry", 3.0, 1.5),
            ("base", "x-2", "conflict", "carry", 4.0, 1.5),
            ("base", "x-placebo-1", "conflict", "carry", 9.0, 9.0),
            ("x-1", "x-1", "early_termination", "whole", 1.0, 1.0),
        ],
        columns=["writer", "reader", "perturbation", "variant", "chain_nats", "original_nats"],
    )
    found = acceptance(probes, {"x-1": "x", "x-2": "x"}, readouts)
    carry = {"chains": 2, "accepted": 1, "repaired": 0, "refused": 1, "reasons": "1 no fact that can be changed"}
    repaired = {"chains": 1, "accepted": 0, "repaired": 1, "refused": 0, "reasons": ""}
    of_x = {"chains": 3, "accepted": 0, "repaired": 0, "refused": 3}
    of_x |= {"reasons": "2 no fact that can be changed; 1 letters stand for numbers"}
    none = {"chain_nats": None, "original_nats": None}
    expected = [
        {"arm": "base", "variant": "carry", "reader": "base"} | carry | {"chain_nats": 2.0, "original_nats": 1.0},
        {"arm": "base", "variant": "carry", "reader": "x"} | carry | {"chain_nats": 3.5, "original_nats": 1.5},
        {"arm": "base", "variant": "continue", "reader": "base"} | repaired | none,
        {"arm": "base", "variant": "continue", "reader": "x"} | repaired | none,
        {"arm": "x", "variant": "carry", "reader": "x"} | of_x | none,
    ]
    table = frame(found.assign(model="m", dataset="d"), Conflicts)
    assert table.equals(frame([row | {"model": "m", "dataset": "d"} for row in expected], Conflicts))
    assert len(frame(acceptance(probes.iloc[:0], {}, readouts).assign(model="m", dataset="d"), Conflicts)) == 0


def test_every_reason_has_words() -> None:
    """What the modules return in place of a chain is in the table of reasons."""
    returned = re.compile(r'(?:return|reason =|else|, number,) "(\w+)"')
    files = [*PERTURB.glob("carry*.py"), *PERTURB.glob("conflict*.py")]
    codes = {code for file in files for code in returned.findall(file.read_text())}
    assert len(codes) > 10
    assert codes - {REPAIRED, "heads", "tails"} <= set(REASONS)
