"""Put the tables of all shards together, in the order of the items."""

from snakemake.iocontainers import Snakemake

from faithfulness.operate import job
from faithfulness.tables import generation
from faithfulness.tables.io import join_tables

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
join_tables(snakemake.input, getattr(generation, snakemake.params.schema), snakemake.output[0])
