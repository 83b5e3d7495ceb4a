"""What is added to a registry appears wherever entries of that registry do, without another edit."""

import base64
import gzip
import json
import re
from pathlib import Path

from faithfulness.tables.generation import Scores
from faithfulness.tables.io import read_table
from faithfulness.tables.measures import Retention
from tests.runs import RESULTS, snakemake

TOY_PERTURBATION = '''
"""Reversal: the steps after the first k in the opposite order, a perturbation that only this test has."""

from faithfulness.perturb.splicing import Change, Encode, Row, cuts, probe


def perturb(chain: Row, *, max_cuts: int, encode: Encode | None = None) -> list[Row]:
    n = len(chain["steps"])
    return [
        probe(chain, Change(k, "all", k, n, "".join(chain["steps"][k:][::-1]), "reversal", True), encode)
        for k in cuts(n, max_cuts)[:-1]
    ]
'''
TOY_ENTRY = """
PERTURBATIONS["reversal"] = Perturbation(
    name="reversal",
    label="reversal",
    needs=("max_cuts", "encode"),
    variants=(Variant(name="all", label="Reversal", title="All steps reversed", hint="Reversed steps.", curve=True),),
)
"""

TOY_FIGURE = '''
"""How many chains there are: a figure that only this test has."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure


def tabulate(summaries: pd.DataFrame) -> pd.DataFrame:
    return summaries[["model", "arm", "dataset", "n_items"]].assign(interpretable=True)


def draw(data: pd.DataFrame, arms: Sequence[str], datasets: Sequence[str]) -> Figure:
    figure = Figure()
    figure.subplots().bar(range(len(data)), data["n_items"])
    return figure


def describe(data: pd.DataFrame) -> str:
    return f"There are {len(data)} bars."
'''


def test_a_new_perturbation_is_scored_and_shown(finished: Path) -> None:
    library, results = finished / "scripts/faithfulness", finished / RESULTS
    (library / "perturb/reversal.py").write_text(TOY_PERTURBATION)
    with (library / "perturb/registry.py").open("a") as file:
        file.write(TOY_ENTRY)
    probes = results / "probes/tiny/base/coin_flip"
    before = {file.name: file.stat().st_mtime_ns for file in probes.iterdir()}
    scores, page = "scores/tiny/base/coin_flip.parquet", "browser/tiny/coin_flip.html"
    retention = "retention/tiny/coin_flip.parquet"
    done = snakemake(finished, *(f"{RESULTS}/{target}" for target in (scores, retention, page)))
    assert done.returncode == 0, done.stderr[-3000:]
    # No other perturbation is made again.
    after = {file.name: file.stat().st_mtime_ns for file in probes.iterdir()}
    assert set(after) - set(before) == {"reversal.parquet"}
    assert {name: after[name] for name in before} == before
    scored = read_table(results / scores, Scores)
    assert set(scored.loc[scored["perturbation"] == "reversal", "writer"]) == set(scored["writer"])
    assert "reversal" in set(read_table(results / retention, Retention)["perturbation"])
    index = re.search(r'id="index"[^>]*>([^<]+)<', (results / page).read_text())
    assert index
    kinds = json.loads(gzip.decompress(base64.b64decode(index[1])))["kinds"]
    assert {"name": "reversal", "label": "Reversal"}.items() <= kinds[-1].items()


def test_a_new_figure_is_drawn_shown_and_copied_to_the_paper_kit(finished: Path) -> None:
    library = finished / "scripts/faithfulness"
    (library / "figures/toy.py").write_text(TOY_FIGURE)
    with (library / "figures/registry.py").open("a") as file:
        file.write(
            '\nFIGURES += (Figure("toy", tables=("summaries",), label="toy", title="Toys", message="drawing"),)\n'
        )
    (finished / "report/captions/toy.rst").write_text("**A toy.**\nEach bar is an arm on a dataset.\n")
    targets = (f"{RESULTS}/report.html", f"{RESULTS}/paper/paper.tex")
    done = snakemake(finished, *targets)
    assert done.returncode == 0, done.stderr[-3000:]
    for suffix in ("svg", "pdf", "png", "csv", "txt"):
        assert (finished / RESULTS / f"figures/toy.{suffix}").stat().st_size > 0
    page, paper = ((finished / target).read_text() for target in targets)
    words = (finished / RESULTS / "figures/toy.txt").read_text().strip()
    assert words.startswith("There are ")
    assert f'alt="A toy. {words}"' in page
    assert "Each bar is an arm on a dataset." in page[page.index('id="figures"') :]
    assert "{figures/toy.pdf}" in paper
    assert "A toy. Each bar is an arm on a dataset." in " ".join(paper.split())
