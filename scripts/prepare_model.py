"""Bring a model's weights into one form: safetensors in its own dtype, pruned if the settings say so."""

from pathlib import Path

import torch
from snakemake.iocontainers import Snakemake

from faithfulness.config.weights import Weights
from faithfulness.operate import job
from faithfulness.prepare import sources
from faithfulness.prepare.weights import prepare_model

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
torch.set_num_threads(snakemake.threads)
settings = Weights(**snakemake.params.settings)
source = Path(snakemake.input[0]) if len(snakemake.input) else None
if source and not settings.layers:  # otherwise it is the folder of the same weights with all layers
    (source,) = sources.locate(settings.source, source)
prepare_model(settings, source, Path(snakemake.output[0]), snakemake.params.for_gpus)
