"""Tuned arms: trained here by a recipe, or imported."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, model_validator
from pydantic import Tag as Case

from faithfulness.config.base import Name, Strict
from faithfulness.config.recipes import READER_TARGETS, Recipe
from faithfulness.config.sources import Source


def _without_a_seed(name: str) -> str:
    if re.search(r"\.seed\d+$", name):
        raise ValueError("an arm's name may not end in .seed<number>; list the seeds under `seeds`")
    return name


ArmName = Annotated[str, Field(pattern=r"^tuned-[a-z0-9][a-z0-9_.-]*$", max_length=60), AfterValidator(_without_a_seed)]


class TrainedArm(Recipe):
    """A tuned arm, trained here by a recipe and compared with the base arm of each of its models."""

    name: ArmName = Field(description="`tuned-<recipe>`")
    models: list[Name] | None = Field(None, description="models that get this arm (default: all)")
    seeds: list[Annotated[int, Field(ge=0)]] | None = Field(
        None,
        min_length=1,
        description="several training seeds in place of `seed`: one training each; with three or more, intervals cover "
        "what other trainings of this recipe would show",
    )

    @model_validator(mode="before")
    @classmethod
    def _has_datasets(cls, entry: object) -> object:
        if isinstance(entry, dict) and not entry.get("datasets"):
            raise ValueError("needs the datasets of a recipe, or the source of weights that were trained elsewhere")
        return entry

    @model_validator(mode="after")
    def _seeds_make_sense(self) -> "TrainedArm":
        if self.seeds and len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: a seed is named twice")
        if self.seeds and self.target in READER_TARGETS:
            raise ValueError("seeds: a reader for calibration is trained once; give it a `seed`")
        return self

    def trainings(self) -> list["TrainedArm"]:
        """The arm itself, or one arm for each of its seeds, named `<arm>.seed<seed>`."""
        if self.seeds is None:
            return [self]
        changes = ({"name": f"{self.name}.seed{seed}", "seed": seed, "seeds": None} for seed in self.seeds)
        return [self.model_copy(update=change) for change in changes]


class ImportedArm(Strict):
    """A tuned arm that was trained elsewhere: an adapter of the model, or full weights tuned from it."""

    name: ArmName = Field(description="`tuned-<recipe>`")
    models: list[Name] | None = Field(
        None, description="the model that the weights were tuned from (default: the only one)"
    )
    source: Source = Field(description="where the adapter or the weights come from (see Source)")
    datasets: list[Name] = Field(
        [],
        description="those of the datasets here whose domain it was trained on, so that the report separates in-domain "
        "from out-of-domain accuracy",
    )
    chat_template: Literal["base", "own"] = Field(
        "base",
        description="how it is prompted: with the chat template of the base arm, so that arms differ in their weights "
        "only, or with the one that lies beside its own weights",
    )

    def trainings(self) -> list["ImportedArm"]:
        """The arm itself: it was trained once."""
        return [self]


def case(entry: object) -> Literal["trained", "imported"]:
    """Whether an entry, as plain values or as a model, is trained here or was trained elsewhere."""
    source = entry.get("source") if isinstance(entry, dict) else getattr(entry, "source", None)
    return "trained" if source is None else "imported"


Arm = Annotated[Annotated[TrainedArm, Case("trained")] | Annotated[ImportedArm, Case("imported")], Discriminator(case)]
