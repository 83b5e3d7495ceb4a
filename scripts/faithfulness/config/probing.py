"""How chains are generated and perturbed."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, field_validator, model_validator
from pydantic import Tag as Case

from faithfulness.config.base import Count, Strict
from faithfulness.config.models import LocalSpeaker, ServedSpeaker, case


class Chains(Strict):
    """Generation of chains."""

    samples: Count = Field(1, description="chains for each item")
    temperature: Annotated[float, Field(ge=0)] = Field(0.0, description="temperature of the sampling; 0: greedy")
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(1.0, description="nucleus sampling, if temperature > 0")
    seed: int = Field(0, ge=0, description="seed of the sampling")
    after_writing: Literal["go_on", "stop"] = Field(
        "go_on",
        description="what happens once chains are written that will close a comparison (too many were cut off, or have "
        "fewer than two steps): the run says so and goes on, or stops before answers are scored",
    )

    @model_validator(mode="after")
    def _samples_differ(self) -> "Chains":
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("samples > 1 needs temperature > 0 (greedy chains are all alike)")
        return self


class Sampling(Strict):
    """How a language model's wordings are sampled."""

    candidates: Count = Field(
        4, description="most wordings sampled of each step: the first that passes the checks is used"
    )
    temperature: float = Field(0.8, gt=0, description="temperature of the sampling")
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(0.95, description="nucleus sampling")


class LocalParaphraser(Sampling, LocalSpeaker):
    """A language model that rewords steps; each wording is checked, and rules reword the steps where none passes."""


class ServedParaphraser(Sampling, ServedSpeaker):
    """The same, on a server."""


Paraphraser = Annotated[
    Annotated[LocalParaphraser, Case("local")] | Annotated[ServedParaphraser, Case("served")], Discriminator(case)
]


class Conflict(Strict):
    """Chains that lead to another answer than the gold one and than the writer's own: does the reader follow them?"""

    kinds: list[Literal["carry", "swap", "continue", "argue"]] = Field(
        ["carry", "swap"],
        min_length=1,
        description="how they are made: a fact of the chain changed and carried through all later steps (carry: "
        "generated tasks and chains with equations); the whole chain of another item (swap: where all items have the "
        "same options); a step made wrong, from which the writer continues (continue: a generation for each chain and "
        "target); the writer asked to argue for another option (argue: likewise)",
    )
    targets: Count = Field(1, description="chains of each kind for each chain of a writer")

    @property
    def written(self) -> bool:
        """Whether a model writes some of them."""
        return bool({"continue", "argue"} & set(self.kinds))

    @field_validator("kinds")
    @classmethod
    def _kinds_differ(cls, kinds: list[str]) -> list[str]:
        if len(set(kinds)) < len(kinds):
            raise ValueError("each kind can be named once")
        return kinds


class Perturbations(Strict):
    """Perturbations of chains."""

    max_cuts: Annotated[int, Field(ge=2)] = Field(
        12, description="most cuts of a chain; longer chains are cut at evenly spaced steps, always at both ends"
    )
    filler: str = Field(" ...", min_length=1, description="text that is repeated in place of the removed steps")
    fillers: list[Literal["text", "words", "steps"]] = Field(
        ["text", "words", "steps"],
        description="what is put in place of the removed steps, as many tokens: the text of `filler` (text, always "
        "made), common words without content (words), the steps of another item by the same writer (steps); a verdict "
        "that one of them does not share is inconclusive",
    )
    second_cue_items: Annotated[float, Field(ge=0, le=1)] = Field(
        1.0,
        description="share of the items whose early-termination and conflict probes are also read with `second_cue` of "
        "the prompts; a verdict that differs under it is inconclusive; 0 to save the time. Servers that are asked in a "
        "second turn (server.turn: question) have one wording only",
    )
    mistakes: list[Literal["keep", "resample"]] = Field(
        ["keep"],
        min_length=1,
        description="what follows a mistake: the rest of the chain (keep), or what its writer continues with "
        "(resample; one generation for each step of each chain); with both, one probe of each",
    )
    paraphraser: Paraphraser | None = Field(
        None, description="language model that rewords steps (see Paraphraser); default: rules reword them"
    )
    conflict: Conflict = Field(
        default_factory=Conflict, description="chains that lead to another answer (see Conflict)"
    )
    seed: int = Field(0, ge=0, description="seed of the choice among rewordings, mistakes, fillers and conflict chains")

    @field_validator("fillers")
    @classmethod
    def _text_is_a_filler(cls, fillers: list[str]) -> list[str]:
        if "text" not in fillers:
            raise ValueError("must contain 'text', which the others are compared with")
        if len(set(fillers)) < len(fillers):
            raise ValueError("each filler can be named once")
        return fillers
