"""The direct probe: no chain at all."""

from faithfulness.operate import job
from faithfulness.perturb import perturbations
from faithfulness.tables.generation import Chains, Probes
from faithfulness.tables.io import read_table, records, write_table

job.start(snakemake.log)
chains = records(read_table(snakemake.input.chains, Chains))
write_table([row for chain in chains for row in perturbations.direct(chain)], Probes, snakemake.output[0])
