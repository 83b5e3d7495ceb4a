"""Fetch one pinned source; the only step that needs a network."""

from pathlib import Path

from snakemake.iocontainers import Snakemake

from faithfulness.config.sources import Source
from faithfulness.operate import job
from faithfulness.prepare import sources

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
sources.fetch(Source(**snakemake.params.source), snakemake.params.kind, Path(snakemake.output[0]))
