"""The answers at each cut by other readings and of other readers: their plain means are those of the measures."""

import itertools

import numpy as np
import pandas as pd
import pytest

from faithfulness.compare import (
    chain_values,
    claims,
    confounds,
    cut_answers,
    cut_readings,
    item_means,
    kappa,
    reader_contrasts,
    reading_contrasts,
)
from faithfulness.compare.alternatives import ALTERNATIVES, MAIN
from faithfulness.compare.chain_probes import WRITTEN
from faithfulness.compare.constant_answers import constant
from faithfulness.compare.item_means import ROLES
from faithfulness.compare.reader_contrasts import Placebo
from faithfulness.compare.readings import BASE_CHAINS
from faithfulness.compare.readings import PLACEBO as READ_PLACEBO
from faithfulness.config.statistics import Statistics
from faithfulness.tables import io
from faithfulness.tables.measures import CutAnswers
from tests.frames import scored
from tests.unit.test_kappa import KINDS

DECLARED = claims.load("config/claims.yaml")
OPTIONS = {f"i{number:02}": ["a", "b", "c"] for number in range(9)}
TRAININGS = {1: "tuned-t.seed1", 2: "tuned-t.seed2"}
PLACEBO = ["placebo-t.seed1", "placebo-t.seed2"]
CELL = ("m", "tuned-t", "d")


def rows_of(rng, writer, reader, seed, n_steps):
    """Scores of a writer's chains with a reader, at random: some invalid, improbable, or other by the raw readout."""
    for (item, sample), steps in n_steps.items():
        keys = {"writer": writer, "reader": reader, "item_id": item, "sample": sample, "seed": seed}
        kinds = itertools.product((*KINDS, ("filler", "steps", 0, 0)), ("first", "second"))
        original = {(cue, raw): rng.choice([*"abc"]) for cue in ("first", "second") for raw in (False, True)}
        for (perturbation, variant, first, extra), cue in kinds:
            for cut in range(first, steps + extra):
                whole = (perturbation, cut) == ("early_termination", steps)
                answer = original[cue, False] if whole else rng.choice([*"abc", None], p=[0.5, 0.2, 0.2, 0.1])
                raw = original[cue, True] if whole else rng.choice([*"abc"])
                same = None if answer is None else answer == original[cue, False]
                yield keys | {
                    "perturbation": perturbation, "variant": variant, "cut": cut, "n_steps": steps, "cue": cue,
                    "answer": answer, "valid": answer is not None, "same": same, "correct": False, "retokenised": False,
                    "answer_raw": raw, "same_raw": raw == original[cue, True], "options_share": rng.choice([0.2, 0.9]),
                    "position": None if answer is None else "abc".index(answer), "p_gold": 0.5, "p_original": 0.5,
                }  # fmt: skip


@pytest.fixture(scope="module")
def run():
    """Item means and answers of base, of two trainings of a tuned arm, and of two of its placebo."""
    rng = np.random.default_rng(7)
    chains = list(itertools.product(OPTIONS, range(2)))
    steps = {name: {chain: int(rng.integers(1, 6)) for chain in chains} for name in ("base", *TRAININGS.values())}
    seeds = {"base": 0} | {name: seed for seed, name in TRAININGS.items()}
    pairs = [(w, r) for w in steps for r in ("base", *TRAININGS.values()) if "base" in (w, r) or w == r]
    pairs += [("base", name) for name in PLACEBO]
    scores = scored([row for w, r in pairs for row in rows_of(rng, w, r, seeds[w], steps[w])])
    cut_off = pd.MultiIndex.from_tuples([("base", "i03", 0, 0), ("base", "i03", 1, 0)], names=WRITTEN)
    reading = chain_values.Reading(
        DECLARED.directions_of,
        least_share=0.5,
        by_place=True,
        options={item: np.array(options, dtype=object) for item, options in OPTIONS.items()},  # as tables have them
        truncated=cut_off,
    )
    values = chain_values.of_pairs(scores, reading)
    arms = dict.fromkeys(TRAININGS.values(), "tuned-t")
    controls = {name: ("placebo-t", seed) for seed, name in enumerate(PLACEBO, 1)}
    means = pd.concat(item_means.tables(values, arms, controls)).assign(model="m", dataset="d")
    main = means[means["alternative"] == MAIN]
    frames = item_means.frames(main), item_means.frames_by_seed(main)
    parts = [cut_answers.of_scores(scores, by_place=True), *cut_readings.of_scores(scores, reading)]
    answers = io.to_pandas(io._conform(pd.concat(parts, ignore_index=True), CutAnswers))
    return {MAIN: frames, **item_means.under_alternatives(means, *frames)}, answers


def check(frame, chains, names):
    for name, (role, roles) in itertools.product(names, enumerate(ROLES)):
        items = frame.index[frame[[(name, *of_roles) for of_roles in ROLES]].notna().all(axis=1)]
        assert len(items) >= 5
        plain = frame.loc[items, (name, *roles)].to_numpy()
        assert kappa.probes(chains, name, role, items).by_item() == pytest.approx(plain), (name, roles)


def correctable(reading):
    names = DECLARED.primary_measures if reading == MAIN else ALTERNATIVES[reading].measures(DECLARED.directions_of)
    return [name for name in names if name in kappa.AVERAGES]


@pytest.mark.parametrize("reading", [MAIN, *ALTERNATIVES])
def test_uncorrected_means_are_those_of_the_measures_in_each_reading(run, reading):
    readings, answers = run
    cells, seeds = readings[reading]
    table = cut_readings.under(answers, reading)
    parties = ["base", *TRAININGS.values()]
    own = table[table["writer"].isin(parties) & table["reader"].isin(parties)]
    check(cells[CELL], cut_answers.arrange(own), correctable(reading))
    for seed, chains in cut_answers.by_seed(own).items():
        check(seeds[CELL][seed], chains, correctable(reading))


@pytest.mark.parametrize("reading", [MAIN, *ALTERNATIVES])
def test_uncorrected_means_are_those_of_the_measures_between_readers(run, reading):
    readings, answers = run
    cells, seeds = readings[reading]
    sham = ("m", "placebo-t", "d")
    placebo = Placebo({CELL: cells[sham]}, {CELL: seeds[sham]})
    of_tuned = {CELL: cells[CELL]}, {CELL: seeds[CELL]}
    table, names = cut_readings.under(answers, reading), correctable(reading)
    of_base = reader_contrasts.against_base("b", *of_tuned, names, placebo)
    of_placebo = reader_contrasts.against_placebo("p", *of_tuned, names, placebo)
    for comparison, second in ((of_base, ["base"]), (of_placebo, PLACEBO)):
        chains = cut_answers.arrange(cut_readings.of_readers(table, list(TRAININGS.values()), second))
        check(comparison.cells[CELL], chains, names)
        for trainings, frames in (
            (TRAININGS, comparison.seeds),
            (dict(enumerate(PLACEBO, 1)), comparison.placebo_seeds),
        ):
            for seed, name in trainings.items():
                chains = cut_answers.arrange(cut_readings.of_readers(table, [name], second))
                check(frames[CELL][seed], chains, names)


@pytest.mark.parametrize("reading", [MAIN, *ALTERNATIVES])
def test_each_contrast_with_a_placebo_has_the_trainings_of_both_arms(run, reading):
    """In its means and in its answers, so that rows that are corrected for chance have their spread, too."""
    readings, answers = run
    cells, seeds = readings[reading]
    sham, names = ("m", "placebo-t", "d"), correctable(reading)
    placebo, shams = Placebo({CELL: cells[sham]}, {CELL: seeds[sham]}), dict(enumerate(PLACEBO, 1))
    tuned = {CELL: cells[CELL]}, {CELL: seeds[CELL]}
    found = reading_contrasts.of_reading(reading, tuned, names, names, TRAININGS, placebo, shams)
    table = cut_readings.under(answers, reading)
    for readers, minus_placebo in ((BASE_CHAINS, False), (READ_PLACEBO, True)):
        comparison, arranged = found[readers].comparison, found[readers].arrange(table)
        assert comparison.minus_placebo == minus_placebo
        assert [*comparison.seeds[CELL]] == [*arranged.seeds] == [*TRAININGS]
        assert [*comparison.placebo_seeds[CELL]] == [*arranged.placebo_seeds] == [*shams]
        rows = confounds.chance_corrected(comparison, {CELL: arranged}, Statistics(resamples=99)).query(
            "component == 'reading'"
        )
        assert rows.loc[rows["error"].notna(), "seed_error"].notna().all()
        for name, chains in zip(PLACEBO, arranged.placebo_seeds.values(), strict=True):
            second = PLACEBO if minus_placebo else ["base"]
            expected = cut_answers.arrange(cut_readings.of_readers(table, [name], second))
            for kind, codes in expected.answers.items():
                np.testing.assert_array_equal(chains.answers[kind], codes)


def test_a_constant_is_seen_in_the_answers_of_a_reading_alone(run):
    _, answers = run
    words = answers[answers["alternative"] == "filler_words"]
    assert constant(words, 0.95) == set()
    one = words["reader"] == PLACEBO[0]
    same = [[7] * len(row) for row in words.loc[one, "answers"]]
    changed = pd.concat([words[~one], words[one].assign(answers=pd.array(same, cut_answers.LISTS))])
    assert constant(changed, 0.95) == {"filler"}
    assert constant(changed.iloc[:0], 0.95) == set()
