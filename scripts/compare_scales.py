"""Are smaller models affected more (C5)? Adds the contrast of the smallest and the largest model to the effects."""

import pandas as pd

from faithfulness.compare import claims, effects, measures, model_sizes, read_all, verdicts
from faithfulness.compare.verdicts import ALTERNATIVES
from faithfulness.operate import job
from faithfulness.tables.generation import Scores
from faithfulness.tables.io import read_table, write_table
from faithfulness.tables.statistics import Effects, Gates, Measures, ScaleFits

log = job.start(snakemake.log)
declared = claims.load(snakemake.input.claims)
statistics = declared.statistics(snakemake.params.statistics)

judged = read_table(snakemake.input.cells, Effects)
gates = read_table(snakemake.input.gates, Gates)
chain_measures = read_all.read(snakemake.input.measures, Measures, ["model", "dataset"])
scores = read_all.read(snakemake.input.scores, Scores, ["model", "reader", "dataset"])
arms = read_all.by_recipe(read_all.arms(snakemake.input.arms))
sizes, trained = read_all.sizes(arms), read_all.train_datasets(arms)
status = read_all.calibration(snakemake.input.calibration)


def gaps(table: pd.DataFrame, claim: str) -> pd.DataFrame:
    """The contrast of sizes that a claim tests."""
    means, seeds = effects.means_by_cell(table), effects.means_by_seed(table)
    if claim == "C5":
        return model_sizes.compare_sizes(means, sizes, seeds, declared.primary_measures, statistics, declared.pool)
    in_domain = {cell: frame for cell, frame in means.items() if cell[2] in trained[cell[:2]]}
    directions = declared.directions["R1"]
    return model_sizes.compare_sizes(in_domain, sizes, seeds, directions, statistics, declared.pool, "total")


# How unreadable answers are counted matters for reading only: for accuracy they are wrong.
for claim, ways in (("C5", ALTERNATIVES.values()), ("R1", ())):
    found = gaps(chain_measures, claim)
    if found.empty:
        log.info("%s: fewer than two sizes, nothing to say about scale", claim)
        continue
    alternatives = [gaps(measures.of_models(scores, invalid), claim) for invalid in ways]
    scale = verdicts.judge_sizes(
        found, gates, claim=claim, confidence=statistics.confidence, calibration=status, alternatives=alternatives
    )
    judged = verdicts.ordered(pd.concat([judged, scale], ignore_index=True))

write_table(judged, Effects, snakemake.output.effects)
write_table(model_sizes.fit(judged), ScaleFits, snakemake.output.scale_fits)
