"""Estimate all effects of one tuned arm of one model, on each dataset and pooled over datasets.

Beside tuned minus base stand the contrasts of readers of base's chains: with base, with the arm's placebo, and with
arms that are tuned on other data.
"""

import pandas as pd
from snakemake.iocontainers import Snakemake

from faithfulness.compare import (
    arm_table,
    claims,
    confounds,
    descriptives,
    effects,
    item_means,
    judge,
    read_all,
    reader_contrasts,
)
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

means = read_all.read(inputs.means, item_means.schema(), ["model", "dataset"], where={"arm": [arm]})
by_counting = {
    invalid: (item_means.frames(part), item_means.frames_by_seed(part)) for invalid, part in means.groupby("invalid")
}
cells, seeds = by_counting["left out"]
equal = {cell: item_means.equal_correctness(frame) for cell, frame in cells.items()}
matched = {cell: confounds.length_matched(frame) for cell, frame in cells.items()}
comparisons = [
    Comparison("plain", cells, seeds=seeds),
    Comparison("equal_correctness", equal, primary, seeds),
    Comparison("length_matched", matched, primary, seeds),
    *(
        Comparison(contrast, by_counting[invalid][0], [*primary, beside], by_counting[invalid][1])
        for contrast, invalid in judge.ALTERNATIVES.items()
    ),
]


def main_means(other: str) -> tuple[item_means.Cells, item_means.Seeds]:
    """Frames of means of another arm of the model, over all its trainings and by training seed."""
    where = {"arm": [other], "invalid": ["left out"]}
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
        reader_contrasts.estimate(readers, statistics, pool),
        *(reader_contrasts.estimate([comparison], statistics, pool) for comparison in between),
    ],
    ignore_index=True,
)
write_table(estimates, Estimates, snakemake.output.estimates)
write_table(effects.correlations(cells, primary, beside), Correlations, snakemake.output.correlations)
