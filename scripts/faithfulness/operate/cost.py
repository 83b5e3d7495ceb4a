"""What it takes to compute tokens: the one cost model of `make plan`, of the requests to a scheduler and of progress.

A forward pass takes two floating-point operations for each parameter and token (Kaplan et al. 2020).
"""

from dataclasses import astuple, dataclass, field, replace
from typing import Any

from faithfulness.config.models import ServedSpeaker, Speaker

OPERATIONS = 2  # for each parameter and token of a forward pass: a multiplication and an addition
# A training step in forward passes. The backward pass takes two, one where frozen weights need no gradients of their
# own; QLoRA repeats the forward pass (gradient checkpointing).
TRAINING_PASSES = {"full": 3, "lora": 2, "qlora": 3}


def _assumed(default: float, meaning: str) -> Any:  # as dataclasses.field: the type of the attribute it is assigned to
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Assumptions:
    """What no configuration says. Each is an option of `make plan`."""

    flops: float = field(metadata={"meaning": "FLOP/s of the device (an A100's data sheet: 312e12)"})
    utilisation: float = _assumed(0.4, "share of it in training and scoring (.46 in PaLM's training)")
    writing_utilisation: float = _assumed(0.05, "share of it in generation, which adds one token at a time")
    reply_seconds: float = _assumed(2.0, "seconds that a server takes to reply")
    items: int = _assumed(20, "items of each dataset that are counted, in place of all")
    # The medians of GSM8K, CosmosQA, MedQA, MedMCQA, LogiQA, OpenBookQA, TruthfulQA and CommonsenseQA: 57 on average.
    question_tokens: int = _assumed(60, "tokens of a question that is not on this disk")
    option_tokens: int = _assumed(5, "tokens of each of its options")
    chain_share: float = _assumed(0.5, "share of max_new_tokens that a chain takes where no worked chain is known")
    step_tokens: int = _assumed(20, "tokens of a step of such a chain")
    instruction_tokens: int = _assumed(100, "tokens of the instruction to a paraphrasing model")

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name}: must be more than 0 (got {value})")


@dataclass(frozen=True)
class Tokens:
    """Tokens of a set of requests: as they are computed here, and as a server counts them."""

    prefilled: float = 0  # computed in parallel; tokens that several requests begin with count once
    generated: float = 0  # computed one after the other
    requests: float = 0
    sent: float = 0  # the whole prompt of every request
    received: float = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, factor: float) -> "Tokens":
        return Tokens(*(factor * a for a in astuple(self)))

    @property
    def computed(self) -> float:
        """All tokens that are computed here."""
        return self.prefilled + self.generated

    def repeated(self) -> "Tokens":
        """The same requests once more, after their prompts were computed."""
        return replace(self, prefilled=0)


def seconds(
    tokens: Tokens, speaker: Speaker, parameters: float | None, assumed: Assumptions, passes: float = 1
) -> float | None:
    """Seconds that a model, or the server that holds it, takes for a set of requests.

    Args:
        tokens: of the requests.
        speaker: the model.
        parameters: its size; None where it is not known.
        assumed: speed of the device or of the server. Several GPUs hold a model and compute one after the other.
        passes: forward passes for each prefilled token; `TRAINING_PASSES` in a training.

    Returns:
        None where there are tokens to compute and the size is not known.
    """
    if isinstance(speaker, ServedSpeaker):
        return tokens.requests * assumed.reply_seconds / speaker.server.concurrency
    if not tokens.computed:
        return 0.0
    if parameters is None:
        return None
    slowed = tokens.prefilled * passes / assumed.utilisation + tokens.generated / assumed.writing_utilisation
    return OPERATIONS * parameters * slowed / assumed.flops


def price(tokens: Tokens, speaker: Speaker) -> float | None:
    """What a server charges for a set of requests, by the prices in the configuration; None without a server."""
    if not isinstance(speaker, ServedSpeaker):
        return None
    server = speaker.server
    return (tokens.sent * server.input_price + tokens.received * server.output_price) / 1e6
