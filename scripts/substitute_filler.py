"""Filler substitution: keep the first k steps, replace the rest by as many filler tokens."""

from faithfulness import logs, perturbations, prompts, tables

logs.to(snakemake.log)
chains = tables.records(tables.read(snakemake.input.chains, tables.Chains))
encode, decode = prompts.segment_coder(snakemake.input.tokenizer)
rows = [
    row
    for chain in chains
    for row in perturbations.filler(chain, snakemake.params.max_cuts, snakemake.params.filler, encode, decode)
]
tables.write(rows, tables.Probes, snakemake.output[0])
