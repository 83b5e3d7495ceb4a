"""Gates and verdicts of every cell (model x tuned arm x dataset), and of cells pooled over datasets."""

from pathlib import Path

from snakemake.iocontainers import Snakemake

from faithfulness.compare import arm_table, claims, judge, manipulation, read_all
from faithfulness.config.roles import is_control
from faithfulness.operate import job
from faithfulness.tables.controls import Controls
from faithfulness.tables.io import read_tables, write_table
from faithfulness.tables.statistics import (
    Conflicts,
    Correlations,
    Curves,
    Effects,
    Estimates,
    Gates,
    KindShares,
    Strengths,
    Summaries,
    Transitions,
)

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
inputs, output = snakemake.input, snakemake.output
declared = claims.load(inputs.claims)

arms = arm_table.arms(inputs.arms)
gates = manipulation.elsewhere(read_tables(inputs.gates, Gates))
gates = gates.sort_values(["model", "arm", "dataset"], kind="stable", ignore_index=True)
judged = judge.judge(
    read_tables(inputs.estimates, Estimates),
    gates,
    arm_table.train_datasets(arms),
    arm_table.sizes(arms),
    arm_table.training_counts(arms),
    claims=declared,
    confidence=snakemake.params.confidence,
    calibration=read_all.calibration(inputs.calibration),
)

of_controls = judged["arm"].map(is_control)
write_table(judged[~of_controls], Effects, output.cells)
write_table(judged.loc[of_controls, Controls.names], Controls, output.controls)
write_table(gates[~gates["arm"].map(is_control)], Gates, output.gates)
write_table(
    read_tables(inputs.summaries, Summaries).sort_values(["model", "arm", "dataset"]), Summaries, output.summaries
)
strengths = read_tables(inputs.strengths, Strengths).sort_values(["model", "dataset", "arm"], kind="stable")
curves = read_tables(inputs.curves, Curves).sort_values(["model", "dataset", "writer", "reader"], kind="stable")
correlations = read_tables(inputs.correlations, Correlations).sort_values(["model", "arm", "dataset"], kind="stable")
write_table(curves, Curves, output.curves)
write_table(strengths, Strengths, output.strengths)
made = read_tables(inputs.conflicts, Conflicts).sort_values(["model", "dataset", "arm"], kind="stable")
write_table(made, Conflicts, output.conflicts)
write_table(correlations, Correlations, output.correlations)
write_table(read_tables(inputs.kinds, KindShares), KindShares, output.kinds)
write_table(read_tables(inputs.transitions, Transitions), Transitions, output.transitions)
claims.record(declared, Path(snakemake.params.journal), Path(output.claims))
