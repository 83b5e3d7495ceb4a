"""Draw how long the chains are."""

from faithfulness import logs, plots, tables

logs.to(snakemake.log)

summaries = tables.read(snakemake.input.summaries, tables.Summaries)
gates = tables.read(snakemake.input.gates, tables.Gates)
data = plots.chain_length_data(summaries, gates)
figure = plots.chain_length(data, snakemake.params.arms, snakemake.params.datasets)
plots.save(figure, data, **snakemake.output)
