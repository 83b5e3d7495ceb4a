"""What a writer wrote becomes a chain, its steps and its conclusion."""

import copy
import re
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faithfulness import prompts
from faithfulness.backends.detokenise import detokenise
from faithfulness.backends.protocol import Completion, Decoding, Prompt
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.chains import steps
from faithfulness.chains.write import continue_chains, parse_chain, write_chains
from faithfulness.perturb.mistake import corrupt, mistaken_probes
from faithfulness.prompts import Prompts
from faithfulness.tables.generation import Chains, Items
from faithfulness.tables.io import frame, records
from faithfulness.tables.journal import Journal

TEXT = ' The last letter of "Elon" is "n". The last letter of "Musk" is "k".\nAnswer: nk'


def completion(text: str, size: int = 1, reason: str = "stop") -> Completion:
    """Tokens of `size` characters each."""
    ends = [min(i, len(text)) for i in range(size, len(text) + size, size)]
    return Completion(text, reason, [1], list(range(len(ends))), ends)


def test_by_hand(wording: Prompts) -> None:
    row = parse_chain(completion(TEXT), wording)
    assert row["steps"] == [' The last letter of "Elon" is "n".', ' The last letter of "Musk" is "k".']
    assert row["conclusion"] == "\nAnswer: nk"
    assert row["chain_text"] + row["conclusion"] == TEXT
    assert row["step_spans"] == [(0, 34), (34, 68)] == row["step_offsets"]
    assert len(row["chain_ids"]) == 68


@pytest.mark.parametrize(
    ("text", "conclusion", "forms", "states"),
    [
        (" We add.\n\n**Answer:** 7", "\n\n**Answer:** 7", ["label"], [False]),
        (" We add.\nSo she has 3 + 4 = \\boxed{7}.", "", [], [False, True]),
        (" The answer is 7. Let's verify: 3 + 4 = 7.\n#### 7", "\n#### 7", ["hashes"], [True, False]),
        (" We add 4 to 3 = 7. So she has 7 apples.", " So she has 7 apples.", ["restated"], [False]),
        (" We add 4 to 3. So she has 7 apples.", "", [], [False, True]),
        (" So we add. It is 7.", "", [], [False, False]),
    ],
)
def test_what_states_the_answer(
    wording: Prompts, text: str, conclusion: str, forms: list[str], states: list[bool]
) -> None:
    for row in (parse_chain(completion(text), wording), parse_chain(Completion(text, "stop"), wording)):
        assert (row["conclusion"], row["conclusion_forms"], row["states_answer"]) == (conclusion, forms, states)


def test_a_chain_that_was_cut_off_does_not_close(wording: Prompts) -> None:
    assert parse_chain(completion(" We add. So she has 7", reason="length"), wording)["states_answer"] == [False, False]


@given(st.text(alphabet="ab .\n", max_size=60), st.integers(1, 7))
def test_steps_are_spans_of_text_and_of_tokens(text: str, size: int) -> None:
    wording = prompts.load(Path(__file__).parents[2] / "config/prompts/default.yaml")
    written = completion(text, size)
    row = parse_chain(written, wording)
    assert "".join(row["steps"]) == row["chain_text"]
    assert text.startswith(row["chain_text"])
    assert row["chain_ids"] == written.ids[: len(row["chain_ids"])]  # type: ignore[index]
    assert (row["step_offsets"], row["step_spans"]) == steps.token_spans(
        steps.split(row["chain_text"]),
        written.token_ends[: len(row["chain_ids"])],  # type: ignore[index]
    )
    for (start, end), step in zip(row["step_offsets"], row["steps"], strict=True):
        assert (written.token_ends[end - 1] - (written.token_ends[start - 1] if start else 0)) == len(step)  # type: ignore[index]


@pytest.mark.parametrize("text", ["", "   ", "...", "\nAnswer: yes"])
def test_chain_without_a_step(wording: Prompts, text: str) -> None:
    row = parse_chain(completion(text), wording)
    assert row["steps"] == [] == row["step_spans"]


def test_truncation(wording: Prompts) -> None:
    assert parse_chain(completion(" One. Two", reason="length"), wording)["finish_reason"] == "length"
    assert parse_chain(completion(" One.\nAnswer: 1\nQuestion", reason="length"), wording)["finish_reason"] == "stop"
    cut_off = parse_chain(completion(" One. So the answer is", reason="length"), wording)
    assert (cut_off["conclusion"], cut_off["finish_reason"]) == (" So the answer is", "length")


def test_server_without_ids(wording: Prompts) -> None:
    row = parse_chain(Completion(TEXT, "stop"), wording)
    assert row["steps"] == parse_chain(completion(TEXT), wording)["steps"]
    assert row["chain_ids"] is None is row["step_offsets"]


def items(count: int) -> list[dict[str, Any]]:
    entry = {"options": ["yes", "no"], "answer": "yes", "rationale": None, "show_options": False, "letters": False}
    return [{"item_id": str(i), "question": f"Heads {i}?", **entry} for i in range(count)]


def write(backend: TransformersBackend, wording: Prompts, folder: Path, block: int, samples: int = 1) -> Any:
    decoding = Decoding(10, temperature=0.8 if samples > 1 else 0.0)
    table = frame(items(5), Items)
    return write_chains(backend, table, wording, decoding, samples, 3, 0, Journal(folder, ("k",), "test", block))


@pytest.mark.parametrize("samples", [1, 2])
def test_blocks_change_nothing(backend: TransformersBackend, wording: Prompts, tmp_path: Path, samples: int) -> None:
    small = write(backend, wording, tmp_path / "small", 2, samples)
    large = write(backend, wording, tmp_path / "large", 5, samples)
    assert records(small) == records(large)
    assert len(small) == 5 * samples
    assert small["tokenizer_hash"].unique().tolist() == [backend.tokenizer_hash]


def test_samples_differ(backend: TransformersBackend, wording: Prompts, tmp_path: Path) -> None:
    table = write(backend, wording, tmp_path, 5, samples=2)
    assert (table.groupby("item_id")["chain_text"].nunique() == 2).any()


@pytest.fixture
def changed(
    backend: TransformersBackend, wording: Prompts, tmp_path: Path
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Chains of three steps, written by hand, and rows that end with a mistake in each of their steps."""
    text = ' The coin starts heads up. "Zoe" flips it. It is tails.'
    ids, prompt = prompts.encode(backend.tokenizer, text), "Question: a\nAnswer:"
    _, ends = detokenise(backend.tokenizer, ids)
    done = Completion(text, "stop", prompts.encode(backend.tokenizer, prompt), ids, ends)
    rows = [
        {"item_id": str(i), "sample": 0, "seed": 0, "prompt": prompt, **parse_chain(done, wording)}
        | {"tokenizer_hash": backend.tokenizer_hash}
        for i in range(3)
    ]
    encode = partial(prompts.encode, backend.tokenizer)
    mistaken = [row for chain in rows for row in mistaken_probes(chain, 9, corrupt, encode, "resample")]
    return frame(rows, Chains), mistaken


class TestWritingOn:
    def write_on(
        self, backend: Any, changed: Any, wording: Prompts, folder: Path, block: int = 2
    ) -> list[dict[str, Any]]:
        written, rows = changed
        return continue_chains(backend, written, rows, wording, Decoding(12), 0, Journal(folder, ("k",), "test", block))

    def test_goes_on_from_the_ids_of_the_changed_chain(
        self, backend: TransformersBackend, changed: Any, wording: Prompts, tmp_path: Path
    ) -> None:
        (_, rows), found = changed, self.write_on(backend, changed, wording, tmp_path)
        assert len(found) == len(rows) == 9
        for before, after in zip(rows, found, strict=True):
            ids = changed[0]["prompt_ids"][0].tolist() + before["chain_ids"]
            (expected,) = backend.generate([Prompt("not looked at", ids=ids)], Decoding(12))
            more = parse_chain(expected, wording)
            assert after["chain_ids"] == before["chain_ids"] + more["chain_ids"]
            assert after["text"] == before["text"] + more["chain_text"]
            assert after["replacement"] == before["replacement"] + more["chain_text"]
            assert {k: after[k] for k in ("cut", "variant", "rule")} == {
                k: before[k] for k in ("cut", "variant", "rule")
            }

    def test_a_conclusion_is_cut_off(self, changed: Any, wording: Prompts, tmp_path: Path) -> None:
        class Writer:
            def generate(self, asked: list[Prompt], decoding: Decoding) -> list[Completion]:
                return [completion(" So it is heads.\nAnswer: yes") for _ in asked]

        found = self.write_on(Writer(), changed, wording, tmp_path)
        assert all(row["text"].endswith(" So it is heads.") for row in found)

    def test_blocks_change_nothing(
        self, backend: TransformersBackend, changed: Any, wording: Prompts, tmp_path: Path
    ) -> None:
        one, other = (self.write_on(backend, changed, wording, tmp_path / str(n), n) for n in (1, 3))
        assert one == other


class TestPrompts:
    def test_plain_frame_for_models_without_a_chat_template(
        self, backend: TransformersBackend, wording: Prompts
    ) -> None:
        assert not backend.tokenizer.chat_template
        text = prompts.chain_prompt(items(1)[0], wording, backend.render)
        assert text == "Question: Heads 0?\nAnswer: Let's think step by step."

    def test_plain_frame_begins_as_the_tokenizer_begins_texts(self, wording: Prompts) -> None:
        class Beginning:
            chat_template, bos_token_id = None, 1

            def encode(self, text: str) -> list[int]:
                return [1, *map(ord, text)]

            def decode(self, ids: list[int]) -> str:
                return "<bos>" * (ids == [1])

        assert prompts.ask(items(1)[0], wording, prompts.renderer(Beginning())) == "<bos>Question: Heads 0?\nAnswer: "

    def test_chat_template(self, wording: Prompts) -> None:
        class Chat:
            chat_template = "yes"

            def apply_chat_template(self, messages: list[dict[str, str]], **_: Any) -> str:
                return f"<user>{messages[0]['content']}<assistant>"

        item = items(1)[0]
        assert prompts.ask(item, wording, prompts.renderer(Chat())) == "<user>Heads 0?<assistant>"
        shown = item | {"show_options": True}
        assert "Options: yes, no." in prompts.chain_prompt(shown, wording, prompts.renderer(Chat()))

    @pytest.mark.parametrize(
        ("system", "expected"),
        [(None, "<persona><user>Heads 0?"), ("", "<><user>Heads 0?"), ("Be brief.", "<Be brief.><user>Heads 0?")],
        ids=["the template's own", "empty", "ours"],
    )
    def test_system_message(
        self, backend: TransformersBackend, wording: Prompts, system: str | None, expected: str
    ) -> None:
        chat = copy.deepcopy(backend.tokenizer)
        chat.chat_template = (
            "{% if messages[0].role != 'system' %}<persona>{% else %}<{{ messages[0].content }}>{% endif %}"
            "<user>{{ messages[-1].content }}"
        )
        prompted = prompts.load("config/prompts/default.yaml", system)
        assert prompts.ask(items(1)[0], prompted, prompts.renderer(chat)) == expected

    def test_system_message_that_cannot_be_given(self, backend: TransformersBackend, wording: Prompts) -> None:
        prompted = wording.model_copy(update={"system": "Be brief."})
        with pytest.raises(ValueError, match="without a chat template takes no `system` message"):
            prompts.ask(items(1)[0], prompted, backend.render)
        chat = copy.deepcopy(backend.tokenizer)
        chat.chat_template = "{{ raise_exception('System role not supported') }}"
        with pytest.raises(ValueError, match=r"refuses these messages, .*Be brief.*: System role not supported"):
            prompts.ask(items(1)[0], prompted, prompts.renderer(chat))

    @pytest.mark.parametrize("opened", ["", "<think>\n"], ids=["we open", "the template opens"])
    def test_thinking_stands_between_tags(self, wording: Prompts, opened: str) -> None:
        class Chat:
            chat_template = "yes"

            def apply_chat_template(self, messages: list[dict[str, str]], **_: Any) -> str:
                return f"<user>{messages[0]['content']}<assistant>{opened}"

        prompted = prompts.load("config/prompts/default.yaml", think=("<think>", "</think>"))
        assert (
            prompts.chain_prompt(items(1)[0], prompted, prompts.renderer(Chat()))
            == "<user>Heads 0?<assistant><think>\n"
        )
        direct = "".join(prompts.direct_prompt(items(1)[0], prompted, prompts.renderer(Chat())))
        assert direct == f"<user>Heads 0?<assistant><think>\n\n</think>\n\n{wording.direct_cue}"
        found = parse_chain(Completion("It flips.\nAnswer: so far\nnone. </think>\n\nyes", "stop"), prompted)
        assert found["chain_text"] == "It flips.\nAnswer: so far\nnone."
        assert found["conclusion"] == " </think>\n\nyes"
        again = parse_chain(Completion("It flips.\n</think>\n<think>\nIt is tails.\n</think>\nno", "stop"), prompted)
        assert again["chain_text"] == "It flips.\n</think>\n<think>\nIt is tails."
        assert prompted.chain_cue == f"\n</think>\n{wording.chain_cue}"
        assert prompted.second_cue == f"\n</think>\n{wording.second_cue}"

    def test_the_second_cue_asks_in_other_words(self, wording: Prompts) -> None:
        assert wording.second_cue.startswith("\n")
        assert not set(re.findall(r"\w+", wording.second_cue.lower())) >= set(re.findall(r"\w+", wording.chain_cue))
        with pytest.raises(ValueError, match="in other words than chain_cue"):
            Prompts(**wording.model_dump() | {"second_cue": f" {wording.chain_cue} "})

    def test_segment_coder_agrees_with_the_model_library(self, backend: TransformersBackend, tiny_model: Path) -> None:
        encode, decode = prompts.segment_coder(tiny_model)
        text = ' "Zoe" ends in "e"; é😀\n'
        assert encode(text) == prompts.encode(backend.tokenizer, text)
        assert decode(encode(text)) == text

    def test_segment_coder_needs_a_fast_tokenizer(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match="only models with a fast tokenizer"):
            prompts.segment_coder(tmp_path)


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["Ann has 2.", "So she has 4."], " Ann has 2. So she has 4."),
        (["2 + 2 = 4", "4 + 1 = 5"], " 2 + 2 = 4\n4 + 1 = 5"),
        (['He said "yes."', "So it is."], ' He said "yes." So it is.'),
        (["她有两个。", "所以是四。"], " 她有两个。 所以是四。"),
        (["The price is $3.50", "It fell."], " The price is $3.50\nIt fell."),
        ([], ""),
    ],
)
def test_the_lines_of_a_worked_chain_stay_steps(lines: list[str], text: str) -> None:
    assert prompts.chain_text(lines) == text
    assert len(steps.split(text)) == len(lines)
