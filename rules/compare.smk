# Comparison: needs scores (and the chains, paraphrases and items behind them), makes <results>/measures, one value
# per chain and measure, and <results>/effects: tuned compared with base, gates, verdicts, and what the figures draw.

ARM_FILES = [
    f"{RESULTS}/arms/{model}/{arm}" for model in MODELS for arm in arms_of(model)
]
MEASURES = expand(
    f"{RESULTS}/measures/{{model}}/{{dataset}}.parquet", model=MODELS, dataset=DATASETS
)


rule measure_chains:
    input:
        scores=lambda wildcards: expand(
            SCORES,
            reader=arms_of(wildcards.model),
            allow_missing=True,
        ),
    output:
        f"{RESULTS}/measures/{{model}}/{{dataset}}.parquet",
    log:
        f"{RESULTS}/logs/measure_chains/{{model}}/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/measure_chains/{{model}}/{{dataset}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000, sizing.scores_megabytes),
        runtime=runtime(30),
    params:
        arms=lambda wildcards: arms_of(wildcards.model)[1:],
        code=code("measure_chains", words=False),
    message:
        "computing measures: {wildcards.model} {wildcards.dataset}"
    script:
        "../scripts/measure_chains.py"


rule compare_arms:
    input:
        measures=MEASURES,
        scores=of_all_arms(SCORES),
        chains=of_all_arms(CHAINS),
        paraphrases=of_all_arms(PARAPHRASES),
        questions=expand(f"{RESULTS}/items/{{dataset}}/eval.parquet", dataset=DATASETS),
        arms=ARM_FILES,
        claims=SETTINGS.claims,
        calibration=CALIBRATION,
    output:
        claims=f"{RESULTS}/effects/claims.json",
        cells=f"{RESULTS}/effects/cells.csv",
        gates=f"{RESULTS}/effects/gates.csv",
        summaries=f"{RESULTS}/effects/summaries.csv",
        curves=f"{RESULTS}/effects/curves.csv",
        correlations=f"{RESULTS}/effects/correlations.csv",
    log:
        f"{RESULTS}/logs/compare_arms/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare_arms/all.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(4000, sizing.scores_megabytes),
        runtime=runtime(60, sizing.comparison_seconds),
    params:
        statistics=SETTINGS.statistics.model_dump(),
        journal=JOURNAL,
        code=code("compare_arms"),
    message:
        "comparing tuned with base arms"
    script:
        "../scripts/compare_arms.py"


rule compare_scales:
    input:
        cells=rules.compare_arms.output.cells,
        gates=rules.compare_arms.output.gates,
        measures=MEASURES,
        scores=of_all_arms(SCORES),
        arms=ARM_FILES,
        claims=SETTINGS.claims,
        calibration=CALIBRATION,
    output:
        effects=f"{RESULTS}/effects/effects.csv",
        scale_fits=f"{RESULTS}/effects/scale_fits.csv",
    log:
        f"{RESULTS}/logs/compare_scales/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare_scales/all.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(4000, sizing.scores_megabytes),
        runtime=runtime(30),
    params:
        statistics=SETTINGS.statistics.model_dump(),
        code=code("compare_scales"),
    message:
        "comparing the effects of model sizes"
    script:
        "../scripts/compare_scales.py"


rule plan_items:
    input:
        effects=rules.compare_scales.output.effects,
    output:
        f"{RESULTS}/effects/power.csv",
    log:
        f"{RESULTS}/logs/plan_items/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/plan_items/all.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=runtime(10),
    params:
        code=code("plan_items"),
    message:
        "planning the items of a next run"
    script:
        "../scripts/plan_items.py"
