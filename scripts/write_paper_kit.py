"""Write the paper kit: tables, methods and figures to be pasted into a paper, and what they cite."""

import json
import shutil
from pathlib import Path

from faithfulness.compare import claims
from faithfulness.operate import job
from faithfulness.report import paper
from faithfulness.report.paper import LATEX, MARKDOWN
from faithfulness.tables.io import atomically, read_table
from faithfulness.tables.statistics import Effects, Gates, ScaleFits, Summaries

log = job.start(snakemake.log)
given, made = snakemake.input, snakemake.output
kit = Path(made.document).parent


def text(path: str) -> str:
    """The text of a file."""
    return Path(path).read_text(encoding="utf-8")


def write(name: str, content: str) -> None:
    """Write a file of the kit."""
    atomically(kit / name, lambda path: path.write_text(content, encoding="utf-8"))


effects = read_table(given.effects, Effects)
summaries = read_table(given.summaries, Summaries)
gates = read_table(given.gates, Gates)
declared = claims.load(given.claims)
shown = paper.methods_context(
    config=snakemake.params.config,
    claims=declared,
    effects=effects,
    summaries=summaries,
    gates=gates,
    arms=[json.loads(text(f"{folder}/arm.json")) for folder in given.arms],
)
frames = {
    "effects": paper.effects_table(effects, declared.primary),
    "accuracy": paper.accuracy_table(summaries),
    "gates": paper.gates_table(gates),
    "scale": paper.scale_table(effects, read_table(given.scale_fits, ScaleFits)),
}
confidence = snakemake.params.config["statistics"]["confidence"]
for language in (LATEX, MARKDOWN):
    write(f"methods.{language.suffix}", paper.render(text(given.methods), shown, language))
    for name, frame in frames.items():
        write(f"{name}.{language.suffix}", paper.table(frame, name, language, confidence))

missing = paper.unknown(shown)
if missing:
    log.warning("No reference is known for the source of %s: add it to references.bib", ", ".join(missing))
write("references.bib", paper.references(text(given.references), text(made.methods), shown["versions"], missing))

captions = {Path(path).stem: text(path) for path in given.captions}
for pdf, copy in zip(given.figures, made.figures, strict=True):
    shutil.copyfile(pdf, copy)
figures = [paper.figure(Path(copy).relative_to(kit), captions) for copy in made.figures]
write("paper.tex", paper.render(text(given.document), {"tables": list(frames), "figures": figures}, LATEX))
