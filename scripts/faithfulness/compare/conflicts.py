"""How many conflict chains could be made, and why others could not."""

from collections.abc import Mapping

import pandas as pd

COLUMNS = ("variant", "rule", "accepted")  # of tables.Probes that are used
REPAIRED = "repaired"  # chains that came back to their old conclusion


def acceptance(probes: pd.DataFrame, arms: Mapping[str, str]) -> pd.DataFrame:
    """Conflict chains by arm and kind.

    Args:
        probes: COLUMNS of tables.Probes of all writers' conflict chains, with a column `writer`.
        arms: the arm of each training, by the training's name; other writers are arms themselves.

    Returns:
        The columns of tables.Conflicts but model and dataset, sorted by arm and kind.
    """
    named = probes.assign(arm=probes["writer"].map(lambda writer: arms.get(writer, writer)))
    rows = []
    for (arm, variant), part in named.groupby(["arm", "variant"]):
        made = part["accepted"].astype(bool)
        reasons = part.loc[~made, "rule"].value_counts()
        others = reasons.drop(REPAIRED, errors="ignore")
        # The commonest first, those that are as common by name.
        listed = sorted(others.items(), key=lambda reason: (-reason[1], str(reason[0])))
        rows.append(
            {
                "arm": arm,
                "variant": variant,
                "chains": len(part),
                "accepted": int(made.sum()),
                "repaired": int(reasons.get(REPAIRED, 0)),
                "refused": int(others.sum()),
                "reasons": ", ".join(f"{count} {reason}" for reason, count in listed),
            }
        )
    return pd.DataFrame(rows, columns=["arm", "variant", "chains", "accepted", "repaired", "refused", "reasons"])
