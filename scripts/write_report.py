"""Write the report: one self-contained page."""

import json
from pathlib import Path

from snakemake.iocontainers import Snakemake

from faithfulness.compare import read_all
from faithfulness.figures import registry
from faithfulness.operate import job
from faithfulness.report import page, published, render, run
from faithfulness.tables.controls import Controls, NullPairs
from faithfulness.tables.generation import LeftOut
from faithfulness.tables.io import atomically, read_table, read_tables
from faithfulness.tables.measures import Calibration, Measures
from faithfulness.tables.statistics import Conflicts, Correlations, Effects, Gates, KindShares, Strengths, Summaries

snakemake: Snakemake  # Snakemake puts it here

job.start(snakemake.log)
files, params = snakemake.input, snakemake.params


def text(path: str | Path) -> str:
    """The text of a file."""
    return Path(path).read_text(encoding="utf-8")


def figure(svg: str, alt_text: str) -> dict:
    """A figure of the page, from its files."""
    entry, model = registry.named(Path(svg).relative_to(Path(snakemake.output[0]).parent / "figures"))
    caption = render.caption(text(captions[entry.name]), model)
    return render.figure(entry.name, caption, text(svg), text(alt_text), model=model) | {"section": entry.section}


captions = {Path(path).stem: path for path in files.captions}
results = page.Results(
    effects=read_table(files.effects, Effects),
    gates=read_table(files.gates, Gates),
    summaries=read_table(files.summaries, Summaries),
    strengths=read_table(files.strengths, Strengths),
    kinds=read_table(files.kinds, KindShares),
    conflicts=read_table(files.conflicts, Conflicts),
    correlations=read_table(files.correlations, Correlations),
    calibration=read_tables(files.calibration, Calibration) if files.calibration else None,
    left_out=read_all.read(files.left_out, LeftOut, ["dataset", "name"]),
    controls=read_table(files.controls, Controls),
    null_pairs=read_table(files.null_pairs, NullPairs),
    measures=read_all.read(files.measures, Measures, ["model", "dataset"]) if files.measures else None,
)
shown = page.context(
    results,
    config=params.config,
    claims_record=json.loads(text(files.claims)),
    published=published.load(files.published or None),
    figures=list(map(figure, files.figures, files.alt_texts)),
    provenance=json.loads(text(files.provenance)),
    hours=run.hours(Path(params.benchmarks)),
    method=text(files.method),
)
html = render.page(text(files.template), shown, text(files.style))
atomically(snakemake.output[0], lambda path: path.write_text(html, encoding="utf-8"))
