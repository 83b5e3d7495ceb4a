"""Early termination: keep the first k steps, for every cut k."""

from faithfulness.operate import job
from faithfulness.perturb import perturbations
from faithfulness.tables.generation import Chains, Probes
from faithfulness.tables.io import read_table, records, write_table

job.start(snakemake.log)
chains = records(read_table(snakemake.input.chains, Chains))
rows = [row for chain in chains for row in perturbations.early_termination(chain, snakemake.params.max_cuts)]
write_table(rows, Probes, snakemake.output[0])
