"""Gates of section 8, each on the side that passes and on the side that does not."""

import pandas as pd
import pytest

from faithfulness.compare import chain_values, gates
from faithfulness.compare.descriptives import Observations
from faithfulness.config.statistics import GateThresholds
from faithfulness.perturb.registry import PERTURBATIONS
from faithfulness.tables.generation import Items
from faithfulness.tables.io import frame
from faithfulness.tables.statistics import Gates


def items(n=20, options=("yes", "no"), answers=None):
    answers = answers or [options[i % 2] for i in range(n)]
    rows = [
        {"item_id": f"i{i:02}", "question": "q", "options": list(options), "answer": a, "rationale": None}
        | {"show_options": False, "letters": False}
        for i, a in enumerate(answers)
    ]
    return frame(rows, Items).assign(dataset="d")


def scores(asked, answer=lambda reader, gold, i: gold, invalid=lambda reader, perturbation, i: False):
    rows = []
    for writer in ("base", "tuned-x"):
        for reader in ("base", "tuned-x"):
            for i, item in asked.iterrows():
                for perturbation in PERTURBATIONS:
                    text = answer(reader, item["answer"], i)
                    valid = not invalid(reader, perturbation, i)
                    options = item["options"]
                    rows.append(
                        {
                            "writer": writer,
                            "reader": reader,
                            "item_id": item["item_id"],
                            "perturbation": perturbation,
                            "cut": 4 if perturbation == "early_termination" else 0,
                            "n_steps": 4,
                            "answer": text if valid else None,
                            "valid": valid,
                            "correct": valid and text == item["answer"],
                            "position": None if options is None else list(options).index(text),
                            "model": "m",
                            "dataset": "d",
                        }
                    )
    return pd.DataFrame(rows)


BOTH = ("base", "tuned-x")


def chains(n=20, short=0, truncated=0, of=BOTH):
    """Chains of both arms, of which some are too short or cut off, of the arms `of`."""
    return pd.DataFrame(
        [
            {"model": "m", "writer": writer, "dataset": "d"}
            | {"step_spans": [[0, 1]] * (1 if writer in of and i < short else 2)}
            | {"finish_reason": "length" if writer in of and i < truncated else "stop"}
            for writer in BOTH
            for i in range(n)
        ]
    )


def paraphrases(n=20, refused=0, of=BOTH, why=("no_rule",)):
    return pd.DataFrame(
        [
            {"model": "m", "writer": w, "dataset": "d", "variant": variant}
            | {"accepted": (i >= refused or w not in of) if variant == "single" else False}
            | {"rule": "synonym" if i >= refused or w not in of else why[i % len(why)]}
            for w in BOTH
            for i in range(n)
            for variant in ("single", "rest")
        ]
    )


def check(asked=None, scored=None, written=None, reworded=None, usable=20, arms=None):
    asked = items() if asked is None else asked
    scored = (scores(asked) if scored is None else scored).assign(sample=0, seed=0, retokenised=False)
    values = chain_values.of_pairs(scored.assign(variant="", cue="first", same=True, p_original=1.0, p_gold=1.0))
    observed = Observations(
        arms=arms or {"tuned-x": "tuned-x"},
        answers=chain_values.answers_table(values),
        readouts=chain_values.readouts_table(values),
        chains=chains() if written is None else written,
        replacements=paraphrases() if reworded is None else reworded,
        items=asked,
    )
    table = gates.check(observed, {"tuned-x": usable}, GateThresholds())
    return frame(table.assign(model="m", dataset="d"), Gates)


def failed(table):
    return sorted(set(table.loc[~table["passed"].astype(bool), "gate"]))


def test_a_sound_cell_passes_all_gates():
    table = check()
    assert list(table.columns) == Gates.names
    expected = {"above_chance", "collapsed_reader", "steps", "truncation", "validity", "paraphrase", "items"}
    assert set(table["gate"]) == expected
    assert failed(table) == []
    assert (table["reason"] == "").all()


def test_accuracy_must_be_clearly_above_guessing():
    # 15 of 20 right: the exact interval begins at .509, above .5; 14 of 20: at .457.
    enough = scores(items(), lambda reader, gold, i: gold if i < 15 else {"yes": "no", "no": "yes"}[gold])
    assert failed(check(scored=enough)) == []
    few = scores(
        items(), lambda reader, gold, i: gold if reader == "base" or i < 14 else {"yes": "no", "no": "yes"}[gold]
    )
    table = check(scored=few)
    assert failed(table) == ["above_chance"]
    row = table[(table["gate"] == "above_chance") & (table["subject"] == "tuned-x")].iloc[0]
    assert row["value"] == pytest.approx(0.457, abs=0.001)
    assert row["threshold"] == 0.5
    assert row["reason"] == "with its chain tuned-x is right in 70 % of items, not clearly above guessing (50 %)"


def test_chance_of_open_answers_is_the_commonest_answers_share():
    asked = items(answers=["7"] * 12 + ["8"] * 8, options=("7", "8"))
    asked["options"] = None
    always = scores(asked, lambda reader, gold, i: "7")
    table = check(asked, always.assign(position=None))
    assert table.loc[table["gate"] == "above_chance", "threshold"].tolist() == [0.6, 0.6]
    assert "above_chance" in failed(table)


def test_a_reader_that_always_says_yes_is_collapsed():
    asked = items(answers=["yes"] * 14 + ["no"] * 6)
    table = check(asked, scores(asked, lambda reader, gold, i: "yes" if reader == "tuned-x" else gold))
    collapsed = table[table["gate"] == "collapsed_reader"].set_index("subject")
    assert collapsed.loc["tuned-x", "value"] == pytest.approx(0.3)
    assert collapsed.loc["base", "value"] == pytest.approx(0)
    assert collapsed["passed"].to_dict() == {"base": True, "tuned-x": False}


def test_collapse_is_looked_for_by_place_where_the_options_vary():
    asked = items()
    asked["options"] = [[f"a{i}", f"b{i}"] for i in range(len(asked))]
    asked["answer"] = [options[i % 2] for i, options in enumerate(asked["options"])]
    first = scores(asked, lambda reader, gold, i: f"a{i}")
    table = check(asked, first)
    collapsed = table[table["gate"] == "collapsed_reader"]
    assert collapsed["value"].tolist() == pytest.approx([0.5, 0.5])
    assert "option 1" in collapsed["reason"].iloc[0]
    assert "collapsed_reader" not in failed(check(asked, scores(asked)))


def test_short_chains():
    assert failed(check(written=chains(short=4))) == []  # .8 of 20 chains have two steps
    assert failed(check(written=chains(short=5))) == ["steps"]


def test_truncated_chains():
    assert failed(check(written=chains(truncated=1))) == []  # 5 % is the limit
    assert failed(check(written=chains(truncated=2))) == ["truncation"]


def test_rewordings():
    assert failed(check(reworded=paraphrases(refused=4))) == []
    assert failed(check(reworded=paraphrases(refused=5))) == ["paraphrase"]


def test_the_gate_says_why_steps_were_not_reworded():
    """Above all where the rules do not know the language."""
    table = check(reworded=paraphrases(refused=12, why=("other_language", "not_prose", "other_language", "no_rule")))
    assert table.loc[table["gate"] == "paraphrase", "reason"].iloc[0] == (
        "only 40 % of the steps of the chains of base were reworded; 15 % have no other words that are certain to mean "
        "the same, 15 % are code, formulas or tables and 30 % are in a language that the rules do not know (a "
        "`paraphraser` may)"
    )


@pytest.mark.parametrize("arm", BOTH)
@pytest.mark.parametrize(
    ("gate", "broken"),
    [
        ("steps", lambda arm: {"written": chains(short=5, of=[arm])}),
        ("truncation", lambda arm: {"written": chains(truncated=2, of=[arm])}),
        ("paraphrase", lambda arm: {"reworded": paraphrases(refused=5, of=[arm])}),
    ],
)
def test_one_arm_that_fails_closes_the_cell(gate, broken, arm):
    table = check(**broken(arm))
    closed = table[~table["passed"].astype(bool)]
    assert list(zip(closed["gate"], closed["subject"], strict=True)) == [(gate, arm)]
    assert arm in closed["reason"].iloc[0]


def test_invalid_readouts_of_one_reader_and_perturbation():
    assert failed(check(scored=scores(items(), invalid=lambda r, p, i: i < 2))) == []  # 10 % is the limit
    bad = scores(items(), invalid=lambda r, p, i: r == "base" and p == "filler" and i < 3)
    table = check(scored=bad)
    assert failed(table) == ["validity"]
    assert table.loc[~table["passed"].astype(bool), "subject"].tolist() == ["base / filler"]


def test_one_of_several_trainings_that_fails_closes_the_cell():
    answers = {"base": lambda gold: gold, "tuned-x.seed0": lambda gold: gold, "tuned-x.seed1": lambda gold: "yes"}

    def training(name):
        rename = {"base": "base", "tuned-x": name}
        found = scores(items(), lambda reader, gold, i: answers[rename[reader]](gold))
        return found.assign(**{role: found[role].map(rename) for role in ("writer", "reader")})

    both = pd.concat([training("tuned-x.seed0"), training("tuned-x.seed1")]).drop_duplicates(
        ["writer", "reader", "item_id", "perturbation"]
    )
    trainings = {"tuned-x": ["tuned-x.seed0", "tuned-x.seed1"], "base": ["base"]}
    written, reworded = (
        table.assign(writer=table["writer"].map(trainings)).explode("writer") for table in (chains(), paraphrases())
    )
    arms = dict.fromkeys(trainings["tuned-x"], "tuned-x")
    table = check(scored=both, written=written, reworded=reworded, arms=arms)
    closed = table[~table["passed"].astype(bool)]
    assert set(closed["gate"]) == {"collapsed_reader", "above_chance"}
    assert set(closed["subject"]) == {"tuned-x.seed1"}
    assert set(table["arm"]) == {"tuned-x"}


def test_nothing_to_judge_by_does_not_pass():
    none = scores(items())
    table = check(scored=none[none["perturbation"] != "mistake"])
    reasons = table.loc[~table["passed"].astype(bool), "reason"].tolist()
    assert reasons == [
        "nothing to judge base / mistake by (validity)",
        "nothing to judge tuned-x / mistake by (validity)",
    ]


def test_a_cell_needs_two_items():
    assert failed(check(usable=2)) == []
    assert failed(check(usable=1)) == ["items"]
