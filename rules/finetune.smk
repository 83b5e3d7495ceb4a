# Fine-tuning: needs resources/models and train items, makes <results>/arms/<model>/<arm>:
# base (the model itself, or warm-started), and one folder per training of the other arms: of tuned arms, trained here or
# elsewhere, of placebos, which are trained as these are, and of null arms: another warm start, or a recipe on other text.


# If no model is trained to make its base arm, that arm is a file that names the model, which needs no node and no GPU.
WARM = any(model.warm_start for model in SETTINGS.models)


rule warm_start:
    input:
        model=weights_of,
        questions=train_items,
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
    threads: training_threads if WARM else 1
    resources:
        mem_mb=memory(6000, sizing.trained_megabytes),
        gpu=gpus_of if WARM else 0,
        runtime=runtime(60, sizing.training_seconds),
    params:
        name=setting("model.name"),
        arm="base",
        recipe=decisive_recipe_of,
        datasets=train_datasets_of,
        filler=filler_read,
        loading=setting("model", include={"trust_remote_code", "quantisation"}),
        served=setting("model.on_server"),
        dialogue=setting("model.dialogue"),
        journal=JOURNAL,
        code=code("warm_start", words=False),
    message:
        "making the base arm: {wildcards.model}"
    script:
        "../scripts/warm_start.py"


use rule warm_start as warm_start_again with:
    output:
        directory(f"{RESULTS}/arms/{{model}}/{{arm}}"),
    log:
        f"{RESULTS}/logs/warm_start_again/{{model}}/{{arm}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/warm_start_again/{{model}}/{{arm}}.tsv"
    wildcard_constraints:
        arm=any_of(WARM_AGAIN),
    params:
        name=setting("model.name"),
        arm=arm_of_training,
        recipe=decisive_recipe_of,
        datasets=train_datasets_of,
        filler=filler_read,
        loading=setting("model", include={"trust_remote_code", "quantisation"}),
        served=setting("model.on_server"),
        dialogue=setting("model.dialogue"),
        journal=JOURNAL,
        code=code("warm_start", words=False),
    message:
        "making another base arm: {wildcards.model} {wildcards.arm}"


rule finetune:
    input:
        base=rules.warm_start.output[0],
        model=weights_of,
        questions=train_items,
    output:
        directory(f"{RESULTS}/arms/{{model}}/{{arm}}"),
    log:
        f"{RESULTS}/logs/finetune/{{model}}/{{arm}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/finetune/{{model}}/{{arm}}.tsv"
    wildcard_constraints:
        arm=any_of(name for name in TRAININGS if name not in [*ELSEWHERE, *WARM_AGAIN]),
    conda:
        ENVIRONMENT
    threads: training_threads
    resources:
        mem_mb=memory(6000, sizing.trained_megabytes),
        gpu=gpus_of,
        runtime=runtime(60, sizing.training_seconds),
    params:
        arm=arm_of_training,
        recipe=decisive_recipe_of,
        datasets=train_datasets_of,
        filler=filler_read,
        journal=JOURNAL,
        code=code("finetune", words=False),
    message:
        "fine-tuning: {wildcards.model} {wildcards.arm}"
    script:
        "../scripts/finetune.py"


rule import_arm:
    input:
        base=rules.warm_start.output[0],
        model=weights_of,
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
        source=setting("arm.source"),
        datasets=setting("arm.datasets"),
        chat_template=setting("arm.chat_template"),
        code=code("import_arm", words=False),
    message:
        "importing an arm: {wildcards.model} {wildcards.arm}"
    script:
        "../scripts/import_arm.py"
