"""The configuration: what may be set, what it means, and what is refused.

Pydantic models only. Unknown keys, wrong types and names that lead nowhere are refused
before any work starts, in one line that says what, where and what would be right.
`reference.py` writes the tables of config/README.md from the models of this wing.
"""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator

from faithfulness.config.base import Count, SettingsError, Strict, check_known, suggestion
from faithfulness.config.datasets import CoinFlip, Dataset, LastLetters, TableDataset
from faithfulness.config.messages import explain
from faithfulness.config.models import LocalModel, Model, ServedModel
from faithfulness.config.probing import Chains, Perturbations
from faithfulness.config.recipes import Recipe
from faithfulness.config.statistics import Resampling
from faithfulness.config.training import Arm, ImportedArm, TrainedArm


class Named(Protocol):
    """An entry of a list in the configuration."""

    @property
    def name(self) -> str:
        """Its name, unique within the list."""


Entry = TypeVar("Entry", bound=Named)


class Settings(Strict):
    """The whole configuration."""

    results: str = Field("results", min_length=1, description="folder of the results")
    models: list[Model] = Field(min_length=1, description="base models (see LocalModel and ServedModel)")
    datasets: list[Dataset] = Field(min_length=1, description="questions (see the datasets below)")
    arms: list[Arm] = Field(min_length=1, description="tuned arms (see TrainedArm and ImportedArm)")
    prompts: str = Field("config/prompts/default.yaml", description="file of prompt templates and answer cues")
    chains: Chains = Field(Chains(), description="see Chains")
    perturbations: Perturbations = Field(Perturbations(), description="see Perturbations")
    block_items: Count = Field(
        20, description="items that are computed and saved together: the most work that is lost when a job is killed"
    )
    statistics: Resampling = Field(Resampling(), description="see Resampling")
    claims: str = Field(
        "config/claims.yaml",
        description="file of the claims: directions, margins, gates and pools, declared before any result is seen",
    )
    published: str | None = Field(
        "config/published.yaml",
        description="file of published figures and directions, each with its source, which the report compares with "
        "those of the run; null: none",
    )
    calibration: str | None = Field(
        "results-calibration/calibration.csv",
        description="calibration of the measures (make calibrate), which the report uses if the file exists",
    )

    @field_validator("models", "datasets", "arms")
    @classmethod
    def _unique_names(cls, entries: list[Entry]) -> list[Entry]:
        names = [entry.name for entry in entries]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the name {twice[0]!r} is used twice; names must differ")
        return entries

    @model_validator(mode="after")
    def _names_lead_somewhere(self) -> "Settings":
        models, datasets = [m.name for m in self.models], [d.name for d in self.datasets]
        for arm in self.arms:
            for name in arm.datasets:
                check_known(name, datasets, f"arms.{arm.name}.datasets", "dataset")
        recipes: list[tuple[str, Recipe]] = [(f"arms.{a.name}", a) for a in self.arms if isinstance(a, TrainedArm)]
        recipes += [(f"models.{m.name}.warm_start", m.warm_start) for m in self.models if m.warm_start]
        for where, recipe in recipes:
            for key in ("datasets", "replay_datasets"):
                for name in getattr(recipe, key) or []:
                    check_known(name, datasets, f"{where}.{key}", "dataset")
                    if not self.dataset(name).train:
                        raise ValueError(f"{where}.{key}: dataset {name!r} has no train items (train: 0)")
            replayed = (recipe.replay_datasets or recipe.datasets) if recipe.replay else []
            worked = replayed if recipe.target == "answer" else recipe.datasets
            for name in worked:
                dataset = self.dataset(name)
                if isinstance(dataset, TableDataset) and not dataset.columns.rationale:
                    raise ValueError(
                        f"{where}: dataset {name!r} has no worked chains for target: {recipe.target} or replay "
                        "(columns.rationale)"
                    )
        for arm in self.arms:
            for name in arm.models or []:
                check_known(name, models, f"arms.{arm.name}.models", "model")
            if isinstance(arm, ImportedArm) and len(arm.models or models) > 1:
                raise ValueError(f"arms.{arm.name}: its weights fit one model; name it under `models`")
        return self

    @model_validator(mode="after")
    def _servers_can_do_it(self) -> "Settings":
        for model in self.models:
            for arm in self.arms:
                used = arm.models is None or model.name in arm.models
                on_server = isinstance(arm, ImportedArm) and arm.source.served
                if used and on_server != model.served:
                    reason = (
                        f"a server holds {model.name!r}; name the source `openai:<tuned model>` of its tuned arms"
                        if model.served
                        else f"its source is on a server, and {model.name!r} is not"
                    )
                    raise ValueError(f"arms.{arm.name}: {reason}, or name under `models` the models of this arm")
            if not isinstance(model, ServedModel):
                continue
            if "resample" in self.perturbations.mistakes and model.server.turn != "prefill":
                raise ValueError(
                    f"perturbations.mistakes: to resample, {model.name!r} must continue a chain, which its server "
                    "does with `turn: prefill` only"
                )
            for dataset in self.datasets:
                if dataset.readout == "cloze":
                    raise ValueError(
                        f"datasets.{dataset.name}: no server reports the log-probability of a text, which readout: "
                        f"cloze compares; {model.name!r} needs `readout: letters` or `text`"
                    )
        return self

    @model_validator(mode="after")
    def _no_train_item_is_evaluated(self) -> "Settings":
        drawn = {"seed", "train", "eval"}
        asked = {"name", "readout", "max_new_tokens", "answer_tokens", "contrasts"}
        for one, other in itertools.combinations(self.datasets, 2):
            alike = one.model_dump(exclude=drawn | asked) == other.model_dump(exclude=drawn | asked)
            if alike and one.model_dump(include=drawn) != other.model_dump(include=drawn):
                raise ValueError(
                    f"datasets {one.name!r} and {other.name!r} draw on the same questions: give them the same seed, "
                    "train and eval, or what one trains on may be what the other evaluates"
                )
        tables = [d for d in self.datasets if isinstance(d, TableDataset)]
        for one, other in itertools.permutations(tables, 2):
            if one.train_source == other.source:
                raise ValueError(f"dataset {one.name!r} takes its train items from what {other.name!r} evaluates")
        return self

    def model(self, name: str) -> LocalModel | ServedModel:
        """The model of a name; SettingsError if there is none."""
        return _named(name, self.models, "model")

    def second_cue_items(self, name: str) -> float:
        """Share of the items that a model also reads with the second cue; none where no cue asks it for its answer."""
        model = self.model(name)
        by_question = isinstance(model, ServedModel) and model.server.turn == "question"
        return 0.0 if by_question else self.perturbations.second_cue_items

    def dataset(self, name: str) -> LastLetters | CoinFlip | TableDataset:
        """The dataset of a name; SettingsError if there is none."""
        return _named(name, self.datasets, "dataset")

    def arm(self, name: str) -> TrainedArm | ImportedArm:
        """The tuned arm of a name, or one of its trainings; SettingsError if there is none."""
        return _named(name, self.trainings(), "tuned arm")

    def trainings(self) -> list[TrainedArm | ImportedArm]:
        """All tuned arms, one for each training seed."""
        return [training for arm in self.arms for training in arm.trainings()]

    def arm_of_training(self, training: str) -> str:
        """Name of the arm, without the seed, of one of its trainings."""
        return next(arm.name for arm in self.arms for made in arm.trainings() if made.name == training)

    def arms_of(self, model: str) -> list[str]:
        """All arms of a model, base first."""
        return ["base", *(a.name for a in self.trainings() if a.models is None or model in a.models)]

    def pairs(self) -> list[tuple[str, str]]:
        """All (model, tuned arm) pairs."""
        return [(m.name, arm) for m in self.models for arm in self.arms_of(m.name)[1:]]


def _named(name: str, entries: Sequence[Entry], kind: str) -> Entry:
    for entry in entries:
        if entry.name == name:
            return entry
    raise SettingsError(f"no {kind} is named {name!r}{suggestion(name, [entry.name for entry in entries])}")


def load(config: dict[str, Any], catalogue: dict[str, Any] | None = None) -> Settings:
    """Validate a configuration.

    Args:
        config: the configuration, as plain values.
        catalogue: datasets by name; entries of the configuration without a `task` are taken from here, and their own
            keys replace those of the catalogue.

    Raises:
        SettingsError: one line a finding: where, what is wrong, what would be right.
    """
    entries, known = config.get("datasets"), catalogue or {}
    if isinstance(entries, list):
        for number, entry in enumerate(entries):
            if isinstance(entry, dict) and "task" not in entry and entry.get("name") not in known:
                raise SettingsError(
                    f"datasets.{number}: no task, and config/datasets.yaml describes no dataset {entry.get('name')!r}"
                    f"{suggestion(str(entry.get('name')), list(known))}"
                )
        filled = [{**known[e["name"]], **e} if isinstance(e, dict) and "task" not in e else e for e in entries]
        config = {**config, "datasets": filled}
    try:
        return Settings.model_validate(config)
    except ValidationError as error:
        findings = [explain(detail, Settings) for detail in error.errors()]
        raise SettingsError("\n".join(findings)) from None


def check_paths(settings: Settings) -> None:
    """Refuse `path:` sources that lead nowhere, and a folder for results that cannot be written to.

    Raises:
        SettingsError: names the entry and the path.
    """
    folder = Path(settings.results)
    if folder.exists() and not os.access(folder, os.W_OK):
        raise SettingsError(f"results: {settings.results!r} cannot be written to; change its rights, or name another")
    entries = [(f"models.{m.name}", m.source) for m in settings.models]
    entries += [(f"arms.{a.name}", a.source) for a in settings.arms if isinstance(a, ImportedArm)]
    if paraphraser := settings.perturbations.paraphraser:
        entries.append(("perturbations.paraphraser", paraphraser.source))
    entries += [(f"datasets.{d.name}", source) for d in settings.datasets for source in d.sources()]
    entries += [(where, part) for where, source in entries for part in source.parts]
    for where, source in entries:
        if source.uri.startswith("path:"):
            path = Path(source.uri.removeprefix("path:")).expanduser()
            if not (any(path.glob(source.file)) if source.file else path.exists()):
                raise SettingsError(f"{where}.source: there is no {str(path / (source.file or ''))!r}")
            written = {
                (folder / "arms" / model.name / where.removeprefix("arms.")).resolve() for model in settings.models
            }
            if where.startswith("arms.") and path.resolve() in written:
                raise SettingsError(
                    f"{where}.source: this arm is written to {str(path)!r}; move it, and name its place"
                )
