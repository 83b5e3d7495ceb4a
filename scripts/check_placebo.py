"""Judge the placebos of a finished run as if each were tuned, and their tuned arm against them.

Exits with 1 if a placebo is called changed, over all of its trainings or by a single one, or its tuned arm against it.
Single trainings have, as a tuned arm that is trained once, the spread between the other trainings in their intervals.
Without it they are counted beside.

Needs the tables of means, of answers and of gates, which `make placebo-check` makes.
"""

import argparse
import functools
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from faithfulness.compare import claims, item_means, null_pairs, read_all, verdicts
from faithfulness.compare.null_pairs import BASE, Pair, Reader
from faithfulness.config import settings
from faithfulness.config.controls import PlaceboArm
from faithfulness.config.settings import Settings
from faithfulness.tables.io import read_tables
from faithfulness.tables.measures import CutAnswers
from faithfulness.tables.statistics import Gates

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Print the verdicts of each placebo and of its trainings against base, and of its tuned arm against it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="configuration of the run")
    parser.add_argument("--datasets", nargs="+", help="datasets that are looked at (default: all)")
    options = parser.parse_args()
    configured = settings.load(read(options.config), read(ROOT / "config/datasets.yaml"))
    results, declared = Path(configured.results), claims.load(configured.claims)
    looked_at = options.datasets or [dataset.name for dataset in configured.datasets]
    means = read_all.read(
        [file for file in results.glob("means/*/*.parquet") if file.stem in looked_at],
        item_means.schema(),
        ["model", "dataset"],
    )
    judged = functools.partial(
        null_pairs.judge_pairs,
        means=means,
        gates=read_tables(sorted(results.glob("descriptions/*/*/gates.parquet")), Gates),
        answers=read_all.read(
            [file for file in results.glob("cut_answers/*/*.parquet") if file.stem in looked_at],
            CutAnswers,
            ["model", "dataset"],
            where={"writer": ["base"]},
        ),
        claims=declared,
        statistics=declared.statistics(configured.statistics.model_dump()),
    )
    asked = pairs(configured)
    table = judged(asked)
    print("\n".join(null_pairs.lines(table)))
    without = judged([replace(pair, placebo=()) for pair in asked if pair.first.seed is not None])
    print(f"If the spread between trainings were left out of single ones: {null_pairs.alarms(without)}")
    changed = table[table["verdict"].isin(null_pairs.CHANGED)]
    whole = table["first"].isin([pair.first.name for pair in asked if pair.first.seed is None])
    if (table.loc[whole, "verdict"] == verdicts.CLOSED).all():
        sys.exit("nothing can be said of any placebo: all cells are closed")
    sys.exit(f"{len(changed)} verdicts on a placebo say that it changed something" if len(changed) else None)


def pairs(configured: Settings) -> list[Pair]:
    """Each training of placebos that have several with base, all of them with base, and the tuned arm with all."""
    found = []
    for arm in configured.arms:
        if isinstance(arm, PlaceboArm):
            trainings = [Reader(one.name, arm.name, one.seed) for one in arm.trainings()]
            single = trainings if len(trainings) > 1 else []
            whole, tuned = Reader(arm.name, arm.name), Reader(arm.placebo.of, arm.placebo.of)
            for model in configured.models_of(arm):
                for one in single:
                    others = tuple(other for other in single if other != one)
                    found.append(Pair(model, one, BASE, others))
                found.append(Pair(model, whole, BASE))
                found.append(Pair(model, tuned, whole, tuple(trainings)))
    return found


def read(file: str | Path) -> dict[str, Any]:
    """A file of YAML as plain values."""
    return yaml.safe_load(Path(file).read_text("utf-8"))


if __name__ == "__main__":
    main()
