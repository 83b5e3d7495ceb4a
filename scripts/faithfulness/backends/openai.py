"""Generating and scoring through a server with OpenAI's interface.

A prompt remains a text: the messages as JSON, followed by the beginning of the assistant's turn. A server that
continues an unfinished turn (`turn: prefill`) is sent the turn as it is. For others (`turn: question`), the beginning
becomes part of the user's message when a chain is generated, and the answer is asked for in a second turn of the user
(Lanham et al. 2023, section 2.1).
"""

import functools
import json
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import openai
import tenacity

from faithfulness.arms.record import ServedWeights, read_arm
from faithfulness.backends import prefill_check
from faithfulness.backends.failures import (
    RefusalError,
    ServerError,
    UnusableReplyError,
    hint_for,
    is_transient,
    other_limit,
)
from faithfulness.backends.ledger import Ledger, Reply
from faithfulness.backends.protocol import Begun, Completion, Decoding, Probe, Prompt, Propose, Reading
from faithfulness.backends.replies import finish, hidden_tokens, is_whole, letters, parse, read
from faithfulness.config.servers import Server
from faithfulness.hashing import digest
from faithfulness.prompts import Message, Prompts

logger = logging.getLogger("faithfulness")

Request = dict[str, Any]  # keyword arguments of the client's `create`, which JSON can hold

TEMPLATE_TOKENS = 256  # more than a server's chat template adds to the messages; for the cost before the reply is there
TOP_LOGPROBS = 20  # the most that OpenAI's interface returns
PATIENCE = tenacity.wait_random_exponential(multiplier=1, max=60)  # seconds between the attempts of a request
OPTIONAL = {"temperature", "top_p", "seed", "logprobs", "top_logprobs"}  # fields that only some requests have
LIMIT = "max_tokens"  # what a request calls the limit of new tokens, unless its server wants another name


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
        self.client = client_of(self.served.base_url, self.key or "none", server.timeout)
        self.check_turn = functools.cache(self._check_turn)  # once in a job
        self.accepted = False  # whether the server has replied to a request of this job
        self.warned = False

    def render(self, messages: Sequence[Message], prompts: Prompts) -> str:
        """The messages as JSON: the server applies its chat template itself."""
        return json.dumps(messages, ensure_ascii=False)

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        """Continue each prompt.

        What was begun is written on where the server continues turns: it encodes the text so far again, and samples
        with another seed. It is written anew elsewhere, and where it is too long, as the server returns no tokens.
        """
        self.check_turn()
        limit = decoding.max_new_tokens
        begun = [prompt.begun and self._usable(prompt.begun, limit) for prompt in prompts]
        open_ = [i for i, before in enumerate(begun) if not (before and before.stays(limit))]
        replies = self.replies([self._writing_request(prompts[i], begun[i], decoding) for i in open_])
        completions = [before.completion if before else Completion("", "stop") for before in begun]
        for i, reply in zip(open_, replies, strict=True):
            text = completions[i].text + reply["text"]
            completions[i] = Completion(text, finish(reply["finish_reason"]) or "stop")
        return completions

    def score(self, probes: Sequence[Probe], propose: Propose | None = None) -> list[Reading]:
        """Log-probabilities of letters, or the text of the answer.

        `propose` is not used: no server returns the log-probability of a text that it did not generate itself.
        """
        self.check_turn()
        readings = []
        replies = self.replies([self.answer_request(probe) for probe in probes])
        for probe, reply in zip(probes, replies, strict=True):
            if probe.candidates:
                readings.append(Reading(letters(reply["top"], probe.candidates), (1,) * len(probe.candidates)))
            else:
                readings.append(Reading((), (), reply["text"]))
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

    def _usable(self, begun: Begun, limit: int) -> Begun | None:
        """What was begun, if a chain with a token limit can begin with it."""
        on = begun.limit < limit and bool(begun.completion.text) and self.served.turn == "prefill"
        return begun if on or begun.stays(limit) else None

    def _writing_request(self, prompt: Prompt, begun: Begun | None, decoding: Decoding) -> Request:
        """Have a chain written, or what was begun of it written on."""
        messages, beginning = split(prompt.text)
        written, drawn = (begun.completion.text, begun.limit) if begun else ("", 0)
        request = self._chain_request(messages, beginning + written)
        request |= {"max_tokens": decoding.max_new_tokens - drawn, "temperature": decoding.temperature}
        if decoding.temperature:
            request |= {"top_p": decoding.top_p, "seed": (prompt.seed + drawn) % 2**63}
        return request

    def _chain_request(self, messages: list[Message], beginning: str) -> Request:
        if self.served.turn == "prefill":
            return self._continue_turn(messages, beginning)
        return self._request(_append(messages, beginning.strip()))

    def _continue_turn(self, messages: list[Message], turn: str) -> Request:
        """Have an unfinished turn of the assistant continued; not in OpenAI's interface, but in vLLM's and others."""
        options = {"continue_final_message": True, "add_generation_prompt": False}
        return self._request([*messages, {"role": "assistant", "content": turn}]) | {"extra_body": options}

    def _check_turn(self) -> None:
        """Refuse a server that does not continue turns as they are, where it is to (see `prefill_check`)."""
        user: list[Message] = [{"role": "user", "content": prefill_check.USER}]

        def replies(turns: Sequence[str | None]) -> list[Reply]:
            asked = [self._request(user) if turn is None else self._continue_turn(user, turn) for turn in turns]
            return self.replies([request | {"temperature": 0, "max_tokens": 4} for request in asked])

        if self.served.turn == "prefill":
            prefill_check.check(self.account, self.wording, replies)

    def _request(self, messages: list[Message]) -> Request:
        return {"model": self.served.name, "messages": messages}

    # Replies

    def replies(self, requests: Sequence[Request]) -> list[Reply]:
        """Replies from the ledger or, several at a time, from the server. Equal requests are sent once.

        A job's first request is sent alone: what a server refuses, or replies to in a way that cannot be used, is
        learned, or paid for, once.
        """
        body = [self.served.body] if self.served.body else []
        keys = [digest(self.served.base_url, request, self.wording.version, *body) for request in requests]
        by_key = {key: self._known(key, request) for key, request in zip(keys, requests, strict=True)}
        missing = {key: request for key, request in zip(keys, requests, strict=True) if by_key[key] is None}
        waiting = list(missing.items())
        new = [] if self.accepted else [self._reply(*one) for one in waiting[:1]]
        self.accepted |= bool(new)
        with ThreadPoolExecutor(self.server.concurrency) as pool:
            try:
                new += pool.map(lambda one: self._reply(*one), waiting[len(new) :])
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        by_key |= dict(zip(missing, new, strict=True))
        self._log(new, len(by_key) - len(missing))
        return [reply for reply in map(by_key.get, keys) if reply is not None]

    def _known(self, key: str, request: Request) -> Reply | None:
        """A reply that was kept, unless an earlier version kept it damaged."""
        reply = self.ledger.reply(key)
        return reply if reply is not None and is_whole(reply, "logprobs" in request) else None

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
        except (openai.OpenAIError, ServerError) as error:
            said = self._text(error)
            if not isinstance(error, UnusableReplyError):
                said += f"; {hint_for(error, self.server.key_variable)}"
            # Without the error itself, which may contain the key.
            end = "" if said.endswith("?") else "."
            raise ServerError(f"{self.account}: {said}{end} Replies that arrived before are kept") from None

    def _attempt(self, key: str, request: Request) -> Reply:
        """One attempt, and a second one where the server calls the limit of new tokens otherwise."""
        limit = self.ledger.learned(self.account) or LIMIT
        try:
            return self._send(key, request, limit)
        except (openai.APIStatusError, RefusalError) as error:
            name = other_limit(error, limit)
            if name is None:
                raise
            logger.info("%s: the limit of new tokens is called %s", self.account, name)
            self.ledger.learn(self.account, name)
        return self._send(key, request, name)

    def _send(self, key: str, request: Request, limit: str) -> Reply:
        """The reply to one request, kept; `limit` is what the limit of new tokens is called."""
        number = self.ledger.send(self.account, self._highest_cost(request), self.server.max_cost)
        try:
            fields = changed(request, self.served.body, limit)
            body = read(self.client.chat.completions.with_raw_response.create(**fields).text)
        except (openai.APIStatusError, RefusalError):
            self.ledger.refused(number)
            raise
        sent, generated = (body.usage.prompt_tokens, body.usage.completion_tokens) if body.usage else (None, None)
        known = sent is not None and generated is not None
        cost = self._cost(sent or 0, generated or 0) if known else self._highest_cost(request)
        try:
            reply = parse(body, "logprobs" in request, self.wording.think)
        except ServerError:
            self.ledger.unusable(number, self.account, cost)
            raise
        if (hidden := hidden_tokens(body)) and not self.warned and not self.wording.think:
            self.warned = True
            message = "%s: the model thinks out of sight (%d tokens), and its chains are not all that it thinks"
            logger.warning(message, self.account, hidden)
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
        name = "" if isinstance(error, ServerError) else f"{type(error).__name__}: "
        text = " ".join(f"{name}{error}".split())[:600]
        return text.replace(self.key, "***") if self.key else text


def client_of(base_url: str, key: str, timeout: float) -> openai.OpenAI:
    """A client of a server; what `base_url` holds after a question mark is sent with every request.

    An `api-version` is Azure's, which wants the key in a header of its own and the model's name in the path, unless
    the path ends with the version of the interface itself (v1).
    """
    address = urlsplit(base_url)
    query: dict[str, object] = dict(parse_qsl(address.query))
    bare = address._replace(query="", fragment="").geturl().rstrip("/")
    if "api-version" not in query or address.path.rstrip("/").endswith("/v1"):
        return openai.OpenAI(api_key=key, base_url=bare, default_query=query, timeout=timeout, max_retries=0)
    return openai.AzureOpenAI(
        api_key=key,
        api_version=str(query.pop("api-version")),
        base_url=bare if address.path.strip("/") else f"{bare}/openai",
        default_query=query,
        timeout=timeout,
        max_retries=0,
    )


def changed(request: Request, body: Request, limit: str) -> Request:
    """A request as a server wants it.

    Args:
        request: with the fields of OpenAI's interface, as they were before the server was known.
        body: fields that a configuration changes; None leaves a field out.
        limit: what the limit of new tokens is called.
    """
    own = {name: value for name, value in body.items() if name in request}
    more = {name: value for name, value in body.items() if name not in {*OPTIONAL, *own} and value is not None}
    fields = {limit if name == LIMIT else name: value for name, value in (request | own).items() if value is not None}
    extra = request.get("extra_body", {}) | more
    return fields | {"extra_body": extra} if extra else fields


def split(prompt: str) -> tuple[list[Message], str]:
    """The messages of a prompt, and the beginning of the assistant's turn after them."""
    messages, end = json.JSONDecoder().raw_decode(prompt)
    return messages, prompt[end:]


def _append(messages: list[Message], text: str) -> list[Message]:
    """The messages with a further paragraph in the last one."""
    *before, last = messages
    return [*before, last | {"content": f"{last['content']}\n\n{text}"}]


def patience(state: tenacity.RetryCallState) -> float:
    """Seconds until the next attempt: longer each time, random, and no shorter than the server asks for."""
    error = state.outcome.exception() if state.outcome else None
    header = error.response.headers.get("retry-after", "") if isinstance(error, openai.APIStatusError) else ""
    requested = float(header) if header.replace(".", "", 1).isdigit() else 0.0
    return max(PATIENCE(state), requested)
