"""Adding mistakes: make one step wrong, for the writer to continue from there, and with the rest as it was written."""

from functools import partial
from pathlib import Path
from typing import Literal

from snakemake.iocontainers import Snakemake

from faithfulness import prompts
from faithfulness.arms.record import read_arm
from faithfulness.backends.load import load
from faithfulness.backends.protocol import Decoding
from faithfulness.chains.write import continue_chains
from faithfulness.operate import job
from faithfulness.perturb.apply import OF_ITEM
from faithfulness.perturb.mistake import corrupt, mistaken_probes
from faithfulness.tables.fields import Row
from faithfulness.tables.generation import Chains, Items, Probes
from faithfulness.tables.io import read_table, records, write_table
from faithfulness.tables.journal import Journal, shard

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
settings = snakemake.params
written = shard(read_table(snakemake.input.chains, Chains), settings.shard, settings.block_items)
chains = records(written)
encode, _ = prompts.segment_coder(snakemake.input.tokenizer)
items = {item["item_id"]: item for item in records(read_table(snakemake.input.questions, Items, ["item_id", *OF_ITEM]))}


def mistakes(chain: Row, variant: Literal["keep", "resample"]) -> list[Row]:
    """The probes of a chain with a mistake in one step."""
    item = items[chain["item_id"]]
    of_item = {"options": item["options"] or (), "answer": item["answer"]}
    make_wrong = partial(corrupt, seed=settings.seed, contrasts=settings.contrasts, **of_item)
    return mistaken_probes(chain, settings.max_cuts, make_wrong, encode, variant)


probes = {variant: [row for chain in chains for row in mistakes(chain, variant)] for variant in settings.variants}
arm = read_arm(snakemake.input.arm)
label = f"{arm.model} {snakemake.wildcards.writer}: mistakes"
probes["resample"] = continue_chains(
    load(snakemake.input.arm, snakemake.threads, snakemake.resources),
    written,
    probes["resample"],
    arm.prompts,
    Decoding(settings.max_new_tokens, settings.chains["temperature"], settings.chains["top_p"]),
    settings.chains["seed"],
    Journal(Path(settings.journal), (arm.weights_hash, settings.code), label, settings.block_items),
)
rows = [row for variant in ("keep", "resample") for row in probes.get(variant, ())]
order = {(chain["item_id"], chain["sample"]): number for number, chain in enumerate(chains)}
rows.sort(key=lambda row: order[row["item_id"], row["sample"]])  # so that the tables of shards in turn are the whole
write_table(rows, Probes, snakemake.output[0])
