"""Record where the results come from: configuration, code, versions, weights, data, devices, time and memory."""

from pathlib import Path

from faithfulness.operate import job, provenance
from faithfulness.tables.io import write_json

job.start(snakemake.log)
params = snakemake.params
record = provenance.collect(
    Path(snakemake.scriptdir).resolve().parent,  # in a container the library is elsewhere
    params.config,
    params.configured,
    snakemake.input.arms,
    Path("resources"),
    params.shared,
)
write_json(record.model_dump(mode="json"), snakemake.output[0])
