"""Adding mistakes: make one step wrong, keep the rest as written."""

from functools import partial

from faithfulness import logs, perturbations, prompts, tables
from faithfulness.mistakes import corrupt

logs.to(snakemake.log)
chains = tables.records(tables.read(snakemake.input.chains, tables.Chains))
encode, _ = prompts.segment_coder(snakemake.input.tokenizer)
rows = [
    row
    for chain in chains
    for row in perturbations.mistake(
        chain, snakemake.params.max_cuts, partial(corrupt, seed=snakemake.params.seed), encode
    )
]
tables.write(rows, tables.Probes, snakemake.output[0])
