"""Write the page of the chain browser for one model and dataset."""

from pathlib import Path

from faithfulness.compare import read_all
from faithfulness.figures import theme
from faithfulness.operate import job
from faithfulness.report import chain_browser, report
from faithfulness.tables.generation import Chains, Items, Probes, Scores
from faithfulness.tables.io import atomically, read_table
from faithfulness.tables.statistics import Gates, Measures

job.start(snakemake.log)


def text(path: str) -> str:
    """The text of a file."""
    return Path(path).read_text(encoding="utf-8")


shown = chain_browser.context(
    model=snakemake.wildcards.model,
    dataset=snakemake.wildcards.dataset,
    colours=theme.arm_colours(snakemake.params.arms),
    items=read_table(snakemake.input.questions, Items),
    chains=read_all.read(snakemake.input.chains, Chains, ["writer", "dataset"]),
    probes=read_all.read(snakemake.input.probes, Probes, ["writer", "dataset", "perturbation"]),
    scores=read_all.read(snakemake.input.scores, Scores, ["reader", "dataset"]),
    measures=read_table(snakemake.input.measures, Measures),
    gates=read_table(snakemake.input.gates, Gates),
    style="\n".join(map(text, snakemake.input.styles)),
    script=text(snakemake.input.script),
)
page = report.render(text(snakemake.input.template), shown)
atomically(snakemake.output[0], lambda path: path.write_text(page, encoding="utf-8"))
