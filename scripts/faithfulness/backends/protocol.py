"""The interface to a model: it generates chains and scores answers, whether its weights are here or on a server."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from faithfulness.prompts import Message, Prompts, Tokenizer

FinishReason = Literal["stop", "length"]  # ended by the model, or cut off at the token limit


@dataclass(frozen=True)
class Completion:
    """A generated continuation of a prompt. Servers return no token ids: the last three fields are None."""

    text: str
    finish_reason: FinishReason
    prompt_ids: list[int] | None = None
    ids: list[int] | None = None  # without the stop token
    token_ends: list[int] | None = None  # character offset in `text` at which each token ends


@dataclass(frozen=True)
class Begun:
    """How a prompt was continued before, with another token limit and otherwise the same settings."""

    completion: Completion
    limit: int  # the token limit, at which it was cut off unless it ended before

    def stays(self, limit: int) -> bool:
        """Whether the prompt is continued in the same way with a limit: it ended below it, or is cut off there."""
        return self.limit == limit or (self.limit < limit and self.completion.finish_reason == "stop")


@dataclass(frozen=True)
class Prompt:
    """A text to continue."""

    text: str
    seed: int = 0  # for sampling; every chain has its own, so that batches do not change what is drawn
    ids: list[int] | None = None  # token ids of `text`, if parts of it were generated with the same tokenizer
    begun: Begun | None = None  # used again as far as it reaches, with the same result as without it


@dataclass(frozen=True)
class Probe:
    """A prompt, a (perturbed) chain and an answer cue, ready to be answered."""

    item_id: str
    prompt: str
    chain: str
    cue: str
    chain_ids: list[int] | None = None  # token ids of `chain`, if it was generated with the same tokenizer
    candidates: tuple[str, ...] = ()  # answers to score
    answer_tokens: int = 0  # length limit of the greedy answer; 0 for none
    chain_nats: bool = False  # whether the likelihood of the chain is wanted
    details: dict[str, object] = field(default_factory=dict)  # perturbation, variant, cut, ... of the probe


@dataclass(frozen=True)
class Reading:
    """A model's answer to a probe."""

    log_probs: tuple[float, ...]  # of each candidate, in nats, summed over its tokens
    tokens: tuple[int, ...]  # number of tokens of each candidate
    text: str | None = None  # the greedy answer; None where the probe has `answer_tokens` 0
    retokenised: bool = False  # whether the chain had to be encoded again from its text
    # Mean negative log-probability of a token of the chain after the prompt, in nats; None where it is not wanted, the
    # chain is empty, or a server does not report it.
    chain_nats: float | None = None


@dataclass(frozen=True)
class Decoding:
    """Settings of generation; temperature 0 is greedy."""

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0


# Chooses the candidates to score once the greedy answers are known: from the indices of probes (in the call of `score`)
# and their answers to the candidates of each.
Propose = Callable[[Sequence[int], Sequence[str | None]], Sequence[tuple[str, ...]]]

Request = tuple[list[int], list[int]]  # token ids of a context, and of the continuation to score
Generated = tuple[list[int], FinishReason]  # new token ids without the stop token, and why they end


class Backend(Protocol):
    """A model that generates chains and scores answers.

    The result for a prompt or probe depends on nothing else, in particular not on the others in the same call.
    """

    @property
    def tokenizer(self) -> Tokenizer | None:
        """Tokenizer of the token ids above; None if there are no token ids."""

    @property
    def tokenizer_hash(self) -> str | None:
        """Identifies the tokenizer; None if there are no token ids."""

    def render(self, messages: Sequence[Message], prompts: Prompts) -> str:
        """Text of a conversation, up to where the model's turn begins.

        Args:
            messages: the last one is the user's.
            prompts: their frame for models without a chat template, and what they tell a chat template.

        Raises:
            ValueError: the model's chat template cannot express the messages, or what is set for it.
        """

    def generate(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        """Continue each prompt; what was begun under another token limit is cut, or written on where it was cut off."""

    def score(self, probes: Sequence[Probe], propose: Propose | None = None) -> list[Reading]:
        """Log-probabilities of the candidates of each probe, and its greedy answer if it has `answer_tokens`.

        Probes that begin alike share their computation if they come in one call.

        Args:
            probes: all probes of each item.
            propose: replaces the probes' own candidates, for candidates that depend on greedy answers. It is called
                with all probes of an item at once, possibly of several items.
        """
