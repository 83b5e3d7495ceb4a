"""Draw the effects of fine-tuning against the size of the models."""

from faithfulness import logs, plots, tables

logs.to(snakemake.log)

effects = tables.read(snakemake.input.effects, tables.Effects)
fits = tables.read(snakemake.input.scale_fits, tables.ScaleFits)
data = plots.scale_data(effects, fits)
figure = plots.scale(data, snakemake.params.arms, snakemake.params.datasets)
plots.save(figure, data, **snakemake.output)
