# Figures: needs the tables under results/effects, makes results/figures.
# Each figure is an SVG for reading, a PNG for slides and a CSV of exactly what is drawn.
# To add one: a function in scripts/faithfulness/plots.py, a rule here with its caption, and a line in report.smk.

FIGURE_ARMS = [
    "base",
    *(arm.name for arm in SETTINGS.arms),
]  # in this order they get their colours


rule plot_effects:
    input:
        effects=f"{RESULTS}/effects/effects.csv",
    output:
        svg=report(
            f"{RESULTS}/figures/effects.svg",
            caption="../report/captions/effects.rst",
            category="Figures",
            subcategory="Effects",
            labels={"figure": "effects, by reading and writing", "model": "all"},
        ),
        png=f"{RESULTS}/figures/effects.png",
        csv=f"{RESULTS}/figures/effects.csv",
    log:
        f"{RESULTS}/logs/plot_effects/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_effects/all.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        arms=FIGURE_ARMS,
        datasets=DATASETS,
        code=code("plot_effects"),
    message:
        "Drawing the effects"
    script:
        "../scripts/plot_effects.py"


rule plot_retention:
    input:
        curves=f"{RESULTS}/effects/curves.csv",
        gates=f"{RESULTS}/effects/gates.csv",
    output:
        svg=report(
            f"{RESULTS}/figures/retention/{{model}}.svg",
            caption="../report/captions/retention.rst",
            category="Figures",
            subcategory="Answer retention",
            labels={"figure": "answer retention", "model": "{model}"},
        ),
        png=f"{RESULTS}/figures/retention/{{model}}.png",
        csv=f"{RESULTS}/figures/retention/{{model}}.csv",
    log:
        f"{RESULTS}/logs/plot_retention/{{model}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_retention/{{model}}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        arms=FIGURE_ARMS,
        datasets=DATASETS,
        code=code("plot_retention"),
    message:
        "Drawing the answer retention of {wildcards.model}"
    script:
        "../scripts/plot_retention.py"


rule plot_scale:
    input:
        effects=f"{RESULTS}/effects/effects.csv",
        scale_fits=f"{RESULTS}/effects/scale_fits.csv",
    output:
        svg=report(
            f"{RESULTS}/figures/scale.svg",
            caption="../report/captions/scale.rst",
            category="Figures",
            subcategory="Effects",
            labels={"figure": "effects by model size", "model": "all"},
        ),
        png=f"{RESULTS}/figures/scale.png",
        csv=f"{RESULTS}/figures/scale.csv",
    log:
        f"{RESULTS}/logs/plot_scale/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_scale/all.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        arms=FIGURE_ARMS,
        datasets=DATASETS,
        code=code("plot_scale"),
    message:
        "Drawing the effects by model size"
    script:
        "../scripts/plot_scale.py"


rule plot_accuracy:
    input:
        summaries=f"{RESULTS}/effects/summaries.csv",
        gates=f"{RESULTS}/effects/gates.csv",
    output:
        svg=report(
            f"{RESULTS}/figures/accuracy.svg",
            caption="../report/captions/accuracy.rst",
            category="Figures",
            subcategory="Accuracy and chains",
            labels={"figure": "accuracy with and without chain", "model": "all"},
        ),
        png=f"{RESULTS}/figures/accuracy.png",
        csv=f"{RESULTS}/figures/accuracy.csv",
    log:
        f"{RESULTS}/logs/plot_accuracy/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_accuracy/all.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        arms=FIGURE_ARMS,
        datasets=DATASETS,
        code=code("plot_accuracy"),
    message:
        "Drawing accuracy with and without the chain"
    script:
        "../scripts/plot_accuracy.py"


rule plot_chain_length:
    input:
        summaries=f"{RESULTS}/effects/summaries.csv",
        gates=f"{RESULTS}/effects/gates.csv",
    output:
        svg=report(
            f"{RESULTS}/figures/chain_length.svg",
            caption="../report/captions/chain_length.rst",
            category="Figures",
            subcategory="Accuracy and chains",
            labels={"figure": "chain length", "model": "all"},
        ),
        png=f"{RESULTS}/figures/chain_length.png",
        csv=f"{RESULTS}/figures/chain_length.csv",
    log:
        f"{RESULTS}/logs/plot_chain_length/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_chain_length/all.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        arms=FIGURE_ARMS,
        datasets=DATASETS,
        code=code("plot_chain_length"),
    message:
        "Drawing the length of the chains"
    script:
        "../scripts/plot_chain_length.py"
