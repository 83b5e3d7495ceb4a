# Figures: needs the tables under results/effects, makes results/figures.
# Each figure is an SVG for reading, a PDF for papers, a PNG for slides (300 dpi), a CSV of exactly what is drawn, and a TXT
# that says in words what it shows. There is a rule for each figure of the registry (scripts/faithfulness/figures/registry.py).

from faithfulness.figures.registry import FIGURES

FIGURE_ARMS = [
    "base",
    *(arm.name for arm in SETTINGS.arms if not roles.is_control(arm.name)),
]  # in this order they get their colours
FIGURE_TABLES = {
    "calibration": CALIBRATION,
    "measures": expand(
        rules.measure_chains.output[0], dataset=DATASETS, allow_missing=True
    ),
    **{
        name: f"{RESULTS}/effects/{name}.csv"
        for name in [
            "curves",
            "effects",
            "gates",
            "kinds",
            "scale_fits",
            "summaries",
            "transitions",
        ]
    },
}
# Without a calibration there is nothing to draw of it.
DRAWN = [
    figure for figure in FIGURES if all(FIGURE_TABLES[table] for table in figure.tables)
]
# The files of all figures without their suffixes, in the order of the report.
PICTURES = [
    f"{RESULTS}/figures/{file}" for figure in DRAWN for file in figure.files(MODELS)
]


for figure in DRAWN:
    file = figure.files(["{model}"])[0]
    job = file.removeprefix(f"{figure.name}/") if figure.per_model else "all"

    rule:
        name:
            f"plot_{figure.name}"
        input:
            **{table: FIGURE_TABLES[table] for table in figure.tables},
        output:
            svg=report(
                f"{RESULTS}/figures/{file}.svg",
                caption=f"../report/captions/{figure.name}.rst",
                category="Figures",
                subcategory=figure.title,
                labels={
                    "figure": figure.label,
                    "model": "{model}" if figure.per_model else "all",
                },
            ),
            pdf=f"{RESULTS}/figures/{file}.pdf",
            png=f"{RESULTS}/figures/{file}.png",
            csv=f"{RESULTS}/figures/{file}.csv",
            txt=f"{RESULTS}/figures/{file}.txt",
        log:
            f"{RESULTS}/logs/plot_{figure.name}/{job}.log",
        benchmark:
            f"{RESULTS}/benchmarks/plot_{figure.name}/{job}.tsv"
        group:
            "figures"
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=memory(1000),
            runtime=runtime(10),
        params:
            module=figure.module,
            arms=FIGURE_ARMS,
            datasets=DATASETS,
            settings={
                name: getattr(SETTINGS.statistics, name) for name in figure.settings
            },
            code=code("plot_figure", figure.module),
        message:
            figure.message
        script:
            "../scripts/plot_figure.py"
