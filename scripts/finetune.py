"""Fine-tune the base arm into a tuned one."""

from pathlib import Path

from faithfulness.arms.record import prompts_of, read_arm
from faithfulness.config.training import Recipe
from faithfulness.finetune.tune import tune
from faithfulness.operate import job
from faithfulness.tables.generation import Items
from faithfulness.tables.io import read_named_tables

job.start(snakemake.log)
base = read_arm(snakemake.input.base)
tune(
    Path(snakemake.output[0]),
    snakemake.wildcards.arm,
    base,
    Recipe(**snakemake.params.recipe),
    read_named_tables(snakemake.params.datasets, snakemake.input.questions, Items),
    prompts_of(base),
    Path(snakemake.params.journal),
    snakemake.threads,
    snakemake.resources.gpu,
)
