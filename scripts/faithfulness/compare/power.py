"""How many items a next run needs."""

import numpy as np
import pandas as pd

from faithfulness.compare import inference
from faithfulness.compare.measures import MEASURES
from faithfulness.tables.io import frame
from faithfulness.tables.statistics import Power


def items_table(found: pd.DataFrame) -> pd.DataFrame:
    """Items that a next run needs, by the spread of this one: n (detectable / effect)^2, as errors fall with root n.

    What seeds add to the spread stays; null where that alone hides the effect. Null, too, where fewer than ten
    differences are not zero: what is detectable there is the end of an interval, which does not fall with root n.

    Args:
        found: tables.Effects; its rows of single cells that belong to a claim and are measured in shares are used.

    Returns:
        tables.Power.
    """
    unit = found["measure"].map({name: m.unit for name, m in MEASURES.items()})
    used = found[(found["claim"] != "") & (found["dataset"] != "pooled") & (found["contrast"] == "plain")]
    used = used[(unit.loc[used.index] == "share") & used["detectable"].notna()]
    sparse = used["sparse"].astype("boolean").fillna(False).to_numpy(bool)
    n, seen = used["n_items"].to_numpy(float), used["detectable"].to_numpy(float)
    freedom = np.where(used["seed_error"].notna(), used["n_seeds"].to_numpy(float) - 1, np.inf)
    of_seeds = inference.detectable_effect(used["seed_error"].fillna(0.0).to_numpy(float), freedom)
    of_items = np.where(sparse, np.nan, np.sqrt(np.maximum(seen**2 - of_seeds**2, 0)))
    columns = {
        f"items_for_{name}": inference.items_for(int(name) / 100, of_items, n, of_seeds) for name in ("05", "10", "20")
    }
    return frame(used.assign(**columns), Power)
