"""Need and use: the four kinds of items, their shares, and how tuning moves items between them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faithfulness.compare import chain_values, kinds
from faithfulness.compare.chain_values import Reading
from faithfulness.tables.io import frame
from faithfulness.tables.measures import KINDS, Kinds
from faithfulness.tables.statistics import KindShares, Transitions
from tests.frames import scored
from tests.readings import conflict, probes

NAMES = tuple(KINDS.values())


def reader_of(direct, without, followed, *, item="i", writer="base", reader="base", **keys):
    """A chain with a_n 'a': the direct answer, the one at k = 0, and those to conflict chains that lead to 'c'."""
    keys |= {"writer": writer, "reader": reader, "item_id": item}
    rows = probes("early_termination", "keep_k", [None if without is None else int(without == "a"), 1], 1, **keys)
    rows += conflict(followed, **keys)
    if writer == reader:
        rows += [row | {"answer": direct} for row in probes("direct", "direct", [None], 1, **keys)]
    return rows


def use_of(rows, **options):
    return {
        pair: part.use for pair, part in chain_values.of_pairs(scored(rows), Reading(lambda _: [], **options)).items()
    }


def four(direct, without, followed, **keys):
    return [
        row
        for writer in ("base", "t")
        for reader in ("base", "t")
        for row in reader_of(direct, without, followed, writer=writer, reader=reader, **keys)
    ]


@pytest.mark.parametrize(
    ("direct", "without", "followed", "kind"),
    [
        ("b", "b", ["c", "c", "a"], "load-bearing"),
        ("a", "b", ["c", "c", "a"], "redundant"),  # the direct answer is a_n
        ("b", "a", ["c", "c", "a"], "redundant"),  # so is that at k = 0
        ("a", "a", ["c", "a"], "decorative"),  # half is not more than half
        ("b", "b", ["c", "a", "b"], "unstable"),
        ("b", None, ["c"], None),
        ("a", None, ["c"], None),  # nor where the other answer is a_n: what is left must not be what is not needed
        (None, "b", ["c"], None),
        ("b", "b", [None], None),  # no conflict answer could be read
        ("b", "b", [], None),
    ],
)
def test_kinds_by_hand(direct, without, followed, kind):
    found = kinds.table(use_of(four(direct, without, followed)), {"t": "t"})
    assert set(found["kind"]) == ({kind} if kind else set())
    assert len(found) == 4 * (kind is not None)
    if kind:
        assert (found["needed"].iloc[0], found["followed"].iloc[0]) == next(k for k, v in KINDS.items() if v == kind)


def test_the_direct_answer_is_that_of_the_reader_whoever_wrote_the_chain():
    rows = [
        row
        for writer in ("base", "t")
        for reader, direct in (("base", "b"), ("t", "a"))
        for row in reader_of(direct, "b", ["c"], writer=writer, reader=reader)
    ]
    found = kinds.table(use_of(rows), {"t": "t"}).set_index(["writer", "reader"])["kind"]
    assert found.to_dict() == {
        ("base", "base"): "load-bearing", ("t", "base"): "load-bearing",
        ("base", "t"): "redundant", ("t", "t"): "redundant",
    }  # fmt: skip


def test_a_target_that_is_the_original_answer_and_a_chain_that_was_cut_off_have_no_kind():
    rows = four("b", "b", ["c"], item="i") + four("b", "b", ["c"], item="met") + four("b", "b", ["c"], item="cut")
    for row in rows:
        if row["item_id"] == "met" and row["perturbation"] == "conflict":
            row["target"] = "a"
    cut = pd.MultiIndex.from_tuples([("base", "cut", 0, 0), ("t", "cut", 0, 0)])
    assert set(kinds.table(use_of(rows, truncated=cut), {"t": "t"})["item_id"]) == {"i"}


def test_the_majority_of_an_arms_trainings_counts():
    arms, answers = {f"t.seed{n}": "t" for n in (1, 2, 3)}, {"t.seed1": "a", "t.seed2": "b", "t.seed3": "b"}
    pairs = {(w, r) for name in arms for w in ("base", name) for r in ("base", name)}
    rows = [
        row
        for w, r in sorted(pairs)
        for row in reader_of(answers.get(r, "b"), "b", ["c"], writer=w, reader=r, seed=int(w[-1]) if w in arms else 0)
    ]
    found = kinds.table(use_of(rows), arms)
    assert set(found["reader"]) == set(found["writer"]) == {"base", "t"}
    assert set(found["kind"]) == {"load-bearing"}  # of three trainings one has learned the answer
    assert len(found) == 4


def test_items_without_a_kind_with_one_reader_are_missing_with_both():
    """A target that is the original answer of tuned alone: base's shares would else be of other items."""
    rows = [*four("b", "b", ["c"], item="i"), *four("b", "b", ["c"], item="met")]
    for row in rows:
        if (row["item_id"], row["reader"], row["perturbation"]) == ("met", "t", "conflict"):
            row["target"] = "a"
    found = kinds.table(use_of(rows), {"t": "t"})
    assert set(found["item_id"]) == {"i"}
    assert len(found) == 4


def test_chance_of_a_majority():
    """Three guessers of four options need their chains in .75 of the items each, two of them or more in .84."""
    assert kinds._majority(pd.Series([0.75])) == 0.75
    assert kinds._majority(pd.Series([0.75] * 3)) == pytest.approx(0.75**3 + 3 * 0.75**2 * 0.25)
    assert kinds._majority(pd.Series([0.5, 0.5])) == pytest.approx(0.25)  # of two, both
    assert np.isnan(kinds._majority(pd.Series([0.5, np.nan, 0.5])))


def kind_table(base, tuned):
    key = {kind: place for place, kind in KINDS.items()}
    rows = [
        {"arm": "t", "writer": writer, "reader": reader, "item_id": f"i{item:02}", "kind": kind}
        | dict(zip(("needed", "followed"), key[kind], strict=True))
        | {"needed_by_chance": 0.25}
        for writer in ("base", "t")
        for reader, kinds_of in (("base", base), ("t", tuned))
        for item, kind in enumerate(kinds_of)
    ]
    return frame(rows, Kinds)


@settings(max_examples=15)
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), min_size=1, max_size=20))
def test_shares_and_transitions_count_every_item_once(pairs):
    base, tuned = zip(*pairs, strict=True)
    table = kind_table(base, tuned)
    moved = kinds.transitions(table)
    of_base = moved[moved["writer"] == "base"]
    assert len(of_base) == 16
    assert of_base["items"].sum() == len(pairs)
    assert frame(moved.assign(model="m", dataset="d"), Transitions)["items"].notna().all()
    shares = kinds.shares(table, 0.95)
    assert frame(shares.assign(model="m", dataset="d"), KindShares)["share"].notna().all()
    for (reader, kinds_of), column in zip((("base", base), ("t", tuned)), ("base_kind", "tuned_kind"), strict=True):
        part = shares[(shares["writer"] == "base") & (shares["reader"] == reader)].set_index("kind")
        assert part["share"].sum() == pytest.approx(1)
        for kind in NAMES:
            assert part.loc[kind, "share"] == pytest.approx(kinds_of.count(kind) / len(pairs))
            needed, followed = next(place for place, name in KINDS.items() if name == kind)
            as_followed = sum(name in (KINDS[True, followed], KINDS[False, followed]) for name in kinds_of)
            by_chance = (0.25 if needed else 0.75) * as_followed / len(pairs)
            assert part.loc[kind, "by_chance"] == pytest.approx(by_chance)
            assert part.loc[kind, "ci_low"] <= part.loc[kind, "share"] <= part.loc[kind, "ci_high"]
            assert of_base.loc[of_base[column] == kind, "items"].sum() == kinds_of.count(kind)


def test_an_item_without_a_kind_with_one_reader_is_in_no_transition():
    table = kind_table(["redundant", "decorative"], ["redundant", "decorative"])
    table = table[~((table["item_id"] == "i01") & (table["reader"] == "t"))]
    moved = kinds.transitions(table)
    assert moved.groupby("writer")["items"].sum().to_dict() == {"base": 1, "t": 1}


def test_no_conflict_chain_no_kind():
    empty = kinds.table(use_of(four("b", "b", [])), {"t": "t"})
    assert empty.empty
    assert kinds.shares(empty, 0.95).empty
    assert kinds.transitions(empty).empty


@pytest.mark.parametrize("options", [2, 4])
@pytest.mark.parametrize("constant", [False, True])
def test_a_reader_that_guesses_without_a_chain_is_at_the_chance_level(options, constant):
    """Independent guesses: (1 - 1/m)^2 of the chains are needed; the same one always: 1 - 1/m. The mark says so."""
    rng = np.random.default_rng(0)
    n = 400
    names = list("abcd"[:options])
    answer = np.repeat(names, n // options)
    direct, without = (np.full(n, "b") if constant else rng.choice(names, n) for _ in range(2))
    chains = pd.DataFrame({"answer": answer, "direct": direct, "without": without, "followed": 1.0})
    chains.index = pd.MultiIndex.from_tuples([(f"i{i:03}", 0, 0) for i in range(n)], names=kinds.CHAIN)
    use = {(writer, reader): chains for writer in ("base", "t") for reader in ("base", "t")}
    shares = kinds.shares(kinds.table(use, {"t": "t"}), 0.95).set_index(["writer", "reader", "kind"])
    expected = (1 - 1 / options) ** (1 if constant else 2)
    bearing = shares.loc["base", "t", "load-bearing"]
    assert bearing["by_chance"] == pytest.approx(expected, abs=0.02)
    assert bearing["share"] == pytest.approx(expected, abs=0.06)
    assert shares.loc[("base", "t", "redundant"), "by_chance"] == pytest.approx(1 - bearing["by_chance"])


def test_a_reader_that_knows_the_answers_is_below_the_chance_level_and_one_alone_has_none():
    rows = [row for item in range(6) for row in four("ab"[item % 2], "ab"[item % 2], ["c"], item=f"i{item}")]
    shares = kinds.shares(kinds.table(use_of(rows), {"t": "t"}), 0.95).set_index("kind")
    # a_n is 'a' in all items, and three readers of six answer it: by chance 2 of 5 others do where it does, else 3.
    assert set(shares.loc["load-bearing", "by_chance"]) == {(3 * (1 - 2 / 5) + 3 * (1 - 3 / 5)) / 6}
    alone = kinds.shares(kinds.table(use_of(four("b", "b", ["c"])), {"t": "t"}), 0.95)
    assert alone["by_chance"].isna().all()


def test_answers_compare_by_place_where_options_vary():
    rows = []
    for item, (text, other) in enumerate([("a", "b"), ("x", "y"), ("p", "q")]):
        for row in four("b", "b", ["c"], item=f"i{item}"):
            place = {"a": 0, "b": 1, "c": 2, None: None}[row["answer"]]
            rows.append(row | {"position": place, "answer": {"a": text, "b": other}.get(row["answer"], row["answer"])})
    found = kinds.table(use_of(rows, by_place=True), {"t": "t"})
    assert set(found["needed_by_chance"]) == {1.0}  # the second option everywhere, where a_n is the first
    assert set(found["kind"]) == {"load-bearing"}
