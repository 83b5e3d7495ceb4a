# Fine-tuning: needs resources/models and train items, makes <results>/arms/<model>/<arm>:
# base (the model itself, or warm-started), and one folder per tuned arm, trained here or elsewhere.


# If no model is trained to make its base arm, that arm is a file that names the model, which needs no node and no GPU.
WARM = any(model.warm_start for model in SETTINGS.models)


rule warm_start:
    input:
        model=weights_of,
        questions=lambda wildcards: train_items(
            SETTINGS.model(wildcards.model).warm_start
        ),
        prompts=SETTINGS.prompts,
    output:
        directory(f"{RESULTS}/arms/{{model}}/base"),
    log:
        f"{RESULTS}/logs/warm_start/{{model}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/warm_start/{{model}}.tsv"
    localrule: not WARM
    conda:
        ENVIRONMENT
    threads: lambda wildcards: training_threads(wildcards) if WARM else 1
    resources:
        mem_mb=memory(6000, sizing.trained_megabytes),
        gpu=lambda wildcards: gpus_of(wildcards) if WARM else 0,
        runtime=runtime(60, sizing.training_seconds),
    params:
        name=lambda wildcards: wildcards.model,
        recipe=lambda wildcards: training_parameters(
            SETTINGS.model(wildcards.model).warm_start
        ),
        datasets=lambda wildcards: train_datasets(
            SETTINGS.model(wildcards.model).warm_start
        ),
        loading=lambda wildcards: SETTINGS.model(wildcards.model).model_dump(
            include={"trust_remote_code", "quantisation"}
        ),
        served=lambda wildcards: SETTINGS.model(wildcards.model).on_server(),
        system=lambda wildcards: SETTINGS.model(wildcards.model).system,
        think=lambda wildcards: SETTINGS.model(wildcards.model).think,
        journal=JOURNAL,
        code=code("warm_start", words=False),
    message:
        "making the base arm: {wildcards.model}"
    script:
        "../scripts/warm_start.py"


rule finetune:
    input:
        base=rules.warm_start.output[0],
        model=weights_of,
        questions=lambda wildcards: train_items(SETTINGS.arm(wildcards.arm)),
    output:
        directory(f"{RESULTS}/arms/{{model}}/{{arm}}"),
    log:
        f"{RESULTS}/logs/finetune/{{model}}/{{arm}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/finetune/{{model}}/{{arm}}.tsv"
    wildcard_constraints:
        arm=any_of(name for name in TUNED if name not in ELSEWHERE),
    conda:
        ENVIRONMENT
    threads: training_threads
    resources:
        mem_mb=memory(6000, sizing.trained_megabytes),
        gpu=gpus_of,
        runtime=runtime(60, sizing.training_seconds),
    params:
        recipe=lambda wildcards: training_parameters(SETTINGS.arm(wildcards.arm)),
        datasets=lambda wildcards: train_datasets(SETTINGS.arm(wildcards.arm)),
        journal=JOURNAL,
        code=code("finetune", words=False),
    message:
        "fine-tuning: {wildcards.model} {wildcards.arm}"
    script:
        "../scripts/finetune.py"


rule import_arm:
    input:
        base=rules.warm_start.output[0],
        weights=lambda wildcards: fetched(SETTINGS.arm(wildcards.arm).source),
    output:
        directory(f"{RESULTS}/arms/{{model}}/{{arm}}"),
    log:
        f"{RESULTS}/logs/import_arm/{{model}}/{{arm}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/import_arm/{{model}}/{{arm}}.tsv"
    wildcard_constraints:
        arm=any_of(ELSEWHERE),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(2000, sizing.weights_megabytes),
        runtime=runtime(60),
    params:
        source=lambda wildcards: SETTINGS.arm(wildcards.arm).source.model_dump(),
        datasets=lambda wildcards: SETTINGS.arm(wildcards.arm).datasets,
        code=code("import_arm", words=False),
    message:
        "importing an arm: {wildcards.model} {wildcards.arm}"
    script:
        "../scripts/import_arm.py"
