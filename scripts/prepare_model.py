"""Bring a model's weights into one form: safetensors in its own dtype, pruned where asked."""

from pathlib import Path

import torch

from faithfulness import logs, models, sources
from faithfulness.settings import Weights

logs.to(snakemake.log)
torch.set_num_threads(snakemake.threads)
settings = Weights(**snakemake.params.settings)
source = Path(snakemake.input[0]) if len(snakemake.input) else None
if source and not settings.layers:  # else the folder of the same weights with all layers
    (source,) = sources.locate(settings.source, source)
models.prepare(settings, source, Path(snakemake.output[0]), snakemake.params.for_gpus)
