"""Fetch one pinned source; the only step that needs a network."""

from pathlib import Path

from faithfulness.config.sources import Source
from faithfulness.operate import job
from faithfulness.prepare import sources

job.start(snakemake.log)
sources.fetch(Source(**snakemake.params.source), snakemake.params.kind, Path(snakemake.output[0]))
