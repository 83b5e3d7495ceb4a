"""From the scores of probes to the values of chains: measures, answers, readable answers, and retention.

Scores are the largest tables of a run (61 rows for a chain of 12 cuts), so they are read once, one reader's at a time.
All that is compared later comes from what is made here, which has one row for each chain, or fewer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from faithfulness.compare import retention
from faithfulness.compare.chain_probes import CHAIN, ChainProbes, Floats, arrange, floats
from faithfulness.compare.measures import MEASURES, Measure, measured
from faithfulness.config.roles import is_control
from faithfulness.tables.io import frame
from faithfulness.tables.measures import Answers, Measures, Readouts

Invalid = Literal["left out", "same", "changed"]
Pair = tuple[str, str]  # writer, reader

COUNTINGS: tuple[Invalid, ...] = ("left out", "same", "changed")
# The columns of tables.Scores that are used.
COLUMNS = (
    *("writer", "item_id", "sample", "seed", "perturbation", "variant", "cut", "n_steps", "answer", "valid"),
    *("p_original", "p_gold", "correct", "same", "position", "retokenised"),
)


@dataclass(frozen=True)
class ChainValues:
    """What is known of the chains of one writer with one reader.

    Args:
        measures: for each way to count invalid readouts, one row for each chain (index item_id, sample, seed) and one
            column for each measure; NaN where undefined.
        answers: tables.Answers.
        readouts: tables.Readouts.
        curves: from `retention.chain_curves`, by perturbation.
    """

    measures: dict[Invalid, pd.DataFrame]
    answers: pd.DataFrame
    readouts: pd.DataFrame
    curves: dict[str, pd.DataFrame]


def of_pairs(scores: pd.DataFrame) -> dict[Pair, ChainValues]:
    """The values of the chains of each writer and reader.

    Placebo and null arms, which write no chains, answer base's probes without a chain as their own writers; these
    answers stand beside their readings of base's chains.

    Args:
        scores: tables.Scores with a column `reader`, of one model and dataset.
    """
    scores = scores.assign(writer=scores["writer"].mask(scores["reader"].map(is_control), "base"))
    return {
        (str(writer), str(reader)): _of_pair(part) for (writer, reader), part in scores.groupby(["writer", "reader"])
    }


def _of_pair(scores: pd.DataFrame) -> ChainValues:
    index, probes = arrange(scores)
    values = _by_counting(scores, index, probes, COUNTINGS)
    return ChainValues(
        measures={invalid: table.droplevel(["writer", "reader"]) for invalid, table in values.items()},
        answers=_answers(scores, index, probes),
        readouts=_readouts(scores),
        curves=retention.chain_curves(index, probes),
    )


def of_chains(scores: pd.DataFrame, invalid: Invalid = "left out") -> pd.DataFrame:
    """All measures of all chains.

    Args:
        scores: tables.Scores with a column `reader`, any number of writers and readers.
        invalid: what an invalid readout of a perturbed chain counts as. An invalid a_n leaves its chain without a
            value whichever is chosen.

    Returns:
        One row for each chain and reader (index CHAIN, sorted), one column for each measure; NaN where undefined.
    """
    return _by_counting(scores, *arrange(scores), [invalid])[invalid]


def _by_counting(
    scores: pd.DataFrame, index: pd.MultiIndex, probes: ChainProbes, countings: Sequence[Invalid]
) -> dict[Invalid, pd.DataFrame]:
    # No way to count invalid readouts changes a probability.
    twins = {name: measure for name, measure in MEASURES.items() if measure.of_probabilities}
    of_twins = _columns(twins, replace(probes, x=floats(scores["p_original"])))
    values: dict[Invalid, pd.DataFrame] = {}
    for invalid in countings:
        x = probes.x if invalid == "left out" else np.where(np.isnan(probes.x), float(invalid == "same"), probes.x)
        columns = _columns({name: MEASURES[name] for name in MEASURES if name not in twins}, replace(probes, x=x))
        values[invalid] = pd.DataFrame(columns | of_twins, index=index, columns=list(MEASURES), dtype=float)
    return values


def _columns(wanted: Mapping[str, Measure], probes: ChainProbes) -> dict[str, Floats]:
    """The values of measures, by name; shape (chains,) each."""
    values = {name: measure.formula(probes) for name, measure in wanted.items()}
    return {
        name: np.where(probes.usable, column, np.nan) if wanted[name].of_chain else column
        for name, column in values.items()
    }


def _answers(scores: pd.DataFrame, index: pd.MultiIndex, probes: ChainProbes) -> pd.DataFrame:
    """What the reader answered after each whole chain, and without one; tables.Answers."""
    whole = scores[(scores["perturbation"] == "early_termination") & (scores["cut"] == scores["n_steps"])]
    rows = whole.set_index(CHAIN)[["n_steps", "answer", "position", "valid", "correct"]].reindex(index)
    direct = pd.Series(probes.direct_correct, index).astype("boolean")
    return frame(rows.assign(direct_correct=direct).dropna(subset="valid").reset_index(), Answers)


def _readouts(scores: pd.DataFrame) -> pd.DataFrame:
    """How many readouts there are of each perturbation, and how many gave no answer; tables.Readouts."""
    groups = scores.assign(invalid=~scores["valid"].astype(bool)).groupby(["writer", "reader", "perturbation"])
    counts = groups.agg(readouts=("invalid", "size"), invalid=("invalid", "sum"), retokenised=("retokenised", "sum"))
    return frame(counts.reset_index(), Readouts)


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
    names = sorted(measured(pd.concat(part.measures["left out"] for part in values.values())))
    parts: list[pd.DataFrame] = []
    for arm in sorted(set(arms.values())):
        chains = pd.concat(pair_values(values, name) for name in arms if arms[name] == arm)
        chains = chains.sort_values(CHAIN)
        rows = chains[CHAIN].take(np.repeat(np.arange(len(chains)), len(names)))
        measure, value = np.tile(np.array(names, object), len(chains)), chains[names].to_numpy().ravel()
        parts.append(rows.assign(arm=arm, measure=measure, value=value))
    return frame(pd.concat(parts, ignore_index=True), Measures)


def control_values(
    values: Mapping[Pair, ChainValues], training: str, seed: int, invalid: Invalid = "left out"
) -> pd.DataFrame:
    """Measures of base's chains with base and with a placebo or null arm as readers; columns as `pair_values`.

    Args:
        values: from `of_pairs`.
        training: of the placebo or null arm.
        seed: of the training.
        invalid: how invalid readouts are counted.
    """
    base = values["base", "base"].measures[invalid].reset_index().assign(reader="base", seed=0)
    own = values["base", training].measures[invalid].reset_index().assign(reader=training, seed=seed)
    return pd.concat([base, own], ignore_index=True).assign(writer="base")


def pair_values(values: Mapping[Pair, ChainValues], training: str, invalid: Invalid = "left out") -> pd.DataFrame:
    """Measures of the chains of base and one training with both readers; columns CHAIN and the measures.

    Chains carry the seed of their writer. What tuned reads of base belongs to tuned's training, too, so its seed is the
    training's; base that reads its own chains has seed 0.
    """
    seed = training_seed(values, training)
    parts = []
    for writer, reader in ((w, r) for w in ("base", training) for r in ("base", training)):
        part = values[writer, reader].measures[invalid].reset_index()
        alone = (writer, reader) == ("base", "base")
        parts.append(part.assign(writer=writer, reader=reader, seed=0 if alone else seed))
    return pd.concat(parts, ignore_index=True)


def training_seed(values: Mapping[Pair, ChainValues], training: str) -> int:
    """The seed of a training, which its chains carry."""
    return int(values[training, training].answers["seed"].max())
