"""Score every probe of one dataset with one reader."""

from pathlib import Path

from faithfulness import arms, backends, logs, readout, tables

logs.to(snakemake.log)
arm = arms.read(snakemake.input.arm)
key = [arm["weights"], snakemake.params.code]
writers = snakemake.params.writers
kinds = [(writer, perturbation) for writer in writers for perturbation in tables.PERTURBATIONS]
chains = tables.read_named(writers, snakemake.input.chains, tables.Chains)
probes = tables.read_named(kinds, snakemake.input.probes, tables.Probes)
block_items = snakemake.params.block_items
reader = backends.for_job(snakemake.input.arm, snakemake.threads, snakemake.resources)
table = readout.score(
    reader,
    reader.tokenizer,
    tables.shard(tables.read(snakemake.input.questions, tables.Items), snakemake.params.shard, block_items),
    chains,
    probes,
    arms.wording(arm),
    arm["arm"],
    snakemake.params.readout,
    block_items=block_items,
    journal=(Path(snakemake.params.journal), key, f"{arm['model']} {arm['arm']}: answers"),
)
tables.write(table, tables.Scores, snakemake.output[0])
