"""Effects, gates and verdicts of every cell (model x tuned arm x dataset) and pooled over datasets."""

import pandas as pd

from faithfulness import cells, effects, gates, logs, measures, summaries, tables, verdicts
from faithfulness.settings import Gates, Statistics

logs.to(snakemake.log)
statistics = Statistics(**snakemake.params.statistics)

chain_measures = cells.read(snakemake.input.measures, tables.Measures, ["model", "dataset"])
scores = cells.read(snakemake.input.scores, tables.Scores, ["model", "reader", "dataset"])
chains = cells.read(snakemake.input.chains, tables.Chains, ["model", "writer", "dataset"])
paraphrases = cells.read(snakemake.input.paraphrases, tables.Probes, ["model", "writer", "dataset", "perturbation"])
items = cells.read(snakemake.input.questions, tables.Items, ["dataset", "split"])
arms = cells.arms(snakemake.input.arms)
sizes = cells.sizes(arms)

means = effects.means_by_cell(chain_measures)
equal = {cell: effects.equal_correctness(frame) for cell, frame in means.items()}
trained = {pair: set(datasets) for pair, datasets in arms.set_index(["model", "arm"])["train_datasets"].items()}
found = [
    effects.compare(means, "plain", statistics),
    effects.compare(equal, "equal_correctness", statistics, verdicts.PRIMARY_MEASURES),
    verdicts.accuracy_pools(means, trained, statistics),
]
for contrast, invalid in verdicts.ALTERNATIVES.items():
    counted = effects.means_by_cell(measures.of_models(scores, invalid))
    found.append(effects.compare(counted, contrast, statistics, verdicts.PRIMARY_MEASURES))

passed = gates.check(means, scores, chains, paraphrases, items, limits=Gates(**snakemake.params.gates))
judged = verdicts.judge(
    pd.concat(found, ignore_index=True),
    passed,
    trained,
    sizes,
    effects.training_seeds(chain_measures),
    confidence=statistics.confidence,
)
described = summaries.summarise(scores, chains, paraphrases, items, sizes=sizes, statistics=statistics)

tables.write(judged, tables.Effects, snakemake.output.cells)
tables.write(passed, tables.Gates, snakemake.output.gates)
tables.write(described, tables.Summaries, snakemake.output.summaries)
tables.write(summaries.curves(scores, sizes, statistics), tables.Curves, snakemake.output.curves)
