"""Turn a dataset into train and evaluation items."""

from pathlib import Path

from pydantic import TypeAdapter

from faithfulness import datasets, logs, sources, tables
from faithfulness.settings import Dataset

log = logs.to(snakemake.log)
dataset = TypeAdapter(Dataset).validate_python(snakemake.params.dataset)
files = [sources.locate(*one) for one in zip(dataset.sources(), map(Path, snakemake.input), strict=True)]
train, evaluation = datasets.items(dataset, *files)
log.info("%s: %d train and %d evaluation items", dataset.name, len(train), len(evaluation))
tables.write(train, tables.Items, snakemake.output.train)
tables.write(evaluation, tables.Items, snakemake.output.eval)
