"""Draw the effects of fine-tuning on information gain beside those on faithfulness."""

from faithfulness import logs, plots, tables

logs.to(snakemake.log)

data = plots.info_gain_data(tables.read(snakemake.input.effects, tables.Effects))
figure = plots.info_gain(data, snakemake.params.arms, snakemake.params.datasets)
plots.save(figure, data, **snakemake.output)
