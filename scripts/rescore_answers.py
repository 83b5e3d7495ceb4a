"""Score every probe of one dataset with one reader."""

from pathlib import Path

from faithfulness.arms.record import read_arm
from faithfulness.backends.load import load
from faithfulness.operate import job
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.rescore import readout
from faithfulness.tables.generation import Chains, Items, Probes, Scores
from faithfulness.tables.io import read_named_tables, read_table, write_table
from faithfulness.tables.journal import shard

job.start(snakemake.log)
arm = read_arm(snakemake.input.arm)
key = [arm.weights_hash, snakemake.params.code]
writers = snakemake.params.writers
kinds = [(writer, perturbation) for writer in writers for perturbation in PERTURBATIONS]
chains = read_named_tables(writers, snakemake.input.chains, Chains)
probes = read_named_tables(kinds, snakemake.input.probes, Probes)
block_items = snakemake.params.block_items
table = readout.score(
    load(snakemake.input.arm, snakemake.threads, snakemake.resources),
    shard(read_table(snakemake.input.questions, Items), snakemake.params.shard, block_items),
    chains,
    probes,
    arm.prompts,
    snakemake.wildcards.reader,
    snakemake.params.readout,
    block_items=block_items,
    journal=(Path(snakemake.params.journal), key, f"{arm.model} {snakemake.wildcards.reader}: answers"),
)
write_table(table, Scores, snakemake.output[0])
