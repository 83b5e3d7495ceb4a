"""Do the measures tell readers apart whose faithfulness is known?"""

from functools import partial
from pathlib import Path

import pandas as pd

from faithfulness import arms, backends, calibration, logs, prompts, tables
from faithfulness.settings import Perturbations, Statistics

log = logs.to(snakemake.log)
resources = snakemake.resources
wording = prompts.load(snakemake.input.prompts)
items = tables.read_named(snakemake.params.datasets, snakemake.input.questions, tables.Items)
statistics = Statistics(**snakemake.params.statistics)
perturbed = Perturbations(**snakemake.params.perturbations)
# The exact readers are code, and so are the perturbations: answers under other code are not these.
journal = Path(snakemake.params.journal) / snakemake.params.code
rows = []

for dataset, asked in items.items():
    scores = calibration.exact_scores(asked, wording, perturbed, journal)
    rows += calibration.separate(scores, dataset, "exact", statistics)

real: dict[tuple[str, str], list[pd.DataFrame]] = {}
for folder in snakemake.input.arms:
    arm = arms.read(folder)
    reader = backends.load(folder, gpus=resources.gpu, threads=snakemake.threads, token_budget=resources.token_budget)
    for dataset in arm["train_datasets"]:
        asked = calibration.with_silence(items[dataset])  # real readers may find no answer, too
        written = calibration.write_worked(asked, arms.wording(arm), journal, reader.tokenizer)
        coder = partial(prompts.encode, reader.tokenizer), reader.tokenizer.decode
        probes = calibration.perturb(written, asked, perturbed, *coder)
        name = arm["recipe"]["target"]
        found = calibration.read(
            reader, reader.tokenizer, name, asked, written, probes, arms.wording(arm), [arm["weights"]], journal
        )
        real.setdefault((arm["model"], dataset), []).append(found)

for (model, dataset), parts in real.items():
    scores = pd.concat(parts, ignore_index=True)
    unfit = calibration.unfit(scores, items[dataset])
    if unfit:
        log.warning("%s on %s cannot calibrate: %s", model, dataset, unfit)
    rows += [row | {"unfit": unfit} for row in calibration.separate(scores, dataset, model, statistics)]

tables.write(calibration.with_status(rows), tables.Calibration, snakemake.output[0])
