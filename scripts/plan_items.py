"""How many items would a next run need? From the spread of this run's effects."""

from faithfulness import effects, logs, tables

logs.to(snakemake.log)
found = tables.read(snakemake.input.effects, tables.Effects)
tables.write(effects.items_table(found), tables.Power, snakemake.output[0])
