"""Early termination: keep the first k steps, for every cut k."""

from faithfulness import logs, perturbations, tables

logs.to(snakemake.log)
chains = tables.records(tables.read(snakemake.input.chains, tables.Chains))
rows = [row for chain in chains for row in perturbations.early_termination(chain, snakemake.params.max_cuts)]
tables.write(rows, tables.Probes, snakemake.output[0])
