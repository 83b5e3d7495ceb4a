"""Judging of tables made by hand: placebos, other ways to read the run, constant answers, families, properties."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faithfulness.compare import claims, judge, verdicts
from faithfulness.compare.alternatives import ALTERNATIVES, MAIN
from faithfulness.compare.measures import MEASURES
from faithfulness.compare.readings import BASE_CHAINS, BESIDE_PLAIN, PLACEBO, contrast_of
from faithfulness.compare.verdicts import DECIDED, VERDICTS
from faithfulness.tables.io import frame
from faithfulness.tables.statistics import Gates

DECLARED = claims.load("config/claims.yaml")
PRIMARY = DECLARED.primary_measures
ARM, FILLER = "tuned-x", "filler_tolerance"


def estimate(measure, value, p=0.0001, half=0.04, contrast="plain", **changes):
    """A row of tables.Estimates: its 90 % interval is value +- half."""
    row = {"model": "m", "arm": ARM, "dataset": "d", "pool": ["d"], "contrast": contrast, "measure": measure}
    row |= {"component": "reading", "estimate": value, "ci_low": value - 1.2 * half, "ci_high": value + 1.2 * half}
    row |= {"equivalence_low": value - half, "equivalence_high": value + half, "p_value": p, "n_items": 40}
    return row | {"margin": 0.05, "detectable": 0.1, "base_mean": 0.5, "tuned_mean": 0.5} | changes


def claimed(contrast="plain", size=0.2, p=0.0001, **changes):
    """Rows of all primary measures, in the claimed direction."""
    return [estimate(name, sign * size, p, contrast=contrast, **changes) for name, sign in PRIMARY.items()]


def with_placebo(reading=MAIN, size=0.2, base=0.2, placebo=0.2, corrected=False, **changes):
    """Rows of all primary measures in one reading: over both writers' chains, against base and against the placebo."""
    return [
        row
        for readers, value, more in (("", size, changes), (BASE_CHAINS, base, {}), (PLACEBO, placebo, {}))
        for row in claimed(contrast_of(reading, readers, corrected=corrected), value, **more)
    ]


def gate(name, *, subject=ARM, closes="all", passed=False, **changes):
    row = {"model": "m", "arm": ARM, "dataset": "d", "gate": name, "subject": subject, "value": 0.0, "threshold": 0.05}
    reason = "" if passed else f"{name} failed"
    return row | {"passed": passed, "closes": closes, "reason": reason} | changes


def judged(rows, gates=(), trained=None):
    table = pd.DataFrame(rows).assign(claim=None)
    cells = table[["model", "arm"]].drop_duplicates().itertuples(index=False)
    trained = {tuple(cell): set() for cell in cells} | (trained or {})
    return judge.judge(
        table, frame(list(gates), Gates), trained, dict.fromkeys(table["model"], 1000), dict.fromkeys(trained, 1),
        claims=DECLARED, confidence=0.95,
    )  # fmt: skip


def verdict_of(table, claim, **cell):
    rows = table[table["claim"] == claim]
    for name, value in cell.items():
        rows = rows[rows[name] == value]
    (verdict,) = set(rows["verdict"])
    return verdict


def reason_of(table, claim):
    return table.loc[table["claim"] == claim, "reason"].iloc[0]


CONSTANT = gate("constant", subject=f"{ARM} / filler", closes="", reason="after tuning, 100 % are `no`")


# --- with and without a placebo


def test_without_a_placebo_the_reading_effect_decides():
    table = judged([*claimed(), *claimed("base_chains", 0.0, 0.9)])
    for claim in DECLARED.primary:
        assert verdict_of(table, claim) == "supported"
    assert table.loc[table["claim"].isin(DECLARED.primary), "sentence"].str.contains("No placebo was run").all()
    assert table["placebo_estimate"].isna().all()


@pytest.mark.parametrize(
    ("placebo", "expected"),
    [
        ({"size": 0.15}, "supported"),
        ({"size": 0.0, "p": 0.9}, "as placebo"),
        ({"size": 0.03, "p": 0.2}, "inconclusive"),
        ({"size": -0.15}, "inconclusive"),
        ({"size": 0.15, "p": np.nan}, "inconclusive"),
    ],
)
def test_the_placebo_decides_what_a_change_against_base_means(placebo, expected):
    table = judged([*claimed(), *claimed("base_chains"), *claimed("placebo", **placebo)])
    for claim in DECLARED.primary:
        assert verdict_of(table, claim) == expected
    rows = table[table["claim"] == "C3"]
    assert rows["placebo_estimate"].tolist() == [placebo["size"]]
    assert "against the placebo" in rows["sentence"].iloc[0]
    assert set(table.loc[table["contrast"].isin(["base_chains", "placebo"]), "claim"]) == {""}
    assert table.loc[table["contrast"].isin(["base_chains", "placebo"]), ["p_holm", "p_bh"]].isna().all(axis=None)


def test_the_p_of_c1_is_the_largest_of_its_four():
    p = {("base_chains", "aoc"): 0.001, ("base_chains", "convergence_fraction"): 0.002}
    p |= {("placebo", "aoc"): 0.003, ("placebo", "convergence_fraction"): 0.004}
    for largest in p:
        rows = [estimate(n, -0.2, p=0.9) for n in DECLARED.directions["C1"]]
        values = p | {largest: 0.01}
        rows += [estimate(name, -0.2, p=values[contrast, name], contrast=contrast) for contrast, name in p]
        table = judged(rows)
        c1 = table[table["claim"] == "C1"]
        assert set(c1["claim_p_value"]) == {0.01}
        assert set(c1["verdict"]) == {"supported"}
        assert MEASURES[largest[1]].label in c1["sentence"].iloc[0]


def test_a_placebo_that_failed_makes_a_change_inconclusive():
    failed = gate("placebo", subject="placebo-x / learned", closes="", reason="placebo-x raised accuracy by 10 %")
    for size in (0.15, 0.0):
        table = judged([*claimed(), *claimed("base_chains"), *claimed("placebo", size, 0.001)], [failed])
        assert verdict_of(table, "C3") == "inconclusive"
        assert reason_of(table, "C3") == "the placebo could not be judged: placebo-x raised accuracy by 10 %"
        assert table.loc[table["claim"] == "C3", "interpretable"].all()


def test_a_placebo_whose_answers_to_conflict_chains_cannot_be_read_fails_for_c8_alone():
    unread = gate("placebo", subject="placebo-x / conflict", closes="", reason="12 % could not be read")
    table = judged([*claimed(), *claimed("base_chains"), *claimed("placebo")], [unread])
    assert {claim: verdict_of(table, claim) for claim in DECLARED.primary} == {
        "C8": "inconclusive", "C1": "supported", "C2": "supported", "C3": "supported",
    }  # fmt: skip
    assert reason_of(table, "C8") == "the placebo could not be judged: 12 % could not be read"


def test_pooled_claims_need_the_placebo_likewise():
    rows = []
    for dataset, pool in (("a", ["a"]), ("b", ["b"]), ("pooled", ["a", "b"])):
        place = {"dataset": dataset, "pool": pool}
        rows += [*claimed(**place), *claimed("base_chains", **place), *claimed("placebo", 0.0, 0.9, **place)]
    table = judged(rows)
    assert verdict_of(table, "C3", dataset="pooled") == "as placebo"
    learned = gate("placebo", dataset="b", closes="", reason="it learned")
    table = judged(rows, [learned])
    assert verdict_of(table, "C3", dataset="pooled") == "inconclusive"
    assert verdict_of(table, "C3", dataset="a") == "as placebo"
    assert (
        "the placebo could not be judged: b: it learned" in table.loc[table["dataset"] == "pooled", "reason"].tolist()
    )


# --- other ways to count and read the run


@pytest.mark.parametrize(("name", "claims_of"), [(a.name, a.claims) for a in ALTERNATIVES.values()])
def test_a_verdict_that_an_alternative_moves_is_inconclusive_with_its_reason(name, claims_of):
    rows = claimed()
    table = judged([*rows, *claimed(name, 0.0, 0.9)])
    for claim in DECLARED.primary:
        moved = claim in claims_of
        assert verdict_of(table, claim) == ("inconclusive" if moved else "supported")
        assert reason_of(table, claim) == (ALTERNATIVES[name].reason if moved else "")
    assert verdict_of(judged([*rows, *claimed(name)]), "C3") == "supported"
    # What the run has and too few items tell is no agreement.
    unknown = judged([*rows, *claimed(name, np.nan, np.nan)])
    for claim in DECLARED.primary:
        few = claim in claims_of
        assert verdict_of(unknown, claim) == ("inconclusive" if few else "supported")
        assert ("too few items can be compared where " in reason_of(unknown, claim)) == few


def test_several_alternatives_give_all_their_reasons():
    table = judged([*claimed(), *claimed("filler_words", 0.0, 0.9), *claimed("invalid_as_same", 0.0, 0.9)])
    both = {ALTERNATIVES[name].reason for name in ("filler_words", "invalid_as_same")}
    assert set(reason_of(table, "C3").split("; ")) == both


def test_alternatives_are_judged_with_the_placebo():
    rows = with_placebo(placebo=0.0)
    assert verdict_of(judged([*rows, *with_placebo("raw_readout", placebo=0.0)]), "C3") == "as placebo"
    for otherwise in (with_placebo("raw_readout"), with_placebo("raw_readout", base=0.0), claimed("raw_readout")):
        table = judged([*rows, *otherwise])
        assert verdict_of(table, "C3") == "inconclusive"
        assert reason_of(table, "C3") == ALTERNATIVES["raw_readout"].reason


@pytest.mark.parametrize(("placebo", "expected"), [(0.2, "supported"), (0.0, "as placebo")])
def test_an_alternative_with_the_same_numbers_moves_nothing(placebo, expected):
    """Not even where the effect over both writers' chains is open, as the one on base's chains decides."""
    rows = with_placebo(size=0.09, placebo=placebo, half=0.08, p=0.06)
    same = with_placebo("filler_words", size=0.09, placebo=placebo, half=0.08, p=0.06)
    assert verdict_of(judged(rows), "C3") == verdict_of(judged([*rows, *same]), "C3") == expected


def test_c6_is_the_same_under_all_alternatives():
    def gain(value, contrast):
        reading = estimate("info_gain", value, contrast=contrast, margin=0.1)
        return [reading, reading | {"component": "interaction", "estimate": 0.0}]

    rows = [*claimed(), *gain(0.2, "plain")]
    assert verdict_of(judged(rows), "C6") == "supported"
    table = judged([*rows, *claimed("raw_readout"), *gain(-0.5, "raw_readout")])
    assert verdict_of(table, "C6") == "inconclusive"
    assert reason_of(table, "C6") == ALTERNATIVES["raw_readout"].reason


def test_c6_is_judged_by_its_plain_row_also_where_there_is_a_placebo():
    gains = [estimate("info_gain", 0.2, contrast=name, margin=0.1) for name in ("plain", BASE_CHAINS, PLACEBO)]
    table = judged([*with_placebo(), *gains, gains[0] | {"component": "interaction", "estimate": 0.0}])
    assert set(table.loc[table["claim"] == "C6", "judged_by"]) == {"plain"}
    assert set(table.loc[table["claim"] == "C1", "judged_by"]) == {BASE_CHAINS}


def test_c6_rests_on_what_all_readings_share_of_c1():
    """Also where the reading that moves C1 says nothing of information gain, as the second cue."""
    gain = estimate("info_gain", 0.2, margin=0.1)
    table = judged([*claimed(), gain, gain | {"component": "interaction"}, *claimed("second_cue", 0.0, 0.9)])
    assert verdict_of(table, "C1") == verdict_of(table, "C6") == "inconclusive"
    assert reason_of(table, "C6") == "it rests on C1, whose verdict here is 'inconclusive'"


# --- constant answers


def test_a_constant_is_named_and_judged_by_kappa():
    kappa = estimate(FILLER, 0.0, 0.9, contrast="chance_corrected")
    table = judged([*claimed(), kappa], [CONSTANT])
    assert verdict_of(table, "C3") == "equivalent"
    row = table[table["claim"] == "C3"].iloc[0]
    assert "After tuning, 100 % are `no`, so that agreement is corrected for chance." in row["sentence"]
    unmoved = judged([*claimed(), kappa, estimate(FILLER, 0.18, contrast="same_direct_answer")], [CONSTANT])
    said = unmoved.loc[unmoved["claim"] == "C3", "sentence"].iloc[0]
    assert "whose direct answer did not change: +0.18 (95 % interval 0.13 to 0.23), which is not corrected" in said
    assert "corrected for chance, changes by 0.00" in row["sentence"]
    assert row["notes"] == "after tuning, 100 % are `no`"
    assert verdict_of(table, "C8") == "supported"  # another perturbation
    assert verdict_of(judged([*claimed(), kappa]), "C3") == "supported"


def test_where_kappa_is_undefined_the_claim_is_not_interpretable_and_stays_in_the_family():
    for rows in ([], [estimate(FILLER, np.nan, np.nan, contrast="chance_corrected")]):
        table = judged([*claimed(), *rows], [CONSTANT])
        assert verdict_of(table, "C3") == "not interpretable"
        assert "agreement cannot be told from chance" in reason_of(table, "C3")
        row = table[table["claim"] == "C3"].iloc[0]
        assert row["p_holm"] == 1
        assert not row["interpretable"]
        assert verdict_of(table, "C1") == "supported"


@pytest.mark.parametrize("plain", [0.0, 0.2, -0.2])
def test_a_reader_that_only_answers_constants_under_filler_stays_open_and_is_never_called_changed(plain):
    """As a load-bearing reader does that has nothing to read, or one that changes from one constant to another."""
    ends = dict.fromkeys(["ci_low", "ci_high", "equivalence_low", "equivalence_high"], np.nan)
    kappa = estimate(FILLER, 0.0, np.nan, contrast="chance_corrected", **ends)  # no difference: no interval
    before = CONSTANT | {"subject": "base / filler", "reason": "before tuning, 100 % are `yes`"}
    table = judged([*claimed(size=plain), kappa], [before, CONSTANT])
    row = table[table["claim"] == "C3"].iloc[0]
    assert (row["verdict"], row["interpretable"]) == ("inconclusive", True)
    assert "Before tuning, 100 % are `yes` and after tuning, 100 % are `no`" in row["sentence"]
    assert "changes by 0.00 (no interval can be had)" in row["sentence"]


def test_with_a_placebo_all_comparisons_are_corrected_for_chance():
    for base, placebo, expected in (
        (0.2, 0.2, "supported"), (0.2, 0.0, "as placebo"), (-0.2, -0.2, "contradicted"), (0.2, -0.2, "inconclusive"),
        (0.0, 0.2, "inconclusive"), (0.2, np.nan, "not interpretable"), (np.nan, 0.2, "not interpretable"),
    ):  # fmt: skip
        table = judged([*with_placebo(), *with_placebo(base=base, placebo=placebo, corrected=True)], [CONSTANT])
        assert verdict_of(table, "C3") == expected
    table = judged([*with_placebo(), *with_placebo(base=0.13, placebo=0.17, corrected=True)], [CONSTANT])
    assert "by +0.13" in table.loc[table["claim"] == "C3", "sentence"].iloc[0]
    assert "by +0.17" in table.loc[table["claim"] == "C3", "sentence"].iloc[0]
    on_base = "On base's chains filler tolerance, corrected for chance, changes by +0.13"
    assert on_base in table.loc[table["claim"] == "C3", "sentence"].iloc[0]
    assert verdict_of(judged(with_placebo(), [CONSTANT]), "C3") == "not interpretable"


def test_each_reading_is_corrected_for_chance_by_rows_of_its_own():
    corrected = estimate(FILLER, 0.2, 0.001, contrast="chance_corrected")
    for name in ("raw_readout", "filler_words"):
        alternative = claimed(name, 0.0, 0.9)
        for value, expected in ((0.2, "supported"), (-0.2, "inconclusive"), (0.0, "inconclusive")):
            of_its_own = estimate(FILLER, value, 0.001, contrast=contrast_of(name, corrected=True))
            assert verdict_of(judged([*claimed(), corrected, *alternative, of_its_own], [CONSTANT]), "C3") == expected
        assert verdict_of(judged([*claimed(), corrected, *alternative], [CONSTANT]), "C3") == "inconclusive"


def test_a_constant_in_an_alternative_alone_is_corrected_there():
    otherwise = claimed("filler_words", 0.2)
    for value, expected in ((0.2, "supported"), (0.0, "inconclusive"), (np.nan, "inconclusive")):
        corrected = estimate(FILLER, value, 0.001, contrast=contrast_of("filler_words", corrected=True))
        table = judged([*claimed(), *otherwise, corrected])
        assert verdict_of(table, "C3") == expected
        assert reason_of(table, "C3") == ("" if expected == "supported" else ALTERNATIVES["filler_words"].reason)


def test_c4_c5_and_c7_are_not_decided_by_constant_answers():
    rows = [*claimed(), estimate(FILLER, 0.2, contrast="chance_corrected"), *claimed("same_direct_answer")]
    rows += claimed("between_arms", arm=f"{ARM} - tuned-y")
    table = judged(rows, [CONSTANT])
    for claim in ("C4", "C7"):
        assert verdict_of(table, claim, measure=FILLER) == "inconclusive"
        assert (
            table.loc[(table["claim"] == claim) & (table["measure"] == FILLER), "reason"].iloc[0]
            == verdicts.UNCORRECTED
        )
        assert verdict_of(table, claim, measure="chain_following") == "supported"


# --- room


def test_without_room_nothing_is_supported_or_equivalent_but_it_may_be_contradicted():
    cramped = gate("floor", subject=FILLER, closes="", value=0.01)
    for size, p, free, expected in (
        (0.2, 0.001, "supported", "inconclusive"), (0.0, 0.9, "equivalent", "inconclusive"),
        (-0.2, 0.001, "contradicted", "contradicted"),
    ):  # fmt: skip
        rows = [estimate(FILLER, size, p)]
        assert verdict_of(judged(rows), "C3") == free
        table = judged(rows, [cramped])
        assert verdict_of(table, "C3") == expected
        assert "has no room to rise by 0.05" in table["sentence"].iloc[0]
    enough = gate("floor", subject=FILLER, closes="", value=0.06, passed=True)
    assert verdict_of(judged([estimate(FILLER, 0.2)], [enough]), "C3") == "supported"
    # Pooled: the mean room of the datasets.
    pooled = estimate(FILLER, 0.2, dataset="pooled", pool=["a", "b"])
    for rooms, expected in (((0.01, 0.2), "supported"), ((0.01, 0.05), "inconclusive")):
        gates = [dict(cramped, dataset=d, value=room) for d, room in zip("ab", rooms, strict=True)]
        assert verdict_of(judged([pooled], gates), "C3") == expected


# --- what gates close


def test_a_gate_of_c2_closes_c2_alone():
    table = judged(
        [*claimed(), *claimed("same_direct_answer"), estimate("paraphrase_sensitivity_p", 0.1)],
        [gate("strength", closes="C2")],
    )
    for claim in ("C1", "C3", "C8"):
        assert verdict_of(table, claim) == "supported"
    assert verdict_of(table, "C2") == "not interpretable"
    assert verdict_of(table, "C4", measure="paraphrase_sensitivity") == "not interpretable"
    assert verdict_of(table, "C4", measure="aoc") == "supported"
    assert not table.loc[table["measure"] == "paraphrase_sensitivity_p", "interpretable"].any()
    assert table.loc[table["claim"] == "C2", "p_holm"].tolist() == [1.0]


def test_notes_close_nothing_and_are_told():
    table = judged(claimed(), [gate("truncated_items", closes="", reason="3 of 40 items leave the contrasts")])
    row = table[table["claim"] == "C8"].iloc[0]
    assert row["verdict"] == "supported"
    assert row["sentence"].endswith("3 of 40 items leave the contrasts.")
    assert row["notes"] == "3 of 40 items leave the contrasts"


def test_the_items_that_leave_c8_are_told_of_c8_alone():
    table = judged(claimed(), [gate("met_targets", subject="chain_following", closes="", reason="2 of 40 leave")])
    said = table.groupby("claim")["sentence"].first().str.contains("2 of 40 leave")
    assert said[said].index.tolist() == ["C8"]


# --- between arms


def test_c7_compares_arms_measure_by_measure_in_a_family_of_its_own():
    pair = f"{ARM} - tuned-y"
    rows = [*claimed(p=0.9), *claimed("between_arms", p=0.012, arm=pair)]
    table = judged(rows)
    c7 = table[table["claim"] == "C7"]
    assert len(c7) == len(PRIMARY)
    assert set(c7["verdict"]) == {"inconclusive"}
    assert c7["p_holm"].to_numpy(float) == pytest.approx([0.06] * len(PRIMARY))
    strong = judged([*claimed(p=0.9), *claimed("between_arms", p=0.009, arm=pair)])
    assert set(strong.loc[strong["claim"] == "C7", "verdict"]) == {"supported"}
    assert "tuned-x than after tuned-y" in strong.loc[strong["claim"] == "C7", "sentence"].iloc[0]
    # The cells of both arms are needed.
    for arm in (ARM, "tuned-y"):
        closed = judged(rows, [gate("validity", arm=arm)])
        assert set(closed.loc[closed["claim"] == "C7", "verdict"]) == {"not interpretable"}
        assert closed.loc[closed["claim"] == "C7", "reason"].iloc[0] == f"{arm}: validity failed"


# --- properties of whole tables

TWO = list(ALTERNATIVES)[:2]
NAMED = (
    gate("steps"), gate("truncation", subject="base and tuned-x"), gate("above_chance", subject="base"),
    gate("above_chance"), gate("validity", subject="base / filler"), gate("collapsed_reader"), gate("manipulation"),
    gate("paraphrase", closes="C2"), CONSTANT, gate("placebo", closes=""), gate("floor", subject=FILLER, closes=""),
)  # fmt: skip
LEAVE = ("steps", "truncation")


@st.composite
def tables(draw):
    """Estimates of a few cells, some with a placebo, a null arm and alternatives; and gates."""
    effects = st.tuples(st.sampled_from([-0.2, -0.06, 0.0, 0.03, 0.2]), st.sampled_from([0.0001, 0.004, 0.03, 0.4]))
    rows, gates = [], []
    for model, dataset in (("m", "d"), ("m", "e"), ("n", "d")):
        place = {"model": model, "dataset": dataset, "pool": [dataset]}
        readers = draw(st.sampled_from([[""], ["", BASE_CHAINS, PLACEBO]]))
        contrasts = draw(st.lists(st.just("same_direct_answer"), max_size=1))
        for reading in (MAIN, *draw(st.lists(st.sampled_from(TWO), unique=True))):
            contrasts += [contrast_of(reading, name) for name in readers]
            if draw(st.booleans()):
                contrasts += [contrast_of(reading, name, corrected=True) for name in readers]
        for contrast, name in itertools.product(contrasts, PRIMARY):
            if "chance_corrected" in contrast and name != FILLER:
                continue
            value, p = draw(effects)
            rows.append(estimate(name, value, p, half=draw(st.sampled_from([0.01, 0.04])), contrast=contrast, **place))
        rows += [estimate(n, *draw(effects), contrast="null", **place | {"arm": "null-seed"}) for n in PRIMARY]
        rows.append(estimate("mistake_sensitivity", *draw(effects), **place))
        gates += [
            dict(named, model=model, dataset=dataset) for named in draw(st.lists(st.sampled_from(NAMED), max_size=2))
        ]
    return rows, gates


@settings(max_examples=12)
@given(tables())
def test_properties_of_judged_tables(case):
    rows, gates = case
    table = judged(rows, gates)
    assert set(table["verdict"]) <= {"", *VERDICTS}
    controls = table[table["contrast"].isin([*BESIDE_PLAIN, "null"]) | (table["arm"] != ARM)]
    assert controls[["p_holm", "p_bh", "claim_p_value"]].isna().all(axis=None)
    assert set(controls["claim"]) | set(controls["verdict"]) | set(controls["sentence"]) == {""}
    by_place = table[table["component"] == "reading"].set_index(["model", "dataset", "contrast", "measure"])
    primary = table[(table["contrast"] == "plain") & table["claim"].isin(DECLARED.primary)]
    for row in primary.itertuples():
        # The p of a claim is never smaller than any of its parts, nor is an adjusted p smaller than the p.
        parts = [row.placebo_p, *([] if pd.notna(row.placebo_p) else [row.p_value])]
        if not (row.measure == FILLER and "`no`" in (row.notes or "")):
            assert all(row.claim_p_value >= p for p in parts if pd.notna(p)) or pd.isna(row.claim_p_value)
        if pd.notna(row.p_holm) and pd.notna(row.claim_p_value):
            assert row.p_holm >= row.claim_p_value - 1e-12
        if row.verdict in ("supported", "contradicted"):
            assert row.p_holm <= 0.05
            assert row.interpretable
            if pd.notna(row.placebo_estimate) and not (row.measure == FILLER and "`no`" in (row.notes or "")):
                base = by_place.loc[(row.model, row.dataset, "base_chains", row.measure), "estimate"]
                assert np.sign(base) == np.sign(row.placebo_estimate)
        if row.verdict == "as placebo" and not (row.measure == FILLER and "`no`" in (row.notes or "")):
            assert abs(row.placebo_estimate) < 0.05
    for _, cell in primary.groupby(["claim", "model", "dataset"]):
        assert cell["verdict"].nunique() == cell["p_holm"].nunique(dropna=False) == cell["sentence"].nunique() == 1


@settings(max_examples=12)
@given(tables(), st.sampled_from(NAMED), st.sampled_from(["m", "n"]))
def test_a_gate_makes_no_other_cell_stronger_unless_it_looks_at_base_or_chains(case, named, model):
    rows, gates = case
    before = judged(rows, gates)
    after = judged(rows, [*gates, dict(named, model=model, dataset="d")])
    leaves = named["gate"] in LEAVE or (named["gate"], named["subject"]) == ("above_chance", "base")
    keys = ["claim", "model", "arm", "dataset", "contrast", "measure", "component"]
    both = before.merge(after, on=keys, suffixes=("_before", "_after"))
    others = both[(both["claim"] != "") & ~((both["model"] == model) & (both["dataset"] == "d"))]
    if leaves:
        return
    for row in others.itertuples():
        assert not (pd.notna(row.p_holm_after) and row.p_holm_after < row.p_holm_before - 1e-12)
        if row.verdict_after in ("supported", "contradicted"):
            assert row.verdict_before == row.verdict_after


@settings(max_examples=12)
@given(tables())
def test_a_decided_verdict_is_that_of_each_alternative_by_itself(case):
    """Its rows in place of the main ones, and no other reading, give the same verdict."""
    rows, gates = case
    main = judged(rows, gates)
    main = main[(main["contrast"] == "plain") & main["claim"].isin(DECLARED.primary) & main["verdict"].isin(DECIDED)]
    for name in TWO:
        places = {(row["model"], row["dataset"]) for row in rows if row["contrast"] == name}
        otherwise, constant = [], list(gates)
        for row in rows:
            reading, place = row["contrast"].partition(":")[0], (row["model"], row["dataset"])
            if reading == name:
                rest = row["contrast"].removeprefix(name).removeprefix(":") or "plain"
                otherwise.append(dict(row, contrast=rest))
                if "chance_corrected" in rest:
                    constant.append(dict(CONSTANT, model=place[0], dataset=place[1]))
            elif reading not in TWO and (place not in places or row["measure"] not in PRIMARY):
                otherwise.append(row)
        alone = judged(otherwise, constant)
        for row in main.itertuples():
            if (row.model, row.dataset) in places:
                assert verdict_of(alone, row.claim, model=row.model, dataset=row.dataset) == row.verdict
