"""Paraphrasing: reword the steps after each cut, and each step by itself, by rule or with a language model."""

from functools import partial
from pathlib import Path

from faithfulness import prompts
from faithfulness.arms.record import read_arm
from faithfulness.backends.load import load
from faithfulness.backends.protocol import Decoding
from faithfulness.operate import job
from faithfulness.perturb import paraphrase_model, perturbations
from faithfulness.perturb.paraphrase import CONTRASTS, Paraphrase, paraphrase
from faithfulness.tables.generation import Chains, Items, Probes
from faithfulness.tables.io import read_table, records, write_table
from faithfulness.tables.journal import Journal, shard

log = job.start(snakemake.log)
settings, sampling = snakemake.params, snakemake.params.sampling
answers = read_table(snakemake.input.questions, Items).set_index("item_id")["answer"]
contrasts = (*CONTRASTS, *settings.contrasts)
written = read_table(snakemake.input.chains, Chains)
chains = records(shard(written, settings.shard, settings.block_items))
encode, _ = prompts.segment_coder(snakemake.input.tokenizer)
worded: dict[tuple[str, str], Paraphrase] = {}

if sampling:
    arm = read_arm(snakemake.input.paraphraser)
    worded = paraphrase_model.reword(
        load(snakemake.input.paraphraser, snakemake.threads, snakemake.resources),
        chains,
        answers,
        arm.prompts,
        Decoding(settings.max_new_tokens, sampling["temperature"], sampling["top_p"]),
        sampling["candidates"],
        settings.seed,
        contrasts,
        journal=Journal(Path(settings.journal), (arm.weights_hash, settings.code), "paraphrases", settings.block_items),
    )
    log.info("the model reworded %d of %d steps", sum(p.rule == "model" for p in worded.values()), len(worded))


def rewrite(step: str, answer: str) -> Paraphrase:
    """A step in other words: the model's where there is one, else by rule."""
    return worded.get((step, answer)) or paraphrase(step, settings.seed, contrasts, answer)


rows = [
    row
    for chain in chains
    for row in perturbations.paraphrase(
        chain, settings.max_cuts, partial(rewrite, answer=answers[chain["item_id"]]), encode
    )
]
write_table(rows, Probes, snakemake.output[0])
