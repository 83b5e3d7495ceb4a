"""The record of where a run's results come from, `provenance.json`.

It holds what is named here and nothing else of the environment: of a server's key, only the name of its variable.
"""

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from faithfulness.config.base import Scalar, Strict
from faithfulness.config.sources import Source


class ProvenanceError(ValueError):
    """A record cannot be used; the message is one line with the reason and what to do."""


class Code(Strict):
    """The workflow's own code."""

    commit: str | None = Field(pattern=r"^[0-9a-f]{40,64}$", description="of git; None outside of a checkout")
    changed: list[str] = Field(description="files of the code that were not as in that commit")
    hash: str = Field(description="of the code's files, in whichever folder they are")


class Arm(Strict):
    """A model as it was evaluated."""

    model: str
    arm: str = Field(description="its name, without the training seed")
    kind: str = Field(description="what holds its weights: `full`, `adapter` or `served`")
    source: Source | None = Field(description="pinned source of its weights; None where it was trained in this run")
    parameters: int
    dtype: str
    quantisation: str | None
    seed: int
    weights: str = Field(description="hash of its weights, or of the address of a server that holds them")
    parent: str | None = Field(description="hash of the weights that it was trained from")
    date: str | None = Field(None, description="day that its chat template tells, if it tells one")
    template: dict[str, Scalar] = Field({}, description="variables of its chat template")

    @property
    def name(self) -> str:
        """Model and arm, and the seed of a training."""
        return f"{self.model}/{self.arm}" + ("" if self.source else f", seed {self.seed}")


class DatasetRecord(Strict):
    """A dataset."""

    dataset: str
    seed: int
    sources: list[Source] = Field(description="pinned sources of its tables")
    files: dict[str, str | None] = Field(description="SHA-256 of the files of `path:` sources, which nothing else pins")
    train: str | None = Field(description="SHA-256 of the table of train items")
    eval: str | None = Field(description="SHA-256 of the table of evaluation items")


class RuleCost(Strict):
    """Time and memory of the jobs of a rule."""

    rule: str
    jobs: int
    seconds: float = Field(description="wall time of all jobs; of a job that was killed and continued, its last part")
    max_rss: float | None = Field(description="largest resident memory of a job, MB; None where all were too short")


class Record(Strict):
    """All that is recorded of a run."""

    made: str = Field(description="when the record was made, UTC")
    # Plain values: another version of the project may read the record, and refuse these settings.
    configuration: dict[str, Any] = Field(description="validated, with all defaults")
    configured: dict[str, Any] = Field(description="the part of it that was set; enough to make the run again")
    configuration_hash: str
    files: dict[str, str | None] = Field(description="SHA-256 of the files that it names; None where there was none")
    code: Code
    versions: dict[str, str] = Field(description="of Python and of all direct dependencies that are installed")
    platform: str
    processors: list[str] = Field(description="of all machines that jobs ran on")
    gpus: list[str] = Field(description="kinds of GPU that jobs used")
    slurm_jobs: list[str] = Field(description="numbers of the SLURM jobs in which jobs ran")
    arms: list[Arm]
    datasets: list[DatasetRecord]
    seeds: dict[str, int] = Field(description="besides those of arms and datasets")
    rules: list[RuleCost]


def load(file: str | Path) -> Record:
    """Read a record.

    Raises:
        ProvenanceError: the file is missing or damaged, or another version of the project wrote it.
    """
    try:
        return Record.model_validate_json(Path(file).read_bytes())
    except OSError:
        raise ProvenanceError(f"{file}: there is no such file; name the provenance.json of a finished run") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        reason = ": ".join(filter(None, [place, first["msg"]]))
        raise ProvenanceError(
            f"{file}: not a record of a run, or of another version ({reason}); copy it again from the run's results"
        ) from None
