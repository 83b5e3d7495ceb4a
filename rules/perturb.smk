# Perturbations: needs chains, makes <results>/probes, one table per perturbation (report/method.rst, Perturbations).
# Early termination, filler and paraphrase are the paper's three stages; mistakes and direct are controls.

PROBES = f"{RESULTS}/probes/{{model}}/{{writer}}/{{dataset}}"
PARAPHRASES = f"{PROBES}/paraphrase.parquet"
MISTAKES = f"{PROBES}/mistake.parquet"
RESAMPLE = "resample" in SETTINGS.perturbations.mistakes
REWORDS_HERE = PARAPHRASER is not None and not PARAPHRASER.served


rule terminate_early:
    input:
        chains=CHAINS,
    output:
        f"{PROBES}/early_termination.parquet",
    log:
        f"{RESULTS}/logs/terminate_early/{{model}}/{{writer}}/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/terminate_early/{{model}}/{{writer}}/{{dataset}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000, sizing.perturbed_megabytes),
        runtime=runtime(30),
    params:
        max_cuts=SETTINGS.perturbations.max_cuts,
        code=code("terminate_early", words=False),
    message:
        "terminating chains early: {wildcards.model} {wildcards.writer} {wildcards.dataset}"
    script:
        "../scripts/terminate_early.py"


rule substitute_filler:
    input:
        chains=CHAINS,
        tokenizer=weights_of,
    output:
        f"{PROBES}/filler.parquet",
    log:
        f"{RESULTS}/logs/substitute_filler/{{model}}/{{writer}}/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/substitute_filler/{{model}}/{{writer}}/{{dataset}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000, sizing.perturbed_megabytes),
        runtime=runtime(30),
    params:
        max_cuts=SETTINGS.perturbations.max_cuts,
        filler=SETTINGS.perturbations.filler,
        code=code("substitute_filler", words=False),
    message:
        "substituting filler: {wildcards.model} {wildcards.writer} {wildcards.dataset}"
    script:
        "../scripts/substitute_filler.py"


if PARAPHRASER:

    use rule warm_start as prepare_paraphraser with:
        input:
            model=branch(REWORDS_HERE, then=weights_folder(PARAPHRASER)),
            questions=[],
            prompts=SETTINGS.prompts,
        output:
            directory(f"{RESULTS}/paraphraser"),
        log:
            f"{RESULTS}/logs/prepare_paraphraser/all.log",
        benchmark:
            f"{RESULTS}/benchmarks/prepare_paraphraser/all.tsv"
        threads: 1
        resources:
            mem_mb=memory(1000),
            runtime=runtime(10),
        params:
            name="paraphraser",
            recipe=None,
            datasets=[],
            loading=PARAPHRASER.model_dump(
                include={"trust_remote_code", "quantisation"}
            ),
            served=PARAPHRASER.on_server(),
            system=PARAPHRASER.system,
            think=PARAPHRASER.think,
        message:
            "preparing the paraphraser"


rule paraphrase:
    input:
        chains=CHAINS,
        tokenizer=weights_of,
        questions=f"{RESULTS}/items/{{dataset}}/eval.parquet",
        paraphraser=branch(bool(PARAPHRASER), then=f"{RESULTS}/paraphraser"),
    output:
        branch(SHARDED, then=temp(shard(PARAPHRASES)), otherwise=PARAPHRASES),
    log:
        shard(f"{RESULTS}/logs/paraphrase/{{model}}/{{writer}}/{{dataset}}.log"),
    benchmark:
        shard(f"{RESULTS}/benchmarks/paraphrase/{{model}}/{{writer}}/{{dataset}}.tsv")
    localrule: PARAPHRASER is not None and PARAPHRASER.served
    conda:
        ENVIRONMENT
    threads: max(1, workflow.cores // 2) if REWORDS_HERE else 1
    resources:
        mem_mb=(
            memory(4000, sizing.paraphraser_megabytes)
            if REWORDS_HERE
            else memory(1000, sizing.perturbed_megabytes)
        ),
        gpu=GPU * PARAPHRASER.gpus if REWORDS_HERE else 0,
        runtime=runtime(60, sizing.rewording_seconds) if PARAPHRASER else runtime(30),
        token_budget=8192,
        service=PARAPHRASER.service() if PARAPHRASER else "",
    params:
        max_cuts=SETTINGS.perturbations.max_cuts,
        seed=SETTINGS.perturbations.seed,
        contrasts=setting("dataset.contrasts"),
        # How the model that rewords is sampled, if there is one; its folder says what it is.
        sampling=PARAPHRASER
        and PARAPHRASER.model_dump(include={"candidates", "temperature", "top_p"}),
        max_new_tokens=branch(bool(PARAPHRASER), then=setting("dataset.max_new_tokens")),
        block_items=SETTINGS.block_items,
        shard=shard_of,
        journal=JOURNAL,
        code=code("paraphrase", words=False, without=unused_backends(PARAPHRASER)),
    message:
        "paraphrasing: {wildcards.model} {wildcards.writer} {wildcards.dataset}"
    script:
        "../scripts/paraphrase.py"


if SHARDED:

    use rule gather_chains as gather_paraphrases with:
        input:
            gather.shards(shard(PARAPHRASES), allow_missing=True),
        output:
            PARAPHRASES,
        log:
            f"{RESULTS}/logs/gather_paraphrases/{{model}}/{{writer}}/{{dataset}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/gather_paraphrases/{{model}}/{{writer}}/{{dataset}}.tsv"
        params:
            schema="Probes",
            code=code("gather_shards", words=False),


# Mistakes alone take seconds; continuing chains from them is split into shards as all writing is.
mistakes_shard = shard if RESAMPLE else str


rule add_mistakes:
    input:
        chains=CHAINS,
        tokenizer=weights_of,
        arm=branch(RESAMPLE, then=f"{RESULTS}/arms/{{model}}/{{writer}}"),
        base=branch(RESAMPLE, then=f"{RESULTS}/arms/{{model}}/base"),
    output:
        branch(
            SHARDED and RESAMPLE,
            then=temp(mistakes_shard(MISTAKES)),
            otherwise=MISTAKES,
        ),
    log:
        mistakes_shard(
            f"{RESULTS}/logs/add_mistakes/{{model}}/{{writer}}/{{dataset}}.log"
        ),
    benchmark:
        mistakes_shard(
            f"{RESULTS}/benchmarks/add_mistakes/{{model}}/{{writer}}/{{dataset}}.tsv"
        )
    localrule: SERVED and RESAMPLE
    conda:
        ENVIRONMENT
    threads: inference_threads if RESAMPLE else 1
    resources:
        mem_mb=(
            memory(4000, sizing.weights_megabytes, sizing.perturbed_megabytes)
            if RESAMPLE
            else memory(1000, sizing.perturbed_megabytes)
        ),
        gpu=gpus_of if RESAMPLE else 0,
        runtime=runtime(60, sizing.continuation_seconds) if RESAMPLE else runtime(30),
        token_budget=8192,
        service=service_of,
    params:
        max_cuts=SETTINGS.perturbations.max_cuts,
        seed=SETTINGS.perturbations.seed,
        contrasts=setting("dataset.contrasts"),
        variants=SETTINGS.perturbations.mistakes,
        # For continuing chains, if any are.
        chains=branch(RESAMPLE, then=SETTINGS.chains.model_dump()),
        max_new_tokens=branch(RESAMPLE, then=setting("dataset.max_new_tokens")),
        block_items=branch(RESAMPLE, then=SETTINGS.block_items),
        shard=shard_of,
        journal=JOURNAL,
        code=code(
            "add_mistakes",
            words=False,
            without=unused_backends_of if RESAMPLE else unused_backends(),
        ),
    message:
        "adding mistakes: {wildcards.model} {wildcards.writer} {wildcards.dataset}"
    script:
        "../scripts/add_mistakes.py"


if SHARDED and RESAMPLE:

    use rule gather_chains as gather_mistakes with:
        input:
            gather.shards(shard(MISTAKES), allow_missing=True),
        output:
            MISTAKES,
        log:
            f"{RESULTS}/logs/gather_mistakes/{{model}}/{{writer}}/{{dataset}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/gather_mistakes/{{model}}/{{writer}}/{{dataset}}.tsv"
        params:
            schema="Probes",
            code=code("gather_shards", words=False),


rule ask_directly:
    input:
        chains=CHAINS,
    output:
        f"{PROBES}/direct.parquet",
    log:
        f"{RESULTS}/logs/ask_directly/{{model}}/{{writer}}/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/ask_directly/{{model}}/{{writer}}/{{dataset}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000, sizing.perturbed_megabytes),
        runtime=runtime(30),
    params:
        code=code("ask_directly", words=False),
    message:
        "preparing questions without a chain: {wildcards.model} {wildcards.writer} {wildcards.dataset}"
    script:
        "../scripts/ask_directly.py"
