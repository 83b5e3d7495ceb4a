# Figures: needs the tables under results/effects, makes results/figures.
# Each figure is an SVG for reading, a PDF for papers, a PNG for slides (300 dpi) and a CSV of exactly what is drawn.
# To add one: a function in scripts/faithfulness/figures, a rule here with its caption, and a line in report.smk.

FIGURE_ARMS = [
    "base",
    *(arm.name for arm in SETTINGS.arms),
]  # their colours follow this order


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
        pdf=f"{RESULTS}/figures/effects.pdf",
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
        mem_mb=memory(1000),
        runtime=runtime(10),
    params:
        arms=FIGURE_ARMS,
        datasets=DATASETS,
        code=code("plot_effects"),
    message:
        "drawing the effects"
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
        pdf=f"{RESULTS}/figures/retention/{{model}}.pdf",
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
        mem_mb=memory(1000),
        runtime=runtime(10),
    params:
        arms=FIGURE_ARMS,
        datasets=DATASETS,
        code=code("plot_retention"),
    message:
        "drawing answer retention: {wildcards.model}"
    script:
        "../scripts/plot_retention.py"


rule plot_convergence:
    input:
        measures=lambda wildcards: expand(
            rules.measure_chains.output[0], dataset=DATASETS, allow_missing=True
        ),
        gates=f"{RESULTS}/effects/gates.csv",
    output:
        svg=report(
            f"{RESULTS}/figures/convergence/{{model}}.svg",
            caption="../report/captions/convergence.rst",
            category="Figures",
            subcategory="Answer retention",
            labels={"figure": "where the answer is decided", "model": "{model}"},
        ),
        pdf=f"{RESULTS}/figures/convergence/{{model}}.pdf",
        png=f"{RESULTS}/figures/convergence/{{model}}.png",
        csv=f"{RESULTS}/figures/convergence/{{model}}.csv",
    log:
        f"{RESULTS}/logs/plot_convergence/{{model}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_convergence/{{model}}.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=runtime(10),
    params:
        arms=FIGURE_ARMS,
        datasets=DATASETS,
        confidence=SETTINGS.statistics.confidence,
        code=code("plot_convergence"),
    message:
        "drawing where answers are decided: {wildcards.model}"
    script:
        "../scripts/plot_convergence.py"


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
        pdf=f"{RESULTS}/figures/scale.pdf",
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
        mem_mb=memory(1000),
        runtime=runtime(10),
    params:
        arms=FIGURE_ARMS,
        datasets=DATASETS,
        code=code("plot_scale"),
    message:
        "drawing the effects by model size"
    script:
        "../scripts/plot_scale.py"


rule plot_info_gain:
    input:
        effects=f"{RESULTS}/effects/effects.csv",
    output:
        svg=report(
            f"{RESULTS}/figures/info_gain.svg",
            caption="../report/captions/info_gain.rst",
            category="Figures",
            subcategory="Effects",
            labels={"figure": "information gain beside AOC", "model": "all"},
        ),
        pdf=f"{RESULTS}/figures/info_gain.pdf",
        png=f"{RESULTS}/figures/info_gain.png",
        csv=f"{RESULTS}/figures/info_gain.csv",
    log:
        f"{RESULTS}/logs/plot_info_gain/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_info_gain/all.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=runtime(10),
    params:
        arms=FIGURE_ARMS,
        datasets=DATASETS,
        code=code("plot_info_gain"),
    message:
        "drawing information gain beside faithfulness"
    script:
        "../scripts/plot_info_gain.py"


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
        pdf=f"{RESULTS}/figures/accuracy.pdf",
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
        mem_mb=memory(1000),
        runtime=runtime(10),
    params:
        arms=FIGURE_ARMS,
        datasets=DATASETS,
        code=code("plot_accuracy"),
    message:
        "drawing accuracy with and without the chain"
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
        pdf=f"{RESULTS}/figures/chain_length.pdf",
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
        mem_mb=memory(1000),
        runtime=runtime(10),
    params:
        arms=FIGURE_ARMS,
        datasets=DATASETS,
        code=code("plot_chain_length"),
    message:
        "drawing the length of the chains"
    script:
        "../scripts/plot_chain_length.py"


rule plot_gates:
    input:
        gates=f"{RESULTS}/effects/gates.csv",
        summaries=f"{RESULTS}/effects/summaries.csv",
    output:
        svg=report(
            f"{RESULTS}/figures/gates.svg",
            caption="../report/captions/gates.rst",
            category="Figures",
            subcategory="Gates and calibration",
            labels={"figure": "gates", "model": "all"},
        ),
        pdf=f"{RESULTS}/figures/gates.pdf",
        png=f"{RESULTS}/figures/gates.png",
        csv=f"{RESULTS}/figures/gates.csv",
    log:
        f"{RESULTS}/logs/plot_gates/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_gates/all.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=runtime(10),
    params:
        arms=FIGURE_ARMS,
        datasets=DATASETS,
        code=code("plot_gates"),
    message:
        "drawing the gates"
    script:
        "../scripts/plot_gates.py"


rule plot_calibration:
    input:
        calibration=CALIBRATION,
    output:
        svg=report(
            f"{RESULTS}/figures/calibration.svg",
            caption="../report/captions/calibration.rst",
            category="Figures",
            subcategory="Gates and calibration",
            labels={"figure": "calibration of the measures", "model": "all"},
        ),
        pdf=f"{RESULTS}/figures/calibration.pdf",
        png=f"{RESULTS}/figures/calibration.png",
        csv=f"{RESULTS}/figures/calibration.csv",
    log:
        f"{RESULTS}/logs/plot_calibration/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot_calibration/all.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=runtime(10),
    params:
        code=code("plot_calibration"),
    message:
        "drawing the calibration of the measures"
    script:
        "../scripts/plot_calibration.py"
