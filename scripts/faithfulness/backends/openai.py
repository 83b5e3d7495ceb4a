"""Generating and scoring through a server with OpenAI's interface.

A prompt remains a text: the messages as JSON, followed by the beginning of the assistant's turn. A server that
continues an unfinished turn (`turn: prefill`) is sent the turn as it is. For others (`turn: question`), the beginning
becomes part of the user's message when a chain is generated, and the answer is asked for in a second turn of the user
(Lanham et al. 2023, section 2.1).
"""

import json
import logging
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import openai
import tenacity
from openai.types.chat import ChatCompletion

from faithfulness.arms.record import ServedWeights, read_arm
from faithfulness.backends.ledger import BudgetError, Ledger, Reply
from faithfulness.backends.protocol import Completion, Decoding, Probe, Prompt, Propose, Reading
from faithfulness.config.servers import Server
from faithfulness.hashing import digest
from faithfulness.prompts import Message, Prompts

logger = logging.getLogger("faithfulness")

Request = dict[str, Any]  # keyword arguments of the client's `create`, which JSON can hold

TEMPLATE_TOKENS = 256  # more than a server's chat template adds to the messages; for the cost before the reply is there
TOP_LOGPROBS = 20  # the most that OpenAI's interface returns
PATIENCE = tenacity.wait_random_exponential(multiplier=1, max=60)  # seconds between the attempts of a request
TRANSIENT = (
    openai.APIConnectionError,  # no connection, a cut one, or a timeout
    openai.RateLimitError,
    openai.InternalServerError,
    openai.ConflictError,
)


@dataclass(frozen=True)
class Failure:
    """A kind of error, and what a person may do about it."""

    kind: type[Exception]
    hint: str


ACCEPTS = Failure(
    openai.BadRequestError,
    hint="does the server accept top_logprobs (readout: letters) and unfinished turns?",
)
FAILURES = (  # the first that fits counts
    Failure(openai.APIConnectionError, hint="is the server running, and is base_url right?"),
    Failure(openai.AuthenticationError, hint="is the key in the environment variable {key_variable} right?"),
    Failure(
        openai.PermissionDeniedError,
        hint="may the key in the environment variable {key_variable} use this model?",
    ),
    Failure(
        openai.NotFoundError,
        hint="is the model's name right, and does base_url end with the version of the interface?",
    ),
    Failure(openai.RateLimitError, hint="lower concurrency, or raise attempts"),
    ACCEPTS,
    replace(ACCEPTS, kind=openai.UnprocessableEntityError),
    Failure(Exception, hint="see the server's log"),
)


class ServerError(RuntimeError):
    """A request failed for good. Replies that arrived before are kept."""


class MalformedReplyError(ServerError):
    """A reply does not contain what the interface promises."""


class OpenAIBackend:
    """An arm on a server; see `protocol.Backend`.

    Args:
        folder: folder of the arm.
        server: settings of requests that do not change the replies; those that do are taken from the arm.
        ledger: database of replies.

    Raises:
        ServerError: the server is OpenAI's own, and there is no key.
    """

    tokenizer = None  # servers return no token ids
    tokenizer_hash = None

    def __init__(self, folder: Path, server: Server, ledger: Path) -> None:
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs every request
        self.arm, self.server = read_arm(folder), server
        if not isinstance(self.arm.weights, ServedWeights):
            raise ServerError(f"{folder} holds no arm of a model on a server")
        self.served, self.wording = self.arm.weights, self.arm.prompts
        self.account = f"{self.served.name} at {self.served.base_url}"
        self.ledger = Ledger(ledger)
        self.key = os.environ.get(server.key_variable, "")
        if not self.key and self.served.base_url == Server().base_url:
            raise ServerError(f"{self.account} needs a key; set the environment variable {server.key_variable}")
        self.client = openai.OpenAI(
            api_key=self.key or "none", base_url=self.served.base_url, timeout=server.timeout, max_retries=0
        )

    def render(self, messages: Sequence[Message], prompts: Prompts) -> str:
        """The messages as JSON: the server applies its chat template itself."""
        return json.dumps(messages, ensure_ascii=False)

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        """Continue each prompt."""
        sampling: Request = {"max_tokens": decoding.max_new_tokens, "temperature": decoding.temperature}
        if decoding.temperature:
            sampling["top_p"] = decoding.top_p
        requests = []
        for prompt in prompts:
            messages, beginning = split(prompt.text)
            request = self._chain_request(messages, beginning) | sampling
            requests.append(request | {"seed": prompt.seed} if decoding.temperature else request)
        return [
            Completion(reply["text"], "length" if reply["finish_reason"] == "length" else "stop")
            for reply in self.replies(requests)
        ]

    def score(self, probes: Sequence[Probe], propose: Propose | None = None) -> list[Reading]:
        """Log-probabilities of letters, or the text of the answer.

        `propose` is not used: no server returns the log-probability of a text that it did not generate itself.

        Raises:
            ServerError: the server returns no log-probabilities.
        """
        readings = []
        replies = self.replies([self.answer_request(probe) for probe in probes])
        for probe, reply in zip(probes, replies, strict=True):
            if not probe.candidates:
                readings.append(Reading((), (), reply["text"]))
                continue
            if not reply["top"]:
                raise ServerError(f"{self.account} returns no log-probabilities of letters; use `readout: text`")
            readings.append(Reading(letters(reply["top"], probe.candidates), (1,) * len(probe.candidates)))
        return readings

    # Requests

    def answer_request(self, probe: Probe) -> Request:
        """Ask for a letter and its log-probability if the probe has candidates, else for a text."""
        messages, beginning = split(probe.prompt)
        turn = beginning + probe.chain
        form = "letter" if probe.candidates else "answer"
        if self.served.turn == "prefill":
            request = self._continue_turn(messages, turn + probe.cue)
        elif turn:
            question = {"role": "user", "content": self.wording.second_turn.format(form=form)}
            request = self._request([*messages, {"role": "assistant", "content": turn}, question])
        else:
            request = self._request(_append(messages, self.wording.second_turn.format(form=form)))
        request["temperature"] = 0
        if probe.candidates:
            return request | {"max_tokens": 1, "logprobs": True, "top_logprobs": TOP_LOGPROBS}
        return request | {"max_tokens": probe.answer_tokens}

    def _chain_request(self, messages: list[Message], beginning: str) -> Request:
        if self.served.turn == "prefill":
            return self._continue_turn(messages, beginning)
        return self._request(_append(messages, beginning.strip()))

    def _continue_turn(self, messages: list[Message], turn: str) -> Request:
        """Have an unfinished turn of the assistant continued; not in OpenAI's interface, but in vLLM's and others."""
        options = {"continue_final_message": True, "add_generation_prompt": False}
        return self._request([*messages, {"role": "assistant", "content": turn}]) | {"extra_body": options}

    def _request(self, messages: list[Message]) -> Request:
        return {"model": self.served.name, "messages": messages}

    # Replies

    def replies(self, requests: Sequence[Request]) -> list[Reply]:
        """Replies from the ledger or, several at a time, from the server. Equal requests are sent once."""
        keys = [digest(self.served.base_url, request, self.wording.version) for request in requests]
        by_key = {key: self.ledger.reply(key) for key in keys}
        missing = {key: request for key, request in zip(keys, requests, strict=True) if by_key[key] is None}
        with ThreadPoolExecutor(self.server.concurrency) as pool:
            try:
                new = list(pool.map(self._reply, missing, missing.values()))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        by_key |= dict(zip(missing, new, strict=True))
        self._log(new, len(by_key) - len(missing))
        return [reply for reply in map(by_key.get, keys) if reply is not None]

    def _log(self, new: Sequence[Reply], known: int) -> None:
        sent, generated = (sum(reply[name] or 0 for reply in new) for name in ("sent", "written"))
        spent, limit = self.ledger.spent(self.account), self.server.max_cost
        logger.info("%s: %d requests sent, %d replies known before", self.account, len(new), known)
        of_limit = f" of {limit}" if limit else ""
        logger.info("%d tokens sent, %d generated; %.4f spent in total%s", sent, generated, spent, of_limit)

    def _reply(self, key: str, request: Request) -> Reply:
        """One reply, after as many attempts as it takes."""
        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.server.attempts),
            retry=tenacity.retry_if_exception(is_transient),
            wait=patience,
            before_sleep=self._log_failure,
            reraise=True,
        )
        try:
            return attempts(self._attempt, key, request)
        except (BudgetError, ServerError):
            raise
        except (openai.OpenAIError, ValueError) as error:
            hint = next(failure.hint for failure in FAILURES if isinstance(error, failure.kind))
            hint = hint.format(key_variable=self.server.key_variable)
            raise ServerError(  # without the error itself, which may contain the key
                f"{self.account}: {self._text(error)}; {hint}. Replies that arrived before are kept"
            ) from None

    def _attempt(self, key: str, request: Request) -> Reply:
        number = self.ledger.send(self.account, self._highest_cost(request), self.server.max_cost)
        try:
            reply = parse(self.client.chat.completions.create(**request))
        except openai.APIStatusError:
            self.ledger.refused(number)
            raise
        sent, generated = reply["sent"], reply["written"]
        known = sent is not None and generated is not None
        cost = self._cost(sent, generated) if known else self._highest_cost(request)
        self.ledger.replied(number, self.account, key, reply, cost)
        return reply

    def _log_failure(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        logger.warning("%s: %s; trying again in %.1f s", self.account, self._text(error), state.upcoming_sleep)

    def _cost(self, sent: int, generated: int) -> float:
        """Cost of numbers of tokens, whose prices are per million."""
        return (sent * self.server.input_price + generated * self.server.output_price) / 1e6

    def _highest_cost(self, request: Request) -> float:
        """The most that a request can cost: a token is at least one byte."""
        sent = TEMPLATE_TOKENS + sum(len(message["content"].encode()) for message in request["messages"])
        return self._cost(sent, request["max_tokens"])

    def _text(self, error: BaseException | None) -> str:
        """An error in one line, without the key."""
        text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return text.replace(self.key, "***") if self.key else text


def split(prompt: str) -> tuple[list[Message], str]:
    """The messages of a prompt, and the beginning of the assistant's turn after them."""
    messages, end = json.JSONDecoder().raw_decode(prompt)
    return messages, prompt[end:]


def _append(messages: list[Message], text: str) -> list[Message]:
    """The messages with a further paragraph in the last one."""
    *before, last = messages
    return [*before, last | {"content": f"{last['content']}\n\n{text}"}]


def letters(top: Sequence[tuple[str, float]], candidates: Sequence[str]) -> tuple[float, ...]:
    """Log-probability of each letter, summed over the tokens that spell it (`A`, ` A`, `(A`).

    Args:
        top: the likeliest tokens, and their log-probabilities in nats.
        candidates: letters.

    Returns:
        NaN for a letter that is not among the tokens: less likely than those, but not impossible.
    """
    by_letter: dict[str, float] = {}
    for token, value in top:
        letter = token.strip(" \n(.):")
        by_letter[letter] = math.log(math.exp(by_letter.get(letter, -math.inf)) + math.exp(value))
    return tuple(by_letter.get(candidate, math.nan) for candidate in candidates)


def parse(completion: ChatCompletion) -> Reply:
    """The parts of a reply that are kept.

    Returns:
        text, finish_reason, top (likeliest tokens in the first place and their log-probabilities; None without), sent
        and written (numbers of tokens; None if the server does not count them).

    Raises:
        MalformedReplyError: it contains no message.
    """
    try:
        choice, usage = completion.choices[0], completion.usage
        first = choice.logprobs.content[0] if choice.logprobs and choice.logprobs.content else None
        return {
            # JSON may contain halves of surrogate pairs, which neither a file nor the next request can.
            "text": (choice.message.content or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
            "finish_reason": choice.finish_reason,
            "top": [(token.token, token.logprob) for token in first.top_logprobs] if first else None,
            "sent": usage.prompt_tokens if usage else None,
            "written": usage.completion_tokens if usage else None,
        }
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise MalformedReplyError(f"the server's reply contains no message: {str(completion)[:200]!r}") from error


def is_transient(error: BaseException) -> bool:
    """Whether another attempt may succeed; waiting does not bring back a quota that is used up."""
    if isinstance(error, openai.RateLimitError):
        return error.code != "insufficient_quota"
    return isinstance(error, (*TRANSIENT, MalformedReplyError, openai.APIResponseValidationError, json.JSONDecodeError))


def patience(state: tenacity.RetryCallState) -> float:
    """Seconds until the next attempt: longer each time, random, and no shorter than the server asks for."""
    error = state.outcome.exception() if state.outcome else None
    header = error.response.headers.get("retry-after", "") if isinstance(error, openai.APIStatusError) else ""
    requested = float(header) if header.replace(".", "", 1).isdigit() else 0.0
    return max(PATIENCE(state), requested)
