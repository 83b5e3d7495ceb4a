"""Supervised fine-tuning on answers, worked chains, or answers after chains, with the loss on the completion only.

Full fine-tuning keeps float32 master weights under bfloat16 autocast; LoRA goes through peft, QLoRA through peft on
weights in 4 bits.
Checkpoints go to the journal, so that a killed training goes on where it was.
"""

import logging
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from faithfulness.arms.devices import place
from faithfulness.arms.loading import load_base
from faithfulness.arms.record import write_arm
from faithfulness.config.training import Recipe
from faithfulness.finetune.examples import examples
from faithfulness.finetune.trainer import train
from faithfulness.hashing import check_weights, digest, weights_hash
from faithfulness.prompts import Prompts
from faithfulness.tables.io import records

logger = logging.getLogger("faithfulness")


def tune(
    folder: Path,
    arm: str,
    parent: dict[str, Any],
    recipe: Recipe,
    train_items: dict[str, pd.DataFrame],
    wording: Prompts,
    journal: Path,
    threads: int,
    gpus: int = 0,
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
        gpus: that its layers are spread over; 0 if none must be there.
    """
    torch.set_num_threads(threads)
    _, device_map = place("auto", gpus)
    weights = Path(parent["weights_folder"])
    check_weights(parent["hashes"])
    if recipe.method == "qlora":
        dtype = getattr(torch, parent["dtype"])
        tokenizer, model = load_base(weights, dtype, parent["trust_remote_code"], "nf4", device_map)
    else:
        # A Trainer brings a model to one GPU by itself.
        spread = device_map if device_map == "auto" else None
        tokenizer, model = load_base(weights, torch.float32, parent["trust_remote_code"], device_map=spread)
    items = {name: records(table) for name, table in train_items.items()}
    data = examples(recipe, items, wording, tokenizer)
    checkpoints = journal / digest("tuning", parent["weights"], recipe.model_dump(), data)
    label = f"{parent['model']} {arm}: training"
    trained = train(model, tokenizer, recipe, data, checkpoints, autocast=parent["dtype"] != "float32", label=label)
    for parameter in trained.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(getattr(torch, parent["dtype"]))
    trained.save_pretrained(folder)
    kind = "full" if recipe.method == "full" else "adapter"
    if kind == "full":
        tokenizer.save_pretrained(folder)
    made = weights_hash(folder)
    description = {
        **parent,
        "kind": kind,
        "arm": arm,
        "weights": digest(parent["weights"], made),
        "weights_folder": parent["weights_folder"] if kind == "adapter" else str(folder),
        "hashes": (parent["hashes"] if kind == "adapter" else {}) | {str(folder): made},
        "parent": parent["weights"],
        "recipe": recipe.model_dump(),
        "train_datasets": list(dict.fromkeys(recipe.datasets)),
        "seed": recipe.seed,
        "prompts": wording.model_dump(),
    }
    write_arm(folder, description)
    shutil.rmtree(checkpoints, ignore_errors=True)
