"""Are smaller models affected more (C5)? Adds the contrast of the smallest and the largest model to the effects."""

import pandas as pd

from faithfulness import cells, effects, logs, scales, tables, verdicts
from faithfulness.settings import Statistics

log = logs.to(snakemake.log)
statistics = Statistics(**snakemake.params.statistics)

judged = tables.read(snakemake.input.cells, tables.Effects)
gates = tables.read(snakemake.input.gates, tables.Gates)
chain_measures = cells.read(snakemake.input.measures, tables.Measures, ["model", "dataset"])
sizes = cells.sizes(cells.arms(snakemake.input.arms))

found = scales.compare_sizes(
    effects.means_by_cell(chain_measures),
    sizes,
    effects.training_seeds(chain_measures),
    verdicts.PRIMARY_MEASURES,
    statistics,
)
if found.empty:
    log.info("fewer than two sizes: nothing to say about scale")
else:
    scale = verdicts.judge_sizes(found, gates, confidence=statistics.confidence)
    judged = verdicts.ordered(pd.concat([judged, scale], ignore_index=True))

tables.write(judged, tables.Effects, snakemake.output.effects)
tables.write(scales.fit(judged), tables.ScaleFits, snakemake.output.scale_fits)
