"""Writing and reading through an OpenAI-compatible server.

Prompts stay texts: the messages as JSON, and after them how the assistant's turn begins. Where the server goes on with
such a turn (`turn: prefill`), it is sent as it is. Where not (`turn: question`), the beginning joins what the user says
when chains are written, and the answer is asked for in a second turn of the user (Lanham et al. 2023, section 2.1).
"""

import json
import logging
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import tenacity

from faithfulness.arms.record import prompts_of, read_arm
from faithfulness.backends import Completion, Decoding, Probe, Prompt, Propose, Reading
from faithfulness.config.models import Server
from faithfulness.hashing import digest
from faithfulness.ledger import BudgetError, Ledger

logger = logging.getLogger("faithfulness")
logging.getLogger("httpx2").setLevel(logging.WARNING)  # it tells every request

Request = dict[str, Any]
Reply = dict[str, Any]

TEMPLATE = 256  # tokens that a server may put around the messages, generously, before the reply tells
TOP = 20  # tokens whose log-probability a server tells at most
PATIENCE = tenacity.wait_random_exponential(multiplier=1, max=60)  # seconds between the tries of a request
TRANSIENT = (
    openai.APIConnectionError,  # no connection, one that was cut, or no reply in time
    openai.RateLimitError,
    openai.InternalServerError,
    openai.ConflictError,
)
HINTS = {
    openai.APIConnectionError: "is it running, and is base_url right?",
    openai.AuthenticationError: "is the key in the environment variable {key_variable} right?",
    openai.PermissionDeniedError: "may the key in the environment variable {key_variable} use this model?",
    openai.NotFoundError: "is the model's name right, and does base_url end with its version?",
    openai.RateLimitError: "lower concurrency, or raise attempts",
    openai.BadRequestError: "does it take top_logprobs (readout: letters) and unfinished turns?",
    openai.UnprocessableEntityError: "does it take top_logprobs (readout: letters) and unfinished turns?",
}


class ServerError(RuntimeError):
    """A server does not do what is asked of it; replies that came before are kept."""


class MalformedReplyError(ServerError):
    """A reply is not what the interface promises."""


class Messages:
    """In the place of a tokenizer: its chat template leaves messages as they are, as JSON."""

    chat_template = "JSON"

    @staticmethod
    def apply_chat_template(messages: list[dict[str, str]], **_: Any) -> str:
        """The messages as text."""
        return json.dumps(messages, ensure_ascii=False)


class OpenAIBackend:
    """One arm on a server; see `backends.Backend`.

    Args:
        folder: the arm's folder.
        server: how it is asked; what decides on answers is taken from the arm.
        ledger: where replies are kept.

    Raises:
        ServerError: OpenAI's own server is asked for, and there is no key.
    """

    tokenizer_hash = None  # it tells no token ids

    def __init__(self, folder: Path, server: Server, ledger: Path) -> None:
        self.arm, self.server, self.tokenizer = read_arm(folder), server, Messages()
        self.served, self.wording = self.arm["served"], prompts_of(self.arm)
        self.account = f"{self.served['name']} at {self.served['base_url']}"
        self.ledger = Ledger(ledger)
        self.key = os.environ.get(server.key_variable, "")
        if not self.key and self.served["base_url"] == Server().base_url:
            raise ServerError(f"{self.account} wants a key; put it into the environment variable {server.key_variable}")
        self.client = openai.OpenAI(
            api_key=self.key or "none", base_url=self.served["base_url"], timeout=server.timeout, max_retries=0
        )

    def write(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        """Continue each prompt."""
        sampling: dict[str, Any] = {"max_tokens": decoding.max_new_tokens, "temperature": decoding.temperature}
        if decoding.temperature:
            sampling["top_p"] = decoding.top_p
        requests = []
        for prompt in prompts:
            seed = {"seed": prompt.seed} if decoding.temperature else {}
            requests.append(self._request(*split(prompt.text), "", None) | sampling | seed)
        return [
            Completion(reply["text"], "length" if reply["finish_reason"] == "length" else "stop")
            for reply in self._ask(requests)
        ]

    def read(self, probes: Sequence[Probe], propose: Propose | None = None) -> list[Reading]:
        """Log-probabilities of letters, or the text of the reply; no server tells those of a text that is proposed."""
        readings = []
        for probe, reply in zip(probes, self._ask([self._reading(probe) for probe in probes]), strict=True):
            if not probe.candidates:
                readings.append(Reading((), (), reply["text"]))
                continue
            if not reply["top"]:
                raise ServerError(f"{self.account} tells no log-probabilities of letters; use `readout: text`")
            readings.append(Reading(letters(reply["top"], probe.candidates), (1,) * len(probe.candidates)))
        return readings

    def _reading(self, probe: Probe) -> Request:
        messages, begun = split(probe.prompt)
        form = "letter" if probe.candidates else "answer"
        request = self._request(messages, begun + probe.chain, probe.cue, form) | {"temperature": 0}
        if probe.candidates:
            return request | {"max_tokens": 1, "logprobs": True, "top_logprobs": TOP}
        return request | {"max_tokens": probe.answer_tokens}

    def _request(self, messages: list[dict[str, str]], begun: str, cue: str, form: str | None) -> Request:
        """Messages, and how far the assistant has come with its turn; `form` of the answer wanted, None for a chain."""
        messages = [dict(message) for message in messages]
        if self.served["turn"] == "prefill":
            messages.append({"role": "assistant", "content": begun + cue})
            # Not of OpenAI's interface, but of vLLM's and others that continue a turn.
            return self._of(messages) | {"extra_body": {"continue_final_message": True, "add_generation_prompt": False}}
        asked = begun.strip() if form is None else self.wording.second_turn.format(form=form)
        if form is not None and begun:
            messages += [{"role": "assistant", "content": begun}, {"role": "user", "content": asked}]
        else:
            messages[-1]["content"] += f"\n\n{asked}"
        return self._of(messages)

    def _of(self, messages: list[dict[str, str]]) -> Request:
        return {"model": self.served["name"], "messages": messages}

    # Asking

    def _ask(self, requests: Sequence[Request]) -> list[Reply]:
        """The replies, in order: those of the ledger, and of the server, several at a time; the same only once."""
        keys = [digest(self.served["base_url"], request, self.wording.version) for request in requests]
        found = {key: self.ledger.reply(key) for key in keys}
        missing = {key: request for key, request in zip(keys, requests, strict=True) if found[key] is None}
        with ThreadPoolExecutor(self.server.concurrency) as pool:
            try:
                found |= dict(zip(missing, pool.map(self._reply, missing, missing.values()), strict=True))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        self._account_for(
            [reply for key, reply in found.items() if key in missing and reply], len(found) - len(missing)
        )
        return [reply for reply in map(found.get, keys) if reply]

    def _account_for(self, replies: Sequence[Reply], known: int) -> None:
        sent, written = (sum(reply[name] or 0 for reply in replies) for name in ("sent", "written"))
        spent, most = self.ledger.spent(self.account), self.server.max_cost
        logger.info("%s: %d requests, %d replies known before", self.account, len(replies), known)
        logger.info(
            "%d tokens sent, %d written; %.4f spent in all%s", sent, written, spent, f" of {most}" if most else ""
        )

    def _reply(self, key: str, request: Request) -> Reply:
        """One reply, after as many tries as it takes."""
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.server.attempts),
            retry=tenacity.retry_if_exception(is_transient),
            wait=patience,
            before_sleep=self._tell,
            reraise=True,
        )
        try:
            return retrying(self._try, key, request)
        except (BudgetError, ServerError):
            raise
        except (openai.OpenAIError, ValueError) as error:
            hint = next((hint for kind, hint in HINTS.items() if isinstance(error, kind)), "see its own log")
            hint = hint.format(key_variable=self.server.key_variable)
            raise ServerError(f"{self.account}: {self._said(error)}; {hint} Replies so far are kept.") from None

    def _try(self, key: str, request: Request) -> Reply:
        number = self.ledger.send(self.account, self._most(request), self.server.max_cost)
        try:
            reply = parse(self.client.chat.completions.create(**request))
        except openai.APIStatusError:
            self.ledger.refused(number)
            raise
        sent, written = reply["sent"], reply["written"]
        cost = self._most(request) if sent is None or written is None else self._cost(sent, written)
        self.ledger.replied(number, self.account, key, reply, cost)
        return reply

    def _tell(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        logger.warning("%s: %s; trying again in %.1f s", self.account, self._said(error), state.upcoming_sleep)

    def _cost(self, sent: int, written: int) -> float:
        return (sent * self.server.input_price + written * self.server.output_price) / 1e6

    def _most(self, request: Request) -> float:
        """What a request costs at most: no token is shorter than a byte."""
        size = TEMPLATE + sum(len(message["content"].encode()) for message in request["messages"])
        return self._cost(size, request["max_tokens"])

    def _said(self, error: BaseException | None) -> str:
        """What an error says, in one line and without the key."""
        text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return text.replace(self.key, "***") if self.key else text


def split(prompt: str) -> tuple[list[dict[str, str]], str]:
    """The messages of a prompt, and how the assistant's turn begins after them."""
    messages, end = json.JSONDecoder().raw_decode(prompt)
    return messages, prompt[end:]


def letters(top: Sequence[tuple[str, float]], candidates: Sequence[str]) -> tuple[float, ...]:
    """Log-probability of each letter among the likeliest tokens, all its spellings together (`A`, ` A`, `(A`).

    One that is not among them is censored, NaN: less likely than they are, but not impossible.
    """
    found: dict[str, float] = {}
    for token, value in top:
        letter = token.strip(" \n(.):")
        found[letter] = math.log(math.exp(found.get(letter, -math.inf)) + math.exp(value))
    return tuple(found.get(candidate, math.nan) for candidate in candidates)


def parse(completion: Any) -> Reply:
    """What is kept of a reply.

    Raises:
        MalformedReplyError: it holds no choice of a message.
    """
    try:
        (choice, *_), usage = completion.choices, completion.usage
        first = choice.logprobs.content[0] if choice.logprobs and choice.logprobs.content else None
        return {
            # JSON may hold halves of characters, which no file and no next request can.
            "text": (choice.message.content or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
            "finish_reason": choice.finish_reason,
            "top": [(one.token, one.logprob) for one in first.top_logprobs] if first else None,
            "sent": usage.prompt_tokens if usage else None,
            "written": usage.completion_tokens if usage else None,
        }
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise MalformedReplyError(f"a reply that is none: {str(completion)[:200]!r}") from error


def is_transient(error: BaseException) -> bool:
    """Whether trying again may help: a quota that is used up does not come back by waiting."""
    if isinstance(error, openai.RateLimitError):
        return error.code != "insufficient_quota"
    return isinstance(error, (*TRANSIENT, MalformedReplyError, openai.APIResponseValidationError, json.JSONDecodeError))


def patience(state: tenacity.RetryCallState) -> float:
    """Seconds until the next try: ever longer and jittered, and no shorter than the server asks for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.response.headers.get("retry-after", "") if isinstance(error, openai.APIStatusError) else ""
    return max(PATIENCE(state), float(asked) if asked.replace(".", "", 1).isdigit() else 0.0)
