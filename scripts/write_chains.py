"""Have one arm write its chains for one dataset."""

from pathlib import Path

from snakemake.iocontainers import Snakemake

from faithfulness.arms.record import read_arm
from faithfulness.backends.load import load
from faithfulness.backends.protocol import Decoding
from faithfulness.chains.write import write_chains
from faithfulness.operate import job
from faithfulness.tables.generation import Chains, Items
from faithfulness.tables.io import read_table, write_table
from faithfulness.tables.journal import Journal, shard

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
settings = snakemake.params
arm = read_arm(snakemake.input.arm)
label = f"{arm.model} {snakemake.wildcards.writer}: chains"
journal = Journal(Path(settings.journal), (arm.weights_hash, settings.code), label, settings.block_items)
chains = write_chains(
    load(snakemake.input.arm, snakemake.threads, snakemake.resources),
    shard(read_table(snakemake.input.questions, Items), settings.shard, settings.block_items),
    arm.prompts,
    Decoding(settings.max_new_tokens, settings.chains["temperature"], settings.chains["top_p"]),
    settings.chains["samples"],
    settings.chains["seed"],
    arm.seed,
    journal,
)
write_table(chains, Chains, snakemake.output[0])
