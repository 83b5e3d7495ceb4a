"""Fine-tune the base arm into a tuned one."""

from pathlib import Path

from faithfulness import arms, logs, prompts, tables, tuning
from faithfulness.settings import Recipe

logs.to(snakemake.log)
tuning.tune(
    Path(snakemake.output[0]),
    snakemake.wildcards.arm,
    arms.read(snakemake.input.base),
    Recipe(**snakemake.params.recipe),
    tables.read_named(snakemake.params.datasets, snakemake.input.questions, tables.Items),
    prompts.load(snakemake.input.prompts),
    Path(snakemake.params.journal),
    snakemake.threads,
)
