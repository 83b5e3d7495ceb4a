"""What is claimed, in which direction and by which margins: declared before any result is seen (config/claims.yaml)."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from faithfulness.compare.measures import MEASURES
from faithfulness.config.base import Name, Strict, from_file
from faithfulness.config.statistics import GateThresholds, Statistics
from faithfulness.hashing import digest
from faithfulness.tables.io import write_json

Declared = Literal["C1", "C2", "C3", "C6", "C8", "R1", "R2"]  # the claims that have directions of their own
Direction = Literal[-1, 1]


@dataclass(frozen=True)
class Claim:
    """A claim about what fine-tuning does (method, section 1).

    Args:
        label: what it says, for people.
        about: 'reading', 'accuracy', or what it takes from other claims: the directions of the primary claims among
            items with an unchanged 'direct' answer, between 'arms' or between 'sizes' of models.
    """

    label: str
    about: Literal["reading", "accuracy", "direct", "arms", "sizes"]


# The registry: the order is that of tables and pages. The direct test of whether the chain decides comes first.
CLAIMS: dict[str, Claim] = {
    "C8": Claim(label="Answers follow the chain less where chain and question disagree", about="reading"),
    "C1": Claim(label="The answer is decided earlier in the chain", about="reading"),
    "C2": Claim(label="The answer reacts less to rephrased steps", about="reading"),
    "C3": Claim(label="More answers survive filler in place of steps", about="reading"),
    "C4": Claim(label="The primary claims hold where the direct answer did not change", about="direct"),
    "C5": Claim(label="Smaller models are affected more than larger ones", about="sizes"),
    "C6": Claim(label="Information on the right answer is not lost", about="reading"),
    "C7": Claim(label="Tuning on data that need little reasoning changes more", about="arms"),
    "R1": Claim(label="Accuracy with a chain falls on the tasks tuned on", about="accuracy"),
    "R2": Claim(label="Accuracy with a chain falls on the other tasks", about="accuracy"),
}
ACCURACY: tuple[Declared, ...] = ("R1", "R2")


class Claims(Strict):
    """The declaration; config/claims.yaml says what each part does."""

    version: int
    directions: dict[Declared, dict[str, Direction]]
    primary: list[Literal["C1", "C2", "C3", "C8"]]
    margin: float = Field(gt=0)
    margins: dict[str, float]
    gates: GateThresholds
    pooled: list[Name] | None = Field(min_length=1)

    @field_validator("directions", "margins")
    @classmethod
    def _known_measures(cls, declared: dict[str, object]) -> dict[str, object]:
        names = [name for part in declared.values() if isinstance(part, dict) for name in part]
        for name in names or declared:
            if name not in MEASURES:
                raise ValueError(f"there is no measure {name!r}; there are: {', '.join(MEASURES)}")
        return declared

    @model_validator(mode="after")
    def _complete(self) -> "Claims":
        if "C1" not in self.primary:
            raise ValueError("primary: C1 is missing, on which C6 rests")
        for name, measure in MEASURES.items():
            if (measure.low, measure.high) != (0, 1) and name not in self.margins:
                raise ValueError(f"margins: {name} does not lie in [0, 1] and needs a margin of its own")
        for claim in dict.fromkeys((*self.primary, "C6", *ACCURACY)):
            names = list(self.directions.get(claim, ()))
            if not names or (claim not in self.primary and len(names) > 1):
                raise ValueError(f"directions.{claim}: {claim} needs {'a' if claim in self.primary else 'one'} measure")
            for name in names:
                if MEASURES[name].of_chain == (claim in ACCURACY):
                    kind = "accuracy" if claim in ACCURACY else "how a chain is used"
                    raise ValueError(f"directions.{claim}: {claim} is about {kind}, and {name} is not")
                if claim not in ACCURACY and "interaction" not in MEASURES[name].components:
                    raise ValueError(
                        f"directions.{claim}: {name} tells nothing of two writers' chains, which {claim} needs"
                    )
        return self

    @property
    def primary_measures(self) -> dict[str, int]:
        """The measures of the primary claims, with the sign that is claimed of each."""
        return {name: sign for claim in self.primary for name, sign in self.directions[claim].items()}

    def directions_of(self, claim: str) -> dict[str, int]:
        """The claimed sign of each measure of a claim; empty where it has no directions of its own."""
        return {name: sign for key, signs in self.directions.items() if key == claim for name, sign in signs.items()}

    def of_reading(self, measure: str) -> Declared | None:
        """The claim that a measure's reading effect tests, if any."""
        return next((c for c, parts in self.directions.items() if c not in ACCURACY and measure in parts), None)

    def pool(self, datasets: Collection[str]) -> tuple[str, ...]:
        """Those of the datasets that pooled claims take together, sorted."""
        return tuple(sorted(d for d in datasets if self.pooled is None or d in self.pooled))

    def statistics(self, resampling: Mapping[str, Any]) -> Statistics:
        """The configured resampling, with the margins declared here."""
        return Statistics(**resampling, margin=self.margin, margins=self.margins)

    @property
    def hash(self) -> str:
        """Identifies what is declared, whatever the comments and the layout of the file."""
        return digest(self.model_dump())


def load(path: str | Path) -> Claims:
    """Read a declaration.

    Raises:
        SettingsError: the file is missing, is no YAML, or has wrong keys; says which.
    """
    return from_file(Claims, path, "claims", example="config/claims.yaml")


def record(claims: Claims, journal: Path, file: Path) -> None:
    """Write the declaration's hash, and under which others these results were judged before.

    The journal remembers all hashes that it has seen, in order; it outlives the tables.
    """
    log = journal / "claims.json"
    seen = json.loads(log.read_text("utf-8")) if log.exists() else []
    if claims.hash not in seen:
        write_json([*seen, claims.hash], log)
    write_json({"hash": claims.hash, "others": [other for other in seen if other != claims.hash]}, file)
