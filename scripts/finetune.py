"""Fine-tune the base arm into a tuned one."""

from pathlib import Path

from faithfulness import arms, logs, tables, tuning
from faithfulness.settings import Recipe

logs.to(snakemake.log)
base = arms.read(snakemake.input.base)
tuning.tune(
    Path(snakemake.output[0]),
    snakemake.wildcards.arm,
    base,
    Recipe(**snakemake.params.recipe),
    tables.read_named(snakemake.params.datasets, snakemake.input.questions, tables.Items),
    arms.wording(base),
    Path(snakemake.params.journal),
    snakemake.threads,
    snakemake.resources.gpu,
)
