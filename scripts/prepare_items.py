"""Turn a dataset into train and evaluation items."""

from pathlib import Path

from pydantic import TypeAdapter
from snakemake.iocontainers import Snakemake

from faithfulness.config.datasets import Dataset
from faithfulness.operate import job
from faithfulness.prepare import datasets, sources
from faithfulness.tables.generation import Items, LeftOut
from faithfulness.tables.io import write_table

snakemake: Snakemake  # Snakemake puts it here

log = job.start(snakemake.log)
dataset = TypeAdapter(Dataset).validate_python(snakemake.params.dataset)
files = [sources.locate(*one) for one in zip(dataset.sources(), map(Path, snakemake.input), strict=True)]
prepared = datasets.prepare(dataset, *files)
log.info("%s: %d train and %d evaluation items", dataset.name, len(prepared.train), len(prepared.evaluation))
write_table(prepared.train, Items, snakemake.output.train)
write_table(prepared.evaluation, Items, snakemake.output.eval)
write_table(prepared.left_out, LeftOut, snakemake.output.left_out)
