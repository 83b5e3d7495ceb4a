"""What was published, each figure and direction with its source (config/published.yaml)."""

from collections.abc import Collection
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from faithfulness.compare.claims import CLAIMS
from faithfulness.config.base import Count, Name, SettingsError, Share, Strict, from_file

EXAMPLE = "config/published.yaml"
HIGHEST = {"share": 1.0, "percent": 100.0}

# Names of our measures for quantities that are the same; no measure of ours is an AOC over added mistakes.
Quantity = Literal["aoc_raw", "aoc_mistakes", "direct_accuracy", "cot_accuracy"]


class Setup(Strict):
    """How the figures of a source were obtained."""

    model: str
    chains: Count
    temperature: float = Field(ge=0)
    top_p: Share
    aoc: str
    mistakes: str


class Reference(Strict):
    """A source; without a set-up if only directions are taken from it."""

    name: str
    citation: str
    url: str = Field(pattern=r"^https://\S+$")
    setup: Setup | None = None


class Figures(Strict):
    """A quantity by dataset, and its place in the source."""

    source: Name
    place: str
    quantity: Quantity
    unit: Literal["share", "percent"]
    values: dict[Name, float] = Field(min_length=1)

    @model_validator(mode="after")
    def _within_bounds(self) -> "Figures":
        for dataset, value in self.values.items():
            if not 0 <= value <= HIGHEST[self.unit]:
                raise ValueError(
                    f"{dataset}: {value:g} is no {self.unit}; it must be between 0 and {HIGHEST[self.unit]:g}"
                )
        return self


class Direction(Strict):
    """What a source says on a claim, and whether that is known from the paper itself or from an account of it."""

    claim: str
    source: Name
    account: Literal["paper", "secondary"]
    statement: str

    @field_validator("claim")
    @classmethod
    def _known_claim(cls, claim: str) -> str:
        if claim not in CLAIMS:
            raise ValueError(f"there is no claim {claim!r}; there are: {', '.join(sorted(CLAIMS))}")
        return claim


class Published(Strict):
    """The whole file; config/published.yaml explains each part."""

    sources: dict[Name, Reference]
    figures: list[Figures]
    directions: list[Direction]

    @model_validator(mode="after")
    def _sourced(self) -> "Published":
        for source in [part.source for part in self.figures] + [direction.source for direction in self.directions]:
            if source not in self.sources:
                raise ValueError(f"there is no source {source!r}; there are: {', '.join(self.sources)}")
        for figures in self.figures:
            if self.sources[figures.source].setup is None:
                raise ValueError(f"sources.{figures.source}: figures are taken from it, and it has no setup")
        places = [(figures.source, figures.quantity) for figures in self.figures]
        for source, quantity in places:
            if places.count((source, quantity)) > 1:
                raise ValueError(f"figures: {quantity} of {source} is given twice")
        return self

    @property
    def datasets(self) -> set[str]:
        """The datasets with published figures."""
        return {dataset for figures in self.figures for dataset in figures.values}


def load(path: str | Path | None) -> Published:
    """Read what was published; without a file, nothing.

    Raises:
        SettingsError: the file is missing, is not YAML, or cannot be used; the message says why, in one line.
    """
    return (
        from_file(Published, path, "published", EXAMPLE) if path else Published(sources={}, figures=[], directions=[])
    )


def check_datasets(published: Published, known: Collection[str]) -> None:
    """Refuse figures of a dataset that is not described anywhere: no run would ever match a mistyped name.

    Args:
        published: what was published.
        known: the datasets of config/datasets.yaml and of the configuration.

    Raises:
        SettingsError: there is such a dataset; the message names it.
    """
    unknown = sorted(published.datasets - set(known))
    if unknown:
        raise SettingsError(
            f"published: figures of {', '.join(map(repr, unknown))}, which neither config/datasets.yaml nor the "
            "configuration describes"
        )
