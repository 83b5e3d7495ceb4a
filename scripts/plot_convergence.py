"""Draw where in its chains one model decides its answers."""

from faithfulness.compare import read_all
from faithfulness.figures import plots
from faithfulness.operate import job
from faithfulness.tables.io import read_table
from faithfulness.tables.statistics import Gates, Measures

job.start(snakemake.log)

measures = read_all.read(snakemake.input.measures, Measures, ["model", "dataset"])
gates = read_table(snakemake.input.gates, Gates)
data = plots.convergence_data(measures, gates, snakemake.wildcards.model, snakemake.params.confidence)
figure = plots.convergence(data, snakemake.params.arms, snakemake.params.datasets)
plots.save(figure, data, **snakemake.output)
