# CoT generation: needs arms and evaluation items, makes <results>/chains, one table per writer and dataset.

CHAINS = f"{RESULTS}/chains/{{model}}/{{writer}}/{{dataset}}.parquet"


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
        chains=SETTINGS.chains.model_dump(),
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
