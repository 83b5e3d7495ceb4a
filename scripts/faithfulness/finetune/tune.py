"""Supervised fine-tuning on answers, worked chains, or answers after chains, with the loss on the completion only.

Full fine-tuning keeps float32 master weights under bfloat16 autocast; LoRA goes through peft, QLoRA through peft on
weights in 4 bits.
Checkpoints go to the journal, so that a killed training continues where it was.
"""

import logging
import shutil
from pathlib import Path

import pandas as pd
import torch

from faithfulness.arms.base_weights import load_base
from faithfulness.arms.devices import place
from faithfulness.arms.record import AdapterWeights, ArmRecord, FullWeights, tuned_arm, write_arm
from faithfulness.config.recipes import Recipe
from faithfulness.finetune.examples import examples
from faithfulness.finetune.trainer import train
from faithfulness.hashing import check_weights, digest, weights_hash
from faithfulness.tables.io import records

logger = logging.getLogger("faithfulness")


def tune(
    folder: Path,
    arm: str,
    parent: ArmRecord,
    recipe: Recipe,
    train_items: dict[str, pd.DataFrame],
    filler: str | None,
    journal: Path,
    gpus: int = 0,
) -> None:
    """Fine-tune an arm from its parent and write its weights and record to `folder`.

    Args:
        folder: the new arm's folder.
        arm: its name, without the training seed.
        parent: the arm that the training starts from.
        recipe: how it is trained.
        train_items: train items of each dataset that the recipe uses.
        filler: of the run's perturbations, which readers that calibrate the measures learn to read.
        journal: where checkpoints are kept until the arm is written.
        gpus: that the model's layers are spread over; 0 if none is needed.

    Raises:
        ValueError: the parent's weights are damaged, or the loss is no longer finite.
    """
    _, device_map = place("auto", gpus)
    start, dtype = parent.full_weights, getattr(torch, parent.dtype)
    check_weights(parent.folder_hashes)
    if recipe.method == "qlora":
        tokenizer, model = load_base(Path(start.folder), dtype, parent.trust_remote_code, "nf4", device_map)
    else:
        # A Trainer brings a model to one GPU by itself.
        spread = device_map if device_map == "auto" else None
        tokenizer, model = load_base(Path(start.folder), torch.float32, parent.trust_remote_code, device_map=spread)
    items = {name: records(table) for name, table in train_items.items()}
    data = examples(recipe, items, parent.prompts, tokenizer, filler)
    checkpoints = journal / digest("tuning", parent.weights_hash, recipe.model_dump(), data)
    label = f"{parent.model} {folder.name}: training"
    trained = train(model, tokenizer, recipe, data, checkpoints, autocast=parent.dtype != "float32", label=label)
    for parameter in trained.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(dtype)
    trained.save_pretrained(str(folder))
    if recipe.method == "full":
        tokenizer.save_pretrained(folder)
    written = weights_hash(folder)
    weights: FullWeights | AdapterWeights
    if recipe.method == "full":
        weights = FullWeights(folder=str(folder), folder_hash=written)
    else:
        weights = AdapterWeights(folder=str(folder), folder_hash=written, base=start)
    identity = digest(parent.weights_hash, written)
    write_arm(folder, tuned_arm(parent, arm, weights, identity, recipe.datasets, recipe))
    shutil.rmtree(checkpoints, ignore_errors=True)
