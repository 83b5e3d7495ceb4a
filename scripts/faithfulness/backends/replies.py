"""What a server's reply says: the text, why it ended, and the log-probabilities of letters.

Servers differ in the names they use. What a reply says is the same for all of them, and a reply that is damaged or
holds something else than what was asked for is refused, so that it is not kept.
"""

import json
import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from faithfulness.backends.failures import MalformedReplyError, RefusalError, UnusableReplyError
from faithfulness.backends.ledger import Reply
from faithfulness.backends.protocol import FinishReason
from faithfulness.templates import CHANNEL, CLOSING, TAG

Tags = tuple[str, str]

# Why a reply ended, as servers call it.
ENDED = {"stop", "eos", "eos_token", "end_turn", "stop_sequence", "stop_token", "end", "complete", "completed"}
CUT_OFF = {"length", "max_tokens", "model_length", "max_length", "max_output_tokens", "token_limit"}
WITHHELD = {"content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii", "refusal"}
BROKEN = {"error", "failed", "abort", "aborted", "cancelled", "canceled", "insufficient_system_resource", "unknown"}

FLOOR = -9999.0  # nats; what servers write for a token that is less likely than they report
# What may surround a letter in its token: whitespace as tokenizers write it, brackets, quotes, Markdown and LaTeX.
MARKS = (
    " \t\r\n\u2581\u0120\u010a\u0109\u010d"  # the last are the bytes of whitespace in byte-level vocabularies
    "_*`#>|~$\\\"'()[]{}<.:,;/=-\u2013\u2014\u2022\u201c\u201d\u2018\u2019\u00ab\u00bb\u3010\u3011\u300c\u300d\u3001\u3002"
)
# Thinking that no server put aside: a block that begins the reply, or the end of one that the chat template opened.
OPENING = re.compile(rf"\s*(?:(?!\[){TAG}|\[THINK\]|{CHANNEL})", re.IGNORECASE)
CLOSED = re.compile(rf"(?=[<◁]|\[/THINK\])(?P<tag>{TAG})[ \t]*(?:\n|\Z)", re.IGNORECASE)
EMPTY_BLOCK = re.compile(rf"\A\s*(?P<opening>(?!\[){TAG})\s*(?P<tag>{TAG})\s*", re.IGNORECASE)  # of no thinking
NUMBERED = re.compile(r"token_id:\d+")  # what vLLM writes for tokens if it is asked for their ids
THINKS = (
    "the model thinks before it replies, and the chain would be without its thoughts; set `think` of the model to its "
    "tags, such as [<think>, </think>], with `server.turn: prefill`, or turn the thinking off: "
    "`template: {enable_thinking: false}` of the model, or `server.body: {reasoning_effort: none}`"
)
STATUS_OF_CODE = {
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_denied": 403,
    "model_not_found": 404,
    "not_found_error": 404,
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "context_length_exceeded": 400,
    "content_filter": 400,
    "invalid_request_error": 400,
    "badrequesterror": 400,
}


class Lenient(BaseModel):
    """A part of a reply; fields that are not read may be anything."""

    model_config = ConfigDict(extra="ignore")


class Part(Lenient):
    """A part of a message: text, or what the model thought before it."""

    type: str = "text"
    text: str | None = None
    thinking: "str | list[Part] | None" = None
    reasoning: str | None = None
    refusal: str | None = None

    @property
    def is_thought(self) -> bool:
        """Whether it is no part of the visible reply."""
        return "think" in self.type or "reason" in self.type or "thought" in self.type

    def words(self) -> str:
        """Its text."""
        parts = self.thinking if isinstance(self.thinking, list) else []
        thinking = self.thinking if isinstance(self.thinking, str) else "".join(part.words() for part in parts)
        return self.text or thinking or self.reasoning or self.refusal or ""


class Message(Lenient):
    """The message of a reply."""

    content: str | list[str | Part] | None = None
    refusal: str | None = None
    reasoning_content: object = None  # vLLM, SGLang, DeepSeek
    reasoning: object = None  # newer vLLM, OpenRouter, Groq
    thinking: object = None  # Ollama
    reasoning_details: list[Part] | None = None  # OpenRouter, of models whose thoughts come in parts
    tool_calls: list[object] | None = None

    def parts(self) -> list[Part]:
        """The content in parts."""
        whole = [self.content] if isinstance(self.content, str) else self.content or []
        return [Part(text=part) if isinstance(part, str) else part for part in whole]

    def visible(self) -> str:
        """The text of the reply."""
        return "".join(part.words() for part in self.parts() if not part.is_thought) or self.refusal or ""

    def thought(self) -> str:
        """What the model thought before it; '' if it did not, or the server keeps it back."""
        fields = self.reasoning_content, self.reasoning, self.thinking
        parts = [part for part in self.parts() if part.is_thought] or self.reasoning_details or []
        in_parts = "".join(part.words() for part in parts)
        return next((text for text in (*fields, in_parts) if isinstance(text, str) and text.strip()), "")


class Top(Lenient):
    """A likely token."""

    token: str
    logprob: float | None = None


class Position(Lenient):
    """A place in a reply."""

    top_logprobs: list[Top] | None = None


class LogProbs(Lenient):
    """Log-probabilities of a reply, by place."""

    content: list[Position] | None = None
    top_logprobs: list[dict[str, float | None] | None] | None = (
        None  # of the interface before chats: Together, llama.cpp
    )

    def first(self) -> list[tuple[str, float | None]]:
        """The likeliest tokens in the first place; none where the server reports none."""
        if self.content:
            return [(top.token, top.logprob) for top in self.content[0].top_logprobs or []]
        return list((self.top_logprobs[0] or {}).items()) if self.top_logprobs else []


class Held(Lenient):
    """An error in a reply."""

    message: str | None = None
    code: int | str | None = None
    type: str | None = None
    status: int | str | None = None


class Choice(Lenient):
    """One reply; no more than one is asked for."""

    message: Message
    finish_reason: str | None = None
    logprobs: LogProbs | None = None
    error: Held | str | None = None


class Details(Lenient):
    """What the generated tokens were."""

    reasoning_tokens: int | None = None


class Usage(Lenient):
    """Numbers of tokens."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    completion_tokens_details: Details | None = None


class Body(Lenient):
    """All of a reply."""

    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: Held | str | None = None
    object: str | None = None
    message: str | None = None
    detail: str | None = None
    code: int | str | None = None
    type: str | None = None


def read(text: str) -> Body:
    """A reply as the server sent it.

    Raises:
        MalformedReplyError: it is no reply.
        RefusalError: it holds an error, whatever its status.
    """
    try:
        # JSON may contain halves of surrogate pairs, which neither a file nor the next request can.
        plain = json.dumps(json.loads(text), ensure_ascii=False)
        body = Body.model_validate_json(plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    except ValueError:  # no JSON, or another form
        raise MalformedReplyError(f"the server's reply contains no message: {text[:200]!r}") from None
    held: Held | str | None = body.error
    if not held and not body.choices and (body.object == "error" or body.message or body.detail):
        held = Held(message=body.message or body.detail, code=body.code, type=body.type)
    if held and held != Held():
        raise _refusal(held)
    if not body.choices:
        raise MalformedReplyError(f"the server's reply contains no message: {text[:200]!r}")
    return body


def _refusal(held: Held | str) -> RefusalError:
    error = Held(message=held) if isinstance(held, str) else held
    names = [str(name) for name in (error.code, error.status, error.type) if name is not None]
    numbers = [int(name) for name in names if name.isdigit() and 400 <= int(name) < 600]
    known = [STATUS_OF_CODE[name.lower()] for name in names if name.lower() in STATUS_OF_CODE]
    status = next(iter([*numbers, *known]), 500)
    code = next((name for name in names if not name.isdigit()), None)
    named = f" ({', '.join(names)})" if names else ""
    return RefusalError(f"the server replied with an error{named}: {error.message}", status, code)


def parse(body: Body, letters: bool, think: Tags | None) -> Reply:
    """The parts of a reply that are kept.

    Args:
        body: of the reply.
        letters: whether the log-probabilities of letters were asked for.
        think: tags between which the model thinks.

    Returns:
        text, finish_reason ('stop' or 'length'), top (likeliest tokens in the first place and their log-probabilities;
        None where they were not asked for), sent and written (numbers of tokens; None if the server does not count
        them).

    Raises:
        MalformedReplyError: the reply is not whole.
        UnusableReplyError: it is not what was asked for, and would not be another time.
    """
    assert body.choices
    choice, usage = body.choices[0], body.usage or Usage()
    text, finish = _text(choice.message, think), _finish(choice, letters)
    top = choice.logprobs.first() if choice.logprobs else []
    if letters:
        _check_tokens(by_token(top), think)
    if not letters and not text:
        _check_silence(choice.message, finish, hidden_tokens(body), usage)
    return {
        "text": text,
        "finish_reason": finish,
        "top": top if letters else None,
        "sent": usage.prompt_tokens,
        "written": usage.completion_tokens,
    }


def _check_tokens(values: dict[str, float], think: Tags | None) -> None:
    """Refuse tokens among which no letter can be looked for."""
    if not values:
        raise UnusableReplyError("the server returns no log-probabilities of letters; use `readout: text`")
    if all(NUMBERED.fullmatch(token) for token in values):
        raise UnusableReplyError(
            "the server returns the numbers of tokens in place of their texts; start it without "
            "--return-tokens-as-token-ids, or use `readout: text`"
        )
    if think is None and OPENING.fullmatch(max(values, key=values.__getitem__)):
        raise UnusableReplyError(THINKS)


def _finish(choice: Choice, letters: bool) -> FinishReason:
    """Why a reply ended."""
    reason = choice.finish_reason
    if choice.error or (reason or "").lower() in BROKEN:
        error = choice.error
        message = error.message if isinstance(error, Held) else error
        raise MalformedReplyError(f"the server failed within the reply (finish_reason {reason!r}): {message}")
    if known := finish(reason):
        return known
    if not reason:
        if letters:  # the one token that was asked for is there
            return "length"
        raise MalformedReplyError(
            "the reply does not say why it ended (finish_reason is null), and may have been cut off; have the server "
            "send it"
        )
    if reason.lower() in WITHHELD:
        raise UnusableReplyError(
            f"the server withheld a reply (finish_reason {reason!r}); relax its filter, or leave the question out of "
            "the dataset"
        )
    raise UnusableReplyError(
        f"a reply ended for a reason that is no end of a text (finish_reason {reason!r}); have the server offer the "
        "model no tools, by fields of `server.body` or its own options"
    )


def finish(reason: str | None) -> Literal["stop", "length"] | None:
    """Whether a reply was ended by the model or cut off; None for another reason, with which it is not whole."""
    name = (reason or "").lower()
    return "stop" if name in ENDED else "length" if name in CUT_OFF else None


def _text(message: Message, think: Tags | None) -> str:
    """What the model wrote, with what it thought before, if that is its chain."""
    text, thought = message.visible(), message.thought()
    if (empty := EMPTY_BLOCK.match(text)) and CLOSING.search(empty["tag"]) and not CLOSING.search(empty["opening"]):
        text = text[empty.end() :]
    if think is None and (thought or _thinks(text)):
        raise UnusableReplyError(THINKS)
    if thought and think:
        text = f"{thought}\n{think[1]}\n{text}" if text.strip() else thought
    if not text and (message.tool_calls or message.parts()):
        kinds = ", ".join(part.type for part in message.parts() if part.type != "text") or "a tool call"
        if message.tool_calls or kinds != "a tool call":
            raise UnusableReplyError(f"a reply holds no text but {kinds}; have the server offer the model no tools")
    return text


def _thinks(text: str) -> bool:
    """Whether a reply begins with what the model thinks, in a block of its own or in one that was open before it."""
    closings = (found["tag"] for found in CLOSED.finditer(text))
    return bool(OPENING.match(text)) or any(
        CLOSING.search(tag) and tag.replace("/", "", 1) not in text.partition(tag)[0] for tag in closings
    )


def hidden_tokens(body: Body) -> int:
    """Number of tokens that a model thought out of sight."""
    details = body.usage.completion_tokens_details if body.usage else None
    return details.reasoning_tokens or 0 if details else 0


def _check_silence(message: Message, finish: FinishReason, hidden: int, usage: Usage) -> None:
    """Refuse a reply without text whose tokens are somewhere else; a model may end at once, too."""
    if finish == "length" or hidden or (message.content is None and (usage.completion_tokens or 0) > 1):
        raise UnusableReplyError(
            f"a reply holds no text, though {usage.completion_tokens or 'some'} tokens were generated ({hidden} of "
            "them hidden reasoning); raise `max_new_tokens` of the dataset (`answer_tokens` for answers), or have the "
            "model think less, as in `server.body: {reasoning_effort: none}`"
        )


def is_whole(reply: Reply, letters: bool) -> bool:
    """Whether a kept reply is one that `parse` would keep: earlier versions kept damaged ones as well."""
    if letters:
        return bool(by_token(reply["top"] or []))
    reason = finish(reply["finish_reason"])
    return reason is not None and not (reason == "length" and not reply["text"])


def by_token(top: Sequence[tuple[str, float | None]]) -> dict[str, float]:
    """Log-probability of each token, in nats: a token that comes twice once, those without a probability not at all."""
    values: dict[str, float] = {}
    for token, value in top:
        if value is not None and math.isfinite(value) and value > FLOOR:
            values[token] = max(value, values.get(token, -math.inf))
    return values


def letters(top: Sequence[tuple[str, float | None]], candidates: Sequence[str]) -> tuple[float, ...]:
    """Log-probability of each letter, summed over the tokens that spell it (`A`, ` A`, `(A`, `**A`).

    Args:
        top: the likeliest tokens, and their log-probabilities in nats; None where the server has none.
        candidates: letters.

    Returns:
        NaN for a letter that is not among the tokens: less likely than those, but not impossible.
    """
    by_letter: dict[str, list[float]] = {}
    for token, value in by_token(top).items():
        by_letter.setdefault(unicodedata.normalize("NFKC", token).strip(MARKS), []).append(value)
    return tuple(_log_sum(by_letter[name]) if name in by_letter else math.nan for name in candidates)


def _log_sum(values: Sequence[float]) -> float:
    """Logarithm of the sum of numbers that are given by their logarithms."""
    most = max(values)
    return most + math.log(sum(math.exp(value - most) for value in values))
