"""Perturb the chains of one arm and dataset, in one of the ways that no model has to work for."""

from snakemake.iocontainers import Snakemake

from faithfulness import prompts
from faithfulness.operate import job
from faithfulness.perturb.apply import probes_of
from faithfulness.tables.generation import Chains, Items, Probes
from faithfulness.tables.io import frame, read_rows, read_table, write_table

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
settings = snakemake.params
encode, decode = prompts.segment_coder(snakemake.input.tokenizer)
questions = snakemake.input.questions
items = read_table(questions, Items, ["item_id", "answer"]) if questions else frame([], Items)
answers = dict(zip(items["item_id"], items["answer"], strict=True))
offered = {**settings.perturbations, "contrasts": settings.contrasts, "encode": encode, "decode": decode}
chains = read_rows(snakemake.input.chains, Chains)
rows = probes_of(snakemake.wildcards.perturbation, settings.needs, chains, offered, answers)
write_table(rows, Probes, snakemake.output[0])
