"""Shares of items, with exact intervals."""

import numpy as np
import pandas as pd
from scipy import stats


def proportion(correct: pd.Series, confidence: float) -> tuple[float, float, float]:
    """A share with its Clopper-Pearson interval over items; samples of an item are averaged first.

    Args:
        correct: whether each readout is right, indexed by item.
        confidence: of the interval.

    Returns:
        (share, lower end, upper end); NaN without any item.
    """
    by_item = correct.astype(float).groupby(level=0).mean()
    if by_item.empty:
        return np.nan, np.nan, np.nan
    share, n = float(by_item.mean()), len(by_item)
    low, high = stats.binomtest(round(share * n), n).proportion_ci(confidence, method="exact")
    return share, float(low), float(high)
