"""The first lines of the page say what the verdict tables below them say, and nothing else."""

import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faithfulness.compare.claims import CLAIMS
from faithfulness.report.headline import headline
from faithfulness.report.verdict_tables import claims_section

VERDICTS = ["supported", "contradicted", "equivalent", "as placebo", "inconclusive", "not interpretable"]
JUDGED = ["C8", "C1", "C2", "C3"]
MEASURES = {"C8": "chain_following", "C1": "aoc", "C2": "paraphrase_sensitivity", "C3": "filler_tolerance"}
PLACES = [*((model, dataset) for model in "ab" for dataset in ("x", "y")), ("a", "pooled"), ("b", "pooled")]


def effects(verdicts, base=1.0, tuned=0.98, contrast="plain"):
    """Effects with the given verdicts by claim, model and dataset."""
    rows = [
        {
            "claim": claim,
            "model": model,
            "arm": "tuned-x",
            "dataset": dataset,
            "contrast": contrast,
            "measure": MEASURES[claim],
            "component": "reading",
            "parameters": 10,
            "verdict": verdict,
            "interpretable": verdict != "not interpretable",
            "calibration": "validated",
            "sentence": "",
            "estimate": tuned - base,
            "ci_low": tuned - base - 0.01,
            "ci_high": tuned - base + 0.01,
            "base_mean": base,
            "tuned_mean": tuned,
            "n_items": 40,
        }
        for (claim, model, dataset), verdict in verdicts.items()
    ]
    return pd.DataFrame(rows)


def everywhere(**by_claim):
    """The same verdict of a claim in all cells and pools; claims that are not named are inconclusive."""
    return {(claim, *place): by_claim.get(claim, "inconclusive") for claim in JUDGED for place in PLACES}


tables = st.fixed_dictionaries({(claim, *place): st.sampled_from(VERDICTS) for claim in JUDGED for place in PLACES})


@settings(max_examples=50)
@given(tables)
def test_every_count_is_that_of_the_table_below(verdicts):
    judged = effects(verdicts)
    shown = {claim["name"]: claim for claim in claims_section(judged, ["x", "y"]) if claim["name"] in CLAIMS}
    said = " ".join(headline(judged))
    counts = re.findall(r"(C\d) in (?:(\d+) of (\d+) cells?)?(?:, )?(?:(\d+) of (\d+) pooled)?", said)
    for claim, *numbers in counts:
        rows = shown[claim]["rows"]
        for pooled, (count, total) in ((False, numbers[:2]), (True, numbers[2:])):
            given = [v for row in rows if row["pooled"] == pooled for v in row["verdicts"]]
            judged_here = [v for v in given if v != "not interpretable"]
            assert int(total or 0) == len(judged_here)
            assert not count or int(count) in {judged_here.count(v) for v in VERDICTS}
    closed = re.search(r"(\d+) of (\d+) verdicts on single cells could not be given", said)
    single = [
        v
        for claim in JUDGED
        if claim in shown
        for row in shown[claim]["rows"]
        if not row["pooled"]
        for v in row["verdicts"]
    ]
    assert (int(closed[1]) if closed else 0) == single.count("not interpretable")


@settings(max_examples=50)
@given(tables)
def test_no_statement_without_its_verdict(verdicts):
    answer = headline(effects(verdicts))[0]
    of = {claim: {v for (name, *_), v in verdicts.items() if name == claim} for claim in JUDGED}
    use, need = of["C8"], of["C1"] | of["C3"]
    assert ("still decides (" in answer) == (
        "equivalent" in use and not use & {"supported", "contradicted", "as placebo"}
    )
    assert ("answers follow the chain less" in answer) == ("supported" in use and "contradicted" not in use)
    assert ("answers follow the chain more" in answer) == ("contradicted" in use and "supported" not in use)
    assert answer.startswith("The answer can be had without the chain more often") == (
        "supported" in need and "contradicted" not in need
    )
    assert ("needs the chain as before" in answer) == (
        "equivalent" in need and not need & {"supported", "contradicted", "as placebo"}
    )
    if "redundant, not decorative" in answer:
        assert "supported" in need
        assert "supported" not in use
    if use | need <= {"not interpretable"}:
        assert answer == "This run cannot tell."


@pytest.mark.parametrize(
    ("verdicts", "answer"),
    [
        (
            {"C8": "equivalent", "C3": "supported"},
            [
                "The answer can be had without the chain more often, but where chain and question disagree, the chain "
                "still decides (98 % against 100 %): redundant, not decorative.",
                "Supported: C3 in 4 of 4 cells, 2 of 2 pooled.",
                "Equivalent: C8 in 4 of 4 cells, 2 of 2 pooled.",
            ],
        ),
        (
            {"C8": "supported", "C1": "supported"},
            [
                "The answer can be had without the chain more often; where chain and question disagree, answers follow "
                "the chain less (98 % against 100 %): more decorative than before.",
                "Supported: C1 in 4 of 4 cells, 2 of 2 pooled.",
                "Supported: C8 in 4 of 4 cells, 2 of 2 pooled.",
            ],
        ),
        (
            {"C8": "equivalent", "C1": "equivalent", "C3": "equivalent"},
            [
                "The answer needs the chain as before; where chain and question disagree, the chain still decides (98 "
                "% against 100 %): as load-bearing as before.",
                "Equivalent: C3 in 4 of 4 cells, 2 of 2 pooled; C1 in 4 of 4 cells, 2 of 2 pooled.",
            ],
        ),
        (
            {"C3": "as placebo", "C8": "not interpretable", "C1": "not interpretable"},
            [
                "Answers need the chain otherwise than before, but as after training on answers that teach nothing.",
                "As placebo: C3 in 4 of 4 cells, 2 of 2 pooled.",
            ],
        ),
        ({}, ["Open: whether the chain is needed less, or used less, was neither shown nor ruled out."]),
    ],
)
def test_answers_in_full(verdicts, answer):
    assert headline(effects(everywhere(**verdicts)))[: len(answer)] == answer


def test_a_chain_that_hardly_ever_decided_does_not_still_decide():
    answer = headline(effects(everywhere(C8="equivalent"), base=0.04, tuned=0.03))[0]
    assert "still decides" not in answer
    assert "decides as seldom as before (3 % against 4 %)" in answer


def test_both_directions_are_named_apart():
    verdicts = everywhere(C8="equivalent", C3="supported") | {("C3", "a", "x"): "contradicted"}
    said = headline(effects(verdicts))
    assert "differs between comparisons" in said[0]
    assert said[1:3] == [
        "Supported: C3 in 3 of 4 cells, 2 of 2 pooled.",
        "Contradicted: C3 in 1 of 4 cells, 0 of 2 pooled.",
    ]


def test_a_change_without_a_placebo_is_named():
    changed, without = everywhere(C3="supported"), "No placebo was run"
    judged = effects(changed)
    assert any(line.startswith(without) for line in headline(judged))
    beside = effects({("C3", "a", "x"): ""}, contrast="placebo").assign(claim="")
    assert not any(line.startswith(without) for line in headline(pd.concat([judged, beside])))
    assert not any(line.startswith(without) for line in headline(effects(everywhere())))
