"""Have one arm write its chains for one dataset."""

from pathlib import Path

from faithfulness.arms.record import read_arm
from faithfulness.backends.load import load
from faithfulness.backends.protocol import Decoding
from faithfulness.chains.write import write_chains
from faithfulness.operate import job
from faithfulness.tables.generation import Chains, Items
from faithfulness.tables.io import read_table, write_table
from faithfulness.tables.journal import shard

job.start(snakemake.log)
arm = read_arm(snakemake.input.arm)
key = [arm.weights_hash, snakemake.params.code]
settings = snakemake.params.chains
block_items = snakemake.params.block_items
table = write_chains(
    load(snakemake.input.arm, snakemake.threads, snakemake.resources),
    shard(read_table(snakemake.input.questions, Items), snakemake.params.shard, block_items),
    arm.prompts,
    Decoding(snakemake.params.max_new_tokens, settings["temperature"], settings["top_p"]),
    {"samples": settings["samples"], "seed": settings["seed"]},
    seed=arm.seed,
    block_items=block_items,
    journal=(Path(snakemake.params.journal), key, f"{arm.model} {snakemake.wildcards.writer}: chains"),
)
write_table(table, Chains, snakemake.output[0])
