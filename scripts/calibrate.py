"""Do the measures tell readers apart whose faithfulness is known?"""

from functools import partial
from pathlib import Path

import pandas as pd
from snakemake.iocontainers import Snakemake

from faithfulness import prompts
from faithfulness.arms.record import read_arm
from faithfulness.backends.load import load
from faithfulness.calibrate import calibration
from faithfulness.config.probing import Perturbations
from faithfulness.config.statistics import Statistics
from faithfulness.operate import job
from faithfulness.tables.generation import Items
from faithfulness.tables.io import read_named_tables, write_table
from faithfulness.tables.measures import Calibration

snakemake: Snakemake  # Snakemake puts it here

log = job.start(snakemake.log)
wording = prompts.load(snakemake.input.prompts)
items = read_named_tables(snakemake.params.datasets, snakemake.input.questions, Items)
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
    arm = read_arm(folder)
    reader = load(folder, snakemake.threads, snakemake.resources)
    tokenizer, recipe = reader.tokenizer, arm.recipe
    if tokenizer is None or recipe is None:
        raise ValueError(f"{folder}: a reader for calibration is trained here, on weights of its own")
    for dataset in arm.train_datasets:
        asked = calibration.with_silence(items[dataset])  # real readers may find no answer, too
        written = calibration.write_worked(asked, arm.prompts, journal, tokenizer)
        coder = partial(prompts.encode, tokenizer), tokenizer.decode
        probes = calibration.perturb(written, asked, perturbed, *coder)
        found = calibration.read(reader, recipe.target, asked, probes, arm.prompts, [arm.weights_hash], journal)
        real.setdefault((arm.model, dataset), []).append(found)

for (model, dataset), parts in real.items():
    scores = pd.concat(parts, ignore_index=True)
    unfit = calibration.unfit(scores, items[dataset])
    if unfit:
        log.warning("%s on %s cannot calibrate: %s", model, dataset, unfit)
    rows += [row | {"unfit": unfit} for row in calibration.separate(scores, dataset, model, statistics)]

write_table(calibration.with_status(rows), Calibration, snakemake.output[0])
