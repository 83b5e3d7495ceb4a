"""What a claim rests on in one cell: the numbers that its verdict needs, and what is known of the cell."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from faithfulness.compare import closed, notes
from faithfulness.compare.alternatives import ALTERNATIVES, MAIN
from faithfulness.compare.effect_rows import EffectRow, Place
from faithfulness.compare.findings import NOTE, Finding
from faithfulness.compare.measures import MEASURES
from faithfulness.compare.readings import BASE_CHAINS, PLACEBO, PLAIN, contrast_of
from faithfulness.compare.verdicts import Part, Seen
from faithfulness.text import listed

BETWEEN = " - "
SHOWN = ("truncated_items", "last_step_states", "manipulation")  # notes on a whole cell that sentences repeat
NO_CHANCE = "agreement cannot be told from chance"
Simple = Mapping[Place, tuple[float, float]]  # verdicts.simple_effects


@dataclass(frozen=True)
class Evidence:
    """What a claim rests on in one cell.

    Args:
        parts: what each of its measures shows.
        p_values: the largest p of each measure's comparisons, by measure.
        p_base: the largest p of the comparisons with base.
        failed: why nothing can be said.
        leaves: whether the cell leaves the family of tests.
        placebo_failed: why the placebo cannot be judged.
    """

    parts: list[Part]
    p_values: dict[str, float]
    p_base: float
    failed: list[str]
    leaves: bool
    placebo_failed: list[str]

    @property
    def p_value(self) -> float:
        """The largest p of all comparisons that the claim needs; NaN where one of them has none."""
        return _largest(self.p_values.values())


def describe(rows: Sequence[EffectRow], gates: pd.DataFrame) -> None:
    """Fill in what gates say of each row, and of plain reading effects the same effect in other contrasts.

    Args:
        rows: with tests, and the smallest and the largest model where they are between sizes.
        gates: tables.Gates.
    """
    of_cell = functools.cache(functools.partial(closed.of_cell, gates))
    for row in rows:
        for model, arm, prefix in _cells(row):
            cell = of_cell(model, arm, row.pool)
            failures = closed.closing(cell, row.tests, row.measure, accuracy=not MEASURES[row.measure].of_chain)
            row.failed += [f"{prefix}{reason}" for reason in closed.reasons(failures, several=len(row.pool) > 1)]
            row.leaves = row.leaves or closed.leaves_family(failures)
            if MEASURES[row.measure].of_chain:
                _note(row, cell, prefix)
        row.interpretable = not row.failed
    effects: dict[tuple[str, ...], dict[str, EffectRow]] = {}
    for row in rows:
        if row.component == "reading":
            effects.setdefault(row.place[1:], {})[row.contrast] = row
    for contrasts in effects.values():
        if PLAIN in contrasts:
            contrasts[PLAIN].beside = {name: row for name, row in contrasts.items() if name != PLAIN}


def _cells(row: EffectRow) -> list[tuple[str, str, str]]:
    """Model and arm of each cell that a row compares, and what its reasons begin with."""
    if row.smallest:
        return [(model, row.arm, f"{model}: ") for model in (row.smallest, row.largest)]
    arms = row.arm.split(BETWEEN)
    return [(row.model, arm, f"{arm}: " if len(arms) > 1 else "") for arm in arms]


def _note(row: EffectRow, cell: Sequence[closed.Seen], prefix: str) -> None:
    """What closes nothing, and a verdict needs."""
    perturbed, several = notes.perturbation_of(row.measure), len(row.pool) > 1
    noted = [(dataset, seen) for dataset, seen in cell if not seen.passed and seen.closes == NOTE]

    def reasons(*gates: str) -> list[str]:
        chosen = [(dataset, seen) for dataset, seen in noted if seen.gate in gates]
        return [f"{prefix}{reason}" for reason in closed.reasons(chosen, several=several)]

    constant = [(d, seen) for d, seen in noted if seen.gate == "constant" and _perturbation(seen) == perturbed]
    named = closed.reasons(constant, several=several)
    row.constants += [f"{prefix}{reason}" for reason in dict.fromkeys(named)]  # alike for both measures and seeds
    # What cannot be read of a placebo's answers to conflict chains bears on C8 alone, as for a tuned arm.
    unfit = [(d, seen) for d, seen in noted if seen.gate == "placebo" and _bears_on(seen, perturbed)]
    row.placebo_failed += [f"{prefix}{reason}" for reason in closed.reasons(unfit, several=several)]
    rooms = [seen.value for _, seen in cell if (seen.gate, seen.subject) == ("floor", row.measure)]
    row.room = float(np.mean(rooms)) if rooms and not prefix else np.nan
    row.notes += [*row.constants, *reasons(*SHOWN), *(reasons("met_targets") if perturbed == notes.CONFLICT else ())]


def _perturbation(seen: Finding) -> str:
    return seen.subject.rpartition(" / ")[2]


def _bears_on(placebo: Finding, perturbed: str | None) -> bool:
    """Whether what makes a placebo unfit concerns measures of a perturbation."""
    return _perturbation(placebo) != notes.CONFLICT or perturbed == notes.CONFLICT


def evidence(group: Sequence[EffectRow], simple: Simple, reading: str = MAIN) -> Evidence:
    """The evidence on a primary claim (or R1, R2) in one cell, by one reading of the run.

    Args:
        group: the plain rows of the claim's measures.
        simple: of all rows.
        reading: MAIN, or the name of an alternative.
    """
    placebo = any(PLACEBO in row.beside for row in group)
    parts, p_values, p_base, failed = [], {}, [], list(group[0].failed)
    for row in group:
        effect, of_base, of_placebo = (compared(row, readers, reading) for readers in ("", BASE_CHAINS, PLACEBO))
        tested = [of_base, of_placebo] if placebo else [effect]
        if _corrected(row, reading) and any(one is None or np.isnan(one.estimate) for one in (effect, *tested)):
            failed.append(f"{listed(row.constants)}, so that {NO_CHANCE}" if row.constants else NO_CHANCE)
        p_base.append(_p_value(tested[0]))
        p_values[row.measure] = _largest(_p_value(one) for one in tested)
        part = part_of(effect or row, simple, row.direction or 0)
        if placebo:
            part = replace(part, base=_seen(of_base), placebo=_seen(of_placebo))
        parts.append(replace(part, calibration=row.calibration, room=row.has_room))
    return Evidence(parts, p_values, _largest(p_base), failed, group[0].leaves, group[0].placebo_failed)


def compared(row: EffectRow, readers: str = "", reading: str = MAIN) -> EffectRow | None:
    """The row that takes the place of a plain one; None where there is none.

    Args:
        row: a plain row.
        readers: BASE_CHAINS or PLACEBO; '' for the reading effect.
        reading: MAIN, or the name of an alternative.
    """
    contrast = contrast_of(reading, readers, corrected=_corrected(row, reading))
    return row if contrast == PLAIN else row.beside.get(contrast)


def decisive(row: EffectRow) -> EffectRow:
    """The row in place of a plain one that says whether there is a change against base.

    With a placebo it is that on base's chains, where both are compared with tuned; but for C6, which has no placebo.
    """
    return compared(row, BASE_CHAINS if PLACEBO in row.beside and row.claim != "C6" else "") or row


def _corrected(row: EffectRow, reading: str) -> bool:
    """Whether a reading is corrected for chance: a reader answers a constant in it, or in the main one.

    Alternatives have rows that are corrected for chance where this is so, and nowhere else.
    """
    return row.corrected or (reading != MAIN and contrast_of(reading, corrected=True) in row.beside)


def part_of(row: EffectRow, simple: Simple, direction: int) -> Part:
    """What a row shows by itself."""
    ends, of_reading = (row.equivalence_low, row.equivalence_high), row.component == "reading"
    return Part(
        *(row.estimate, *ends, row.margin, direction),
        simple=simple.get(row.place) if of_reading else None,
        calibration=row.calibration,
        room=row.has_room,
    )


def _seen(row: EffectRow | None) -> Seen:
    if row is None:
        return Seen(np.nan, np.nan, np.nan)
    return Seen(row.estimate, row.equivalence_low, row.equivalence_high)


def _p_value(row: EffectRow | None) -> float:
    return np.nan if row is None else row.p_value


def _largest(values: Iterable[float]) -> float:
    """The largest p; NaN where one is unknown."""
    return float(np.max(list(values)))


def applies(group: Sequence[EffectRow], alternative: str, claim: str) -> bool:
    """Whether an alternative bears on a claim, and the run has it for all of its rows."""
    return claim in ALTERNATIVES[alternative].claims and all(alternative in row.beside for row in group)


def known(group: Sequence[EffectRow], alternative: str) -> bool:
    """Whether what an alternative that applies gives could be estimated."""
    return not any(np.isnan(row.beside[alternative].estimate) for row in group)
