"""Take in a tuned arm that was trained elsewhere."""

from pathlib import Path

from faithfulness import arms, logs, models, sources
from faithfulness.settings import Source

log = logs.to(snakemake.log)
(weights,) = sources.locate(Source(**snakemake.params.source), Path(snakemake.input.weights))
arm = models.take_in(
    Path(snakemake.output[0]),
    snakemake.wildcards.arm,
    arms.read(snakemake.input.base),
    weights,
    snakemake.params.datasets,
)
log.info("%s: %s from %s", arm["arm"], "an adapter" if arm["kind"] == "adapter" else "full weights", weights)
