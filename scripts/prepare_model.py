"""Bring a model's weights into one form: safetensors in its own dtype, pruned where asked."""

from pathlib import Path

from faithfulness import logs, models, sources
from faithfulness.settings import Model

logs.to(snakemake.log)
model = Model(**snakemake.params.model)
source = Path(snakemake.input[0]) if len(snakemake.input) else None
if source and not (source / "model.json").exists():  # else another model's folder, prepared already
    source = sources.locate(model.source, source)
models.prepare(model, source, Path(snakemake.output[0]))
