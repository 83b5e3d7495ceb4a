"""What a finished run used: its tokens, counted from its tables as a plan counts them beforehand."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa

from faithfulness import prompts
from faithfulness.arms.record import ArmRecord, read_arm
from faithfulness.config.datasets import Dataset
from faithfulness.config.settings import Settings
from faithfulness.operate.cost import Tokens
from faithfulness.operate.plan.pieces import Tokenizer, tokenizer_of
from faithfulness.operate.plan.tokens import (
    Row,
    encoder,
    generation_tokens,
    probes_of,
    scoring_tokens,
    training_tokens,
    with_cues,
)
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.prompts import Prompts
from faithfulness.rescore import readout
from faithfulness.tables.generation import Chains, Items, Probes, Scores
from faithfulness.tables.io import read_table, records


def used(settings: Settings) -> dict[tuple[str, str], int]:
    """Unique tokens that a finished run computed, by rule and model; rules that are not finished are left out."""
    totals = {}
    for model in settings.models:
        if model.served:
            continue
        try:
            base = read_arm(Path(settings.results) / "arms" / model.name / "base")
        except (FileNotFoundError, ValueError):  # not made yet, or by another version
            continue
        for rule, counts in _counts(settings, base).items():
            try:
                total = sum((tokens for count in counts for tokens in count()), Tokens())
            except FileNotFoundError:
                continue
            if counts:
                totals[rule, model.name] = round(total.computed)
    return totals


Count = Callable[[], Iterator[Tokens]]


def _counts(settings: Settings, base: ArmRecord) -> dict[str, list[Count]]:
    """By rule, what counts the tokens of each of its jobs with a model."""
    model, results = base.model, Path(settings.results)
    folder = results / "arms" / model
    run = _Run(settings, model, base.prompts, tokenizer_of(Path(base.full_weights.folder)))
    counts: dict[str, list[Count]] = {
        "warm_start": [],
        "warm_start_again": [],
        "finetune": [],
        "write_chains": [],
        "rescore_answers": [],
    }
    for arm in settings.readers_of(model):
        if settings.recipe(model, arm):
            counts[settings.trained_by(arm)].append(partial(run.training, folder / arm))
    for dataset in settings.datasets:
        for arm in settings.writers_of(model):
            counts["write_chains"].append(partial(run.generation, arm, dataset))
        for arm in settings.readers_of(model):
            writers = settings.writers_read_by(model, arm)
            counts["rescore_answers"].append(partial(run.scoring, arm, writers, dataset))
    return counts


@dataclass(frozen=True)
class _Run:
    """A finished run of one model. Each method yields the tokens of a job, block by block.

    All methods raise FileNotFoundError where a table has not been made.
    """

    settings: Settings
    model: str
    wording: Prompts
    tokenizer: Tokenizer

    def training(self, folder: Path) -> Iterator[Tokens]:
        """Tokens of the training that made an arm."""
        arm = read_arm(folder)
        if arm.recipe is None:
            raise FileNotFoundError(f"{folder} was not trained here")
        items = {name: records(self._table(f"items/{name}/train", Items)) for name in arm.recipe.train_datasets()}
        yield training_tokens(arm.recipe, items, arm.prompts, self.tokenizer, self.settings.perturbations.filler)

    def generation(self, arm: str, dataset: Dataset) -> Iterator[Tokens]:
        """Tokens of an arm's chains."""
        table = self._table(f"chains/{self.model}/{arm}/{dataset.name}", Chains)
        for block in _blocks(records(table), self.settings.block_items * self.settings.chains.samples):
            conclusions = [prompts.encode(self.tokenizer, row["conclusion"]) for row in block]
            lengths = [len(row["chain_ids"]) + len(ids) for row, ids in zip(block, conclusions, strict=True)]
            yield generation_tokens([row["prompt_ids"] for row in block], lengths)

    def scoring(self, reader: str, writers: Sequence[str], dataset: Dataset) -> Iterator[Tokens]:
        """Tokens of all probes that a reader answered."""
        self._table(f"scores/{self.model}/{reader}/{dataset.name}", Scores)
        items = records(self._table(f"items/{dataset.name}/eval", Items))
        rows: dict[str, list[Row]] = {item["item_id"]: [] for item in items}
        own = reader if reader in self.settings.writers_of(self.model) else "base"  # whose direct probes it answers
        for writer in writers:
            for perturbation in PERTURBATIONS:
                if perturbation == "direct" and writer != own:
                    continue
                table = self._table(f"probes/{self.model}/{writer}/{dataset.name}/{perturbation}", Probes)
                for row in records(table):
                    if perturbation == readout.CONFLICT and row["target"] is None:
                        continue
                    rows[row["item_id"]].append({**row, "writer": writer, "perturbation": perturbation})
        encode = encoder(self.tokenizer)
        for block in _blocks(items, self.settings.block_items):
            block_rows = [row for item in block for row in rows[item["item_id"]]]
            block_rows = with_cues(block_rows, self.settings.second_cue_items(self.model))
            yield scoring_tokens(probes_of(block_rows, block, dataset, self.wording, self.tokenizer), encode)

    def _table(self, name: str, schema: pa.Schema) -> pd.DataFrame:
        file = Path(self.settings.results) / f"{name}.parquet"
        if not file.exists():
            raise FileNotFoundError(file)
        return read_table(file, schema)


def _blocks(rows: Sequence[Row], size: int) -> list[Sequence[Row]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
