"""Effects, gates and verdicts of every cell (model x tuned arm x dataset) and pooled over datasets."""

from pathlib import Path

import pandas as pd

from faithfulness import (
    cells,
    claims,
    controls,
    effects,
    gates,
    logs,
    measures,
    summaries,
    tables,
    verdicts,
)

logs.to(snakemake.log)
declared = claims.load(snakemake.input.claims)
statistics = declared.statistics(snakemake.params.statistics)
primary, pool = declared.primary_measures, declared.pool

chain_measures = cells.read(snakemake.input.measures, tables.Measures, ["model", "dataset"])
scores = cells.read(snakemake.input.scores, tables.Scores, ["model", "reader", "dataset"])
chains = cells.read(snakemake.input.chains, tables.Chains, ["model", "writer", "dataset"])
paraphrases = cells.read(snakemake.input.paraphrases, tables.Probes, ["model", "writer", "dataset", "perturbation"])
items = cells.read(snakemake.input.questions, tables.Items, ["dataset", "split"])
arms = cells.by_recipe(cells.arms(snakemake.input.arms))
sizes = cells.sizes(arms)

counted = {contrast: measures.of_models(scores, invalid) for contrast, invalid in verdicts.ALTERNATIVES.items()}
# From here on the trainings of a recipe are seeds of one arm.
by_training = scores, chains, paraphrases
scores, chains, paraphrases = map(cells.by_recipe, by_training)

means, seeds = effects.means_by_cell(chain_measures), effects.means_by_seed(chain_measures)
equal = {cell: effects.equal_correctness(frame) for cell, frame in means.items()}
matched = {cell: controls.length_matched(frame) for cell, frame in means.items()}
shares = {cell: controls.answer_shares(scores, items, *cell) for cell in means}
seed_shares = {cell: controls.answer_shares_by_seed(by_training[0], items, *cell) for cell in means}
correctable = (*controls.AGREEMENTS, *controls.CHANGES)
trained = cells.train_datasets(arms)
found = [
    effects.compare(means, "plain", statistics, pool=pool, seeds=seeds),
    effects.compare(equal, "equal_correctness", statistics, primary, pool, seeds),
    effects.compare(matched, "length_matched", statistics, primary, pool, seeds),
    controls.length_adjusted(means, statistics, primary, pool, seeds),
    controls.chance_corrected(means, shares, statistics, correctable, pool, seeds, seed_shares),
    verdicts.accuracy_pools(means, trained, statistics, pool, seeds),
]
for contrast, table in counted.items():
    frames, by_seed = effects.means_by_cell(table), effects.means_by_seed(table)
    found.append(effects.compare(frames, contrast, statistics, [*primary, *declared.directions["C6"]], pool, by_seed))

passed = gates.check(means, *by_training, items, limits=declared.gates)
judged = verdicts.judge(
    pd.concat(found, ignore_index=True),
    passed,
    trained,
    sizes,
    effects.training_seeds(chain_measures),
    claims=declared,
    confidence=statistics.confidence,
    calibration=cells.calibration(snakemake.input.calibration),
)
described = summaries.summarise(scores, chains, paraphrases, items, sizes=sizes, statistics=statistics)

tables.write(judged, tables.Effects, snakemake.output.cells)
tables.write(passed, tables.Gates, snakemake.output.gates)
tables.write(described, tables.Summaries, snakemake.output.summaries)
tables.write(summaries.curves(scores, sizes, statistics), tables.Curves, snakemake.output.curves)
(beside,) = declared.directions["C6"]
tables.write(effects.correlations(means, primary, beside), tables.Correlations, snakemake.output.correlations)
claims.record(declared, Path(snakemake.params.journal), Path(snakemake.output.claims))
