"""Show two finished runs side by side: `make compare A=results-a B=results-b`.

Writes into the output folder: comparison.html, one self-contained page; comparison.csv, all effects that both runs
have, with their differences; and the figure pairs (.svg, .png, .pdf), with what it
draws as .csv and what it shows in words as .txt.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from faithfulness.figures import common, pairs
from faithfulness.report import render, two_runs
from faithfulness.report.two_runs import Comparison, RunError
from faithfulness.tables.io import atomically, write_table

PAGE = Path(__file__).parents[1] / "report"


def main() -> None:
    """Read, match, compare, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("a", help="results of the one run, for example of your own model")
    parser.add_argument("b", help="results of the other run, for example a published one")
    parser.add_argument("--output", default="results-compare", help="folder to write to (default: %(default)s)")
    parser.add_argument(
        "--models",
        nargs="+",
        default=[],
        metavar="A=B",
        help="names of models that belong together",
    )
    options = parser.parse_args()
    a, b = two_runs.load(options.a), two_runs.load(options.b)
    models = two_runs.match_models(a, b, options.models)
    shared = two_runs.side_by_side(a, b, models)

    folder = Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    write_table(shared, Comparison, folder / "comparison.csv")
    shown = two_runs.context(a, b, models, shared=shared, figure=draw(shared, folder))
    html = render.page(text("compare.html.j2"), shown, text("style.css"))
    atomically(folder / "comparison.html", lambda path: path.write_text(html, encoding="utf-8"))
    print(f"Open {folder / 'comparison.html'} in a browser.")


def draw(shared: pd.DataFrame, folder: Path) -> dict[str, Any] | None:
    """Draw the figure of both runs and return it as the page shows it; None if there is nothing to draw."""
    data = pairs.tabulate(shared)
    if data.empty:
        return None
    picture = pairs.draw(data, sorted(set(data.arm)), sorted(set(data.dataset)))
    files = {kind: folder / f"pairs.{kind}" for kind in ("svg", "pdf", "png", "csv", "txt")}
    common.save(picture, data, pairs.describe(data), **files)
    caption = render.caption(text("captions/pairs.rst"))
    return render.figure("pairs", caption, files["svg"].read_text("utf-8"), pairs.describe(data))


def text(name: str) -> str:
    """The text of a file of the report."""
    return (PAGE / name).read_text("utf-8")


if __name__ == "__main__":
    try:
        main()
    except RunError as error:
        sys.exit(str(error))
