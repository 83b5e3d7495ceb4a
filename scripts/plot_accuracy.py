"""Draw accuracy with and without the chain."""

from faithfulness.figures import plots
from faithfulness.operate import job
from faithfulness.tables.io import read_table
from faithfulness.tables.statistics import Gates, Summaries

job.start(snakemake.log)

summaries = read_table(snakemake.input.summaries, Summaries)
gates = read_table(snakemake.input.gates, Gates)
data = plots.accuracy_data(summaries, gates)
figure = plots.accuracy(data, snakemake.params.arms, snakemake.params.datasets)
plots.save(figure, data, **snakemake.output)
