"""What can go wrong with a request to a server: which errors may pass, and the setting that helps with the others."""

import json
from dataclasses import dataclass

import openai


class ServerError(RuntimeError):
    """A request failed for good. Replies that arrived before are kept."""


class MalformedReplyError(ServerError):
    """A reply is not whole, or is none; another attempt may bring a whole one."""


class UnusableReplyError(ServerError):
    """A reply is whole and cannot be used with these settings; another attempt would bring the same."""


class RefusalError(ServerError):
    """A reply with status 200 that holds an error.

    Attributes:
        status_code: the status that the server should have sent.
        code: the error's name; None if it has none.
    """

    def __init__(self, message: str, status_code: int, code: str | None) -> None:
        super().__init__(message)
        self.status_code, self.code = status_code, code


@dataclass(frozen=True)
class Cause:
    """A reason for which servers refuse requests, and what a person may do about it."""

    phrases: tuple[str, ...]  # in lower case; one of them is in the server's message
    hint: str


# What the message of a refused request (400, 413 or 422) names; the first that fits counts.
CAUSES = (
    Cause(
        ("content_filter", "content management", "content filter", "safety polic", "moderation"),
        hint="the server filters what it is asked: relax its filter, or leave the question out of the dataset",
    ),
    Cause(
        (
            *("context length", "context_length", "context window", "too long", "too many tokens", "max_model_len"),
            *("is too large", "completion tokens"),
        ),
        hint="lower `max_new_tokens` of the dataset, or have the server take longer contexts",
    ),
    Cause(
        ("logprobs",),
        hint="use `readout: text`; or, where the server returns fewer log-probabilities, `server.body: "
        "{{top_logprobs: 5}}`",
    ),
    Cause(("api-version", "api version", "api_version"), hint="is the api-version in `server.base_url` right?"),
    Cause(
        ("temperature", "top_p", "seed"),
        hint="`server.body: {{temperature: null}}` (or top_p, or seed) leaves out what the server refuses; its replies "
        "are then sampled as it does by default",
    ),
    Cause(
        (
            "continue_final_message",
            "add_generation_prompt",
            "prefill",
            "last message",
            "assistant message",
            "last role",
        ),
        hint="where a server continues no unfinished turn, `server.turn: question` asks for the answer in a turn of "
        "its own",
    ),
    Cause(("chat template",), hint="give the server a chat template for the model (vLLM: --chat-template)"),
    Cause(
        ("reasoning", "thinking", "chat_template_kwargs"),
        hint="`server.body` holds what requests say about thinking, and the server wants it otherwise",
    ),
    Cause(("system", "developer", "alternate"), hint="leave out the model's `system` message"),
    Cause(("api key", "api_key"), hint="is the key in the environment variable {key_variable} right?"),
    Cause(
        ("credit", "billing", "balance"), hint="is there credit for the key in the environment variable {key_variable}?"
    ),
    Cause(("model name", "model is required", "does not exist", "model not found"), hint="is the model's name right?"),
)
ACCEPTS = Cause(
    (),
    hint="does the server accept top_logprobs (`readout: letters`) and unfinished turns (`server.turn: prefill`)? "
    "`server.body` changes the fields of requests",
)
STATUSES = {
    401: Cause((), hint="is the key in the environment variable {key_variable} right?"),
    402: Cause((), hint="is there credit for the key in the environment variable {key_variable}?"),
    403: Cause((), hint="may the key in the environment variable {key_variable} use this model?"),
    404: Cause((), hint="is the model's name right, and does `server.base_url` end with the version of the interface?"),
    405: Cause((), hint="does `server.base_url` end with the version of the interface?"),
    408: Cause((), hint="raise `server.timeout`"),
    429: Cause((), hint="lower concurrency, or raise attempts"),
}
SPENT = "insufficient_quota"
NO_CREDIT = Cause((), hint="the credit of the account is used up")
TIMEOUT = Cause((), hint="raise `server.timeout`, or lower `server.concurrency`")
CONNECTION = Cause((), hint="is the server running, and is base_url right?")
OTHER = Cause((), hint="see the server's log")
# How servers say that they do not know a field of a request.
UNKNOWN = (
    "unsupported",
    "not supported",
    "instead",
    "unrecogni",
    "unknown",
    "not permitted",
    "unexpected",
    "deprecated",
)
REFUSED = {400, 413, 422}
PASSING = {408, 409, 429}  # and all from 500


def status_of(error: BaseException | None) -> int | None:
    """The status of a refused request; None for other errors."""
    return error.status_code if isinstance(error, (openai.APIStatusError, RefusalError)) else None


def hint_for(error: BaseException, key_variable: str) -> str:
    """What a person may do about an error."""
    return _cause(error).hint.format(key_variable=key_variable)


def _cause(error: BaseException) -> Cause:
    status, text = status_of(error), str(error).lower()
    if isinstance(error, openai.APITimeoutError):
        return TIMEOUT
    if isinstance(error, openai.APIConnectionError):
        return CONNECTION
    if _is_spent(error):
        return NO_CREDIT
    if status in REFUSED:
        return next((cause for cause in CAUSES if any(phrase in text for phrase in cause.phrases)), ACCEPTS)
    return STATUSES.get(status or 0, OTHER)


def _is_spent(error: BaseException) -> bool:
    return isinstance(error, (openai.APIStatusError, RefusalError)) and error.code == SPENT


def is_transient(error: BaseException) -> bool:
    """Whether another attempt may succeed; waiting does not bring back a quota that is used up."""
    status = status_of(error)
    if status is not None:
        return (status in PASSING or status >= 500) and not _is_spent(error)
    malformed = MalformedReplyError, openai.APIResponseValidationError, json.JSONDecodeError
    return isinstance(error, (openai.APIConnectionError, *malformed))


def other_limit(error: BaseException, name: str) -> str | None:
    """What a server wants the limit of new tokens called, if that is why it refused a request.

    Args:
        error: what came of the request.
        name: what the request called it.
    """
    text = str(error).lower()
    if status_of(error) not in REFUSED or name not in text or not any(phrase in text for phrase in UNKNOWN):
        return None
    return "max_tokens" if name == "max_completion_tokens" else "max_completion_tokens"
