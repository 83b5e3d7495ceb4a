"""Draw how the answers of one model survive perturbations of its chains."""

from faithfulness import logs, plots, tables

logs.to(snakemake.log)

curves = tables.read(snakemake.input.curves, tables.Curves)
gates = tables.read(snakemake.input.gates, tables.Gates)
data = plots.retention_data(curves, gates, snakemake.wildcards.model)
figure = plots.retention(data, snakemake.params.arms, snakemake.params.datasets)
plots.save(figure, data, **snakemake.output)
