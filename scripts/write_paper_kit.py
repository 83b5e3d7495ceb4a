"""Write the paper kit: tables, methods and figures to be pasted into a paper, and what they cite."""

import shutil
from pathlib import Path

from snakemake.iocontainers import Snakemake

from faithfulness.arms.record import read_arm
from faithfulness.compare import claims
from faithfulness.operate import job
from faithfulness.operate.provenance.software import installed_versions
from faithfulness.report import paper, paper_tables
from faithfulness.report.paper_languages import LATEX, MARKDOWN, render
from faithfulness.tables.io import atomically, read_table
from faithfulness.tables.statistics import Effects, Gates, ScaleFits, Summaries

snakemake: Snakemake  # Snakemake puts it here

log = job.start(snakemake.log)
files, kit = snakemake.input, Path(snakemake.output.document).parent


def text(path: str) -> str:
    """The text of a file."""
    return Path(path).read_text(encoding="utf-8")


def write(name: str, content: str) -> None:
    """Write a file of the kit."""
    atomically(kit / name, lambda path: path.write_text(content, encoding="utf-8"))


effects = read_table(files.effects, Effects)
summaries = read_table(files.summaries, Summaries)
gates = read_table(files.gates, Gates)
declared = claims.load(files.claims)
shown = paper.methods_context(
    config=snakemake.params.config,
    claims=declared,
    effects=effects,
    summaries=summaries,
    gates=gates,
    arms=[read_arm(folder) for folder in files.arms],
    versions=installed_versions(paper.PACKAGES),
)
tables = {
    "effects": paper_tables.effects_table(effects, declared.primary),
    "accuracy": paper_tables.accuracy_table(summaries),
    "gates": paper_tables.gates_table(gates),
    "scale": paper_tables.scale_table(effects, read_table(files.scale_fits, ScaleFits)),
    "measures": paper_tables.measures_table(effects),
}
confidence = snakemake.params.config["statistics"]["confidence"]
for language in (LATEX, MARKDOWN):
    write(f"methods.{language.suffix}", render(text(files.methods), shown, language))
    for name, table in tables.items():
        write(f"{name}.{language.suffix}", paper_tables.table(table, name, language, confidence))

missing = paper.unknown(shown)
if missing:
    log.warning("No reference is known for the source of %s: add it to references.bib", ", ".join(missing))
methods = text(snakemake.output.methods)
write("references.bib", paper.references(text(files.references), methods, shown["versions"], missing))

captions = {Path(path).stem: text(path) for path in files.captions}
for pdf, copy in zip(files.figures, snakemake.output.figures, strict=True):
    shutil.copyfile(pdf, copy)
figures = [paper.figure(Path(copy).relative_to(kit / "figures"), captions) for copy in snakemake.output.figures]
write("paper.tex", render(text(files.document), {"tables": list(tables), "figures": figures}, LATEX))
