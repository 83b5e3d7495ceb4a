"""Adding conflict chains, also those that the writer writes: from a mistake on, or as arguments for other options."""

from functools import partial
from pathlib import Path

from snakemake.iocontainers import Snakemake

from faithfulness import prompts
from faithfulness.arms.record import read_arm
from faithfulness.backends.load import load
from faithfulness.backends.protocol import Decoding
from faithfulness.operate import job
from faithfulness.perturb import conflict_written
from faithfulness.perturb.apply import OF_ITEM, probes_of
from faithfulness.perturb.donors import donors
from faithfulness.perturb.mistake import corrupt
from faithfulness.tables.fields import Row
from faithfulness.tables.generation import Chains, Items, Probes
from faithfulness.tables.io import read_table, records, write_table
from faithfulness.tables.journal import Journal, shard

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
settings = snakemake.params
conflict = settings.conflict
every = read_table(snakemake.input.chains, Chains)
chains = records(shard(every, settings.shard, settings.block_items))
encode, _ = prompts.segment_coder(snakemake.input.tokenizer)
items = {item["item_id"]: item for item in records(read_table(snakemake.input.questions, Items, ["item_id", *OF_ITEM]))}
arm = read_arm(snakemake.input.arm)
writer = load(snakemake.input.arm, snakemake.threads, snakemake.resources)

offered = {"seed": settings.seed, "conflict": conflict, "donors": donors(records(every)), "encode": encode}
rows = list(probes_of("conflict", settings.needs, chains, offered, items))


def starts(chain: Row) -> list[Row]:
    """What the writer is to continue from a chain, and rows of what it cannot."""
    item, count = items[chain["item_id"]], conflict["targets"]
    found = []
    if "continue" in conflict["kinds"]:
        of_item = {"options": item["options"] or (), "answer": item["answer"]}
        make_wrong = partial(corrupt, seed=settings.seed, contrasts=settings.contrasts, **of_item)
        found += conflict_written.mistakes(chain, item, make_wrong, count, settings.seed, encode)
    if "argue" in conflict["kinds"]:
        found += conflict_written.arguments(chain, item, count, settings.seed, arm.prompts, writer.render)
    return found


begun = [row for chain in chains for row in starts(chain)]
written = conflict_written.write(
    writer,
    [row for row in begun if "start" in row],
    arm.prompts,
    Decoding(settings.max_new_tokens, settings.chains["temperature"], settings.chains["top_p"]),
    settings.chains["seed"],
    Journal(
        Path(settings.journal),
        (arm.weights_hash, settings.code),
        f"{arm.model} {snakemake.wildcards.writer}: conflict chains",
        settings.block_items,
    ),
)
by_chain = {(chain["item_id"], chain["sample"]): chain for chain in chains}
rows += [row for row in begun if "start" not in row]
rows += [
    conflict_written.judged(by_chain[row["item_id"], row["sample"]], items[row["item_id"]], row) for row in written
]
order = {key: number for number, key in enumerate(by_chain)}
# In the order of the chains, so that the tables of shards in turn are the whole.
rows.sort(key=lambda row: (order[row["item_id"], row["sample"]], conflict["kinds"].index(row["variant"]), row["cut"]))
write_table(rows, Probes, snakemake.output[0])
