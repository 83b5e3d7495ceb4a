"""Fine-tune the base arm into a tuned one."""

from pathlib import Path

import torch
from snakemake.iocontainers import Snakemake

from faithfulness.arms.record import read_arm
from faithfulness.config.recipes import Recipe
from faithfulness.finetune.tune import tune
from faithfulness.operate import job
from faithfulness.tables.generation import Items
from faithfulness.tables.io import read_named_tables

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
torch.set_num_threads(snakemake.threads)
tune(
    Path(snakemake.output[0]),
    snakemake.params.arm,
    read_arm(snakemake.input.base),
    Recipe(**snakemake.params.recipe),
    read_named_tables(snakemake.params.datasets, snakemake.input.questions, Items),
    snakemake.params.filler,
    Path(snakemake.params.journal),
    snakemake.resources.gpu,
)
