"""Measures of every chain of one model and dataset, in the four writer x reader cells of each tuned arm."""

from faithfulness import cells, logs, measures, tables

logs.to(snakemake.log)

scores = cells.read(snakemake.input.scores, tables.Scores, ["reader", "dataset"])
tables.write(measures.table(scores, snakemake.params.arms), tables.Measures, snakemake.output[0])
