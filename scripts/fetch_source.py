"""Fetch one pinned source; the only step that needs a network."""

from pathlib import Path

from faithfulness import logs, sources
from faithfulness.settings import Source

logs.to(snakemake.log)
sources.fetch(Source(**snakemake.params.source), snakemake.params.kind, Path(snakemake.output[0]))
