"""Turn a dataset into train and evaluation items."""

from pathlib import Path

from pydantic import TypeAdapter
from snakemake.iocontainers import Snakemake

from faithfulness.config.datasets import Dataset
from faithfulness.operate import job
from faithfulness.prepare import datasets, sources
from faithfulness.tables.generation import Items
from faithfulness.tables.io import write_table

snakemake: Snakemake  # Snakemake puts it here

log = job.start(snakemake.log)
dataset = TypeAdapter(Dataset).validate_python(snakemake.params.dataset)
files = [sources.locate(*one) for one in zip(dataset.sources(), map(Path, snakemake.input), strict=True)]
train, evaluation = datasets.items(dataset, *files)
log.info("%s: %d train and %d evaluation items", dataset.name, len(train), len(evaluation))
write_table(train, Items, snakemake.output.train)
write_table(evaluation, Items, snakemake.output.eval)
