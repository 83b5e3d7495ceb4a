# Calibration: needs arms tuned to be load-bearing and to be decorative (config/calibration.yaml) and evaluation items,
# makes <results>/calibration.csv: which measures separate these readers, and the exact ones. It is no part of other runs;
# their reports use the table if it exists (setting `calibration`).

READERS = [
    f"{RESULTS}/arms/{model}/{arm.name}"
    for model in MODELS
    for arm in SETTINGS.trainings()
    if arm.name in SETTINGS.writers_of(model)
    and isinstance(arm, TrainedArm)
    and arm.target in READER_TARGETS
]


rule calibrate:
    input:
        arms=READERS,
        models=[weights_folder(SETTINGS.model(model)) for model in MODELS if READERS],
        questions=expand(f"{RESULTS}/items/{{dataset}}/eval.parquet", dataset=DATASETS),
        prompts=SETTINGS.prompts,
    output:
        f"{RESULTS}/calibration.csv",
    log:
        f"{RESULTS}/logs/calibrate/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/calibrate/all.tsv"
    conda:
        ENVIRONMENT
    threads: workflow.cores
    resources:
        mem_mb=memory(4000, sizing.largest_weights_megabytes),
        gpu=GPU * max(model.gpus for model in SETTINGS.models),
        runtime=runtime(60, sizing.calibration_seconds),
        token_budget=8192,
        service="",  # a server's models cannot be trained to be known readers
    params:
        datasets=DATASETS,
        contrasts={dataset.name: dataset.contrasts for dataset in SETTINGS.datasets},
        block_items=SETTINGS.block_items,
        perturbations=SETTINGS.perturbations.model_dump(exclude={"paraphraser"}),
        statistics=SETTINGS.statistics.model_dump(),
        journal=JOURNAL,
        code=code(
            "calibrate",
            *(f"faithfulness.perturb.{name}" for name in PERTURBATIONS),
            words=False,
            without=unused_backends(*SETTINGS.models),
        ),
    message:
        "calibrating the measures"
    script:
        "../scripts/calibrate.py"
