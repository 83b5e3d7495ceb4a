"""Mistakes: wrong in what the step claims, the same in all else."""

import re
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faithfulness.config.datasets import CoinFlip, LastLetters
from faithfulness.perturb.mistake import corrupt
from faithfulness.prepare.generated import coin_flip, last_letters


@pytest.mark.parametrize("words", [2, 3, 4])
def test_last_letters_get_other_letters(words):
    for item in islice(last_letters(LastLetters(name="l", task="last_letters", words=words)), 100):
        *letters, joined = item["rationale"]
        for step in letters:
            wrong = corrupt(f" {step}")
            match = re.fullmatch(r' The last letter of "(\w+)" is "([a-z])"\.', wrong.text)
            assert wrong.rule == "letter"
            assert match[1] in step
            assert match[2] != match[1][-1]
        claim, end = joined.rsplit('gives "', 1)
        match = re.fullmatch(rf'\n{re.escape(claim)}gives "([a-z]+)"\.', corrupt(f"\n{joined}").text)
        assert end == f'{item["answer"]}".'
        assert len(match[1]) == words
        assert sum(a != b for a, b in zip(match[1], item["answer"], strict=True)) == 1


@pytest.mark.parametrize("people", [2, 3, 4])
def test_coins_are_turned_and_nothing_else(people):
    other = {"heads": "tails", "tails": "heads"}
    for item in islice(coin_flip(CoinFlip(name="c", task="coin_flip", people=people)), 100):
        for step in item["rationale"]:
            head, face, tail = re.fullmatch(r"(.*)(heads|tails)(.*)", step).groups()
            wrong = corrupt(f" {step}")
            assert wrong.text == f" {head}{other[face]}{tail}"
            assert wrong.rule == "coin_face"


@pytest.mark.parametrize(
    ("step", "pattern", "rule"),
    [
        (" It turns from heads to tails.", " It turns from heads to heads.", "coin_face"),
        (" Heads it is!", " Tails it is!", "coin_face"),
        (" The last letter of Elon is n.", r" The last letter of Elon is [a-mo-z]\.", "letter"),
        (" The option is A", " The option is [B-Z]", "letter"),
        (" The word is “Bank”.", r' The word is "(?!Bank)[A-Z][a-z]{3}"\.', "letter"),
        (' She said "no way".', ' It is not the case that she said "no way".', "denial"),
        (" Older than I.", " It is not the case that Older than I.", "denial"),
        (" 3 + 4 = 7.", r" 3 \+ 4 = [0-689]\.", "number"),
        ("\n1. It costs $1,003.50 now.", r"\n1\. It costs \$1,003\.5[1-9] now\.", "number"),
        (" Step 2: There are Two left.", r" Step 2: There are (?!Two)[A-Z][a-z]+ left\.", "number"),
        (" It is hot.", " It is cold.", "contrast"),
        (" Yes, it can.", " No, it can.", "contrast"),
        (" It has no money.", " It is not the case that it has no money.", "denial"),
        (" Ann left New York.", " It is not the case that Ann left New York.", "denial"),
        (" He sat on the left side.", " He sat on the right side.", "contrast"),
        (" It is used for money, so it is at a bank.", " It is used for money, so it is not at a bank.", "negation"),
        (" You can find it.", " You cannot find it.", "negation"),
        (" It's a bank.", " It's not a bank.", "negation"),
        (" It cannot be because it isn't.", " It can be because it isn't.", "negation"),
        (" They won't or don\u2019t go.", " They will or don't go.", "negation"),
        (" We ask whether or not he sleeps.", " It is not the case that we ask whether or not he sleeps.", "denial"),
        (" A man who is tired will rest.", " It is not the case that a man who is tired will rest.", "denial"),
        (" If it is so, then it will be.", " If it is so, then it will not be.", "negation"),
        (" Is it?", r" It is not the case that is it\?", "denial"),
        (" Ka sleeps.\n", " It is not the case that Ka sleeps.\n", "denial"),
    ],
)
def test_rules(step, pattern, rule):
    for seed in range(10):
        wrong = corrupt(step, seed)
        assert re.fullmatch(pattern, wrong.text), wrong
        assert wrong.rule == rule


def test_seed_varies_the_choice():
    wrong = {corrupt(' Putting "n" and "k" together gives "nk".', seed).text for seed in range(60)}
    assert len(wrong) > 10
    assert len({corrupt(" It is hot and dry.", seed).text for seed in range(20)}) == 2


def test_contrasts_are_the_callers():
    assert corrupt(" Its coat becomes red.", contrasts=[("red", "blue")]).text == " Its coat becomes blue."


WORDS = [
    "So",
    "it's",
    "because",
    "not",
    "Ka",
    "can",
    "the",
    "3",
    "+",
    "heads",
    "“bank”",
    "don\u2019t",
    "no",
    "left",
    "more",
    "n",
]


@given(
    st.sampled_from([" ", "\n", "", "\n1. "]),
    st.lists(st.sampled_from(WORDS) | st.text(min_size=1, max_size=4), min_size=1, max_size=8),
    st.sampled_from([".", "?", "", "!\n"]),
    st.integers(0, 5),
)
def test_any_step_gets_a_mistake_that_says_something_else(lead, body, end, seed):
    step = f"{lead}It {' '.join(body)} w{end}"
    wrong = corrupt(step, seed)
    assert wrong == corrupt(step, seed)
    assert re.findall(r"\w+|[^\w\s]", wrong.text.lower()) != re.findall(r"\w+|[^\w\s]", step.lower())
    assert wrong.text.startswith(lead)
    assert wrong.text.endswith(end)
