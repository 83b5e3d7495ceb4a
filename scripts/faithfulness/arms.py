"""Arms: a model as it is evaluated. Each is a folder with arm.json and, where it was trained, weights.

arm.json says what the arm is (`kind`: reference, full or adapter), which weights to load, what it
was made from and how; scoring and journals identify an arm by its `weights` hash.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from faithfulness import models, tables, tuning
from faithfulness.prompts import Prompts
from faithfulness.settings import Recipe


def read(folder: str | Path) -> dict[str, Any]:
    """arm.json of an arm's folder."""
    return json.loads((Path(folder) / "arm.json").read_text("utf-8"))


def reference(model: str, weights: Path, wording: Prompts, trust_remote_code: bool) -> dict[str, Any]:
    """arm.json of the base arm of a model that needs no warm start: it stands for the model's own weights.

    Args:
        model: its name.
        weights: folder of its weights.
        wording: prompts and cues.
        trust_remote_code: whether the model may run code of its own.
    """
    description = json.loads((weights / "model.json").read_text("utf-8"))
    return {
        "kind": "reference",
        "arm": "base",
        "model": model,
        **{key: description[key] for key in ("parameters", "dtype", "weights")},
        "trust_remote_code": trust_remote_code,
        "weights_folder": str(weights),
        "parent": None,
        "recipe": None,
        "train_datasets": [],
        "seed": 0,
        "prompts": wording.model_dump(),
    }


def tune(
    folder: Path,
    arm: str,
    parent: dict[str, Any],
    recipe: Recipe,
    train_items: dict[str, pd.DataFrame],
    wording: Prompts,
    journal: Path,
    threads: int,
) -> None:
    """Fine-tune an arm from its parent and write it to `folder`.

    Args:
        folder: the new arm's folder.
        arm: its name.
        parent: arm.json of the arm (or the `reference` of a model) that the training starts from.
        recipe: how it is trained.
        train_items: train items of each dataset that the recipe uses.
        wording: prompts and cues, the same for all arms of a model.
        journal: where checkpoints are kept until the arm is written.
        threads: of the processor.
    """
    torch.set_num_threads(threads)
    tokenizer, model = models.load_base(Path(parent["weights_folder"]), torch.float32, parent["trust_remote_code"])
    items = {name: tables.records(table) for name, table in train_items.items()}
    data = tuning.examples(recipe, items, wording, tokenizer)
    checkpoints = journal / tables.digest("tuning", parent["weights"], recipe.model_dump(), data)
    trained = tuning.train(model, tokenizer, recipe, data, checkpoints, autocast=parent["dtype"] != "float32")
    trained.to(getattr(torch, parent["dtype"])).save_pretrained(folder)
    kind = "adapter" if recipe.method == "lora" else "full"
    if kind == "full":
        tokenizer.save_pretrained(folder)
    description = {
        **parent,
        "kind": kind,
        "arm": arm,
        "weights": tables.digest(parent["weights"], models.weights_hash(folder)),
        "weights_folder": parent["weights_folder"] if kind == "adapter" else str(folder),
        "parent": parent["weights"],
        "recipe": recipe.model_dump(),
        "train_datasets": recipe.datasets,
        "seed": recipe.seed,
        "prompts": wording.model_dump(),
    }
    write(folder, description)
    shutil.rmtree(checkpoints, ignore_errors=True)


def write(folder: Path, description: dict[str, Any]) -> None:
    """Write arm.json, the last file of an arm."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "arm.json").write_text(json.dumps(description, indent=2, sort_keys=True) + "\n", "utf-8")
