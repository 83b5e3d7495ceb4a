"""Draw how well the measures tell apart readers of known faithfulness."""

from faithfulness import logs, plots, tables
from faithfulness.calibration import LEAST_AREA

logs.to(snakemake.log)

data = plots.calibration_data(tables.read_all(snakemake.input.calibration, tables.Calibration))
plots.save(plots.calibration(data, LEAST_AREA), data, **snakemake.output)
