"""Perturb the chains of one arm and dataset, in one of the ways that no model has to work for."""

from snakemake.iocontainers import Snakemake

from faithfulness import prompts
from faithfulness.operate import job
from faithfulness.perturb.apply import OF_ITEM, probes_of
from faithfulness.perturb.donors import COLUMNS as DONOR_COLUMNS
from faithfulness.perturb.donors import donors
from faithfulness.tables.generation import Chains, Items, Probes
from faithfulness.tables.io import read_rows, read_table, records, write_table

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
settings = snakemake.params
encode, decode = prompts.segment_coder(snakemake.input.tokenizer)
questions = snakemake.input.questions
items = (
    {item["item_id"]: item for item in records(read_table(questions, Items, ["item_id", *OF_ITEM]))}
    if questions
    else {}
)
offered = {**settings.perturbations, "contrasts": settings.contrasts, "encode": encode, "decode": decode}
if "donors" in settings.needs:
    offered["donors"] = donors(read_rows(snakemake.input.chains, Chains, DONOR_COLUMNS))
chains = read_rows(snakemake.input.chains, Chains)
rows = probes_of(snakemake.wildcards.perturbation, settings.needs, chains, offered, items)
write_table(rows, Probes, snakemake.output[0])
