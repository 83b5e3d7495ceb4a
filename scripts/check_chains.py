"""Say what a writer's chains on a dataset will close or leave out, and what would help, before answers are scored."""

import json

from snakemake.iocontainers import Snakemake

from faithfulness.chains import forecast, notices
from faithfulness.operate import job
from faithfulness.tables.generation import Chains, Forecast, Probes
from faithfulness.tables.io import read_table, write_table

snakemake: Snakemake  # Snakemake puts it here

log = job.start(snakemake.log)
inputs, wildcards, resources = snakemake.input, snakemake.wildcards, snakemake.resources
writers = dict.fromkeys(["base", wildcards.writer])
chains = [read_table(file, Chains, forecast.COLUMNS) for file in inputs.chains]
reworded = [read_table(file, Probes, forecast.REWORDED) for file in inputs.paraphrases]
found = forecast.table(
    dict(zip(writers, chains, strict=True)),
    reworded[0] if reworded else None,
    snakemake.params.max_new_tokens,
)
write_table(found.assign(model=wildcards.model, dataset=wildcards.dataset), Forecast, snakemake.output[0])
place = f"{wildcards.model}, {wildcards.dataset}"
said = list(notices.notices(found, notices.Limits(**json.loads(resources.limits))))
stopping = resources.after_writing == "stop"
for notice in said:
    if not (stopping and notice.closes):
        log.warning("%s: %s", place, notice)
if not said:
    log.info("the chains of %s close no comparison, and no item leaves one", wildcards.writer)
if stopping:
    notices.stop(place, said)
