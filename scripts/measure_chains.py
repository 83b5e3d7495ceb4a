"""Measures of every chain of one model and dataset, in the four writer x reader cells of each tuned arm."""

from faithfulness.compare import measures, read_all
from faithfulness.operate import job
from faithfulness.tables.generation import Scores
from faithfulness.tables.io import write_table
from faithfulness.tables.statistics import Measures

job.start(snakemake.log)

scores = read_all.read(snakemake.input.scores, Scores, ["reader", "dataset"])
write_table(measures.table(scores, snakemake.params.arms), Measures, snakemake.output[0])
