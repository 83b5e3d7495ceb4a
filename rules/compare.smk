# Comparison: needs scores (and the chains, paraphrases and items behind them). The scores are read once, by
# measure_chains, which writes one table for each model and dataset to <results>/measures, means, answers, cut_answers,
# readouts, kinds and retention. From these come the gates and curves of each model and dataset (<results>/descriptions),
# the estimates of each model and arm (<results>/estimates), and <results>/effects: verdicts, and what the figures draw.

ARM_FILES = [
    f"{RESULTS}/arms/{model}/{arm}"
    for model in MODELS
    for arm in SETTINGS.readers_of(model)
]
# Models that have placebo or null arms.
CONTROLLED = [model for model in MODELS if controls_by_training(model)]
BY_DATASET = "{model}/{dataset}.parquet"
MEASURES = expand(f"{RESULTS}/measures/{BY_DATASET}", model=MODELS, dataset=DATASETS)
MEANS, ANSWERS = f"{RESULTS}/means/{BY_DATASET}", f"{RESULTS}/answers/{BY_DATASET}"
CUT_ANSWERS = f"{RESULTS}/cut_answers/{BY_DATASET}"
DESCRIPTIONS = f"{RESULTS}/descriptions/{{model}}/{{dataset}}"
ESTIMATES = f"{RESULTS}/estimates/{{model}}/{{arm}}"


rule measure_chains:
    input:
        scores=lambda wildcards: expand(
            SCORES,
            reader=SETTINGS.readers_of(wildcards.model),
            allow_missing=True,
        ),
        chains=lambda wildcards: expand(
            CHAINS,
            writer=SETTINGS.writers_of(wildcards.model),
            allow_missing=True,
        ),
        questions=f"{RESULTS}/items/{{dataset}}/eval.parquet",
    output:
        measures=f"{RESULTS}/measures/{BY_DATASET}",
        means=MEANS,
        answers=ANSWERS,
        cut_answers=CUT_ANSWERS,
        readouts=f"{RESULTS}/readouts/{BY_DATASET}",
        kinds=f"{RESULTS}/kinds/{BY_DATASET}",
        retention=f"{RESULTS}/retention/{BY_DATASET}",
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
        arms=lambda wildcards: arms_by_training(wildcards.model),
        controls=lambda wildcards: controls_by_training(wildcards.model),
        # What is declared counts only as far as it decides what is measured: another margin measures nothing again.
        directions=DECLARED.directions,
        options_share=DECLARED.gates.options_share,
        code=code("measure_chains", words=False),
    message:
        "computing measures: {wildcards.model} {wildcards.dataset}"
    script:
        "../scripts/measure_chains.py"


rule describe_arms:
    input:
        base=f"{RESULTS}/arms/{{model}}/base",
        chains=lambda wildcards: expand(
            CHAINS,
            writer=SETTINGS.writers_of(wildcards.model),
            allow_missing=True,
        ),
        paraphrases=lambda wildcards: expand(
            PARAPHRASES,
            writer=SETTINGS.writers_of(wildcards.model),
            allow_missing=True,
        ),
        mistakes=lambda wildcards: expand(
            MISTAKES,
            writer=SETTINGS.writers_of(wildcards.model),
            allow_missing=True,
        ),
        conflicts=lambda wildcards: expand(
            CONFLICTS,
            writer=SETTINGS.writers_of(wildcards.model),
            allow_missing=True,
        ),
        questions=f"{RESULTS}/items/{{dataset}}/eval.parquet",
        means=MEANS,
        answers=ANSWERS,
        readouts=rules.measure_chains.output.readouts,
        retention=rules.measure_chains.output.retention,
        kinds=rules.measure_chains.output.kinds,
        claims=SETTINGS.claims,
    output:
        gates=f"{DESCRIPTIONS}/gates.parquet",
        summaries=f"{DESCRIPTIONS}/summaries.parquet",
        curves=f"{DESCRIPTIONS}/curves.parquet",
        strengths=f"{DESCRIPTIONS}/strengths.parquet",
        kinds=f"{DESCRIPTIONS}/kinds.parquet",
        transitions=f"{DESCRIPTIONS}/transitions.parquet",
        conflicts=f"{DESCRIPTIONS}/conflicts.parquet",
    log:
        f"{RESULTS}/logs/describe_arms/{{model}}/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/describe_arms/{{model}}/{{dataset}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000, sizing.scores_megabytes),
        runtime=runtime(30),
    params:
        arms=lambda wildcards: arms_by_training(wildcards.model),
        tunings=lambda wildcards: tunings(wildcards.model, wildcards.dataset),
        controls=lambda wildcards: controls_by_training(wildcards.model),
        statistics=SETTINGS.statistics.model_dump(),
        code=code("describe_arms"),
    message:
        "describing arms: {wildcards.model} {wildcards.dataset}"
    script:
        "../scripts/describe_arms.py"


rule estimate_effects:
    input:
        means=expand(MEANS, dataset=DATASETS, allow_missing=True),
        cut_answers=expand(CUT_ANSWERS, dataset=DATASETS, allow_missing=True),
        gates=expand(
            rules.describe_arms.output.gates, dataset=DATASETS, allow_missing=True
        ),
        arms=lambda wildcards: expand(
            f"{RESULTS}/arms/{{model}}/{{training}}",
            model=wildcards.model,
            training=trainings_of(wildcards),
        ),
        claims=SETTINGS.claims,
    output:
        estimates=f"{ESTIMATES}/estimates.parquet",
        correlations=f"{ESTIMATES}/correlations.parquet",
    log:
        f"{RESULTS}/logs/estimate_effects/{{model}}/{{arm}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/estimate_effects/{{model}}/{{arm}}.tsv"
    wildcard_constraints:
        arm=any_of(
            [arm.name for arm in SETTINGS.arms if not roles.is_control(arm.name)]
        ),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(4000, sizing.scores_megabytes),
        runtime=runtime(60, sizing.comparison_seconds),
    params:
        placebo=lambda wildcards: SETTINGS.placebo_of(wildcards.model, wildcards.arm),
        placebo_trainings=placebo_trainings_of,
        need_more_reasoning=lambda wildcards: SETTINGS.need_more_reasoning(
            wildcards.model, wildcards.arm
        ),
        statistics=SETTINGS.statistics.model_dump(),
        code=code("estimate_effects"),
    message:
        "estimating effects: {wildcards.model} {wildcards.arm}"
    script:
        "../scripts/estimate_effects.py"


rule estimate_controls:
    input:
        means=expand(MEANS, dataset=DATASETS, allow_missing=True),
        claims=SETTINGS.claims,
    output:
        estimates=f"{ESTIMATES}/estimates.parquet",
    log:
        f"{RESULTS}/logs/estimate_controls/{{model}}/{{arm}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/estimate_controls/{{model}}/{{arm}}.tsv"
    wildcard_constraints:
        arm=any_of([arm.name for arm in SETTINGS.arms if roles.is_control(arm.name)]),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(4000, sizing.scores_megabytes),
        runtime=runtime(60, sizing.comparison_seconds),
    params:
        statistics=SETTINGS.statistics.model_dump(),
        code=code("estimate_controls"),
    message:
        "comparing a control with base: {wildcards.model} {wildcards.arm}"
    script:
        "../scripts/estimate_controls.py"


rule compare_arms:
    input:
        estimates=of_all_estimates("estimates.parquet", controls=True),
        correlations=of_all_estimates("correlations.parquet"),
        gates=of_all_datasets(rules.describe_arms.output.gates),
        summaries=of_all_datasets(rules.describe_arms.output.summaries),
        curves=of_all_datasets(rules.describe_arms.output.curves),
        strengths=of_all_datasets(rules.describe_arms.output.strengths),
        kinds=of_all_datasets(rules.describe_arms.output.kinds),
        transitions=of_all_datasets(rules.describe_arms.output.transitions),
        conflicts=of_all_datasets(rules.describe_arms.output.conflicts),
        arms=ARM_FILES,
        claims=SETTINGS.claims,
        calibration=CALIBRATION,
    output:
        claims=f"{RESULTS}/effects/claims.json",
        cells=f"{RESULTS}/effects/by_cell.csv",
        controls=f"{RESULTS}/effects/controls.csv",
        gates=f"{RESULTS}/effects/gates.csv",
        summaries=f"{RESULTS}/effects/summaries.csv",
        curves=f"{RESULTS}/effects/curves.csv",
        strengths=f"{RESULTS}/effects/strengths.csv",
        conflicts=f"{RESULTS}/effects/conflicts.csv",
        correlations=f"{RESULTS}/effects/correlations.csv",
        kinds=f"{RESULTS}/effects/kinds.csv",
        transitions=f"{RESULTS}/effects/transitions.csv",
    log:
        f"{RESULTS}/logs/compare_arms/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare_arms/all.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=runtime(10),
    params:
        confidence=SETTINGS.statistics.confidence,
        journal=JOURNAL,
        code=code("compare_arms"),
    message:
        "comparing tuned with base arms"
    script:
        "../scripts/compare_arms.py"


rule judge_null_pairs:
    input:
        means=expand(MEANS, model=CONTROLLED, dataset=DATASETS),
        cut_answers=expand(CUT_ANSWERS, model=CONTROLLED, dataset=DATASETS),
        gates=expand(
            rules.describe_arms.output.gates, model=CONTROLLED, dataset=DATASETS
        ),
        claims=SETTINGS.claims,
        calibration=CALIBRATION,
    output:
        f"{RESULTS}/effects/null_pairs.csv",
    log:
        f"{RESULTS}/logs/judge_null_pairs/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/judge_null_pairs/all.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(4000, sizing.scores_megabytes),
        runtime=runtime(60),
    params:
        controls={model: controls_by_training(model) for model in CONTROLLED},
        statistics=SETTINGS.statistics.model_dump(),
        code=code("judge_null_pairs"),
    message:
        "judging pairs that differ by chance alone"
    script:
        "../scripts/judge_null_pairs.py"


rule compare_scales:
    input:
        cells=rules.compare_arms.output.cells,
        gates=rules.compare_arms.output.gates,
        means=of_all_datasets(MEANS),
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
