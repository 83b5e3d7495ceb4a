"""Put the tables of all shards together, in the order of the items."""

from faithfulness import logs, tables

logs.to(snakemake.log)
schema = getattr(tables, snakemake.params.schema)
tables.write(tables.read_all(snakemake.input, schema), schema, snakemake.output[0])
