"""Record where the results come from: configuration, code, versions, weights, data, devices, time and memory."""

from pathlib import Path

from snakemake.iocontainers import Snakemake

from faithfulness.config import settings
from faithfulness.operate import job
from faithfulness.operate.provenance.collect import collect
from faithfulness.tables.io import write_json

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
params = snakemake.params
record = collect(
    Path(snakemake.scriptdir).resolve().parent,  # in a container the library is elsewhere
    settings.load(params.configured),
    snakemake.input.arms,
    Path("resources"),
    params.shared,
)
write_json(record.model_dump(mode="json"), snakemake.output[0])
