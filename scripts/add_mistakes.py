"""Adding mistakes: make one step wrong, and keep the rest as written or have the writer write on."""

from functools import partial
from pathlib import Path

from faithfulness import arms, backends, chains, logs, perturbations, prompts, tables
from faithfulness.backends import Decoding
from faithfulness.mistakes import corrupt
from faithfulness.paraphrase import CONTRASTS

logs.to(snakemake.log)
settings = snakemake.params
written = tables.shard(tables.read(snakemake.input.chains, tables.Chains), settings.shard, settings.block_items)
encode, _ = prompts.segment_coder(snakemake.input.tokenizer)
wrong = partial(corrupt, seed=settings.seed, contrasts=(*CONTRASTS, *settings.contrasts))


def changed(variant: str) -> list[dict]:
    """The chains, each with a mistake in each step."""
    return [
        row
        for chain in tables.records(written)
        for row in perturbations.mistake(chain, settings.max_cuts, wrong, encode, variant)
    ]


rows = changed("keep") if "keep" in settings.variants else []
if "resample" in settings.variants:
    arm = arms.read(snakemake.input.arm)
    rows += chains.write_on(
        backends.for_job(snakemake.input.arm, snakemake.threads, snakemake.resources),
        written,
        changed("resample"),
        arms.wording(arm),
        Decoding(settings.max_new_tokens, settings.chains["temperature"], settings.chains["top_p"]),
        settings.chains["seed"],
        block_items=settings.block_items,
        journal=(Path(settings.journal), [arm["weights"], settings.code], f"{arm['model']} {arm['arm']}: mistakes"),
    )
    order = {chain: number for number, chain in enumerate(zip(written["item_id"], written["sample"], strict=True))}
    rows.sort(key=lambda row: order[row["item_id"], row["sample"]])  # so that shards in turn are the whole
tables.write(rows, tables.Probes, snakemake.output[0])
