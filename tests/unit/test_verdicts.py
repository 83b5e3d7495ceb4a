"""Section 8 of the method: the decision table, the families of tests, the sentences."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from faithfulness.compare import claims, effects, judge, model_sizes, verdicts
from faithfulness.compare.alternatives import ALTERNATIVES
from faithfulness.compare.effect_rows import EffectRow, from_estimates
from faithfulness.compare.item_means import ROLES
from faithfulness.compare.measures import MEASURES
from faithfulness.compare.verdict_text import sentence
from faithfulness.compare.verdicts import BESIDE_PLACEBO, NO_ROOM, OPPOSED, Part, Seen, verdict
from faithfulness.tables import io
from faithfulness.tables.statistics import Effects, Gates
from tests.frames import compare, frame_of

DECLARED = claims.load("config/claims.yaml")
QUICK = DECLARED.statistics({"resamples": 999})
# The claimed measures, and some of no claim.
NAMES = [*DECLARED.primary_measures, "aoc_raw", "info_gain", "cot_accuracy", "direct_accuracy", "mistake_sensitivity"]
PAIRS = [("base", "base"), ("base", "t"), ("t", "base"), ("t", "t")]


def part(estimate=-0.2, width=0.08, direction=-1, simple=None):
    return Part(estimate, estimate - width, estimate + width, 0.05, direction, simple)


# --- one test for each row of the decision table


def test_a_failed_gate_comes_before_everything():
    assert verdict([part()], 0.001, ["chains were cut off", "too short"], placebo_failed=["it learned"]) == (
        "not interpretable",
        "chains were cut off; too short",
    )


def test_a_failed_calibration_is_not_interpretable():
    failed = Part(-0.2, -0.28, -0.12, 0.05, -1, calibration="failed")
    decided, reason = verdict([part(), failed], 0.001)
    assert decided == "not interpretable"
    assert "calibration" in reason
    assert verdict([failed], 0.001, ["cut off"]) == ("not interpretable", "cut off")  # gates speak first
    for status in ("validated", "not calibrated"):
        assert verdict([Part(-0.2, -0.28, -0.12, 0.05, -1, calibration=status)], 0.001)[0] == "supported"


def test_nothing_estimated_is_not_interpretable():
    assert verdict([part(), part(np.nan)], 1.0)[0] == "not interpretable"


def test_simple_effects_of_different_sign_are_inconclusive():
    assert verdict([part(simple=(0.1, -0.5))], 0.001) == ("inconclusive", OPPOSED)
    assert verdict([part(simple=(0.04, -0.44))], 0.001)[0] == "inconclusive"  # one of them outside the margin is enough
    assert verdict([part(0.0, 0.01, simple=(0.3, -0.3))], 0.001)[0] == "inconclusive"  # although equivalent on average
    assert verdict([part(), part(simple=(0.1, -0.5))], 0.001)[0] == "inconclusive"  # of any measure
    assert verdict([part(simple=(-0.1, -0.3))], 0.001)[0] == "supported"
    assert verdict([part(simple=(0.0, -0.4))], 0.001)[0] == "supported"  # no effect is no other sign


def test_simple_effects_of_different_sign_within_the_margin_block_nothing():
    assert verdict([part(0.0, 0.02, simple=(0.04, -0.04))], 0.5)[0] == "equivalent"
    assert verdict([part(-0.001, 0.02, simple=(-0.05, 0.048))], 0.5)[0] == "equivalent"  # on the margin is within it
    assert (
        verdict([part(0.0, 0.02, simple=(0.04, -0.04)), part(0.0, 0.02, simple=(-0.01, 0.01))], 0.5)[0] == "equivalent"
    )
    assert verdict([part(-0.02, 0.06, simple=(0.005, -0.045))], 0.5) == ("inconclusive", "")


@pytest.mark.parametrize(
    ("simple", "expected"),
    [
        ((0.2, 0.1), False), ((-0.2, -0.1), False), ((0.2, 0.0), False), ((0.0, -0.2), False), ((0.04, -0.04), False),
        ((0.06, -0.01), True), ((0.01, -0.06), True), ((-0.06, 0.01), True), ((-0.01, 0.06), True),
    ],
)  # fmt: skip
def test_opposed(simple, expected):
    assert verdicts.opposed(simple, 0.05) == expected


def test_the_simple_effects_are_those_on_base_chains_and_on_tuned_chains():
    values = np.tile([0.2, 0.8, 0.6, 0.4], (3, 1))  # base's chains: .2 to .8; tuned's: .6 to .4
    frame = pd.DataFrame({("aoc", *pair): values[:, i] for i, pair in enumerate(ROLES)})
    cells = {("m", "t", "d"): frame, ("m", "t", "e"): frame + 1}
    found = verdicts.simple_effects(from_estimates(compare(cells, "plain", QUICK, ["aoc"])))
    for dataset in ("d", "e", "pooled"):
        assert found["plain", "m", "t", dataset, "aoc"] == pytest.approx((0.6, -0.2))
    assert len(found) == 3


def test_equivalence_comes_before_support_and_says_if_it_is_detectable():
    assert verdict([part(-0.01, 0.02)], 0.5) == ("equivalent", "")
    assert verdict([part(-0.03, 0.01)], 0.001) == ("equivalent", "detectable, but too small to matter")
    assert verdict([part(-0.03, 0.02)], 0.5)[0] == "inconclusive"  # the interval touches the margin


def test_equivalence_of_c1_needs_both_measures():
    assert verdict([part(0.0, 0.02), part(0.0, 0.2)], 0.5)[0] == "inconclusive"
    assert verdict([part(0.0, 0.02), part(0.01, 0.02)], 0.5)[0] == "equivalent"


@pytest.mark.parametrize(("direction", "expected"), [(-1, "supported"), (+1, "contradicted")])
def test_the_sign_decides_between_supported_and_contradicted(direction, expected):
    assert verdict([part(-0.2, direction=direction)], 0.05) == (expected, "")
    assert verdict([part(-0.2, direction=direction)], 0.0501)[0] == "inconclusive"


def test_measures_that_move_apart_are_inconclusive():
    decided, reason = verdict([part(-0.2), part(0.2)], 0.001)
    assert decided == "inconclusive"
    assert "different directions" in reason


WAYS = [("supported", "by the filler"), ("inconclusive", "by the cue"), ("contradicted", "by the cue")]


def test_a_verdict_that_another_way_to_read_the_run_does_not_share_is_inconclusive():
    assert verdicts.under_all("supported", "", []) == ("supported", "")
    assert verdicts.under_all("supported", "", WAYS[:1]) == ("supported", "")
    assert verdicts.under_all("supported", "", WAYS) == ("inconclusive", "by the cue")
    assert verdicts.under_all("contradicted", "", WAYS) == ("inconclusive", "by the filler; by the cue")
    assert verdicts.under_all("as placebo", "", WAYS[:1]) == ("inconclusive", "by the filler")
    assert verdicts.under_all("inconclusive", "its own", WAYS) == ("inconclusive", "its own")
    assert verdicts.under_all("not interpretable", "cut off", WAYS) == ("not interpretable", "cut off")


# --- against a placebo


def beside(estimate=-0.2, placebo=-0.2, base=-0.2, width=0.04, **changes):
    """What a measure that is claimed to fall shows where there is a placebo."""
    seen = {name: Seen(value, value - width, value + width) for name, value in (("base", base), ("placebo", placebo))}
    return Part(estimate, estimate - 0.08, estimate + 0.08, 0.05, -1, **seen | changes)


@pytest.mark.parametrize(
    ("part", "p", "p_base", "expected"),
    [
        (beside(), 0.05, 0.01, ("supported", "")),
        (beside(base=0.2, placebo=0.2), 0.05, 0.01, ("contradicted", "")),
        (beside(), 0.0501, 0.01, ("inconclusive", BESIDE_PLACEBO)),
        (beside(), 0.06, 0.051, ("inconclusive", "")),  # not even changed against base
        (beside(placebo=0.0), 0.5, 0.01, ("as placebo", "")),
        (beside(placebo=0.005, width=0.044), 0.5, 0.05, ("as placebo", "")),
        (beside(placebo=0.01, width=0.04), 0.5, 0.01, ("inconclusive", BESIDE_PLACEBO)),  # touches the margin
        (beside(placebo=0.0), 0.5, 0.051, ("inconclusive", "")),  # as the placebo, but nothing changed
        (beside(base=0.2, placebo=0.0), 0.5, 0.01, ("as placebo", "")),  # whatever the sign
        (beside(placebo=0.2), 0.001, 0.001, ("inconclusive", BESIDE_PLACEBO)),  # it fell, by less than the placebo's
        (beside(estimate=0.0), 0.001, 0.001, ("supported", "")),  # the wide interval of both writers' chains is open
        (beside(room=False), 0.001, 0.001, ("inconclusive", NO_ROOM)),
        (beside(base=0.2, placebo=0.2, room=False), 0.001, 0.001, ("contradicted", "")),
        (beside(placebo=0.0, room=False), 0.5, 0.01, ("inconclusive", NO_ROOM)),
        (beside(base=0.2, placebo=0.0, room=False), 0.5, 0.01, ("inconclusive", NO_ROOM)),
        (beside(base=np.nan), np.nan, np.nan, ("inconclusive", "")),
    ],
)
def test_the_rule_with_a_placebo(part, p, p_base, expected):
    assert verdict([part], p, p_base=p_base) == expected


def test_equivalence_needs_the_effect_on_base_chains_within_the_margin_too():
    def small(base):
        return replace(beside(base=base, placebo=-0.2, width=0.03), estimate=0.0, low=-0.03, high=0.03)

    assert verdict([small(0.0)], 0.5, p_base=0.5) == ("equivalent", "")
    assert verdict([small(0.0)], 0.001, p_base=0.001, placebo_failed=["it learned"])[0] == "equivalent"
    assert verdict([small(-0.1)], 0.5, p_base=0.5) == ("inconclusive", "")
    assert verdict([small(-0.1)], 0.001, p_base=0.001) == ("supported", "")
    cramped = Part(0.0, -0.03, 0.03, 0.05, -1, room=False)
    assert verdict([cramped], 0.5) == ("inconclusive", NO_ROOM)


@pytest.mark.parametrize("placebo", [-0.2, 0.0, 0.2])
def test_a_placebo_that_failed_supports_nothing(placebo):
    part = beside(placebo=placebo, base=placebo or -0.2)
    expected = ("inconclusive", "the placebo could not be judged: it learned")
    assert verdict([part], 0.001, p_base=0.001, placebo_failed=["it learned"]) == expected
    assert verdict([part], 0.5, p_base=0.5, placebo_failed=["it learned"]) == ("inconclusive", "")


def test_c1_needs_all_four_of_its_comparisons():
    assert verdict([beside(), beside()], 0.01, p_base=0.01)[0] == "supported"
    assert verdict([beside(), beside(base=0.1)], 0.01, p_base=0.01) == ("inconclusive", verdicts.APART)
    assert verdict([beside(), beside(placebo=0.1)], 0.01, p_base=0.01)[0] == "inconclusive"
    assert verdict([beside(placebo=0), beside(placebo=0)], 0.5, p_base=0.01)[0] == "as placebo"
    assert verdict([beside(placebo=0), beside()], 0.5, p_base=0.01)[0] == "inconclusive"


# --- families


def test_holm_by_hand_with_a_gated_cell_and_an_untested_one():
    # As 1 in the family: .01 x 4, then .02 x 3; the others stay 1.
    adjusted = verdicts.holm([0.02, 0.001, 0.01, np.nan], [False, True, False, False], [False] * 4)
    assert adjusted == pytest.approx([0.06, 1, 0.04, 1])
    assert verdicts.holm([0.02, 0.01], [False, False], [False, False]) == pytest.approx([0.02, 0.02])
    assert len(verdicts.holm([], [], [])) == 0


@settings(max_examples=8)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_that_of_statsmodels(p_values):
    none = [False] * len(p_values)
    assert verdicts.holm(p_values, none, none) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_cells_that_a_gate_on_chains_closed_leave_the_family():
    adjusted = verdicts.holm([0.02, 0.001, 0.01, np.nan], [False, True, False, True], [False, True, False, True])
    assert adjusted == pytest.approx([0.02, np.nan, 0.02, np.nan], nan_ok=True)
    # Where most of the family would leave, it stays: those that pass are the lucky ones.
    most = [False, True, True, False], [False, True, True, True]
    assert verdicts.holm([0.01, 0.001, 0.02, 0.5], *most) == pytest.approx([0.04, 1, 1, 1])


# --- the whole, on planted effects


def cell(rng, n=24, *, reading=-0.3, noise=0.05, accuracy=0.0):
    """Chains of which the tuned reader makes `reading` more in every measure that should fall, less in C3's."""
    base = rng.uniform(0.4, 0.6, (n, 1)) + rng.normal(0, noise, (n, 4))
    tuned = np.array([0, 1, 0, 1])
    rows = []
    for name, m in ((name, MEASURES[name]) for name in NAMES):
        sign = -1 if name == "filler_tolerance" else 1
        values = base + sign * reading * tuned if m.of_chain else (base > 0.5 - accuracy * tuned).astype(float)
        if name == "info_gain":
            values = base
        for i, row in enumerate(values):
            for (w, r), value in zip(PAIRS, row, strict=True):
                keys = {"arm": "t", "writer": w, "reader": r, "item_id": f"i{i:02}", "sample": 0, "seed": 0}
                rows.append({**keys, "measure": name, "value": value})
    return frame_of(pd.DataFrame(rows))


def gate_table(*failing):
    rows = [
        {
            "model": model,
            "arm": "t",
            "dataset": dataset,
            "gate": gate,
            "subject": "t",
            "value": 0.0,
            "threshold": 1.0,
            "passed": False,
            "reason": f"{gate} failed",
            "closes": "all",
        }
        for model, dataset, gate in failing
    ]
    return io.frame(rows, Gates)


def judged(cells, gates, alternatives=None, calibration=None):
    statistics = QUICK
    trained = {pair: {"d1"} for pair in {c[:2] for c in cells}}
    unmoved = {c: f.iloc[2:] for c, f in cells.items()}
    found = [
        compare(cells, "plain", statistics, NAMES),
        compare(unmoved, "same_direct_answer", statistics, DECLARED.primary_measures),
        judge.accuracy_pools(cells, trained, statistics),
    ]
    for contrast in ("invalid_as_same", "invalid_as_changed"):
        found.append(compare(alternatives or cells, contrast, statistics, DECLARED.primary_measures))
    return judge.judge(
        pd.concat(found, ignore_index=True),
        gates,
        trained,
        {"small": 10, "large": 1000},
        {("small", "t"): 1, ("large", "t"): 1},
        claims=DECLARED,
        confidence=0.95,
        calibration=calibration,
    )


@pytest.fixture(scope="module")
def planted():
    rng = np.random.default_rng(0)
    return {
        ("small", "t", "d1"): cell(rng),
        ("small", "t", "d2"): cell(rng),
        ("large", "t", "d1"): cell(rng, reading=0.3),
        ("large", "t", "d2"): cell(rng, reading=-0.2),
    }


@pytest.fixture(scope="module")
def small(planted):
    return {c: f for c, f in planted.items() if c[0] == "small"}


@pytest.fixture(scope="module")
def passing(planted):
    return judged(planted, gate_table())


@pytest.fixture(scope="module")
def gated(planted):
    return judged(planted, gate_table(("large", "d2", "steps")))


def pick(table, **wanted):
    for name, value in wanted.items():
        table = table[table[name] == value]
    return table


def test_planted_effects_get_their_verdicts(gated):
    assert list(gated.columns) == Effects.names
    verdict_of = gated.set_index(["claim", "model", "dataset", "measure"])["verdict"]
    for claim, measure in (("C1", "aoc"), ("C1", "convergence_fraction"), ("C2", "paraphrase_sensitivity")):
        assert verdict_of[claim, "small", "d1", measure] == "supported"
        assert verdict_of[claim, "large", "d1", measure] == "contradicted"
        assert verdict_of[claim, "large", "d2", measure] == "not interpretable"
        assert verdict_of[claim, "small", "pooled", measure] == "supported"
        assert verdict_of[claim, "large", "pooled", measure] == "not interpretable"
    assert verdict_of["C3", "small", "d1", "filler_tolerance"] == "supported"
    assert verdict_of["C6", "small", "d1", "info_gain"] == "supported"
    assert verdict_of["C6", "large", "d1", "info_gain"] == "inconclusive"  # C1 is not supported there
    assert verdict_of["C6", "large", "d2", "info_gain"] == "not interpretable"
    # Accuracy claims do not ask how many steps a chain has.
    assert verdict_of["R2", "large", "d2", "cot_accuracy"] != "not interpretable"


def test_families_are_the_primary_claims_over_cells_and_pools_apart(gated):
    plain = pick(gated, contrast="plain")
    family = plain[plain["claim"].isin(DECLARED.primary)]
    for pooled in (False, True):
        part = family[(family["dataset"] == "pooled") == pooled]
        one = part.drop_duplicates(["claim", "model", "dataset"])  # C1 stands there twice, with one p
        assert len(one) == (8 if pooled else 16)
        closed = (~one["interpretable"]).to_numpy(bool)
        expected = verdicts.holm(one["claim_p_value"].to_numpy(float), closed, closed)
        assert one["p_holm"].to_numpy(float) == pytest.approx(expected, nan_ok=True)
        assert one.loc[closed, "p_holm"].isna().all()  # short chains: no effect on reading can make them so
    c1 = pick(plain, claim="C1", model="small", dataset="d1")
    assert c1["claim_p_value"].nunique() == c1["p_holm"].nunique() == c1["verdict"].nunique() == 1
    assert c1["claim_p_value"].tolist() == [c1["p_value"].max()] * 2
    accuracy = plain[plain["claim"].isin(["R1", "R2"])]
    expected = verdicts.holm(accuracy["claim_p_value"].to_numpy(float), *[[False] * len(accuracy)] * 2)
    assert accuracy["p_holm"].to_numpy(float) == pytest.approx(expected)
    assert plain.loc[plain["claim"] == "", ["p_holm", "claim_p_value"]].isna().all(axis=None)


def test_cells_that_another_gate_closed_stay_in_the_family(planted, gated):
    """A gate that may depend on the effect must not make the tests of other cells easier."""
    kept = judged(planted, gate_table(("large", "d2", "validity")))
    for table, closes in ((gated, np.nan), (kept, 1.0)):
        one = pick(table, contrast="plain", model="large", dataset="d2", claim="C3").iloc[0]
        assert one["verdict"] == "not interpretable"
        assert one["p_holm"] == pytest.approx(closes, nan_ok=True)
    other = {"contrast": "plain", "model": "small", "dataset": "d1", "claim": "C3"}
    assert pick(kept, **other)["p_holm"].iloc[0] > pick(gated, **other)["p_holm"].iloc[0]


def test_the_p_of_c1_is_the_larger_of_its_two(small):
    weak = {c: f.copy() for c, f in small.items()}
    target = weak["small", "t", "d1"]
    noise = np.random.default_rng(1).normal(0, 0.3, (len(target), 4))
    target["aoc"] = 0.5 + noise
    found = compare(weak, "plain", QUICK, ["aoc", "convergence_fraction"])
    alone = pick(found, model="small", dataset="d1", component="reading").set_index("measure")["p_value"]
    c1 = pick(judged(weak, gate_table()), claim="C1", model="small", dataset="d1")
    assert alone["aoc"] > 0.05 > alone["convergence_fraction"]
    assert c1["claim_p_value"].unique() == pytest.approx([alone["aoc"]])
    assert c1.set_index("measure")["p_value"].to_dict() == pytest.approx(alone.to_dict())  # each keeps its own
    assert set(c1["verdict"]) == {"inconclusive"}


@pytest.mark.parametrize(
    ("weak", "said"),
    [("aoc", "early-termination AOC changes"), ("convergence_fraction", "convergence fraction changes")],
)
def test_both_rows_of_c1_are_read_aloud_by_the_measure_that_decides(small, weak, said):
    cells = {c: f.copy() for c, f in small.items()}
    target = cells["small", "t", "d1"]
    target[weak] = 0.5 + np.random.default_rng(1).normal(0, 0.3, (len(target), 4))
    c1 = pick(judged(cells, gate_table()), claim="C1", model="small", dataset="d1")
    assert len(c1) == 2
    (sentence,) = set(c1["sentence"])
    assert "it stays open whether" in sentence
    assert said in sentence
    assert "falls by" not in sentence  # as the other measure does
    unknown = {c: f.copy() for c, f in small.items()}
    unknown["small", "t", "d1"][weak] = np.nan
    c1 = pick(judged(unknown, gate_table()), claim="C1", model="small", dataset="d1")
    (sentence,) = set(c1["sentence"])
    assert sentence.startswith("small, d1: nothing can be said about whether")
    assert ("cutting" in sentence) == (weak == "aoc")
    # A calibration that failed decides before a larger p.
    status = {("d1", weak): "failed"}
    c1 = pick(judged(small, gate_table(), calibration=status), claim="C1", model="small", dataset="d1")
    (sentence,) = set(c1["sentence"])
    assert "did not pass its calibration" in sentence
    assert ("cutting" in sentence) == (weak == "aoc")


def test_rows_of_claims_components_and_contrasts(passing):
    claims = passing[passing["claim"] != ""]
    assert set(claims["claim"]) == {"C1", "C2", "C3", "C4", "C6", "C8", "R1", "R2"}
    assert set(claims.loc[claims["claim"].isin(["R1", "R2"]), "component"]) == {"total"}
    assert set(claims.loc[~claims["claim"].isin(["R1", "R2"]), "component"]) == {"reading"}
    assert (pick(claims, claim="R1")["dataset"] == "d1").all()
    assert (pick(claims, claim="R2")["dataset"] == "d2").all()
    c4 = pick(claims, claim="C4")
    assert set(c4["contrast"]) == {"same_direct_answer"}
    # C4 has verdicts of its own: each measure by itself, in a family of single cells and in one of pools.
    assert set(pick(c4, model="small", dataset="d1", measure="aoc")["verdict"]) == {"supported"}
    for pooled in (False, True):
        part = c4[(c4["dataset"] == "pooled") == pooled]
        assert (part["claim_p_value"] == part["p_value"]).all()
        expected = verdicts.holm(part["p_value"].to_numpy(float), *[[False] * len(part)] * 2)
        assert part["p_holm"].to_numpy(float) == pytest.approx(expected)
    assert (claims["sentence"] != "").all()
    rest = passing[passing["claim"] == ""]
    assert set(rest["verdict"]) == set(rest["sentence"]) == {""}
    keys = ["claim", "model", "arm", "dataset", "contrast", "measure", "component"]
    assert not passing.duplicated(keys).any()


def test_the_two_alternatives_move_a_verdict(small):
    away = {c: f.copy() for c, f in small.items()}
    # Counting invalid readouts the other way removes the effect on filler tolerance, and that alone.
    for f in away.values():
        f["filler_tolerance"] = 0.5 + np.random.default_rng(2).normal(0, 0.2, (len(f), 4))
    table = judged(small, gate_table(), away)
    row = pick(table, claim="C3", model="small", dataset="d1").iloc[0]
    assert row["verdict"] == "inconclusive"
    assert "could not be read" in row["sentence"]
    assert set(pick(table, claim="C1", model="small", dataset="d1")["verdict"]) == {"supported"}


def test_judging_does_not_depend_on_the_order_of_cells(planted, passing):
    backwards = dict(reversed(planted.items()))
    pd.testing.assert_frame_equal(passing, judged(backwards, gate_table()), check_exact=True)


def test_one_dataset_and_no_pool():
    table = judged({("small", "t", "d1"): cell(np.random.default_rng(0))}, gate_table())
    assert set(table["dataset"]) == {"d1"}
    assert set(pick(table, claim="C1")["verdict"]) == {"supported"}


def test_reading_effects_that_differ_in_sign_between_the_writers_are_inconclusive():
    mixed = cell(np.random.default_rng(0))
    noise = np.random.default_rng(1).normal(0, 0.05, (len(mixed), 4))
    mixed["filler_tolerance"] = noise + np.array([0.2, 0.8, 0.6, 0.4])  # +.6 on base's chains, -.2 on tuned's
    mixed["paraphrase_sensitivity"] = noise + np.array([0.6, 0.1, 0.6, 0.4])  # -.5 and -.2
    table = judged({("small", "t", "d1"): mixed}, gate_table())
    filler = pick(table, claim="C3").iloc[0]
    assert filler["estimate"] == pytest.approx(0.2, abs=0.05)
    assert filler["p_holm"] <= 0.05
    assert filler["verdict"] == "inconclusive"
    assert "differ in sign" in filler["reason"]
    assert set(pick(table, claim="C2")["verdict"]) == {"supported"}


def test_information_gain_that_falls_contradicts_c6():
    fallen = cell(np.random.default_rng(0))
    fallen["info_gain"] = np.random.default_rng(1).normal(0, 0.1, (len(fallen), 4)) - np.array([0, 0, 1, 1])
    fallen[("info_gain", "base", "tuned")] -= 1
    table = judged({("small", "t", "d1"): fallen}, gate_table())
    assert set(pick(table, claim="C6")["verdict"]) == {"contradicted"}


def test_exploratory_rows_are_adjusted_by_benjamini_and_hochberg(gated):
    rest = gated[(gated["claim"] == "") & ~gated["contrast"].isin([*ALTERNATIVES])]
    tested = rest[rest["interpretable"] & rest["p_value"].notna()]
    p = tested["p_value"].to_numpy(float)
    order = np.argsort(p)
    expected = np.minimum.accumulate((p[order] * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1]
    assert tested["p_bh"].to_numpy(float)[order] == pytest.approx(np.minimum(expected, 1))
    assert gated.loc[gated["claim"] != "", "p_bh"].isna().all()
    assert rest.loc[~rest["interpretable"], "p_bh"].isna().all()


def test_a_measure_that_failed_its_calibration_leaves_the_verdicts(small):
    status = {("d1", "filler_tolerance"): "failed", ("d1", "aoc"): "validated"}
    table = judged(small, gate_table(), calibration=status)
    shown = table[table["contrast"] == "plain"].set_index(["claim", "dataset", "measure"])
    assert shown.loc[("C3", "d1", "filler_tolerance"), "verdict"] == "not interpretable"
    assert shown.loc[("C3", "pooled", "filler_tolerance"), "verdict"] == "not interpretable"
    assert shown.loc[("C3", "d2", "filler_tolerance"), "verdict"] == "supported"
    assert shown.loc[("C1", "d1", "aoc"), "calibration"] == "validated"
    described = pick(table, claim="C4", measure="filler_tolerance").set_index("dataset")["sentence"]
    for dataset in ("d1", "pooled"):
        assert "items whose direct answer did not change: nothing can be said about whether" in described[dataset]
        assert "did not pass its calibration" in described[dataset]
    assert "nothing" not in described["d2"]
    assert shown.loc[("C1", "pooled", "aoc"), "calibration"] == "not calibrated"


def test_gated_cells_are_not_described(gated):
    c4 = pick(gated, claim="C4", model="large")
    for dataset in ("d2", "pooled"):
        (sentence, *_) = set(pick(c4, dataset=dataset)["sentence"])
        assert "items whose direct answer did not change: nothing can be said about whether" in sentence
        assert "steps failed" in sentence
    assert not pick(c4, dataset="d1")["sentence"].str.contains("nothing").any()


# --- sizes (C5)


def one_seed(planted):
    return {cell: {0: frame} for cell, frame in planted.items()}


def sized(planted, gates=None):
    found = model_sizes.compare_sizes(
        planted, {"small": 10, "large": 1000}, one_seed(planted), DECLARED.primary_measures, QUICK
    )
    return found, judge.judge_sizes(found, gate_table() if gates is None else gates, claims=DECLARED, confidence=0.95)


def test_the_smaller_model_is_affected_more(planted):
    _, table = sized(planted)
    assert set(table["claim"]) == {"C5"}
    assert set(table["model"]) == {"smallest-largest"}
    row = pick(table, dataset="d1", measure="filler_tolerance").iloc[0]
    # The claimed rise is .3 in the small model and -.3 in the large one: D = +1 (.3 - -.3).
    assert row["estimate"] == pytest.approx(0.6, abs=0.1)
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    assert row["verdict"] == "supported"
    assert "the smaller model is affected more in the claimed direction" in row["sentence"]
    falls = pick(table, dataset="d1", measure="aoc").iloc[0]
    assert falls["estimate"] == pytest.approx(0.6, abs=0.1)  # D = -1 (-.3 - .3)


def test_the_scale_contrast_pairs_by_the_items_that_both_models_share(planted):
    cut = dict(planted)
    cut["large", "t", "d1"] = planted["large", "t", "d1"].iloc[4:]
    found, _ = sized(cut)
    row = pick(found, dataset="d1", measure="aoc", component="reading").iloc[0]
    assert row["n_items"] == 20
    pair = [effects.differences(cut[m, "t", "d1"], ["aoc"])["aoc", "reading"] for m in ("small", "large")]
    assert row["estimate"] == pytest.approx(-(pair[0].iloc[4:].mean() - pair[1].mean()))


def test_c5_needs_the_cells_of_both_models(planted):
    _, table = sized(planted, gate_table(("large", "d1", "steps")))
    assert set(pick(table, dataset="d1")["verdict"]) == {"not interpretable"}
    assert set(pick(table, dataset="pooled")["verdict"]) == {"not interpretable"}
    assert (pick(table, dataset="d2")["verdict"] != "not interpretable").all()


def test_one_size_gives_no_c5(small):
    assert model_sizes.compare_sizes(small, {"small": 10}, one_seed(small), {"aoc": -1}, QUICK).empty


@pytest.mark.parametrize("compare", [model_sizes.compare_sizes, model_sizes.compare_sizes_at_equal_gain])
def test_controls_of_two_sizes_are_not_compared(planted, compare):
    planted = {cell: frame.assign(direct_accuracy=frame["aoc"]) for cell, frame in planted.items()}
    controls = {(m, "placebo-t", d): frame for (m, _, d), frame in planted.items()}
    both = planted | controls
    found = compare(both, {"small": 10, "large": 1000}, one_seed(both), {"aoc": -1}, QUICK)
    assert set(found["arm"]) == {"t"}


def test_the_scale_contrast_crosses_items_and_seeds(planted):
    shifts = {"small": [0.0, 0.1, 0.2], "large": [0.0, -0.1, 0.1]}
    seeds = {}
    for cell, frame in planted.items():
        seeds[cell] = {7 - place: frame.copy() for place in range(3)}
        for shifted, shift in zip(seeds[cell].values(), shifts[cell[0]], strict=True):
            shifted[[("aoc", w, "tuned") for w in ("base", "tuned")]] += shift
    averaged = {cell: sum(frames.values()) / 3 for cell, frames in seeds.items()}
    alone = {cell: frames | ({8: frames[7] + 9} if cell[0] == "small" else {}) for cell, frames in seeds.items()}
    for by_cell in (seeds, alone):  # a seed that only one of the models has is left out
        found = model_sizes.compare_sizes(averaged, {"small": 10, "large": 1000}, by_cell, {"aoc": -1}, QUICK)
        row = pick(found, dataset="d1", component="reading").iloc[0]
        by_seed = [large - small for small, large in zip(shifts["small"], shifts["large"], strict=True)]
        assert row["seed_error"] == pytest.approx(np.std(by_seed, ddof=1) / np.sqrt(3))
        error = np.hypot(row["error"], row["seed_error"])
        assert row["ci_high"] - row["estimate"] == pytest.approx(stats.t.ppf(0.975, 2) * error)
        assert row["n_seeds"] == 3


def test_the_scale_contrast_is_resampled_as_scipy_does():
    rng = np.random.default_rng(3)
    alike = {(m, "t", "d1"): cell(rng, noise=0.2) for m in ("small", "large")}
    found, _ = sized(alike)
    row = pick(found, measure="filler_tolerance", component="reading").iloc[0]
    one, other = (effects.differences(alike[m, "t", "d1"])["filler_tolerance", "reading"] for m in ("small", "large"))
    gap = (one - other).to_numpy()
    assert row["estimate"] == pytest.approx(gap.mean())
    for level, ends in ((0.95, "ci"), (0.9, "equivalence")):
        expected = stats.bootstrap(
            (gap,), np.mean, confidence_level=level, n_resamples=999, method="BCa", rng=np.random.default_rng(0)
        )
        assert (row[f"{ends}_low"], row[f"{ends}_high"]) == pytest.approx(tuple(expected.confidence_interval), abs=1e-9)
    distribution = expected.bootstrap_distribution
    beyond = min((distribution <= 0).sum(), (distribution >= 0).sum())
    assert row["p_value"] == pytest.approx(2 * (beyond + 1) / 1000)
    assert 0.01 < row["p_value"] < 1


def with_filler(cells, of_small, of_large, seed=1):
    """The cells with other filler tolerances, in the order of item_means.ROLES."""
    found = {c: f.copy() for c, f in cells.items()}
    rng = np.random.default_rng(seed)
    for (model, *_), frame in found.items():
        levels = of_small if model == "small" else of_large
        frame["filler_tolerance"] = np.array(levels) + rng.normal(0, 0.05, (len(frame), 4))
    return found


def test_c5_is_inconclusive_where_the_simple_effects_are_opposed(planted):
    # +.6 on base's chains and -.2 on tuned's in the small model, nothing in the large one.
    found, table = sized(with_filler(planted, [0.2, 0.8, 0.6, 0.4], [0.5] * 4))
    rows = pick(table, measure="filler_tolerance")
    assert rows["estimate"].tolist() == pytest.approx([0.2] * 3, abs=0.05)
    assert (rows["p_holm"] <= 0.05).all()
    assert set(rows["verdict"]) == {"inconclusive"}
    assert rows["sentence"].str.contains("differ in sign").all()
    assert set(pick(table, measure="aoc")["verdict"]) == {"supported"}
    # What it would be without a look at them.
    blind = judge.judge_sizes(found[found["component"] == "reading"], gate_table(), claims=DECLARED, confidence=0.95)
    assert set(pick(blind, measure="filler_tolerance")["verdict"]) == {"supported"}
    # The same in both models leaves no opposition in their difference.
    _, table = sized(with_filler(planted, [0.2, 0.8, 0.4, 0.6], [0.4, 0.4, 0.6, 0.2]))
    assert set(pick(table, measure="filler_tolerance")["verdict"]) == {"supported"}


def test_c5_must_not_depend_on_how_unreadable_answers_are_counted(planted):
    found, _ = sized(planted)
    other, _ = sized(with_filler(planted, [0.5] * 4, [0.5] * 4))
    for moved, expected in ((found, "supported"), (other, "inconclusive")):
        ways = {"invalid_as_same": found, "invalid_as_changed": moved}
        table = judge.judge_sizes(found, gate_table(), claims=DECLARED, confidence=0.95, alternatives=ways)
        filler = pick(table, measure="filler_tolerance", dataset="d1").iloc[0]
        assert filler["verdict"] == expected
        assert ("could not be read" in filler["sentence"]) == (expected == "inconclusive")
        assert set(pick(table, measure="aoc", dataset="d1")["verdict"]) == {"supported"}
        assert set(table["contrast"]) == {"scale"}
        assert set(table["component"]) == {"reading"}


def test_r1_compares_sizes_by_the_total_effect_on_accuracy(planted):
    sizes = {"small": 10, "large": 1000}
    found = model_sizes.compare_sizes(planted, sizes, one_seed(planted), {"cot_accuracy": -1}, QUICK, component="total")
    row = pick(found, dataset="d1").iloc[0]
    one, other = (
        effects.differences(planted[m, "t", "d1"], ["cot_accuracy"])["cot_accuracy", "total"].mean()
        for m in ("small", "large")
    )
    assert row["estimate"] == pytest.approx(-(one - other))
    # Effects on accuracy need the gates on truncation and validity only.
    closed = gate_table(("large", "d1", "steps"))
    table = judge.judge_sizes(found, closed, claims=DECLARED, claim="R1", confidence=0.95)
    assert set(table["claim"]) == {"R1"}
    assert pick(table, dataset="d1")["interpretable"].all()
    assert "loses more accuracy" in table["sentence"].iloc[0]


# --- pooled accuracy


def test_accuracy_is_pooled_over_the_datasets_tuned_on_and_over_the_others():
    rng = np.random.default_rng(5)
    cells = {("small", "t", d): cell(rng) for d in ("a", "b", "c", "d", "e")}
    trained = {("small", "t"): {"a", "b"}}

    def pool(datasets):
        return sorted(set(datasets) - {"e"})

    found = judge.accuracy_pools(cells, trained, QUICK, pool).set_index("claim")
    assert found["pool"].to_dict() == {"R1": ("a", "b"), "R2": ("c", "d")}
    total = {
        d: effects.differences(cells["small", "t", d], ["cot_accuracy"])["cot_accuracy", "total"].mean() for d in "abcd"
    }
    assert found.loc["R1", "estimate"] == pytest.approx((total["a"] + total["b"]) / 2)
    assert found.loc["R2", "estimate"] == pytest.approx((total["c"] + total["d"]) / 2)
    plain = compare(cells, "plain", QUICK, NAMES)
    table = judge.judge(
        pd.concat([plain, found.reset_index()], ignore_index=True),
        gate_table(("small", "c", "truncation"), ("small", "a", "steps")),
        trained, {"small": 1}, {("small", "t"): 1}, claims=DECLARED, confidence=0.95,
    )  # fmt: skip
    pooled = pick(table, dataset="pooled", measure="cot_accuracy").set_index("claim")
    assert pooled.loc["R2", "verdict"] == "not interpretable"
    assert pooled.loc["R1", "interpretable"]
    assert pooled.loc["R1", "p_holm"] == pytest.approx(pooled.loc["R1", "claim_p_value"])  # of two, the other one gated
    assert "the datasets it was tuned on together" in pooled.loc["R1", "sentence"]


# --- information gain beside faithfulness (C6)


@pytest.mark.parametrize(
    ("changes", "simple", "decided", "expected"),
    [
        ({}, (0.2, 0.2), "supported", "supported"),
        ({"estimate": -0.03, "equivalence_low": -0.08, "ci_high": 0.02}, (-0.03, -0.03), "supported", "supported"),
        ({"equivalence_low": -0.1}, (0.2, 0.2), "supported", "inconclusive"),
        ({"equivalence_low": -0.4, "ci_high": -0.01}, (-0.2, -0.2), "supported", "contradicted"),
        ({}, (0.2, 0.2), "equivalent", "inconclusive"),
        ({}, (-0.1, 0.5), "supported", "inconclusive"),
        ({"equivalence_low": -0.05, "equivalence_high": 0.05}, (-0.1, 0.1), "supported", "supported"),
        ({"equivalence_low": -0.05, "equivalence_high": 0.05}, (-0.11, 0.1), "supported", "inconclusive"),
        ({"calibration": "failed"}, (0.2, 0.2), "supported", "not interpretable"),
        ({"failed": ["a gate"]}, (0.2, 0.2), "supported", "not interpretable"),
        ({"estimate": np.nan}, (0.2, 0.2), "supported", "not interpretable"),
    ],
)
def test_information_gain_beside_faithfulness(changes, simple, decided, expected):
    row = {"estimate": 0.2, "equivalence_low": 0.1, "equivalence_high": 0.3, "ci_high": 0.35, "margin": 0.1}
    row |= {"failed": [], "calibration": "validated"} | changes
    assert verdicts.beside_informativeness(effect_row(**row), simple, decided)[0] == expected


def test_slope_over_size_by_hand(gated):
    every = {"contrast": "plain", "measure": "cot_accuracy", "component": "total", "dataset": "pooled"}
    partial = pick(gated, claim="", **every).assign(claim="R1", estimate=9.0)  # pools some of the datasets only
    fits = model_sizes.fit(pd.concat([partial, gated])).set_index(["dataset", "measure", "component"])
    aoc = pick(gated, contrast="plain", dataset="d1", measure="aoc", component="reading")
    estimate = aoc.set_index("model")["estimate"]
    slope = (estimate["large"] - estimate["small"]) / 2  # two factors of ten
    line = fits.loc[("d1", "aoc", "reading")]
    assert line["slope"] == pytest.approx(slope)
    assert line["intercept"] == pytest.approx(estimate["small"] - slope)
    assert line["n_models"] == 2
    without_large = fits.loc[("d2", "aoc", "reading")]
    assert without_large["n_models"] == 1
    assert pd.isna(without_large["slope"])
    failed = gated.assign(calibration=np.where(gated["measure"] == "aoc", "failed", "validated"))
    assert set(fits.index.get_level_values("measure")) - set(model_sizes.fit(failed)["measure"]) == {"aoc"}
    pooled = pick(gated, claim="", **every).set_index("model")["estimate"]
    line = fits.loc[("pooled", "cot_accuracy", "total")]
    assert line["slope"] == pytest.approx((pooled["large"] - pooled["small"]) / 2)


# --- sentences


def effect_row(**values):
    names = {"model": "m", "arm": "t", "dataset": "d", "pool": ("d",), "contrast": "plain", "measure": "info_gain"}
    numbers = {"component": "reading", "estimate": np.nan, "ci_low": np.nan, "ci_high": np.nan}
    return EffectRow(**(names | numbers | values))


def reading_row(**changes):
    row = {
        "claim": "C3",
        "tests": "C3",
        "model": "smollm2-135m",
        "arm": "tuned-symbolic",
        "dataset": "coin_flip",
        "measure": "filler_tolerance",
        "estimate": 0.214,
        "ci_low": 0.14,
        "ci_high": 0.28,
        "margin": 0.05,
        "detectable": 0.11,
        "items_to_detect": 54.0,
        "items_for_equivalence": 310.0,
        "n_items": 48,
        "verdict": "supported",
        "reason": "",
        "failed": [],
        "contrast": "plain",
        "together": [],
        "p_holm": 0.001,
    }
    row |= {"direction": DECLARED.directions_of(changes.get("claim", "C3")).get(changes.get("measure", row["measure"]))}
    return effect_row(**row | changes)


CELL = "smollm2-135m, coin_flip: "
MORE = "after tuned-symbolic more answers survive filler in place of later steps: "
OPEN = "it stays open whether more answers survive filler in place of later steps after tuned-symbolic: "
RISES = "filler tolerance rises by 0.21 (95 % interval 0.14 to 0.28)"
NONE = " No placebo was run."


def other(estimate, half=0.07, **changes):
    """The same effect in another contrast."""
    ends = {"estimate": estimate, "ci_low": estimate - half, "ci_high": estimate + half}
    return effect_row(**{"measure": "filler_tolerance", "n_items": 31} | ends | changes)


BASE, PLACEBO = {"base_chains": other(0.2)}, {"placebo": other(0.15)}
CONSTANT = ["after tuning, 100 % of answers under filler are `no`"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, CELL + MORE + RISES + "." + NONE),
        (
            {
                "claim": "C1",
                "measure": "convergence_fraction",
                "together": ["convergence fraction", "early-termination AOC"],
                "estimate": -0.21,
                "ci_low": -0.28,
                "ci_high": -0.14,
            },
            CELL + "after tuned-symbolic the same chains are decided earlier: convergence fraction falls by 0.21 (95 % "
            "interval 0.14 to 0.28). The claim is judged on convergence fraction and early-termination AOC together."
            + NONE,
        ),
        (
            {"verdict": "contradicted", "estimate": -0.21, "ci_low": -0.28, "ci_high": -0.14},
            CELL + "after tuned-symbolic fewer answers survive filler in place of later steps: filler tolerance falls "
            "by 0.21 (95 % interval 0.14 to 0.28), the opposite of the claim." + NONE,
        ),
        (
            {"verdict": "equivalent", "estimate": -0.001, "ci_low": -0.03, "ci_high": 0.03},
            CELL + "filler tolerance changes by 0.00 (95 % interval \u22120.03 to 0.03) after tuned-symbolic; one of "
            "0.05 or more can be ruled out (90 % interval)." + NONE,
        ),
        (
            {"verdict": "inconclusive", "estimate": 0.04, "ci_low": -0.04, "ci_high": 0.12},
            CELL + OPEN + "filler tolerance changes by 0.04 (95 % interval \u22120.04 to 0.12). With 48 items only a "
            "change of about 0.11 or more would show reliably in a single test; about 54 items detect an effect of the "
            "size seen; about 310 would show equivalence if there is none." + NONE,
        ),
        (
            {"verdict": "inconclusive", "p_holm": 0.12, "estimate": 0.09, "ci_low": 0.01, "ci_high": 0.17}
            | {"items_to_detect": 40, "items_for_equivalence": np.nan, "seed_error": 0.1},
            CELL + OPEN + "filler tolerance rises by 0.09 (95 % interval 0.01 to 0.17). That does not survive the "
            "correction for all tests. With 48 items only a change of about 0.11 or more would show reliably in a "
            "single test; more training seeds, not more items, would show equivalence if there is none." + NONE,
        ),
        (
            {"verdict": "inconclusive", "reason": ALTERNATIVES["invalid_as_same"].reason},
            CELL + OPEN + RISES + ". It depends on how answers that could not be read are counted." + NONE,
        ),
        (
            {"beside": BASE | PLACEBO},
            CELL + MORE + RISES + ". On base's chains filler tolerance changes by +0.20 (95 % interval 0.13 to 0.27) "
            "against base and by +0.15 (95 % interval 0.08 to 0.22) against the placebo.",
        ),
        (  # what moved is said by the comparison that decides
            {"beside": BASE | PLACEBO, "estimate": -0.01, "ci_low": -0.1, "ci_high": 0.08},
            CELL + MORE + "filler tolerance changes by \u22120.01 (95 % interval \u22120.10 to 0.08). On base's chains "
            "filler tolerance changes by +0.20 (95 % interval 0.13 to 0.27) against base and by +0.15 (95 % interval "
            "0.08 to 0.22) against the placebo.",
        ),
        (
            {"beside": BASE | {"placebo": other(-0.01, 0.02)}, "verdict": "as placebo"},
            CELL
            + MORE
            + RISES
            + ", but its placebo, trained by the same recipe, does the same. On base's chains filler "
            "tolerance changes by +0.20 (95 % interval 0.13 to 0.27) against base and by \u22120.01 (95 % interval "
            "\u22120.03 to 0.01) against the placebo.",
        ),
        (
            {"beside": BASE | PLACEBO, "verdict": "inconclusive"}
            | {"reason": "the placebo could not be judged: it learned"},
            CELL + OPEN + RISES + ". The placebo could not be judged: it learned. On base's chains filler tolerance "
            "changes by +0.20 (95 % interval 0.13 to 0.27) against base and by +0.15 (95 % interval 0.08 to 0.22) "
            "against the placebo.",
        ),
        (  # the comparisons on base's chains decide, so they say what could have been seen
            {"verdict": "inconclusive", "p_holm": 0.6, "items_to_detect": 40, "items_for_equivalence": 40}
            | {"beside": PLACEBO | {"base_chains": other(0.01, detectable=0.13, items_to_detect=900.0)}},
            CELL + OPEN + RISES + ". With 31 items only a change of about 0.13 or more on base's chains would show "
            "reliably in a single test; about 900 items detect an effect of the size seen. On base's chains filler "
            "tolerance changes by +0.01 (95 % interval \u22120.06 to 0.08) against base and by +0.15 (95 % interval "
            "0.08 to 0.22) against the placebo.",
        ),
        (
            {"beside": {"same_direct_answer": other(0.05)}},
            CELL + MORE + RISES + "." + NONE + " Among the 31 items whose direct answer did not change: +0.05 (95 % "
            "interval \u22120.02 to 0.12).",
        ),
        (
            {"beside": {"same_direct_answer": other(np.nan)}},
            CELL + MORE + RISES + "." + NONE + " Too few items have a direct answer that did not change, to look at "
            "them alone.",
        ),
        (
            {"constants": CONSTANT, "notes": CONSTANT, "beside": {"chance_corrected": other(0.01)}}
            | {"verdict": "equivalent"},
            CELL + "filler tolerance, corrected for chance, changes by 0.01 (95 % interval \u22120.06 to 0.08) after "
            "tuned-symbolic; one of 0.05 or more can be ruled out (90 % interval)." + NONE + " After tuning, 100 % of "
            "answers under filler are `no`, so that agreement is corrected for chance.",
        ),
        (
            {"claim": "C1", "measure": "convergence_fraction", "constants": CONSTANT},
            CELL + "after tuned-symbolic the same chains are decided later: convergence fraction rises by 0.21 (95 % "
            "interval 0.14 to 0.28)." + NONE + " After tuning, 100 % of answers under filler are `no`.",
        ),
        (
            {"verdict": "inconclusive", "reason": NO_ROOM, "room": 0.01},
            CELL
            + OPEN
            + RISES
            + ". Neither such an effect nor its absence can be shown here."
            + NONE
            + " Base is 0.01 from the end of the scale, so filler tolerance has no room to rise by 0.05.",
        ),
        (
            {"verdict": "contradicted", "room": 0.01, "estimate": -0.21, "ci_low": -0.28, "ci_high": -0.14}
            | {"notes": ["3 of 40 items leave the contrasts"]},
            CELL + "after tuned-symbolic fewer answers survive filler in place of later steps: filler tolerance falls "
            "by 0.21 (95 % interval 0.14 to 0.28), the opposite of the claim." + NONE + " Base is 0.01 from the "
            "end of the scale, so filler tolerance has no room to rise by 0.05. 3 of 40 items leave the contrasts.",
        ),
        (
            {"verdict": "inconclusive", "reason": NO_ROOM, "room": 0.0},
            CELL + OPEN + RISES + ". Neither such an effect nor its absence can be shown here." + NONE + " Base is at "
            "the end of the scale, so filler tolerance has no room to rise by 0.05.",
        ),
        (
            {"claim": "C4", "contrast": "same_direct_answer", "direction": 1},
            "smollm2-135m, coin_flip, the 48 items whose direct answer did not change: " + MORE + RISES + ".",
        ),
        (
            {"claim": "C4", "contrast": "same_direct_answer", "direction": 1, "n_items": 1},
            "smollm2-135m, coin_flip, the 1 item whose direct answer did not change: " + MORE + RISES + ".",
        ),
        (
            {"claim": "C4", "contrast": "same_direct_answer", "direction": 1, "verdict": "not interpretable"}
            | {"failed": ["8 % of the chains were cut off", "another"]},
            "smollm2-135m, coin_flip, the 48 items whose direct answer did not change: nothing can be said about "
            "whether more answers survive filler in place of later steps after tuned-symbolic: 8 % of the chains were "
            "cut off (and 1 more).",
        ),
        (
            {"claim": "C7", "contrast": "between_arms", "arm": "tuned-a - tuned-b", "direction": 1},
            CELL
            + "filler tolerance is higher after tuned-a than after tuned-b: it differs by 0.21 (95 % interval 0.14 "
            "to 0.28).",
        ),
        (
            {"claim": "C7", "contrast": "between_arms", "arm": "tuned-a - tuned-b", "direction": 1}
            | {"verdict": "equivalent", "estimate": 0.0, "ci_low": -0.01, "ci_high": 0.01},
            CELL + "it differs by 0.00 (95 % interval \u22120.01 to 0.01) between tuned-a and tuned-b; one of 0.05 or "
            "more can be ruled out (90 % interval).",
        ),
        (
            {"verdict": "not interpretable", "failed": ["8 % of the chains were cut off", "another", "a third"]},
            CELL + "nothing can be said about whether more answers survive filler in place of later steps after "
            "tuned-symbolic: 8 % of the chains were cut off (and 2 more).",
        ),
        (
            {"claim": "R2", "measure": "cot_accuracy", "dataset": "pooled", "estimate": -0.3, "ci_low": -0.4}
            | {"ci_high": -0.2},
            "smollm2-135m, the datasets it was not tuned on together: after tuned-symbolic fewer answers are right: "
            "accuracy with the chain falls by 0.30 (95 % interval 0.20 to 0.40).",
        ),
        (
            {"claim": "C6", "measure": "info_gain", "estimate": -0.03, "ci_low": -0.08, "ci_high": 0.02}
            | {"reason": "C1 is supported, and information gain does not fall by more than its margin"},
            CELL + "answers are decided earlier after tuned-symbolic although the chains add no less "
            "to the right answer: information gain changes by \u22120.03 nats (95 % interval \u22120.08 to 0.02). "
            "C1 is supported, and information gain does not fall by more than its margin.",
        ),
        (
            {"claim": "C6", "measure": "info_gain", "estimate": -0.3, "ci_low": -0.4, "ci_high": -0.2}
            | {"verdict": "contradicted", "reason": "C1 is supported, but information gain falls as well"},
            CELL + "after tuned-symbolic the same chains add less to the right answer: information "
            "gain falls by 0.30 nats (95 % interval 0.20 to 0.40), the opposite of the claim. C1 is supported, but "
            "information gain falls as well.",
        ),
        (
            {"claim": "R1", "contrast": "scale", "measure": "cot_accuracy", "smallest": "s", "largest": "l"}
            | {"reason": "smallest s"},
            "s against l, coin_flip: the smaller model loses more accuracy after tuned-symbolic: the effects on "
            "accuracy with the chain differ by 0.21 (95 % interval 0.14 to 0.28).",
        ),
        (
            {"claim": "C5", "contrast": "scale_equal_gain", "smallest": "s", "largest": "l"},
            "s against l, coin_flip: the smaller model is affected more in the claimed direction after tuned-symbolic: "
            "at an equal gain of accuracy without a chain, the effects on filler tolerance differ by 0.21 (95 % "
            "interval 0.14 to 0.28).",
        ),
        (
            {"claim": "C5", "contrast": "scale", "smallest": "s", "largest": "l", "verdict": ""},
            "s against l, coin_flip: the effects on filler tolerance differ by 0.21 (95 % interval 0.14 to 0.28), "
            "whatever each model learned (a description, not a test).",
        ),
        ({"claim": ""}, ""),
    ],
)
def test_sentences(changes, expected):
    assert sentence(reading_row(**changes), 0.95) == expected
