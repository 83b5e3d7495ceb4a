"""Draw the effects of fine-tuning against the size of the models."""

from faithfulness.figures import plots
from faithfulness.operate import job
from faithfulness.tables.io import read_table
from faithfulness.tables.statistics import Effects, ScaleFits

job.start(snakemake.log)

effects = read_table(snakemake.input.effects, Effects)
fits = read_table(snakemake.input.scale_fits, ScaleFits)
data = plots.scale_data(effects, fits)
figure = plots.scale(data, snakemake.params.arms, snakemake.params.datasets)
plots.save(figure, data, **snakemake.output)
