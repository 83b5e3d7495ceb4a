# Preparation: needs the configuration and, once, a network; makes resources/sources (as fetched),
# resources/models (safetensors, shared by all configurations) and <results>/items.

# Datasets whose answers a placebo shuffles.
SHUFFLED = {
    dataset
    for model in MODELS
    for recipe in (SETTINGS.recipe(model, arm) for arm in SETTINGS.readers_of(model))
    if recipe and recipe.target == "shuffled"
    for dataset in recipe.datasets
}


rule fetch_source:
    output:
        directory("resources/sources/{source}"),
    log:
        "resources/logs/fetch_source/{source}.log",
    benchmark:
        "resources/benchmarks/fetch_source/{source}.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=runtime(60),
    params:
        source=lambda wildcards: SOURCES[wildcards.source][1].model_dump(),
        kind=lambda wildcards: SOURCES[wildcards.source][0],
        code=code("fetch_source", words=False),
    message:
        "fetching {wildcards.source}"
    script:
        "../scripts/fetch_source.py"


rule prepare_model:
    input:
        lambda wildcards: made_of(WEIGHTS[wildcards.weights]),
    output:
        directory("resources/models/{weights}"),
    log:
        "resources/logs/prepare_model/{weights}.log",
    benchmark:
        "resources/benchmarks/prepare_model/{weights}.tsv"
    conda:
        ENVIRONMENT
    threads: workflow.cores
    resources:
        mem_mb=memory(2000, sizing.prepared_megabytes),
        runtime=runtime(60),
    params:
        settings=lambda wildcards: WEIGHTS[wildcards.weights].model_dump(),
        # `dtype: auto` may be decided on a node without the GPUs that will use the weights.
        for_gpus=lambda wildcards: GPU > 0
        and WEIGHTS[wildcards.weights].dtype == "auto",
        code=code("prepare_model", words=False),
    message:
        "preparing weights: {wildcards.weights}"
    script:
        "../scripts/prepare_model.py"


rule prepare_items:
    input:
        tables_of,
    output:
        train=f"{RESULTS}/items/{{dataset}}/train.parquet",
        eval=f"{RESULTS}/items/{{dataset}}/eval.parquet",
        left_out=f"{RESULTS}/items/{{dataset}}/left_out.csv",
    log:
        f"{RESULTS}/logs/prepare_items/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/prepare_items/{{dataset}}.tsv"
    priority: 1  # what is wrong with items is said before models are trained
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=runtime(10),
    params:
        dataset=setting(
            "dataset",
            exclude={"max_new_tokens", "answer_tokens", "contrasts", "reasoning"},
        ),
        code=code("prepare_items", words=False),
    message:
        "preparing items: {wildcards.dataset}"
    script:
        "../scripts/prepare_items.py"


# Nothing needs what it makes, so that a new placebo makes no items and no base arm again.
rule check_shuffling:
    input:
        f"{RESULTS}/items/{{dataset}}/train.parquet",
    output:
        touch(f"{RESULTS}/items/{{dataset}}/can_be_shuffled"),
    log:
        f"{RESULTS}/logs/check_shuffling/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/check_shuffling/{{dataset}}.tsv"
    priority: 1
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=runtime(10),
    params:
        code=code("check_shuffling", words=False),
    message:
        "checking that answers can be shuffled: {wildcards.dataset}"
    script:
        "../scripts/check_shuffling.py"
