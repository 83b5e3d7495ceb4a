"""What servers reply, in all the forms that they have: read right, or refused with the setting that helps."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from faithfulness import prompts
from faithfulness.arms.record import ServedWeights, read_arm, served_base_arm, write_arm
from faithfulness.backends import openai, replies
from faithfulness.backends.failures import MalformedReplyError, RefusalError, ServerError, UnusableReplyError
from faithfulness.backends.ledger import Ledger, Reply
from faithfulness.backends.protocol import Decoding, Probe, Prompt
from faithfulness.config.servers import Server
from faithfulness.prompts import Prompts
from tests.servers import Between

TAGS = ("<think>", "</think>")
UNKNOWN = math.nan
Json = dict[str, Any]


def message(content: object = "It is so.", **fields: object) -> Json:
    return {"role": "assistant", "content": content} | fields


def said(message: Json, finish: object = "stop", top: object = None, written: int | None = 10, **fields: object) -> str:
    """A reply as JSON."""
    logprobs = None if top is None else {"content": [{"token": "A", "logprob": 0.0, "top_logprobs": top}]}
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": logprobs}
    usage = {"prompt_tokens": 100, "completion_tokens": written}
    return json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage} | fields)


def parsed(text: str, letters: bool = False, think: tuple[str, str] | None = None) -> Reply:
    return replies.parse(replies.read(text), letters, think)


def top(**values: object) -> list[Json]:
    return [{"token": token, "logprob": value} for token, value in values.items()]


# Text.


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (message("Yes."), "Yes."),
        (message(""), ""),
        (message([{"type": "text", "text": "Two "}, {"type": "text", "text": "parts."}]), "Two parts."),
        (message([{"type": "output_text", "text": "One."}]), "One."),
        (message(["Bare ", "strings."]), "Bare strings."),
        (message("A.", reasoning_content=None, reasoning=""), "A."),
        (message("A.", reasoning_content="\n\n"), "A."),
        (message("A.", reasoning={"effort": "none"}), "A."),
        (message(None, refusal="I would rather not."), "I would rather not."),
        (message([{"type": "refusal", "refusal": "No."}]), "No."),
        (message("<think>\n\n</think>\n\nIt is 7."), "It is 7."),
        (message("half \ud83d of a pair"), "half \ufffd of a pair"),
    ],
)
def test_text(reply: Json, expected: str) -> None:
    assert parsed(said(reply))["text"] == expected


@pytest.mark.parametrize(
    "thought",
    [
        {"reasoning_content": "First. "},
        {"reasoning": "First. "},
        {"thinking": "First. "},
        {"reasoning": "First. ", "reasoning_content": "First. "},
        {"reasoning_details": [{"type": "reasoning.text", "text": "First. "}]},
    ],
)
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "First. "),
        ("", "First. "),
        ("\n", "First. "),
        ("It is 7.", "First. \n</think>\nIt is 7."),
        ([{"type": "text", "text": "It is 7."}], "First. \n</think>\nIt is 7."),
    ],
)
def test_what_a_model_thinks_is_its_chain(thought: Json, content: object, expected: str) -> None:
    """Where servers put it aside, it is put back before its tag; without tags it would be lost, and is refused."""
    text = said(message(content, **thought))
    assert parsed(text, think=TAGS)["text"] == expected
    with pytest.raises(UnusableReplyError, match=r"set `think` of the model.*`template: \{enable_thinking: false\}`"):
        parsed(text)


def test_thoughts_in_parts() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "First."}]}, {"type": "text", "text": "7"}]
    assert parsed(said(message(parts)), think=TAGS)["text"] == "First.\n</think>\n7"
    with pytest.raises(UnusableReplyError, match="set `think`"):
        parsed(said(message(parts)))


@pytest.mark.parametrize(
    "text",
    [
        *(f"{tag}Let us see." for tag in ("<think>\n", "\n<think>", "[THINK]", "<|channel|>analysis", "<seed:think>")),
        *(f"{tag}Let us see." for tag in ("\u25c1think\u25b7", "<|START_THINKING|>", "<|inner_prefix|>", "<thoughts>")),
        # The chat template opened the block, and the server put nothing aside.
        *(f"So 3 + 4.\n{tag}\n\nIt is 7." for tag in ("</think>", "[/THINK]", "</seed:think>", "<|END_THINKING|>")),
        "So 3 + 4.\n</think>",
    ],
)
def test_thoughts_within_the_text_are_refused_without_tags(text: str) -> None:
    with pytest.raises(UnusableReplyError, match="set `think`"):
        parsed(said(message(text)))
    assert parsed(said(message(text)), think=TAGS)["text"] == text


@pytest.mark.parametrize(
    "text",
    [
        "2 < 3, so </think> is a tag.",
        "Write <think>\nx\n</think>\nin your file.",
        "[Reasoning] 3 + 4 = 7",
        "<b>7</b>\n",
        "I think: 7.\n[see /reasons]\n",
    ],
)
def test_texts_that_only_look_like_thoughts_are_kept(text: str) -> None:
    assert parsed(said(message(text)))["text"] == text


@pytest.mark.parametrize(
    "block", ["<think></think>", "\u25c1think\u25b7\u25c1/think\u25b7", "<seed:think>\n</seed:think>"]
)
def test_empty_blocks_are_left_out(block: str) -> None:
    assert parsed(said(message(f"{block}\n\nIt is 7.")))["text"] == "It is 7."


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (said(message(None), written=40), "holds no text, though 40 tokens were generated .* `max_new_tokens`"),
        (said(message(""), "length", written=64), "holds no text, though 64 tokens were generated .*reasoning_effort"),
        (said(message(None), tool_calls=[{}]), "holds no text"),
        (said(message(None, tool_calls=[{"id": "1"}])), "holds no text but a tool call"),
        (said(message([{"type": "audio"}])), "holds no text but audio"),
        (said(message(), "tool_calls"), "finish_reason 'tool_calls'.*offer the model no tools"),
    ],
)
def test_replies_without_text(text: str, finding: str) -> None:
    with pytest.raises(UnusableReplyError, match=finding):
        parsed(text)


def test_hidden_reasoning_that_used_all_tokens() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 64, "completion_tokens_details": {"reasoning_tokens": 64}}
    with pytest.raises(UnusableReplyError, match=r"64 tokens were generated \(64 of them hidden reasoning\)"):
        parsed(said(message(""), usage=usage))


def test_a_model_may_say_nothing() -> None:
    assert parsed(said(message(None), written=1))["text"] == parsed(said(message(""), written=0))["text"] == ""


# Why it ended.


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        *((name, "stop") for name in ("stop", "eos", "end_turn", "stop_sequence", "eos_token", "STOP")),
        *((name, "length") for name in ("length", "max_tokens", "model_length", "MAX_TOKENS")),
        *((name, UnusableReplyError) for name in ("content_filter", "SAFETY", "recitation", "refusal")),
        *((name, UnusableReplyError) for name in ("tool_calls", "function_call", "other")),
        *((name, MalformedReplyError) for name in ("error", "abort", "cancelled", "insufficient_system_resource")),
        *((name, MalformedReplyError) for name in (None, "")),
    ],
)
def test_finish_reasons(reason: object, expected: object) -> None:
    text = said(message(), reason)
    if isinstance(expected, str):
        assert parsed(text)["finish_reason"] == expected
    else:
        with pytest.raises(expected, match="finish_reason"):  # type: ignore[call-overload]
            parsed(text)


def test_an_error_within_a_choice_says_what_it_is() -> None:
    body = json.loads(said(message("It is"), "error"))
    body["choices"][0]["error"] = {"code": 502, "message": "provider gone"}
    with pytest.raises(MalformedReplyError, match="provider gone"):
        parsed(json.dumps(body))


def test_tokens_among_which_no_letter_can_be_found() -> None:
    with pytest.raises(UnusableReplyError, match="--return-tokens-as-token-ids"):
        parsed(said(message("A"), "length", top(**{"token_id:32": -0.1, "token_id:33": -2.5})), letters=True)
    thinks = said(message(None), "length", top(**{"<think>": -0.01, "A": -9.0}))
    with pytest.raises(UnusableReplyError, match="set `think`"):
        parsed(thinks, letters=True)
    assert parsed(thinks, letters=True, think=TAGS)["top"]


# An error with status 200.


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"error": {"message": "slow down", "code": 429}}, 429, None),
        ({"error": {"message": "slow down", "code": "429", "type": "limit"}}, 429, "limit"),
        ({"error": {"message": "pay", "code": "insufficient_quota"}}, 429, "insufficient_quota"),
        ({"error": {"message": "key", "type": "authentication_error", "code": None}}, 401, "authentication_error"),
        ({"error": {"message": "who?", "code": "model_not_found"}}, 404, "model_not_found"),
        ({"error": {"message": "gone"}}, 500, None),
        ({"error": "gone"}, 500, None),
        ({"object": "error", "message": "too long", "type": "BadRequestError", "code": 400}, 400, "BadRequestError"),
        ({"detail": "not ready"}, 500, None),
        ({"error": {"message": "mid-way", "code": 502}, "choices": [{"message": message("It")}]}, 502, None),
    ],
)
def test_errors_with_status_200(body: Json, status: int, code: str | None) -> None:
    with pytest.raises(RefusalError, match="the server replied with an error") as raised:
        replies.read(json.dumps(body))
    assert (raised.value.status_code, raised.value.code) == (status, code)


@pytest.mark.parametrize("text", ["", "null", "[]", "<html>", '{"choices": []}', '{"choices": [{"text": "A"}]}', "1"])
def test_what_is_no_reply(text: str) -> None:
    with pytest.raises(MalformedReplyError, match="contains no message"):
        replies.read(text)


def test_no_error_is_none() -> None:
    assert replies.read(said(message(), error=None)).choices
    assert replies.read(said(message(), error={})).choices


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda some: st.lists(some, max_size=3)
                    | st.dictionaries(st.sampled_from(["choices", "message", "content", "error", "finish_reason",
                                                       "logprobs", "usage", "code"]), some, max_size=4)))  # fmt: skip
def test_any_json_is_a_reply_or_is_refused(value: object) -> None:
    try:
        reply = parsed(json.dumps(value))
    except ServerError:
        return
    assert isinstance(reply["text"], str)
    assert reply["finish_reason"] in ("stop", "length")


# Letters.

HALF, TENTH = math.log(0.5), math.log(0.1)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([("A", HALF), ("B", -9999.0)], (HALF, UNKNOWN)),
        ([("A", HALF), ("B", -10000.0)], (HALF, UNKNOWN)),
        ([("A", HALF), ("B", None)], (HALF, UNKNOWN)),
        ([("A", HALF), ("B", -math.inf)], (HALF, UNKNOWN)),
        ([("A", HALF), ("B", math.nan)], (HALF, UNKNOWN)),
        ([("A", -9999.0), (" A", HALF)], (HALF, UNKNOWN)),
        ([("A", HALF), ("A", HALF), ("B", TENTH)], (HALF, TENTH)),
        ([("A", HALF), ("A", TENTH)], (HALF, UNKNOWN)),
        ([("A", -800.0), (" A", -800.0)], (-800 + math.log(2), UNKNOWN)),
        ([("A", 0.0), ("B", -30.0)], (0.0, -30.0)),
    ],
)
def test_log_probabilities(tokens: list[tuple[str, float | None]], expected: tuple[float, ...]) -> None:
    assert replies.letters(tokens, ("A", "B")) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    "token",
    [
        *("A", " A", "ĠA", "▁A", "**A", "**A**", "(A", "(A)", "[A]", "A.", "A:", "A)", "\nA", "ĊA", '"A"', "'A", "`A`"),
        *("_A_", "$A", "\\(A", "{A}", "#A", "“A”", "「A」", "（A）", "A。", "：A", "Ａ", "- A", ">A", "•A", "A\n\n"),  # noqa: RUF001
    ],
)
def test_spellings_of_a_letter(token: str) -> None:
    assert replies.letters([(token, HALF), ("B", TENTH)], ("A", "B")) == pytest.approx((HALF, TENTH))


@pytest.mark.parametrize(
    "token",
    ["a", "An", "AB", "А", "Answer", "A+", "A1", "1A", "Ä", "Aʹ", "", "**", "Ġ", "¬A"],  # noqa: RUF001
)
def test_what_is_no_letter(token: str) -> None:
    found = replies.letters([(token, HALF), ("B", TENTH)], ("A", "B"))
    assert math.isnan(found[0])
    assert found[1] == pytest.approx(TENTH)


@given(
    st.lists(
        st.tuples(st.sampled_from(["A", " A", "ĠA", "(B", "B", "**B", "the"]), st.floats(-12000, -2) | st.none()),
        max_size=12,
    )
)
def test_no_letter_is_likelier_than_its_spellings_together(tokens: list[tuple[str, float | None]]) -> None:
    for letter, found in zip("AB", replies.letters(tokens, ("A", "B")), strict=True):
        values = [value for token, value in set(tokens) if letter in token and value is not None and value > -9999]
        assert math.isnan(found) == (not values)
        if values:
            assert max(values) - 1e-9 <= found <= max(values) + math.log(3) + 1e-9


def test_letters_are_read_from_the_first_place() -> None:
    reply = parsed(said(message("B"), "length", top(**{"B": -0.1, " A": -2.5, "C": None})), letters=True)
    assert replies.letters(reply["top"], ("A", "B", "C")) == pytest.approx((-2.5, -0.1, UNKNOWN), nan_ok=True)
    legacy = json.loads(said(message("B"), "length"))
    legacy["choices"][0]["logprobs"] = {"tokens": ["B"], "top_logprobs": [{"B": -0.1, " A": -2.5}]}
    assert parsed(json.dumps(legacy), letters=True)["top"] == [("B", -0.1), (" A", -2.5)]
    assert parsed(said(message("B"), None, top(B=-0.1)), letters=True)["finish_reason"] == "length"


@pytest.mark.parametrize("tops", [None, [], top(A=-9999.0), top(A=None)])
def test_letters_without_log_probabilities(tops: object) -> None:
    with pytest.raises(UnusableReplyError, match="returns no log-probabilities of letters; use `readout: text`"):
        parsed(said(message("A"), "length", tops), letters=True)


# Through the client.


@pytest.fixture
def arm(tmp_path: Path, wording: Prompts) -> Path:
    weights = ServedWeights(name="m", base_url="", turn="question")
    write_arm(tmp_path / "arm", served_base_arm("m", 1000, weights, wording))
    return tmp_path / "arm"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "PATIENCE", tenacity.wait_none())


def at(arm: Path, address: str, think: tuple[str, str] | None = None, **server: Any) -> openai.OpenAIBackend:
    record = read_arm(arm)
    settings = Server(base_url=address, attempts=3, turn="prefill" if think else "question", **server)
    weights = record.weights.model_copy(
        update={"base_url": address, "turn": settings.turn, "body": settings.body}  # as `on_server` gives them
    )
    changes: Json = {"weights": weights}
    if think:
        changes["prompts"] = prompts.thinking(record.prompts, think)
    write_arm(arm, record.model_copy(update=changes))
    return openai.OpenAIBackend(arm, settings, arm.parent / "requests.sqlite")


def as_json(messages: object, plain: str) -> str:
    return json.dumps(messages)


def questions(count: int) -> list[Prompt]:
    return [Prompt(f'[{{"role": "user", "content": "What is {number} plus 2?"}}] So') for number in range(count)]


LETTER = Probe("a", '[{"role": "user", "content": "Yes?"}]', "", "", candidates=("A", "B"))
PRICES = {"input_price": 1000.0, "output_price": 10_000.0}  # a reply of 100 and 10 tokens costs .2


def kept(arm: Path) -> int:
    database = Ledger(arm.parent / "requests.sqlite").database
    return database.execute("SELECT COUNT(*) FROM replies").fetchone()[0]


@pytest.mark.parametrize(
    ("text", "tries", "finding"),
    [
        (said(message(), "content_filter"), 1, "withheld a reply .* leave the question out of the dataset"),
        (said(message(), "error"), 3, "the server failed within the reply"),
        (said(message(), None), 3, "finish_reason is null"),
        (said(message(None, reasoning_content="First.")), 1, r"set `think` of the model to its tags"),
        (json.dumps({"error": {"message": "busy", "code": 503}}), 3, "the server replied with an error.*busy"),
        (json.dumps({"error": {"message": "busy", "code": 429}}), 3, "busy; lower concurrency, or raise attempts"),
        (json.dumps({"error": {"message": "no", "code": "insufficient_quota"}}), 1, "credit of the account is used up"),
        (json.dumps({"error": {"message": "no", "code": 401}}), 1, "OPENAI_API_KEY right"),
    ],
)
def test_nothing_damaged_is_kept(arm: Path, text: str, tries: int, finding: str) -> None:
    """One request is sent alone and, where another attempt would bring the same, paid once; no other is sent."""
    between = Between("", lambda *_: f"200 {text}")
    with pytest.raises(ServerError, match=rf"m at {between.address}: .*{finding}.*[.?] Replies that arrived"):
        at(arm, between.address, concurrency=8, **PRICES).generate(questions(4), Decoding(4))
    assert len(between.bodies) == tries
    assert kept(arm) == 0
    paid = 0 if '"error": {' in text else 0.2 * tries
    assert Ledger(arm.parent / "requests.sqlite").spent(f"m at {between.address}") == pytest.approx(paid)
    between.fault = lambda *_: f"200 {said(message('Seven.'))}"
    found = at(arm, between.address).generate(questions(4), Decoding(4))
    assert {one.text for one in found} == {"Seven."}
    assert len(between.bodies) == tries + 4


def test_letters_that_cannot_be_read_are_not_kept(arm: Path) -> None:
    between = Between("", lambda *_: f"200 {said(message('A'), 'length')}")
    with pytest.raises(ServerError, match="returns no log-probabilities of letters; use `readout: text`"):
        at(arm, between.address).score([LETTER])
    between.fault = lambda *_: f"200 {said(message('A'), 'length', top(A=-0.5))}"
    (reading,) = at(arm, between.address).score([LETTER])
    assert reading.log_probs == pytest.approx((-0.5, UNKNOWN), nan_ok=True)


def test_what_earlier_versions_kept_damaged_is_requested_again(arm: Path) -> None:
    between = Between("", lambda *_: f"200 {said(message('Seven.'))}")
    backend = at(arm, between.address)
    backend.generate(questions(4), Decoding(4))
    changes = iter(
        [{"finish_reason": "content_filter"}, {"finish_reason": None}, {"finish_reason": "length", "text": ""}]
    )
    for key, text in backend.ledger.database.execute("SELECT key, reply FROM replies").fetchall():
        # The last is an end that another server calls by another name.
        damaged = json.dumps(json.loads(text) | next(changes, {"finish_reason": "eos"}))
        backend.ledger.database.execute("UPDATE replies SET reply = ? WHERE key = ?", (damaged, key))
    found = at(arm, between.address).generate(questions(4), Decoding(4))
    assert {(one.text, one.finish_reason) for one in found} == {("Seven.", "stop")}
    assert len(between.bodies) == 4 + 3


def test_the_thoughts_of_a_server_that_puts_them_aside_are_the_chain(arm: Path) -> None:
    between = Between("", lambda *_: f"200 {said(message(None, reasoning_content='First.'), 'model_length')}")
    (found,) = at(arm, between.address, TAGS).generate(questions(1), Decoding(4))
    assert (found.text, found.finish_reason) == ("First.", "length")


def refusing(name: str, text: str, status: int = 400) -> Callable[[int, Json], str]:
    """A server that refuses a field."""
    body = json.dumps({"error": {"message": text, "param": name, "code": "unsupported_parameter"}})
    return lambda _, body_: f"{status} {body}" if name in body_ else f"200 {said(message('Seven.'))}"


OTHER_LIMIT = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
)


@pytest.mark.parametrize(
    "text",
    [
        "Unsupported parameter: 'max_tokens'",
        "Unrecognized request argument supplied: max_tokens",
        "max_tokens: Extra inputs are not permitted",
        "max_tokens is deprecated; use max_completion_tokens",
    ],
)
def test_ways_to_say_that_the_limit_has_another_name(arm: Path, text: str) -> None:
    between = Between("", refusing("max_tokens", text))
    assert len(at(arm, between.address).generate(questions(1), Decoding(4))) == 1


def test_thoughts_out_of_sight_are_reported_once(arm: Path, caplog: pytest.LogCaptureFixture) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 64, "completion_tokens_details": {"reasoning_tokens": 60}}
    between = Between("", lambda *_: f"200 {said(message('Seven.'), usage=usage)}")
    at(arm, between.address).generate(questions(3), Decoding(4))
    assert caplog.text.count("thinks out of sight (60 tokens)") == 1


@pytest.mark.parametrize("status", [400, 422, 200])
def test_the_name_of_the_limit_is_learned_once(arm: Path, status: int) -> None:
    between = Between("", refusing("max_tokens", OTHER_LIMIT, status))
    if status == 200:  # the refusal is in the body only
        body = json.dumps({"error": {"message": OTHER_LIMIT, "type": "invalid_request_error"}})
        between.fault = lambda _, sent: f"200 {body}" if "max_tokens" in sent else f"200 {said(message('Seven.'))}"
    for name, count in (("first", 3), ("another job", 3), ("new questions", 4)):
        assert len(at(arm, between.address, **PRICES).generate(questions(count), Decoding(4))) == count, name
    assert ["max_tokens" in body for body in between.bodies] == [True] + [False] * 4
    assert {body.get("max_completion_tokens") for body in between.bodies[1:]} == {4}
    assert Ledger(arm.parent / "requests.sqlite").spent(f"m at {between.address}") == pytest.approx(0.2 * 4)
    between.fault = refusing("max_completion_tokens", "Unknown field: max_completion_tokens")  # another server is there
    assert len(at(arm, between.address).generate(questions(5), Decoding(4))) == 5


def test_a_server_that_takes_neither_name_is_asked_twice(arm: Path) -> None:
    between = Between("", lambda *_: f'400 {{"error": {{"message": "{OTHER_LIMIT}"}}}}')
    with pytest.raises(ServerError, match="max_completion_tokens"):
        at(arm, between.address).generate(questions(5), Decoding(4))
    assert len(between.bodies) == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("temperature", "Unsupported value: 'temperature' does not support 0 with this model."),
        ("temperature", "`temperature` has to be strictly positive"),
        ("seed", "Unrecognized request argument supplied: seed"),
        ("top_p", "`temperature` and `top_p` cannot both be specified for this model"),
    ],
)
def test_a_field_that_a_server_refuses_is_left_out_by_the_setting(arm: Path, name: str, text: str) -> None:
    between, decoding = Between("", refusing(name, text)), Decoding(4, 0.0 if name == "temperature" else 0.8, 0.9)
    with pytest.raises(ServerError, match=r"`server\.body: \{temperature: null\}` \(or top_p, or seed\) leaves out"):
        at(arm, between.address).generate(questions(3), decoding)
    assert len(between.bodies) == 1
    assert len(at(arm, between.address, body={name: None}).generate(questions(3), decoding)) == 3
    assert name not in between.bodies[-1]


@pytest.mark.parametrize(
    ("status", "text", "hint"),
    [
        (400, "top_logprobs must be at most 5", r"`server\.body: \{top_logprobs: 5\}`"),
        (400, "This model does not support logprobs", "use `readout: text`"),
        (422, "continue_final_message: Extra inputs are not permitted", r"`server\.turn: question`"),
        (400, "The last message must have role user", r"`server\.turn: question`"),
        (400, "This model's maximum context length is 4096 tokens", "lower `max_new_tokens`"),
        (400, "The response was filtered: content management policy", "leave the question out of the dataset"),
        (400, "Missing required query parameter: api-version", r"api-version in `server\.base_url`"),
        (400, "Role system not supported", "`system` message"),
        (400, "Conversation roles must alternate user/assistant", "`system` message"),
        (
            400,
            "max_tokens or max_completion_tokens exceeds the context length",
            "lower `max_new_tokens`",
        ),
        (400, "Expected last role User or Tool (or Assistant with prefix True)", r"`server\.turn: question`"),
        (400, "max_tokens is too large: 40960. This model supports at most 16384", "lower `max_new_tokens`"),
        (400, "The model `x` does not exist", "is the model's name right"),
        (400, "API key not valid. Please pass a valid API key.", "is the key in the environment variable"),
        (400, "default chat template is no longer allowed", "give the server a chat template"),
        (400, "Unsupported value: reasoning_effort 'none'", r"`server\.body` holds what requests say about thinking"),
        (400, "strange", r"`server\.body` changes the fields of requests"),
        (402, "Insufficient Balance", "is there credit for the key"),
        (405, "Method Not Allowed", "base_url"),
    ],
)
def test_refusals_name_the_setting_that_helps(arm: Path, status: int, text: str, hint: str) -> None:
    between = Between("", lambda *_: f"{status} {json.dumps({'error': {'message': text}})}")
    with pytest.raises(ServerError, match=hint):
        at(arm, between.address).score([LETTER])
    assert len(between.bodies) == 1


def test_fields_of_the_body(arm: Path) -> None:
    """They are part of a request, and of what decides on answers."""
    between = Between("", lambda *_: f"200 {said(message('Seven.'), 'stop', top(A=-1.0))}")
    body = {"chat_template_kwargs": {"enable_thinking": False}, "reasoning_effort": "low", "top_logprobs": 5}
    backend = at(arm, between.address, body=body)
    backend.generate(questions(1), Decoding(4))
    backend.score([LETTER])
    chain, letter = between.bodies
    assert chain["chat_template_kwargs"] == {"enable_thinking": False}
    assert chain["reasoning_effort"] == letter["reasoning_effort"] == "low"
    assert ("top_logprobs" in chain, letter["top_logprobs"]) == (False, 5)
    identity = read_arm(arm).weights.identity  # type: ignore[union-attr]
    at(arm, between.address).generate(questions(1), Decoding(4))
    assert len(between.bodies) == 3
    assert identity != read_arm(arm).weights.identity  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("path", "requested", "azure"),
    [
        ("/v1", "/v1/chat/completions", False),
        ("/v1/", "/v1/chat/completions", False),
        ("?api-version=2024-10-21", "/openai/deployments/m/chat/completions?api-version=2024-10-21", True),
        ("/openai?api-version=2024-10-21", "/openai/deployments/m/chat/completions?api-version=2024-10-21", True),
        (
            "/openai/deployments/mine?api-version=2024-10-21",
            "/openai/deployments/mine/chat/completions?api-version=2024-10-21",
            True,
        ),
        ("/openai/v1/?api-version=preview", "/openai/v1/chat/completions?api-version=preview", False),
        ("/v1?project=a&zone=b", "/v1/chat/completions?project=a&zone=b", False),
    ],
)
def test_addresses(arm: Path, path: str, requested: str, azure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    between = Between("", lambda *_: f"200 {said(message('Seven.'))}")
    at(arm, between.address.removesuffix("/v1") + path).generate(questions(1), Decoding(4))
    assert between.paths == [requested]
    names = {name.lower(): value for name, value in between.headers[0].items()}
    assert names["api-key" if azure else "authorization"] == ("secret" if azure else "Bearer secret")


@pytest.mark.parametrize(
    ("server", "finding"),
    [
        ({"base_url": "https://x.y/v1?api-key=s3cret"}, "variable that key_variable names"),
        ({"base_url": "https://x.y/v1?access_token=s3cret"}, "variable that key_variable names"),
        ({"base_url": "https://x.y/v1/chat/completions"}, "leave that out"),
        ({"body": {"max_tokens": 5}}, "max_tokens is what a request asks for"),
        ({"body": {"messages": []}}, "messages is what a request asks for"),
    ],
)
def test_settings_of_servers(server: Json, finding: str) -> None:
    with pytest.raises(ValueError, match=finding):
        Server(**server)
    assert Server(base_url="https://x.openai.azure.com/openai?api-version=2024-10-21")
