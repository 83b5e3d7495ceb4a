"""Are smaller models affected more (C5)? Adds the contrast of the smallest and the largest model to the effects."""

import pandas as pd
from snakemake.iocontainers import Snakemake

from faithfulness.compare import arm_table, claims, effect_rows, item_means, judge, model_sizes, read_all
from faithfulness.config.roles import role_of
from faithfulness.operate import job
from faithfulness.tables.io import read_table, write_table
from faithfulness.tables.statistics import Effects, Gates, ScaleFits

snakemake: Snakemake  # Snakemake puts it here

log = job.start(snakemake.log)
declared = claims.load(snakemake.input.claims)
statistics = declared.statistics(snakemake.params.statistics)

judged = read_table(snakemake.input.cells, Effects)
gates = read_table(snakemake.input.gates, Gates)
arms = arm_table.arms(snakemake.input.arms)
sizes, trained = arm_table.sizes(arms), arm_table.train_datasets(arms)
status = read_all.calibration(snakemake.input.calibration)


def gaps(claim: str, invalid: str) -> pd.DataFrame:
    """The contrast of sizes that a claim tests, with one way to count invalid readouts."""
    directions = declared.primary_measures if claim == "C5" else declared.directions["R1"]
    columns = ["arm", "seed", *item_means.KEYS, *directions]
    where = {"invalid": [invalid]}
    means = read_all.read(snakemake.input.means, item_means.schema(), ["model", "dataset"], columns, where)
    means = means[means["arm"].map(role_of) == "tuned"]
    cells, seeds = item_means.frames(means), item_means.frames_by_seed(means)
    if claim == "R1":
        cells = {cell: frame for cell, frame in cells.items() if cell[2] in trained[cell[:2]]}
    component = "reading" if claim == "C5" else "total"
    return model_sizes.compare_sizes(cells, sizes, seeds, directions, statistics, declared.pool, component)


# How invalid readouts are counted matters for reading only: for accuracy they are wrong.
several = len(set(sizes.values())) > 1
for claim, countings in (("C5", judge.ALTERNATIVES.values()), ("R1", ())) if several else ():
    rows = gaps(claim, "left out")
    if rows.empty:
        log.info("%s: no arm has two sizes of model", claim)
        continue
    scale = judge.judge_sizes(
        rows,
        gates,
        claim=claim,
        confidence=statistics.confidence,
        calibration=status,
        alternatives=[gaps(claim, invalid) for invalid in countings],
    )
    judged = effect_rows.ordered(pd.concat([judged, scale], ignore_index=True))
if not several:
    log.info("fewer than two sizes of model: nothing to say about scale")

write_table(judged, Effects, snakemake.output.effects)
write_table(model_sizes.fit(judged), ScaleFits, snakemake.output.scale_fits)
