"""Record where the results come from: configuration, code, versions, weights, data, devices, time and memory."""

from pathlib import Path

from faithfulness import arms, logs, provenance, tables

logs.to(snakemake.log)
given = snakemake.params
record = provenance.collect(
    Path(snakemake.scriptdir).resolve().parent,  # in a container the library lies elsewhere
    given.config,
    given.configured,
    [arms.read(folder) for folder in snakemake.input.arms],
    Path("resources"),
    given.shared,
)
tables.write_json(record.model_dump(mode="json"), snakemake.output[0])
