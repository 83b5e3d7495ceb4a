"""Make the base arm: the model as it is, or trained on worked chains where it is too small to reason.

A null arm is the same training by another seed.
"""

from pathlib import Path

import torch
from snakemake.iocontainers import Snakemake
from transformers import AutoTokenizer

from faithfulness import prompts
from faithfulness.arms.record import ServedWeights, base_arm, served_base_arm, write_arm
from faithfulness.config.recipes import Recipe
from faithfulness.finetune.tune import tune
from faithfulness.operate import job
from faithfulness.tables.generation import Items
from faithfulness.tables.io import read_named_tables

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
wording = prompts.load(snakemake.input.prompts, **snakemake.params.dialogue)
folder = Path(snakemake.output[0])
name, served = snakemake.params.name, snakemake.params.served
if served:
    parent = served_base_arm(name, served["parameters"], ServedWeights(**served["place"]), wording)
else:
    parent = base_arm(name, Path(snakemake.input.model), wording, **snakemake.params.loading)
    trusted = parent.trust_remote_code
    prompts.check(AutoTokenizer.from_pretrained(parent.full_weights.folder, trust_remote_code=trusted), wording)
if snakemake.params.recipe is None:
    write_arm(folder, parent)
else:
    recipe = Recipe(**snakemake.params.recipe)
    items = read_named_tables(snakemake.params.datasets, snakemake.input.questions, Items)
    filler, journal = snakemake.params.filler, Path(snakemake.params.journal)
    torch.set_num_threads(snakemake.threads)
    tune(folder, snakemake.params.arm, parent, recipe, items, filler, journal, snakemake.resources.gpu)
