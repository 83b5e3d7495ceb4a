"""Draw which cell passed which gate."""

from faithfulness.figures import plots
from faithfulness.operate import job
from faithfulness.tables.io import read_table
from faithfulness.tables.statistics import Gates, Summaries

job.start(snakemake.log)

gates = read_table(snakemake.input.gates, Gates)
data = plots.gates_data(gates, read_table(snakemake.input.summaries, Summaries))
figure = plots.gates(data, snakemake.params.arms, snakemake.params.datasets)
plots.save(figure, data, **snakemake.output)
