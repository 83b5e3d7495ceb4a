"""Intervals, resampling and the thresholds of the gates."""

from typing import Annotated

from pydantic import Field

from faithfulness.config.base import Share, Strict


class Resampling(Strict):
    """Resampling of effects."""

    resamples: Annotated[int, Field(ge=99)] = Field(
        10_000, description="number of bootstrap resamples and of sign flips"
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="confidence of the intervals")
    seed: int = Field(0, ge=0, description="seed of resampling and sign flips")


class Statistics(Resampling):
    """Resampling, and the margins of equivalence that claims.yaml declares."""

    margin: float = Field(0.05, gt=0, description="margin of measures without a margin of their own")
    margins: dict[str, float] = Field({}, description="margins by measure, each in the unit of the measure")


class GateThresholds(Strict):
    """Thresholds beyond which a cell is not interpretable (method, section 8)."""

    collapse: Share = Field(
        0.2, description="most by which the share of the commonest answer may exceed its gold share"
    )
    two_steps: Share = Field(0.8, description="least share of chains with at least two steps")
    truncated: Share = Field(0.05, description="largest share of truncated chains")
    truncated_items: Share = Field(
        0.2,
        description="largest share of items with a truncated chain of base or the tuned arm; they leave the contrasts",
    )
    invalid: Share = Field(0.1, description="largest share of invalid readouts, for any reader and perturbation")
    paraphrase: Share = Field(0.8, description="least share of paraphrased steps accepted")
