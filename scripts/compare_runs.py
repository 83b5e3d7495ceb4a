"""Show two finished runs side by side: `make compare A=results-a B=results-b`.

Writes into the output folder: comparison.html, one self-contained page; comparison.csv, all effects that both runs
have, with their differences; and the figure pairs (.svg, .png, .pdf), with what it draws as .csv.
"""

import argparse
import sys
from pathlib import Path

from faithfulness.figures import plots
from faithfulness.report import report, two_runs
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
    given = parser.parse_args()
    a, b = two_runs.load(given.a), two_runs.load(given.b)
    models = two_runs.match_models(a, b, given.models)
    shared = two_runs.side_by_side(a, b, models)

    folder = Path(given.output)
    folder.mkdir(parents=True, exist_ok=True)
    write_table(shared, Comparison, folder / "comparison.csv")
    drawn, figure = plots.pairs_data(shared), None
    if len(drawn):
        picture = plots.pairs(drawn, sorted(set(drawn.arm)), sorted(set(drawn.dataset)))
        plots.save(picture, drawn, **{kind: folder / f"pairs.{kind}" for kind in ("svg", "pdf", "png", "csv")})
        captions = {"pairs": (PAGE / "captions/pairs.rst").read_text("utf-8")}
        figure = report.figure("pairs.svg", (folder / "pairs.svg").read_text("utf-8"), captions)
    style = (PAGE / "style.css").read_text("utf-8")
    shown = two_runs.context(a, b, models, shared=shared, figure=figure, style=style)
    page = report.render((PAGE / "compare.html.j2").read_text("utf-8"), shown)
    atomically(folder / "comparison.html", lambda path: path.write_text(page, encoding="utf-8"))
    print(f"Open {folder / 'comparison.html'} in a browser.")


if __name__ == "__main__":
    try:
        main()
    except RunError as error:
        sys.exit(str(error))
