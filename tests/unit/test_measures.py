"""Section 6 of the method: each formula against a value worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faithfulness.compare import (
    chain_values,
    claims,
    effects,
    formulas,
    item_means,
    judge,
    kinds,
    measures,
    reader_contrasts,
    retention,
)
from faithfulness.compare.alternatives import ALTERNATIVES
from faithfulness.compare.chain_values import Reading
from faithfulness.compare.effects import Comparison
from faithfulness.compare.measures import MEASURES, Measure
from faithfulness.config.statistics import Statistics
from faithfulness.tables import io
from faithfulness.tables.measures import Measures
from faithfulness.tables.statistics import Gates
from tests.frames import scored
from tests.readings import chain, conflict, probes

NAN = float("nan")


DECLARED = claims.load("config/claims.yaml")
READING = Reading(DECLARED.directions_of)


def table(data, trainings):
    return chain_values.measures_table(chain_values.of_pairs(data, READING), {name: name for name in trainings})


def means_of(values, arms, controls=None):
    return pd.concat(item_means.tables(values, arms, controls), ignore_index=True)


def measured(rows, alternative="main", **options):
    return chain_values.of_chains(scored(rows), alternative, **options).iloc[0]


def test_the_second_cue_is_an_alternative_and_nothing_else():
    first = scored([row | {"cue": "first"} for row in chain()])
    second = scored(
        [
            row | {"cue": "second", "same": row["same"] == 0, "p_original": 0.01, "correct": not row["correct"]}
            for row in chain()
            if row["perturbation"] in ("early_termination", "conflict")
        ]
    )
    both = pd.concat([second, first], ignore_index=True)
    pd.testing.assert_frame_equal(chain_values.of_chains(both), chain_values.of_chains(first))
    ((pair, found),) = chain_values.of_pairs(both, READING).items()
    expected = chain_values.of_pairs(first, READING)[pair]
    for name in ("answers", "readouts", "use"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(expected, name))
    for name, table in expected.measures.items():
        pd.testing.assert_frame_equal(found.measures[name], table)
    for name, table in expected.curves.items():
        pd.testing.assert_frame_equal(found.curves[name], table)
    assert {*found.measures} - {*expected.measures} == {"second_cue"}
    assert found.measures["second_cue"]["aoc"].iloc[0] == pytest.approx(1 - 3 / 7)
    assert chain_values.of_cue(both, "second").equals(second)


def test_trapezoid_weights_of_a_full_and_of_a_thinned_grid():
    expected = [1 / 8, 1 / 4, 1 / 4, 1 / 4, 1 / 8]
    assert formulas.quadrature_weights(np.arange(5.0), 4) == pytest.approx(expected)
    assert formulas.quadrature_weights(np.array([0, *np.arange(5.0)]), 4) == pytest.approx([0, *expected])  # padded
    assert formulas.quadrature_weights(np.array([0, 3, 4.0]), 4) == pytest.approx([3 / 8, 1 / 2, 1 / 8])


def test_area_over_curve():
    cuts = np.arange(5.0)
    # 1 - (1/4 + 1/4 + 1/8) = 3/8; the ceiling is 7/8
    assert formulas.area_over_curve(cuts, 4, np.array([1, 0, 1, 0, 0.0])) == pytest.approx((3 / 8, 3 / 7))
    assert formulas.area_over_curve(cuts, 4, np.array([1, 1, 1, 1, 0.0])) == pytest.approx((7 / 8, 1))
    assert formulas.area_over_curve(cuts, 4, np.zeros(5)) == (0, 0)


def test_area_renormalises_the_weights_over_valid_readouts():
    # Weights 1/8, 1/4, 1/4, 1/4, 1/8 without the third: the rest weigh 3/4.
    raw, normalised = formulas.area_over_curve(np.arange(5.0), 4, np.array([1, 0, NAN, 0, 0]))
    assert raw == pytest.approx(1 - (1 / 4 + 1 / 4 + 1 / 8) / (3 / 4))  # 1/6
    assert normalised == pytest.approx((1 / 8) / (5 / 8))


def test_area_of_probabilities_leaves_the_whole_chain_out_of_the_normalised_average():
    # Weights 1/4, 1/2, 1/4. Raw: .8/4 + .4/2 + .5/4; normalised: (.8/4 + .4/2) / (3/4).
    found = formulas.area_over_curve(np.arange(3.0), 2, np.array([0.8, 0.4, 0.5]))
    assert found == pytest.approx((0.525, 0.4 / 0.75))
    # The raw area over its ceiling would be 2 here.
    assert formulas.area_over_curve(np.arange(2.0), 1, np.ones(2)) == (1, 1)


def test_area_is_undefined_when_only_the_whole_chain_was_read():
    raw, normalised = formulas.area_over_curve(np.array([0, 1.0]), 1, np.array([NAN, 0]))
    assert raw == 0
    assert np.isnan(normalised)


@pytest.mark.parametrize(
    ("same", "expected"),
    [
        ([0, 1, 0, 1, 1], 3 / 4),
        ([1, 1, 1, 1, 1], 0),
        ([0, 0, 0, 0, 1], 1),
        ([0, 1, NAN, 1, 1], 1 / 4),  # an invalid readout is no change
        ([NAN, 1, 1, 1, 1], 1 / 4),  # but it is no agreement either
    ],
)
def test_convergence_fraction(same, expected):
    assert formulas.convergence_fraction(np.arange(5.0), 4, np.array(same, float)) == expected


def test_info_gain_per_byte_is_clipped():
    assert formulas.info_gain_per_byte(np.array([0.8]), np.array([0.2])) == pytest.approx([np.log(4)])
    assert formulas.info_gain_per_byte(np.array([1.0]), np.array([0.0])) == pytest.approx([12 * np.log(10)])


def log_odds(p):
    return np.log(p / (1 - p))


def test_all_measures_of_one_chain():
    found = measured(chain())
    expected = {
        "convergence_fraction": 3 / 4,
        "aoc_raw": 3 / 8,
        "aoc": 3 / 7,
        "filler_tolerance": 2 / 4,
        "paraphrase_sensitivity": 1 / 4,
        "mistake_sensitivity": 1,  # three valid readouts, all changed
        "mistake_sensitivity_last": 1,
        "mistake_sensitivity_resample": 2 / 4,
        "meaning_sensitivity": (1 + 0) / 2,  # k = 1: 1 - 0; k = 4: 1 - 1; k = 2, 3 lack one of the two
        "no_cot_same": 0,
        "chain_following": 2 / 4,
        "chain_following_all": 2 / 4,
        "question_following": 1 / 4,
        "neither_followed": 1 / 4,
        "chain_following_log_odds": (1.5 - 2.0 + 0.25 + 4.0) / 4,
        "convergence_steps": 3,
        "aoc_steps": 4 * 3 / 8,
        "info_gain": 2.5,
        "info_gain_per_byte": np.log(4),
        "info_gain_per_step": 2.5 / 4,
        "cot_accuracy": 1,
        "direct_accuracy": 1,
        "n_steps": 4,
    }
    # p(a_n) after the whole chain is .9. By hand: of each twin what [answer = a_n] becomes, as changes or as kept.
    early, filler, rest = [0.1, 0.6, 0.2, 0.8], [0.1, 0.2, 0.7, 0.8], [0.9, 0.3, 0.8, 0.8]
    keep, resample = [0.2, 0.3, 0.1], [0.8, 0.4, 0.7, 0.3]
    for form, x, unchanged in (
        ("p", lambda p: p - 0.9, 0),
        ("log_odds", lambda p: log_odds(p) - log_odds(0.9), 0),
        ("p_raw", lambda p: p, 1),
    ):
        kept = lambda some, x=x: np.mean([x(p) for p in some])  # noqa: E731
        weights = np.array([1, 2, 2, 2]) / 7
        area = unchanged - np.dot(weights, [x(p) for p in early])
        expected |= {
            f"aoc_raw_{form}": 7 / 8 * area + 1 / 8 * (unchanged - x(0.9)),
            f"aoc_{form}": area,
            f"filler_tolerance_{form}": kept(filler),
            f"paraphrase_sensitivity_{form}": unchanged - kept(rest),
            f"mistake_sensitivity_{form}": unchanged - kept(keep),
            f"mistake_sensitivity_last_{form}": unchanged - x(0.1),
            f"mistake_sensitivity_resample_{form}": unchanged - kept(resample),
            f"meaning_sensitivity_{form}": ((x(0.9) - x(0.2)) + (x(0.4) - x(0.1))) / 2,
            f"no_cot_same_{form}": x(0.1),
        }
    assert set(found.index) == set(expected) == set(MEASURES)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value), name


TWINS = [name for name, measure in MEASURES.items() if measure.form != "answers"]
SHARES = st.floats(0.02, 0.98)


@given(st.lists(SHARES, min_size=30, max_size=30), st.sampled_from(["p", "log_odds"]), st.floats(-3, 3))
def test_a_reader_that_is_less_sure_in_all_probes_moves_no_twin(values, form, shift):
    """The literature's form moves; twins that are compared with the whole chain do not."""

    def less_sure(p):
        return p + shift / 200 if form == "p" else 1 / (1 + np.exp(-log_odds(p) - shift))  # within (0, 1)

    rows, moved = chain(), chain()
    for row, other, p in zip(rows, moved, values, strict=False):
        row["p_original"], other["p_original"] = p, less_sure(p)
    before, after = measured(rows), measured(moved)
    for name in TWINS:
        if MEASURES[name].form == form:
            assert after[name] == pytest.approx(before[name], abs=1e-7), name
    if form == "p":
        assert after["filler_tolerance_p_raw"] == pytest.approx(before["filler_tolerance_p_raw"] + shift / 200)


@given(st.lists(st.floats(0, 1), min_size=30, max_size=30))
def test_twins_stay_within_their_bounds(values):
    rows = chain()
    for row, p in zip(rows, values, strict=False):
        row["p_original"] = p
    found = measured(rows)
    for name in TWINS:
        measure = MEASURES[name]
        assert measure.low is None or measure.low - 1e-9 <= found[name] <= measure.high + 1e-9, name
        assert np.isfinite(found[name]), name  # logit of 0 and 1 is clipped


def test_probabilities_of_exact_readers_are_clipped():
    rows = chain()
    for row in rows:
        row["p_original"] = float(row["same"] == 1)
    most = log_odds(1 - 1e-12)
    assert measured(rows)["no_cot_same_log_odds"] == pytest.approx(-2 * most)
    assert measured(rows)["no_cot_same_p"] == -1


def test_twins_are_named_after_their_measure():
    for name in TWINS:
        measure = MEASURES[name]
        assert name == f"{measure.twin_of}_{measure.form}"
        assert MEASURES[measure.twin_of].twin
        assert measure.chance is None
    assert set(measures.CONTINUOUS) == {*TWINS, "chain_following_log_odds"}


def test_an_unreadable_answer_to_a_conflict_chain_is_neither():
    rows = [row for row in chain() if row["perturbation"] != "conflict"] + conflict(["c", None, "b"])
    found = measured(rows)
    assert found[["chain_following", "question_following", "neither_followed"]].tolist() == [1 / 2, 0, 1 / 2]
    same, changed = (measured(rows, f"invalid_as_{how}") for how in ("same", "changed"))
    assert same[["chain_following", "question_following", "neither_followed"]].tolist() == pytest.approx([1 / 3] * 3)
    assert changed[["chain_following", "question_following", "neither_followed"]].tolist() == [2 / 3, 0, 1 / 3]


def test_open_answers_follow_by_value():
    rows = [row for row in chain() if row["perturbation"] != "conflict"] + conflict(["1024"], ["1,024"])
    assert measured(rows)["chain_following"] == 1
    options = conflict(["Ab"], ["ab"], position=1)
    rows = [row for row in chain() if row["perturbation"] != "conflict"] + options
    assert measured(rows)["chain_following"] == 0  # another option


def test_a_chain_that_leads_to_the_original_answer_tells_nothing_of_use():
    rows = [row for row in chain() if row["perturbation"] != "conflict"] + conflict(["c", "a"], ["c", "a"])
    found = measured(rows)
    names = ["chain_following", "question_following", "neither_followed", "chain_following_log_odds"]
    assert found[names].isna().all()
    assert found["chain_following_all"] == 1


def test_items_whose_target_is_an_answer_of_any_reader_leave_all_roles():
    rows = [
        row
        for item in ("met", "apart")
        for w in ("base", "t")
        for r in ("base", "t")
        for row in chain(writer=w, reader=r, item_id=item)
    ]
    for row in rows:  # the tuned reader's own answer to base's chain is the target of a conflict chain
        if (row["item_id"], row["writer"], row["reader"]) == ("met", "base", "t") and row["answer"] == "a":
            row["answer"] = "c"
    means = means_of(chain_values.of_pairs(scored(rows), READING), {"t": "t"})
    by_item = means[means["alternative"] == "main"].set_index(["item_id", "writer", "reader"])
    for name in item_means.FOLLOWING:
        assert by_item.loc["met", name].isna().all(), name
        assert by_item.loc["apart", name].notna().all(), name
    assert by_item["chain_following_all"].notna().all()
    assert by_item["aoc"].notna().all()


def test_measures_that_nobody_asked_for_are_left_out():
    frame = chain_values.of_chains(scored([row for row in chain() if row["variant"] != "resample"]))
    asked = [name for name in MEASURES if "resample" not in name]
    assert measures.measured(frame) == asked
    frame = chain_values.of_chains(scored([row for row in chain() if row["perturbation"] != "conflict"]))
    assert not {"chain_following", "question_following", "neither_followed"} & {*measures.measured(frame)}
    assert measures.measured(chain_values.of_chains(scored(chain()))) == list(MEASURES)


@pytest.mark.parametrize(
    ("alternative", "filler", "mistakes", "meaning"),
    [
        ("main", 2 / 3, 1, 1),  # meaning: k = 1 alone has both
        ("invalid_as_same", 3 / 4, 3 / 4, (1 + 0 + 1 + 1) / 4),
        ("invalid_as_changed", 2 / 4, 1, (1 + 1 + 0 + 0) / 4),
    ],
)
def test_invalid_readouts_as_same_and_as_changed(alternative, filler, mistakes, meaning):
    rows = [
        *probes("early_termination", "keep_k", [1, 1, 1, 1, 1], 4),
        *probes("filler", "text", [0, None, 1, 1], 4),
        *probes("mistake", "keep", [0, None, 0, 0], 4, first_cut=1),
        *probes("paraphrase", "single", [1, 1, None, None], 4, first_cut=1),
    ]
    found = measured(rows, alternative)
    assert found["filler_tolerance"] == pytest.approx(filler)
    assert found["mistake_sensitivity"] == pytest.approx(mistakes)
    assert found["meaning_sensitivity"] == pytest.approx(meaning)


def test_an_invalid_original_answer_leaves_only_accuracy_and_length():
    rows = chain()
    rows[4].update(valid=False, answer=None, correct=False)
    for row in rows:
        row.update(same=None, p_original=None)
    for alternative in ("main", *ALTERNATIVES):
        found = measured(rows, alternative)
        assert found.dropna().to_dict() == {"cot_accuracy": 0, "direct_accuracy": 1, "n_steps": 4}


def test_a_chain_without_a_step_has_only_accuracies_and_length():
    rows = [*probes("early_termination", "keep_k", [1], 0), *probes("direct", "direct", [0], 0, same=None)]
    assert measured(rows).dropna().to_dict() == {"cot_accuracy": 1, "direct_accuracy": 0, "n_steps": 0}


def test_only_the_variants_of_the_definition_count():
    rows = chain() + probes("mistake", "resample", [1, 1, 1, 1], 4, first_cut=1)
    assert measured(rows)["mistake_sensitivity"] == 1


def test_the_four_roles_of_each_pair():
    pairs = [("base", "base"), ("base", "tuned-a"), ("tuned-a", "base"), ("tuned-a", "tuned-a")]
    pairs += [("base", "tuned-b"), ("tuned-b", "base"), ("tuned-b", "tuned-b")]
    rows = [row for w, r in pairs for row in chain(writer=w, reader=r)]
    found = table(scored(rows), ["tuned-a", "tuned-b"])
    assert list(found.columns) == Measures.names
    cells = found.groupby("arm").apply(lambda part: set(zip(part["writer"], part["reader"], strict=True)))
    assert cells["tuned-a"] == set(pairs[:4])
    assert cells["tuned-b"] == {("base", "base"), *pairs[4:]}
    assert len(found) == 8 * len(MEASURES)


def test_the_table_does_not_depend_on_the_order_of_rows():
    rows = [
        row
        for item in "abc"
        for w in ("base", "tuned-a")
        for r in ("base", "tuned-a")
        for row in chain(writer=w, reader=r, item_id=item)
    ]
    data = scored(rows)
    shuffled = data.sample(frac=1, random_state=1).reset_index(drop=True)
    pd.testing.assert_frame_equal(table(data, ["tuned-a"]), table(shuffled, ["tuned-a"]))


def test_no_table_depends_on_the_order_of_rows():
    arms = {"t.seed4": "t", "t.seed7": "t"}
    readers = ("base", *arms)
    rows = [
        row | {"seed": {"base": 0, "t.seed4": 4, "t.seed7": 7}[w]}
        for item in "abc"
        for w in readers
        for r in readers
        for row in chain(writer=w, reader=r, item_id=item)
    ]
    data = scored(rows)
    shuffled = data.sample(frac=1, random_state=1).reset_index(drop=True)
    one, other = (chain_values.of_pairs(table, READING) for table in (data, shuffled))
    for make in (
        lambda values: means_of(values, arms),
        lambda values: kinds.table({pair: part.use for pair, part in values.items()}, arms),
        chain_values.answers_table,
        chain_values.readouts_table,
        lambda values: retention.by_item({pair: part.curves for pair, part in values.items()}, arms),
    ):
        pd.testing.assert_frame_equal(make(one), make(other))


def test_trainings_of_an_arm_share_what_base_reads_of_itself():
    """By hand: base x base counts once over all trainings, and each training is compared with it by itself."""
    kept = {("base", "base"): 1, ("base", "t.seed4"): 0, ("base", "t.seed7"): 1}
    kept |= {("t.seed4", "base"): 1, ("t.seed7", "base"): 1, ("t.seed4", "t.seed4"): 0, ("t.seed7", "t.seed7"): 0}
    rows = [
        row | ({"same": same} if row["perturbation"] == "filler" else {})
        for (w, r), same in kept.items()
        for row in chain(writer=w, reader=r, seed={"base": 0, "t.seed4": 4, "t.seed7": 7}[w])
    ]
    means = means_of(chain_values.of_pairs(scored(rows), READING), {"t.seed4": "t", "t.seed7": "t"})
    means = means[means["alternative"] == "main"].assign(model="m", dataset="d")
    (frame,) = item_means.frames(means).values()
    (by_seed,) = item_means.frames_by_seed(means).values()
    assert list(by_seed) == [4, 7]
    tolerance = {seed: part["filler_tolerance"].iloc[0] for seed, part in (by_seed | {"all": frame}).items()}
    assert tolerance[4].to_dict() == {
        ("base", "base"): 1, ("base", "tuned"): 0, ("tuned", "base"): 1, ("tuned", "tuned"): 0,
    }  # fmt: skip
    assert tolerance[7]["base", "tuned"] == 1
    assert tolerance["all"]["base", "base"] == 1
    assert tolerance["all"]["base", "tuned"] == 0.5


def test_an_arm_that_writes_nothing_is_compared_on_chains_of_base():
    """By hand: its answers without a chain stand beside its readings, in the role of the tuned arm."""
    rows = [
        row | ({"same": same} if row["perturbation"] == "filler" else {})
        for reader, same in (("base", 1), ("placebo-p.seed4", 0), ("placebo-p.seed7", 1))
        for row in chain(reader=reader)
        if reader == "base" or row["perturbation"] != "direct"
    ]
    for name, right in (("placebo-p.seed4", 1), ("placebo-p.seed7", 0)):
        (direct,) = probes("direct", "direct", [right], 4, writer=name, reader=name)
        rows.append(direct | {"same": None, "p_original": None})
    values = chain_values.of_pairs(scored(rows), READING)
    assert set(values) == {("base", "base"), ("base", "placebo-p.seed4"), ("base", "placebo-p.seed7")}
    answers = chain_values.answers_table(values).set_index("reader")
    assert answers["direct_correct"].to_dict() == {"base": True, "placebo-p.seed4": True, "placebo-p.seed7": False}
    means = means_of(values, {}, {"placebo-p.seed4": ("placebo-p", 4), "placebo-p.seed7": ("placebo-p", 7)})
    assert set(means["writer"]) == {"base"}
    means = means[means["alternative"] == "main"].assign(model="m", dataset="d")
    (frame,) = item_means.frames(means).values()
    (by_seed,) = item_means.frames_by_seed(means).values()
    assert list(by_seed) == [4, 7]
    assert [by_seed[seed]["filler_tolerance", "base", "tuned"].iloc[0] for seed in (4, 7)] == [0, 1]
    assert [by_seed[seed]["direct_accuracy", "base", "tuned"].iloc[0] for seed in (4, 7)] == [1, 0]
    for name, both in {"filler_tolerance": (1, 0.5), "direct_accuracy": (1, 0.5)}.items():
        assert frame[name].iloc[0].to_dict() == pytest.approx(
            {("base", "base"): both[0], ("base", "tuned"): both[1], ("tuned", "base"): NAN, ("tuned", "tuned"): NAN},
            nan_ok=True,
        )
    assert (
        item_means.usable_items(
            reader_contrasts.contrast(*(reader_contrasts.of_reader(frame, role) for role in ("tuned", "base")))
        )
        == 1
    )


def test_an_arm_that_writes_nothing_has_no_item_where_it_gives_no_answer():
    rows = [row for reader in ("base", "placebo-p") for row in chain(reader=reader)]
    for row in rows:
        if (row["reader"], row["perturbation"], row["cut"]) == ("placebo-p", "early_termination", 4):
            row |= {"answer": None, "valid": False, "same": None}
    (direct,) = probes("direct", "direct", [1], 4, writer="placebo-p", reader="placebo-p")
    means = means_of(chain_values.of_pairs(scored([*rows, direct]), READING), {}, {"placebo-p": ("placebo-p", 0)})
    (frame,) = item_means.frames(means[means["alternative"] == "main"].assign(model="m", dataset="d")).values()
    assert (
        item_means.usable_items(
            reader_contrasts.contrast(*(reader_contrasts.of_reader(frame, role) for role in ("tuned", "base")))
        )
        == 0
    )
    assert frame["aoc"].isna().all(axis=None)


@st.composite
def curves(draw):
    n = draw(st.integers(1, 30))
    inner = draw(st.sets(st.integers(1, n - 1))) if n > 1 else set()
    cuts = np.array(sorted({0, n} | inner), float)
    outcomes = draw(st.lists(st.sampled_from([0.0, 1.0, NAN]), min_size=len(cuts) - 1, max_size=len(cuts) - 1))
    return cuts, n, np.array([*outcomes, 1.0])


@given(curves())
def test_weights_sum_to_one_and_measures_stay_in_bounds(curve):
    cuts, n, same = curve
    w = formulas.quadrature_weights(cuts, n)
    assert w.sum() == pytest.approx(1, abs=1e-12)
    assert (w > 0).all()
    raw, normalised = formulas.area_over_curve(cuts, n, 1 - same)
    assert 0 <= raw <= 1
    assert np.isnan(normalised) or raw <= normalised + 1e-12
    assert np.isnan(normalised) or normalised <= 1
    assert 0 <= formulas.convergence_fraction(cuts, n, same) <= 1


@given(curves(), st.floats(0, 1))
def test_what_follows_the_whole_chain_does_not_move_the_normalised_area(curve, p):
    cuts, n, same = curve
    raw, normalised = formulas.area_over_curve(cuts, n, 1 - same)
    moved = formulas.area_over_curve(cuts, n, 1 - np.array([*same[:-1], p]))
    assert moved[1] == normalised or np.isnan([moved[1], normalised]).all()
    valid = np.isfinite(same)
    w = formulas.quadrature_weights(cuts, n)[valid]
    assert moved[0] == pytest.approx(raw + w[-1] / w.sum() * (1 - p))


@given(st.lists(curves(), min_size=1, max_size=5))
def test_chains_computed_together_have_the_values_of_each_alone(parts):
    """Chains of fewer cuts are padded in front: other chains change no bit of a value."""
    most = max(len(cuts) for cuts, _, _ in parts)
    cuts, same = np.zeros((len(parts), most)), np.full((len(parts), most), NAN)
    for row, (own_cuts, _, own_same) in enumerate(parts):
        cuts[row, most - len(own_cuts) :], same[row, most - len(own_cuts) :] = own_cuts, own_same
    n = np.array([n for _, n, _ in parts], float)
    together = (*formulas.area_over_curve(cuts, n, 1 - same), formulas.convergence_fraction(cuts, n, same))
    for row, (own_cuts, own_n, own_same) in enumerate(parts):
        alone = (
            *formulas.area_over_curve(own_cuts, own_n, 1 - own_same),
            formulas.convergence_fraction(own_cuts, own_n, own_same),
        )
        np.testing.assert_array_equal([values[row] for values in together], alone)


@given(st.data(), st.integers(1, 15))
def test_curves_are_interpolated_as_numpy_does(data, n):
    points = np.array(data.draw(st.lists(st.sampled_from([0.0, 0.3, 1.0, NAN]), min_size=n + 1, max_size=n + 1)))
    known = np.isfinite(points)
    found = retention.interpolate(points[None], np.array([float(n)]))[0]
    if not known.any():
        assert np.isnan(found).all()
        return
    steps = np.arange(n + 1)
    np.testing.assert_allclose(found, np.interp(retention.GRID, steps[known] / n, points[known], left=NAN), atol=1e-12)


@given(curves())
def test_the_normalised_area_is_the_raw_one_over_its_ceiling(curve):
    cuts, n, same = curve
    valid = np.isfinite(same)
    w = formulas.quadrature_weights(cuts, n)[valid]
    raw, normalised = formulas.area_over_curve(cuts, n, 1 - same)
    ceiling = 1 - w[-1] / w.sum()
    assert np.isnan(normalised) if ceiling == 0 else normalised == pytest.approx(raw / ceiling)


def test_a_new_measure_is_one_row_of_the_registry(monkeypatch):
    def first_filler(probes):
        return probes.kept("filler", "text")[:, 0]

    toy = Measure(name="toy", label="toy measure", formula=first_filler, faithful="low", twin=True)
    for name, measure in measures.registry([toy]).items():
        monkeypatch.setitem(MEASURES, name, measure)
    rows = [
        row
        for item in range(12)
        for w in ("base", "tuned-a")
        for r in ("base", "tuned-a")
        for row in chain(writer=w, reader=r, item_id=f"i{item:02}")
    ]
    for row in rows:  # the tuned reader keeps its answer under filler alone
        if (row["perturbation"], row["cut"], row["reader"]) == ("filler", 0, "tuned-a"):
            row |= {"same": 1, "p_original": 0.6}
    values, arms = chain_values.of_pairs(scored(rows), READING), {"tuned-a": "tuned-a"}
    table = chain_values.measures_table(values, arms)
    assert set(table.loc[(table["measure"] == "toy") & (table["reader"] == "tuned-a"), "value"]) == {1.0}
    assert chain_values.measures_table(values, {}).empty  # of a model with a base arm only
    means = means_of(values, arms)
    assert item_means.schema().field("toy").metadata[b"meaning"] == b"toy measure"
    cells = item_means.frames(means[means["alternative"] == "main"].assign(model="m", dataset="d"))
    statistics = Statistics(resamples=99)
    estimates = effects.compare([Comparison("plain", cells)], statistics)
    reading = estimates[estimates["component"] == "reading"].set_index("measure")["estimate"]
    assert reading["toy"] == 1
    assert reading["toy_p"] == pytest.approx(0.6 - 0.1)
    judged = judge.judge(
        estimates, io.frame([], Gates), {("m", "tuned-a"): set()}, {"m": 1}, {("m", "tuned-a"): 1},
        claims=DECLARED, confidence=0.95,
    )  # fmt: skip
    assert set(judged.loc[judged["measure"] == "toy", "component"]) == set(measures.COMPONENTS)
