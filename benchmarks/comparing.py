"""How long the statistics take: `make bench-effects`.

The primary contrasts of a run with 3 models x 4 arms x 4 datasets of 1,000 items each, with the shared draws of this
project and, for one cell, with scipy alone. Values are drawn at random: the time does not depend on them.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from faithfulness.compare import claims, effects, inference
from faithfulness.compare.inference import EQUIVALENCE
from faithfulness.compare.item_means import ROLES


def frame(rng: np.random.Generator, items: int, names: list[str]) -> pd.DataFrame:
    """A frame of means with values in steps of a quarter."""
    values = {(name, *cell): rng.integers(0, 5, items) / 4 for name in names for cell in ROLES}
    return pd.DataFrame(values, index=[f"i{i}" for i in range(items)])


def main() -> None:
    """Print both times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1000, help="items per cell (default: 1000)")
    arguments = parser.parse_args()
    declared = claims.load(ROOT / "config/claims.yaml")
    statistics = declared.statistics({})
    names = list(declared.primary_measures)
    rng = np.random.default_rng(0)
    cells = {
        (f"m{m}", f"tuned-{a}", f"d{d}"): frame(rng, arguments.items, names)
        for m in range(3)
        for a in range(4)
        for d in range(4)
    }
    start = time.perf_counter()
    found = effects.compare(cells, "plain", statistics, names)
    ours = time.perf_counter() - start
    print(f"{len(cells)} cells, their pools, {len(found)} effects of {arguments.items} items: {ours:.0f} s")

    differences = effects.differences(next(iter(cells.values())), names)
    start = time.perf_counter()
    for column in differences:
        values = differences[column].to_numpy()
        for level in (statistics.confidence, EQUIVALENCE):
            stats.bootstrap((values,), np.mean, confidence_level=level, n_resamples=statistics.resamples)
        stats.permutation_test(
            (values,), inference.studentised, permutation_type="samples", vectorized=True, batch=inference.EXACT_BATCH,
            n_resamples=statistics.resamples,
        )  # fmt: skip
    plain = (time.perf_counter() - start) * len(cells)
    print(f"scipy alone, effect by effect, without the pools: {plain:.0f} s ({plain / ours:.1f} times as long)")


if __name__ == "__main__":
    main()
