"""From the scores of probes to the values of chains: measures, answers, readable answers, and retention.

Scores are the largest tables of a run (some 90 rows for a chain of 12 cuts), so they are read once, one reader's at a
time. All that is compared later comes from what is made here, which has one row for each chain, or fewer.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from faithfulness.compare import kinds, retention
from faithfulness.compare.alternatives import ALTERNATIVES, MAIN, MeasuresOf
from faithfulness.compare.chain_probes import CHAIN, Arranged, ChainProbes, Floats, Form, arrange, floats
from faithfulness.compare.measures import MEASURES, measured
from faithfulness.config.roles import is_control
from faithfulness.tables.io import frame
from faithfulness.tables.measures import Answers, Measures, Readouts

Pair = tuple[str, str]  # writer, reader

# The columns of tables.Scores that are used.
COLUMNS = (
    *("writer", "item_id", "sample", "seed", "perturbation", "variant", "cut", "n_steps", "target", "answer", "valid"),
    *("p_original", "p_gold", "log_p_original", "log_p_gold", "log_p_target", "options_share", "correct", "same"),
    *("answer_raw", "same_raw", "position", "cue", "retokenised", "chain_nats"),
)
WHOLE = "whole"  # variant of the readouts of whole chains
# Measures that tell which chains count, beside those that are wanted of an alternative.
SUPPORT = ("aoc_raw", "chain_following_all")


@dataclass(frozen=True)
class Reading:
    """What it takes to read a table of scores.

    Args:
        measures_of: the measures of a claim: an alternative has those of its claims.
        least_share: probes to whose options the reader gives less of its probability are of low share.
        by_place: answers are known by their place among the options, as options vary between items.
        truncated: the chains that were cut off at the token limit (chain_probes.WRITTEN); None for none.
        options: the options by item; only used where answers are known by their place.
    """

    measures_of: MeasuresOf
    least_share: float = 0.0
    by_place: bool = False
    truncated: pd.MultiIndex | None = None
    options: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ChainValues:
    """What is known of the chains of one writer with one reader.

    Args:
        measures: by name of an alternative (or 'main'), one row for each chain (index item_id, sample, seed) and one
            column for each measure (of an alternative: those of its claims, and SUPPORT), NaN where undefined; and
            `truncated`, whether the chain does not count as it was cut off. An alternative is missing where nothing is
            counted or read otherwise.
        answers: tables.Answers.
        readouts: tables.Readouts.
        curves: from `retention.chain_curves`, by perturbation.
        use: from `kinds.of_chains`.
    """

    measures: dict[str, pd.DataFrame]
    answers: pd.DataFrame
    readouts: pd.DataFrame
    curves: dict[str, pd.DataFrame]
    use: pd.DataFrame


def of_cue(scores: pd.DataFrame, cue: Literal["first", "second"] = "first") -> pd.DataFrame:
    """The scores of one cue: all that is compared, but for the alternative that asks with the second one."""
    second = (scores["cue"] == "second").fillna(False)
    return scores[second if cue == "second" else ~second]


def of_pairs(scores: pd.DataFrame, reading: Reading) -> dict[Pair, ChainValues]:
    """The values of the chains of each writer and reader.

    Placebo and null arms, which write no chains, answer base's probes without a chain as their own writers; these
    answers stand beside their readings of base's chains.

    Args:
        scores: tables.Scores with a column `reader`, of one model and dataset.
        reading: what it takes to read them.
    """
    scores = scores.assign(writer=scores["writer"].mask(scores["reader"].map(is_control), "base"))
    return {
        (str(writer), str(reader)): _of_pair(part, reading)
        for (writer, reader), part in scores.groupby(["writer", "reader"])
    }


def _of_pair(scores: pd.DataFrame, reading: Reading) -> ChainValues:
    arranged = arrange(scores, reading.truncated)
    measures = {MAIN: _measures(arranged.index, arranged.probes, MEASURES).assign(truncated=arranged.probes.truncated)}
    for name, alternative in ALTERNATIVES.items():
        probes = alternative.read(arranged, reading.least_share)
        if probes is not None:
            wanted = dict.fromkeys([*alternative.measures(reading.measures_of), *SUPPORT])
            measures[name] = _measures(arranged.index, probes, wanted).assign(truncated=probes.truncated)
    return ChainValues(
        measures={name: table.droplevel(["writer", "reader"]) for name, table in measures.items()},
        answers=_answers(scores, arranged),
        readouts=_readouts(scores, arranged, reading),
        curves=retention.chain_curves(arranged.index, arranged.probes),
        use=kinds.of_chains(scores, arranged, by_place=reading.by_place),
    )


def of_chains(
    scores: pd.DataFrame, alternative: str = MAIN, least_share: float = 0.0, truncated: pd.MultiIndex | None = None
) -> pd.DataFrame:
    """All measures of all chains.

    Args:
        scores: tables.Scores with a column `reader`, any number of writers and readers.
        alternative: another way to count or read them (ALTERNATIVES). None gives a value to a chain whose a_n is
            invalid.
        least_share: see `Reading`.
        truncated: see `Reading`.

    Returns:
        One row for each chain and reader (index CHAIN, sorted), one column for each measure; NaN where undefined.
    """
    arranged = arrange(scores, truncated)
    probes = None if alternative == MAIN else ALTERNATIVES[alternative].read(arranged, least_share)
    return _measures(arranged.index, probes or arranged.probes, MEASURES)


def _measures(index: pd.MultiIndex, probes: ChainProbes, names: Collection[str]) -> pd.DataFrame:
    """The values of measures, a column each."""
    forms: dict[Form, ChainProbes] = {}
    columns: dict[str, Floats] = {}
    for name in names:
        measure = MEASURES[name]
        if measure.form not in forms:
            forms[measure.form] = probes.in_form(measure.form)
        values = measure.formula(forms[measure.form])
        columns[name] = np.where(probes.usable, values, np.nan) if measure.of_chain else values
    return pd.DataFrame(columns, index=index, dtype=float)


def _answers(scores: pd.DataFrame, arranged: Arranged) -> pd.DataFrame:
    """What the reader answered after each whole chain, and without one; tables.Answers."""
    index, probes = arranged.index, arranged.probes
    whole = scores.iloc[probes.whole[probes.whole >= 0]]
    rows = whole.set_index(CHAIN)[["n_steps", "answer", "position", "valid"]].reindex(index)
    correct, direct = (pd.Series(x, index).astype("boolean") for x in (probes.correct, probes.direct_correct))
    share = pd.Series(probes.after_whole(arranged.options_share), index)
    rows = rows.assign(correct=correct, direct_correct=direct, options_share=share)
    return frame(rows.dropna(subset="valid").reset_index(), Answers)


def _readouts(scores: pd.DataFrame, arranged: Arranged, reading: Reading) -> pd.DataFrame:
    """How many readouts there are of each perturbation, and how they are; tables.Readouts.

    Those of whole chains, which nothing perturbs, are a variant of early termination by themselves.
    """
    probes = arranged.probes
    nats = floats(scores["chain_nats"])
    original = probes.after_whole(nats)[probes.chain]
    is_whole = np.zeros(len(scores), bool)
    is_whole[probes.whole[probes.whole >= 0]] = True
    answer = scores["answer"]
    if reading.by_place:
        answer = ("option " + (scores["position"] + 1).astype("string")).astype(object)
    rows = pd.DataFrame(
        {
            **{name: scores[name] for name in ("writer", "reader", "perturbation", "cue", "retokenised")},
            "variant": scores["variant"].mask(is_whole, WHOLE),
            "invalid": ~scores["valid"].astype(bool),
            "answer": answer.where(scores["valid"].astype(bool)),
            "options_share": arranged.options_share,
            "low_share": arranged.options_share < reading.least_share,
            "chain_nats": nats,
            "original_nats": np.where(np.isnan(nats), np.nan, original),
        }
    )
    rows = of_cue(rows)
    keys = ["writer", "reader", "perturbation", "variant"]
    counts = rows.groupby(keys).agg(
        readouts=("invalid", "size"),
        invalid=("invalid", "sum"),
        retokenised=("retokenised", "sum"),
        options_share=("options_share", "mean"),
        low_share=("low_share", "sum"),
        chain_nats=("chain_nats", "mean"),
        original_nats=("original_nats", "mean"),
    )
    return frame(counts.join(_commonest(rows, keys)).reset_index(), Readouts)


def _commonest(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The commonest valid answer of each group, the first by name of equally common ones, and its share."""
    shares = rows.groupby([*keys, "answer"]).size().rename("count").reset_index()
    total = shares.groupby(keys)["count"].transform("sum")
    shares = shares.assign(commonest_share=shares["count"] / total).rename(columns={"answer": "commonest"})
    first = shares.sort_values(["count", "commonest"], ascending=[False, True]).drop_duplicates(keys)
    return first.set_index(keys)[["commonest", "commonest_share"]]


def answers_table(values: Mapping[Pair, ChainValues]) -> pd.DataFrame:
    """tables.Answers of all writers and readers."""
    return pd.concat([part.answers for part in values.values()], ignore_index=True)


def readouts_table(values: Mapping[Pair, ChainValues]) -> pd.DataFrame:
    """tables.Readouts of all writers and readers."""
    return pd.concat([part.readouts for part in values.values()], ignore_index=True)


def measures_table(values: Mapping[Pair, ChainValues], arms: Mapping[str, str]) -> pd.DataFrame:
    """The measures of each base/tuned pair, for the four writer x reader roles (method, section 7).

    Args:
        values: from `of_pairs`.
        arms: the arm of each training of it, by the training's name; base x base is repeated for each training.

    Returns:
        tables.Measures, sorted.
    """
    names = sorted(measured(pd.concat(part.measures[MAIN] for part in values.values())))
    parts: list[pd.DataFrame] = []
    for arm in sorted(set(arms.values())):
        chains = pd.concat(pair_values(values, name) for name in arms if arms[name] == arm)
        chains = chains.sort_values(CHAIN)
        rows = chains[CHAIN].take(np.repeat(np.arange(len(chains)), len(names)))
        measure, value = np.tile(np.array(names, object), len(chains)), chains[names].to_numpy().ravel()
        parts.append(rows.assign(arm=arm, measure=measure, value=value))
    return frame(pd.concat(parts, ignore_index=True) if parts else [], Measures)  # a model may have a base arm only


def control_values(
    values: Mapping[Pair, ChainValues], training: str, seed: int, alternative: str = MAIN
) -> pd.DataFrame:
    """Measures of base's chains with base and with a placebo or null arm as readers; as `pair_values`.

    Args:
        values: from `of_pairs`.
        training: of the placebo or null arm.
        seed: of the training.
        alternative: as in `pair_values`.
    """
    parts = []
    for reader, number in (("base", 0), (training, seed)):
        measures = values["base", reader].measures
        part = measures.get(alternative, measures[MAIN]).reset_index()
        parts.append(part.assign(writer="base", reader=reader, seed=number))
    return pd.concat(parts, ignore_index=True, join="inner")


def alternatives_of(values: Mapping[Pair, ChainValues], training: str) -> set[str]:
    """The alternatives (and 'main') under which some of the chains of base and one training are read otherwise."""
    return set().union(*(values[pair].measures for pair in _pairs(training) if pair in values))


def _pairs(training: str) -> list[Pair]:
    return [(writer, reader) for writer in ("base", training) for reader in ("base", training)]


def pair_values(values: Mapping[Pair, ChainValues], training: str, alternative: str = MAIN) -> pd.DataFrame:
    """Measures of the chains of base and one training with both readers; columns CHAIN, `truncated` and the measures.

    Where nothing of a writer and reader is read otherwise under the alternative, their chains have their main values.

    Chains carry the seed of their writer. What tuned reads of base belongs to tuned's training, too, so its seed is the
    training's; base that reads its own chains has seed 0.
    """
    seed = training_seed(values, training)
    parts = []
    for writer, reader in _pairs(training):
        measures = values[writer, reader].measures
        part = measures.get(alternative, measures[MAIN]).reset_index()
        alone = (writer, reader) == ("base", "base")
        parts.append(part.assign(writer=writer, reader=reader, seed=0 if alone else seed))
    return pd.concat(parts, ignore_index=True, join="inner")


def training_seed(values: Mapping[Pair, ChainValues], training: str) -> int:
    """The seed of a training, which its chains carry."""
    return int(values[training, training].answers["seed"].max())
