"""How many items would a next run need? From the spread of this run's effects."""

from snakemake.iocontainers import Snakemake

from faithfulness.compare.power import items_table
from faithfulness.operate import job
from faithfulness.tables.io import read_table, write_table
from faithfulness.tables.statistics import Effects, Power

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
effects = read_table(snakemake.input.effects, Effects)
write_table(items_table(effects), Power, snakemake.output[0])
