"""The contrasts that one reading of a run is judged by, of one tuned arm (`readings`)."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from faithfulness.compare import reader_contrasts
from faithfulness.compare.alternatives import MAIN
from faithfulness.compare.constant_answers import JUDGED, Contrast, between_readers, between_writers
from faithfulness.compare.effects import Comparison
from faithfulness.compare.item_means import Cells, Seeds
from faithfulness.compare.reader_contrasts import Placebo
from faithfulness.compare.readings import BASE_CHAINS, PLACEBO, contrast_of


def of_reading(
    reading: str,
    frames: tuple[Cells, Seeds],
    measures: Collection[str],
    on_base_chains: Collection[str],
    trainings: Mapping[int, str],
    placebo: Placebo | None,
    placebo_trainings: Mapping[int, str],
) -> dict[str, Contrast]:
    """The contrasts of a reading, by the `readers` of `readings.contrast_of`.

    Args:
        reading: MAIN, or the name of an alternative: it has those on base's chains where there is a placebo.
        frames: the arm's frames of means by cell, and of each training seed by cell.
        measures: names of the measures wanted.
        on_base_chains: those wanted on base's chains alone.
        trainings: of the arm, by their seed.
        placebo: of the arm, if there is one.
        placebo_trainings: of the placebo, by their seed.
    """
    cells, seeds = frames
    whole = Comparison(contrast_of(reading), cells, measures, seeds)
    if reading != MAIN:
        whole = replace(whole, components=JUDGED)
    found = {"": between_writers(whole, list(trainings.values()))}
    if placebo or reading == MAIN:
        name = contrast_of(reading, BASE_CHAINS)
        of_base = reader_contrasts.against_base(name, cells, seeds, on_base_chains, placebo)
        found[BASE_CHAINS] = between_readers(of_base, trainings, ["base"], placebo_trainings)
    if placebo:
        name = contrast_of(reading, PLACEBO)
        of_placebo = reader_contrasts.against_placebo(name, cells, seeds, on_base_chains, placebo)
        sham = list(placebo_trainings.values())
        found[PLACEBO] = between_readers(of_placebo, trainings, sham, placebo_trainings)
    return found
