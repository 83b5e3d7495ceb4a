"""Draw the effects of fine-tuning, split into reading and writing."""

from faithfulness.figures import plots
from faithfulness.operate import job
from faithfulness.tables.io import read_table
from faithfulness.tables.statistics import Effects

job.start(snakemake.log)

data = plots.effects_data(read_table(snakemake.input.effects, Effects))
figure = plots.effects(data, snakemake.params.arms, snakemake.params.datasets)
plots.save(figure, data, **snakemake.output)
