"""Are smaller models affected more (C5)? Adds the contrast of the smallest and the largest model to the effects."""

import pandas as pd

from faithfulness import cells, claims, effects, logs, scales, tables, verdicts

log = logs.to(snakemake.log)
declared = claims.load(snakemake.input.claims)
statistics = declared.statistics(snakemake.params.statistics)

judged = tables.read(snakemake.input.cells, tables.Effects)
gates = tables.read(snakemake.input.gates, tables.Gates)
chain_measures = cells.read(snakemake.input.measures, tables.Measures, ["model", "dataset"])
sizes = cells.sizes(cells.arms(snakemake.input.arms))

found = scales.compare_sizes(
    effects.means_by_cell(chain_measures),
    sizes,
    effects.training_seeds(chain_measures),
    declared.primary_measures,
    statistics,
    declared.pool,
)
if found.empty:
    log.info("fewer than two sizes: nothing to say about scale")
else:
    status = cells.calibration(snakemake.input.calibration)
    scale = verdicts.judge_sizes(found, gates, confidence=statistics.confidence, calibration=status)
    judged = verdicts.ordered(pd.concat([judged, scale], ignore_index=True))

tables.write(judged, tables.Effects, snakemake.output.effects)
tables.write(scales.fit(judged), tables.ScaleFits, snakemake.output.scale_fits)
