"""Compare one placebo or null arm of one model with base, on base's chains."""

from snakemake.iocontainers import Snakemake

from faithfulness.compare import claims, item_means, read_all, reader_contrasts
from faithfulness.compare.alternatives import MAIN
from faithfulness.config.roles import role_of
from faithfulness.operate import job
from faithfulness.tables.io import write_table
from faithfulness.tables.statistics import Estimates

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
inputs, arm = snakemake.input, snakemake.wildcards.arm
declared = claims.load(inputs.claims)
where = {"arm": [arm], "alternative": [MAIN]}
means = read_all.read(inputs.means, item_means.schema(), ["model", "dataset"], where=where)
comparison = reader_contrasts.against_base(
    reader_contrasts.NULL if role_of(arm) == "null" else reader_contrasts.BASE_CHAINS,
    item_means.frames(means),
    item_means.frames_by_seed(means),
    [*declared.primary_measures, *declared.directions["C6"], "cot_accuracy", "direct_accuracy"],
)
statistics = declared.statistics(snakemake.params.statistics)
estimates = reader_contrasts.estimate([comparison], statistics, declared.pool)
write_table(estimates.assign(claim=None), Estimates, snakemake.output.estimates)  # none is pooled for a claim
