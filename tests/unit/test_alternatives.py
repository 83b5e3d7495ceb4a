"""Other ways to count or read the same run: what each of them changes, and where it is missing."""

import numpy as np
import pandas as pd
import pytest

from faithfulness.compare import chain_values, claims, item_means
from faithfulness.compare.alternatives import ALTERNATIVES, of_claims
from faithfulness.compare.chain_probes import WRITTEN
from faithfulness.compare.chain_values import Reading
from faithfulness.compare.measures import MEASURES
from tests.frames import scored
from tests.readings import chain, conflict, probes

DECLARED = claims.load("config/claims.yaml")
ARMS = {"t": "t"}
ROLES = [(w, r) for w in ("base", "t") for r in ("base", "t")]


def cut_off(*chains):
    return pd.MultiIndex.from_tuples([(writer, item, 0, 0) for writer, item in chains], names=WRITTEN)


def of_pairs(rows, **options):
    return chain_values.of_pairs(scored(rows), Reading(DECLARED.directions_of, **options))


def means_of(values):
    means = pd.concat(item_means.tables(values, ARMS))
    return means.set_index(["alternative", "item_id", "writer", "reader"]).sort_index()


def four(rows_of, items=("i",)):
    return [row for item in items for w, r in ROLES for row in rows_of(writer=w, reader=r, item_id=item)]


def readable(**keys):
    """A chain of which every answer could be read."""
    return [row for row in chain(**keys) if row["valid"]]


def test_an_alternative_of_which_a_run_has_no_row_is_missing():
    values = of_pairs(four(readable))
    assert {name for part in values.values() for name in part.measures} == {"main"}
    assert set(means_of(values).index.get_level_values("alternative")) == {"main"}


def test_entries_say_what_they_are_about():
    for name, alternative in ALTERNATIVES.items():
        assert name == alternative.name
        assert alternative.label
        assert alternative.reason
        assert alternative.measures(DECLARED.directions_of)
    assert ALTERNATIVES["filler_words"].measures(DECLARED.directions_of) == ["filler_tolerance"]


def test_no_verdict_depends_on_alternatives_of_other_claims():
    assert set(of_claims(DECLARED.primary)) == set(ALTERNATIVES)
    assert set(ALTERNATIVES) - set(of_claims(["C1", "C2", "C8"])) == {"filler_words", "filler_steps"}


def test_an_alternative_has_the_measures_of_its_claims():
    means = means_of(of_pairs(four(chain))).loc["invalid_as_same"]
    known = {name for name in MEASURES if means[name].notna().any()}
    assert {"aoc", "filler_tolerance", "paraphrase_sensitivity", "info_gain"} <= known
    assert not known & {"mistake_sensitivity", "aoc_p", "cot_accuracy", "n_steps"}


def test_probes_of_low_share_count_as_same_and_as_changed_but_no_whole_chain_does():
    rows = readable()
    for row in rows:
        low = row["perturbation"] == "filler" or row["cut"] == row["n_steps"]
        row["options_share"] = 0.2 if low else 0.9
    found = {name: chain_values.of_chains(scored(rows), name, 0.5).iloc[0] for name in ("main", *ALTERNATIVES)}
    assert found["main"]["filler_tolerance"] == 2 / 4
    assert found["low_share_as_same"]["filler_tolerance"] == 1
    assert found["low_share_as_changed"]["filler_tolerance"] == 0
    for name in ("low_share_as_same", "low_share_as_changed"):
        assert found[name]["aoc"] == found["main"]["aoc"]  # its only probe of low share shows the whole chain
    assert not {"low_share_as_same"} & {*of_pairs(rows, least_share=0.1)["base", "base"].measures}
    assert {"low_share_as_same"} <= {*of_pairs(rows, least_share=0.5)["base", "base"].measures}


def test_the_raw_readout_has_an_original_answer_of_its_own():
    rows = readable()
    for row in rows:
        row["same_raw"], row["answer_raw"] = row["same"] == 0, "b"
    for row, answer in zip((row for row in rows if row["perturbation"] == "conflict"), "acab", strict=True):
        row |= {"answer_raw": answer, "same_raw": answer == "b"}
    found = chain_values.of_chains(scored(rows), "raw_readout").iloc[0]
    assert found["filler_tolerance"] == 1 - 2 / 4
    assert found["chain_following"] == 1 / 4
    assert found["question_following"] == 1 / 4
    for row in rows:
        row["target"] = "b" if row["perturbation"] == "conflict" else None
    assert np.isnan(chain_values.of_chains(scored(rows), "raw_readout").iloc[0]["chain_following"])  # raw a_n is b


def test_other_fillers_and_the_second_cue():
    rows = readable() + probes("filler", "words", [1, 1, 1, 0], 4) + probes("filler", "steps", [0, 0, 0, 0], 4)
    second = [row | {"cue": "second", "same": 1} for row in probes("early_termination", "keep_k", [1] * 5, 4)]
    second += [row | {"cue": "second"} for row in conflict(["a", "c"])]
    found = {name: chain_values.of_chains(scored([*rows, *second]), name).iloc[0] for name in ("main", *ALTERNATIVES)}
    assert found["main"]["filler_tolerance"] == 2 / 4
    assert found["filler_words"]["filler_tolerance"] == 3 / 4
    assert found["filler_steps"]["filler_tolerance"] == 0
    assert found["second_cue"]["aoc"] == 0
    assert found["second_cue"]["chain_following"] == 1 / 2
    assert found["main"]["aoc"] == pytest.approx(3 / 7)
    assert found["main"]["chain_following"] == 2 / 4


def test_an_item_with_a_chain_that_was_cut_off_leaves_the_contrast_on_both_sides():
    values = of_pairs(four(readable, ("cut", "whole")), truncated=cut_off(("t", "cut")))
    means = means_of(values)
    of_chain = [name for name, measure in MEASURES.items() if measure.of_chain and "resample" not in name]
    assert means.loc[("main", "cut"), of_chain].isna().all(axis=None)
    assert means.loc[("main", "whole"), of_chain].notna().all(axis=None)
    accuracy = means.loc[("main", "cut"), "cot_accuracy"]  # it stays, as wrong
    assert accuracy.loc["base"].tolist() == [1, 1]
    assert accuracy.loc["tuned"].tolist() == [0, 0]
    answers = chain_values.answers_table(values).set_index(["item_id", "writer", "reader"])["correct"]
    assert not answers.loc["cut", "t"].any()
    assert answers.loc["cut", "base"].all()


def test_an_item_of_which_one_of_several_chains_was_cut_off_leaves_with_all_of_them():
    """Samples and trainings: what leaves is the item, so that no truncated chain is replaced by the others."""
    trainings = {"t.seed1": "t", "t.seed2": "t"}
    seeds = {"base": 0, "t.seed1": 1, "t.seed2": 2}
    rows = [
        row | {"seed": seeds[w], "sample": sample}
        for w, r in {(w, r) for name in trainings for w in ("base", name) for r in ("base", name)}
        for item in ("sampled", "trained", "whole")
        for sample in (0, 1)
        for row in readable(writer=w, reader=r, item_id=item)
    ]
    cut = [("base", "sampled", 1, 0), ("t.seed2", "trained", 0, 2)]
    values = of_pairs(rows, truncated=pd.MultiIndex.from_tuples(cut, names=WRITTEN))
    means = pd.concat(item_means.tables(values, trainings))
    main, counted = (means[means["alternative"] == name] for name in ("main", "truncated_as_same"))
    assert set(main["seed"].dropna()) == {1, 2}
    assert set(main.loc[main["filler_tolerance"].notna(), "item_id"]) == {"whole"}
    assert counted["filler_tolerance"].notna().all()


@pytest.mark.parametrize(("alternative", "kept"), [("truncated_as_same", 1.0), ("truncated_as_changed", 0.0)])
def test_chains_that_were_cut_off_as_same_and_as_changed(alternative, kept):
    means = means_of(of_pairs(four(readable, ("cut", "whole")), truncated=cut_off(("t", "cut")))).loc[alternative]
    tuned, base = means.loc["cut", "tuned"], means.loc["cut", "base"]
    assert (tuned["filler_tolerance"] == kept).all()
    assert (tuned["aoc"] == 1 - kept).all()
    assert (tuned["convergence_fraction"] == 1 - kept).all()
    assert (base["filler_tolerance"] == 2 / 4).all()  # base's chain was not cut off
    assert (means.loc["whole", "filler_tolerance"] == 2 / 4).all()


def test_trainings_in_which_nothing_is_read_otherwise_have_their_main_values():
    rows = [
        row | {"seed": {"base": 0, "t.seed1": 1, "t.seed2": 2}[w]}
        for w, r in {(w, r) for name in ("t.seed1", "t.seed2") for w in ("base", name) for r in ("base", name)}
        for row in readable(writer=w, reader=r)
    ]
    for row in rows:
        if row["reader"] == "t.seed1" and row["perturbation"] == "filler" and row["cut"] == 0:
            row |= {"valid": False, "answer": None, "same": None}
    values = of_pairs(rows)
    means = pd.concat(item_means.tables(values, {"t.seed1": "t", "t.seed2": "t"}))
    same = means[(means["alternative"] == "invalid_as_same") & (means["reader"] == "tuned")]
    by_seed = same[same["writer"] == "base"].set_index("seed")["filler_tolerance"]
    assert by_seed.loc[1] == 3 / 4
    assert by_seed.loc[2] == 2 / 4


def test_cells_in_which_nothing_is_read_otherwise_keep_their_main_frames():
    means = pd.concat(item_means.tables(of_pairs(four(chain)), ARMS))
    plain = pd.concat(item_means.tables(of_pairs(four(readable)), ARMS))
    both = pd.concat([means.assign(model="m", dataset="d"), plain.assign(model="m", dataset="e")])
    cells = item_means.frames(both[both["alternative"] == "main"])
    found = item_means.under_alternatives(both, cells, {})
    assert list(found) == ["invalid_as_same", "invalid_as_changed"]
    frames, _ = found["invalid_as_same"]
    pd.testing.assert_frame_equal(frames["m", "t", "e"], cells["m", "t", "e"])
    assert not frames["m", "t", "d"].equals(cells["m", "t", "d"])


def test_the_likelihood_of_conflict_chains_beside_that_of_their_originals():
    """A conflict chain's original is the whole chain of the same item, whatever other whole chains there are."""
    rows = []
    for item, whole, other in (("i0", 1.0, 2.0), ("i1", 3.0, 4.0), ("i2", 8.0, None)):
        rows += probes("early_termination", "keep_k", [0, 1], 1, item_id=item, chain_nats=None)
        rows[-1]["chain_nats"] = whole
        rows += conflict(["c"], item_id=item, chain_nats=other)
    found = chain_values.readouts_table(of_pairs(rows)).set_index(["perturbation", "variant"])
    nats = found[["chain_nats", "original_nats"]]
    assert nats.loc[("conflict", "swap")].tolist() == [3.0, 2.0]
    assert nats.loc[("early_termination", "whole")].tolist() == [4.0, 4.0]
    assert nats.loc[("early_termination", "keep_k")].isna().all()


def test_readouts_by_variant():
    rows = readable()
    for row in rows:
        whole = row["perturbation"] == "early_termination" and row["cut"] == row["n_steps"]
        row |= {"options_share": 0.75 if whole else 0.25, "position": 0 if row["answer"] == "a" else 1}
    rows[0] |= {"valid": False, "answer": None, "same": None, "position": None}
    values = of_pairs(rows, least_share=0.5)
    found = chain_values.readouts_table(values).set_index(["perturbation", "variant"])
    assert found.loc[("early_termination", "whole"), ["readouts", "invalid", "low_share"]].tolist() == [1, 0, 0]
    assert found.loc[("early_termination", "whole"), "options_share"] == 0.75
    early = found.loc["early_termination", "keep_k"]
    assert early[["readouts", "invalid", "low_share", "commonest"]].tolist() == [4, 1, 4, "a"]
    assert early["commonest_share"] == pytest.approx(2 / 3)
    assert found.loc[("filler", "text"), ["commonest", "commonest_share"]].tolist() == ["a", 0.5]  # a and b are tied
    by_place = chain_values.readouts_table(of_pairs(rows, by_place=True)).set_index(["perturbation", "variant"])
    assert by_place.loc[("mistake", "keep"), "commonest"] == "option 2"
    assert found["readouts"].sum() == len(rows)
    answers = chain_values.answers_table(values)
    assert answers["options_share"].tolist() == [0.75]
