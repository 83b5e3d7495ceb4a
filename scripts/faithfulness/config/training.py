"""Arms beside base: tuned ones, trained here by a recipe or imported, and controls of them (config/controls.py)."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, model_validator
from pydantic import Tag as Case

from faithfulness.config.base import Name, Strict
from faithfulness.config.controls import UNQUOTED, NullArm, PlaceboArm
from faithfulness.config.recipes import CONTROL_TARGETS, READER_TARGETS, Recipe
from faithfulness.config.roles import Seed, TunedName, distinct, of_seed
from faithfulness.config.sources import Source


class TrainedArm(Recipe):
    """A tuned arm, trained here by a recipe and compared with the base arm of each of its models."""

    name: TunedName = Field(description="`tuned-<recipe>`")
    models: list[Name] | None = Field(None, description="models that get this arm (default: all)")
    seeds: list[Seed] | None = Field(
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
        distinct(self.seeds)
        if self.seeds and self.target in READER_TARGETS:
            raise ValueError("seeds: a reader for calibration is trained once; give it a `seed`")
        return self

    @model_validator(mode="after")
    def _learns_something(self) -> "TrainedArm":
        if self.target in CONTROL_TARGETS:
            raise ValueError(
                f"target: {self.target} teaches nothing about the questions; declare a placebo of this arm "
                "(`name: placebo-...`, `placebo: {of: tuned-..., target: ...}`)"
            )
        return self

    def trainings(self) -> list["TrainedArm"]:
        """The arm itself, or one arm for each of its seeds, named `<arm>.seed<seed>`."""
        if self.seeds is None:
            return [self]
        changes = ({"name": of_seed(self.name, seed), "seed": seed, "seeds": None} for seed in self.seeds)
        return [self.model_copy(update=change) for change in changes]


class ImportedArm(Strict):
    """A tuned arm that was trained elsewhere: an adapter of the model, or full weights tuned from it."""

    name: TunedName = Field(description="`tuned-<recipe>`")
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


def case(entry: object) -> Literal["trained", "imported", "placebo", "null"]:
    """What kind of arm an entry is, as plain values or as a model."""

    def has(key: str) -> bool:
        return (entry.get(key) if isinstance(entry, dict) else getattr(entry, key, None)) is not None

    if has("placebo"):
        return "placebo"
    if has("null") or (isinstance(entry, dict) and UNQUOTED in entry):
        return "null"
    return "imported" if has("source") else "trained"


Arm = Annotated[
    Annotated[TrainedArm, Case("trained")]
    | Annotated[ImportedArm, Case("imported")]
    | Annotated[PlaceboArm, Case("placebo")]
    | Annotated[NullArm, Case("null")],
    Discriminator(case),
]
