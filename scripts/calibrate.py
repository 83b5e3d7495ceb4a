"""Test whether the measures separate readers whose faithfulness is known."""

from functools import partial
from pathlib import Path

import pandas as pd
from snakemake.iocontainers import Snakemake

from faithfulness import prompts
from faithfulness.arms.record import read_arm
from faithfulness.backends.load import load
from faithfulness.calibrate import calibration, criterion, worked
from faithfulness.config.probing import Perturbations
from faithfulness.config.statistics import Statistics
from faithfulness.operate import job
from faithfulness.tables.generation import Items
from faithfulness.tables.io import read_named_tables, write_table
from faithfulness.tables.journal import Journal
from faithfulness.tables.measures import Calibration

snakemake: Snakemake  # Snakemake puts it here

log = job.start(snakemake.log)
settings = snakemake.params
wording = prompts.load(snakemake.input.prompts)
items_of = read_named_tables(settings.datasets, snakemake.input.questions, Items)
statistics = Statistics(**settings.statistics)
perturbations = Perturbations(**settings.perturbations)
# The exact readers and the perturbations are code: scores under other code are other scores.
journal = Journal(Path(settings.journal), (settings.code,), "calibration", settings.block_items)
rows = []

for dataset, items in items_of.items():
    scores = calibration.exact_scores(items, wording, perturbations, settings.contrasts[dataset], journal)
    rows += calibration.separate(scores, dataset, "exact", statistics)

real: dict[tuple[str, str], list[pd.DataFrame]] = {}
for folder in snakemake.input.arms:
    arm = read_arm(folder)
    reader = load(folder, snakemake.threads, snakemake.resources)
    tokenizer, recipe = reader.tokenizer, arm.recipe
    if tokenizer is None or recipe is None:
        raise ValueError(f"{folder}: a reader for calibration is trained here, on weights of its own")
    coder = partial(prompts.encode, tokenizer), partial(prompts.decode, tokenizer)
    of_arm = journal.extended(arm.weights_hash)
    for dataset in arm.train_datasets:
        items = items_of[dataset]
        chains = worked.write_worked(items, arm.prompts, journal, tokenizer)
        probes = worked.perturb(chains, items, perturbations, settings.contrasts[dataset], *coder)
        silent = calibration.with_silence(items)  # real readers may find no answer, too
        scores = worked.score(reader, recipe.target, silent, probes, arm.prompts, of_arm)
        real.setdefault((arm.model, dataset), []).append(scores)

for (model, dataset), parts in real.items():
    scores = pd.concat(parts, ignore_index=True)
    unfit = calibration.unfit(scores, items_of[dataset])
    for reason in unfit.values():
        log.warning("%s on %s cannot calibrate: %s", model, dataset, reason)
    for row in calibration.separate(scores, dataset, model, statistics):
        reasons = [unfit[reader] for reader in criterion.readers(row["measure"]) if reader in unfit]
        rows.append(row | {"unfit": "; ".join(reasons)})

write_table(calibration.with_status(rows), Calibration, snakemake.output[0])
