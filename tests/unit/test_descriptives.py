"""Summaries and curves, and the tables of many cells that they are made from."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from faithfulness.arms.record import write_arm
from faithfulness.compare import arm_table, chain_values, descriptives, read_all, retention
from faithfulness.compare.chain_values import Reading
from faithfulness.compare.descriptives import Observations
from faithfulness.config.statistics import Statistics
from faithfulness.tables.io import frame, write_table
from faithfulness.tables.statistics import Gates, Strengths, Summaries
from tests.factories import make_arm
from tests.frames import scored

QUICK = Statistics(resamples=299)
READING = Reading(lambda claim: [])


def probes(item, perturbation, variant, outcomes, *, n=4, first_cut=0, sample=0):
    return [
        {
            "model": "m",
            "dataset": "d",
            "writer": "base",
            "reader": "base",
            "item_id": item,
            "sample": sample,
            "seed": 0,
            "perturbation": perturbation,
            "variant": variant,
            "cut": first_cut + k,
            "n_steps": n,
            "answer": "yes",
            "valid": same is not None,
            "same": same,
            "correct": same == 1,
            "p_original": 0.5,
            "p_gold": 0.5,
            "position": None,
            "cue": "first",
            "retokenised": False,
        }
        for k, same in enumerate(outcomes)
    ]


def curves_of(rows):
    values = chain_values.of_pairs(scored(rows), READING)
    by_item = retention.by_item({pair: part.curves for pair, part in values.items()}, {})
    return descriptives.curves(by_item, QUICK)


def drawn(rows, perturbation):
    # What is drawn of a chain needs its answer after the whole chain.
    whole = [probes(row["item_id"], "early_termination", "keep_k", [1], n=row["n_steps"], first_cut=row["n_steps"],
                    sample=row["sample"])[0] for row in rows if perturbation != "early_termination"][:1]  # fmt: skip
    curves = curves_of([*rows, *whole])
    return curves[curves["perturbation"] == perturbation].set_index("fraction")


def test_early_termination_is_interpolated_on_the_common_grid():
    rows = probes("a", "early_termination", "keep_k", [0, 0, 1, 1, 1])
    rows += probes("b", "early_termination", "keep_k", [1, 1], n=1)
    curve = drawn(rows, "early_termination")
    assert list(curve.index) == pytest.approx(np.arange(11) / 10)
    # a: 0 up to 1/4, then rising to 1 at 1/2; b is 1 throughout.
    expected = [0.5, 0.5, 0.5, (0.2 + 1) / 2, (0.6 + 1) / 2, 1, 1, 1, 1, 1, 1]
    assert curve["retention"].tolist() == pytest.approx(expected)
    assert curve["n_items"].tolist() == [2] * 11
    assert curve.loc[1.0, ["ci_low", "ci_high"]].tolist() == [1, 1]
    assert (curve["ci_low"] <= curve["retention"]).all()
    assert (curve["retention"] <= curve["ci_high"]).all()


def test_what_is_not_perturbed_is_retained():
    curve = drawn(probes("a", "filler", "text", [0, 0, 0, 0]), "filler")
    assert curve.loc[1.0, "retention"] == 1
    assert curve.loc[0.5, "retention"] == 0
    assert curve.loc[0.9, "retention"] == pytest.approx(0.6)  # on the way from 0 at 3/4 to 1


def test_a_mistake_stands_where_the_chain_was_sound_before_it():
    rows = probes("a", "mistake", "keep", [0, 1], n=2, first_cut=1)  # steps 1 and 2: before them 0 and 1/2
    curve = drawn(rows, "mistake")
    assert curve.loc[0.0, "retention"] == 0
    assert curve.loc[0.5, "retention"] == 1


def test_only_the_rest_variant_of_paraphrases_is_drawn():
    rows = probes("a", "paraphrase", "rest", [1, 1, 1, 1]) + probes("a", "paraphrase", "single", [0] * 4, first_cut=1)
    assert (drawn(rows, "paraphrase")["retention"] == 1).all()


def test_a_curve_has_no_value_before_its_first_valid_readout():
    rows = probes("a", "early_termination", "keep_k", [None, 0, 1, 1, 1])
    rows += probes("b", "early_termination", "keep_k", [1, 1, 1, 1, 1])
    curve = drawn(rows, "early_termination")
    assert curve.loc[0.0, "n_items"] == 1
    assert curve.loc[0.0, "retention"] == 1
    assert curve.loc[0.3, "n_items"] == 2


def test_samples_are_averaged_before_items():
    rows = probes("a", "early_termination", "keep_k", [0, 1], n=1)
    rows += probes("a", "early_termination", "keep_k", [1, 1], n=1, sample=1)
    rows += probes("b", "early_termination", "keep_k", [1, 1], n=1)
    curve = drawn(rows, "early_termination")
    assert curve.loc[0.0, "retention"] == pytest.approx(0.75)
    assert curve.loc[0.0, "n_items"] == 2


def test_no_step_no_curve():
    assert curves_of(probes("a", "early_termination", "keep_k", [1], n=0)).empty


def test_chance():
    closed = pd.DataFrame({"options": [["a", "b"], ["a", "b", "c", "d"]], "answer": ["a", "d"]})
    assert descriptives.chance(closed) == pytest.approx((1 / 2 + 1 / 4) / 2)
    open_ended = pd.DataFrame({"options": [None] * 4, "answer": ["7", "7", "7", "8"]})
    assert descriptives.chance(open_ended) == 0.75


def test_proportion_is_clopper_pearson_over_items():
    correct = pd.Series([True, True, False, True], index=["a", "b", "c", "c"])  # c is half right
    share, low, high = descriptives.proportion(correct, 0.95)
    assert share == pytest.approx(2.5 / 3)
    assert (low, high) == pytest.approx(tuple(stats.binomtest(2, 3).proportion_ci(0.95, method="exact")))
    assert np.isnan(descriptives.proportion(correct.iloc[:0], 0.95)).all()


def test_summary_of_an_arm():
    rows = probes("a", "early_termination", "keep_k", [0, 1, 1], n=2)
    rows += probes("b", "early_termination", "keep_k", [None, 1, None], n=2)
    rows += probes("a", "direct", "direct", [1], n=2) + probes("b", "direct", "direct", [0], n=2)
    elsewhere = [row | {"writer": "tuned-x", "correct": True} for row in rows]  # base reads chains of another arm
    chain = {"model": "m", "writer": "base", "dataset": "d", "sample": 0, "seed": 0}
    chains = pd.DataFrame(
        [
            chain
            | {"item_id": "a", "step_spans": [[0, 1], [1, 2]], "finish_reason": "stop", "chain_ids": [1, 2, 3]}
            | {"conclusion": "So the answer is Yes.", "conclusion_forms": ["sentence", "boxed"]}
            | {"states_answer": [False, True]},
            chain
            | {"item_id": "b", "step_spans": [[0, 1]], "finish_reason": "length", "chain_ids": [1], "conclusion": ""}
            | {"conclusion_forms": [], "states_answer": [False]},
        ]
    )
    accepted = pd.DataFrame(
        {"model": "m", "writer": "base", "dataset": "d", "variant": [*["single"] * 4, "rest", "keep"]}
        | {"accepted": [True, True, True, False, True, True], "strength": [0.5, 0.25, 0.75, None, 1, None]}
        | {"rule": ["model", "connective+synonym", "model", "no_rule", "model", "number"]}
    )
    items = pd.DataFrame({"dataset": "d", "options": [["yes", "no"]] * 2, "answer": ["yes", "no"]})
    values = chain_values.of_pairs(scored(rows + elsewhere), READING)
    answers, readouts = chain_values.answers_table(values), chain_values.readouts_table(values)
    found = descriptives.summarise(Observations({}, answers, readouts, chains, accepted, items), QUICK)
    assert set(found.columns) == set(Summaries.names) - {"model", "parameters", "dataset"}
    expected = {
        "n_items": 2,
        "cot_accuracy": 0.5,  # b's answer is invalid, and so wrong
        "cot_accuracy_valid": 1,
        "direct_accuracy": 0.5,
        "chance": 0.5,
        "mean_steps": 1.5,
        "mean_tokens": 2,
        "two_steps": 0.5,
        "truncated": 0.5,
        "invalid": 2 / 8,
        "conclusion_present": 0.5,
        "conclusion_agrees": 1,
        "conclusion_sentence": 0.5,
        "conclusion_boxed": 0.5,
        "conclusion_hashes": 0,
        "last_step_states": 0.5,
        "paraphrase_accepted": 0.75,
        "paraphrase_model": 0.5,
        "mistakes_made": 0.25,
        "retokenised": 0,
    }
    assert len(found) == 1
    for name, value in expected.items():
        assert found[name].iloc[0] == pytest.approx(value), name


def test_strengths_by_arm_and_rule():
    """A step that two rules reworded counts with each; what is not reworded has a reason and no strength."""
    rows = [
        ("base", "single", "model", 0.5), ("base", "single", "model", 0.7), ("base", "single", "a+b", 0.2),
        ("base", "single", "b", 0.4), ("base", "single", "no_rule", None), ("base", "rest", "a", 1.0),
        ("x-1", "single", "a", 0.1), ("x-2", "single", "a", 0.3), ("x-2", "keep", "number", None),
    ]  # fmt: skip
    replacements = pd.DataFrame(rows, columns=["writer", "variant", "rule", "strength"])
    none = pd.DataFrame()
    found = descriptives.strengths(Observations({"x-1": "x", "x-2": "x"}, none, none, none, replacements, none))
    assert set(found.columns) == set(Strengths.names) - {"model", "dataset"}
    kept = found.set_index(["arm", "rule"])
    assert kept["steps"].to_dict() == {
        ("base", "a"): 1, ("base", "b"): 2, ("base", "model"): 2, ("base", "no_rule"): 1, ("x", "a"): 2,
    }  # fmt: skip
    assert kept.loc[("base", "b"), ["lower", "median", "upper"]].tolist() == pytest.approx([0.25, 0.3, 0.35])
    assert kept.loc[("x", "a"), ["lower", "median", "upper"]].tolist() == pytest.approx([0.15, 0.2, 0.25])
    assert kept.loc[("base", "no_rule")].isna().sum() == 3
    empty = descriptives.strengths(Observations({}, none, none, none, replacements.iloc[:0], none))
    assert frame(empty.assign(model="m", dataset="d"), Strengths).empty


def test_the_summary_of_an_arm_is_that_of_all_its_trainings():
    """Two trainings of one arm: each answers for itself, and an item's value is the mean over them."""
    right = {"base": [1, 1], "x-1": [1, 1], "x-2": [0, 1]}  # whether the answers to the items a and b are
    rows, chains = [], []
    for name, outcomes in right.items():
        for item, outcome in zip("ab", outcomes, strict=True):
            whole = probes(item, "early_termination", "keep_k", [1], n=2, first_cut=2)
            rows += [row | {"writer": name, "reader": name, "correct": bool(outcome)} for row in whole]
            steps = [[0, 1]] * (2 if name == "x-2" else 1)
            chains.append({"writer": name, "item_id": item, "sample": 0, "seed": 0, "step_spans": steps})
    chains = pd.DataFrame(chains).assign(finish_reason="stop", conclusion="", chain_ids=[[1]] * len(chains))
    chains = chains.assign(conclusion_forms=[[]] * len(chains), states_answer=[[False]] * len(chains))
    none = pd.DataFrame({"writer": [], "variant": [], "rule": [], "accepted": [], "strength": []})
    items = pd.DataFrame({"options": [["yes", "no"]] * 2, "answer": ["yes", "no"]})
    values = chain_values.of_pairs(scored(rows), READING)
    answers, readouts = chain_values.answers_table(values), chain_values.readouts_table(values)
    observed = Observations({"x-1": "x", "x-2": "x"}, answers, readouts, chains, none, items)
    summary = descriptives.summarise(observed, QUICK).set_index("arm")
    assert summary.index.tolist() == ["base", "x"]
    assert summary["cot_accuracy"].tolist() == [1, 0.75]
    assert summary["mean_steps"].tolist() == [1, 1.5]


@pytest.mark.parametrize(("conclusion", "agrees"), [("It is yes, then.", 1), ("It is yesterday.", 0), ("No.", 0)])
def test_a_conclusion_agrees_if_it_names_the_answer_as_a_word(conclusion, agrees):
    values = chain_values.of_pairs(scored(probes("a", "early_termination", "keep_k", [1, 1], n=1)), READING)
    chain = {"writer": "base", "item_id": "a", "sample": 0, "seed": 0, "step_spans": [[0, 1]], "finish_reason": "stop"}
    more = {"conclusion": conclusion, "conclusion_forms": ["cue"], "states_answer": [False], "chain_ids": [1]}
    chains = pd.DataFrame([chain | more])
    none = pd.DataFrame({"writer": [], "variant": [], "rule": [], "accepted": [], "strength": []})
    items = pd.DataFrame({"options": [["yes", "no"]], "answer": ["yes"]})
    answers, readouts = chain_values.answers_table(values), chain_values.readouts_table(values)
    found = descriptives.summarise(Observations({}, answers, readouts, chains, none, items), QUICK)
    assert found["conclusion_agrees"].item() == agrees
    assert np.isnan(found["paraphrase_accepted"].item())


# --- cells


def gate(model):
    return {"model": model, "arm": "t", "dataset": "d", "gate": "items", "subject": "", "value": 1.0} | {
        "threshold": 1.0,
        "passed": True,
        "reason": "",
        "closes": "all",
    }


def test_tables_of_many_cells_get_the_names_in_their_paths(tmp_path):
    paths = [tmp_path / "results" / model / "base" / "coin.v2.csv" for model in ("m-1.5b", "a")]
    for path in paths:
        write_table([gate("x")], Gates, path)
    found = read_all.read(paths, Gates, ["size", "writer", "dataset"])
    assert found[["size", "writer", "dataset"]].to_numpy().tolist() == [
        ["a", "base", "coin.v2"],
        ["m-1.5b", "base", "coin.v2"],
    ]
    pd.testing.assert_frame_equal(found, read_all.read(paths[::-1], Gates, ["size", "writer", "dataset"]))


def test_sizes_are_those_of_the_base_arms(tmp_path):
    for arm, parameters in (("tuned-x", 110), ("base", 100)):
        write_arm(tmp_path / arm, make_arm("m", arm, parameters=parameters, train_datasets=["d"]))
    arms = arm_table.arms(sorted(tmp_path.iterdir(), reverse=True))
    assert arms["arm"].tolist() == ["base", "tuned-x"]
    assert arms["train_datasets"].tolist() == [["d"], ["d"]]
    assert arm_table.sizes(arms) == {"m": 100}


def test_trainings_of_an_arm_are_counted(tmp_path):
    for number, arm in enumerate(["base", "tuned-x", "tuned-x", "tuned-y"]):
        write_arm(tmp_path / str(number), make_arm("m", arm).model_copy(update={"seed": number}))
    arms = arm_table.arms(sorted(tmp_path.iterdir()))
    assert arm_table.training_counts(arms) == {("m", "base"): 1, ("m", "tuned-x"): 2, ("m", "tuned-y"): 1}
