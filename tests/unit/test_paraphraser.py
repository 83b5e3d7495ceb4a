"""Steps in a language model's words: what it is shown, what of its words is taken, and what happens when none are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from faithfulness import prompts
from faithfulness.backends.protocol import Completion, Decoding, Prompt
from faithfulness.backends.transformers import TransformersBackend
from faithfulness.perturb import paraphrase_model
from faithfulness.perturb.paraphrase import Paraphrase, paraphrase
from faithfulness.perturb.wording import CONTRASTS
from faithfulness.prompts import Message, Prompts
from faithfulness.tables.generation import Rewordings
from faithfulness.tables.io import read_table
from faithfulness.tables.journal import Journal

ELON = ' The last letter of "Elon" is "n".'
COIN = " Ka flips the coin, so it is now tails up.\n"
MONEY = " He puts his money there."
SAID = {
    ELON: ('The last letter of "Elon" is "k"."', "", '"Elon" has "n" as its last letter."', "never reached"),
    COIN: ('The coin, flipped by Ka, now shows tails."', "never reached"),
    MONEY: ('He puts his cash into the bank."', 'He takes his cash there."'),
}
JUNK = ("", "I am a language model.", "The text", ' "The', "The coin is heads up.", "\n\n\n")


class Scripted:
    """Says of each text what a script has, one saying for each seed, and keeps what it was asked."""

    tokenizer, tokenizer_hash = None, None

    def __init__(self, script: dict[str, Sequence[str]], reason: str = "stop", calls: int = 99) -> None:
        self.script, self.reason, self.calls = script, reason, calls
        self.asked: list[Prompt] = []
        self.seeds: dict[str, list[int]] = {}

    def render(self, messages: Sequence[Message], wording: Prompts) -> str:
        return prompts.render(None, messages, wording)

    def generate(self, asked: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        self.calls -= 1
        if self.calls < 0:
            raise KeyboardInterrupt
        self.asked += asked
        return [Completion(self.say(prompt), self.reason) for prompt in asked]

    def say(self, prompt: Prompt) -> str:
        (step,) = [step for step in self.script if f'"{step.strip()}"' in prompt.text]
        seeds = self.seeds.setdefault(step, [])
        if prompt.seed not in seeds:
            seeds.append(prompt.seed)
        return self.script[step][seeds.index(prompt.seed)]

    def score(self, probes: Any, propose: Any = None) -> Any:
        raise AssertionError("a paraphraser scores no answers")


def chains(*steps: Sequence[str]) -> list[dict[str, Any]]:
    return [{"item_id": str(i), "steps": list(some)} for i, some in enumerate(steps)]


def reword(
    backend: Any,
    wording: Prompts,
    folder: Path,
    written: list[dict[str, Any]],
    answers: str | Sequence[str] = "none",
    block_items: int = 20,
    candidates: int = 4,
) -> dict[tuple[str, str], Paraphrase]:
    gold = [answers] * len(written) if isinstance(answers, str) else answers
    return paraphrase_model.reword(
        backend,
        [(chain["steps"], answer) for chain, answer in zip(written, gold, strict=True)],
        wording,
        Decoding(12, 0.8, 0.95),
        candidates,
        seed=7,
        contrasts=CONTRASTS,
        journal=Journal(folder, ("k",), "test", block_items),
    )


def test_the_first_wording_that_passes_is_taken(wording: Prompts, tmp_path: Path) -> None:
    model = Scripted(SAID)
    assert reword(model, wording, tmp_path, chains([ELON, COIN])) == {
        (ELON, "none"): Paraphrase(' "Elon" has "n" as its last letter.', "model", True),
        (COIN, "none"): Paraphrase(" The coin, flipped by Ka, now shows tails.\n", "model", True),
    }
    assert {step: len(seeds) for step, seeds in model.seeds.items()} == {ELON: 3, COIN: 1}
    assert len(model.asked) == 4


@pytest.mark.parametrize("step", [ELON, COIN, MONEY, " 3 + 4 = 7.", " Yes."])
def test_where_nothing_passes_rules_reword(wording: Prompts, tmp_path: Path, step: str) -> None:
    model = Scripted({step: [*JUNK, step]})
    assert reword(model, wording, tmp_path, chains([step]), "bank", candidates=7) == {
        (step, "bank"): paraphrase(step, 7, CONTRASTS, "bank")
    }
    assert len(model.asked) == 7


@pytest.mark.parametrize(
    ("step", "text", "finding"),
    [
        (COIN, " The coin, flipped by Ka, now shows tails.", None),
        (COIN, " Ka's flip of it makes it tails.", None),
        (COIN, " Kai flips the coin, so it is now tails up.", "the first word is gone"),
        (COIN, " It is now tails up, for the coin was flipped.", "the first word is gone"),
        (MONEY, " I am a language model.", "another subject"),
        (MONEY, " His money is put there.", None),
        (ELON, ' The letter that "Elon" ends in is "n".', None),
        (
            ' Putting "k" and "r" together gives "kr".',
            ' Combining "r" and "k" together gives "kr".',
            "quoted parts in ",
        ),
        (" We have 12 - 5 dollars.", " The dollars we have are 5 minus 12.", "numbers in another order"),
        (" Yes.", " So yes.", None),
    ],
)
def test_what_a_model_may_do_and_rules_do_not(step: str, text: str, finding: str | None) -> None:
    findings = paraphrase_model.strays(step, text)
    assert len(findings) == (finding is not None)
    assert all(found.startswith(str(finding)) for found in findings)


def test_a_wording_may_not_state_the_answer_of_its_item(wording: Prompts, tmp_path: Path) -> None:
    found = reword(Scripted(SAID), wording, tmp_path, chains([MONEY], [MONEY]), ["bank", "shop"])
    assert {answer: p.text for (_, answer), p in found.items()} == {
        "bank": " He takes his cash there.",
        "shop": " He puts his cash into the bank.",
    }


def test_code_formulas_and_tables_are_not_shown(wording: Prompts, tmp_path: Path) -> None:
    steps = ["```python\nx = 5\n```", "\\[ 3 + 4 = 7 \\]", "|a|b|\n|---|---|\n|c|d|"]
    model = Scripted({})
    found = reword(model, wording, tmp_path, chains(steps))
    assert [found[step, "none"] for step in steps] == [Paraphrase(step, "not_prose", False) for step in steps]
    assert model.asked == []


def test_an_opening_by_a_model_is_no_wording(wording: Prompts, tmp_path: Path) -> None:
    model = Scripted({MONEY: ('In other words, he puts his money there."', 'He takes his cash there."')})
    found = reword(model, wording, tmp_path, chains([MONEY]))
    assert [paraphrase.text for paraphrase in found.values()] == [" He takes his cash there."]


def test_a_step_in_a_language_without_rules_is_worded_by_the_model_or_not(wording: Prompts, tmp_path: Path) -> None:
    step, other = " Er legt sein Geld dort ab.", " Sein Geld bewahrt er dort auf."
    found = reword(Scripted({step: (f'{other.strip()}"',)}), wording, tmp_path / "one", chains([step]))
    assert [paraphrase.text for paraphrase in found.values()] == [other]
    found = reword(Scripted({step: ["He puts his money there."] * 9}), wording, tmp_path / "two", chains([step]))
    assert list(found.values()) == [Paraphrase(step, "other_language", False)]


def test_a_step_that_comes_twice_is_worded_once(wording: Prompts, tmp_path: Path) -> None:
    model = Scripted(SAID)
    reword(model, wording, tmp_path, chains([COIN, COIN], [COIN], []), block_items=1)
    assert len(model.asked) == 1


def test_only_the_step_is_shown(wording: Prompts, tmp_path: Path) -> None:
    model = Scripted(SAID)
    written = [chain | {"prompt": "Question: Who?", "chain_text": ELON + COIN} for chain in chains([ELON, COIN])]
    reword(model, wording, tmp_path, written, "the gold answer")
    frame = wording.plain.format(question="|").split("|")
    assert {prompt.text for prompt in model.asked} == {
        frame[0] + wording.paraphrase.format(text=step.strip()) + frame[1] + wording.paraphrase_prefill
        for step in (ELON, COIN)
    }


def test_a_list_marker_is_not_shown_and_stays(wording: Prompts, tmp_path: Path) -> None:
    model = Scripted({"He puts his money there.": ["1. He takes his cash there!"]})
    found = reword(model, wording, tmp_path, chains(["\n2. He puts his money there.\n"]))
    assert [p.text for p in found.values()] == ["\n2. He takes his cash there.\n"]
    assert "2." not in model.asked[0].text


@pytest.mark.parametrize(
    ("written", "step", "expected"),
    [
        ("He takes it there.", MONEY, " He takes it there."),
        ('He takes it there."', MONEY, " He takes it there."),
        ('He takes it there." I hope that this helps!', MONEY, " He takes it there."),
        ("He takes it there.\u201d", MONEY, " He takes it there."),
        ("\n\nHe takes it there.\n\nI hope that this helps!", MONEY, " He takes it there."),
        ("Here is another wording:\n\nHe takes it there", MONEY, " He takes it there."),
        (' "He takes it there." I hope that this helps!', MONEY, " He takes it there."),
        ("\u201cHe takes it there.\u201d", MONEY, " He takes it there."),
        ('Text: "He takes it there."', MONEY, " He takes it there."),
        ('Again: "He takes it there."', MONEY, " ."),
        (' "He takes it there', MONEY, " ."),
        ("", MONEY, " ."),
        ("Sure:", MONEY, " ."),
        ('"Elon" ends in "n".', ELON, ' "Elon" ends in "n".'),
        ('"Elon" ends in "n"."', ELON, ' "Elon" ends in "n".'),
        ('It is "n" that "Elon" ends in."\n', ELON, ' It is "n" that "Elon" ends in.'),
        ('""Elon" ends in "n"."', ELON, ' "Elon" ends in "n".'),
        ("- Tails is up now.", "2) So it is tails", "2) Tails is up now"),
        ("Is it tails up, then?", " So is it tails?\n", " Is it tails up, then?\n"),
        ("The options are these:", " These are the options:\n", " The options are these:\n"),
    ],
)
def test_cleaning(written: str, step: str, expected: str) -> None:
    assert paraphrase_model.clean(Completion(written, "stop"), step, 'Text: "') == expected


def test_a_line_that_hit_the_limit_is_no_wording() -> None:
    assert paraphrase_model.clean(Completion("He takes it", "length"), MONEY, "") == " ."
    assert (
        paraphrase_model.clean(Completion("He takes it there.\n\nI hope", "length"), MONEY, "") == " He takes it there."
    )


def test_a_kill_costs_one_block_at_most(wording: Prompts, tmp_path: Path) -> None:
    written = chains([COIN], [MONEY])
    with pytest.raises(KeyboardInterrupt):
        reword(Scripted(SAID, calls=1), wording, tmp_path, written, block_items=1)
    model = Scripted(SAID)
    after = reword(model, wording, tmp_path, written, block_items=1)
    assert list(model.seeds) == [MONEY]
    assert after == reword(Scripted(SAID), wording, tmp_path / "other", written)
    assert reword(Scripted(SAID, calls=0), wording, tmp_path, written, block_items=1) == after


class Recorder:
    """A backend that keeps what it wrote after which prompt and seed."""

    def __init__(self, backend: TransformersBackend) -> None:
        self.backend = backend
        self.render = backend.render
        self.written: dict[tuple[str, int], Completion] = {}

    def generate(self, asked: Sequence[Prompt], decoding: Decoding) -> list[Completion]:
        found = self.backend.generate(asked, decoding)
        self.written |= {(prompt.text, prompt.seed): new for prompt, new in zip(asked, found, strict=True)}
        return found


def test_blocks_change_nothing(backend: TransformersBackend, wording: Prompts, tmp_path: Path) -> None:
    """Of a real model; untrained, so that nothing that it says can pass."""
    written = chains([ELON, COIN], [MONEY], [COIN])
    one, all_ = Recorder(backend), Recorder(backend)
    small = reword(one, wording, tmp_path / "one", written, block_items=1, candidates=3)
    assert small == reword(all_, wording, tmp_path / "all", written, candidates=3)
    assert small == {(step, "none"): paraphrase(step, 7, CONTRASTS, "none") for step in (ELON, COIN, MONEY)}
    assert one.written == all_.written
    assert len({new.text for new in one.written.values()}) == len(one.written) == 9


def test_rewordings_keep_their_contract(wording: Prompts, tmp_path: Path) -> None:
    reword(Scripted(SAID), wording, tmp_path, chains([ELON, COIN]))
    (file,) = tmp_path.rglob("*.parquet")
    assert read_table(file, Rewordings)["rule"].tolist() == ["model", "model"]


def test_a_model_that_thinks_rewords_without_a_thought(wording: Prompts) -> None:
    thinking = prompts.thinking(wording, ("<think>", "</think>"))
    asked = prompts.paraphrase_prompt("Yes.", thinking, prompts.renderer(None))
    assert asked.endswith(f"<think>\n\n</think>\n\n{wording.paraphrase_prefill}")


def test_the_chat_template_and_the_system_message_are_used(wording: Prompts) -> None:
    class Chat:
        chat_template = "set"

        def apply_chat_template(self, messages: Any, **_: Any) -> str:
            return "".join(f"[{m['role']}]{m['content']}" for m in messages) + "[assistant]"

    spoken = wording.model_copy(update={"system": "Be brief."})
    assert prompts.paraphrase_prompt("a {b}", spoken, prompts.renderer(Chat())) == (
        f"[system]Be brief.[user]{wording.paraphrase.replace('{text}', 'a {b}')}[assistant]{wording.paraphrase_prefill}"
    )
