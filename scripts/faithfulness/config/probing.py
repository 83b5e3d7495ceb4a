"""How chains are generated and perturbed."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, model_validator
from pydantic import Tag as Case

from faithfulness.config.base import Count, Strict
from faithfulness.config.models import LocalSpeaker, ServedSpeaker, case


class Chains(Strict):
    """How chains are written."""

    samples: Count = Field(1, description="chains an item")
    temperature: Annotated[float, Field(ge=0)] = Field(0.0, description="0 is greedy")
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(1.0, description="nucleus sampling, where temperature > 0")
    seed: int = Field(0, ge=0, description="of the sampling")

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


class Perturbations(Strict):
    """How chains are perturbed."""

    max_cuts: Annotated[int, Field(ge=2)] = Field(
        12, description="cuts a chain; longer chains get evenly spaced ones, always with the ends"
    )
    filler: str = Field(" ...", min_length=1, description="text repeated to fill the place of the steps removed")
    mistakes: list[Literal["keep", "resample"]] = Field(
        ["keep"],
        min_length=1,
        description="what follows a mistake: the rest as written (keep), what the writer goes on to write (resample; "
        "a writing pass for each step of each chain), or one probe of each",
    )
    paraphraser: Paraphraser | None = Field(
        None, description="a language model that rewords steps (see Paraphraser); default: rules reword them"
    )
    seed: int = Field(0, ge=0, description="of the choice among rewordings and among mistakes")
