"""Adding mistakes: make one step wrong, and keep the rest as written or have the writer write on."""

from functools import partial
from pathlib import Path

from faithfulness import prompts
from faithfulness.arms.record import read_arm
from faithfulness.backends.load import load
from faithfulness.backends.protocol import Decoding
from faithfulness.chains.write import continue_chains
from faithfulness.operate import job
from faithfulness.perturb import perturbations
from faithfulness.perturb.mistakes import corrupt
from faithfulness.perturb.paraphrase import CONTRASTS
from faithfulness.tables.generation import Chains, Probes
from faithfulness.tables.io import read_table, records, write_table
from faithfulness.tables.journal import shard

job.start(snakemake.log)
settings = snakemake.params
written = shard(read_table(snakemake.input.chains, Chains), settings.shard, settings.block_items)
encode, _ = prompts.segment_coder(snakemake.input.tokenizer)
wrong = partial(corrupt, seed=settings.seed, contrasts=(*CONTRASTS, *settings.contrasts))


def changed(variant: str) -> list[dict]:
    """The chains, each with a mistake in each step."""
    return [
        row
        for chain in records(written)
        for row in perturbations.mistake(chain, settings.max_cuts, wrong, encode, variant)
    ]


rows = changed("keep") if "keep" in settings.variants else []
if "resample" in settings.variants:
    arm = read_arm(snakemake.input.arm)
    rows += continue_chains(
        load(snakemake.input.arm, snakemake.threads, snakemake.resources),
        written,
        changed("resample"),
        arm.prompts,
        Decoding(settings.max_new_tokens, settings.chains["temperature"], settings.chains["top_p"]),
        settings.chains["seed"],
        block_items=settings.block_items,
        journal=(
            Path(settings.journal),
            [arm.weights_hash, settings.code],
            f"{arm.model} {snakemake.wildcards.writer}: mistakes",
        ),
    )
    order = {chain: number for number, chain in enumerate(zip(written["item_id"], written["sample"], strict=True))}
    rows.sort(key=lambda row: order[row["item_id"], row["sample"]])  # so that shards in turn are the whole
write_table(rows, Probes, snakemake.output[0])
