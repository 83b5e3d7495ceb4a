"""Judge pairs of trainings that differ by chance alone, as if one were tuned: how often is a change seen in them?"""

from snakemake.iocontainers import Snakemake

from faithfulness.compare import claims, item_means, null_pairs, read_all
from faithfulness.operate import job
from faithfulness.tables.controls import NullPairs
from faithfulness.tables.io import frame, read_tables, write_table
from faithfulness.tables.measures import CutAnswers
from faithfulness.tables.statistics import Gates

snakemake: Snakemake  # Snakemake puts it here

log = job.start(snakemake.log)
inputs, controls = snakemake.input, snakemake.params.controls
pairs = [
    pair
    for model, trainings in controls.items()
    for pair in null_pairs.disjoint_pairs(model, {name: (arm, seed) for name, (arm, seed) in trainings.items()})
]
if pairs:
    declared = claims.load(inputs.claims)
    arms = sorted({reader.arm for pair in pairs for reader in (pair.first, pair.second)})
    table = null_pairs.judge_pairs(
        pairs,
        read_all.read(inputs.means, item_means.schema(), ["model", "dataset"], where={"arm": arms}),
        read_tables(inputs.gates, Gates),
        read_all.read(inputs.cut_answers, CutAnswers, ["model", "dataset"], where={"writer": ["base"]}),
        claims=declared,
        statistics=declared.statistics(snakemake.params.statistics),
        calibration=read_all.calibration(inputs.calibration),
    )
else:
    table = frame([], NullPairs)
write_table(table, NullPairs, snakemake.output[0])
log.info("%s", null_pairs.alarms(table) or "no pair of trainings differs by chance alone")
