"""The configuration: what may be set, what it means, and what is refused.

Pydantic models only. Unknown keys, wrong types and names that lead nowhere are refused
before any work starts, in one line that says what, where and what would be right.
`reference()` writes the tables of config/README.md from the models below.
"""

import difflib
import itertools
import os
import re
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails, PydanticUndefined

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=60)]
Word = Annotated[str, Field(pattern=r"^[^\sA-Z]+$")]  # one word, in lower case
Tag = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class SettingsError(ValueError):
    """The configuration cannot be used; the message is one line a finding."""


class Strict(BaseModel):
    """Refuses unknown keys, and is never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


File = TypeVar("File", bound=Strict)  # what a file of the configuration holds


class Source(Strict):
    """Where bytes come from."""

    uri: str = Field(
        pattern=r"^(pypi:[\w.-]+==[\w.]+|hub:[\w.-]+/[\w.-]+|path:.+|openai:\S+|random:llama)$",
        description="`pypi:name==version` (a wheel), `hub:owner/name`, `path:file-or-folder`; for models also "
        "`openai:name` (what a server calls it, see Server) and `random:llama` (a tiny untrained model made on the "
        "spot, for trying the workflow)",
    )
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$", description="hash of the wheel or file; must match")
    revision: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{40}$",
        description="commit of a `hub:` source; required there, so that it cannot change",
    )
    file: str | None = Field(
        None, description="file inside the wheel, repository or folder; `*` matches several, read as one table"
    )
    split: str | None = Field(None, description="split of a `hub:` dataset, as `datasets` loads it; in place of `file`")
    subset: str | None = Field(None, description="configuration of a `hub:` dataset that has several (with `split`)")

    @property
    def served(self) -> bool:
        """Whether it lies on a server, which keeps it."""
        return self.uri.startswith("openai:")

    @model_validator(mode="after")
    def _splits_are_of_the_hub(self) -> "Source":
        if (self.split or self.subset) and not self.uri.startswith("hub:"):
            raise ValueError("split and subset belong to hub: sources; name a file")
        if self.subset and not self.split:
            raise ValueError("a subset needs a split")
        if self.split and self.file:
            raise ValueError("split or file, not both")
        return self

    @model_validator(mode="after")
    def _pinned(self) -> "Source":
        if self.uri.startswith("pypi:") and not (self.sha256 and self.file):
            raise ValueError("a pypi: source needs sha256 (of the wheel) and file (inside it)")
        if self.uri.startswith("hub:") and not self.revision:
            raise ValueError("a hub: source needs revision (a 40-digit commit), so that runs can be repeated")
        if self.sha256 and self.file and "*" in self.file and not self.uri.startswith("pypi:"):
            raise ValueError("sha256 is of one file, and file names several")
        if self.file and (self.file.startswith("/") or ".." in self.file.split("/")):
            raise ValueError("file must be a path inside the source")
        return self


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


class Weights(Strict):
    """What a model's weights are made of."""

    source: Source = Field(description="where the weights come from (see Source)")
    layers: Count | None = Field(
        None, description="keep only this many evenly spaced layers, first and last included (depth pruning)"
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="of the weights when writing and reading, the same for all arms of the model; auto: bfloat16 where "
        "it is measured to be faster than float32, or where only other nodes of a cluster have GPUs",
    )
    trust_remote_code: bool = Field(False, description="let the model's repository run its own Python code")

    def weights(self, **changes: Any) -> "Weights":
        """This part of a model, changed."""
        return Weights(**{name: getattr(self, name) for name in Weights.model_fields} | changes)

    def whole(self) -> "Weights | None":
        """The same weights with all layers, where some are left out."""
        return self.weights(layers=None) if self.layers else None


class Server(Strict):
    """An OpenAI-compatible server, for models whose source is `openai:name`. Its key is read from the environment."""

    base_url: str = Field("https://api.openai.com/v1", pattern=r"^https?://\S+$", description="up to its version")
    key_variable: str = Field(
        "OPENAI_API_KEY",
        pattern=r"^\w+$",
        description="environment variable that holds the key; may be unset for servers that want none",
    )
    turn: Literal["prefill", "question"] = Field(
        "question",
        description="how the answer is asked for: the server goes on with the assistant's unfinished turn (prefill; "
        "vLLM does), or a second question is put to it (Lanham et al. 2023)",
    )
    concurrency: Count = Field(8, description="requests at a time")
    timeout: float = Field(120, gt=0, description="seconds that a reply may take")
    attempts: Count = Field(8, description="tries of a request that the server fails, ever longer apart")
    input_price: float = Field(0, ge=0, description="of a million tokens sent")
    output_price: float = Field(0, ge=0, description="of a million tokens written")
    max_cost: float | None = Field(
        None, gt=0, description="most that all requests to this model may cost, those of earlier runs among them"
    )

    @field_validator("base_url")
    @classmethod
    def _no_password(cls, url: str) -> str:
        if "@" in url:  # the address stands in tables and reports
            raise ValueError("holds a name or password; put it into the variable that key_variable names")
        return url

    @model_validator(mode="after")
    def _costs_something(self) -> "Server":
        if self.max_cost and not (self.input_price or self.output_price):
            raise ValueError("max_cost holds back nothing without input_price and output_price")
        return self


class Speaker(Weights):
    """Weights or a server, and how they are spoken to."""

    quantisation: Literal["nf4"] | None = Field(
        None,
        description="bits of the weights when writing and reading, the same for all arms: nf4 is 4 bits with double "
        "quantisation (bitsandbytes)",
    )
    gpus: Count = Field(
        1, description="GPUs that a job of it takes; its layers are spread over several (transformers' device_map)"
    )
    parameters: Count | None = Field(
        None,
        description="size, where none can be counted: of a server's model as published, or a guess that places it "
        "among the others; of others before they are fetched (make plan)",
    )
    server: Server | None = Field(None, description="of a source `openai:name` (see Server; default: OpenAI's own)")
    system: str | None = Field(
        None, description="system message; default: that of the prompts file, or what the chat template says by itself"
    )
    think: tuple[Tag, Tag] | None = Field(
        None,
        description="tags that a reasoning model thinks between, such as `[<think>, </think>]`: what stands between "
        "them is the chain, and probes end with the second before they ask",
    )

    @property
    def served(self) -> bool:
        """Whether a server holds the weights."""
        return self.source.served

    def on_server(self) -> dict[str, Any] | None:
        """Size and place of a served model: its name there, where, and how it is asked; None for weights."""
        if not self.served:
            return None
        server = self.server or Server()
        place = {"name": self.source.uri.removeprefix("openai:"), "base_url": server.base_url, "turn": server.turn}
        return {"parameters": self.parameters, "place": place}

    @model_validator(mode="after")
    def _server_or_weights(self) -> "Speaker":
        if self.server and not self.served:
            raise ValueError("server belongs to a source `openai:name`; this one has weights of its own")
        local = sorted(self.model_fields_set & {"layers", "dtype", "quantisation", "gpus", "trust_remote_code"})
        if self.served and self.think and (self.server or Server()).turn != "prefill":
            raise ValueError("think: to close the tag, the server must go on with a turn (server.turn: prefill)")
        if self.served and local:
            raise ValueError(f"{local[0]} is of weights that are loaded here, and a server holds these; leave it out")
        return self


class Model(Speaker):
    """One set of base weights, and what makes the base arm of it."""

    name: Name = Field(description="used in paths, tables and figures")
    warm_start: Recipe | None = Field(
        None, description="full training that makes the base arm, for models too small to reason by themselves"
    )

    @field_validator("warm_start")
    @classmethod
    def _warm_starts_are_full(cls, recipe: Recipe | None) -> Recipe | None:
        if recipe and recipe.method != "full":
            raise ValueError(
                f"needs `method: full`: tuned arms would be trained without the adapter of {recipe.method}"
            )
        return recipe


class Columns(Strict):
    """Which column of a table holds what; `outer.inner` names an entry of a column that holds mappings."""

    question: str = Field("question", description="column of the question, or several: `{context}\\n{question}`")
    options: str | list[str] | None = Field(
        "options",
        description="column of the options: a list, a mapping from labels, or lines such as `A. bank`; or a list of "
        "columns, one an option; null for open questions",
    )
    labels: str | None = Field(None, description="column of the options' labels, where it is not A, B, C ...")
    answer: str = Field("answer", description="column of the gold answer")
    answer_is: Literal["auto", "text", "label", "index", "flags"] = Field(
        "auto",
        description="what stands there: an option's text, its label, its index from 0, or one flag an option; auto: "
        "whichever names an option, and rows where two of them name different ones are refused",
    )
    answer_pattern: str | None = Field(
        None, description="regular expression whose first group is the answer, where more than it stands there"
    )
    rationale: str | None = Field(None, description="column of a worked chain, for `target: rationale` and replay")
    leave_out: list[str] = Field([], description="regular expressions of what is no part of the worked chain's text")

    @field_validator("answer_pattern", "leave_out")
    @classmethod
    def _are_expressions(cls, value: str | list[str] | None) -> str | list[str] | None:
        for pattern in [value] if isinstance(value, str) else value or []:
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
            if isinstance(value, str) and groups < 1:
                raise ValueError(f"{pattern!r} has no group; put what is the answer into parentheses")
        return value


class DatasetBase(Strict):
    """What all datasets have."""

    name: Name = Field(description="used in paths, tables and figures")
    readout: Literal["cloze", "letters", "text"] = Field(
        "cloze",
        description="how answers are read: log-probability of each option per byte (cloze; for small models), of its "
        "letter (letters; the prompt then names the options by letters), or parsed greedy text (text)",
    )
    train: Annotated[int, Field(ge=0)] = Field(1000, description="train items, disjoint from the evaluation items")
    eval: Count = Field(48, description="evaluation items")
    seed: int = Field(0, ge=0, description="of the generated questions, or of the draw from the source")
    max_new_tokens: Count = Field(96, description="token limit of a chain")
    answer_tokens: Count = Field(16, description="token limit of an answer (readout `text`)")
    contrasts: list[tuple[Word, Word]] = Field(
        [], description="pairs of words that mean different things here: a paraphrase keeps them, a mistake swaps them"
    )

    def sources(self) -> list[Source]:
        """Where its tables come from; none for generated questions."""
        return []

    @field_validator("contrasts")
    @classmethod
    def _contrasts_differ(cls, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        for one, other in pairs:
            if one == other:
                raise ValueError(f"{one!r} is no contrast to itself")
        return pairs


class LastLetters(DatasetBase):
    """Last-letter concatenation (Wei et al. 2022), generated."""

    task: Literal["last_letters"]
    words: Annotated[int, Field(ge=2, le=8)] = Field(2, description="difficulty: words whose last letters are joined")


class CoinFlip(DatasetBase):
    """Coin flip (Wei et al. 2022), generated."""

    task: Literal["coin_flip"]
    people: Annotated[int, Field(ge=2, le=8)] = Field(3, description="difficulty: people who may flip the coin")


class TableDataset(DatasetBase):
    """Questions from a JSONL, CSV or Parquet file."""

    task: Literal["table"]
    source: Source = Field(description="where the file comes from (see Source)")
    train_source: Source | None = Field(
        None, description="where the train items come from; default: the same file, after the evaluation items"
    )
    columns: Columns = Field(Columns(), description="what its columns are called (see Columns)")
    shuffle_options: bool = Field(
        False, description="put the options into a seeded random order, where the source lists the right one first"
    )

    def sources(self) -> list[Source]:
        """Of the evaluation items and, where they have another, of the train items."""
        return [self.source, *filter(None, [self.train_source])]

    @model_validator(mode="after")
    def _sources_differ(self) -> "TableDataset":
        if self.train_source == self.source:
            raise ValueError("train_source is source; leave it out, and train and evaluation items are told apart")
        return self

    @model_validator(mode="after")
    def _open_questions_are_read_as_text(self) -> "TableDataset":
        if self.shuffle_options and self.columns.options is None:
            raise ValueError("shuffle_options: there are none, columns.options is null")
        if self.columns.options is None and self.readout != "text":
            raise ValueError(
                f"readout: {self.readout} compares options, and columns.options is null; use `readout: text`"
            )
        return self

    @field_validator("source", "train_source")
    @classmethod
    def _no_random_tables(cls, source: Source | None) -> Source | None:
        if source and source.uri.startswith("random:"):
            raise ValueError("random: sources are for models only")
        return source


Dataset = Annotated[Union[LastLetters, CoinFlip, TableDataset], Field(discriminator="task")]


class Chains(Strict):
    """How chains are written."""

    samples: Count = Field(1, description="chains an item")
    temperature: Annotated[float, Field(ge=0)] = Field(0.0, description="0 is greedy")
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(1.0, description="nucleus sampling, where temperature > 0")
    seed: int = Field(0, ge=0, description="of the sampling")

    @model_validator(mode="after")
    def _samples_differ(self) -> "Chains":
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("samples > 1 needs temperature > 0 (greedy chains are all alike)")
        return self


class Paraphraser(Speaker):
    """A language model that rewords steps; what it writes is checked, and where nothing passes, rules reword."""

    candidates: Count = Field(
        4, description="wordings sampled of each step at most: the first that passes the checks is taken"
    )
    temperature: float = Field(0.8, gt=0, description="of the sampling")
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(0.95, description="nucleus sampling")


class Perturbations(Strict):
    """How chains are perturbed."""

    max_cuts: Annotated[int, Field(ge=2)] = Field(
        12, description="cuts a chain; longer chains get evenly spaced ones, always with the ends"
    )
    filler: str = Field(" ...", min_length=1, description="text repeated to fill the place of the steps removed")
    mistakes: list[Literal["keep", "resample"]] = Field(
        ["keep"],
        min_length=1,
        description="what follows a mistake: the rest as written (keep), what the writer goes on to write (resample; "
        "a writing pass for each step of each chain), or one probe of each",
    )
    paraphraser: Paraphraser | None = Field(
        None, description="a language model that rewords steps (see Paraphraser); default: rules reword them"
    )
    seed: int = Field(0, ge=0, description="of the choice among rewordings and among mistakes")


class Resampling(Strict):
    """How effects are resampled."""

    resamples: Annotated[int, Field(ge=99)] = Field(10_000, description="bootstrap resamples and sign flips")
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="of the intervals")
    seed: int = Field(0, ge=0, description="of resampling and sign flips")


class Statistics(Resampling):
    """How effects are judged: resampling, and the margins of equivalence that claims.yaml declares."""

    margin: float = Field(0.05, gt=0, description="of measures that have none of their own")
    margins: dict[str, float] = Field({}, description="by measure, in its unit")


class Gates(Strict):
    """When a cell is not interpretable (method, section 8)."""

    collapse: Share = Field(0.2, description="commonest answer may exceed its gold share by this much")
    two_steps: Share = Field(0.8, description="least share of chains with at least two steps")
    truncated: Share = Field(0.05, description="largest share of truncated chains")
    invalid: Share = Field(0.1, description="largest share of invalid readouts, for any reader and perturbation")
    paraphrase: Share = Field(0.8, description="least share of paraphrased steps accepted")


class Settings(Strict):
    """The whole configuration."""

    results: str = Field("results", min_length=1, description="folder of the results")
    models: list[Model] = Field(min_length=1, description="base weights (see Model)")
    datasets: list[Dataset] = Field(min_length=1, description="questions (see the datasets below)")
    arms: list[Arm] = Field(min_length=1, description="tuned arms (see Arm)")
    prompts: str = Field("config/prompts/default.yaml", description="file of prompt templates and answer cues")
    chains: Chains = Field(Chains(), description="see Chains")
    perturbations: Perturbations = Field(Perturbations(), description="see Perturbations")
    block_items: Count = Field(
        20, description="items that are worked on together and kept together: the most that a kill costs"
    )
    statistics: Resampling = Field(Resampling(), description="see Resampling")
    claims: str = Field(
        "config/claims.yaml",
        description="file of what is claimed: directions, margins, gates and pools, declared before any result is seen",
    )
    published: str | None = Field(
        "config/published.yaml",
        description="file of published figures and directions, each with its source, that the report sets the run's "
        "beside; null: none",
    )
    calibration: str | None = Field(
        "results-calibration/calibration.csv",
        description="calibration of the measures, taken up by the report where the file exists (make calibrate)",
    )

    @field_validator("models", "datasets", "arms")
    @classmethod
    def _unique_names(cls, entries: list[Any]) -> list[Any]:
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
                _known(name, datasets, f"arms.{arm.name}.datasets", "dataset")
        recipes: list[tuple[str, Recipe]] = [(f"arms.{a.name}", a) for a in self.arms if not a.source]
        recipes += [(f"models.{m.name}.warm_start", m.warm_start) for m in self.models if m.warm_start]
        for where, recipe in recipes:
            for key in ("datasets", "replay_datasets"):
                for name in getattr(recipe, key) or []:
                    _known(name, datasets, f"{where}.{key}", "dataset")
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
                _known(name, models, f"arms.{arm.name}.models", "model")
            if arm.source and len(arm.models or models) > 1:
                raise ValueError(f"arms.{arm.name}: its weights fit one model; name it under `models`")
        return self

    @model_validator(mode="after")
    def _servers_can_do_it(self) -> "Settings":
        for model in self.models:
            arms = [arm for arm in self.arms if arm.models is None or model.name in arm.models]
            for arm in arms:
                if bool(arm.source and arm.source.served) != model.served:
                    raise ValueError(
                        f"arms.{arm.name}: "
                        + (
                            f"a server holds {model.name!r}; name the source `openai:<tuned model>` of its tuned arms"
                            if model.served
                            else f"its source is on a server, and {model.name!r} is not"
                        )
                        + ", or say under `models` which models get this arm"
                    )
            if not model.served:
                continue
            if model.warm_start:
                raise ValueError(f"models.{model.name}: a server's weights cannot be given a warm_start")
            if not model.parameters:
                raise ValueError(f"models.{model.name}: needs `parameters`, which no server tells; a guess will do")
            if "resample" in self.perturbations.mistakes and (model.server or Server()).turn != "prefill":
                raise ValueError(
                    f"perturbations.mistakes: to resample, {model.name!r} must go on with a chain, which its server "
                    "does with `turn: prefill` only"
                )
            for dataset in self.datasets:
                if dataset.readout == "cloze":
                    raise ValueError(
                        f"datasets.{dataset.name}: no server tells the log-probability of a text, which readout: cloze "
                        f"compares; {model.name!r} needs `readout: letters` or `text`"
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

    def model(self, name: str) -> Model:
        return next(m for m in self.models if m.name == name)

    def dataset(self, name: str) -> LastLetters | CoinFlip | TableDataset:
        return next(d for d in self.datasets if d.name == name)

    def arm(self, name: str) -> Arm:
        return next(a for a in self.trainings() if a.name == name)

    def trainings(self) -> list[Arm]:
        """All tuned arms, one for each training seed."""
        return [training for arm in self.arms for training in arm.trainings()]

    def arms_of(self, model: str) -> list[str]:
        """All arms of a model, base first."""
        return ["base", *(a.name for a in self.trainings() if a.models is None or model in a.models)]

    def pairs(self) -> list[tuple[str, str]]:
        """All (model, tuned arm) pairs."""
        return [(m.name, arm) for m in self.models for arm in self.arms_of(m.name)[1:]]


def _known(name: str, names: Sequence[str], where: str, kind: str) -> None:
    if name not in names:
        raise ValueError(f"{where}: no {kind} is named {name!r}{_suggest(name, names)}")


def _suggest(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(names)}"


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
                    f"{_suggest(str(entry.get('name')), list(known))}"
                )
        filled = [{**known[e["name"]], **e} if isinstance(e, dict) and "task" not in e else e for e in entries]
        config = {**config, "datasets": filled}
    try:
        return Settings.model_validate(config)
    except ValidationError as error:
        findings = [_finding(detail) for detail in error.errors()]
        raise SettingsError("\n".join(findings)) from None


def from_file(model: type[File], path: str | Path, setting: str) -> File:
    """Read and validate a YAML file that a setting names.

    Raises:
        SettingsError: the file is missing, is no YAML, or cannot be used; says which, in one line.
    """
    try:
        return model.model_validate(yaml.safe_load(Path(path).read_text("utf-8")))
    except FileNotFoundError:
        example = Settings.model_fields[setting].default
        raise SettingsError(f"{setting}: there is no file {str(path)!r}; {example} is one") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{setting}: {path} is not YAML: {error}".replace("\n", " ")) from None
    except ValidationError as error:
        first = error.errors()[0]
        parts = setting, str(path), ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        raise SettingsError(": ".join(filter(None, parts))) from None


def _finding(detail: ErrorDetails) -> str:
    where = ".".join(str(part) for part in detail["loc"]) or "configuration"
    if detail["type"] == "extra_forbidden":
        return f"{where}: unknown key{_suggest(str(detail['loc'][-1]), _keys_at(detail['loc'][:-1]))}"
    if detail["type"] == "missing":
        return f"{where}: missing, and there is no default"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error":
        return message if where == "configuration" else f"{where}: {message}"
    return f"{where}: {message} (got {detail['input']!r})"


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    """Keys that are allowed at a place in the configuration."""
    model: Any = Settings
    for part in location:
        if isinstance(part, int):
            continue
        if isinstance(model, list):  # a dataset's task chooses among several models
            model = next((m for m in model if part == _task(m) or part in m.model_fields), model[0])
            if part == _task(model):
                continue
        found = list(_models_in(model.model_fields[part].annotation))
        model = found[0] if len(found) == 1 else found
    return list(model[0].model_fields if isinstance(model, list) else model.model_fields)


def _task(model: Any) -> str | None:
    field = model.model_fields.get("task")
    return get_args(field.annotation)[0] if field else None


def _models_in(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def recipe_of(arm: str) -> str:
    """An arm's name without its training seed: what several trainings have in common."""
    return re.sub(r"\.seed\d+$", "", arm)


def train_datasets(recipe: Recipe | None) -> list[str]:
    """Datasets whose train items a recipe uses, each once; none for no recipe."""
    if recipe is None:
        return []
    return list(dict.fromkeys([*recipe.datasets, *(recipe.replay_datasets or [])]))


def dump(recipe: Recipe | None) -> dict[str, Any] | None:
    """What of a recipe decides the training, as plain values."""
    return None if recipe is None else recipe.model_dump(include=set(Recipe.model_fields))


def check_paths(settings: Settings) -> None:
    """Refuse `path:` sources that lead nowhere, and a folder for results that cannot be written to.

    Raises:
        SettingsError: names the entry and the path.
    """
    folder = Path(settings.results)
    if folder.exists() and not os.access(folder, os.W_OK):
        raise SettingsError(f"results: {settings.results!r} cannot be written to; change its rights, or name another")
    entries = [(f"models.{m.name}", m.source) for m in settings.models]
    entries += [(f"arms.{a.name}", a.source) for a in settings.arms if a.source]
    if paraphraser := settings.perturbations.paraphraser:
        entries.append(("perturbations.paraphraser", paraphraser.source))
    entries += [(f"datasets.{d.name}", source) for d in settings.datasets for source in d.sources()]
    for where, source in entries:
        if source.uri.startswith("path:"):
            path = Path(source.uri.removeprefix("path:")).expanduser()
            if not (any(path.glob(source.file)) if source.file else path.exists()):
                raise SettingsError(f"{where}.source: there is no {str(path / (source.file or ''))!r}")


def reference() -> str:
    """The reference of all settings, as Markdown."""
    parents: dict[Any, type[Strict]] = {Arm: Recipe, Paraphraser: Speaker}
    parts = []
    for model in (
        Settings,
        Model,
        Server,
        Source,
        Recipe,
        Arm,
        LastLetters,
        CoinFlip,
        TableDataset,
        Columns,
        Chains,
        Perturbations,
        Paraphraser,
        Resampling,
    ):
        title = model.__name__ if model is not Settings else "Top level"
        lines = [
            f"### {title}",
            "",
            (model.__doc__ or "").strip(),
            "",
            "| key | type | default | meaning |",
            "|---|---|---|---|",
        ]
        parent = parents.get(model)
        inherited = set(parent.model_fields) if parent else set()
        if inherited:
            lines.insert(3, f"All keys of {'Recipe' if parent is Recipe else 'Model but name and warm_start'}, and:\n")
        for key, field in model.model_fields.items():
            if key in inherited:
                continue
            default = field.get_default(call_default_factory=True)
            shown = "required" if default is PydanticUndefined else _show(default)
            lines.append(
                f"| `{key}` | {_type(field.annotation)} | {shown} | {field.description or 'kind of the dataset'} |"
            )
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _show(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "see below"
    return "none" if value is None else f"`{value!r}`" if isinstance(value, str) else f"`{value}`"


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{a}`" for a in arguments)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in (Union, types.UnionType):
        return " or ".join(_type(a) for a in arguments if a is not type(None))
    if origin is list:
        return f"list of {_type(arguments[0])}"
    names = {str: "text", int: "integer", float: "number", bool: "true or false"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))
