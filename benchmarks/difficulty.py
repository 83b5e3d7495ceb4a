"""How hard the generated tasks are for a base arm: `make difficulty`, minutes for a small model.

Chooses nothing on evaluation items: all items are drawn anew by another seed, and those that the configuration would
evaluate are left out. Makes the base arm of a model (its warm start, on train items of that seed) and, with `--arm`,
tuned arms of it, and prints a row for each arm and dataset: accuracy with the chain, the share of the probability that
the options hold there (a run closes cells below .5), accuracy without the chain, steps of a chain, and how often the
answer is another one after rewordings, after a mistake in the last step, and under filler (the text of the
configuration). As in a run, the answer to a chain that was cut off counts as wrong. Arms are kept in
results-difficulty, so the same command only reads them again.
"""

import argparse
import logging
import sys
from collections.abc import Collection, Sequence
from itertools import islice
from pathlib import Path

import pandas as pd
import torch
import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from faithfulness import prompts
from faithfulness.arms.record import ArmRecord, base_arm, read_arm, write_arm
from faithfulness.backends.protocol import Decoding
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.calibrate import worked
from faithfulness.chains.write import write_chains
from faithfulness.config import settings
from faithfulness.config.datasets import Dataset, TableDataset
from faithfulness.config.models import LocalModel
from faithfulness.config.recipes import Recipe
from faithfulness.config.settings import Settings
from faithfulness.finetune.tune import tune
from faithfulness.hashing import digest
from faithfulness.prepare import datasets, sources
from faithfulness.rescore.readout import Readout, score
from faithfulness.tables.by_item import rows_of
from faithfulness.tables.fields import Row
from faithfulness.tables.generation import Items
from faithfulness.tables.io import frame
from faithfulness.tables.journal import Journal

FOLDER = Path("results-difficulty")


def items_of(dataset: Dataset, seed: int, count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train items and so many evaluation items of another seed, without those of the dataset's own evaluation."""
    kept = {item["question"] for item in datasets.items(dataset)[1]}
    train, evaluation = datasets.items(dataset.model_copy(update={"seed": seed, "eval": count + len(kept)}))
    fresh = islice((item for item in evaluation if item["question"] not in kept), count)
    return frame(train, Items), frame(list(fresh), Items)


def recipes_of(model: LocalModel, arms: Sequence[str], tasks: Collection[str], config: Settings) -> dict[str, Recipe]:
    """The recipes of the arms that are trained: the warm start, if there is one, as `base`, and tuned arms.

    Raises:
        SystemExit: one needs a dataset that is none of the tasks.
    """
    recipes = {"base": model.warm_start} if model.warm_start else {}
    for name in arms:
        recipe = config.arm(name)
        assert isinstance(recipe, Recipe), "it is trained here"
        recipes[name] = recipe
    for name, recipe in recipes.items():
        if other := sorted({*recipe.train_datasets()} - {*tasks}):
            sys.exit(f"{name} is trained on {', '.join(other)}, and only items of generated tasks are drawn here")
    return recipes


def base(model: LocalModel, weights: Path, train: dict[str, pd.DataFrame], config: Settings) -> Path:
    """The folder of a model's base arm: its warm start, or the weights as they come."""
    loading = model.model_dump(include={"trust_remote_code", "quantisation"})
    untrained = base_arm(model.name, weights, prompts.load(ROOT / config.prompts, **model.dialogue()), **loading)
    if model.warm_start:
        return made("base", untrained, model.warm_start, train, config)
    folder = FOLDER / f"arms/{untrained.weights_hash[:16]}"
    write_arm(folder, untrained)
    return folder


def made(arm: str, parent: ArmRecord, recipe: Recipe, train: dict[str, pd.DataFrame], config: Settings) -> Path:
    """The folder of an arm, trained now unless it was before."""
    questions = {name: list(train[name]["item_id"]) for name in recipe.train_datasets()}
    folder = FOLDER / f"arms/{digest(parent.weights_hash, recipe.decisive(), questions)[:16]}"
    if not (folder / "arm.json").exists():
        tables = {name: train[name] for name in recipe.train_datasets()}
        tune(folder, arm, parent, recipe, tables, config.perturbations.filler, FOLDER / ".journal")
    return folder


def measured(folder: Path, dataset: Dataset, items: pd.DataFrame, config: Settings) -> Row:
    """What an arm does with the items of a dataset; see `shares`."""
    arm = read_arm(folder)
    backend = TransformersBackend(folder, "auto", torch.get_num_threads())
    journal = Journal(FOLDER / ".journal", (arm.weights_hash, config.perturbations.model_dump()), dataset.name, 20)
    decoding = Decoding(dataset.max_new_tokens)
    chains = write_chains(backend, items, arm.prompts, decoding, 1, 0, 0, journal)
    coder = prompts.segment_coder(arm.full_weights.folder)  # adapters have no tokenizer of their own
    probes = worked.perturb(chains, items, config.perturbations, dataset.contrasts, *coder)
    rows = {(arm.arm, perturbation): rows_of(table) for perturbation, table in probes.items()}
    readout = Readout(dataset.readout, dataset.answer_tokens)
    return shares(chains, probes["paraphrase"], score(backend, items, rows, arm.prompts, arm.arm, readout, journal))


def shares(chains: pd.DataFrame, paraphrases: pd.DataFrame, scores: pd.DataFrame) -> Row:
    """Shares of items, or of probes where there are several an item.

    Args:
        chains: tables.Chains.
        paraphrases: tables.Probes of them.
        scores: tables.Scores of their writer as reader.
    """
    kind, at_end = scores["perturbation"], scores["cut"] == scores["n_steps"]
    right, same = scores["correct"].astype(bool), scores["same"].astype(float)
    cut_off = scores["item_id"].isin(chains.loc[chains["finish_reason"] == "length", "item_id"])
    whole = (kind == "early_termination") & at_end
    return {
        "CoT": (right & ~cut_off)[whole].mean(),
        "options": scores.loc[whole, "options_share"].astype(float).mean(),
        "direct": right[kind == "direct"].mean(),
        "steps": chains["steps"].map(len).mean(),
        "reworded": paraphrases.loc[paraphrases["variant"] == "rest", "accepted"].mean(),
        "changed by rewording": 1 - same[(kind == "paraphrase") & (scores["variant"] == "rest")].mean(),
        "by a last mistake": 1 - same[(kind == "mistake") & at_end].mean(),
        "by filler": 1 - same[(kind == "filler") & (scores["variant"] == "text")].mean(),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", default="config/config.yaml", help="laid over config/config.yaml")
    parser.add_argument("--model", help="its name (default: the last one, the smallest of the default run)")
    parser.add_argument("--arm", nargs="*", default=[], help="tuned arms that are measured, too")
    parser.add_argument("--seed", type=int, default=1, help="of the items (default: 1)")
    parser.add_argument("--items", type=int, default=100, help="evaluation items of a dataset (default: 100)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    default = yaml.safe_load((ROOT / "config/config.yaml").read_text("utf-8"))
    config = settings.load(default | yaml.safe_load(Path(asked.config).read_text("utf-8")))
    model = config.model(asked.model or config.models[-1].name)
    assert isinstance(model, LocalModel), "its base arm is made here"
    weights = Path("resources/models") / sources.weights_slug(model.weights_spec())
    if not weights.exists():
        sys.exit(f"no weights in {weights}: `snakemake --cores all {weights}` makes them")
    torch.set_num_threads(asked.threads)
    tasks = [dataset for dataset in config.datasets if not isinstance(dataset, TableDataset)]
    recipes = recipes_of(model, asked.arm, [dataset.name for dataset in tasks], config)
    drawn = {dataset.name: items_of(dataset, asked.seed, asked.items) for dataset in tasks}
    train = {name: rows for name, (rows, _) in drawn.items()}
    folders = {"base": base(model, weights, train, config)}
    for name in asked.arm:
        folders[name] = made(name, read_arm(folders["base"]), recipes[name], train, config)
    rows = [
        {"model": model.name, "arm": arm, "dataset": dataset.name}
        | measured(folder, dataset, drawn[dataset.name][1], config)
        for arm, folder in folders.items()
        for dataset in tasks
    ]
    print(pd.DataFrame(rows).to_string(index=False, float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
