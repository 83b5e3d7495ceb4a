"""What keeps a reader from concluding more."""

from collections.abc import Hashable

import pandas as pd

from faithfulness.compare import closed
from faithfulness.compare.evidence import BETWEEN
from faithfulness.compare.findings import ALL
from faithfulness.compare.readings import BASE_CHAINS
from faithfulness.compare.trainings import ENOUGH_SEEDS
from faithfulness.compare.verdicts import OPEN
from faithfulness.report.labels import calibration_status, label
from faithfulness.report.plain import Plain, Shown
from faithfulness.report.verdict_tables import single_cells, verdict_counts

ENOUGH_ITEMS = 100  # below this, and where differences are few, intervals were simulated to cover less well


def limits_section(
    effects: pd.DataFrame,
    gates: pd.DataFrame,
    summaries: pd.DataFrame,
    calibration: pd.DataFrame | None,
    config: Plain,
) -> Shown:
    """What keeps a reader from concluding more: failed gates, open verdicts, few seeds, items and sizes.

    Args:
        effects, gates, summaries: the tables of those names.
        calibration: tables.Calibration, if there is one.
        config: the configuration as plain data.
    """
    failed = closed.failed(gates).drop_duplicates(["model", "arm", "dataset", "gate"])
    cells: dict[Hashable, int] = gates.drop_duplicates(["model", "arm", "dataset"]).groupby("dataset").size().to_dict()
    tested = single_cells(effects)
    judged = tested[tested.interpretable & tested.estimate.notna()]
    of_chains = tested[tested.measure.map(lambda name: calibration_status(name, "any") != "").astype(bool)]
    # By model, as a placebo may have some models only. A placebo's trainings cover those of its arm.
    of_one_arm = tested[~tested.arm.str.contains(BETWEEN)]
    few_seeds = of_one_arm[of_one_arm.n_seeds < ENOUGH_SEEDS].drop_duplicates(["model", "arm"])
    crossed = effects[(effects.contrast == BASE_CHAINS) & effects.seed_error.notna()]
    covered = few_seeds[["model", "arm"]].apply(tuple, axis=1).isin({*zip(crossed.model, crossed.arm, strict=True)})
    uncovered = few_seeds[~covered].arm.unique()
    uncalibrated = of_chains[of_chains.calibration == "not calibrated"].dataset.unique()
    calibrated = set() if calibration is None else set(calibration.dataset)
    return {
        "gates": [
            {
                "dataset": dataset,
                "claims": "" if closes == ALL else closes,
                "cells": len(rows.drop_duplicates(["model", "arm"])),
                "of": cells[dataset],
                "models": list(rows.model.unique()),
                "gates": rows.groupby("gate", sort=False).size().to_dict(),
            }
            for (dataset, closes), rows in failed.groupby(["dataset", "closes"], sort=False)
        ],
        "inconclusive": {name: n for name in ("C8", "C1", "C2", "C3") if (n := verdict_counts(tested, name)[OPEN])},
        "few_seeds": list(uncovered),
        "seeds_of_placebo": [arm for arm in few_seeds.arm.unique() if arm not in uncovered],
        "intervals": len(judged),
        "few_items": int((judged.n_items < ENOUGH_ITEMS).sum()),
        "sparse": int(judged["sparse"].fillna(False).sum()),
        "failed_measures": [
            {"label": label(str(name)), "datasets": list(rows.dataset.unique())}
            for name, rows in tested[tested.calibration == "failed"].groupby("measure", sort=False)
        ],
        "uncalibrated": [dataset for dataset in uncalibrated if dataset not in calibrated],
        "half_calibrated": [dataset for dataset in uncalibrated if dataset in calibrated],
        "sizes": int(summaries.parameters.nunique()),
        "pruned": [model["name"] for model in config["models"] if model.get("layers")],
    }
