"""Rows that are corrected for chance, of each reading and contrast in which a reader answers a constant."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from faithfulness.compare import closed, confounds, cut_answers
from faithfulness.compare.alternatives import MAIN
from faithfulness.compare.claims import Claims
from faithfulness.compare.cut_answers import CellAnswers, CutChains
from faithfulness.compare.cut_readings import of_readers, under
from faithfulness.compare.effects import Comparison, Pool
from faithfulness.compare.item_means import Cell
from faithfulness.compare.kappa import AVERAGES
from faithfulness.compare.notes import perturbation_of
from faithfulness.compare.readings import contrast_of
from faithfulness.compare.trainings import enough
from faithfulness.config.statistics import Statistics

# From a cell and the names of readings to its rows of tables.CutAnswers.
Answers = Callable[[Cell, Sequence[str]], pd.DataFrame]
JUDGED = ("reading", "interaction")  # the components that verdicts need


@dataclass(frozen=True)
class Contrast:
    """What is compared, and how the answers of a cell become chains in the roles of this comparison.

    Args:
        comparison: its frames of means.
        arrange: from tables.CutAnswers of one cell by one reading.
    """

    comparison: Comparison
    arrange: Callable[[pd.DataFrame], CellAnswers]


def between_readers(
    comparison: Comparison,
    trainings: Mapping[int, str],
    second: Collection[str],
    placebo: Mapping[int, str] | None = None,
) -> Contrast:
    """A contrast of an arm with other readers of base's chains (`reader_contrasts`).

    Args:
        comparison: its frames of means.
        trainings: of the arm, by their seed.
        second: the readers that it is compared with: base, or the trainings of another arm.
        placebo: trainings of its placebo, whose spread counts, by their seed.
    """

    arms = (trainings, placebo or {})
    crossed = enough(*map(len, arms))

    def arranged(answers: pd.DataFrame, first: Collection[str]) -> CutChains:
        return cut_answers.arrange(of_readers(answers, first, second))

    def of_cell(answers: pd.DataFrame) -> CellAnswers:
        by_seed = [{seed: arranged(answers, [name]) for seed, name in arm.items() if crossed} for arm in arms]
        return CellAnswers(arranged(answers, list(trainings.values())), *by_seed)

    return Contrast(comparison, of_cell)


def between_writers(comparison: Comparison, trainings: Collection[str]) -> Contrast:
    """The contrast of an arm with base over the chains of both; `trainings` are those of the arm."""

    def arranged(answers: pd.DataFrame) -> CellAnswers:
        parties = ["base", *trainings]
        own = answers[answers["writer"].isin(parties) & answers["reader"].isin(parties)]
        return CellAnswers(cut_answers.arrange(own), cut_answers.by_seed(own) if enough(len(trainings)) else {})

    return Contrast(comparison, arranged)


def of_gates(gates: pd.DataFrame, cells: Collection[Cell]) -> dict[Cell, set[str]]:
    """The perturbations under which a reader of a cell answers a constant, as the gates saw (`notes.constants`)."""
    return {
        cell: {
            seen.subject.rpartition(" / ")[2]
            for _, seen in closed.of_cell(gates, cell[0], cell[1], [cell[2]])
            if seen.gate == "constant" and not seen.passed
        }
        for cell in cells
    }


def chance_corrected(
    contrasts: Mapping[str, Mapping[str, Contrast]],
    answers: Answers,
    constants: Mapping[Cell, set[str]],
    declared: Claims,
    statistics: Statistics,
    pool: Pool,
) -> list[pd.DataFrame]:
    """The rows that are corrected for chance, of primary measures and cells in which a reader answers a constant.

    Args:
        contrasts: of the same cells, by the names of the readings, and in each by the `readers` of
            `readings.contrast_of`.
        answers: the answers of the cells.
        constants: the perturbations under which a reader of the cell answers a constant in the main reading. An
            alternative has these and those of its own answers.
        declared: the primary measures, and which share of valid answers on one of them makes it a constant.
        statistics: resamples, confidence, margins, seed.
        pool: which of the datasets are pooled.

    Returns:
        As effects.compare, a table for each contrast that has such rows.
    """
    parts = []
    for reading, of_reading in contrasts.items():
        known = {cell: constants[cell] | _own(reading, answers, cell, declared) for cell in constants}
        among = set().union(*known.values())
        names = [name for name in declared.primary_measures if name in AVERAGES and perturbation_of(name) in among]
        tables = {}
        for cell in known if names else ():
            table = under(answers(cell, [MAIN, reading]), reading)
            tables[cell] = table[table["perturbation"].isin({perturbation_of(name) for name in names})]
        for readers, contrast in of_reading.items():
            measures = [name for name in contrast.comparison.names() if name in names]
            if measures:
                name = contrast_of(reading, readers, corrected=True)
                comparison = replace(contrast.comparison, contrast=name, measures=measures)
                arranged = {cell: contrast.arrange(table) for cell, table in tables.items()}
                rows = confounds.chance_corrected(comparison, arranged, statistics, pool)
                needed = [
                    row["component"] in JUDGED
                    and any(perturbation_of(row["measure"]) in known[row["model"], row["arm"], d] for d in row["pool"])
                    for row in rows.to_dict("records")
                ]
                parts.append(rows[needed])
    return parts


def _own(reading: str, answers: Answers, cell: Cell, declared: Claims) -> set[str]:
    """The perturbations under which a reader of the cell answers a constant in an alternative alone."""
    return set() if reading == MAIN else constant(answers(cell, [reading]), declared.gates.constant)


def constant(answers: pd.DataFrame, limit: float) -> set[str]:
    """The perturbations under which a reader gives one answer to nearly all chains of a writer.

    Args:
        answers: tables.CutAnswers of one dataset by one reading.
        limit: the least share of valid answers that are the commonest one.
    """
    found = set()
    for (_, _, perturbation, _), rows in answers.groupby(["writer", "reader", "perturbation", "variant"]):
        codes, cuts = (np.concatenate(rows[name].to_list()) for name in ("answers", "cuts"))
        whole = np.repeat(rows["n_steps"].to_numpy(), rows["cuts"].map(len).to_numpy(np.intp))
        counts = np.unique(codes[(codes >= 0) & (cuts < whole)], return_counts=True)[1]
        if counts.size and counts.max() >= limit * counts.sum():
            found.add(str(perturbation))
    return found
