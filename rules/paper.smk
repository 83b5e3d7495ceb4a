# Paper kit: needs the tables under results/effects and the figures as PDF, makes results/paper: tables and the methods
# as LaTeX and Markdown, the figures, references.bib, and paper.tex, which puts them together.

PAPER = f"{RESULTS}/paper"


rule write_paper_kit:
    input:
        effects=rules.compare_scales.output.effects,
        scale_fits=rules.compare_scales.output.scale_fits,
        gates=rules.compare_arms.output.gates,
        summaries=rules.compare_arms.output.summaries,
        claims=SETTINGS.claims,
        arms=ARM_FILES,
        figures=[f"{picture}.pdf" for picture in PICTURES],
        captions=expand(f"{PAGE}/captions/{{name}}.rst", name=CAPTIONS),
        methods=f"{PAGE}/paper/methods.j2",
        references=f"{PAGE}/paper/references.bib.j2",
        document=f"{PAGE}/paper/paper.tex.j2",
    output:
        document=f"{PAPER}/paper.tex",
        references=f"{PAPER}/references.bib",
        methods=f"{PAPER}/methods.tex",
        methods_markdown=f"{PAPER}/methods.md",
        tables=expand(
            f"{PAPER}/{{table}}.{{suffix}}",
            table=["effects", "accuracy", "gates", "scale", "measures"],
            suffix=["tex", "md"],
        ),
        figures=[
            f"{PAPER}/{Path(picture).relative_to(RESULTS)}.pdf" for picture in PICTURES
        ],
    log:
        f"{RESULTS}/logs/write_paper_kit/all.log",
    benchmark:
        f"{RESULTS}/benchmarks/write_paper_kit/all.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=runtime(10),
    params:
        config=SETTINGS.model_dump(mode="json"),
        code=code("write_paper_kit"),
    message:
        "writing the paper kit"
    script:
        "../scripts/write_paper_kit.py"
