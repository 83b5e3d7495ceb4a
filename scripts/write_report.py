"""Write the report: one self-contained page."""

import json
from pathlib import Path

from faithfulness import cells, logs, published, report, tables

logs.to(snakemake.log)


def text(path: str) -> str:
    """The text of a file."""
    return Path(path).read_text(encoding="utf-8")


captions = {Path(path).stem: text(path) for path in snakemake.input.captions}
shown = report.context(
    effects=tables.read(snakemake.input.effects, tables.Effects),
    gates=tables.read(snakemake.input.gates, tables.Gates),
    summaries=tables.read(snakemake.input.summaries, tables.Summaries),
    correlations=tables.read(snakemake.input.correlations, tables.Correlations),
    claims_record=json.loads(text(snakemake.input.claims)),
    calibration=tables.read_all(snakemake.input.calibration, tables.Calibration)
    if snakemake.input.calibration
    else None,
    published=published.load(snakemake.input.published or None),
    measures=cells.read(snakemake.input.measures, tables.Measures, ["model", "dataset"])
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
tables.atomically(snakemake.output[0], lambda path: path.write_text(page, encoding="utf-8"))
