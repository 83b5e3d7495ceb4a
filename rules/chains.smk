# CoT generation: needs arms and evaluation items, makes <results>/chains, one table per writer and dataset. Once all
# writers' chains are written, <results>/forecast says what they will close: scoring waits for it.

CHAINS = f"{RESULTS}/chains/{{model}}/{{writer}}/{{dataset}}.parquet"
FORECAST = f"{RESULTS}/forecast/{{model}}/{{dataset}}.csv"
SAMPLING = SETTINGS.chains.model_dump(exclude={"after_writing"})


rule write_chains:
    input:
        arm=f"{RESULTS}/arms/{{model}}/{{writer}}",
        base=f"{RESULTS}/arms/{{model}}/base",
        model=weights_of,
        questions=f"{RESULTS}/items/{{dataset}}/eval.parquet",
    output:
        branch(SHARDED, then=temp(shard(CHAINS)), otherwise=CHAINS),
    log:
        shard(f"{RESULTS}/logs/write_chains/{{model}}/{{writer}}/{{dataset}}.log"),
    benchmark:
        shard(f"{RESULTS}/benchmarks/write_chains/{{model}}/{{writer}}/{{dataset}}.tsv")
    localrule: SERVED
    conda:
        ENVIRONMENT
    threads: inference_threads
    resources:
        mem_mb=memory(4000, sizing.weights_megabytes, sizing.chains_megabytes),
        gpu=gpus_of,
        runtime=runtime(60, sizing.generation_seconds),
        token_budget=8192,
        service=service_of,
    params:
        chains=SAMPLING,
        max_new_tokens=setting("dataset.max_new_tokens"),
        block_items=SETTINGS.block_items,
        shard=shard_of,
        journal=JOURNAL,
        code=code("write_chains", words=False, without=unused_backends_of),
    message:
        "writing chains for {wildcards.dataset}: {wildcards.model} {wildcards.writer}"
    script:
        "../scripts/write_chains.py"


if SHARDED:

    rule gather_chains:
        input:
            gather.shards(shard(CHAINS), allow_missing=True),
        output:
            CHAINS,
        log:
            f"{RESULTS}/logs/gather_chains/{{model}}/{{writer}}/{{dataset}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/gather_chains/{{model}}/{{writer}}/{{dataset}}.tsv"
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=memory(1000, sizing.scores_megabytes),
            runtime=runtime(10),
        params:
            schema="Chains",
            code=code("gather_shards", words=False),
        message:
            "joining the shards of {output}"
        script:
            "../scripts/gather_shards.py"


# What the gates allow, and whether the run stops, decide what is said and no table: resources, not parameters, so that
# nothing is scored again when they change. An `ancient` forecast would do worse: where it is made again, Snakemake does
# not look whether what follows has to run for reasons of its own.
rule check_chains:
    input:
        chains=lambda wildcards: expand(
            CHAINS, writer=SETTINGS.writers_of(wildcards.model), allow_missing=True
        ),
        # Known here where rules reword; a language model rewords after this.
        paraphrases=lambda wildcards: (
            []
            if PARAPHRASER
            else expand(
                PARAPHRASES,
                writer=SETTINGS.writers_of(wildcards.model),
                allow_missing=True,
            )
        ),
    output:
        FORECAST,
    log:
        f"{RESULTS}/logs/check_chains/{{model}}/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/check_chains/{{model}}/{{dataset}}.tsv"
    localrule: True  # its messages are for the terminal
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000, sizing.scores_megabytes),
        runtime=runtime(10),
        gates=DECLARED.gates.model_dump_json(
            include={"truncated_items", "two_steps", "paraphrase"}
        ),
        after_writing=SETTINGS.chains.after_writing,
    params:
        writers=lambda wildcards: SETTINGS.writers_of(wildcards.model),
        arms=lambda wildcards: arms_by_training(wildcards.model),
        max_new_tokens=setting("dataset.max_new_tokens"),
        code=code("check_chains", words=False, without=["faithfulness.chains.notices"]),
    message:
        "checking chains: {wildcards.model} {wildcards.dataset}"
    script:
        "../scripts/check_chains.py"
