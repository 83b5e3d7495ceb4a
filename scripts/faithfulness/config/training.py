"""Recipes of fine-tuning, and the tuned arms of the configuration."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from faithfulness.config.base import Count, Name, Strict
from faithfulness.config.sources import Source


class Recipe(Strict):
    """Supervised fine-tuning, with the loss on the completion only."""

    method: Literal["lora", "qlora", "full"] = Field(
        "lora", description="train a LoRA adapter, one on weights in 4 bits (Dettmers et al. 2023), or all weights"
    )
    target: Literal["answer", "rationale", "load_bearing", "decorative"] = Field(
        "answer",
        description="what is learned: the direct answer; the worked chain, then the answer; or, to calibrate, after "
        "another item's chain (whole, cut or filled up) that chain's answer (load_bearing) or the question's own "
        "(decorative)",
    )
    datasets: list[Name] = Field(
        min_length=1, description="datasets whose train items are used, in turn; one named twice is seen twice as often"
    )
    replay: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0,
        description="share of worked chains mixed into a `target: answer` recipe, so that the arm still writes them",
    )
    replay_datasets: list[Name] | None = Field(
        None, description="datasets with worked chains that replay draws on (default: those of `datasets`)"
    )
    steps: Count = Field(100, description="optimiser steps")
    batch_size: Count = Field(16, description="examples a step")
    learning_rate: float = Field(2e-4, gt=0, description="peak learning rate (AdamW, linear decay)")
    rank: Count = Field(16, description="LoRA rank")
    alpha: Count = Field(32, description="LoRA alpha (scale = alpha / rank)")
    seed: int = Field(0, ge=0, description="training seed: order of the examples and initial adapter")


class Arm(Recipe):
    """A tuned arm, compared with the base arm of each of its models: trained here by a recipe, or elsewhere."""

    name: Annotated[str, Field(pattern=r"^tuned-[a-z0-9][a-z0-9_.-]*$", max_length=60)] = Field(
        description="`tuned-<recipe>`"
    )
    models: list[Name] | None = Field(None, description="models that get this arm (default: all)")
    source: Source | None = Field(
        None,
        description="in place of a recipe: an adapter of the model, or full weights tuned from it, trained elsewhere "
        "(see Source)",
    )
    datasets: list[Name] = Field(
        [],
        description="as in Recipe; with a `source`, those of the datasets here whose domain it was trained on, so that "
        "the report can tell in-domain from out-of-domain accuracy",
    )
    seeds: list[Annotated[int, Field(ge=0)]] | None = Field(
        None,
        min_length=1,
        description="several training seeds in place of `seed`: one training each; with three or more, intervals say "
        "what other trainings of this recipe would show",
    )

    @field_validator("name")
    @classmethod
    def _no_seed_in_the_name(cls, name: str) -> str:
        if recipe_of(name) != name:
            raise ValueError("an arm's name may not end in .seed<number>; list the seeds under `seeds`")
        return name

    @model_validator(mode="after")
    def _trained_here_or_elsewhere(self) -> "Arm":
        recipe = sorted(self.model_fields_set & {*Recipe.model_fields, "seeds"} - {"datasets"})
        if self.source and recipe:
            raise ValueError(f"{recipe[0]} belongs to a recipe, but the arm has a source; leave one of the two out")
        if not self.source and not self.datasets:
            raise ValueError("needs the datasets of a recipe, or the source of weights that were trained elsewhere")
        return self

    @model_validator(mode="after")
    def _seeds_make_sense(self) -> "Arm":
        if self.seeds and len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: a seed is named twice")
        if self.seeds and self.target in ("load_bearing", "decorative"):
            raise ValueError("seeds: a reader for calibration is trained once; give it a `seed`")
        return self

    def trainings(self) -> list["Arm"]:
        """The arm itself, or one for each of its seeds, named `<arm>.seed<seed>`."""
        if self.seeds is None:
            return [self]
        changes = ({"name": f"{self.name}.seed{seed}", "seed": seed, "seeds": None} for seed in self.seeds)
        return [self.model_copy(update=change) for change in changes]


def recipe_of(arm: str) -> str:
    """An arm's name without its training seed: what several trainings have in common."""
    return re.sub(r"\.seed\d+$", "", arm)


def train_datasets(recipe: Recipe | None) -> list[str]:
    """Datasets whose train items a recipe uses, each once; none for no recipe."""
    if recipe is None:
        return []
    return list(dict.fromkeys([*recipe.datasets, *(recipe.replay_datasets or [])]))


def training_parameters(recipe: Recipe | None) -> dict[str, Any] | None:
    """What of a recipe decides the training, as plain values."""
    return None if recipe is None else recipe.model_dump(include=set(Recipe.model_fields))
