"""Fine-tune the base arm into a tuned one."""

from pathlib import Path

from faithfulness.arms.record import read_arm
from faithfulness.config.training import Recipe
from faithfulness.finetune.tune import tune
from faithfulness.operate import job
from faithfulness.tables.generation import Items
from faithfulness.tables.io import read_named_tables

job.start(snakemake.log)
tune(
    Path(snakemake.output[0]),
    snakemake.params.arm,
    read_arm(snakemake.input.base),
    Recipe(**snakemake.params.recipe),
    read_named_tables(snakemake.params.datasets, snakemake.input.questions, Items),
    Path(snakemake.params.journal),
    snakemake.threads,
    snakemake.resources.gpu,
)
