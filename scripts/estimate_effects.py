"""Estimate all effects of one tuned arm of one model, on each dataset and pooled over datasets.

Beside tuned minus base stand the contrasts of readers of base's chains: with base, with the arm's placebo, and with
arms that are tuned on other data.
"""

import itertools

import pandas as pd
from snakemake.iocontainers import Snakemake

from faithfulness.compare import (
    arm_table,
    claims,
    confounds,
    cut_answers,
    effects,
    item_means,
    judge,
    kappa,
    read_all,
    reader_contrasts,
)
from faithfulness.compare.alternatives import ALTERNATIVES, MAIN
from faithfulness.compare.effects import Comparison
from faithfulness.operate import job
from faithfulness.tables.io import write_table
from faithfulness.tables.measures import CutAnswers
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

parties = ["base", *snakemake.params.trainings]
by_cut, by_cut_of_seed = {}, {}
for file in inputs.cut_answers:  # one dataset's at a time, as these are the largest
    part = read_all.read([file], CutAnswers, ["model", "dataset"], where={"writer": parties, "reader": parties})
    cell = str(part["model"].iloc[0]), arm, str(part["dataset"].iloc[0])
    by_cut[cell], by_cut_of_seed[cell] = cut_answers.arrange(part), cut_answers.by_seed(part)

unmoved = {cell: f[f.index.isin(cut_answers.same_direct_answer(by_cut[cell]))] for cell, f in cells.items()}
matched = {cell: confounds.length_matched(frame) for cell, frame in cells.items()}
comparisons = [
    Comparison("plain", cells, seeds=seeds),
    Comparison("same_direct_answer", unmoved, primary, seeds),
    Comparison("length_matched", matched, primary, seeds),
    *(
        Comparison(name, otherwise, claimed[name], otherwise_by_seed)
        for name, (otherwise, otherwise_by_seed) in alternatives.items()
    ),
]


def main_means(other: str) -> tuple[item_means.Cells, item_means.Seeds]:
    """Frames of means of another arm of the model, over all its trainings and by training seed."""
    where = {"arm": [other], "alternative": [MAIN]}
    table = read_all.read(inputs.means, item_means.schema(), ["model", "dataset"], where=where)
    return item_means.frames(table), item_means.frames_by_seed(table)


on_base_chains = [*primary, beside, "cot_accuracy", "direct_accuracy"]
placebo = snakemake.params.placebo
of_placebo = main_means(placebo)[0] if placebo else {}
placebos = {cell: of_placebo[cell[0], placebo, cell[2]] for cell in cells if placebo}
readers = [reader_contrasts.against_base("base_chains", cells, seeds, on_base_chains, placebos)]
if placebo:
    readers.append(reader_contrasts.against_placebo(cells, seeds, on_base_chains, placebos))
between = [
    reader_contrasts.between_arms((cells, seeds), main_means(other), list(primary))
    for other in snakemake.params.need_more_reasoning
]
trained = arm_table.train_datasets(arm_table.arms(inputs.arms))

estimates = pd.concat(
    [
        effects.compare(comparisons, statistics, pool),
        confounds.length_adjusted(cells, statistics, primary, pool, seeds),
        confounds.chance_corrected(cells, by_cut, statistics, kappa.correctable(), pool, seeds, by_cut_of_seed),
        judge.accuracy_pools(cells, trained, statistics, pool, seeds),
        reader_contrasts.estimate(readers, statistics, pool),
        *(reader_contrasts.estimate([comparison], statistics, pool) for comparison in between),
    ],
    ignore_index=True,
)
write_table(estimates, Estimates, snakemake.output.estimates)
write_table(effects.correlations(cells, primary, beside), Correlations, snakemake.output.correlations)
