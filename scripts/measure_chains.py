"""Read all scores of one model and dataset, and writes what later rules need of them, by chain or by item."""

from snakemake.iocontainers import Snakemake

from faithfulness.compare import chain_values, item_means, read_all, retention
from faithfulness.operate import job
from faithfulness.tables.generation import Scores
from faithfulness.tables.io import write_table
from faithfulness.tables.measures import Answers, Measures, Readouts, Retention

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
output, arms = snakemake.output, snakemake.params.arms
controls = {training: (arm, seed) for training, (arm, seed) in snakemake.params.controls.items()}

values: dict[chain_values.Pair, chain_values.ChainValues] = {}
for file in snakemake.input.scores:  # one reader's at a time, as scores are large
    values |= chain_values.of_pairs(read_all.read([file], Scores, ["reader", "dataset"], chain_values.COLUMNS))

write_table(chain_values.measures_table(values, arms), Measures, output.measures)
write_table(item_means.table(values, arms, controls), item_means.schema(), output.means)
write_table(chain_values.answers_table(values), Answers, output.answers)
write_table(chain_values.readouts_table(values), Readouts, output.readouts)
curves = {pair: part.curves for pair, part in values.items() if not controls.keys() & set(pair)}
write_table(retention.by_item(curves, arms), Retention, output.retention)
