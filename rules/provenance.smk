# Provenance: needs the tables under results/effects and all behind them, makes results/provenance.json: what the results
# were made of and what that took, as it is when they are made. The report shows it.

# Their time is told, too: waited for, but new ones are no reason to make the record anew.
SHOWN = [
    str(file)  # a copy, as `ancient` marks the string itself
    for file in [
        *rules.write_report.input.figures,
        *CHAIN_PAGES,
        rules.write_paper_kit.output.document,
    ]
]


rule write_provenance:
    input:
        effects=f"{RESULTS}/effects/effects.csv",
        gates=f"{RESULTS}/effects/gates.csv",
        arms=ARM_FILES,
        questions=expand(
            f"{RESULTS}/items/{{dataset}}/{{part}}.parquet",
            dataset=DATASETS,
            part=["train", "eval"],
        ),
        files=[
            SETTINGS.prompts,
            SETTINGS.claims,
            *filter(None, [SETTINGS.published]),
            *CALIBRATION,
        ],
        shown=ancient(SHOWN),
    output:
        f"{RESULTS}/provenance.json",
    log:
        f"{RESULTS}/logs/write_provenance/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/write_provenance/all.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=runtime(10),
    params:
        config=SETTINGS.model_dump(mode="json"),
        configured=SETTINGS.model_dump(mode="json", exclude_unset=True),
        shared=[*SOURCES, *WEIGHTS],
        code=code("write_provenance"),
    message:
        "Recording where the results come from"
    script:
        "../scripts/write_provenance.py"
