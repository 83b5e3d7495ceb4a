"""Write the report: one self-contained page."""

import json
from pathlib import Path

from faithfulness.compare import read_all
from faithfulness.operate import job
from faithfulness.report import published, report
from faithfulness.tables.io import atomically, read_table, read_tables
from faithfulness.tables.statistics import Calibration, Correlations, Effects, Gates, Measures, Summaries

job.start(snakemake.log)


def text(path: str) -> str:
    """The text of a file."""
    return Path(path).read_text(encoding="utf-8")


captions = {Path(path).stem: text(path) for path in snakemake.input.captions}
shown = report.context(
    effects=read_table(snakemake.input.effects, Effects),
    gates=read_table(snakemake.input.gates, Gates),
    summaries=read_table(snakemake.input.summaries, Summaries),
    correlations=read_table(snakemake.input.correlations, Correlations),
    claims_record=json.loads(text(snakemake.input.claims)),
    calibration=read_tables(snakemake.input.calibration, Calibration) if snakemake.input.calibration else None,
    published=published.load(snakemake.input.published or None),
    measures=read_all.read(snakemake.input.measures, Measures, ["model", "dataset"])
    if snakemake.input.measures
    else None,
    figures=[report.figure(path, text(path), captions) for path in snakemake.input.figures],
    hours=report.hours(Path(snakemake.params.benchmarks)),
    provenance=json.loads(text(snakemake.input.provenance)),
    config=snakemake.params.config,
    method=text(snakemake.input.method),
    style=text(snakemake.input.style),
)
page = report.render(text(snakemake.input.template), shown)
atomically(snakemake.output[0], lambda path: path.write_text(page, encoding="utf-8"))
