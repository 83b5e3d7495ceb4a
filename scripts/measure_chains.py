"""Read all scores of one model and dataset, and writes what later rules need of them, by chain or by item."""

import pandas as pd
from snakemake.iocontainers import Snakemake

from faithfulness.compare import chain_values, cut_answers, item_means, kinds, options, read_all, retention
from faithfulness.compare.chain_probes import WRITTEN
from faithfulness.operate import job
from faithfulness.tables.generation import Chains, Items, Scores
from faithfulness.tables.io import read_table, write_parts, write_table
from faithfulness.tables.measures import Answers, CutAnswers, Kinds, Measures, Readouts, Retention

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
inputs, output, settings = snakemake.input, snakemake.output, snakemake.params
arms, controls = settings.arms, {training: (arm, seed) for training, (arm, seed) in settings.controls.items()}

ends = [*WRITTEN[1:], "finish_reason"]
cut_off = read_all.read(inputs.chains, Chains, ["writer", "dataset"], ends, where={"finish_reason": ["length"]})
reading = chain_values.Reading(
    measures_of=lambda claim: settings.directions.get(claim, {}),
    least_share=settings.options_share,
    by_place=options.options_vary(read_table(inputs.questions, Items, ["options"])),
    truncated=pd.MultiIndex.from_frame(cut_off[WRITTEN]),
)
values: dict[chain_values.Pair, chain_values.ChainValues] = {}
by_cut: list[pd.DataFrame] = []
for file in inputs.scores:  # one reader's at a time, as scores are large
    scores = read_all.read([file], Scores, ["reader", "dataset"], chain_values.COLUMNS)
    values |= chain_values.of_pairs(scores, reading)
    by_cut.append(cut_answers.of_scores(scores, by_place=reading.by_place))
    del scores  # before the next one is read
of_tuned = {pair: part for pair, part in values.items() if not controls.keys() & set(pair)}
use = {pair: part.use for pair, part in of_tuned.items()}
curves = {pair: part.curves for pair, part in of_tuned.items()}

write_table(chain_values.measures_table(values, arms), Measures, output.measures)
write_parts(item_means.tables(values, arms, controls), item_means.schema(), output.means)
write_table(chain_values.answers_table(values), Answers, output.answers)
write_table(pd.concat(by_cut, ignore_index=True), CutAnswers, output.cut_answers)
write_table(chain_values.readouts_table(values), Readouts, output.readouts)
write_table(kinds.table(use, arms), Kinds, output.kinds)
write_table(retention.by_item(curves, arms), Retention, output.retention)
