"""What a claim rests on in one cell: the numbers that its verdict needs, and what is known of the cell."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from faithfulness.compare import closed, notes
from faithfulness.compare.alternatives import ALTERNATIVES
from faithfulness.compare.effect_rows import EffectRow, Place
from faithfulness.compare.findings import NOTE, Finding
from faithfulness.compare.measures import MEASURES
from faithfulness.compare.verdicts import Part, Seen
from faithfulness.text import listed

# Readers of base's chains are compared there; nothing is claimed of these rows by themselves.
CONTROL_CONTRASTS = ("base_chains", "placebo", "null")
BETWEEN, BETWEEN_ARMS = " - ", "between_arms"
# Alternatives that read other probes: constant answers under the main ones say nothing about these.
OTHER_PROBES = ("filler_words", "filler_steps", "second_cue")
SHOWN = ("truncated_items", "last_step_states", "manipulation")  # notes on a whole cell that sentences repeat
CHANCE = "chance_corrected"
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
    reading = {row.place: row for row in rows if row.component == "reading"}
    others = (*CONTROL_CONTRASTS, *ALTERNATIVES, "same_direct_answer", CHANCE)
    for row in rows:
        if row.component == "reading" and row.contrast == "plain":
            places = {contrast: (contrast, *row.place[1:]) for contrast in others}
            row.beside = {contrast: reading[place] for contrast, place in places.items() if place in reading}


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
    row.constants += [f"{prefix}{reason}" for reason in closed.reasons(constant, several=several)]
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


def evidence(group: Sequence[EffectRow], simple: Simple, alternative: str | None = None) -> Evidence:
    """The evidence on a primary claim (or R1, R2) in one cell.

    With a placebo, base's and the placebo's reading of base's chains are compared in place of the reading effect, which
    remains what equivalence is judged by. Where a reader answers a constant, agreement corrected for chance takes the
    place of plain agreement. An alternative's numbers take the place of the plain ones; where it has none on base's
    chains alone, its reading effect stands for them.

    Args:
        group: the plain rows of the claim's measures.
        simple: of all rows.
        alternative: another way to count or read the run; None: the main one.
    """
    placebo = any("placebo" in row.beside for row in group)
    parts, p_values, p_base, failed = [], {}, [], list(group[0].failed)
    for row in group:
        own = row.beside[alternative] if alternative else row
        corrected = row.corrected and alternative not in OTHER_PROBES
        effect = row.beside.get(CHANCE) if corrected else own
        if effect is None or (corrected and np.isnan(effect.estimate)):
            failed += [f"{listed(row.constants)}, so that {NO_CHANCE}"]
            effect = own
        against_base: list[EffectRow | None] = [effect]
        if placebo and alternative is None:
            against_base = [*([effect] if corrected else []), row.beside.get("base_chains")]
        against_placebo = [row.beside.get("placebo")] if placebo else []
        p_base.append(_largest([other.p_value if other else np.nan for other in against_base]))
        p_values[row.measure] = _largest(
            [other.p_value if other else np.nan for other in (*against_base, *against_placebo)]
        )
        of_placebo = _seen(row.beside.get("placebo")) if placebo else None
        signs = tuple(other.estimate if other else np.nan for other in against_base)
        part = part_of(effect, simple, row.direction or 0)
        parts.append(
            replace(part, calibration=row.calibration, against_base=signs, placebo=of_placebo, room=row.has_room)
        )
    return Evidence(parts, p_values, _largest(p_base), failed, group[0].leaves, group[0].placebo_failed)


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


def _largest(values: Iterable[float]) -> float:
    """The largest p; NaN where one is unknown."""
    return float(np.max(list(values)))


def has(group: Sequence[EffectRow], alternative: str, claim: str) -> bool:
    """Whether an alternative applies to a claim, and its numbers are known in a cell."""
    known = [row.beside[alternative].estimate for row in group if alternative in row.beside]
    return claim in ALTERNATIVES[alternative].claims and len(known) == len(group) and not np.isnan(known).any()
