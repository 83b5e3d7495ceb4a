# Provenance: needs the tables under results/effects and everything that they come from, makes results/provenance.json:
# what the results were made from, and the time and memory that it took. The report shows it.

# The record contains their time, too, so it waits for them; but it is not made again because they are newer.
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
        configured=SETTINGS.model_dump(mode="json", exclude_unset=True),
        shared=[*SOURCES, *WEIGHTS],
        code=code("write_provenance"),
    message:
        "recording where the results come from"
    script:
        "../scripts/write_provenance.py"
