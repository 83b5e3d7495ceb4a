"""Estimate all effects of one tuned arm of one model, on each dataset and pooled over datasets.

Each reading of the run has the same contrasts: tuned minus base over both writers' chains, and on base's chains minus
base and minus the arm's placebo. Beside them stand the contrasts with arms that are tuned on other data.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pandas as pd
from snakemake.iocontainers import Snakemake

from faithfulness.arms.record import read_arm
from faithfulness.compare import (
    arm_table,
    claims,
    confounds,
    constant_answers,
    cut_answers,
    effects,
    item_means,
    judge,
    kappa,
    read_all,
    reader_contrasts,
    reading_contrasts,
)
from faithfulness.compare.alternatives import MAIN, of_claims
from faithfulness.compare.effects import Comparison
from faithfulness.compare.measures import MEASURES
from faithfulness.compare.reader_contrasts import Placebo
from faithfulness.compare.readings import CHANCE
from faithfulness.operate import job
from faithfulness.tables.io import read_tables, write_table
from faithfulness.tables.measures import CutAnswers
from faithfulness.tables.statistics import Correlations, Estimates, Gates

T = TypeVar("T")

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
inputs, arm, placebo = snakemake.input, snakemake.wildcards.arm, snakemake.params.placebo
declared = claims.load(inputs.claims)
statistics = declared.statistics(snakemake.params.statistics)
primary, pool, (beside,) = declared.primary_measures, declared.pool, declared.directions["C6"]
place = ["model", "dataset"]


def frames_of(*arms: str) -> tuple[item_means.Cells, item_means.Seeds]:
    """Frames of means of arms of the model, over all their trainings and by training seed."""
    where = {"arm": arms, "alternative": [MAIN]}
    table = read_all.read(inputs.means, item_means.schema(), place, where=where)
    return item_means.frames(table), item_means.frames_by_seed(table)


def of_cells(found: Mapping[item_means.Cell, T], which: str) -> dict[item_means.Cell, T]:
    """What there is of an arm of these, by the cells of the tuned arm."""
    return {(model, arm, dataset): found[model, own, dataset] for model, own, dataset in found if own == which}


arms = (arm, placebo) if placebo else (arm,)
main = frames_of(*arms)
others = of_claims(declared.primary)
claimed = {name: alternative.measures(declared.directions_of) for name, alternative in others.items()}
columns = ["arm", "seed", "alternative", *item_means.KEYS, *dict.fromkeys(itertools.chain(*claimed.values()))]
where = {"arm": arms, "alternative": list(others)}
otherwise = read_all.read(inputs.means, item_means.schema(), place, columns, where)
readings = {MAIN: main, **item_means.under_alternatives(otherwise, *main)}
on_base_chains = [*primary, beside, "cot_accuracy", "direct_accuracy"]
trainings = {read_arm(folder).seed: Path(folder).name for folder in inputs.arms}
contrasts = {
    name: reading_contrasts.of_reading(
        name,
        (of_cells(of_arms, arm), of_cells(seeds_of, arm)),
        list(MEASURES) if name == MAIN else claimed[name],
        on_base_chains if name == MAIN else [measure for measure in claimed[name] if measure in primary],
        trainings,
        Placebo(of_cells(of_arms, placebo), of_cells(seeds_of, placebo)) if placebo else None,
        snakemake.params.placebo_trainings,
    )
    for name, (of_arms, seeds_of) in readings.items()
}
plain = contrasts[MAIN][""].comparison
cells, seeds = plain.cells, plain.seeds
files = {Path(file).stem: file for file in inputs.cut_answers}


def answers(cell: item_means.Cell, alternatives: Sequence[str]) -> pd.DataFrame:
    """The answers at each cut to the chains of base and of the arm, by them and by the placebo."""
    parties = ["base", *trainings.values()]
    readers_of = [*parties, *snakemake.params.placebo_trainings.values()]
    where = {"alternative": list(alternatives), "writer": parties, "reader": readers_of}
    return read_all.read([files[cell[2]]], CutAnswers, place, where=where)


# One dataset's at a time, as these are the largest.
by_cut = {cell: contrasts[MAIN][""].arrange(answers(cell, [MAIN])) for cell in cells}
constants = constant_answers.of_gates(read_tables(inputs.gates, Gates), cells)
corrected = {name: {key: one for key, one in of.items() if (name, key) != (MAIN, "")} for name, of in contrasts.items()}

unmoved = {cell: f[f.index.isin(cut_answers.same_direct_answer(by_cut[cell].together))] for cell, f in cells.items()}
matched = {cell: confounds.length_matched(frame) for cell, frame in cells.items()}
comparisons = [
    *(of_reading[""].comparison for of_reading in contrasts.values()),
    Comparison("same_direct_answer", unmoved, primary, seeds),
    Comparison("length_matched", matched, primary, seeds),
]
readers = [contrast.comparison for of_reading in contrasts.values() for name, contrast in of_reading.items() if name]
between = [
    reader_contrasts.between_arms((cells, seeds), frames_of(other), list(primary))
    for other in snakemake.params.need_more_reasoning
]
trained = arm_table.train_datasets(arm_table.arms(inputs.arms))

estimates = pd.concat(
    [
        effects.compare(comparisons, statistics, pool),
        confounds.length_adjusted(cells, statistics, primary, pool, seeds),
        confounds.chance_corrected(Comparison(CHANCE, cells, kappa.correctable(), seeds), by_cut, statistics, pool),
        *constant_answers.chance_corrected(corrected, answers, constants, declared, statistics, pool),
        judge.accuracy_pools(cells, trained, statistics, pool, seeds),
        reader_contrasts.estimate(readers, statistics, pool),
        *(reader_contrasts.estimate([comparison], statistics, pool) for comparison in between),
    ],
    ignore_index=True,
)
write_table(estimates, Estimates, snakemake.output.estimates)
write_table(effects.correlations(cells, primary, beside), Correlations, snakemake.output.correlations)
