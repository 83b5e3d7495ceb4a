"""Have one arm write its chains for one dataset."""

from pathlib import Path

from faithfulness import arms, backends, chains, logs, tables
from faithfulness.backends import Decoding

logs.to(snakemake.log)
arm = arms.read(snakemake.input.arm)
key = [arm["weights"], snakemake.params.code]
settings = snakemake.params.chains
block_items = snakemake.params.block_items
writer = backends.for_job(snakemake.input.arm, snakemake.threads, snakemake.resources)
table = chains.write(
    writer,
    writer.tokenizer,
    tables.shard(tables.read(snakemake.input.questions, tables.Items), snakemake.params.shard, block_items),
    arms.wording(arm),
    Decoding(snakemake.params.max_new_tokens, settings["temperature"], settings["top_p"]),
    {"samples": settings["samples"], "seed": settings["seed"]},
    seed=arm["seed"],
    block_items=block_items,
    journal=(Path(snakemake.params.journal), key, f"{arm['model']} {arm['arm']}: chains"),
)
tables.write(table, tables.Chains, snakemake.output[0])
