"""Draw how well the measures tell apart readers of known faithfulness."""

from faithfulness.calibrate.calibration import LEAST_AREA
from faithfulness.figures import plots
from faithfulness.operate import job
from faithfulness.tables.io import read_tables
from faithfulness.tables.statistics import Calibration

job.start(snakemake.log)

data = plots.calibration_data(read_tables(snakemake.input.calibration, Calibration))
plots.save(plots.calibration(data, LEAST_AREA), data, **snakemake.output)
