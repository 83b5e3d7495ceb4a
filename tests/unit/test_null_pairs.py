"""Pairs of trainings that differ by chance alone: which they are, and that the usual rules judge them."""

import itertools
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import check_placebo
from faithfulness.compare import claims, item_means, null_pairs
from faithfulness.compare.alternatives import MAIN
from faithfulness.compare.measures import MEASURES
from faithfulness.compare.null_pairs import BASE, Pair, Reader, alarms, disjoint_pairs, judge_pairs
from faithfulness.config.roles import of_seed
from faithfulness.config.settings import load
from faithfulness.tables import io
from faithfulness.tables.io import frame
from faithfulness.tables.measures import CutAnswers
from faithfulness.tables.statistics import Gates
from tests.runs import ROOT

DECLARED = claims.load(ROOT / "config/claims.yaml")
QUICK = DECLARED.statistics({"resamples": 999, "confidence": 0.95, "seed": 0})
ITEMS = [f"i{number:03}" for number in range(80)]
DATASETS = ("d", "e")
ARM = "null-warm"


def means(moved: dict[int, float], seed: int = 0) -> pd.DataFrame:
    """Item means of a null arm and base, by training and over all; each seed has its filler tolerance moved."""
    rng = np.random.default_rng(seed)
    parts = []
    for dataset in DATASETS:
        base = {name: rng.integers(0, 4, len(ITEMS)) / 4 for name in MEASURES}
        for number, shift in moved.items():
            own = {name: values + rng.choice([0, 0, 0, 0.25, -0.25], len(ITEMS)) for name, values in base.items()}
            own["filler_tolerance"] = base["filler_tolerance"] + shift + rng.choice([0, 0.25, -0.25], len(ITEMS))
            for reader, values in (("base", base), ("tuned", own)):
                part = pd.DataFrame(values).assign(item_id=ITEMS, writer="base", reader=reader, seed=number)
                parts += [
                    part.assign(alternative=name, dataset=dataset)
                    for name in (MAIN, "invalid_as_same", "invalid_as_changed")
                ]
    table = pd.concat(parts, ignore_index=True)
    if len(moved) > 1:
        over_all = table.groupby(["alternative", "dataset", *item_means.KEYS])[list(MEASURES)].mean().reset_index()
        table = pd.concat([table, over_all.assign(seed=pd.NA)], ignore_index=True)
    table = table.assign(arm=ARM)
    return frame(table[item_means.schema().names], item_means.schema()).assign(model="m", dataset=table["dataset"])


def gates(*failed: str) -> pd.DataFrame:
    """Gates of a null arm of two trainings; those of the given subjects fail on dataset d."""
    rows = [
        {
            "model": "m",
            "arm": ARM,
            "dataset": dataset,
            "gate": "validity",
            "subject": subject,
            "threshold": 0.1,
            "closes": "all",
        }
        | {"value": 0.5, "passed": dataset != "d" or subject not in failed}
        | {"reason": "" if dataset != "d" or subject not in failed else "cannot be read"}
        for dataset in DATASETS
        for subject in ("base", f"{of_seed(ARM, 1)} / filler", of_seed(ARM, 2), of_seed(ARM, 3))
    ]
    return frame(rows, Gates)


def answers(*constant: int) -> pd.DataFrame:
    """Answers to base's chains, of which half are those under filler: the constant ones of some trainings always 1."""
    rng, rows = np.random.default_rng(0), []
    readers = ["base", *(of_seed(ARM, seed) for seed in (1, 2, 3, 4))]
    for dataset, name, (place, item) in itertools.product(DATASETS, readers, enumerate(ITEMS)):
        prior = [1] * 4 if name in [of_seed(ARM, seed) for seed in constant] else rng.integers(0, 2, 4).tolist()
        kept = [
            place % 2 if rng.random() < 0.5 and name not in map(partial(of_seed, ARM), constant) else one
            for one in prior
        ]
        rows.append(
            {"writer": "base", "reader": name, "item_id": item, "sample": 0, "seed": 0, "perturbation": "filler"}
            | {"variant": "text", "n_steps": 4, "original": place % 2, "cuts": [0, 1, 2, 3], "answers": kept}
            | {"alternative": MAIN, "dataset": dataset}
        )
    table = pd.DataFrame(rows)
    return io.to_pandas(io._conform(table, CutAnswers)).assign(model="m", dataset=table["dataset"])


def reader(seed: int) -> Reader:
    return Reader(of_seed(ARM, seed), ARM, seed)


def judged(pair: Pair, table: pd.DataFrame, looked_at: pd.DataFrame | None = None) -> pd.DataFrame:
    passed = gates() if looked_at is None else looked_at
    return judge_pairs([pair], table, passed, answers(), claims=DECLARED, statistics=QUICK)


@given(st.dictionaries(st.sampled_from(["null-a", "null-b", "placebo-a"]), st.sets(st.integers(0, 30), max_size=9)))
def test_no_training_is_in_two_pairs(seeds: dict[str, set[int]]) -> None:
    controls = {of_seed(arm, seed): (arm, seed) for arm, of in seeds.items() for seed in of}
    pairs = disjoint_pairs("m", controls)
    names = [one.name for pair in pairs for one in (pair.first, pair.second) if one != BASE]
    assert len(names) == len(set(names))
    assert all(pair.first != BASE and pair.second in (BASE, pair.second) for pair in pairs)
    assert all(pair.second == BASE or pair.first.arm == pair.second.arm for pair in pairs)
    alone = [f"placebo-a.seed{max(seeds['placebo-a'])}"] if len(seeds.get("placebo-a", ())) % 2 else []
    assert set(controls) - set(names) == set(alone)


def test_ten_seeds_make_five_pairs_and_a_single_null_arm_is_compared_with_base() -> None:
    controls = {of_seed(arm, seed): (arm, seed) for arm in ("null-a", "placebo-a") for seed in range(1, 11)}
    pairs = disjoint_pairs("m", controls)
    assert len(pairs) == 10
    assert (pairs[0].first.seed, pairs[0].second.seed) == (1, 2)
    assert (pairs[-1].first.seed, pairs[-1].second.seed) == (9, 10)
    assert disjoint_pairs("m", {"null-a.seed1": ("null-a", 1)}) == [
        Pair("m", Reader("null-a.seed1", "null-a", 1), BASE)
    ]


def test_a_pair_that_differs_is_called_changed() -> None:
    """By C3, whose measure was moved, and by no other claim."""
    found = judged(Pair("m", reader(1), reader(2)), means({1: 0.3, 2: 0.0})).set_index(["dataset", "claim"])
    assert set(found.index.get_level_values("dataset")) == set(DATASETS)
    assert found.loc[("d", "C3"), "verdict"] == "supported"
    assert found.loc[("d", "C3"), "estimate"] == pytest.approx(0.3, abs=0.1)
    assert set(found.drop(index="C3", level="claim")["verdict"]) <= {"inconclusive", "equivalent"}  # others: chance
    other = judged(Pair("m", reader(2), reader(1)), means({1: 0.3, 2: 0.0})).set_index(["dataset", "claim"])
    assert other.loc[("d", "C3"), "verdict"] == "contradicted"
    assert other.loc[("d", "C3"), "estimate"] == pytest.approx(-found.loc[("d", "C3"), "estimate"])


def test_a_pair_with_base() -> None:
    found = judged(Pair("m", reader(1), BASE), means({1: 0.3})).set_index(["dataset", "claim"])
    assert found.loc[("d", "C3"), "verdict"] == "supported"
    assert set(found["second"]) == {"base"}


def test_a_pair_is_a_family_of_its_own() -> None:
    """Beside other pairs its adjusted p stays as it is, and there is one for each primary claim and dataset."""
    table, pair = means({1: 0.1, 2: 0.0, 3: 0.0}), Pair("m", reader(1), reader(2))
    alone = judged(pair, table)
    beside = judge_pairs(
        [pair, Pair("m", reader(3), BASE)], table, gates(), answers(), claims=DECLARED, statistics=QUICK
    )
    pd.testing.assert_frame_equal(alone, beside[beside["second"] == alone["second"].iloc[0]].reset_index(drop=True))
    tests = alone.groupby(["dataset", "claim"])["p_holm"].first()
    assert len(tests) == len(DATASETS) * len(DECLARED.primary)
    by_claim = alone.groupby(["dataset", "claim"])["p_value"].max()
    assert tests.min() == pytest.approx(min(1, by_claim.min() * len(tests)))


def test_all_trainings_of_an_arm_are_crossed() -> None:
    table = means({1: 0.3, 2: 0.1, 3: 0.2})
    found = judged(Pair("m", Reader(ARM, ARM), BASE), table).set_index(["dataset", "claim"])
    assert found.loc[("d", "C3"), "estimate"] == pytest.approx(0.2, abs=0.06)
    single = judged(Pair("m", reader(1), BASE), table).set_index(["dataset", "claim"])
    widths = [(row["ci_high"] - row["ci_low"]) for row in (found.loc[("d", "C3")], single.loc[("d", "C3")])]
    assert widths[0] > 2 * widths[1]


@pytest.mark.parametrize(("failed", "closed"), [("base", True), (of_seed(ARM, 2), True), (of_seed(ARM, 3), False)])
def test_the_gates_of_its_own_readers_close_a_pair(failed: str, closed: bool) -> None:
    found = judged(Pair("m", reader(1), reader(2)), means({1: 0.3, 2: 0.0, 3: 0.0}), gates(failed))
    verdicts: Any = found.set_index(["dataset", "claim"])["verdict"]
    assert (verdicts["d", "C3"] == "not interpretable") == closed
    assert verdicts["e", "C3"] == "supported"


def test_alternatives_of_claims_that_are_not_primary_are_left_out() -> None:
    without = DECLARED.model_copy(update={"primary": ["C1", "C2", "C8"]})
    table = means({1: 0.0, 2: 0.0})
    fillers = table[table["alternative"] == "invalid_as_same"].assign(alternative="filler_words")
    both = pd.concat([table, fillers], ignore_index=True)
    found = judge_pairs([Pair("m", reader(1), reader(2))], both, gates(), answers(), claims=without, statistics=QUICK)
    assert set(found["claim"]) == {"C1", "C2", "C8"}


def test_a_verdict_that_depends_on_unreadable_answers_is_open() -> None:
    table = means({1: 0.3, 2: 0.0})
    moved = (table["alternative"] == "invalid_as_changed") & (table["reader"] == "tuned") & (table["seed"] == 1)
    table.loc[moved, "filler_tolerance"] -= 0.3
    found = judged(Pair("m", reader(1), reader(2)), table).set_index(["dataset", "claim"])
    assert found.loc[("d", "C3"), "verdict"] == "inconclusive"


@pytest.mark.parametrize("constant", [1, 2])
def test_a_pair_in_which_a_reader_answers_a_constant_is_judged_by_kappa(constant: int) -> None:
    """One agrees with the chain more often than chance gives, the constant does not; plain means do not differ."""
    seen = gates()
    subject = f"{of_seed(ARM, constant)} / filler"
    noted = {"gate": "constant", "subject": subject, "passed": False, "closes": "", "reason": "all are `no`"}
    seen = pd.concat([seen, seen[seen["subject"] == "base"].assign(**noted)], ignore_index=True)
    pair, table = Pair("m", reader(1), reader(2)), means({1: 0.0, 2: 0.0})
    found = judge_pairs([pair], table, seen, answers(constant), claims=DECLARED, statistics=QUICK)
    verdicts = found.set_index(["dataset", "claim"])["verdict"]
    assert verdicts["d", "C3"] == ("contradicted" if constant == 1 else "supported")
    both = judge_pairs([pair], means({1: 0.3, 2: 0.0}), seen, answers(1, 2), claims=DECLARED, statistics=QUICK)
    by_claim = both.set_index(["dataset", "claim"])
    assert by_claim.loc[("d", "C3"), "verdict"] == "inconclusive"  # one constant or another is no change


@pytest.mark.parametrize(
    ("others", "changed"), [((0.28, 0.1, 0.0, -0.1, -0.27), False), ((0.0, 0.0, 0.0, 0.0, 0.0), True)]
)
def test_a_single_training_is_as_sure_as_others_of_its_recipe_agree(others: tuple[float, ...], changed: bool) -> None:
    table = means({1: 0.3} | dict(enumerate(others, 2)))
    alone = judged(Pair("m", reader(1), BASE), table).set_index(["dataset", "claim"])
    assert alone.loc[("d", "C3"), "verdict"] == "supported"
    pair = Pair("m", reader(1), BASE, tuple(reader(seed) for seed in range(2, 7)))
    found = judged(pair, table).set_index(["dataset", "claim"])
    assert found.loc[("d", "C3"), "verdict"] == ("supported" if changed else "inconclusive")
    assert found.loc[("d", "C3"), "estimate"] == alone.loc[("d", "C3"), "estimate"]
    widths = [row["ci_high"] - row["ci_low"] for row in (found.loc[("d", "C3")], alone.loc[("d", "C3")])]
    assert widths[0] > widths[1]


def test_a_single_training_that_answers_a_constant_has_the_spread_of_others_too() -> None:
    """In its kappa, which judges it then: three others give two degrees of freedom, and p is no longer small."""
    seen, subject = gates(), f"{of_seed(ARM, 1)} / filler"
    noted = {"gate": "constant", "subject": subject, "passed": False, "closes": "", "reason": "all are `no`"}
    seen = pd.concat([seen, seen[seen["subject"] == "base"].assign(**noted)], ignore_index=True)
    table, pair = means(dict.fromkeys((1, 2, 3, 4), 0.0)), Pair("m", reader(1), BASE)
    for others, verdict in (((), "contradicted"), ((2, 3, 4), "inconclusive")):
        wider = replace(pair, placebo=tuple(reader(seed) for seed in others))
        found = judge_pairs([wider], table, seen, answers(1), claims=DECLARED, statistics=QUICK)
        assert found.set_index(["dataset", "claim"]).loc[("d", "C3"), "verdict"] == verdict


def test_against_a_placebo_of_one_training_its_luck_counts_too() -> None:
    """With a spread s of three trainings, it is that of s (1/3 + 1) against the placebo, and of s / 3 against base."""
    placebo = Reader("placebo-x", "placebo-x")
    table = pd.concat([means({1: 0.3, 2: 0.1, 3: 0.2}), means({1: 0.0}).assign(arm=placebo.arm)], ignore_index=True)
    widths = []
    for second, trainings in ((BASE, ()), (placebo, (replace(placebo, seed=1),))):
        found = judged(Pair("m", Reader(ARM, ARM), second, trainings), table).set_index(["dataset", "claim"])
        row = found.loc[("d", "C3")]
        widths.append(row["ci_high"] - row["ci_low"])
    assert 1.5 < widths[1] / widths[0] < 2.1


def test_pairs_of_which_nothing_can_be_said_are_no_quiet_ones() -> None:
    rows = pd.DataFrame(
        [
            {"model": "m", "first": f"t{pair}", "second": "base", "dataset": "d", "claim": claim, "verdict": verdict}
            for pair in range(10)
            for claim, verdict in (
                ("C1", "not interpretable"),
                ("C3", "not interpretable" if pair else "inconclusive"),
            )
        ]
    )
    found = alarms(rows)
    assert found
    assert (found.pairs, found.changed, found.closed) == (1, 0, 9)
    assert "Of 9 more nothing can be said" in str(found)
    assert null_pairs.lines(rows)[:2] == [
        "m: t0 against base: not called changed", "m: t1 against base: nothing can be said"
    ]  # fmt: skip
    none = alarms(rows[rows["first"] != "t0"])
    assert none
    assert (none.pairs, none.low, none.high) == (0, 0, 1)


def test_alarms_are_counted_by_pair_with_an_exact_interval() -> None:
    rows = pd.DataFrame(
        [
            {"model": "m", "first": f"t{pair}", "second": "base", "verdict": verdict}
            for pair in range(10)
            for verdict in ("inconclusive", *(("supported", "contradicted") if pair == 3 else ("equivalent",)))
        ]
    )
    found = alarms(rows)
    assert found
    assert (found.pairs, found.changed) == (10, 1)
    assert (found.low, found.high) == pytest.approx((0.0025, 0.4450), abs=1e-4)  # 1 of 10, by tables
    assert str(found).startswith("Of 10 null comparisons, 1 would have been called changed (95% interval")
    assert alarms(rows.iloc[:0]) is None


def test_without_pairs_the_table_is_empty() -> None:
    found = judge_pairs([], means({1: 0.0}), gates(), answers(), claims=DECLARED, statistics=QUICK)
    assert list(found.columns) == list(null_pairs.NullPairs.names)
    assert found.empty


def test_a_pair_needs_no_placebo_that_can_be_judged() -> None:
    pair, table = Pair("m", reader(1), reader(2)), means({1: 0.3, 2: 0.0})
    unfit = gates()[:1].assign(gate="placebo", subject=of_seed(ARM, 1), passed=False, closes="", reason="unread")
    looked_at = frame(pd.concat([gates(), unfit.assign(dataset="d")]), Gates)
    pd.testing.assert_frame_equal(judged(pair, table, looked_at), judged(pair, table))
    found = judged(pair, table, looked_at).set_index(["dataset", "claim"])
    assert found.loc[("d", "C3"), "verdict"] == "supported"


@pytest.mark.parametrize("seeds", [[1], [1, 2, 3]])
def test_the_check_compares_tuned_with_all_trainings_of_its_placebo(config: dict[str, Any], seeds: list[int]) -> None:
    """Also where there is one: its luck counts. One that was trained once is no single one beside itself."""
    config["arms"] = [config["arms"][0], {"name": "placebo-x", "placebo": {"of": "tuned-symbolic", "target": "random"}}]
    config["arms"][1]["seeds"] = seeds
    found = [pair for pair in check_placebo.pairs(load(config)) if pair.model == "smollm2-135m"]
    (tuned,) = [pair for pair in found if pair.first.arm == "tuned-symbolic"]
    assert [reader.seed for reader in tuned.placebo] == seeds
    assert len(found) == 2 + (len(seeds) if len(seeds) > 1 else 0)
