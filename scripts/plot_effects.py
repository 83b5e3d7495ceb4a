"""Draw the effects of fine-tuning, split into reading and writing."""

from faithfulness import logs, plots, tables

logs.to(snakemake.log)

data = plots.effects_data(tables.read(snakemake.input.effects, tables.Effects))
figure = plots.effects(data, snakemake.params.arms, snakemake.params.datasets)
plots.save(figure, data, **snakemake.output)
