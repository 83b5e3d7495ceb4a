"""Read all scores of one model and dataset, and writes what later rules need of them, by chain or by item."""

from collections.abc import Iterator

import pandas as pd
from snakemake.iocontainers import Snakemake

from faithfulness.compare import (
    chain_values,
    cut_answers,
    cut_readings,
    item_means,
    kinds,
    options,
    read_all,
    retention,
)
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
questions = read_table(inputs.questions, Items, ["item_id", "options"])
reading = chain_values.Reading(
    measures_of=lambda claim: settings.directions.get(claim, {}),
    least_share=settings.options_share,
    by_place=options.options_vary(questions),
    options=dict(zip(questions["item_id"], questions["options"], strict=True)),
    truncated=pd.MultiIndex.from_frame(cut_off[WRITTEN]),
)
values: dict[chain_values.Pair, chain_values.ChainValues] = {}


def read_scores() -> Iterator[pd.DataFrame]:
    """Put the values of chains into `values`, and return the answers at each cut; one reader's at a time."""
    for file in inputs.scores:  # scores are large
        scores = read_all.read([file], Scores, ["reader", "dataset"], chain_values.COLUMNS)
        values.update(chain_values.of_pairs(scores, reading))
        yield cut_answers.of_scores(scores, by_place=reading.by_place)
        yield from cut_readings.of_scores(scores, reading)


write_parts(read_scores(), CutAnswers, output.cut_answers)
of_tuned = {pair: part for pair, part in values.items() if not controls.keys() & set(pair)}
use = {pair: part.use for pair, part in of_tuned.items()}
curves = {pair: part.curves for pair, part in of_tuned.items()}

write_table(chain_values.measures_table(values, arms), Measures, output.measures)
write_parts(item_means.tables(values, arms, controls), item_means.schema(), output.means)
write_table(chain_values.answers_table(values), Answers, output.answers)
write_table(chain_values.readouts_table(values), Readouts, output.readouts)
write_table(kinds.table(use, arms), Kinds, output.kinds)
write_table(retention.by_item(curves, arms), Retention, output.retention)
