"""Draw accuracy with and without the chain."""

from faithfulness import logs, plots, tables

logs.to(snakemake.log)

summaries = tables.read(snakemake.input.summaries, tables.Summaries)
gates = tables.read(snakemake.input.gates, tables.Gates)
data = plots.accuracy_data(summaries, gates)
figure = plots.accuracy(data, snakemake.params.arms, snakemake.params.datasets)
plots.save(figure, data, **snakemake.output)
