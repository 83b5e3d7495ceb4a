# Report: needs the tables under results/effects and the figures, makes results/report.html, one self-contained page.
# Measures of single chains are needed only for datasets with published figures.
# Figures appear in the order of their registry, each with the caption of its name in report/captions.
# The pages of the chain browser are beside it, one per model and dataset: they need all tables of their chains.

PAGE = "report"
CAPTIONS = sorted(glob_wildcards(f"{PAGE}/captions/{{name}}.rst").name)


rule write_report:
    input:
        provenance=f"{RESULTS}/provenance.json",
        effects=f"{RESULTS}/effects/effects.csv",
        gates=f"{RESULTS}/effects/gates.csv",
        summaries=f"{RESULTS}/effects/summaries.csv",
        strengths=f"{RESULTS}/effects/strengths.csv",
        kinds=f"{RESULTS}/effects/kinds.csv",
        conflicts=f"{RESULTS}/effects/conflicts.csv",
        controls=f"{RESULTS}/effects/controls.csv",
        null_pairs=rules.judge_null_pairs.output[0],
        claims=f"{RESULTS}/effects/claims.json",
        correlations=f"{RESULTS}/effects/correlations.csv",
        left_out=expand(rules.prepare_items.output.left_out, dataset=DATASETS),
        calibration=CALIBRATION,
        published=SETTINGS.published or [],
        measures=expand(rules.measure_chains.output[0], model=MODELS, dataset=COVERED),
        figures=[f"{picture}.svg" for picture in PICTURES],
        alt_texts=[f"{picture}.txt" for picture in PICTURES],
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
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=runtime(10),
    params:
        config=SETTINGS.model_dump(mode="json"),
        benchmarks=f"{RESULTS}/benchmarks",  # those that exist: no job runs again for a deleted one
        code=code("write_report"),
    message:
        "writing the report"
    script:
        "../scripts/write_report.py"


rule browse_chains:
    input:
        questions=f"{RESULTS}/items/{{dataset}}/eval.parquet",
        chains=lambda wildcards: expand(
            CHAINS, writer=SETTINGS.writers_of(wildcards.model), allow_missing=True
        ),
        probes=lambda wildcards: expand(
            f"{PROBES}/{{perturbation}}.parquet",
            writer=SETTINGS.writers_of(wildcards.model),
            perturbation=PERTURBATIONS,
            allow_missing=True,
        ),
        scores=lambda wildcards: expand(
            SCORES,
            reader=SETTINGS.writers_of(wildcards.model),
            allow_missing=True,
        ),
        measures=rules.measure_chains.output[0],
        gates=f"{RESULTS}/effects/gates.csv",
        template=f"{PAGE}/browser.html.j2",
        styles=[f"{PAGE}/style.css", f"{PAGE}/browser.css"],
        script=f"{PAGE}/browser.js",
    output:
        f"{RESULTS}/browser/{{model}}/{{dataset}}.html",
    log:
        f"{RESULTS}/logs/browse_chains/{{model}}/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/browse_chains/{{model}}/{{dataset}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(2000, sizing.scores_megabytes),
        runtime=runtime(10),
    params:
        arms=FIGURE_ARMS,
        code=code("browse_chains"),
    message:
        "writing the pages of chains: {wildcards.model} {wildcards.dataset}"
    script:
        "../scripts/browse_chains.py"


CHAIN_PAGES = expand(rules.browse_chains.output[0], model=MODELS, dataset=DATASETS)
