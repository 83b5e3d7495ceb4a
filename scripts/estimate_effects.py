"""Estimate all effects of one tuned arm of one model, on each dataset and pooled over datasets."""

import itertools

import pandas as pd
from snakemake.iocontainers import Snakemake

from faithfulness.compare import arm_table, claims, confounds, descriptives, effects, item_means, judge, read_all
from faithfulness.compare.alternatives import ALTERNATIVES, MAIN
from faithfulness.compare.effects import Comparison
from faithfulness.operate import job
from faithfulness.tables.generation import Items
from faithfulness.tables.io import write_table
from faithfulness.tables.measures import Answers
from faithfulness.tables.statistics import Correlations, Estimates

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
inputs, arm = snakemake.input, snakemake.wildcards.arm
declared = claims.load(inputs.claims)
statistics = declared.statistics(snakemake.params.statistics)
primary, pool, (beside,) = declared.primary_measures, declared.pool, declared.directions["C6"]

place, of_arm = ["model", "dataset"], {"arm": [arm]}
means = read_all.read(inputs.means, item_means.schema(), place, where=of_arm | {"alternative": [MAIN]})
cells, seeds = item_means.frames(means), item_means.frames_by_seed(means)
claimed = {name: alternative.measures(declared.directions_of) for name, alternative in ALTERNATIVES.items()}
columns = ["arm", "seed", "alternative", *item_means.KEYS, *dict.fromkeys(itertools.chain(*claimed.values()))]
means = read_all.read(inputs.means, item_means.schema(), place, columns, of_arm | {"alternative": list(ALTERNATIVES)})
alternatives = item_means.under_alternatives(means, cells, seeds)
equal = {cell: item_means.equal_correctness(frame) for cell, frame in cells.items()}
matched = {cell: confounds.length_matched(frame) for cell, frame in cells.items()}
comparisons = [
    Comparison("plain", cells, seeds=seeds),
    Comparison("equal_correctness", equal, primary, seeds),
    Comparison("length_matched", matched, primary, seeds),
    *(
        Comparison(name, otherwise, claimed[name], otherwise_by_seed)
        for name, (otherwise, otherwise_by_seed) in alternatives.items()
    ),
]

parties = ["base", *snakemake.params.trainings]
answers = read_all.read(inputs.answers, Answers, ["model", "dataset"], where={"writer": parties, "reader": parties})
items = read_all.read(inputs.questions, Items, ["dataset", "split"], ["item_id", "options"])
vary = {dataset: descriptives.options_vary(part) for dataset, part in items.groupby("dataset")}
by_cell = {(str(model), arm, str(dataset)): part for (model, dataset), part in answers.groupby(["model", "dataset"])}
shares = {cell: confounds.answer_shares(part, by_place=vary[cell[2]]) for cell, part in by_cell.items()}
seed_shares = {cell: confounds.answer_shares_by_seed(part, by_place=vary[cell[2]]) for cell, part in by_cell.items()}
trained = arm_table.train_datasets(arm_table.arms(inputs.arms))

estimates = pd.concat(
    [
        effects.compare(comparisons, statistics, pool),
        confounds.length_adjusted(cells, statistics, primary, pool, seeds),
        confounds.chance_corrected(cells, shares, statistics, confounds.correctable(), pool, seeds, seed_shares),
        judge.accuracy_pools(cells, trained, statistics, pool, seeds),
    ],
    ignore_index=True,
)
write_table(estimates, Estimates, snakemake.output.estimates)
write_table(effects.correlations(cells, primary, beside), Correlations, snakemake.output.correlations)
