"""What is added to a registry appears wherever entries of that registry do, without another edit."""

from pathlib import Path

from tests.runs import RESULTS, snakemake

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
