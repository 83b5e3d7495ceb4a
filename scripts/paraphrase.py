"""Paraphrasing: reword the steps after each cut, and each step by itself."""

from functools import partial

from faithfulness import logs, perturbations, prompts, tables
from faithfulness.paraphrase import CONTRASTS, paraphrase

logs.to(snakemake.log)
answers = tables.read(snakemake.input.questions, tables.Items).set_index("item_id")["answer"]
contrasts = (*CONTRASTS, *snakemake.params.contrasts)
chains = tables.records(tables.read(snakemake.input.chains, tables.Chains))
encode, _ = prompts.segment_coder(snakemake.input.tokenizer)
rows = [
    row
    for chain in chains
    for row in perturbations.paraphrase(
        chain,
        snakemake.params.max_cuts,
        partial(paraphrase, seed=snakemake.params.seed, contrasts=contrasts, answer=answers[chain["item_id"]]),
        encode,
    )
]
tables.write(rows, tables.Probes, snakemake.output[0])
