"""Draw how the answers of one model survive perturbations of its chains."""

from faithfulness.figures import plots
from faithfulness.operate import job
from faithfulness.tables.io import read_table
from faithfulness.tables.statistics import Curves, Gates

job.start(snakemake.log)

curves = read_table(snakemake.input.curves, Curves)
gates = read_table(snakemake.input.gates, Gates)
data = plots.retention_data(curves, gates, snakemake.wildcards.model)
figure = plots.retention(data, snakemake.params.arms, snakemake.params.datasets)
plots.save(figure, data, **snakemake.output)
