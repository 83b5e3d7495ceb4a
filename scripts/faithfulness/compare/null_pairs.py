"""How often would a run call arms different between which nothing but chance differs (method, section 8)?

Trainings of a placebo or null arm that differ in their seed, and a null arm and base, are judged as a tuned arm and
base are: by the same rules but that of the placebo. Each pair is a family of its own, as large as that of a run with
one tuned arm of one model.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from scipy import stats

from faithfulness.compare import effects, judge
from faithfulness.compare.alternatives import ALTERNATIVES, MAIN
from faithfulness.compare.claims import Claims
from faithfulness.compare.effects import Comparison
from faithfulness.compare.item_means import Cell, Cells, Seeds, frames, frames_by_seed, under_alternatives
from faithfulness.compare.reader_contrasts import contrast, of_reader
from faithfulness.compare.verdicts import Calibrated
from faithfulness.config.roles import role_of
from faithfulness.config.statistics import Statistics
from faithfulness.tables.controls import NullPairs
from faithfulness.tables.io import frame as as_table

PLAIN = "plain"
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
    """Two readers of base's chains, of which the first is not base."""

    model: str
    first: Reader
    second: Reader


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
        claims: what is claimed.
        statistics: resamples, confidence, margins, seed.
        calibration: status of the measures; None: not calibrated.

    Returns:
        tables.NullPairs.
    """
    main = means[means["alternative"] == MAIN]
    cells, seeds = frames(main), frames_by_seed(main)
    compared = {PLAIN: (cells, seeds), **under_alternatives(means, cells, seeds)}
    rows = [
        judged
        for pair in pairs
        for judged in _judged(
            pair,
            [_comparison(name, pair, *frames_of, claims) for name, frames_of in compared.items()],
            _gates(pair, gates),
            claims=claims,
            statistics=statistics,
            calibration=calibration,
        )
    ]
    return as_table(pd.concat(rows, ignore_index=True) if rows else [], NullPairs)


def _judged(
    pair: Pair,
    comparisons: Sequence[Comparison],
    gates: pd.DataFrame,
    *,
    claims: Claims,
    statistics: Statistics,
    calibration: Calibrated | None,
) -> Iterator[pd.DataFrame]:
    if not comparisons[0].cells:
        return
    arm, trainings = (pair.model, JUDGED_AS), [len(seeds) for seeds in comparisons[0].seeds.values()]
    judged = judge.judge(
        effects.compare(comparisons, statistics, lambda _: ()),
        gates,
        {arm: set()},
        {pair.model: 1},  # a size, which no verdict on a pair depends on
        {arm: max([1, *trainings])},
        claims=claims,
        confidence=statistics.confidence,
        calibration=calibration,
    )
    found = judged[judged["claim"].isin(claims.primary) & (judged["component"] == "reading")]
    yield found.assign(first=pair.first.name, second=pair.second.name)


def _comparison(contrast_name: str, pair: Pair, cells: Cells, seeds: Seeds, claims: Claims) -> Comparison:
    """The contrast of a pair, as that of a tuned arm with base."""
    wanted = [cell for cell in cells if cell[:2] == (pair.model, pair.first.arm)]

    def values(reader: Reader, cell: Cell) -> pd.DataFrame:
        if reader == BASE:
            return of_reader(cells[cell], "base")
        own = (pair.model, reader.arm, cell[2])
        return of_reader(cells[own] if reader.seed is None else seeds[own][reader.seed], "tuned")

    def of_pair(first: pd.DataFrame, cell: Cell) -> pd.DataFrame:
        return contrast(first, values(pair.second, cell), of_reader(cells[cell], "base"))

    named = {cell: (pair.model, JUDGED_AS, cell[2]) for cell in wanted}
    by_seed = {cell: seeds[cell] if pair.first.seed is None else {} for cell in wanted}
    return Comparison(
        contrast_name,
        {named[cell]: of_pair(values(pair.first, cell), cell) for cell in wanted},
        _measures(contrast_name, claims),
        {
            named[cell]: {seed: of_pair(of_reader(frame, "tuned"), cell) for seed, frame in by_seed[cell].items()}
            for cell in wanted
        },
    )


def _measures(contrast_name: str, claims: Claims) -> list[str]:
    """The primary measures that a contrast bears on."""
    primary = list(claims.primary_measures)
    if contrast_name == PLAIN:
        return primary
    return [name for name in primary if name in ALTERNATIVES[contrast_name].measures(claims.directions_of)]


def _gates(pair: Pair, gates: pd.DataFrame) -> pd.DataFrame:
    """The gates that look at the pair's readers and at base, as those of the pair."""
    of_model = gates[(gates["model"] == pair.model) & gates["arm"].isin([pair.first.arm, pair.second.arm])]
    subject = of_model["subject"].str.split(" / ").str[0]
    single = [reader.name for reader in (pair.first, pair.second) if reader.seed is not None]
    whole = [reader.arm for reader in (pair.first, pair.second) if reader.seed is None]
    looked_at = subject.isin(["base", WHOLE_ARM, *single]) | of_model["arm"].isin(whole)
    return of_model[looked_at].assign(arm=JUDGED_AS)


@dataclass(frozen=True)
class Alarms:
    """How many pairs would have been called changed on any claim or dataset, with the exact interval of their share."""

    pairs: int
    changed: int
    low: float
    high: float

    def __str__(self) -> str:
        return (
            f"Of {self.pairs} null comparisons, {self.changed} would have been called changed "
            f"({CONFIDENCE:.0%} interval of the share, Clopper-Pearson: {self.low:.2f} to {self.high:.2f})."
        )


def alarms(null_pairs: pd.DataFrame) -> Alarms | None:
    """How often the rules raise a false alarm; None without any pair.

    Args:
        null_pairs: tables.NullPairs.
    """
    changed = null_pairs["verdict"].isin(CHANGED).groupby([null_pairs[key] for key in ("model", "first", "second")])
    by_pair = changed.any()
    if by_pair.empty:
        return None
    count, total = int(by_pair.sum()), len(by_pair)
    low, high = stats.binomtest(count, total).proportion_ci(CONFIDENCE, method="exact")
    return Alarms(total, count, float(low), float(high))


def lines(null_pairs: pd.DataFrame) -> list[str]:
    """A line for each pair: on which datasets and claims it would have been called changed, or nothing."""
    text = []
    for (model, first, second), part in null_pairs.groupby(["model", "first", "second"], sort=False):
        changed = part[part["verdict"].isin(CHANGED)].drop_duplicates(["dataset", "claim"])
        named = [f"{row['dataset']} {row['claim']} {row['verdict']}" for row in changed.to_dict("records")]
        text.append(f"{model}: {first} against {second}: {', '.join(named) or 'not called changed'}")
    return text
