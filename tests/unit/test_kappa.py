"""The correction for chance: Cohen's kappa by cut, of the original and the perturbed answers."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats

from faithfulness.compare import chain_values, confounds, cut_answers, effects, inference, item_means, kappa
from faithfulness.compare.cut_answers import CellAnswers
from faithfulness.compare.effects import Comparison
from faithfulness.compare.item_means import ROLES
from faithfulness.compare.measures import MEASURES
from faithfulness.compare.readings import CHANCE
from faithfulness.compare.trainings import Trainings
from faithfulness.config.statistics import Statistics
from faithfulness.tables import io
from faithfulness.tables.measures import CutAnswers
from tests.frames import scored

QUICK = Statistics(resamples=499)
READING = chain_values.Reading(lambda _: [])
CELL = ("m", "t", "d")
KINDS = (
    *(
        ("early_termination", "keep_k", 0, 1),
        ("filler", "text", 0, 0),
        ("filler", "words", 0, 0),
        ("paraphrase", "rest", 0, 0),
    ),
    *(("paraphrase", "single", 1, 1), ("mistake", "keep", 1, 1), ("mistake", "resample", 1, 1)),
)


def chain_scores(draw, n_steps, *, original, options="abc", **keys):
    """The scores of one chain with one reader; `draw` gives the answer to each probe but the whole chain."""
    rows = []
    for perturbation, variant, first, extra in KINDS:
        for cut in range(first, n_steps + extra):
            whole = (perturbation, cut) == ("early_termination", n_steps)
            answer = original if whole else draw(perturbation, variant, cut)
            rows.append(
                {"writer": "base", "reader": "base", "item_id": "i0", "sample": 0, "seed": 0, "p_original": 0.5}
                | {"perturbation": perturbation, "variant": variant, "cut": cut, "n_steps": n_steps, "answer": answer}
                | {"valid": answer is not None, "correct": False, "retokenised": False, "p_gold": 0.5}
                | {"same": None if answer is None or original is None else answer == original}
                | {"position": None if answer is None else options.index(answer)}
                | keys
            )
    return rows


def scores(rows):
    """Scores of both cues: what is read with the second one is other than with the first, and must not count."""
    first = [{"cue": "first"} | row for row in rows]
    second = [row | {"cue": "second", "answer": "c", "position": 2, "same": False} for row in first]
    return scored([*first, *(row for row in second if row["perturbation"] == "early_termination")])


def by_cut(rows, *, by_place=False):
    """tables.CutAnswers, as they are read from a file."""
    return io.to_pandas(io._conform(cut_answers.of_scores(scores(rows), by_place=by_place), CutAnswers))


def pairs(trainings):
    """Writers and readers."""
    return [("base", "base"), *((w, r) for t in trainings for w, r in (("base", t), (t, "base"), (t, t)))]


def random_rows(rng, *, items=14, samples=1, trainings=("t",), invalid=0.1, most_steps=7):
    """Scores of all writers and readers, with answers, lengths and invalid readouts at random."""
    rows, answers = [], [*"abc", None]
    p = np.array([0.5, 0.3, 0.2 - invalid, invalid])
    lengths = rng.integers(0, most_steps + 1, (items, samples, 1 + len(trainings)))
    for (item, sample), (writer, reader) in itertools.product(
        itertools.product(range(items), range(samples)), pairs(trainings)
    ):
        place = ["base", *trainings].index(writer)
        rows += chain_scores(
            lambda *_: answers[rng.choice(4, p=p)],
            int(lengths[item, sample, place]),
            original=answers[rng.choice(4, p=p)],
            writer=writer, reader=reader, item_id=f"i{item:02}", sample=sample, seed=place,
        )  # fmt: skip
    return rows


def frames(rows, trainings=("t",)):
    """The frames of means of one cell: over all trainings, and of each of them."""
    values = chain_values.of_pairs(scores(rows), READING)
    means = item_means.of_trainings([chain_values.pair_values(values, name) for name in trainings])
    means = means.assign(model="m", arm="t", dataset="d")
    return item_means.frames(means)[CELL], item_means.frames_by_seed(means)[CELL]


def known(frame, name):
    return frame.index[frame[[(name, *roles) for roles in ROLES]].notna().all(axis=1)]


# --- the table


def test_answers_are_kept_by_chain_and_perturbation():
    answer = {("filler", 0): "b", ("filler", 1): None}
    rows = chain_scores(lambda kind, _, cut: answer.get((kind, cut), "a"), 2, original="a")
    rows += chain_scores(lambda *_: "b", 1, original=None, item_id="i1")
    table = by_cut(rows[::-1]).set_index(["item_id", "perturbation", "variant"])
    early, filler = table.loc[("i0", "early_termination", "keep_k")], table.loc[("i0", "filler", "text")]
    assert early["cuts"].tolist() == [0, 1, 2]
    assert filler["cuts"].tolist() == [0, 1]
    assert set(early["answers"]) == {early["original"]}
    assert filler["answers"][0] not in (early["original"], -1)
    assert filler["answers"][1] == -1
    assert table.loc["i1"]["original"].eq(-1).all()


def test_an_answer_has_the_same_number_with_all_readers_and_in_all_files():
    one = by_cut(chain_scores(lambda *_: "b", 1, original="a"))
    other = by_cut(chain_scores(lambda *_: "a", 1, original="c", reader="t"))
    assert one["original"].iloc[0] == other["answers"].iloc[0][0]


def test_answers_are_told_apart_by_place_where_options_vary():
    rows = chain_scores(lambda *_: "x", 1, original="y", options=["x", "y"])
    rows += chain_scores(lambda *_: "u", 1, original="v", options=["u", "v"], item_id="i1")
    assert set(by_cut(rows, by_place=True)["original"]) == {1}
    assert by_cut(rows)["original"].nunique() == 2


def test_chains_count_where_all_their_readers_gave_an_answer_to_the_whole_chain():
    rows = [
        row
        for item, (writer, reader) in itertools.product(("i0", "i1"), pairs(["t"]))
        for row in chain_scores(
            lambda *_: "a", 2, original=None if (item, writer, reader) == ("i1", "base", "t") else "b",
            item_id=item, writer=writer, reader=reader,
        )
    ]  # fmt: skip
    chains = cut_answers.arrange(by_cut(rows))
    lost = (chains.item_ids == "i1") & (chains.roles < 2)  # base wrote it, whoever read it
    assert (chains.usable == ~lost).all()


def direct_scores(answers, trainings):
    """Scores of whole chains by all readers, and of what each arm answers to each item without one."""
    return [
        row | direct
        for (item, of_arms), (writer, reader) in itertools.product(answers.items(), pairs(trainings))
        for row in chain_scores(
            lambda *_: of_arms[reader], 0, original="a",  # noqa: B023  drawn at once
            item_id=item, writer=writer, reader=reader, seed=["base", *trainings].index(writer),
        )[:1]
        for direct in [
            {},
            *([{"perturbation": "direct", "variant": "direct", "answer": of_arms[reader]}] if writer == reader else []),
        ]
    ]  # fmt: skip


def test_items_whose_direct_answer_did_not_change_are_those_with_one_answer_whether_it_is_right_or_wrong():
    answers = {
        "i0": {"base": "a", "t": "a", "u": "a"},
        "i1": {"base": "a", "t": "b", "u": "a"},  # one training changed it
        "i2": {"base": None, "t": "b", "u": "b"},
        "i3": {"base": "b", "t": "b", "u": "b"},
        "i4": {"base": "b", "t": "c", "u": "c"},  # wrong before and after, and not the same
    }
    table = by_cut(direct_scores(answers, ("t", "u")))
    assert cut_answers.same_direct_answer(cut_answers.arrange(table)).tolist() == ["i0", "i3"]
    asked_of_nobody = cut_answers.arrange(table[table["perturbation"] != "direct"])
    assert cut_answers.same_direct_answer(asked_of_nobody).empty


def test_the_direct_answers_of_an_arm_that_writes_nothing_stand_beside_its_readings_of_base():
    rows = direct_scores({"i0": {"base": "a", "placebo-x": "b"}}, ("placebo-x",))
    rows = [row for row in rows if row["writer"] == "base" or row["perturbation"] == "direct"]
    rows = [row | {"seed": 0} for row in rows]
    table = by_cut(rows)
    direct = table[table["perturbation"] == "direct"]
    assert set(table["writer"]) == {"base"}
    assert set(direct["reader"]) == {"base", "placebo-x"}
    assert (direct["original"] != -1).all()


@pytest.mark.parametrize(("samples", "trainings"), [(1, ("t",)), (3, ("t",)), (2, ("t", "u", "v"))])
def test_uncorrected_means_are_those_of_the_measures(samples, trainings):
    """The weights of probes here are those of the formulas in `measures`, and the chains that count the same."""
    rows = random_rows(np.random.default_rng(3), items=10, samples=samples, trainings=trainings)
    together, of_seeds = frames(rows, trainings)
    table = by_cut(rows)
    for frame, chains in [
        (together, cut_answers.arrange(table)),
        *((of_seeds[seed], chains) for seed, chains in cut_answers.by_seed(table).items()),
    ]:
        for name, (role, roles) in itertools.product(kappa.correctable(), enumerate(ROLES)):
            items = known(frame, name)
            assert len(items) >= 2, name
            probed = kappa.probes(chains, name, role, items)
            assert probed.by_item() == pytest.approx(frame.loc[items, (name, *roles)].to_numpy()), (name, roles)


def test_all_measures_that_can_be_corrected_have_weights():
    assert kappa.correctable() == [name for name, measure in MEASURES.items() if measure.chance]


# --- kappa


def test_corrected_forms_by_hand():
    # Cohen 1960: 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no. p = .7, c = .5 * .6 + .5 * .4 = .5, kappa = .4.
    assert kappa.correct_for_chance(np.array(0.7), np.array(0.5), agreement=True) == pytest.approx(0.4)
    assert kappa.correct_for_chance(np.array(0.3), np.array(0.5), agreement=False) == pytest.approx(0.6)
    assert np.isnan(kappa.correct_for_chance(np.array(0.95), np.array(0.91), agreement=True))


def test_places_are_no_step_and_quarters_of_the_chain():
    assert kappa.place_in_chain(np.arange(9.0), np.full(9, 8.0)).tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert kappa.place_in_chain(np.array([1.0, 4, 2]), np.array([3.0, 4, 2])).tolist() == [2, 4, 4]
    for n in range(1, 6):  # each cut of a short chain, the whole one apart, has a place of its own
        assert len(set(kappa.place_in_chain(np.arange(float(n)), np.full(n, float(n))).tolist())) == n


def contrast(answered, originals, steps=4, name="filler_tolerance", roles=ROLES):
    """A measure of one reader: what it answers to probes by item and cut, and to the whole chains."""
    rows = [
        row
        for item, original in enumerate(originals)
        for writer, reader in roles
        for row in chain_scores(
            lambda kind, variant, cut, item=item, reader=reader: answered(reader, item, cut),
            steps, original=original, writer=writer, reader=reader, item_id=f"i{item:03}",
        )
    ]  # fmt: skip
    chains = cut_answers.arrange(by_cut(rows))
    items = pd.Index(sorted({row["item_id"] for row in rows}))
    return [
        float(kappa.probes(chains, name, place, items).corrected(np.ones(len(items)))) for place in range(len(ROLES))
    ]


def test_kappa_of_a_two_by_two_table():
    table = [("a", "a")] * 20 + [("a", "b")] * 5 + [("b", "a")] * 10 + [("b", "b")] * 15
    for name, expected in (("filler_tolerance", 0.4), ("no_cot_same", 0.4), ("paraphrase_sensitivity", 0.6)):
        found = contrast(lambda reader, item, cut: table[item][1], [a for a, _ in table], name=name)
        assert found == pytest.approx([expected] * 4)


@pytest.mark.parametrize("share", [0.5, 0.65, 0.85])
def test_a_constant_answer_has_exactly_what_chance_gives(share):
    originals = ["b" if item < 40 * share else "a" for item in range(40)]
    for constant in "ab":
        for name, chance in (("filler_tolerance", 0), ("no_cot_same", 0), ("aoc", 1), ("mistake_sensitivity", 1)):
            found = contrast(lambda *_, constant=constant: constant, originals, name=name)
            assert found == pytest.approx([chance] * 4, abs=1e-12)


def test_a_constant_answer_was_an_artefact_of_the_former_correction():
    """Gold 26 no and 14 yes, and "no" to every probe: (.65 - .54) / (1 - .54) with the originals' marginals alone."""
    originals = ["b"] * 26 + ["a"] * 14
    before = sum(n * (n - 1) for n in (26, 14)) / (40 * 39)
    assert (0.65 - before) / (1 - before) > 0.2
    # Base answers by half, half; tuned the constant: the effect is chance's, -.0 where it was +.43.
    found = contrast(lambda reader, item, cut: "ab"[item % 2] if reader == "base" else "b", originals)
    assert found[1] == found[3] == pytest.approx(0, abs=1e-12)
    assert found[0] == pytest.approx(found[2])


def test_another_constant_under_filler_is_no_change():
    originals = ["b"] * 26 + ["a"] * 14
    found = contrast(lambda reader, item, cut: "a" if reader == "base" else "b", originals)
    assert found == pytest.approx([0] * 4, abs=1e-12)


def test_perfect_agreement_is_one_whatever_the_marginals():
    originals = ["b"] * 26 + ["a"] * 14
    for name, expected in (("filler_tolerance", 1), ("aoc", 0), ("meaning_sensitivity", 0)):
        assert contrast(lambda r, item, cut: originals[item], originals, name=name) == pytest.approx([expected] * 4)


def test_nothing_is_left_above_a_chance_of_nine_tenths():
    originals = ["b"] * 39 + ["a"]
    assert np.isnan(contrast(lambda *_: "b", originals)).all()
    # Half of the probes answer something else: c is below .9 again.
    assert np.isfinite(contrast(lambda reader, item, cut: "ab"[item % 2], originals)).all()


def test_a_place_that_few_chains_reach_does_not_decide():
    """One chain of two steps among forty of one: chance at its second place is 1, and counts as one probe does."""
    originals = ["b", "a"] * 20
    rows = [
        row
        for item, (writer, reader) in itertools.product(range(40), pairs(["t"]))
        for row in chain_scores(
            lambda kind, variant, cut, item=item: "ab"[item // 2 % 2], 1 + (item == 0), original=originals[item],
            writer=writer, reader=reader, item_id=f"i{item:02}",
        )
    ]  # fmt: skip
    items = pd.Index(sorted({row["item_id"] for row in rows}))
    probed = kappa.probes(cut_answers.arrange(by_cut(rows)), "filler_tolerance", 0, items)
    assert float(probed.corrected(np.ones(40))) == pytest.approx(0, abs=0.02)


def reference(chains, name, role, items):
    """The corrected mean by plain loops over probes, as the formula in `kappa` says."""
    sums: dict[tuple, list] = {}
    agreement = MEASURES[name].chance == "agreement"
    for number, average in enumerate(kappa.AVERAGES[name]):
        weights = average.weights(chains)
        for item in items:
            own = [
                i
                for i in range(len(chains.item_ids))
                if chains.item_ids[i] == item and chains.roles[i] == role and chains.usable[i]
                and np.isfinite(weights[i]).all()
            ]  # fmt: skip
            for i in own:
                for j, weight in enumerate(weights[i]):
                    if not weight:
                        continue
                    k, n = chains.cuts[average.kind][i, j], chains.n_steps[i]
                    quarter = 0 if k == 0 else next(q for q in (1, 2, 3, 4) if 4 * k <= q * n)
                    place = number, quarter, chains.trainings[i]
                    probe = weight / len(own), chains.original[i], chains.answers[average.kind][i, j], average.sign
                    sums.setdefault(place, []).append(probe)
    total = 0.0
    for part in range(len(kappa.AVERAGES[name])):
        of_part = [probed for (number, *_), probed in sums.items() if number == part]
        weight = sum(w for probed in of_part for w, *_ in probed)
        x = sum(w * sign * ((a == b) == agreement) for probed in of_part for w, a, b, sign in probed) / weight
        c = sum(
            sum(w for w, a, *_ in probed if a == code) * sum(w for w, _, b, _ in probed if b == code)
            / sum(w for w, *_ in probed)
            for probed in of_part
            for code in {code for _, a, b, _ in probed for code in (a, b)}
        ) / weight  # fmt: skip
        total += np.nan if c > 0.9 else weight / len(items) * (x - agreement * c) / (1 - c)
    return total


@settings(max_examples=8)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.1]),
    st.sampled_from(kappa.correctable()),
    st.sampled_from(["t", "tu"]),
)
def test_corrected_means_agree_with_plain_loops(seed, invalid, name, trainings):
    rng = np.random.default_rng(seed)
    rows = random_rows(rng, items=6, samples=2, trainings=trainings, invalid=invalid, most_steps=6)
    items = known(frames(rows, trainings)[0], name)
    chains = cut_answers.arrange(by_cut(rows))
    for role in range(4):
        probed = kappa.probes(chains, name, role, items)
        n = len(items)
        parts = [part for part in (items, *(items.delete(i) for i in range(n))) if len(part)]
        expected = [reference(chains, name, role, part) for part in parts]
        if n:
            assert float(probed.corrected(np.ones(n))) == pytest.approx(expected[0], abs=1e-9, nan_ok=True)
        if n > 1:
            assert probed.left_out() == pytest.approx(expected[1:], abs=1e-9, nan_ok=True)


def test_probes_side_by_side_have_the_same_sums():
    rows = random_rows(np.random.default_rng(5), items=12)
    chains, items = cut_answers.arrange(by_cut(rows)), known(frames(rows)[0], "meaning_sensitivity")
    parts = [kappa.probes(chains, name, 1, items) for name in ("meaning_sensitivity", "no_cot_same")]
    counts = np.random.default_rng(0).integers(1, 4, (20, len(items))).astype(float)
    sums = counts @ kappa.side_by_side(parts)
    border = parts[0].matrix.shape[1]
    assert parts[0].of_sums(sums[:, :border], counts.sum(axis=1)) == pytest.approx(parts[0].corrected(counts))
    assert parts[1].of_sums(sums[:, border:], counts.sum(axis=1)) == pytest.approx(parts[1].corrected(counts))


def test_answers_to_open_questions_are_held_thinly():
    rows = [
        row
        for item, (writer, reader) in itertools.product(range(60), pairs(["t"]))
        for row in chain_scores(
            lambda kind, variant, cut, item=item: str(item + cut), 4, original=str(item),
            options=[str(place) for place in range(99)], writer=writer, reader=reader, item_id=f"i{item:02}",
        )
    ]  # fmt: skip
    items = pd.Index(sorted({row["item_id"] for row in rows}))
    probed = kappa.probes(cut_answers.arrange(by_cut(rows)), "filler_tolerance", 0, items)
    assert sparse.issparse(kappa.side_by_side([probed]))
    # One in four probes agrees, and chance gives nearly nothing: c = sum_a p_a q_a of 60 answers, shifted by the cut.
    c = np.mean([(60 - k) / 60**2 for k in range(4)])
    assert float(probed.corrected(np.ones(60))) == pytest.approx((1 / 4 - c) / (1 - c))


# --- the contrast


def corrected(rows, names, statistics=QUICK, trainings=("t",), *, crossed=False):
    together, of_seeds = frames(rows, trainings)
    table = by_cut(rows)
    answers = CellAnswers(cut_answers.arrange(table), cut_answers.by_seed(table) if crossed else {})
    comparison = Comparison(CHANCE, {CELL: together}, names, {CELL: of_seeds})
    found = confounds.chance_corrected(comparison, {CELL: answers}, statistics)
    return found.set_index(["measure", "component"])


def test_intervals_are_those_of_scipys_bootstrap():
    rows = random_rows(np.random.default_rng(1), items=30, invalid=0)
    name, items = "filler_tolerance", known(frames(rows)[0], "filler_tolerance")
    row = corrected(rows, [name]).loc[(name, "reading")]
    probed = [kappa.probes(cut_answers.arrange(by_cut(rows)), name, role, items) for role in range(4)]

    def reading(picked):
        counts = np.bincount(picked, minlength=len(items)).astype(float)
        values = [float(part.corrected(counts)) for part in probed]
        return (values[1] - values[0] + values[3] - values[2]) / 2

    assert row["estimate"] == pytest.approx(reading(np.arange(len(items))))
    generator = np.random.default_rng([QUICK.seed, confounds.crc32(b"d")])
    expected = stats.bootstrap(
        (np.arange(len(items)),), reading, vectorized=False, n_resamples=499, method="BCa", rng=generator
    )
    ends = expected.confidence_interval
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(ends), abs=1e-9)
    assert row["p_value"] == pytest.approx(inference.bootstrap_p(expected.bootstrap_distribution))
    assert row["error"] == pytest.approx(np.std(expected.bootstrap_distribution, ddof=1))
    # What is detectable is that over the quantiles.
    assert row["detectable"] == pytest.approx(2.8016 * row["error"], rel=1e-4)


def test_every_agreement_and_change_is_corrected_in_its_components():
    names = kappa.correctable()
    found = corrected(random_rows(np.random.default_rng(2), items=40, invalid=0.02), names)
    expected = {(name, component) for name in names for component in MEASURES[name].components}
    assert set(found.index) == expected
    assert found["ci_low"].notna().all()


def test_a_pooled_effect_is_the_mean_of_datasets_with_resamples_of_their_own():
    parts = {d: random_rows(np.random.default_rng(number), items=30) for number, d in enumerate("de")}
    cells = {("m", "t", d): frames(rows)[0] for d, rows in parts.items()}
    answers = {("m", "t", d): CellAnswers(cut_answers.arrange(by_cut(rows))) for d, rows in parts.items()}
    found = confounds.chance_corrected(Comparison(CHANCE, cells, ["aoc"]), answers, QUICK)
    found = found[found["component"] == "reading"].set_index("dataset")
    assert found.loc["pooled", "estimate"] == pytest.approx(found.loc[["d", "e"], "estimate"].mean())
    assert found.loc["pooled", "n_items"] == found.loc[["d", "e"], "n_items"].sum()
    error = np.hypot(*found.loc[["d", "e"], "error"]) / 2
    assert found.loc["pooled", "error"] == pytest.approx(error, rel=0.15)
    alone = confounds.chance_corrected(Comparison(CHANCE, {CELL: cells[CELL]}, ["aoc"]), answers, QUICK)
    alone = alone[alone["component"] == "reading"].iloc[0]
    assert alone[["ci_low", "ci_high"]].tolist() == found.loc["d", ["ci_low", "ci_high"]].tolist()


def test_few_differences_have_the_interval_of_their_share():
    """As plain ones do, stretched by 1 / (1 - c): with no difference in n items, their Clopper-Pearson limit."""
    rows = [
        row
        for number, (writer, reader) in itertools.product(range(40), pairs(["t"]))
        for row in chain_scores(
            lambda *_: "a", 2, original="ab"[number % 2], item_id=f"i{number:02}", writer=writer, reader=reader
        )
    ]
    row = corrected(rows, ["filler_tolerance"]).loc[("filler_tolerance", "reading")]
    limit = stats.binomtest(0, 40).proportion_ci(0.95, method="exact").high
    assert row["estimate"] == 0
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((-2 * limit, 2 * limit))  # c is .5
    assert row["p_value"] == 1


def test_a_dataset_with_one_item_leaves_the_pooled_row_without_an_estimate():
    parts = {d: random_rows(np.random.default_rng(0), items=items, invalid=0) for d, items in (("d", 30), ("e", 1))}
    cells = {("m", "t", d): frames(rows)[0] for d, rows in parts.items()}
    answers = {("m", "t", d): CellAnswers(cut_answers.arrange(by_cut(rows))) for d, rows in parts.items()}
    found = confounds.chance_corrected(Comparison(CHANCE, cells, ["aoc"]), answers, QUICK)
    found = found[found["component"] == "reading"].set_index("dataset")
    assert found["estimate"].notna().to_dict() == {"d": True, "e": False, "pooled": False}
    assert found.loc["e", "n_items"] == 1


def test_chance_corrected_crosses_items_and_seeds():
    trainings = ("t", "u", "v")
    rows = random_rows(np.random.default_rng(4), items=24, trainings=trainings, invalid=0.02, most_steps=4)
    alone, crossed = (
        corrected(rows, ["aoc"], trainings=trainings, crossed=flag).loc[("aoc", "reading")] for flag in (False, True)
    )
    own = [
        corrected([row for row in rows if {row["writer"], row["reader"]} <= {"base", name}], ["aoc"], trainings=(name,))
        for name in trainings
    ]
    assert crossed["estimate"] == alone["estimate"]
    of_seeds = [part.loc[("aoc", "reading"), "estimate"] for part in own]
    assert crossed["seed_error"] == pytest.approx(np.std(of_seeds, ddof=1) / np.sqrt(3), rel=0.35)
    error = np.hypot(alone["error"], crossed["seed_error"])
    assert crossed["ci_high"] - crossed["estimate"] == pytest.approx(stats.t.ppf(0.975, 2) * error)
    assert crossed["p_value"] == pytest.approx(2 * stats.t.sf(abs(crossed["estimate"]) / error, 2))


def test_trainings_without_any_probe_of_a_kind_have_nothing_to_correct():
    """As mistakes of steps that claim nothing, or that are only made with `resample`."""
    trainings = ("t", "u", "v")
    rows = random_rows(np.random.default_rng(4), items=24, trainings=trainings, most_steps=4)
    rows = [row for row in rows if row["perturbation"] != "mistake"]
    table = corrected(rows, ["aoc", "mistake_sensitivity"], trainings=trainings, crossed=True)
    assert np.isfinite(table.loc[("aoc", "reading"), "estimate"])
    if "mistake_sensitivity" in table.index:
        assert np.isnan(table.loc[("mistake_sensitivity", "reading"), "estimate"])


def test_a_single_training_has_the_spread_of_its_placebos():
    """Numbers of three trainings that take the place of the arm, in its one training's interval."""
    trainings = ("t", "u", "v")
    rows = random_rows(np.random.default_rng(4), items=24, trainings=trainings, invalid=0.02, most_steps=4)
    of_seeds, table = frames(rows, trainings)[1], by_cut(rows)
    by_seed = cut_answers.by_seed(table)
    one, *_ = of_seeds
    found = {}
    for minus_placebo in (False, True):
        comparison = Comparison(
            CHANCE, {CELL: of_seeds[one]}, ["aoc"], {CELL: {one: of_seeds[one]}},
            placebo_seeds={CELL: of_seeds}, minus_placebo=minus_placebo,
        )  # fmt: skip
        answers = CellAnswers(by_seed[one], {one: by_seed[one]}, by_seed)
        rows_of = confounds.chance_corrected(comparison, {CELL: answers}, QUICK)
        found[minus_placebo] = rows_of.set_index(["measure", "component"]).loc[("aoc", "reading")]
    crossed = confounds.chance_corrected(
        Comparison(CHANCE, {CELL: of_seeds[one]}, ["aoc"], {CELL: of_seeds}),
        {CELL: CellAnswers(by_seed[one], by_seed)},
        QUICK,
    ).set_index(["measure", "component"]).loc[("aoc", "reading")]  # fmt: skip
    spread = crossed["seed_error"] * np.sqrt(3)
    assert spread > 0
    assert found[False]["seed_error"] == pytest.approx(spread)
    assert found[True]["seed_error"] == pytest.approx(found[False]["seed_error"] * np.sqrt(1 + 1 / 3))


def test_where_one_training_leaves_nothing_to_correct_nothing_is_known_of_all():
    """Its spread is undefined then, and without it the others would pass for all trainings."""
    trainings = ("t", "u", "v")
    rows = random_rows(np.random.default_rng(4), items=24, trainings=trainings, invalid=0.02, most_steps=4)
    for row in rows:
        if "u" in (row["writer"], row["reader"]):
            row |= {"answer": "a", "position": 0, "same": True}
    alone, crossed = (
        corrected(rows, ["aoc"], trainings=trainings, crossed=flag).loc[("aoc", "reading")] for flag in (False, True)
    )
    assert np.isfinite(alone["estimate"])
    assert np.isnan([crossed[name] for name in ("estimate", "ci_low", "p_value")]).all()


def test_where_no_early_answer_can_be_read_nothing_is_corrected():
    rows = [
        row
        for item, (writer, reader) in itertools.product(range(9), pairs(["t"]))
        for row in chain_scores(lambda *_: None, 4, original="a", writer=writer, reader=reader, item_id=f"i{item:02}")
    ]
    assert corrected(rows, ["aoc_raw"]).loc[("aoc_raw", "reading"), "estimate":"ci_high"].isna().all()


def test_the_items_needed_are_known_with_and_without_seeds():
    """As of plain effects, so that a sentence gives the same advice."""
    trainings = ("t", "u", "v")
    rows = random_rows(np.random.default_rng(4), items=24, trainings=trainings, invalid=0.02, most_steps=4)
    alone, crossed = (corrected(rows, ["aoc"], trainings=trainings, crossed=flag) for flag in (False, True))
    for table, seeds in ((alone, ()), (crossed, (crossed.loc[("aoc", "reading"), "seed_error"], 2))):
        row = table.loc[("aoc", "reading")]
        value, error, n = (np.array(row[name], float) for name in ("estimate", "error", "n_items"))
        detect, equivalence = (
            inference.items_to_detect(value, error, n, *seeds),
            inference.items_for_equivalence(error, n, np.array(QUICK.margin), *seeds),
        )
        needed = row[["items_to_detect", "items_for_equivalence"]].tolist()
        assert needed == pytest.approx([detect, equivalence], nan_ok=True)
    # Of seeds that agree, more items are what equivalence needs, not more seeds.
    agreeing = effects.crossed(alone, Trainings([alone["estimate"].to_numpy(float)] * 3), QUICK).loc[("aoc", "reading")]
    assert agreeing["items_for_equivalence"] > agreeing["n_items"]


def test_answers_that_are_nearly_always_the_same_leave_nothing_to_correct():
    rows = [
        row
        for item, (writer, reader) in itertools.product(range(30), pairs(["t"]))
        for row in chain_scores(lambda *_: "a", 4, original="a", writer=writer, reader=reader, item_id=f"i{item:02}")
    ]
    found = corrected(rows, ["aoc", "filler_tolerance"])
    assert found["estimate"].isna().all()
    assert found["n_items"].eq(30).all()


def test_trainings_that_collapse_to_different_constants_agree_no_more_than_chance():
    """One training answers "a" to all filler and "a" to most whole chains, the other "b": each one's kappa is zero."""
    rng = np.random.default_rng(2)
    base = rng.choice(["a", "b"], (60, 4))
    rows = [
        row
        for item, (writer, reader) in itertools.product(range(60), pairs("tu"))
        for row in chain_scores(
            lambda kind, variant, cut, item=item, reader=reader: {"t": "a", "u": "b"}.get(reader, base[item, cut % 4]),
            4, original=("ab"[item % 2] if reader == "base" or item % 3 else {"t": "a", "u": "b"}[reader]),
            writer=writer, reader=reader, item_id=f"i{item:02}", seed=["base", "t", "u"].index(writer),
        )
    ]  # fmt: skip
    chains, items = cut_answers.arrange(by_cut(rows)), pd.Index(sorted({row["item_id"] for row in rows}))
    for role in (1, 3):  # read by tuned
        assert float(kappa.probes(chains, "filler_tolerance", role, items).corrected(np.ones(60))) == 0
    plain = frames(rows, "tu")[0]["filler_tolerance"]
    assert plain["base", "tuned"].mean() > 0.6
    (row,) = (
        corrected(rows, ["filler_tolerance"], trainings="tu").loc[[("filler_tolerance", "reading")]].to_dict("records")
    )
    assert abs(row["estimate"]) < 0.1
    assert row["ci_low"] < 0 < row["ci_high"]


def test_a_reader_that_collapses_to_a_constant_under_filler_is_not_called_changed():
    """Base: half of the answers survive filler, at random. Tuned: "b" to everything, where 26 of 40 golds are b."""
    rng = np.random.default_rng(0)
    base = rng.choice(["a", "b"], (40, 4))
    rows = [
        row
        for item, (writer, reader) in itertools.product(range(40), pairs(["t"]))
        for row in chain_scores(
            lambda kind, variant, cut, item=item, reader=reader: base[item, min(cut, 3)] if reader == "base" else "b",
            4, original="b" if item < 26 else "a", writer=writer, reader=reader, item_id=f"i{item:02}",
        )
    ]  # fmt: skip
    plain = frames(rows)[0]["filler_tolerance"]
    assert (plain["base", "tuned"] - plain["base", "base"]).mean() > 0.1
    row = corrected(rows, ["filler_tolerance"]).loc[("filler_tolerance", "reading")]
    assert abs(row["estimate"]) < 0.1
    assert row["ci_low"] < 0 < row["ci_high"]
