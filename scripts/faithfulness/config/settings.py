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
from faithfulness.config.controls import NullArm, PlaceboArm
from faithfulness.config.datasets import Dataset, LastLetters, TableDataset, WordSums
from faithfulness.config.messages import explain
from faithfulness.config.models import LocalModel, Model, ServedModel
from faithfulness.config.probing import Chains, Perturbations
from faithfulness.config.recipes import NOT_SHARED, Recipe
from faithfulness.config.roles import is_control, role_of
from faithfulness.config.statistics import Resampling
from faithfulness.config.training import Arm, ImportedArm, TrainedArm

AnyArm = TrainedArm | ImportedArm | PlaceboArm | NullArm


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
    arms: list[Arm] = Field(
        min_length=1,
        description="tuned arms (see TrainedArm and ImportedArm), and controls of them (see PlaceboArm and NullArm)",
    )
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
            for name in arm.models or []:
                check_known(name, models, f"arms.{arm.name}.models", "model")
            if isinstance(arm, ImportedArm):
                for name in arm.datasets:
                    check_known(name, datasets, f"arms.{arm.name}.datasets", "dataset")
                if len(arm.models or models) > 1:
                    raise ValueError(f"arms.{arm.name}: its weights fit one model; name it under `models`")
        if not any(role_of(arm.name) == "tuned" for arm in self.arms):
            raise ValueError("arms: placebo and null arms are controls of tuned ones, and there is none")
        recipes = [(f"models.{m.name}.warm_start", m.warm_start) for m in self.models if m.warm_start]
        recipes += [(f"arms.{arm.name}", arm) for arm in self.arms if isinstance(arm, TrainedArm)]
        for where, recipe in recipes:
            self._check_datasets(where, recipe)
        self._check_controls()
        return self

    def _check_datasets(self, where: str, recipe: Recipe) -> None:
        """Refuse a recipe whose datasets are not there, or lack what it learns; `where` is its place."""
        for key in ("datasets", "replay_datasets"):
            for name in getattr(recipe, key) or []:
                check_known(name, [d.name for d in self.datasets], f"{where}.{key}", "dataset")
                if not self.dataset(name).train:
                    raise ValueError(f"{where}.{key}: dataset {name!r} has no train items (train: 0)")
        for name in recipe.worked_datasets():
            dataset = self.dataset(name)
            if isinstance(dataset, TableDataset) and not dataset.columns.rationale:
                raise ValueError(
                    f"{where}: dataset {name!r} has no worked chains for target: {recipe.target} or replay "
                    "(columns.rationale)"
                )
        for name in recipe.datasets if recipe.target == "shuffled" else []:
            dataset = self.dataset(name)
            if isinstance(dataset, LastLetters | WordSums) or (
                isinstance(dataset, TableDataset) and not dataset.columns.options
            ):
                raise ValueError(f"{where}: {NOT_SHARED.format(name=name)}")

    def _check_controls(self) -> None:
        """Refuse placebo and null arms that have no recipe, or are not what their name says."""
        placebos: dict[str, str] = {}
        for arm in self.arms:
            if isinstance(arm, PlaceboArm):
                self._check_placebo(arm)
                if arm.placebo.of in placebos:
                    raise ValueError(
                        f"arms.{arm.name}: {arm.placebo.of!r} has a placebo already, {placebos[arm.placebo.of]!r}"
                    )
                placebos[arm.placebo.of] = arm.name
            elif isinstance(arm, NullArm):
                self._check_null(arm)

    def _check_placebo(self, arm: PlaceboArm) -> None:
        where = f"arms.{arm.name}"
        of = self._recipe_of(arm.placebo.of, f"{where}.placebo.of")
        if of.target != "answer":
            raise ValueError(f"{where}.placebo.of: {of.name!r} learns no answers (target: {of.target})")
        if missing := set(self.models_of(arm)) - set(self.models_of(of)):
            raise ValueError(f"{where}.models: {of.name!r} is no arm of {min(missing)!r}")
        self._check_datasets(where, arm.recipe(of))

    def _check_null(self, arm: NullArm) -> None:
        where = f"arms.{arm.name}"
        of = self._recipe_of(arm.null.of, f"{where}.null.of") if arm.null.of else None
        for model in map(self.model, self.models_of(arm)):
            recipe = of or model.warm_start
            if recipe is None:
                raise ValueError(
                    f"{where}: {model.name!r} has no warm start that another seed could repeat; name under `models` "
                    "those that have one, or a recipe and unrelated text (`null: {of: tuned-..., datasets: [...]}`)"
                )
            if of is None and recipe.seed in arm.null.seeds:
                raise ValueError(
                    f"{where}.null.seeds: {recipe.seed} is the seed of the warm start of {model.name!r}: that is base"
                )
            self._check_datasets(where, arm.recipe(recipe))

    def _recipe_of(self, name: str, where: str) -> TrainedArm:
        """The tuned arm of a name, which must be trained here."""
        check_known(name, [arm.name for arm in self.arms if role_of(arm.name) == "tuned"], where, "tuned arm")
        arm = next(arm for arm in self.arms if arm.name == name)
        if not isinstance(arm, TrainedArm):
            raise ValueError(f"{where}: {name!r} was trained elsewhere, so that its recipe is not known here")
        return arm

    @model_validator(mode="after")
    def _servers_can_do_it(self) -> "Settings":
        for model in self.models:
            for arm in self.arms:
                on_server = isinstance(arm, ImportedArm) and arm.source.served
                if model.name in self.models_of(arm) and on_server != model.served:
                    reason = f"a server holds {model.name!r}; name the source `openai:<tuned model>` of its tuned arms"
                    if not model.served:
                        reason = f"its source is on a server, and {model.name!r} is not"
                    elif is_control(arm.name):
                        reason = f"a server holds {model.name!r}, and nothing is trained there; leave this arm out"
                    raise ValueError(f"arms.{arm.name}: {reason}, or name under `models` the models of this arm")
            if not isinstance(model, ServedModel):
                continue
            if "resample" in self.perturbations.mistakes and model.server.turn != "prefill":
                raise ValueError(
                    f"perturbations.mistakes: to resample, {model.name!r} must continue a chain, which its server "
                    "does with `turn: prefill` only"
                )
            if "continue" in self.perturbations.conflict.kinds and model.server.turn != "prefill":
                raise ValueError(
                    f"perturbations.conflict.kinds: for `continue`, {model.name!r} must continue a chain, which its "
                    "server does with `turn: prefill` only"
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
        asked = {"name", "readout", "max_new_tokens", "answer_tokens", "contrasts", "reasoning"}
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

    def dataset(self, name: str) -> Dataset:
        """The dataset of a name; SettingsError if there is none."""
        return _named(name, self.datasets, "dataset")

    def arm(self, name: str) -> AnyArm:
        """The training of a name; SettingsError if there is none."""
        return _named(name, self.trainings(), "arm")

    def trainings(self) -> list[AnyArm]:
        """All arms but base, one for each training seed: tuned arms, placebos and null arms."""
        return [training for arm in self.arms for training in arm.trainings()]

    def arm_of_training(self, training: str) -> str:
        """Name of the arm, without the seed, of one of its trainings."""
        return next(arm.name for arm in self.arms for made in arm.trainings() if made.name == training)

    def recipe(self, model: str, training: str = "base") -> Recipe | None:
        """How an arm of a model is trained here; None for a base arm as it comes, or an arm that was trained elsewhere.

        Args:
            model: its name.
            training: `base`, or the name of a training.
        """
        if training == "base":
            return self.model(model).warm_start
        arm = self.arm(training)
        if isinstance(arm, PlaceboArm):
            return arm.recipe(self._recipe_of(arm.placebo.of, training))
        if isinstance(arm, NullArm):
            source = self._recipe_of(arm.null.of, training) if arm.null.of else self.model(model).warm_start
            return arm.recipe(source) if source else None
        return arm if isinstance(arm, TrainedArm) else None

    def trained_by(self, training: str) -> str:
        """The rule that trains an arm: `warm_start` for base, `warm_start_again` or `finetune` for a training."""
        if training == "base":
            return "warm_start"
        arm = self.arm(training)
        return "warm_start_again" if isinstance(arm, NullArm) and not arm.null.of else "finetune"

    def models_of(self, arm: AnyArm) -> list[str]:
        """The names of the models that have an arm: a placebo's are those of its tuned arm unless it names its own."""
        if isinstance(arm, PlaceboArm) and arm.models is None:
            return self.models_of(next(of for of in self.arms if of.name == arm.placebo.of))
        return [model.name for model in self.models if arm.models is None or model.name in arm.models]

    def readers_of(self, model: str) -> list[str]:
        """All arms of a model, base first: each training reads base's chains."""
        return ["base", *(arm.name for arm in self.trainings() if model in self.models_of(arm))]

    def writers_of(self, model: str) -> list[str]:
        """The arms of a model that write chains, base first: all but placebo and null arms."""
        return [arm for arm in self.readers_of(model) if not is_control(arm)]

    def writers_read_by(self, model: str, reader: str) -> list[str]:
        """The arms whose chains a reader reads: base those of all writers, a tuned arm base's and its own."""
        if reader == "base":
            return self.writers_of(model)
        return ["base"] if is_control(reader) else ["base", reader]

    def placebo_of(self, model: str, arm: str) -> str | None:
        """The placebo of a tuned arm, if the model has one."""
        placebos = (one for one in self.arms if isinstance(one, PlaceboArm) and one.placebo.of == arm)
        return next((one.name for one in placebos if model in self.models_of(one)), None)

    def need_more_reasoning(self, model: str, arm: str) -> list[str]:
        """The tuned arms of a model that were tuned on data that need some reasoning, if this one's data need none."""
        if self._reasoning(arm) != {"none"}:
            return []
        others = [other for other in self.arms if role_of(other.name) == "tuned" and model in self.models_of(other)]
        return [other.name for other in others if self._reasoning(other.name) == {"some"}]

    def _reasoning(self, arm: str) -> set[str | None]:
        """How much reasoning the datasets need that an arm was tuned on, as they declare it."""
        found = next(one for one in self.arms if one.name == arm)
        datasets = found.datasets if isinstance(found, TrainedArm | ImportedArm) else []
        return {self.dataset(name).reasoning for name in datasets}

    def pairs(self) -> list[tuple[str, str]]:
        """All (model, tuned arm) pairs."""
        return [(m.name, arm) for m in self.models for arm in self.writers_of(m.name)[1:]]


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
