# Perturbations: needs chains, makes <results>/probes, one table per perturbation (report/method.rst, Perturbations).
# Early termination, filler and paraphrase are the paper's three stages; mistakes and direct are controls. They are listed
# in scripts/faithfulness/perturb/registry.py. Where a model rewords steps, continues chains from mistakes, or writes
# chains that lead to another answer, rules of their own make these tables.

PROBES = f"{RESULTS}/probes/{{model}}/{{writer}}/{{dataset}}"
PARAPHRASES = f"{PROBES}/paraphrase.parquet"
MISTAKES = f"{PROBES}/mistake.parquet"
CONFLICTS = f"{PROBES}/conflict.parquet"
RESAMPLE = "resample" in SETTINGS.perturbations.mistakes
WRITTEN = (
    SETTINGS.perturbations.conflict.written
)  # some conflict chains, by their writers
REWORDS_HERE = PARAPHRASER is not None and not PARAPHRASER.served
BY_MODEL = {
    "paraphrase": PARAPHRASER is not None,
    "mistake": RESAMPLE,
    "conflict": WRITTEN,
}


rule perturb_chains:
    input:
        chains=CHAINS,
        tokenizer=tokenizer_of,
        questions=answered_items_of,
    output:
        f"{PROBES}/{{perturbation}}.parquet",
    log:
        f"{RESULTS}/logs/perturb_chains/{{model}}/{{writer}}/{{dataset}}/{{perturbation}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/perturb_chains/{{model}}/{{writer}}/{{dataset}}/{{perturbation}}.tsv"
    wildcard_constraints:
        perturbation=any_of([name for name in PERTURBATIONS if not BY_MODEL.get(name)]),
    priority: 1  # check_chains needs its rewordings
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000, sizing.chains_megabytes),
        runtime=runtime(30),
    params:
        needs=needs_of,
        perturbations=perturbation_settings_of,
        contrasts=perturbation_contrasts_of,
        code=perturbation_code_of,
    message:
        "perturbing chains: {wildcards.perturbation} {wildcards.model} {wildcards.writer} {wildcards.dataset}"
    script:
        "../scripts/perturb_chains.py"


if PARAPHRASER:

    use rule warm_start as prepare_paraphraser with:
        input:
            model=weights_folder(PARAPHRASER) if REWORDS_HERE else [],
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
            arm="base",
            recipe=None,
            datasets=[],
            filler=None,
            loading=PARAPHRASER.model_dump(
                include={"trust_remote_code", "quantisation"}
            ),
            served=PARAPHRASER.on_server(),
            dialogue=PARAPHRASER.dialogue(),
        message:
            "preparing the paraphraser"

    rule paraphrase:
        input:
            chains=CHAINS,
            tokenizer=weights_of,
            questions=f"{RESULTS}/items/{{dataset}}/eval.parquet",
            paraphraser=f"{RESULTS}/paraphraser",
            forecast=FORECAST,
        output:
            branch(SHARDED, then=temp(shard(PARAPHRASES)), otherwise=PARAPHRASES),
        log:
            shard(f"{RESULTS}/logs/paraphrase/{{model}}/{{writer}}/{{dataset}}.log"),
        benchmark:
            shard(
                f"{RESULTS}/benchmarks/paraphrase/{{model}}/{{writer}}/{{dataset}}.tsv"
            )
        localrule: PARAPHRASER.served
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
            runtime=runtime(60, sizing.rewording_seconds),
            token_budget=8192,
            service=PARAPHRASER.service(),
        params:
            max_cuts=SETTINGS.perturbations.max_cuts,
            seed=SETTINGS.perturbations.seed,
            contrasts=setting("dataset.contrasts"),
            # How the model that rewords is sampled; its folder says what it is.
            sampling=PARAPHRASER.model_dump(
                include={"candidates", "temperature", "top_p"}
            ),
            max_new_tokens=setting("dataset.max_new_tokens"),
            block_items=SETTINGS.block_items,
            shard=shard_of,
            journal=JOURNAL,
            code=code("paraphrase", words=False, without=unused_backends(PARAPHRASER)),
        message:
            "paraphrasing: {wildcards.model} {wildcards.writer} {wildcards.dataset}"
        script:
            "../scripts/paraphrase.py"


if SHARDED and PARAPHRASER:

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


if RESAMPLE:

    rule add_mistakes:
        input:
            chains=CHAINS,
            tokenizer=weights_of,
            questions=f"{RESULTS}/items/{{dataset}}/eval.parquet",
            arm=f"{RESULTS}/arms/{{model}}/{{writer}}",
            base=f"{RESULTS}/arms/{{model}}/base",
            forecast=FORECAST,
        output:
            branch(SHARDED, then=temp(shard(MISTAKES)), otherwise=MISTAKES),
        log:
            shard(f"{RESULTS}/logs/add_mistakes/{{model}}/{{writer}}/{{dataset}}.log"),
        benchmark:
            shard(
                f"{RESULTS}/benchmarks/add_mistakes/{{model}}/{{writer}}/{{dataset}}.tsv"
            )
        localrule: SERVED
        conda:
            ENVIRONMENT
        threads: inference_threads
        resources:
            mem_mb=memory(4000, sizing.weights_megabytes, sizing.perturbed_megabytes),
            gpu=gpus_of,
            runtime=runtime(60, sizing.continuation_seconds),
            token_budget=8192,
            service=service_of,
        params:
            max_cuts=SETTINGS.perturbations.max_cuts,
            seed=SETTINGS.perturbations.seed,
            contrasts=setting("dataset.contrasts"),
            variants=SETTINGS.perturbations.mistakes,
            # Of continuing chains.
            chains=SAMPLING,
            max_new_tokens=setting("dataset.max_new_tokens"),
            block_items=SETTINGS.block_items,
            shard=shard_of,
            journal=JOURNAL,
            code=code("add_mistakes", words=False, without=unused_backends_of),
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


if WRITTEN:

    rule add_conflicts:
        input:
            chains=CHAINS,
            tokenizer=weights_of,
            questions=f"{RESULTS}/items/{{dataset}}/eval.parquet",
            arm=f"{RESULTS}/arms/{{model}}/{{writer}}",
            base=f"{RESULTS}/arms/{{model}}/base",
            forecast=FORECAST,
        output:
            branch(SHARDED, then=temp(shard(CONFLICTS)), otherwise=CONFLICTS),
        log:
            shard(f"{RESULTS}/logs/add_conflicts/{{model}}/{{writer}}/{{dataset}}.log"),
        benchmark:
            shard(
                f"{RESULTS}/benchmarks/add_conflicts/{{model}}/{{writer}}/{{dataset}}.tsv"
            )
        localrule: SERVED
        conda:
            ENVIRONMENT
        threads: inference_threads
        resources:
            mem_mb=memory(4000, sizing.weights_megabytes, sizing.chains_megabytes),
            gpu=gpus_of,
            runtime=runtime(60, sizing.conflict_seconds),
            token_budget=8192,
            service=service_of,
        params:
            needs=PERTURBATIONS["conflict"].needs,
            conflict=SETTINGS.perturbations.conflict.model_dump(),
            seed=SETTINGS.perturbations.seed,
            contrasts=setting("dataset.contrasts"),
            # Of writing chains.
            chains=SAMPLING,
            max_new_tokens=setting("dataset.max_new_tokens"),
            block_items=SETTINGS.block_items,
            shard=shard_of,
            journal=JOURNAL,
            code=code("add_conflicts", words=False, without=unused_backends_of),
        message:
            "adding conflict chains: {wildcards.model} {wildcards.writer} {wildcards.dataset}"
        script:
            "../scripts/add_conflicts.py"


if SHARDED and WRITTEN:

    use rule gather_chains as gather_conflicts with:
        input:
            gather.shards(shard(CONFLICTS), allow_missing=True),
        output:
            CONFLICTS,
        log:
            f"{RESULTS}/logs/gather_conflicts/{{model}}/{{writer}}/{{dataset}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/gather_conflicts/{{model}}/{{writer}}/{{dataset}}.tsv"
        params:
            schema="Probes",
            code=code("gather_shards", words=False),
