"""Write the page of the chain browser for one model and dataset."""

from pathlib import Path

from snakemake.iocontainers import Snakemake

from faithfulness.compare import read_all
from faithfulness.figures.colours import arm_colours
from faithfulness.operate import job
from faithfulness.report import chain_browser, render
from faithfulness.tables.generation import Chains, Items, Probes, Scores
from faithfulness.tables.io import atomically, read_table
from faithfulness.tables.measures import Measures
from faithfulness.tables.statistics import Gates

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
files = snakemake.input


def text(path: str) -> str:
    """The text of a file."""
    return Path(path).read_text(encoding="utf-8")


tables = chain_browser.Tables(
    items=read_table(files.questions, Items),
    chains=read_all.read(files.chains, Chains, ["writer", "dataset"]),
    probes=read_all.read(files.probes, Probes, ["writer", "dataset", "perturbation"]),
    scores=read_all.read(files.scores, Scores, ["reader", "dataset"]),
    measures=read_table(files.measures, Measures),
    gates=read_table(files.gates, Gates),
)
shown = chain_browser.context(
    tables,
    model=snakemake.wildcards.model,
    dataset=snakemake.wildcards.dataset,
    colours=arm_colours(snakemake.params.arms),
    script=text(files.script),
)
html = render.page(text(files.template), shown, "\n".join(map(text, files.styles)))
atomically(snakemake.output[0], lambda path: path.write_text(html, encoding="utf-8"))
