"""How the chains that lead elsewhere were made: by writer and kind."""

import pandas as pd

from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.report.plain import Shown

WRITER = ["model", "dataset", "arm", "variant"]
NATS = ["chain_nats", "original_nats"]


def conflicts_section(conflicts: pd.DataFrame) -> Shown:
    """The kinds that were made, each explained, and a row for each writer and kind with its readers.

    Args:
        conflicts: tables.Conflicts.
    """
    hints = {variant.name: variant.hint for variant in PERTURBATIONS["conflict"].variants}
    rows = []
    for _, part in conflicts.groupby(WRITER, sort=False):
        row = part.iloc[0]
        rows.append(
            {name: row[name] for name in [*WRITER, "chains", "reasons"]}
            | {"accepted": row["accepted"] / row["chains"], "repaired": row["repaired"] / row["chains"]}
            | {"readers": part.loc[part["chain_nats"].notna(), ["reader", *NATS]].to_dict("records")}
        )
    made = set(conflicts["variant"])
    return {"kinds": [{"name": name, "hint": hint} for name, hint in hints.items() if name in made], "rows": rows}
