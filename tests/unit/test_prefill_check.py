"""Servers that are to continue a turn: those that do are used, all others are refused before a chain is paid for."""

import json
import logging
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tenacity
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from faithfulness import prompts
from faithfulness.arms.record import ServedWeights, served_base_arm, write_arm
from faithfulness.backends import openai
from faithfulness.backends.failures import ServerError
from faithfulness.backends.protocol import Decoding, Probe, Prompt
from faithfulness.config.servers import Server
from faithfulness.prompts import Prompts
from tests.servers import Between

THINK = ("<think>", "</think>")
SPECIAL = ["<|im_start|>", "<|im_end|>", "<think>", "</think>", "<|A|>", "<|end|>", "<s>", "</s>", "[INST]", "[/INST]"]
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
MISTRAL = (
    "<s>{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% else %} {{ m.content | trim }}</s>{% endif %}{% endfor %}"
)
QWEN3 = (  # as published, for messages without tools
    "{% for m in messages %}{% if m.role == 'user' %}{{ '<|im_start|>user\n' + m.content + '<|im_end|>\n' }}{% else %}"
    "{% set content = m.content %}{% set thought = '' %}{% if '</think>' in content %}"
    "{% set content = m.content.split('</think>')[-1].lstrip('\n') %}"
    "{% set thought = m.content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}{% endif %}"
    "{% if loop.last or thought %}{{ '<|im_start|>assistant\n<think>\n' + thought.strip('\n') + '\n</think>\n\n' + "
    "content.lstrip('\n') }}{% else %}{{ '<|im_start|>assistant\n' + content }}{% endif %}{{ '<|im_end|>\n' }}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{% endif %}"
)
R1 = (
    "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% else %}{% set content = m.content %}"
    "{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}"
    "{{ '<|A|>' + content + '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|A|>{{ BEGIN }}{% endif %}"
)
R1_OPENS = R1.replace("{{ BEGIN }}", "{{ '<think>\n' }}")
R1_PLAIN = R1.replace("{{ BEGIN }}", "")
DROPS = CHATML.replace("{% for m in messages %}", "{% for m in messages if m.role == 'user' %}")

Serve = Callable[[PreTrainedTokenizerFast, list[dict[str, str]], Mapping[str, Any]], str]


@cache
def tokenizer_of(template: str) -> PreTrainedTokenizerFast:
    rules = Tokenizer(models.BPE())
    rules.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rules.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=alphabet, special_tokens=SPECIAL, show_progress=False
    )
    rules.train_from_iterator(["the the"] * 9, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=rules, chat_template=template)


def continues(tokenizer: PreTrainedTokenizerFast, messages: list[dict[str, str]], body: Mapping[str, Any]) -> str:
    """vLLM."""
    final = bool(body.get("continue_final_message"))
    more = body.get("chat_template_kwargs", {})
    return tokenizer.apply_chat_template(
        messages, tokenize=False, continue_final_message=final, add_generation_prompt=not final, **more
    )


def appends(tokenizer: PreTrainedTokenizerFast, messages: list[dict[str, str]], body: Mapping[str, Any]) -> str:
    """SGLang: the turn is put behind what begins one."""
    turn = messages[-1]["content"] if messages[-1]["role"] == "assistant" else ""
    return (
        tokenizer.apply_chat_template(messages[: 1 if turn else None], tokenize=False, add_generation_prompt=True)
        + turn
    )


def ends(tokenizer: PreTrainedTokenizerFast, messages: list[dict[str, str]], body: Mapping[str, Any]) -> str:
    """The turn is over."""
    return tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=body.get("add_generation_prompt", True)
    )


def begins_another(tokenizer: PreTrainedTokenizerFast, messages: list[dict[str, str]], body: Mapping[str, Any]) -> str:
    """OpenAI, and whatever does not know the fields."""
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def server(template: str, serve: Serve, counts: bool = True) -> Between:
    tokenizer = tokenizer_of(template)

    def replied(_: int, body: dict[str, Any]) -> str:
        try:
            read = serve(tokenizer, body["messages"], body)
        except ValueError as error:
            return "400 " + json.dumps({"error": {"message": str(error)[:200]}})
        usage = {"prompt_tokens": len(tokenizer.encode(read)), "completion_tokens": 4}
        choice = {"index": 0, "message": {"role": "assistant", "content": "It is so."}, "finish_reason": "length"}
        held = {"object": "chat.completion", "choices": [choice]} | ({"usage": usage} if counts else {})
        return "200 " + json.dumps(held)

    return Between("", replied)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "PATIENCE", tenacity.wait_none())


def backend(
    folder: Path, between: Between, wording: Prompts, think: tuple[str, str] | None, turn: str = "prefill", **body: Any
) -> openai.OpenAIBackend:
    settings = Server(base_url=between.address, turn=turn, attempts=1, body=body)
    weights = ServedWeights(name="m", base_url=between.address, turn=settings.turn, body=settings.body)
    used = prompts.thinking(wording, think) if think else wording
    write_arm(folder / "arm", served_base_arm("m", 1000, weights, used))
    return openai.OpenAIBackend(folder / "arm", settings, folder / "requests.sqlite")


def asked(wording: Prompts, model: openai.OpenAIBackend) -> Prompt:
    item = {"question": "Is it?", "letters": False, "show_options": False}
    return Prompt(prompts.chain_prompt(item, model.wording, model.render))


OFF = {"chat_template_kwargs": {"enable_thinking": False}}


@pytest.mark.parametrize(
    ("template", "serve", "think", "body"),
    [
        pytest.param(CHATML, continues, None, {}, id="chatml"),
        pytest.param(CHATML, continues, THINK, {}, id="chatml, think"),
        pytest.param(CHATML, appends, None, {}, id="chatml, appended"),
        pytest.param(CHATML, appends, THINK, {}, id="chatml, appended, think"),
        pytest.param(MISTRAL, continues, None, {}, id="mistral"),
        pytest.param(QWEN3, continues, None, OFF, id="qwen3, thinking off"),
        pytest.param(QWEN3, appends, THINK, {}, id="qwen3, appended"),
        pytest.param(R1_PLAIN, appends, THINK, {}, id="r1, appended"),
    ],
)
def test_servers_that_continue(
    template: str, serve: Serve, think: tuple[str, str] | None, body: Any, tmp_path: Path, wording: Prompts
) -> None:
    between = server(template, serve)
    model = backend(tmp_path, between, wording, think, **body)
    (written,) = model.generate([asked(wording, model)], Decoding(4))
    assert written.text == "It is so."
    probes = len(between.bodies) - 1
    assert probes == (5 if think else 3)
    assert {one["max_tokens"] for one in between.bodies} == {4}
    model.generate([asked(wording, model)], Decoding(5))  # tried once
    again = backend(tmp_path, between, wording, think, **body)  # and paid once
    again.score([Probe("a", asked(wording, again).text, " So.", "\nAnswer:", answer_tokens=3)])
    assert len(between.bodies) == probes + 3


@pytest.mark.parametrize(
    ("template", "serve", "think", "finding"),
    [
        pytest.param(QWEN3, continues, None, r"adds \d+ tokens .* thinking block", id="qwen3"),
        pytest.param(QWEN3, continues, THINK, r"adds \d+ tokens .* thinking block", id="qwen3, think"),
        pytest.param(R1_PLAIN, continues, THINK, "refuses an unfinished turn", id="r1, refused by the server"),
        pytest.param(R1_OPENS, continues, THINK, "refuses an unfinished turn", id="r1, opens"),
        pytest.param(R1_OPENS, continues, None, "set `think` of the model", id="r1, no think"),
        pytest.param(R1_PLAIN, ends, THINK, "drops what was thought", id="r1, dropped"),
        pytest.param(CHATML, ends, None, "adds 2 tokens", id="an end marker"),
        pytest.param(MISTRAL, ends, None, "adds 1 token ", id="an end marker of one token"),
        pytest.param(CHATML, begins_another, None, r"adds \d+ tokens", id="another turn"),
        pytest.param(CHATML, begins_another, THINK, r"adds \d+ tokens", id="another turn, think"),
        pytest.param(MISTRAL, begins_another, THINK, r"adds \d tokens", id="an end marker, think"),
        pytest.param(DROPS, ends, None, "drops the assistant's last turn", id="dropped"),
    ],
)
def test_servers_that_do_not(
    template: str, serve: Serve, think: tuple[str, str] | None, finding: str, tmp_path: Path, wording: Prompts
) -> None:
    between = server(template, serve)
    model = backend(tmp_path, between, wording, think)
    for _ in range(2):
        with pytest.raises(ServerError, match=f"{finding}.*server.turn: question"):
            model.generate([asked(wording, model)], Decoding(40))
    with pytest.raises(ServerError, match=finding):
        model.score([Probe("a", asked(wording, model).text, " So.", "\nAnswer:", answer_tokens=3)])
    assert {one["max_tokens"] for one in between.bodies} == {4}  # no chain was asked for


def test_a_server_that_does_not_count(tmp_path: Path, wording: Prompts, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    model = backend(tmp_path, server(CHATML, continues, counts=False), wording, None)
    assert model.generate([asked(wording, model)], Decoding(4))
    assert "counts no tokens" in caplog.text


def test_servers_that_are_to_continue_nothing(tmp_path: Path, wording: Prompts) -> None:
    between = server(CHATML, begins_another)
    model = backend(tmp_path, between, wording, None, "question")
    model.generate([asked(wording, model)], Decoding(4))
    assert len(between.bodies) == 1


def test_no_connection_is_no_finding(tmp_path: Path, wording: Prompts) -> None:
    model = backend(tmp_path, server(CHATML, continues), wording, None)
    model.client = openai.client_of("http://127.0.0.1:1/v1", "none", 1.0)
    with pytest.raises(ServerError, match="is the server running") as refused:
        model.generate([asked(wording, model)], Decoding(4))
    assert "server.turn" not in str(refused.value)
