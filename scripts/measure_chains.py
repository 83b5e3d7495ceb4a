"""Read all scores of one model and dataset, and writes what later rules need of them, by chain or by item."""

import pandas as pd
from snakemake.iocontainers import Snakemake

from faithfulness.compare import chain_values, cut_answers, item_means, options, read_all, retention
from faithfulness.operate import job
from faithfulness.tables.generation import Items, Scores
from faithfulness.tables.io import read_table, write_table
from faithfulness.tables.measures import Answers, CutAnswers, Measures, Readouts, Retention

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
output, arms = snakemake.output, snakemake.params.arms

by_place = options.options_vary(read_table(snakemake.input.questions, Items, ["item_id", "options"]))
values: dict[chain_values.Pair, chain_values.ChainValues] = {}
by_cut: list[pd.DataFrame] = []
for file in snakemake.input.scores:  # one reader's at a time, as scores are large
    scores = read_all.read([file], Scores, ["reader", "dataset"], chain_values.COLUMNS)
    values |= chain_values.of_pairs(scores)
    by_cut.append(cut_answers.of_scores(scores, by_place=by_place))
    del scores  # before the next one is read

write_table(chain_values.measures_table(values, arms), Measures, output.measures)
write_table(item_means.table(values, arms), item_means.schema(), output.means)
write_table(chain_values.answers_table(values), Answers, output.answers)
write_table(pd.concat(by_cut, ignore_index=True), CutAnswers, output.cut_answers)
write_table(chain_values.readouts_table(values), Readouts, output.readouts)
write_table(retention.by_item({pair: part.curves for pair, part in values.items()}, arms), Retention, output.retention)
