"""Effects, gates and verdicts of every cell (model x tuned arm x dataset) and pooled over datasets."""

from pathlib import Path

import pandas as pd

from faithfulness.compare import claims, confounds, descriptives, effects, gates, measures, read_all, verdicts
from faithfulness.compare.confounds import AGREEMENTS, CHANGES
from faithfulness.compare.verdicts import ALTERNATIVES
from faithfulness.operate import job
from faithfulness.tables.generation import Chains, Items, Probes, Scores
from faithfulness.tables.io import write_table
from faithfulness.tables.statistics import Correlations, Curves, Effects, Gates, Measures, Summaries

job.start(snakemake.log)
declared = claims.load(snakemake.input.claims)
statistics = declared.statistics(snakemake.params.statistics)
primary, pool = declared.primary_measures, declared.pool

chain_measures = read_all.read(snakemake.input.measures, Measures, ["model", "dataset"])
scores = read_all.read(snakemake.input.scores, Scores, ["model", "reader", "dataset"])
chains = read_all.read(snakemake.input.chains, Chains, ["model", "writer", "dataset"])
paraphrases = read_all.read(snakemake.input.paraphrases, Probes, ["model", "writer", "dataset", "perturbation"])
items = read_all.read(snakemake.input.questions, Items, ["dataset", "split"])
arms = read_all.by_recipe(read_all.arms(snakemake.input.arms))
sizes = read_all.sizes(arms)

counted = {contrast: measures.of_models(scores, invalid) for contrast, invalid in ALTERNATIVES.items()}
# From here on the trainings of a recipe are seeds of one arm.
by_training = scores, chains, paraphrases
scores, chains, paraphrases = map(read_all.by_recipe, by_training)

means, seeds = effects.means_by_cell(chain_measures), effects.means_by_seed(chain_measures)
equal = {cell: effects.equal_correctness(frame) for cell, frame in means.items()}
matched = {cell: confounds.length_matched(frame) for cell, frame in means.items()}
shares = {cell: confounds.answer_shares(scores, items, *cell) for cell in means}
seed_shares = {cell: confounds.answer_shares_by_seed(by_training[0], items, *cell) for cell in means}
correctable = (*AGREEMENTS, *CHANGES)
trained = read_all.train_datasets(arms)
found = [
    effects.compare(means, "plain", statistics, pool=pool, seeds=seeds),
    effects.compare(equal, "equal_correctness", statistics, primary, pool, seeds),
    effects.compare(matched, "length_matched", statistics, primary, pool, seeds),
    confounds.length_adjusted(means, statistics, primary, pool, seeds),
    confounds.chance_corrected(means, shares, statistics, correctable, pool, seeds, seed_shares),
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
    calibration=read_all.calibration(snakemake.input.calibration),
)
described = descriptives.summarise(scores, chains, paraphrases, items, sizes=sizes, statistics=statistics)

write_table(judged, Effects, snakemake.output.cells)
write_table(passed, Gates, snakemake.output.gates)
write_table(described, Summaries, snakemake.output.summaries)
write_table(descriptives.curves(scores, sizes, statistics), Curves, snakemake.output.curves)
(beside,) = declared.directions["C6"]
write_table(effects.correlations(means, primary, beside), Correlations, snakemake.output.correlations)
claims.record(declared, Path(snakemake.params.journal), Path(snakemake.output.claims))
