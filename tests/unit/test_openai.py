"""Writing and reading through a server: a real one (`transformers serve`, SmolLM2), with faults put in between."""

import json
import logging
import math
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openai as library
import pytest
import tenacity
import torch
import yaml

from faithfulness import prompts
from faithfulness.arms.base_weights import load_base
from faithfulness.arms.imported import import_served_arm
from faithfulness.arms.record import ServedWeights, base_arm, read_arm, served_base_arm, write_arm
from faithfulness.backends import openai
from faithfulness.backends.ledger import BudgetError, Ledger
from faithfulness.backends.load import LEDGER, load
from faithfulness.backends.protocol import Decoding, Probe, Prompt
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.config.servers import Server
from faithfulness.config.weights import Weights
from faithfulness.prepare import sources
from faithfulness.prepare.weights import prepare_model
from faithfulness.prompts import Message, Prompts, Render
from faithfulness.rescore import answering
from tests.runs import ROOT
from tests.servers import Between, free_port, transformers_serve, vllm_serve

KEY = "sk-very-secret"
QUESTION = {"letters": False, "show_options": False}
DECODING = Decoding(4)
PRICES = {"input_price": 1000.0, "output_price": 10_000.0}  # a reply of 100 and 10 tokens costs .2


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of SmolLM2-135M-Instruct, as the default configuration pins it."""
    folder = tmp_path_factory.mktemp("smollm2")
    configured = yaml.safe_load((ROOT / "config/config.yaml").read_text())["models"][0]["source"]
    weights = Weights(source=configured, dtype="float32")
    sources.fetch(weights.source, "model", folder / "fetched")
    prepare_model(weights, *sources.locate(weights.source, folder / "fetched"), folder / "model")
    return folder / "model"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with transformers_serve(tmp_path_factory.mktemp("serve") / "log") as address:
        yield address


@pytest.fixture
def arm(tmp_path: Path, smollm2: Path, wording: Prompts) -> Path:
    """An arm's folder; `at` sets the address of its server."""
    weights = ServedWeights(name=str(smollm2), base_url="", turn="question")
    write_arm(tmp_path / "arm", served_base_arm("smollm2", 135_000_000, weights, wording))
    return tmp_path / "arm"


def change_weights(arm: Path, **changes: str) -> None:
    record = read_arm(arm)
    write_arm(arm, record.model_copy(update={"weights": record.weights.model_copy(update=changes)}))


def at(arm: Path, address: str, turn: str = "question", **server: Any) -> openai.OpenAIBackend:
    change_weights(arm, base_url=address, turn=turn)
    return openai.OpenAIBackend(arm, Server(base_url=address, **server), arm.parent / "requests.sqlite")


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "PATIENCE", tenacity.wait_none())


def as_json(messages: Sequence[Message], wording: Prompts) -> str:
    """What `OpenAIBackend.render` must give."""
    return json.dumps(messages, ensure_ascii=False)


def asked(text: str, wording: Prompts) -> str:
    """A question as the prompt of a chain."""
    return prompts.chain_prompt(QUESTION | {"question": text}, wording, as_json)


def questions(count: int, wording: Prompts) -> list[Prompt]:
    return [Prompt(asked(f"What is {number} plus 2?", wording)) for number in range(count)]


def reply(text: str = "Yes", top: list[tuple[str, float]] | None = None, **more: Any) -> str:
    """A fault that is none: a reply made up."""
    logprobs = top and {
        "content": [
            {
                "token": "A",
                "logprob": 0,
                "bytes": None,
                "top_logprobs": [{"token": token, "logprob": value, "bytes": None} for token, value in top],
            }
        ]
    }
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
        "logprobs": logprobs,
    }
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return "200 " + json.dumps(
        {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage} | more
    )


class TestWithARealServer:
    def test_writes_what_the_weights_write(self, served: str, arm: Path, smollm2: Path, wording: Prompts) -> None:
        """Greedy chains are those of the same weights loaded here, asked the same messages."""
        found = at(arm, served).generate(questions(2, wording), Decoding(12))
        write_arm(arm.parent / "local", base_arm("x", smollm2, wording, trust_remote_code=False))
        local = TransformersBackend(arm.parent / "local", "cpu")
        said = [
            local.tokenizer.apply_chat_template(
                [{"role": "user", "content": f"What is {n} plus 2?\n\nLet's think step by step."}],
                tokenize=False,
                add_generation_prompt=True,
            )
            for n in range(2)
        ]
        expected = local.generate([Prompt(text) for text in said], Decoding(12))
        assert [one.text for one in found] == [one.text for one in expected]
        assert {one.finish_reason for one in found} == {"length"}
        assert {one.ids for one in found} == {None}

    def test_asks_for_the_answer_in_a_second_turn_and_never_twice(
        self, served: str, arm: Path, wording: Prompts
    ) -> None:
        between = Between(served)
        backend, prompt = at(arm, between.address), asked("What is 2 plus 2?", wording)
        chain = Probe("a", prompt, " 2 plus 2 is 4.", wording.chain_cue, answer_tokens=6)
        direct = Probe(
            "a",
            *prompts.direct_prompt(QUESTION | {"question": "What is 2 plus 2?"}, wording, as_json)[:1],
            "",
            "",
            answer_tokens=6,
        )
        first = backend.score([chain, direct, chain])
        assert all(reading.text and reading.log_probs == () for reading in first)
        assert len(between.bodies) == 2  # the same request once
        turns = {len(body["messages"]): [message["content"] for message in body["messages"]] for body in between.bodies}
        second = wording.second_turn.format(form="answer")
        assert turns == {
            3: ["What is 2 plus 2?", "Let's think step by step. 2 plus 2 is 4.", second],
            1: [f"What is 2 plus 2?\n\n{second}"],
        }
        assert at(arm, between.address).score([chain, direct, chain]) == first
        assert len(between.bodies) == 2

    @pytest.mark.usefixtures("at_once")
    @pytest.mark.fault("server: errors, limits, cut connections, no JSON, slow", "0 lost, 0 repeated, the same replies")
    def test_faults_are_survived(
        self, served: str, arm: Path, wording: Prompts, caplog: pytest.LogCaptureFixture
    ) -> None:
        faults = ["429", "500", "503", "cut", "malformed", "empty", "page", "slow"]
        between = Between(served, lambda number, _: faults[number] if number < len(faults) else "")
        expected = at(arm, served).generate(questions(3, wording), DECODING)
        (arm.parent / "requests.sqlite").unlink()
        with caplog.at_level(logging.WARNING):
            found = at(arm, between.address, timeout=3, attempts=9, concurrency=2).generate(
                questions(3, wording), DECODING
            )
        assert found == expected
        tried_again = len(re.findall("trying again in", caplog.text))
        assert tried_again >= len(faults)  # more where the machine is busy, and the server slow itself
        assert len(between.bodies) == 3 + tried_again

    @pytest.mark.fault("kill -9 among 200 requests to a server", "0 lost, 0 repeated paid requests")
    def test_a_kill_loses_no_reply_and_repeats_none(
        self, served: str, arm: Path, tiny_model: Path, wording: Prompts
    ) -> None:
        tokenizer, model = load_base(tiny_model, torch.float32)
        tokenizer.chat_template = "{% for message in messages %}{{ message.content }}\n{% endfor %}"
        for part in (tokenizer, model):
            part.save_pretrained(arm.parent / "tiny")
        change_weights(arm, name=str(arm.parent / "tiny"))
        between, program = Between(served), arm.parent / "program.py"
        at(arm, between.address)
        program.write_text(f"""
import sys
sys.path.insert(0, {str(ROOT / "scripts")!r})
from pathlib import Path
from faithfulness.backends import openai
from faithfulness.backends.protocol import Decoding, Prompt
from faithfulness.config.servers import Server
texts = Path({str(arm.parent / "texts")!r}).read_text().splitlines()
server, ledger = Server(base_url={between.address!r}), Path({str(arm.parent / "requests.sqlite")!r})
backend = openai.OpenAIBackend(Path({str(arm)!r}), server, ledger)
print(len(backend.generate([Prompt(text) for text in texts], Decoding(1))))
""")
        wanted = [prompt.text for prompt in questions(200, wording)]
        (arm.parent / "texts").write_text("\n".join(wanted))
        between.hold_after = 100
        with subprocess.Popen([sys.executable, str(program)]) as killed:
            with between.changed:
                assert between.changed.wait_for(lambda: len(between.delivered) >= 100, timeout=240)
            ledger = Ledger(arm.parent / "requests.sqlite")
            count = "SELECT COUNT(*) FROM replies"
            for _ in range(100):  # the last reply is on its way to the disk
                if ledger.database.execute(count).fetchone()[0] == 100:
                    break
                between.changed.acquire()
                between.changed.wait(0.05)
                between.changed.release()
            killed.send_signal(signal.SIGKILL)
        with between.changed:
            between.hold_after = None
            between.changed.notify_all()
        done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "200"
        kept = between.delivered[:100]
        assert len(set(between.delivered)) == 200
        assert not set(kept) & set(between.delivered[-100:])
        assert ledger.database.execute(count).fetchone()[0] == 200

    def test_letters_need_a_server_that_tells_their_probability(self, served: str, arm: Path, wording: Prompts) -> None:
        probe = Probe("a", asked("Yes?", wording), "", "", candidates=("A", "B"))
        with pytest.raises(openai.ServerError, match="returns no log-probabilities of letters; use `readout: text`"):
            at(arm, served).score([probe])


@pytest.mark.slow
def test_letters_and_unfinished_turns_of_vllm(smollm2: Path, arm: Path, wording: Prompts) -> None:
    """Log-probabilities of letters and continued turns of vLLM are those of the same weights here."""
    python = ROOT / "benchmarks/.venv-vllm/bin/python"
    if not python.exists():
        pytest.skip("needs vLLM: make benchmarks/.venv-vllm/.ready")
    write_arm(arm.parent / "local", base_arm("x", smollm2, wording, trust_remote_code=False))
    local = TransformersBackend(arm.parent / "local", "cpu")
    items = [
        {"letters": True, "question": f"How many legs have {count} {animal}?", "options": ["four", "eight", "six"]}
        for animal in ("cats", "spiders", "ants")
        for count in ("two", "three")
    ]

    def probes(render: Render) -> list[Probe]:
        texts = [prompts.chain_prompt(item, wording, render) for item in items]
        return [
            Probe(str(i), text, " They walk.", wording.chain_cue, None, ("A", "B", "C")) for i, text in enumerate(texts)
        ]

    with vllm_serve(python, smollm2, arm.parent / "log") as address:
        between = Between(address)
        backend = at(arm, between.address, "prefill")
        readings = backend.score(probes(backend.render))
        written = backend.generate([Prompt(probe.prompt) for probe in probes(backend.render)], Decoding(24))
        tops = [
            dict(backend.replies([request])[0]["top"])
            for request in map(backend.answer_request, probes(backend.render))
        ]
    expected, compared = local.score(probes(local.render)), 0
    for top, reading, own in zip(tops, readings, expected, strict=True):
        for letter, value, found in zip("ABC", own.log_probs, reading.log_probs, strict=True):
            if f" {letter}" in top:
                assert top[f" {letter}"] == pytest.approx(value, abs=1e-3)
                assert found >= top[f" {letter}"]  # other spellings count, too
                compared += 1
            elif math.isnan(found):
                assert value <= min(top.values()) + 1e-3  # censored: less likely than all that it returns
    print(f"letters returned and alike: {compared} of {3 * len(items)}")
    assert compared > len(items)
    assert [one.text for one in written] == [
        one.text for one in local.generate([Prompt(probe.prompt) for probe in probes(local.render)], Decoding(24))
    ]


class TestFaults:
    @pytest.fixture
    def prompt(self, wording: Prompts) -> list[Prompt]:
        return questions(1, wording)

    @pytest.mark.usefixtures("at_once")
    @pytest.mark.parametrize(
        ("fault", "tries", "message"),
        [
            ("500", 3, "InternalServerError: .*; see the server's log. Replies that arrived before are kept"),
            ("429", 3, "RateLimitError: .*; lower concurrency, or raise attempts"),
            ("cut", 3, "APIConnectionError: .*; is the server running, and is base_url right"),
            ("malformed", 3, "reply contains no message|JSONDecodeError"),
            ("empty", 3, "reply contains no message"),
            ('429 {"error": {"message": "pay", "code": "insufficient_quota"}}', 1, "RateLimitError"),
            (f'401 {{"error": {{"message": "Incorrect key {KEY}"}}}}', 1, r"OPENAI_API_KEY right"),
            ("403", 1, "may the key in the environment variable OPENAI_API_KEY use this model"),
            ("404", 1, "is the model's name right"),
            ("400", 1, "does the server accept top_logprobs"),
        ],
        ids=["500", "429", "cut", "malformed", "empty", "no quota", "401", "403", "404", "400"],
    )
    def test_giving_up(
        self, arm: Path, prompt: list[Prompt], fault: str, tries: int, message: str,
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        """Only what may pass is tried again, and the key is in no message."""
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        between = Between("", lambda *_: fault)
        with pytest.raises(openai.ServerError, match=message) as raised:
            at(arm, between.address, attempts=3).generate(prompt, DECODING)
        assert len(between.bodies) == tries
        assert between.headers[0]["authorization"] == f"Bearer {KEY}"
        assert KEY not in f"{raised.value} {caplog.text}"

    def test_no_more_at_a_time_than_allowed(self, arm: Path, wording: Prompts) -> None:
        between = Between("", lambda *_: time.sleep(0.05) or reply())
        at(arm, between.address, concurrency=3).generate(questions(12, wording), DECODING)
        assert 1 < between.most <= 3

    @pytest.mark.usefixtures("at_once")
    def test_a_dead_server(self, arm: Path, prompt: list[Prompt]) -> None:
        with pytest.raises(openai.ServerError, match=r"at http://127.0.0.1:\d+/v1: .*is the server running"):
            at(arm, f"http://127.0.0.1:{free_port()}/v1", attempts=2).generate(prompt, DECODING)

    @pytest.mark.usefixtures("at_once")
    def test_replies_before_it_gives_up_are_kept(self, arm: Path, wording: Prompts) -> None:
        between = Between("", lambda number, _: reply() if number < 5 else "500")
        with pytest.raises(openai.ServerError):
            at(arm, between.address, attempts=1, concurrency=1).generate(questions(8, wording), DECODING)
        between.fault = lambda *_: reply()
        assert len(at(arm, between.address, concurrency=1).generate(questions(8, wording), DECODING)) == 8
        assert len(between.delivered) == 8

    def test_openai_itself_wants_a_key(self, arm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        with pytest.raises(openai.ServerError, match="needs a key; set the environment variable OPENAI_API_KEY"):
            at(arm, Server().base_url)

    def test_waits_as_long_as_it_is_told(self) -> None:
        response = type("Response", (), {"headers": {"retry-after": "7.5"}, "request": None, "status_code": 429})()
        state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
        state.set_exception((library.RateLimitError, library.RateLimitError("x", response=response, body=None), None))
        assert openai.patience(state) == 7.5


class TestCost:
    def test_no_more_is_spent_than_allowed(self, arm: Path, wording: Prompts, caplog: pytest.LogCaptureFixture) -> None:
        between = Between("", lambda *_: reply())
        with pytest.raises(BudgetError, match=r"max_cost: 0\.\d+ of 0\.9 are spent on .*; raise max_cost to continue"):
            at(arm, between.address, **PRICES, max_cost=0.9).generate(questions(10, wording), DECODING)
        paid = len(between.delivered)
        assert 0 < 0.2 * paid <= 0.9  # as many as may be under way at once
        ledger = Ledger(arm.parent / "requests.sqlite")
        assert ledger.spent(f"{read_arm(arm).weights.name} at {between.address}") == pytest.approx(0.2 * paid)
        with caplog.at_level(logging.INFO):
            at(arm, between.address, **PRICES, max_cost=9).generate(questions(10, wording), DECODING)
        assert len(between.delivered) == 10
        assert "1000 tokens sent, 100 generated" not in caplog.text  # what was known is not reported as sent again
        assert f"{10 - paid} requests sent, {paid} replies known before" in caplog.text
        assert "2.0000 spent in total of 9" in caplog.text

    @pytest.mark.usefixtures("at_once")
    def test_what_may_have_been_paid_counts(self, arm: Path, wording: Prompts) -> None:
        """A connection that is cut after the question may cost; a refusal does not."""
        between = Between("", lambda number, _: ["cut", "500", reply()][min(number, 2)])
        at(arm, between.address, **PRICES).generate(questions(1, wording), DECODING)
        size = openai.TEMPLATE_TOKENS + len("What is 0 plus 2?\n\nLet's think step by step.")
        account = f"{read_arm(arm).weights.name} at {between.address}"
        assert Ledger(arm.parent / "requests.sqlite").spent(account) == pytest.approx(0.2 + size / 1000 + 4 / 100)

    def test_a_reply_without_usage_costs_what_it_may(self, arm: Path, wording: Prompts) -> None:
        between = Between("", lambda *_: reply(usage=None))
        at(arm, between.address, **PRICES).generate(questions(1, wording), DECODING)
        account = f"{read_arm(arm).weights.name} at {between.address}"
        assert Ledger(arm.parent / "requests.sqlite").spent(account) > 0.04


class TestLetters:
    def test_spellings_are_one_letter_and_others_are_censored(self) -> None:
        top = [(" A", math.log(0.5)), ("A", math.log(0.25)), ("(B", math.log(0.1)), ("The", math.log(0.1))]
        found = openai.letters(top, ("A", "B", "C"))
        assert found[:2] == pytest.approx((math.log(0.75), math.log(0.1)))
        assert math.isnan(found[2])

    def test_a_censored_letter_has_no_probability(self) -> None:
        row = answering.letters(["red", "green", "blue"], [math.log(0.6), math.log(0.2), math.nan])
        assert row["answer"] == "red"
        assert row["margin"] == pytest.approx(math.log(3))
        assert row["p"] == pytest.approx({"red": 0.75, "green": 0.25})
        assert answering.letters(["red", "green"], [math.nan] * 2) == {"answer": None, "margin": None, "p": {}}
        assert answering.letters(["red", "green"], [-1.0, math.nan])["margin"] is None

    @pytest.mark.parametrize("turn", ["prefill", "question"])
    def test_what_is_asked(self, arm: Path, wording: Prompts, turn: str) -> None:
        between = Between("", lambda *_: reply("B", [("B", -0.1), (" A", -2.5)]))
        prompt = asked("Yes?\n(A) yes\n(B) no", wording)
        probe = Probe("a", prompt, " It is.", wording.chain_cue, candidates=("A", "B"))
        (found,) = at(arm, between.address, turn).score([probe])
        assert found.log_probs == pytest.approx((-2.5, -0.1))
        *_, body = between.bodies  # before it, whether the server continues turns
        assert (body["max_tokens"], body["logprobs"], body["top_logprobs"], body["temperature"]) == (1, True, 20, 0)
        said = body["messages"][1:]
        if turn == "prefill":
            assert body["continue_final_message"] is True
            assert said == [{"role": "assistant", "content": "Let's think step by step. It is.\nAnswer:"}]
        else:
            assert "continue_final_message" not in body
            assert [one["content"] for one in said] == [
                "Let's think step by step. It is.", wording.second_turn.format(form="letter"),
            ]  # fmt: skip


def test_sampled_chains_have_seeds_of_their_own(arm: Path, wording: Prompts) -> None:
    between = Between("", lambda *_: reply())
    same = asked("Why?", wording)
    at(arm, between.address).generate([Prompt(same, 1), Prompt(same, 2)], Decoding(5, 0.8, 0.95))
    assert sorted(body["seed"] for body in between.bodies) == [1, 2]
    assert {(body["temperature"], body["top_p"]) for body in between.bodies} == {(0.8, 0.95)}


def test_messages_stay_messages(arm: Path, wording: Prompts) -> None:
    """The server has the chat template; what a text of ours would be asked as does not matter."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Wie heißt 'é'?\n"}]
    text = at(arm, "http://127.0.0.1:1/v1").render(messages, wording)
    assert openai.split(f"{text}Let's think") == (messages, "Let's think")


def test_load(arm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(arm.parent)
    service = Server(base_url="http://127.0.0.1:1/v1").model_dump_json()
    found = load(arm, 1, SimpleNamespace(token_budget=8192, gpu=0, service=service))
    assert isinstance(found, openai.OpenAIBackend)
    assert (arm.parent / LEDGER).exists()


def test_a_tuned_arm_on_the_server(arm: Path) -> None:
    base = read_arm(arm)
    tuned = import_served_arm(arm.parent / "tuned", "tuned-x", base, "ft:smollm2", ["gsm8k"])
    assert tuned == read_arm(arm.parent / "tuned")
    assert tuned.weights == base.weights.model_copy(update={"name": "ft:smollm2"})
    assert tuned.parent == base.weights_hash != tuned.weights_hash
