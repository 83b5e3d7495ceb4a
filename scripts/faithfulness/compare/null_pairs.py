"""How often would a run call arms different between which nothing but chance differs (method, section 8)?

Trainings of a placebo or null arm that differ in their seed, and a null arm and base, are judged as a tuned arm and
base are: by the same rules but that of the placebo. Each pair is a family of its own, as large as that of a run with
one tuned arm of one model.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
from scipy import stats

from faithfulness.compare import constant_answers, effects, judge
from faithfulness.compare.alternatives import ALTERNATIVES, MAIN, of_claims
from faithfulness.compare.claims import Claims
from faithfulness.compare.effects import Comparison
from faithfulness.compare.item_means import Cell, Cells, Seeds, frames, frames_by_seed, under_alternatives
from faithfulness.compare.reader_contrasts import SAID, contrast, of_reader
from faithfulness.compare.readings import contrast_of
from faithfulness.compare.verdicts import CLOSED, Calibrated
from faithfulness.config.roles import of_seed, role_of
from faithfulness.config.statistics import Statistics
from faithfulness.tables.controls import NullPairs
from faithfulness.tables.io import frame as as_table

CHANGED = ("supported", "contradicted")
CONFIDENCE = 0.95
JUDGED_AS = "tuned-null"  # a pair is judged as the tuned arm of this name, which no rule treats as a control
WHOLE_ARM = "base and tuned"  # subject of the gates that look at no single reader


@dataclass(frozen=True)
class Reader:
    """A reader of base's chains.

    Args:
        name: of the training, or of the arm for all of its trainings.
        arm: its arm.
        seed: of the training; None for all trainings of the arm, and for base.
    """

    name: str
    arm: str
    seed: int | None = None


BASE = Reader("base", "base")


@dataclass(frozen=True)
class Pair:
    """Two readers of base's chains.

    Args:
        model: its name.
        first: one that is not base.
        second: the other one.
        placebo: single trainings of one arm, whose spread says how far other trainings of the first would differ, as
            that of a placebo does. If the second is an arm over all of its trainings, they are these.
    """

    model: str
    first: Reader
    second: Reader
    placebo: tuple[Reader, ...] = ()


def disjoint_pairs(model: str, controls: Mapping[str, tuple[str, int]]) -> list[Pair]:
    """The pairs of a model: no training is in two of them.

    Args:
        model: its name.
        controls: the placebo or null arm of each training, and its seed, by the training's name.

    Returns:
        The trainings of each arm two by two, in the order of their seeds; of null arms a last single one with base.
    """
    by_arm: dict[str, list[Reader]] = {}
    for name, (arm, seed) in controls.items():
        by_arm.setdefault(arm, []).append(Reader(name, arm, seed))
    pairs = []
    for arm, trainings in sorted(by_arm.items()):
        ordered = sorted(trainings, key=lambda reader: reader.seed or 0)
        if len(ordered) % 2 and role_of(arm) == "null":
            ordered.append(BASE)
        pairs += [Pair(model, *two) for two in zip(ordered[::2], ordered[1::2], strict=False)]
    return pairs


def judge_pairs(
    pairs: Sequence[Pair],
    means: pd.DataFrame,
    gates: pd.DataFrame,
    answers: pd.DataFrame,
    *,
    claims: Claims,
    statistics: Statistics,
    calibration: Calibrated | None = None,
) -> pd.DataFrame:
    """The verdicts on the primary claims of pairs of readers, each pair a family.

    Args:
        pairs: of the readers.
        means: item means of their arms with columns model and dataset (item_means.schema).
        gates: tables.Gates of their arms.
        answers: their answers, and base's, to base's chains: tables.CutAnswers with columns model and dataset.
        claims: what is claimed.
        statistics: resamples, confidence, margins, seed.
        calibration: status of the measures; None: not calibrated.

    Returns:
        tables.NullPairs.
    """
    main = means[means["alternative"] == MAIN]
    cells, seeds = frames(main), frames_by_seed(main)
    otherwise = under_alternatives(means[means["alternative"].isin(of_claims(claims.primary))], cells, seeds)
    readings = {MAIN: (cells, seeds), **otherwise}
    rows = []
    for pair in pairs:
        comparisons = {name: _comparison(name, pair, *frames_of, claims) for name, frames_of in readings.items()}
        of_pair = comparisons[MAIN]
        if not of_pair.cells:
            continue
        looked_at = _gates(pair, gates)
        estimates = [
            effects.compare(list(comparisons.values()), statistics, _no_pool),
            *_corrected(pair, comparisons, seeds, looked_at, answers, claims=claims, statistics=statistics),
        ]
        judged = judge.judge(
            pd.concat(estimates, ignore_index=True),
            looked_at,
            {(pair.model, JUDGED_AS): set()},
            {pair.model: 1},  # a size, which no verdict on a pair depends on
            {(pair.model, JUDGED_AS): max([1, *map(len, of_pair.seeds.values())])},
            claims=claims,
            confidence=statistics.confidence,
            calibration=calibration,
        )
        found = judged[judged["claim"].isin(claims.primary) & (judged["component"] == "reading")]
        rows.append(found.assign(first=pair.first.name, second=pair.second.name))
    return as_table(pd.concat(rows, ignore_index=True) if rows else [], NullPairs)


def _no_pool(_: Collection[str]) -> Sequence[str]:
    """Pairs are judged on each dataset alone."""
    return ()


def _corrected(
    pair: Pair,
    comparisons: Mapping[str, Comparison],
    seeds: Seeds,
    gates: pd.DataFrame,
    answers: pd.DataFrame,
    *,
    claims: Claims,
    statistics: Statistics,
) -> list[pd.DataFrame]:
    """The rows of a pair that are corrected for chance, as those of a tuned arm and base."""
    cells, names = comparisons[MAIN].cells, set(answers["reader"])

    def trainings(reader: Reader) -> dict[int, str]:
        if reader == BASE or reader.seed is not None:
            return {reader.seed or 0: reader.name}
        own = {seed for (model, arm, _), of in seeds.items() if (model, arm) == (pair.model, reader.arm) for seed in of}
        return {seed: of_seed(reader.arm, seed) if of_seed(reader.arm, seed) in names else reader.arm for seed in own}

    first, second = trainings(pair.first), list(trainings(pair.second).values())
    placebo = {reader.seed: reader.name for reader in pair.placebo if reader.seed is not None}
    readers = ["base", *first.values(), *second, *placebo.values()]
    own = answers[(answers["model"] == pair.model) & answers["reader"].isin(readers)]
    return constant_answers.chance_corrected(
        {
            name: {"": constant_answers.between_readers(one, first, second, placebo)}
            for name, one in comparisons.items()
        },
        lambda cell, readings: own[(own["dataset"] == cell[2]) & own["alternative"].isin(readings)],
        constant_answers.of_gates(gates, cells),
        claims,
        statistics,
        _no_pool,
    )


def _comparison(reading: str, pair: Pair, cells: Cells, seeds: Seeds, claims: Claims) -> Comparison:
    """The contrast of a pair in a reading, as that of a tuned arm with base."""
    wanted = [cell for cell in cells if cell[:2] == (pair.model, pair.first.arm)]
    measures = list(claims.primary_measures)
    if reading != MAIN:
        measures = [name for name in ALTERNATIVES[reading].measures(claims.directions_of) if name in measures]

    def values(reader: Reader, cell: Cell) -> pd.DataFrame:
        if reader == BASE:
            return of_reader(cells[cell], "base")
        own = (pair.model, reader.arm, cell[2])
        return of_reader(cells[own] if reader.seed is None else seeds[own][reader.seed], "tuned")

    def of_pair(first: pd.DataFrame, cell: Cell) -> pd.DataFrame:
        return contrast(first, values(pair.second, cell), of_reader(cells[cell], "base"))

    def trainings(reader: Reader, cell: Cell) -> list[Reader]:
        return [reader] if reader.seed is not None else [replace(reader, seed=seed) for seed in seeds[cell]]

    def by_seed(readers: Sequence[Reader], cell: Cell) -> dict[int, pd.DataFrame]:
        return {reader.seed: of_pair(values(reader, cell), cell) for reader in readers if reader.seed is not None}

    named = {cell: (pair.model, JUDGED_AS, cell[2]) for cell in wanted}
    return Comparison(
        contrast_of(reading),
        {named[cell]: of_pair(values(pair.first, cell), cell) for cell in wanted},
        measures,
        {named[cell]: by_seed(trainings(pair.first, cell), cell) for cell in wanted},
        SAID,
        {named[cell]: by_seed(pair.placebo, cell) for cell in wanted},
        minus_placebo=pair.second.arm not in (BASE.arm, pair.first.arm),
    )


def _gates(pair: Pair, gates: pd.DataFrame) -> pd.DataFrame:
    """The gates that look at the pair's readers and at base, as those of the pair.

    Not whether a placebo can be judged: a pair is judged without the rule of the placebo.
    """
    of_model = gates[(gates["model"] == pair.model) & gates["arm"].isin([pair.first.arm, pair.second.arm])]
    of_model = of_model[of_model["gate"] != "placebo"]
    subject = of_model["subject"].str.split(" / ").str[0]
    single = [reader.name for reader in (pair.first, pair.second) if reader.seed is not None]
    whole = [reader.arm for reader in (pair.first, pair.second) if reader.seed is None]
    looked_at = subject.isin(["base", WHOLE_ARM, *single]) | of_model["arm"].isin(whole)
    return of_model[looked_at].assign(arm=JUDGED_AS)


@dataclass(frozen=True)
class Alarms:
    """How many pairs would have been called changed on any claim or dataset, with the exact interval of their share.

    Args:
        pairs: those of which something can be said: not every claim on every dataset is closed.
        changed: those of them that would have been called changed.
        closed: the other pairs.
        low, high: ends of the interval of changed / pairs.
    """

    pairs: int
    changed: int
    closed: int
    low: float
    high: float

    def __str__(self) -> str:
        others = f" Of {self.closed} more nothing can be said, as no cell is interpretable." if self.closed else ""
        return (
            f"Of {self.pairs} null comparisons, {self.changed} would have been called changed "
            f"({CONFIDENCE:.0%} interval of the share, Clopper-Pearson: {self.low:.2f} to {self.high:.2f}).{others}"
        )


def alarms(null_pairs: pd.DataFrame) -> Alarms | None:
    """How often the rules raise a false alarm; None without any pair.

    Args:
        null_pairs: tables.NullPairs.
    """
    pair = [null_pairs[key] for key in ("model", "first", "second")]
    judged = (null_pairs["verdict"] != CLOSED).groupby(pair).any()
    changed = null_pairs["verdict"].isin(CHANGED).groupby(pair).any()
    if judged.empty:
        return None
    count, total = int(changed.sum()), int(judged.sum())
    low, high = stats.binomtest(count, total).proportion_ci(CONFIDENCE, method="exact") if total else (0.0, 1.0)
    return Alarms(total, count, len(judged) - total, float(low), float(high))


def lines(null_pairs: pd.DataFrame) -> list[str]:
    """A line for each pair: on which datasets and claims it would have been called changed, or nothing."""
    text = []
    for (model, first, second), part in null_pairs.groupby(["model", "first", "second"], sort=False):
        changed = part[part["verdict"].isin(CHANGED)].drop_duplicates(["dataset", "claim"])
        named = [f"{row['dataset']} {row['claim']} {row['verdict']}" for row in changed.to_dict("records")]
        nothing = "nothing can be said" if (part["verdict"] == CLOSED).all() else "not called changed"
        text.append(f"{model}: {first} against {second}: {', '.join(named) or nothing}")
    return text
