"""Say what the chains on a dataset will close or leave out, and what would help, before answers are scored."""

import json

from snakemake.iocontainers import Snakemake

from faithfulness.chains import forecast
from faithfulness.chains.notices import Limits, notices, stop
from faithfulness.operate import job
from faithfulness.tables.generation import Chains, Forecast, Probes
from faithfulness.tables.io import read_table, write_table

snakemake: Snakemake  # Snakemake puts it here

log = job.start(snakemake.log)
inputs, settings, wildcards = snakemake.input, snakemake.params, snakemake.wildcards
chains = [read_table(file, Chains, forecast.COLUMNS) for file in inputs.chains]
reworded = [read_table(file, Probes, ["variant", "accepted"]) for file in inputs.paraphrases]
found = forecast.table(
    dict(zip(settings.writers, chains, strict=True)),
    settings.arms,
    dict(zip(settings.writers, reworded, strict=False)),  # none where a language model rewords after this
    settings.max_new_tokens,
)
write_table(found.assign(model=wildcards.model, dataset=wildcards.dataset), Forecast, snakemake.output[0])
place = f"{wildcards.model}, {wildcards.dataset}"
said = list(notices(found, Limits(**json.loads(snakemake.resources.gates))))
closing = [notice for notice in said if notice.closes and snakemake.resources.after_writing == "stop"]
for notice in said:
    if notice not in closing:
        log.warning("%s: %s", place, notice)
if not said:
    log.info("the chains close no comparison, and no item leaves one")
stop(place, closing)
