# Report: needs the tables under results/effects and the figures, makes results/report.html, one self-contained page.
# Figures appear in the order of the list below, each with the caption of its name in report/captions.

PAGE = "report"
CAPTIONS = sorted(glob_wildcards(f"{PAGE}/captions/{{name}}.rst").name)


rule write_report:
    input:
        effects=f"{RESULTS}/effects/effects.csv",
        gates=f"{RESULTS}/effects/gates.csv",
        summaries=f"{RESULTS}/effects/summaries.csv",
        claims=f"{RESULTS}/effects/claims.json",
        correlations=f"{RESULTS}/effects/correlations.csv",
        calibration=CALIBRATION,
        figures=[
            rules.plot_effects.output.svg,
            *expand(rules.plot_retention.output.svg, model=MODELS),
            rules.plot_scale.output.svg,
            rules.plot_accuracy.output.svg,
            rules.plot_chain_length.output.svg,
        ],
        captions=expand(f"{PAGE}/captions/{{name}}.rst", name=CAPTIONS),
        template=f"{PAGE}/page.html.j2",
        style=f"{PAGE}/style.css",
        method=f"{PAGE}/method.rst",
    output:
        report(
            f"{RESULTS}/report.html",
            caption="../report/captions/report.rst",
            category="Report",
            labels={"figure": "the report", "model": "all"},
        ),
    log:
        f"{RESULTS}/logs/write_report/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/write_report/all.tsv"
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        config=SETTINGS.model_dump(mode="json"),
        code=code("write_report"),
    message:
        "Writing the report"
    script:
        "../scripts/write_report.py"
