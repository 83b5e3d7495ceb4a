"""Filler substitution: keep the first k steps, replace the rest by as many filler tokens."""

from faithfulness import prompts
from faithfulness.operate import job
from faithfulness.perturb import perturbations
from faithfulness.tables.generation import Chains, Probes
from faithfulness.tables.io import read_table, records, write_table

job.start(snakemake.log)
chains = records(read_table(snakemake.input.chains, Chains))
encode, decode = prompts.segment_coder(snakemake.input.tokenizer)
rows = [
    row
    for chain in chains
    for row in perturbations.filler(chain, snakemake.params.max_cuts, snakemake.params.filler, encode, decode)
]
write_table(rows, Probes, snakemake.output[0])
