"""Describe the arms of one model on one dataset: accuracy, length, format, gates and curves."""

from snakemake.iocontainers import Snakemake

from faithfulness.arms.record import read_arm
from faithfulness.compare import claims, descriptives, gates, item_means, read_all, reader_contrasts
from faithfulness.compare.descriptives import Observations
from faithfulness.operate import job
from faithfulness.tables.generation import Chains, Items, Probes
from faithfulness.tables.io import read_table, write_table
from faithfulness.tables.measures import Answers, Readouts, Retention
from faithfulness.tables.statistics import Curves, Gates, Strengths, Summaries

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
columns = ["arm", "seed", *item_means.KEYS, "aoc_raw"]
means = read_table(inputs.means, item_means.schema(), columns, where={"invalid": ["left out"]})
frames = item_means.frames(means.assign(model=wildcards.model, dataset=wildcards.dataset))
controls = set(observed.controls.values())
usable = {
    arm: item_means.usable_items(reader_contrasts.of_pair(frame) if arm in controls else frame)
    for (_, arm, _), frame in frames.items()
}

names = {"model": wildcards.model, "dataset": wildcards.dataset}
sized = names | {"parameters": read_arm(inputs.base).parameters}
passed = gates.check(observed, usable, declared.gates)
summaries = descriptives.summarise(observed, statistics)
curves = descriptives.curves(read_table(inputs.retention, Retention), statistics)
write_table(passed.assign(**names), Gates, snakemake.output.gates)
write_table(summaries.assign(**sized), Summaries, snakemake.output.summaries)
write_table(curves.assign(**sized), Curves, snakemake.output.curves)
write_table(descriptives.strengths(observed).assign(**names), Strengths, snakemake.output.strengths)
