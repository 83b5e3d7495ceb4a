"""Turn a dataset into train and evaluation items."""

from pathlib import Path

from pydantic import TypeAdapter

from faithfulness import datasets, logs, sources, tables
from faithfulness.settings import Dataset

log = logs.to(snakemake.log)
dataset = TypeAdapter(Dataset).validate_python(snakemake.params.dataset)
found = Path(snakemake.input[0]) if len(snakemake.input) else None
train, evaluation = datasets.items(dataset, sources.locate(dataset.source, found) if found else None)
log.info("%s: %d train and %d evaluation items", dataset.name, len(train), len(evaluation))
tables.write(train, tables.Items, snakemake.output.train)
tables.write(evaluation, tables.Items, snakemake.output.eval)
