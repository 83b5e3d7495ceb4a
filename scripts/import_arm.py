"""Import a tuned arm that was trained elsewhere, or by an earlier version of this project."""

from pathlib import Path

from snakemake.iocontainers import Snakemake

from faithfulness.arms.imported import import_arm, import_served_arm
from faithfulness.arms.record import read_arm
from faithfulness.config.sources import Source
from faithfulness.operate import job
from faithfulness.prepare import sources

snakemake: Snakemake  # Snakemake puts it here

log = job.start(snakemake.log)
source, folder = Source(**snakemake.params.source), Path(snakemake.output[0])
name, base, datasets = snakemake.wildcards.arm, read_arm(snakemake.input.base), snakemake.params.datasets
if source.served:
    arm = import_served_arm(folder, name, base, source.uri.removeprefix("openai:"), datasets)
else:
    (weights,) = sources.locate(source, Path(snakemake.input.weights))
    arm = import_arm(folder, name, base, weights, datasets, snakemake.params.chat_template)
log.info("%s from %s: %s", arm.arm, source.uri, arm.weights.kind)
