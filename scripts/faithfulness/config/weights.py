"""The weights that a model is made of."""

from typing import Literal

from pydantic import Field

from faithfulness.config.base import Count, Strict
from faithfulness.config.sources import Source


class Weights(Strict):
    """What a model's weights are made of."""

    source: Source = Field(description="where the weights come from (see Source)")
    layers: Count | None = Field(
        None, description="keep only this many evenly spaced layers, first and last included (depth pruning)"
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="data type of the weights when generating and scoring, the same for all arms of the model; auto: "
        "bfloat16 where it is measured to be faster than float32, or where only other nodes of a cluster have GPUs",
    )
    trust_remote_code: bool = Field(False, description="let the model's repository run its own Python code")

    def weights_spec(self) -> "Weights":
        """What the weights are made of, without what else a model's entry says."""
        return Weights(**{name: getattr(self, name) for name in Weights.model_fields})

    def unpruned(self) -> "Weights | None":
        """The same weights with all layers; None for a model that keeps them all."""
        return self.weights_spec().model_copy(update={"layers": None}) if self.layers else None

    def prepared(self) -> list["Weights"]:
        """The weights that are prepared for a model: its own, and those that they are pruned from."""
        return [self.weights_spec(), *filter(None, [self.unpruned()])]
