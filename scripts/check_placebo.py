"""Judge the placebos of a finished run as if each were tuned, and their tuned arm against them.

Exits with 1 if a placebo, over all of its trainings, is called changed, or its tuned arm against it. What single
trainings would be called is counted beside: their intervals do not cover the luck of training.

Needs the tables of means, of answers and of gates, which `make placebo-check` makes.
"""

import argparse
import sys
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
    table = null_pairs.judge_pairs(
        pairs(configured),
        means,
        read_tables(sorted(results.glob("descriptions/*/*/gates.parquet")), Gates),
        read_all.read(
            [file for file in results.glob("cut_answers/*/*.parquet") if file.stem in looked_at],
            CutAnswers,
            ["model", "dataset"],
            where={"writer": ["base"]},
        ),
        claims=declared,
        statistics=declared.statistics(configured.statistics.model_dump()),
    )
    print("\n".join(null_pairs.lines(table)))
    single = table["first"].isin([training.name for training in trainings(configured)])
    print(f"Single trainings: {null_pairs.alarms(table[single])}")
    changed = table[~single & table["verdict"].isin(null_pairs.CHANGED)]
    if (table.loc[~single, "verdict"] == verdicts.CLOSED).all():
        sys.exit("nothing can be said of any placebo: all cells are closed")
    sys.exit(f"{len(changed)} verdicts on a placebo say that it changed something" if len(changed) else None)


def trainings(configured: Settings) -> list[Reader]:
    """Each training of placebos that have several."""
    arms = [arm for arm in configured.arms if isinstance(arm, PlaceboArm) and len(arm.trainings()) > 1]
    return [Reader(training.name, arm.name, training.seed) for arm in arms for training in arm.trainings()]


def pairs(configured: Settings) -> list[Pair]:
    """Each training of each placebo with base, all of them with base, and the tuned arm with all of them."""
    found = []
    for arm in configured.arms:
        if isinstance(arm, PlaceboArm):
            single = [reader for reader in trainings(configured) if reader.arm == arm.name]
            whole, tuned = Reader(arm.name, arm.name), Reader(arm.placebo.of, arm.placebo.of)
            for model in configured.models_of(arm):
                found += [Pair(model, reader, BASE) for reader in (*single, whole)]
                found.append(Pair(model, tuned, whole))
    return found


def read(file: str | Path) -> dict[str, Any]:
    """A file of YAML as plain values."""
    return yaml.safe_load(Path(file).read_text("utf-8"))


if __name__ == "__main__":
    main()
