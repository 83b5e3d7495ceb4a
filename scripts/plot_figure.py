"""Draw a figure of the registry."""

from importlib import import_module

from snakemake.iocontainers import Snakemake

from faithfulness.compare import read_all
from faithfulness.figures import common
from faithfulness.operate import job
from faithfulness.tables.io import read_table, read_tables
from faithfulness.tables.measures import Calibration, Measures
from faithfulness.tables.statistics import Curves, Effects, Gates, KindShares, ScaleFits, Summaries, Transitions

snakemake: Snakemake  # Snakemake puts it here

READ = {
    "calibration": lambda files: read_tables(files, Calibration),
    "curves": lambda file: read_table(file, Curves),
    "effects": lambda file: read_table(file, Effects),
    "gates": lambda file: read_table(file, Gates),
    "kinds": lambda file: read_table(file, KindShares),
    "measures": lambda files: read_all.read(files, Measures, ["model", "dataset"]),
    "scale_fits": lambda file: read_table(file, ScaleFits),
    "summaries": lambda file: read_table(file, Summaries),
    "transitions": lambda file: read_table(file, Transitions),
}

job.start(snakemake.log)

figure = import_module(snakemake.params.module)
tables = {name: READ[name](files) for name, files in snakemake.input.items()}
data = figure.tabulate(**tables, **snakemake.params.settings, **snakemake.wildcards)
drawn = figure.draw(data, snakemake.params.arms, snakemake.params.datasets)
common.save(drawn, data, figure.describe(data), **snakemake.output)
