"""Who writes chains and reads answers: one interface, whatever stands behind it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from faithfulness.config.models import Server

LEDGER = Path("resources/requests.sqlite")  # shared by all runs in a folder: what one has paid for, none pays again


@dataclass(frozen=True)
class Prompt:
    """What a writer continues."""

    text: str
    seed: int = 0  # of the sampling; each chain its own, so that batches change nothing
    ids: list[int] | None = None  # of text, where parts of it were written by the same tokenizer


@dataclass(frozen=True)
class Completion:
    """What a writer wrote after a prompt."""

    text: str
    finish_reason: str  # 'stop' or 'length'
    prompt_ids: list[int] | None = None
    ids: list[int] | None = None  # without the token that ended it
    token_ends: list[int] | None = None  # character offset in text where each token ends


@dataclass(frozen=True)
class Probe:
    """A prompt, a (perturbed) chain and a cue, ready to be answered; with what the chain was made from."""

    item_id: str
    prompt: str
    chain: str
    cue: str
    chain_ids: list[int] | None = None  # ids of chain, where it was written by the same tokenizer
    candidates: tuple[str, ...] = ()  # answers whose log-probability is wanted
    answer_tokens: int = 0  # greedy continuation wanted, of at most so many tokens
    details: dict[str, object] = field(default_factory=dict)  # the probe's row: perturbation, variant, cut, ...


@dataclass(frozen=True)
class Reading:
    """What a reader answers to a probe."""

    log_probs: tuple[float, ...]  # of each candidate, in nats, summed over its tokens
    tokens: tuple[int, ...]  # how many tokens each candidate has
    text: str | None = None  # the greedy continuation, where one was wanted
    retokenised: bool = False


@dataclass(frozen=True)
class Decoding:
    """How a writer decodes."""

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0


# From the indices of probes and their continuations to the candidates whose log-probability is wanted then.
Propose = Callable[[Sequence[int], Sequence[str | None]], Sequence[tuple[str, ...]]]


class Backend(Protocol):
    """A writer and reader. Answers may depend on nothing but the prompt or probe itself."""

    @property
    def tokenizer_hash(self) -> str | None:
        """Identifies the tokenizer of the ids that it gives and takes; None where it has none."""

    def write(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        """Continue each prompt."""

    def read(self, probes: Sequence[Probe], propose: Propose | None = None) -> list[Reading]:
        """Answer each probe; probes that begin alike share their work when they come together.

        Args:
            probes: of whole items.
            propose: names the candidates where they depend on the continuations, all probes of an item in one call.
        """


def for_job(folder: str | Path, threads: int, resources: Any) -> Backend:
    """The backend of an arm's folder, with what its job was given.

    Args:
        folder: of the arm.
        threads: of the processor.
        resources: of the rule: `token_budget`, `gpu` and `service` (see `load`).
    """
    return load(
        folder,
        threads=threads,
        token_budget=resources.token_budget,
        gpus=resources.gpu,
        service=resources.service,
    )


def load(
    folder: str | Path,
    device: str = "auto",
    threads: int | None = None,
    token_budget: int = 8192,
    gpus: int = 0,
    service: str = "",
) -> Backend:
    """The backend of an arm's folder; see `TransformersBackend` and, for arms with a `service`, `OpenAIBackend`.

    Args:
        service: `settings.Server` as JSON, '' for weights that are loaded here.
    """
    if service:
        from faithfulness.backends.openai import OpenAIBackend  # noqa: PLC0415 - likewise

        return OpenAIBackend(Path(folder), Server.model_validate_json(service), LEDGER)
    from faithfulness.backends.transformers import TransformersBackend  # noqa: PLC0415 - takes seconds to import

    return TransformersBackend(Path(folder), device, threads, token_budget, gpus)
