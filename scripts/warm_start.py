"""Make the base arm: the model as it is, or trained on worked chains where it is too small to reason."""

from pathlib import Path

from faithfulness import arms, logs, prompts, tables, tuning
from faithfulness.settings import Recipe

logs.to(snakemake.log)
wording = prompts.load(snakemake.input.prompts, snakemake.params.system, snakemake.params.think)
folder = Path(snakemake.output[0])
name, served = snakemake.params.name, snakemake.params.served
if served:
    parent = arms.served(name, spoken=wording, **served)
else:
    parent = arms.reference(name, Path(snakemake.input.model), wording, **snakemake.params.loading)
if snakemake.params.recipe is None:
    arms.write(folder, parent)
else:
    recipe = Recipe(**snakemake.params.recipe)
    items = tables.read_named(snakemake.params.datasets, snakemake.input.questions, tables.Items)
    journal = Path(snakemake.params.journal)
    tuning.tune(folder, "base", parent, recipe, items, wording, journal, snakemake.threads, snakemake.resources.gpu)
