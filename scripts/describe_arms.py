"""Describe the arms of one model on one dataset: accuracy, length, format, gates and curves."""

from snakemake.iocontainers import Snakemake

from faithfulness.arms.record import read_arm
from faithfulness.compare import claims, conflicts, descriptives, gates, item_means, kinds, read_all
from faithfulness.compare.alternatives import MAIN
from faithfulness.compare.descriptives import Observations
from faithfulness.compare.findings import Tuning
from faithfulness.operate import job
from faithfulness.tables.generation import Chains, Items, Probes
from faithfulness.tables.io import read_table, write_table
from faithfulness.tables.measures import Answers, Kinds, Readouts, Retention
from faithfulness.tables.statistics import Conflicts, Curves, Gates, KindShares, Strengths, Summaries, Transitions

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
inputs, wildcards = snakemake.input, snakemake.wildcards
declared = claims.load(inputs.claims)
statistics = declared.statistics(snakemake.params.statistics)

observed = Observations(
    arms=snakemake.params.arms,
    controls={training: arm for training, (arm, _) in snakemake.params.controls.items()},
    answers=read_table(inputs.answers, Answers),
    readouts=read_table(inputs.readouts, Readouts),
    chains=read_all.read(inputs.chains, Chains, ["writer", "dataset"], descriptives.CHAIN_COLUMNS),
    replacements=read_all.read(
        [*inputs.paraphrases, *inputs.mistakes],
        Probes,
        ["writer", "dataset", "perturbation"],
        descriptives.REPLACEMENT_COLUMNS,
    ),
    items=read_table(inputs.questions, Items),
)
made = read_all.read(inputs.conflicts, Probes, ["writer", "dataset", "perturbation"], conflicts.COLUMNS)
counted = ["aoc_raw", "chain_following_all", *declared.primary_measures]
columns = list(dict.fromkeys(["arm", "seed", *item_means.KEYS, *counted]))
means = read_table(inputs.means, item_means.schema(), columns, where={"alternative": [MAIN]})
by_cell = item_means.frames(means.assign(model=wildcards.model, dataset=wildcards.dataset))
frames = {arm: frame for (_, arm, _), frame in by_cell.items()}
tunings = {arm: Tuning(**made) for arm, made in snakemake.params.tunings.items()}

names = {"model": wildcards.model, "dataset": wildcards.dataset}
sized = names | {"parameters": read_arm(inputs.base).parameters}
passed = gates.check(observed, frames, declared, tunings)
summaries = descriptives.summarise(observed, statistics)
curves = descriptives.curves(read_table(inputs.retention, Retention), statistics)
write_table(passed.assign(**names), Gates, snakemake.output.gates)
write_table(summaries.assign(**sized), Summaries, snakemake.output.summaries)
write_table(curves.assign(**sized), Curves, snakemake.output.curves)
write_table(descriptives.strengths(observed).assign(**names), Strengths, snakemake.output.strengths)
of_items = read_table(inputs.kinds, Kinds)
shares = kinds.shares(of_items, statistics.confidence)
write_table(shares.assign(**names), KindShares, snakemake.output.kinds)
write_table(kinds.transitions(of_items).assign(**names), Transitions, snakemake.output.transitions)
write_table(conflicts.acceptance(made, snakemake.params.arms).assign(**names), Conflicts, snakemake.output.conflicts)
