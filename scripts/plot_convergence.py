"""Draw where in its chains one model decides its answers."""

from faithfulness import cells, logs, plots, tables

logs.to(snakemake.log)

measures = cells.read(snakemake.input.measures, tables.Measures, ["model", "dataset"])
gates = tables.read(snakemake.input.gates, tables.Gates)
data = plots.convergence_data(measures, gates, snakemake.wildcards.model, snakemake.params.confidence)
figure = plots.convergence(data, snakemake.params.arms, snakemake.params.datasets)
plots.save(figure, data, **snakemake.output)
