"""What is added to a registry appears wherever entries of that registry do, without another edit."""

import base64
import gzip
import json
import re
from pathlib import Path

import pytest
import yaml

from faithfulness.tables.generation import Scores
from faithfulness.tables.io import read_table
from faithfulness.tables.measures import Retention
from faithfulness.tables.statistics import Effects
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

# A measure of the toy perturbation: one row.
TOY_MEASURE = """
_ENTRIES += (
    Measure(
        name="reversal_tolerance",
        label="reversal tolerance",
        formula=lambda probes: mean(probes.kept("reversal")),
        faithful="low",
    ),
)


def registry("""
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


@pytest.fixture
def extended(finished: Path) -> Path:
    """A finished run whose code has one more entry in each registry, and is run again for one model."""
    library = finished / "scripts/faithfulness"
    (library / "perturb/reversal.py").write_text(TOY_PERTURBATION)
    with (library / "perturb/registry.py").open("a") as file:
        file.write(TOY_ENTRY)
    measures = library / "compare/measures.py"
    measures.write_text(measures.read_text().replace("\ndef registry(", TOY_MEASURE, 1))
    (library / "figures/toy.py").write_text(TOY_FIGURE)
    with (library / "figures/registry.py").open("a") as file:
        file.write(
            '\nFIGURES += (Figure("toy", tables=("summaries",), label="toy", title="Toys", message="drawing"),)\n'
        )
    (finished / "report/captions/toy.rst").write_text("**A toy.**\nEach bar is an arm on a dataset.\n")
    config = yaml.safe_load((finished / "config/smoke.yaml").read_text())
    (finished / "config/toys.yaml").write_text(yaml.safe_dump(config | {"models": config["models"][:1]}))
    return finished


def test_new_entries_appear_everywhere(extended: Path) -> None:
    results = extended / RESULTS
    probes = results / "probes/tiny/base/coin_flip"
    before = {file.name: file.stat().st_mtime_ns for file in probes.iterdir()}
    done = snakemake(extended, config="config/toys.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    page, paper = ((results / name).read_text() for name in ("report.html", "paper/paper.tex"))

    # The perturbation: no other one is made again.
    after = {file.name: file.stat().st_mtime_ns for file in probes.iterdir()}
    assert set(after) - set(before) == {"reversal.parquet"}
    assert {name: after[name] for name in before} == before
    scores = read_table(results / "scores/tiny/base/coin_flip.parquet", Scores)
    assert set(scores.loc[scores["perturbation"] == "reversal", "writer"]) == set(scores["writer"])
    assert "reversal" in set(read_table(results / "retention/tiny/coin_flip.parquet", Retention)["perturbation"])
    index = re.search(r'id="index"[^>]*>([^<]+)<', (results / "browser/tiny/coin_flip.html").read_text())
    assert index
    shown = json.loads(gzip.decompress(base64.b64decode(index[1])))
    assert {"name": "reversal", "label": "Reversal"}.items() <= shown["kinds"][-1].items()
    assert "reversal" in (results / "figures/retention/tiny.csv").read_text()
    assert "Further perturbations: reversal." in (results / "paper/methods.md").read_text()

    # The measure.
    effects = read_table(results / "effects/effects.csv", Effects)
    assert {"total", "reading"} <= set(effects.loc[effects["measure"] == "reversal_tolerance", "component"])
    assert "reversal tolerance" in page
    assert "reversal tolerance" in (results / "paper/measures.tex").read_text()
    assert "reversal tolerance" in str(shown)

    # The figure.
    for suffix in ("svg", "pdf", "png", "csv", "txt"):
        assert (results / f"figures/toy.{suffix}").stat().st_size > 0
    words = (results / "figures/toy.txt").read_text().strip()
    assert words.startswith("There are ")
    assert f'alt="A toy. {words}"' in page
    assert "Each bar is an arm on a dataset." in page[page.index('id="figures"') :]
    assert "{figures/toy.pdf}" in paper
    assert "A toy. Each bar is an arm on a dataset." in " ".join(paper.split())
