"""Take in a tuned arm that was trained elsewhere."""

from pathlib import Path

from faithfulness import arms, logs, models, sources
from faithfulness.settings import Source

log = logs.to(snakemake.log)
source, folder = Source(**snakemake.params.source), Path(snakemake.output[0])
name, base, datasets = snakemake.wildcards.arm, arms.read(snakemake.input.base), snakemake.params.datasets
if source.served:
    arm = arms.take_in_served(folder, name, base, source.uri, datasets)
else:
    (weights,) = sources.locate(source, Path(snakemake.input.weights))
    arm = models.take_in(folder, name, base, weights, datasets)
log.info("%s, %s: %s", arm["arm"], source.uri, arm["kind"])
