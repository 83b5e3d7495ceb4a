"""Chains that are continued or cut for another token limit equal the chains of a new run with that limit."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from faithfulness.arms.base_weights import load_base
from faithfulness.arms.record import FullWeights, ServedWeights, served_base_arm, write_arm
from faithfulness.backends import openai
from faithfulness.backends.protocol import Begun, Completion, Decoding, Prompt
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.chains.write import write_chains
from faithfulness.config.servers import Server
from faithfulness.hashing import weights_hash
from faithfulness.prompts import Prompts
from faithfulness.tables.generation import Items
from faithfulness.tables.io import frame, records
from faithfulness.tables.journal import Journal
from tests.factories import make_arm

Row = dict[str, Any]
ITEM = {"options": ["yes", "no"], "answer": "yes", "rationale": None, "show_options": False, "letters": False}
ITEMS = frame([{"item_id": str(i), "question": f"Heads {i}?", **ITEM} for i in range(5)], Items)


@pytest.fixture(scope="module")
def lively_arm(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an arm with weights so large that it does not repeat itself."""
    folder = tmp_path_factory.mktemp("lively")
    tokenizer, model = load_base(tiny_model, torch.float32)
    torch.manual_seed(0)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.15)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    weights = FullWeights(folder=str(folder), folder_hash=weights_hash(folder))
    write_arm(folder / "arm", make_arm("lively", weights=weights))
    return folder / "arm"


@pytest.fixture(scope="module", params=[True, False], ids=["in trees", "row by row"])
def writer(request: pytest.FixtureRequest, lively_arm: Path) -> TransformersBackend:
    """A writer some of whose chains end by themselves: one token in fifteen is a stop."""
    found = TransformersBackend(lively_arm, "cpu", 1, trees=request.param)
    found.stops = list(range(5, len(found.tokenizer), 15))
    return found


class Asked:
    """What is generated anew: the contexts, and the draws that were made before, of each call."""

    def __init__(self, backend: TransformersBackend, monkeypatch: pytest.MonkeyPatch) -> None:
        self.drawn: list[int] = []
        generate_ids = backend.generate_ids

        def spy(contexts: Any, decoding: Decoding, seeds: Any, drawn: Any = None) -> Any:
            self.drawn += drawn or [0] * len(contexts)
            return generate_ids(contexts, decoding, seeds, drawn)

        monkeypatch.setattr(backend, "generate_ids", spy)

    def take(self) -> list[int]:
        drawn, self.drawn = self.drawn, []
        return sorted(drawn)


def write(backend: Any, wording: Prompts, folder: Path, limit: int, temperature: float = 0.0) -> list[Row]:
    samples = 2 if temperature else 1
    journal = Journal(folder, ("k",), "test", 2)
    return records(write_chains(backend, ITEMS, wording, Decoding(limit, temperature, 0.95), samples, 3, 0, journal))


def cut_off(rows: list[Row]) -> int:
    return sum(row["finish_reason"] == "length" for row in rows)


@pytest.mark.parametrize("temperature", [0.0, 1.0], ids=["greedy", "sampled"])
def test_another_limit_gives_what_a_new_run_gives(
    writer: TransformersBackend, wording: Prompts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temperature: float
) -> None:
    asked = Asked(writer, monkeypatch)
    anew = {limit: write(writer, wording, tmp_path / str(limit), limit, temperature) for limit in (3, 8, 16)}
    assert 0 < cut_off(anew[16]) < cut_off(anew[8]) < len(anew[8])
    assert write(writer, wording, tmp_path / "one", 8, temperature) == anew[8]
    asked.take()
    assert write(writer, wording, tmp_path / "one", 16, temperature) == anew[16]
    assert asked.take() == [8] * cut_off(anew[8])
    assert write(writer, wording, tmp_path / "one", 3, temperature) == anew[3]
    assert write(writer, wording, tmp_path / "one", 16, temperature) == anew[16]
    assert not asked.take()


def test_a_kill_between_two_limits_costs_a_block(
    backend: TransformersBackend, wording: Prompts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anew, short = (write(backend, wording, tmp_path / "new", limit) for limit in (12, 5))
    assert write(backend, wording, tmp_path / "one", 5) == short
    generate, calls = backend.generate, iter(range(10))

    def killed(prompts: Any, decoding: Decoding) -> Any:
        if next(calls) == 1:
            raise KeyboardInterrupt
        return generate(prompts, decoding)

    monkeypatch.setattr(backend, "generate", killed)
    with pytest.raises(KeyboardInterrupt):
        write(backend, wording, tmp_path / "one", 12)
    monkeypatch.setattr(backend, "generate", generate)
    asked = Asked(backend, monkeypatch)
    assert write(backend, wording, tmp_path / "one", 12) == anew
    assert asked.take() == [5] * 3  # of the five chains, two were written on before the kill


def test_where_positions_depend_on_the_length_chains_are_written_anew(
    backend: TransformersBackend, wording: Prompts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(backend, wording, tmp_path, 5)
    monkeypatch.setattr(backend, "alike", 3)
    asked = Asked(backend, monkeypatch)
    write(backend, wording, tmp_path, 12)
    assert asked.take() == [0] * 5


class Replying:
    """Replies to requests one after the other, each cut off at its limit by default."""

    def __init__(self, finish: str = "length") -> None:
        self.finish = finish
        self.requests: list[Row] = []

    def __call__(self, requests: list[Row]) -> list[Row]:
        self.requests += requests
        return [{"text": " more", "finish_reason": self.finish} for _ in requests]


def served(folder: Path, wording: Prompts, turn: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Replying]:
    write_arm(
        folder / "arm",
        served_base_arm("m", 1000, ServedWeights(name="m", base_url="http://x", turn=turn), wording),  # type: ignore[arg-type]
    )
    backend, server = openai.OpenAIBackend(folder / "arm", Server(base_url="http://x"), folder / "r.sqlite"), Replying()
    monkeypatch.setattr(backend, "check_turn", lambda: None)
    monkeypatch.setattr(backend, "replies", server)
    return backend, server


PROMPT = json.dumps([{"role": "user", "content": "Why?"}]) + "So"


@pytest.mark.parametrize(
    ("turn", "begun", "limit", "tokens", "text"),
    [
        ("prefill", Begun(Completion(" it is", "length"), 4), 10, 6, " it is more"),
        ("question", Begun(Completion(" it is", "length"), 4), 10, 10, " more"),
        ("prefill", Begun(Completion(" it is", "length"), 12), 10, 10, " more"),
        ("prefill", Begun(Completion(" it is", "stop"), 12), 10, 10, " more"),
        ("prefill", Begun(Completion(" it is", "stop"), 4), 10, None, " it is"),
        ("question", Begun(Completion(" it is", "length"), 10), 10, None, " it is"),
        ("prefill", Begun(Completion("", "length"), 4), 10, 10, " more"),
    ],
    ids=["goes on", "cannot go on", "too long", "perhaps too long", "ended", "same limit", "nothing visible"],
)
def test_a_server_writes_on_where_it_continues_turns(
    wording: Prompts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turn: str, begun: Begun, limit: int,
    tokens: int | None, text: str,
) -> None:  # fmt: skip
    backend, server = served(tmp_path, wording, turn, monkeypatch)
    (found,) = backend.generate([Prompt(PROMPT, 7, begun=begun)], Decoding(limit, 0.8, 0.9))
    assert found.text == text
    assert [request["max_tokens"] for request in server.requests] == ([] if tokens is None else [tokens])
    for request in server.requests:
        on = tokens != limit
        assert request["seed"] == (11 if on else 7)
        if turn == "prefill":
            assert request["messages"][-1]["content"] == ("So it is" if on else "So")


def test_chains_of_a_server_are_used_again(wording: Prompts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, server = served(tmp_path, wording, "prefill", monkeypatch)
    server.finish = "stop"
    once = write(backend, wording, tmp_path / "journal", 5)
    assert write(backend, wording, tmp_path / "journal", 9) == once
    assert len(server.requests) == 5
    write(backend, wording, tmp_path / "journal", 3)
    assert len(server.requests) == 10  # without tokens, nothing says that they are as short
