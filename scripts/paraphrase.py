"""Paraphrasing by a language model: reword the steps after each cut, and each step by itself."""

from functools import partial
from pathlib import Path

from snakemake.iocontainers import Snakemake

from faithfulness import prompts
from faithfulness.arms.record import read_arm
from faithfulness.backends.load import load
from faithfulness.backends.protocol import Decoding
from faithfulness.operate import job
from faithfulness.perturb import paraphrase_model
from faithfulness.perturb.paraphrase import Paraphrase, reworded_probes
from faithfulness.perturb.wording import CONTRASTS
from faithfulness.tables.generation import Chains, Items, Probes
from faithfulness.tables.io import read_table, records, write_table
from faithfulness.tables.journal import Journal, shard

snakemake: Snakemake  # Snakemake puts it here

log = job.start(snakemake.log)
settings, sampling = snakemake.params, snakemake.params.sampling
items = read_table(snakemake.input.questions, Items, ["item_id", "answer"])
answers = dict(zip(items["item_id"], items["answer"], strict=True))
chains = records(shard(read_table(snakemake.input.chains, Chains), settings.shard, settings.block_items))
encode, _ = prompts.segment_coder(snakemake.input.tokenizer)
arm = read_arm(snakemake.input.paraphraser)
paraphrases = paraphrase_model.reword(
    load(snakemake.input.paraphraser, snakemake.threads, snakemake.resources),
    [(chain["steps"], answers[chain["item_id"]]) for chain in chains],
    arm.prompts,
    Decoding(settings.max_new_tokens, sampling["temperature"], sampling["top_p"]),
    sampling["candidates"],
    settings.seed,
    (*CONTRASTS, *settings.contrasts),
    journal=Journal(Path(settings.journal), (arm.weights_hash, settings.code), "paraphrases", settings.block_items),
)
by_model = sum(paraphrase.rule == "model" for paraphrase in paraphrases.values())
log.info("the model reworded %d of %d steps", by_model, len(paraphrases))


def reword(step: str, answer: str) -> Paraphrase:
    """The paraphrase of a step of a chain to an item with this answer."""
    return paraphrases[step, answer]


rows = (
    row
    for chain in chains
    for row in reworded_probes(chain, settings.max_cuts, partial(reword, answer=answers[chain["item_id"]]), encode)
)
write_table(rows, Probes, snakemake.output[0])
