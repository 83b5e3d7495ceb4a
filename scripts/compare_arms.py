"""Gates and verdicts of every cell (model x tuned arm x dataset), and of cells pooled over datasets."""

from pathlib import Path

from snakemake.iocontainers import Snakemake

from faithfulness.compare import arm_table, claims, judge, read_all
from faithfulness.operate import job
from faithfulness.tables.io import read_tables, write_table
from faithfulness.tables.statistics import Correlations, Curves, Effects, Estimates, Gates, Summaries

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
given, output = snakemake.input, snakemake.output
declared = claims.load(given.claims)

arms = arm_table.arms(given.arms)
gates = read_tables(given.gates, Gates).sort_values(["model", "arm", "dataset"], kind="stable")
judged = judge.judge(
    read_tables(given.estimates, Estimates),
    gates,
    arm_table.train_datasets(arms),
    arm_table.sizes(arms),
    arm_table.training_counts(arms),
    claims=declared,
    confidence=snakemake.params.statistics["confidence"],
    calibration=read_all.calibration(given.calibration),
)

write_table(judged, Effects, output.cells)
write_table(gates, Gates, output.gates)
write_table(
    read_tables(given.summaries, Summaries).sort_values(["model", "arm", "dataset"]), Summaries, output.summaries
)
write_table(read_tables(given.curves, Curves), Curves, output.curves)
write_table(read_tables(given.correlations, Correlations), Correlations, output.correlations)
claims.record(declared, Path(snakemake.params.journal), Path(output.claims))
