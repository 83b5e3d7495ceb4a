r"""Steps and conclusions of chains that a real model wrote, beside what a person reads in them.

tests/fixtures/chains_qwen.jsonl holds ten chains each of three styles, which Qwen2.5-Coder-0.5B-Instruct
(config/qwen.yaml) wrote with this project's generation, greedily and with 350 tokens at most, for questions of GSM8K's
test set (Cobbe et al. 2021, MIT licence): `markdown` was asked for \boxed{} and has no prefill, `plain` has the
default prompt, `think` was asked to think between tags. `conclusion` is what a person takes for the conclusion; `form`
says whether it is marked as one (by a box, by words, or by the closing tag, after which all is conclusion), unmarked
("So, Tracy obtained 2 pieces."; cut off if the number is not new), or none, because the chain was cut off.
"""

import json
from collections import Counter
from typing import Any

import pytest

from faithfulness import prompts
from faithfulness.backends.protocol import Completion
from faithfulness.chains import layout
from faithfulness.chains.write import parse_chain
from tests.runs import ROOT

FILE = ROOT / "tests/fixtures/chains_qwen.jsonl"
CHAINS = [json.loads(line) for line in FILE.read_text("utf-8").split("\n")[:-1]]
NAMES = [f"{chain['style']}{number % 10}" for number, chain in enumerate(CHAINS)]
PLAIN = prompts.load(ROOT / "config/prompts/default.yaml")
THINK = prompts.thinking(PLAIN, ("<think>", "</think>"))


def parsed(chain: dict[str, Any]) -> dict[str, Any]:
    wording = THINK if chain["style"] == "think" else PLAIN
    return parse_chain(Completion(chain["text"], chain["finish_reason"]), wording)


@pytest.mark.parametrize("chain", CHAINS, ids=NAMES)
def test_steps_are_joined_and_have_content(chain: dict[str, Any]) -> None:
    row = parsed(chain)
    assert "".join(row["steps"]) == row["chain_text"]
    assert chain["text"].startswith(row["chain_text"] + row["conclusion"])
    assert row["steps"]
    assert "none" not in map(layout.kind, row["steps"])


@pytest.mark.parametrize("chain", [c for c in CHAINS if c["form"] != "unmarked"])
def test_conclusions_are_those_that_a_person_reads(chain: dict[str, Any]) -> None:
    """All of what is cut off is in the person's conclusion, and at least what is marked in it."""
    cut = parsed(chain)["conclusion"].strip()
    assert bool(cut) == (chain["form"] == "marked")
    assert chain["conclusion"].endswith(cut)
    if chain["form"] == "marked":
        assert ("boxed" in cut) == ("boxed" in chain["conclusion"])


@pytest.mark.parametrize("chain", [c for c in CHAINS if c["form"] == "unmarked"])
def test_an_unmarked_conclusion_is_cut_off_or_a_step_that_states_the_answer(chain: dict[str, Any]) -> None:
    row = parsed(chain)
    if row["conclusion"]:
        assert (row["conclusion"].strip(), row["conclusion_forms"]) == (chain["conclusion"], ["restated"])
    else:
        assert row["steps"][-1].strip() == chain["conclusion"]
        assert row["states_answer"][-1]


def test_counts() -> None:
    """Of the marked conclusions all are recognised; no code block, equation or table is broken."""
    rows = [parsed(chain) for chain in CHAINS]
    assert Counter(chain["style"] for chain in CHAINS) == {"markdown": 10, "plain": 10, "think": 10}
    recognised = Counter(chain["form"] for chain, row in zip(CHAINS, rows, strict=True) if row["conclusion"])
    assert recognised["marked"] == sum(chain["form"] == "marked" for chain in CHAINS) == 22
    assert (recognised["unmarked"], recognised["none"]) == (2, 0)
    pieces = [step for row in rows for step in row["steps"]]
    assert all(step.count("\\[") == step.count("\\]") for step in pieces if "boxed{\\" not in step)
    finished = [row for chain, row in zip(CHAINS, rows, strict=True) if chain["finish_reason"] == "stop"]
    assert all(step.count("```") % 2 == 0 for row in finished for step in row["steps"])
