"""Score every probe of one dataset with one reader."""

from pathlib import Path

from snakemake.iocontainers import Snakemake

from faithfulness.arms.record import read_arm
from faithfulness.backends.load import load
from faithfulness.operate import job
from faithfulness.rescore.answering import Readout
from faithfulness.rescore.readout import COLUMNS, score
from faithfulness.tables.by_item import ItemRows
from faithfulness.tables.generation import Items, Probes, Scores
from faithfulness.tables.io import read_table, write_table
from faithfulness.tables.journal import Journal, shard

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
settings, reader = snakemake.params, snakemake.wildcards.reader
arm = read_arm(snakemake.input.arm)
items = shard(read_table(snakemake.input.questions, Items), settings.shard, settings.block_items)
probes = {
    (writer, perturbation): ItemRows(path, Probes, list(items["item_id"]), COLUMNS).rows
    for (writer, perturbation), path in zip(settings.probes, snakemake.input.probes, strict=True)
}
scores = score(
    load(snakemake.input.arm, snakemake.threads, snakemake.resources),
    items,
    probes,
    arm.prompts,
    reader,
    Readout(settings.readout["readout"], settings.readout["answer_tokens"]),
    Journal(
        Path(settings.journal),
        (arm.weights_hash, settings.code),
        f"{arm.model} {reader}: answers",
        settings.block_items,
    ),
    settings.second_cue_items,
)
write_table(scores, Scores, snakemake.output[0])
