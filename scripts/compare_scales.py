"""Are smaller models affected more (C5)? Adds the contrast of the smallest and the largest model to the effects."""

import pandas as pd

from faithfulness import cells, claims, effects, logs, scales, tables, verdicts

log = logs.to(snakemake.log)
declared = claims.load(snakemake.input.claims)
statistics = declared.statistics(snakemake.params.statistics)

judged = tables.read(snakemake.input.cells, tables.Effects)
gates = tables.read(snakemake.input.gates, tables.Gates)
chain_measures = cells.read(snakemake.input.measures, tables.Measures, ["model", "dataset"])
arms = cells.by_recipe(cells.arms(snakemake.input.arms))
trained = cells.train_datasets(arms)
means, seeds = effects.means_by_cell(chain_measures), effects.means_by_seed(chain_measures)
in_domain = {cell: frame for cell, frame in means.items() if cell[2] in trained[cell[:2]]}
status = cells.calibration(snakemake.input.calibration)

for claim, frames, directions, component in (
    ("C5", means, declared.primary_measures, "reading"),
    ("R1", in_domain, declared.directions["R1"], "total"),
):
    found = scales.compare_sizes(frames, cells.sizes(arms), seeds, directions, statistics, declared.pool, component)
    if found.empty:
        log.info("%s: fewer than two sizes, nothing to say about scale", claim)
        continue
    scale = verdicts.judge_sizes(found, gates, claim=claim, confidence=statistics.confidence, calibration=status)
    judged = verdicts.ordered(pd.concat([judged, scale], ignore_index=True))

tables.write(judged, tables.Effects, snakemake.output.effects)
tables.write(scales.fit(judged), tables.ScaleFits, snakemake.output.scale_fits)
