"""Refuse items whose answers a placebo cannot shuffle, before any model is trained."""

from snakemake.iocontainers import Snakemake

from faithfulness.config.recipes import Recipe
from faithfulness.finetune.examples import answered
from faithfulness.operate import job
from faithfulness.tables.generation import Items
from faithfulness.tables.io import read_table, records

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
dataset = snakemake.wildcards.dataset
answered(dataset, records(read_table(snakemake.input[0], Items)), Recipe(datasets=[dataset], target="shuffled"))
