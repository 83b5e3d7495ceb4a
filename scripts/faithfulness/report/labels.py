"""How pages name a measure and its calibration."""

from faithfulness.compare.measures import MEASURES
from faithfulness.text import spaced


def label(measure: str) -> str:
    """A measure's label; its name as words for a quantity that is not measured here."""
    return MEASURES[measure].label if measure in MEASURES else spaced(measure)


def calibration_status(measure: str, status: str) -> str:
    """A measure's calibration; '' for accuracies, which need none."""
    return status if measure not in MEASURES or MEASURES[measure].of_chain else ""
