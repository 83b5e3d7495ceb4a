"""Perturb the chains of one arm and dataset, in one of the ways that no model has to work for."""

from faithfulness import prompts
from faithfulness.operate import job
from faithfulness.perturb.apply import probes_of
from faithfulness.tables.generation import Chains, Items, Probes
from faithfulness.tables.io import read_rows, read_table, write_table

job.start(snakemake.log)
settings = snakemake.params
encode, decode = prompts.segment_coder(snakemake.input.tokenizer)
questions = snakemake.input.questions
answers = read_table(questions, Items, ["item_id", "answer"]).set_index("item_id")["answer"] if questions else {}
offered = {**settings.perturbations, "contrasts": settings.contrasts, "encode": encode, "decode": decode}
chains = read_rows(snakemake.input.chains, Chains)
rows = probes_of(snakemake.wildcards.perturbation, settings.needs, chains, offered, answers)
write_table(rows, Probes, snakemake.output[0])
