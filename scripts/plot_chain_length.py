"""Draw how long the chains are."""

from faithfulness.figures import plots
from faithfulness.operate import job
from faithfulness.tables.io import read_table
from faithfulness.tables.statistics import Gates, Summaries

job.start(snakemake.log)

summaries = read_table(snakemake.input.summaries, Summaries)
gates = read_table(snakemake.input.gates, Gates)
data = plots.chain_length_data(summaries, gates)
figure = plots.chain_length(data, snakemake.params.arms, snakemake.params.datasets)
plots.save(figure, data, **snakemake.output)
