"""Write the page of the chain browser for one model and dataset."""

from pathlib import Path

from faithfulness import browser, cells, logs, report, tables, theme

logs.to(snakemake.log)


def text(path: str) -> str:
    """The text of a file."""
    return Path(path).read_text(encoding="utf-8")


shown = browser.context(
    model=snakemake.wildcards.model,
    dataset=snakemake.wildcards.dataset,
    colours=theme.arm_colours(snakemake.params.arms),
    items=tables.read(snakemake.input.questions, tables.Items),
    chains=cells.read(snakemake.input.chains, tables.Chains, ["writer", "dataset"]),
    probes=cells.read(snakemake.input.probes, tables.Probes, ["writer", "dataset", "perturbation"]),
    scores=cells.read(snakemake.input.scores, tables.Scores, ["reader", "dataset"]),
    measures=tables.read(snakemake.input.measures, tables.Measures),
    gates=tables.read(snakemake.input.gates, tables.Gates),
    style="\n".join(map(text, snakemake.input.styles)),
    script=text(snakemake.input.script),
)
page = report.render(text(snakemake.input.template), shown)
tables.atomically(snakemake.output[0], lambda path: path.write_text(page, encoding="utf-8"))
