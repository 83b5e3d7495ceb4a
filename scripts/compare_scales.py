"""Are smaller models affected more (C5)? Adds the contrast of the smallest and the largest model to the effects."""

import pandas as pd

from faithfulness import cells, claims, effects, logs, measures, scales, tables, verdicts

log = logs.to(snakemake.log)
declared = claims.load(snakemake.input.claims)
statistics = declared.statistics(snakemake.params.statistics)

judged = tables.read(snakemake.input.cells, tables.Effects)
gates = tables.read(snakemake.input.gates, tables.Gates)
chain_measures = cells.read(snakemake.input.measures, tables.Measures, ["model", "dataset"])
scores = cells.read(snakemake.input.scores, tables.Scores, ["model", "reader", "dataset"])
arms = cells.by_recipe(cells.arms(snakemake.input.arms))
sizes, trained = cells.sizes(arms), cells.train_datasets(arms)
status = cells.calibration(snakemake.input.calibration)


def gaps(table: pd.DataFrame, claim: str) -> pd.DataFrame:
    """The contrast of sizes that a claim tests."""
    means, seeds = effects.means_by_cell(table), effects.means_by_seed(table)
    if claim == "C5":
        return scales.compare_sizes(means, sizes, seeds, declared.primary_measures, statistics, declared.pool)
    in_domain = {cell: frame for cell, frame in means.items() if cell[2] in trained[cell[:2]]}
    directions = declared.directions["R1"]
    return scales.compare_sizes(in_domain, sizes, seeds, directions, statistics, declared.pool, "total")


# How unreadable answers are counted matters for reading only: for accuracy they are wrong.
for claim, ways in (("C5", verdicts.ALTERNATIVES.values()), ("R1", ())):
    found = gaps(chain_measures, claim)
    if found.empty:
        log.info("%s: fewer than two sizes, nothing to say about scale", claim)
        continue
    alternatives = [gaps(measures.of_models(scores, invalid), claim) for invalid in ways]
    scale = verdicts.judge_sizes(
        found, gates, claim=claim, confidence=statistics.confidence, calibration=status, alternatives=alternatives
    )
    judged = verdicts.ordered(pd.concat([judged, scale], ignore_index=True))

tables.write(judged, tables.Effects, snakemake.output.effects)
tables.write(scales.fit(judged), tables.ScaleFits, snakemake.output.scale_fits)
