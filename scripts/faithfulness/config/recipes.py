"""Recipes of fine-tuning."""

from typing import Annotated, Literal

from pydantic import Field

from faithfulness.config.base import Count, Name, Strict

# Targets of recipes that make readers whose faithfulness is known, to calibrate the measures.
READER_TARGETS = ("load_bearing", "redundant", "decorative")
# Targets that a direct answer is learned for: the right one, or one that teaches nothing.
ANSWER_TARGETS = ("answer", "shuffled", "random")
# Targets that only placebo and null arms have, which fill in the recipe of a tuned arm.
CONTROL_TARGETS = ("shuffled", "random", "text")
NOT_SHARED = "the items of {name!r} do not share their options, so that answers cannot be shuffled; use target: random"


Target = Literal["answer", "rationale", "load_bearing", "redundant", "decorative", "shuffled", "random", "text"]


class Recipe(Strict):
    """Supervised fine-tuning, with the loss on the completion only."""

    method: Literal["lora", "qlora", "full"] = Field(
        "lora",
        description="train a LoRA adapter, a LoRA adapter on weights in 4 bits (Dettmers et al. 2023), or all weights",
    )
    target: Target = Field(
        "answer",
        description="what is learned: the direct answer; the worked chain, then the answer; or, to calibrate, after "
        "another item's chain (whole, cut or filled up) that chain's answer (load_bearing), that of a whole chain and "
        "else the question's own (redundant), or always the question's own (decorative). The others are those of "
        "placebo and null arms: another train item's answer (shuffled), one of the item's options at random (random), "
        "or nothing but the text of the questions (text)",
    )
    datasets: list[Name] = Field(
        min_length=1,
        description="datasets whose train items are used, in turn; one that is named twice is used twice as often",
    )
    replay: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0,
        description="share of worked chains among the examples of a recipe that learns direct answers, so that the arm "
        "still writes chains",
    )
    replay_datasets: list[Name] | None = Field(
        None, description="datasets whose worked chains are replayed (default: those of `datasets`)"
    )
    steps: Count = Field(100, description="number of optimiser steps")
    batch_size: Count = Field(16, description="examples of a step")
    learning_rate: float = Field(2e-4, gt=0, description="peak learning rate (AdamW, linear decay)")
    rank: Count = Field(16, description="LoRA rank")
    alpha: Count = Field(32, description="LoRA alpha (scale = alpha / rank)")
    seed: int = Field(
        0,
        ge=0,
        description="training seed: order of the examples and initial adapter; of a warm start, which trains all "
        "weights, the order, and with it which examples are seen",
    )

    def worked_datasets(self) -> list[str]:
        """Datasets whose worked chains are learned, in turn; none where only answers or texts are."""
        if self.target == "text" or (self.target in ANSWER_TARGETS and not self.replay):
            return []
        return (self.target in ANSWER_TARGETS and self.replay_datasets) or self.datasets

    def train_datasets(self) -> list[str]:
        """Datasets whose train items the training uses, each once."""
        return list(dict.fromkeys([*self.datasets, *(self.replay_datasets or [])]))

    def decisive(self) -> dict[str, object]:
        """What decides the training, as plain values: the recipe, without an arm's name or models."""
        return self.model_dump(include=set(Recipe.model_fields))
