"""Draw which cell passed which gate."""

from faithfulness import logs, plots, tables

logs.to(snakemake.log)

gates = tables.read(snakemake.input.gates, tables.Gates)
data = plots.gates_data(gates, tables.read(snakemake.input.summaries, tables.Summaries))
figure = plots.gates(data, snakemake.params.arms, snakemake.params.datasets)
plots.save(figure, data, **snakemake.output)
