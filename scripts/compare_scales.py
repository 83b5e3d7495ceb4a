"""Are smaller models affected more (C5)? Adds the contrast of the smallest and the largest model to the effects."""

from collections.abc import Collection

import pandas as pd
from snakemake.iocontainers import Snakemake

from faithfulness.compare import arm_table, claims, effect_rows, item_means, judge, model_sizes, read_all
from faithfulness.compare.alternatives import MAIN, of_claims
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


def means_of(names: Collection[str], alternatives: Collection[str]) -> pd.DataFrame:
    """The means of some measures under some alternatives, and what was learned: C5 is judged at equal gain."""
    columns = ["arm", "seed", "alternative", *item_means.KEYS, *dict.fromkeys([*names, "direct_accuracy"])]
    where = {"alternative": list(alternatives)}
    return read_all.read(snakemake.input.means, item_means.schema(), ["model", "dataset"], columns, where)


def gaps(claim: str, cells: item_means.Cells, seeds: item_means.Seeds, names: Collection[str]) -> pd.DataFrame:
    """The contrast of sizes that a claim tests, of some of its measures."""
    directions = declared.primary_measures if claim == "C5" else declared.directions["R1"]
    directions = {name: sign for name, sign in directions.items() if name in names}
    if claim == "R1":
        cells = {cell: frame for cell, frame in cells.items() if cell[2] in trained[cell[:2]]}
    arguments = cells, sizes, seeds, directions, statistics, declared.pool
    if claim == "R1":
        return model_sizes.compare_sizes(*arguments, "total")
    return pd.concat(
        [model_sizes.compare_sizes(*arguments), model_sizes.compare_sizes_at_equal_gain(*arguments)], ignore_index=True
    )


# How answers are counted or read otherwise matters for reading only: for accuracy they are wrong.
several = len(set(sizes.values())) > 1
for claim, others in (("C5", of_claims(declared.primary)), ("R1", {})) if several else ():
    names = declared.primary_measures if claim == "C5" else declared.directions["R1"]
    means = means_of(names, [MAIN])
    cells, seeds = item_means.frames(means), item_means.frames_by_seed(means)
    rows = gaps(claim, cells, seeds, names)
    if rows.empty:
        log.info("%s: no arm has two sizes of model", claim)
        continue
    scale = judge.judge_sizes(
        rows,
        gates,
        claims=declared,
        claim=claim,
        confidence=statistics.confidence,
        calibration=status,
        alternatives={
            name: gaps(claim, *frames, others[name].measures(declared.directions_of))
            for name, frames in item_means.under_alternatives(means_of(names, others), cells, seeds).items()
        },
    )
    judged = effect_rows.ordered(pd.concat([judged, scale], ignore_index=True))
if not several:
    log.info("fewer than two sizes of model: nothing to say about scale")

write_table(judged, Effects, snakemake.output.effects)
write_table(model_sizes.fit(judged), ScaleFits, snakemake.output.scale_fits)
