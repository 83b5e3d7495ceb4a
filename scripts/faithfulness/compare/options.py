"""The options of the questions of a dataset."""

import pandas as pd


def options_vary(items: pd.DataFrame) -> bool:
    """Whether the options differ between items, so that answers compare by their place, not by their text."""
    options = items["options"]
    return bool(options.notna().all() and options.map(frozenset).nunique() > 1)
