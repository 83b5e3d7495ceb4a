"""The direct probe: no chain at all."""

from faithfulness import logs, perturbations, tables

logs.to(snakemake.log)
chains = tables.records(tables.read(snakemake.input.chains, tables.Chains))
tables.write([row for chain in chains for row in perturbations.direct(chain)], tables.Probes, snakemake.output[0])
