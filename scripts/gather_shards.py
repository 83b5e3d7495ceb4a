"""Put the tables of all shards together, in the order of the items."""

from faithfulness.operate import job
from faithfulness.tables import generation
from faithfulness.tables.io import read_tables, write_table

job.start(snakemake.log)
schema = getattr(generation, snakemake.params.schema)
write_table(read_tables(snakemake.input, schema), schema, snakemake.output[0])
