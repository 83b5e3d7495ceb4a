"""Draw the effects of fine-tuning on information gain beside those on faithfulness."""

from faithfulness.figures import plots
from faithfulness.operate import job
from faithfulness.tables.io import read_table
from faithfulness.tables.statistics import Effects

job.start(snakemake.log)

data = plots.info_gain_data(read_table(snakemake.input.effects, Effects))
figure = plots.info_gain(data, snakemake.params.arms, snakemake.params.datasets)
plots.save(figure, data, **snakemake.output)
