"""What a run will take: jobs, tokens, hours and cost of each rule and model."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from faithfulness import prompts
from faithfulness.config.models import LocalSpeaker, Model, Speaker
from faithfulness.config.recipes import Recipe
from faithfulness.config.settings import Settings
from faithfulness.operate import cost
from faithfulness.operate.cost import TRAINING_PASSES, Assumptions, Tokens
from faithfulness.operate.plan.miniature import ItemWork, item_work, miniature_items
from faithfulness.operate.plan.pieces import Pieces, tokenizer_of
from faithfulness.operate.plan.tokens import Row, training_tokens
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.prepare import sources
from faithfulness.tables.fields import FLOAT, INT, STR, field
from faithfulness.tables.io import frame

PARAPHRASER = "paraphraser"  # its name among the models

Plan = pa.schema(
    [
        field("rule", STR, meaning="rule of the workflow; 'perturbations' is one for each perturbation"),
        field("model", STR, meaning="model, or 'paraphraser'"),
        field("jobs", INT, meaning="jobs"),
        field("items", INT, meaning="examples of a training, or evaluation items of all datasets"),
        field("chains", INT, meaning="chains generated, perturbed or scored; 0 in a training"),
        field("probes", INT, meaning="probes made or scored"),
        field("tokens", INT, meaning="unique tokens computed; with a server, tokens sent and received"),
        field("hours", FLOAT, meaning="of all jobs in turn; null where the model's size is unknown", nullable=True),
        field("cost", FLOAT, meaning="by the prices of the model's server; null without a server", nullable=True),
        field("used", INT, meaning="unique tokens that the finished run computed; null before that", nullable=True),
    ]
)


@dataclass(frozen=True)
class Counts:
    """How much a rule does with a model, in the columns of `Plan`."""

    jobs: int
    items: int = 0
    chains: int = 0
    probes: int = 0


@dataclass(frozen=True)
class Performer:
    """A model that does the work, with all that its time and cost depend on."""

    name: str
    speaker: Speaker
    parameters: int | None
    assumed: Assumptions

    def row(self, rule: str, counts: Counts, tokens: Tokens, passes: float = 1) -> Row:
        """A row of `Plan`; `passes` as in `cost.seconds`."""
        seconds = cost.seconds(tokens, self.speaker, self.parameters, self.assumed, passes)
        return {
            "rule": rule,
            "model": self.name,
            **vars(counts),
            "tokens": tokens.sent + tokens.received if self.speaker.served else tokens.computed,
            "hours": None if seconds is None else seconds / 3600,
            "cost": cost.price(tokens, self.speaker),
        }


def expected(settings: Settings, assumed: Assumptions, resources: Path) -> pd.DataFrame:
    """What each rule does with each model, in the order of the run.

    Args:
        settings: the configuration.
        assumed: what it does not say.
        resources: folder of what is fetched and prepared; nothing in it is needed.

    Returns:
        Table of the schema `Plan`; its column `used` is null.

    Raises:
        ValueError: a table on this disk has too few usable questions.
    """
    items = {dataset.name: miniature_items(dataset, assumed, resources) for dataset in settings.datasets}
    train = {name: train_items for name, (train_items, _) in items.items()}
    rows: list[Row] = []
    reworded, rewordings = Tokens(), 0
    for model in settings.models:
        performer = Performer(model.name, model, parameters(model, resources), assumed)
        wording = prompts.load(settings.prompts, **model.dialogue())
        tokenizer = tokenizer_of(weights_folder(model, resources)) if isinstance(model, LocalSpeaker) else Pieces()
        writers = len(settings.writers_of(model.name))
        for rule, recipe in _trainings(model, settings):
            examples = {name: train[name] for name in recipe.train_datasets()}
            tokens = training_tokens(recipe, examples, wording, tokenizer, settings.perturbations.filler)
            counts = Counts(1, items=recipe.steps * recipe.batch_size)
            rows.append(performer.row(rule, counts, tokens, TRAINING_PASSES[recipe.method]))
        for dataset in settings.datasets:
            counted = items[dataset.name][1][: assumed.items]
            second_cue_items = settings.second_cue_items(model.name)
            work = item_work(counted, dataset, settings, wording, tokenizer, assumed, second_cue_items)
            alike = writes_worked_chains(model, dataset.name, settings)
            rows += _evaluation(performer, work, dataset.eval, settings, alike)
            reworded += work.reword * (dataset.eval * writers * settings.chains.samples)
            rewordings += writers
    if paraphraser := settings.perturbations.paraphraser:
        performer = Performer(PARAPHRASER, paraphraser, parameters(paraphraser, resources), assumed)
        rows.append(performer.row("paraphrase", Counts(rewordings), reworded))
    sums = pd.DataFrame(rows).groupby(["rule", "model"], sort=False, as_index=False).sum(min_count=1)
    return frame(sums.assign(tokens=sums["tokens"].round(), used=None), Plan)


def _trainings(model: Model, settings: Settings) -> Iterator[tuple[str, Recipe]]:
    """Rule and recipe of each training of a model."""
    for name in settings.readers_of(model.name):
        if recipe := settings.recipe(model.name, name):
            yield settings.trained_by(name), recipe


def _evaluation(performer: Performer, work: ItemWork, items: int, settings: Settings, alike: bool) -> Iterator[Row]:
    """Rows of what is done with the evaluation items of one dataset.

    Args:
        performer: the model.
        work: what is done with one item.
        items: number of evaluation items.
        settings: the configuration.
        alike: whether all arms write the same chains.
    """
    samples, arms = settings.chains.samples, len(settings.writers_of(performer.name))
    chains = items * arms * samples
    generated = (work.chain + work.chain.repeated() * (samples - 1)) * (items * arms)
    yield performer.row("write_chains", Counts(arms, items, chains), generated)

    # One table for each perturbation; where a language model rewords, paraphrasing has a row of its own.
    kinds = len(PERTURBATIONS)
    if settings.perturbations.paraphraser:
        kinds -= 1
    made = Counts(kinds * arms, items, chains, round(chains * (work.probes + 1)))
    yield performer.row("perturbations", made, work.resample * chains)

    scored, read, readers = Tokens(), 0, settings.readers_of(performer.name)
    for reader in readers:
        writers = len(settings.writers_read_by(performer.name, reader))
        further = 0 if alike else writers * samples - 1
        scored += (work.first + work.further * further + work.direct.repeated() * (samples - 1)) * items
        read += writers * samples * items
    direct = items * samples * len(readers)
    counts = Counts(len(readers), items, read, round(read * work.readings + direct))
    yield performer.row("rescore_answers", counts, scored)


def writes_worked_chains(model: Model, dataset: str, settings: Settings) -> bool:
    """Whether all arms of a model write the same chains: base was trained on worked ones, and decoding is greedy."""
    recipe = model.warm_start
    if recipe is None or settings.chains.temperature > 0:
        return False
    if recipe.target == "rationale":
        return dataset in recipe.datasets
    return recipe.replay > 0 and dataset in (recipe.replay_datasets or recipe.datasets)


def weights_folder(speaker: LocalSpeaker, resources: Path) -> Path:
    """Folder of a model's prepared weights."""
    return resources / "models" / sources.weights_slug(speaker.weights_spec())


def parameters(speaker: Speaker, resources: Path) -> int | None:
    """Size of a model: as counted where it is prepared, else as the configuration says; None where it does not."""
    if isinstance(speaker, LocalSpeaker) and (file := weights_folder(speaker, resources) / "model.json").exists():
        return int(json.loads(file.read_text("utf-8"))["parameters"])
    return speaker.parameters


def measured_flops() -> float:
    """FLOP/s of this machine's device: of large matrix products, in the data type that `dtype: auto` would choose."""
    from faithfulness.arms.devices import (  # noqa: PLC0415 - imports torch, which takes seconds
        pick_device,
        pick_dtype,
        product_time,
    )

    device = pick_device("auto")
    size = 1024 if device == "cpu" else 8192
    milliseconds = product_time(pick_dtype("auto"), device, size)
    return 2 * size**3 / (milliseconds / 1e3)
