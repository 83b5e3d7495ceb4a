"""The answers at each cut as the alternatives have them, and as two readers of base's chains give them.

All that is corrected for chance has its answers from here or from `cut_answers`: each reading of a run, and each
contrast in it.
"""

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd

from faithfulness.compare import kappa
from faithfulness.compare.alternatives import ALTERNATIVES, MAIN
from faithfulness.compare.chain_probes import ChainProbes, arrange
from faithfulness.compare.chain_values import Reading
from faithfulness.compare.cut_answers import UNREAD, Codes, Kind, as_lists, numbered

CHANGED = -2  # in place of an answer that counts as changed, whatever it was


def of_scores(scores: pd.DataFrame, reading: Reading) -> Iterator[pd.DataFrame]:
    """The answers of a table of scores as the alternatives have them.

    Args:
        scores: tables.Scores with a column `reader`, of one model and dataset.
        reading: what it takes to read them.

    Returns:
        Tables of tables.CutAnswers, of the probes of measures that can be corrected for chance. An alternative is
        missing where it counts and reads nothing of a writer and reader otherwise.
    """
    for _, part in scores.groupby(["writer", "reader"]):
        arranged = arrange(part, reading.truncated)
        main = numbered(part["position"] if reading.by_place else part["answer"])
        raw = numbered(_raw_places(part, reading) if reading.by_place else part["answer_raw"])
        for name, alternative in ALTERNATIVES.items():
            probes = alternative.read(arranged, reading.least_share)
            kinds = _kinds(alternative.measures(reading.measures_of))
            if probes is not None and kinds & probes.places.keys():
                codes = np.where(raw == UNREAD, main, raw) if probes is arranged.raw else main
                yield _of_probes(arranged.index, probes, codes, kinds).assign(alternative=name)


def _kinds(measures: Collection[str]) -> set[Kind]:
    """The probes that measures read when they are corrected for chance."""
    return {average.kind for name in measures for average in kappa.AVERAGES.get(name, ())}


def _raw_places(scores: pd.DataFrame, reading: Reading) -> pd.Series:
    """The place of the raw answer among the options of its item; missing where there is none."""
    places = [
        None if answer is None or pd.isna(answer) else list(reading.options[item]).index(answer)
        for item, answer in zip(scores["item_id"], scores["answer_raw"], strict=True)
    ]
    return pd.Series(places, scores.index, "Int64")


def _of_probes(index: pd.MultiIndex, probes: ChainProbes, codes: Codes, kinds: Collection[Kind]) -> pd.DataFrame:
    """The answers as an alternative has them: `stays` says which are a_n, whatever else they were."""
    of_chain = np.where(probes.whole >= 0, codes[probes.whole], UNREAD)
    parts = []
    for kind in sorted(kinds & probes.places.keys()):
        chains, cuts, rows = probes.places[kind]
        order = np.lexsort((cuts, chains))
        chains, cuts, rows = chains[order], cuts[order], rows[order]
        original, stays = of_chain[chains], probes.stays[rows]
        counted = (codes[rows] == UNREAD) | (codes[rows] == original)  # read otherwise, or it would stay
        answers = np.select(
            [np.isnan(stays), stays == 1, counted],
            [np.full_like(original, UNREAD), original, np.full_like(original, CHANGED)],
            codes[rows],
        )
        first = np.flatnonzero(np.diff(chains, prepend=-1))
        table = index[chains[first]].to_frame(index=False).assign(perturbation=kind[0], variant=kind[1])
        parts.append(
            table.assign(
                n_steps=probes.n_steps[chains[first]].astype(np.int64),
                original=original[first],
                cuts=as_lists(first, cuts),
                answers=as_lists(first, answers),
            )
        )
    return pd.concat(parts, ignore_index=True)


def under(answers: pd.DataFrame, reading: str) -> pd.DataFrame:
    """The answers by one reading; where it has none of a writer and reader, these have their main ones.

    Args:
        answers: tables.CutAnswers of one dataset.
        reading: MAIN, or the name of an alternative.
    """
    pair = answers["writer"] + " " + answers["reader"]
    own, main = answers["alternative"] == reading, answers["alternative"] == MAIN
    return answers[own | (main & ~pair.isin(pair[own]))]


def of_readers(answers: pd.DataFrame, first: Collection[str], second: Collection[str]) -> pd.DataFrame:
    """The answers of two arms to base's chains as those of tuned and of base, whoever writes.

    So the component `reading` is the first arm minus the second, as in `reader_contrasts.contrast`. As there, chains
    count of which base and all trainings of the arm have a valid a_n.

    Args:
        answers: tables.CutAnswers of one dataset by one reading.
        first, second: the trainings of the arms, or base.
    """
    chain, parts = ["item_id", "sample"], []
    for role, trainings in (("tuned", first), ("base", second)):
        rows = answers[(answers["writer"] == "base") & answers["reader"].isin(["base", *trainings])]
        readable = (rows["original"] != UNREAD).groupby([rows[key] for key in chain]).transform("all")
        rows = rows[readable & rows["reader"].isin(trainings)]
        # Base's chains have one seed, so that of the reader tells the trainings of an arm apart.
        rows = rows.assign(reader=role, seed=pd.factorize(rows["reader"])[0])
        parts += [rows, rows.assign(writer="tuned")]
    return pd.concat(parts, ignore_index=True)
