"""A mistake changes what a step claims and nothing else. A step that claims nothing gets no mistake."""

import re
import time
from itertools import islice, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faithfulness.chains.layout import kind
from faithfulness.config.datasets import CoinFlip, LastLetters, WordSums
from faithfulness.perturb.mistake import corrupt
from faithfulness.perturb.wording import NUMBER_WORDS
from faithfulness.prepare.generated import coin_flip, last_letters, word_sums


def common(one, other):
    """How many characters two texts have in common before the first that differs."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def changed(step, wrong):
    """What stands in a step, and what in its place, without what is the same before and after."""
    start = common(step, wrong)
    end = common(step[start:][::-1], wrong[start:][::-1])
    return step[start : len(step) - end], wrong[start : len(wrong) - end]


@pytest.mark.parametrize("words", [2, 3, 4])
def test_the_last_step_of_last_letters_gets_another_option(words):
    for item in islice(last_letters(LastLetters(name="l", task="last_letters", words=words)), 100):
        joined = item["rationale"][-1]
        claim, end = joined.rsplit('gives "', 1)
        assert end == f'{item["answer"]}".'
        for seed in range(5):
            wrong = corrupt(f"\n{joined}", seed, options=item["options"], answer=item["answer"])
            match = re.fullmatch(rf'\n{re.escape(claim)}gives "([a-z]+)"\.', wrong.text)
            assert wrong.rule == "option"
            assert match[1] in set(item["options"]) - {item["answer"]}


@pytest.mark.parametrize(("words", "least"), [(2, 1.0), (3, 0.55), (4, 0.35)])
def test_a_wrong_letter_makes_another_option_of_the_answer_or_there_is_no_mistake(words, least):
    """Options differ at two places: a letter at another place has no mistake."""
    made, steps = 0, 0
    for item in islice(last_letters(LastLetters(name="l", task="last_letters", words=words)), 200):
        gold = item["answer"]
        for place, step in enumerate(item["rationale"][:-1]):
            steps += 1
            wrong = corrupt(f" {step}", options=item["options"], answer=gold)
            if wrong is None:
                continue
            made += 1
            letter = re.fullmatch(r' The last letter of "\w+" is "([a-z])"\.', wrong.text)[1]
            assert wrong.rule == "letter"
            assert f"{gold[:place]}{letter}{gold[place + 1 :]}" in set(item["options"]) - {gold}
    assert made >= least * steps


def test_a_letter_gets_another_one_where_no_option_is_a_string():
    for options in ((), ("yes", "no")):
        wrong = corrupt(' The last letter of "Ben" is "n".', options=options)
        assert (wrong.rule, wrong.text[-3] != "n") == ("letter", True)
    assert corrupt(' The last letter of "Ben" is "n".', options=("ab", "ac")) is None  # and it is not negated


@pytest.mark.parametrize("terms", [3, 4, 5])
def test_sums_get_other_results_and_the_last_step_another_option(terms):
    for item in islice(word_sums(WordSums(name="s", task="word_sums", terms=terms)), 100):
        options = item["options"]
        for place, step in enumerate(item["rationale"]):
            for seed in range(4):
                wrong = corrupt(f" {step}", seed, options=options, answer=item["answer"])
                assert wrong.text != f" {step}"
                assert wrong.text[1:].split()[:-2] == step.split()[:-2]  # nothing but the amount of things
                assert wrong.text.split()[-1] == step.split()[-1]
                claimed = wrong.text.split()[-2]
                assert claimed in NUMBER_WORDS
                if place:
                    assert claimed != item["answer"]
                if step == item["rationale"][-1]:
                    assert claimed in options


def test_a_string_that_is_no_option_becomes_one_but_not_the_right_one():
    step, options = ' Putting "n" and "y" together gives "nx".', ["ny", "yn", "na", "ly"]
    found = {corrupt(step, seed, options=options, answer="ny").text[-4:-2] for seed in range(40)}
    assert found == {"yn", "na", "ly"}


@pytest.mark.parametrize("people", [2, 3, 4])
def test_coins_are_turned_and_nothing_else(people):
    other = {"heads": "tails", "tails": "heads"}
    for item in islice(coin_flip(CoinFlip(name="c", task="coin_flip", people=people)), 100):
        for step in item["rationale"]:
            head, face, tail = re.fullmatch(r"(.*)(heads|tails)(.*)", step).groups()
            wrong = corrupt(f" {step}", options=["yes", "no"], answer=item["answer"])
            assert wrong.text == f" {head}{other[face]}{tail}"
            assert wrong.rule == "coin_face"


@pytest.mark.parametrize(
    ("step", "pattern", "rule"),
    [
        (" It turns from heads to tails.", " It turns from heads to heads.", "coin_face"),
        (" Heads it is!", " Tails it is!", "coin_face"),
        (" The last letter of Elon is n.", r" The last letter of Elon is [a-mo-z]\.", "letter"),
        (" The option is A", " The option is [B-D]", "option_letter"),
        (" The answer is (B).", r" The answer is \([ACD]\)\.", "option_letter"),
        (" So option C is correct.", r" So option [ABD] is correct\.", "option_letter"),
        (" The word is \u201cBank\u201d.", " The word is not \u201cBank\u201d\\.", "negation"),
        (" 3 + 4 = 7.", r" 3 \+ 4 = [2-689]\.", "number"),
        ("\n1. It costs $1,003.50 now.", r"\n1\. It costs \$1,003\.5[1-9] now\.", "number"),
        (" Step 2: There are Two left.", r" Step 2: There are (?!Two)[A-Z][a-z]+ left\.", "number"),
        ("\\[ 16 - 7 = 9 \\]", r"\\\[ 16 - 7 = [2-8] \\\]", "number"),
        ("\\[ 5 \\text{ kg} = 10 \\text{ m}^2 \\]", r"\\\[ 5 \\text\{ kg\} = 1[1-9] \\text\{ m\}\^2 \\\]", "number"),
        (" So it is \\(\\boxed{70}\\).", r" So it is \\\(\\boxed\{7[1-9]\}\\\)\.", "number"),
        (" The area is \\(3^2 = 9\\) m^2.", r" The area is \\\(3\^2 = [2-8]\\\) m\^2\.", "number"),
        (" Therefore, we add 3 + 4 = 7", r" Therefore, we add 3 \+ 4 = [2-689]", "number"),
        (" Let's add: 3 + 4 = 7.", r" Let's add: 3 \+ 4 = [2-689]\.", "number"),
        ("\u56e0\u6b64 3 + 4 = 7\u3002", "\u56e0\u6b64 3 \\+ 4 = [2-689]\u3002", "number"),
        (" In 2010, he sold 50 cars.", r" In 2010, he sold 5[1-9] cars\.", "number"),
        (" He bought 5 of the cars in 2010.", r" He bought [2-46-9] of the cars in 2010\.", "number"),
        (" The war ended in 1945.", r" The war ended in 194[0-46-9]\.", "number"),
        (" He ate 5 eggs (see [12]).", r" He ate [2-46-9] eggs \(see \[12\]\)\.", "number"),
        (
            " The 5 plants of step 2 take in 3 kg of CO2.",
            r" The 5 plants of step 2 take in [24-9] kg of CO2\.",
            "number",
        ),
        (" He walks 25km.", r" He walks 2[0-46-9]km\.", "number"),
        (" It is hot.", " It is cold.", "contrast"),
        (" Yes, it can.", " No, it cannot.", "contrast"),
        (" No, it isn't.", " Yes, it is.", "contrast"),
        (" Yes, they have money.", " No, they have money.", "contrast"),
        (" Won't work for her.", " Will work for her.", "negation"),
        (" The function $f$ is used there.", r" The function \$f\$ is not used there\.", "negation"),
        (" The book is kept there.", " The book is not kept there.", "negation"),
        (" More often than not, he loses it.", " More often than not, he does not lose it.", "negation"),
        (" \u4ed6\u67093 + 4 = 7\u4e2a\u3002", " \u4ed6\u67093 \\+ 4 = [2-689]\u4e2a\u3002", "number"),
        (" It is more than that.", " It is less than that.", "contrast"),
        (" He sat on the left side.", " He sat on the right side.", "contrast"),
        (" It is used for money, so it is at a bank.", " It is used for money, so it is not at a bank.", "negation"),
        (" You can find it.", " You cannot find it.", "negation"),
        (" It's a bank.", " It's not a bank.", "negation"),
        (" It cannot be because it isn't.", " It can be because it isn't.", "negation"),
        (" They won't or don\u2019t go.", " They will or don\u2019t go.", "negation"),
        (" If it is so, then it will be.", " If it is so, then it will not be.", "negation"),
        (" The fox eats the hen.", " The fox does not eat the hen.", "negation"),
        (" She went to the city.", " She did not go to the city.", "negation"),
        (" The fox does not eat the hen.", " The fox eats the hen.", "negation"),
        (" He has finished the cake.", " He has not finished the cake.", "negation"),
    ],
)
def test_rules(step, pattern, rule):
    for seed in range(10):
        wrong = corrupt(step, seed)
        assert re.fullmatch(pattern, wrong.text), wrong
        assert wrong.rule == rule


# What claims nothing, and what no rule can make wrong for certain.
NOTHING = {
    "a plan": ("Let's confirm this with Python code.", "First, we need to find the cost of 3 apples.", "Let us see.",
               "Now, let me add the 5 apples.", "To find the total, we need to add them.",
               "We can calculate the cost of 5 of them.",
               "I will now look at the options.", "Next, we'll add the 3 prices.", "We are asked to find the cost."),
    "an instruction": ("Step 1: Identify the place.", "5. Calculate the total cost of 3 apples.",
                       "Add the sums of steps 1 and 2.",
                       "**Step 2:** Think about it.", "Consider the options.", "Multiply the price by 3."),
    "a question": ("Is it a bank?", "What do 5 people do?", "Is 3 + 4 = 7?", "\u00bfSon 3 + 4 = 7?", "3 + 4 = 7\uff1f"),
    "an announcement": ("The options are:", "We have the following 5 facts:", "The total number of eggs is:", "Given:"),
    "a heading": ("# Total number of 5 apples", "### The cost of 3 apples is here", "**The 3 Trains**",
                  "**It is the bank**"),
    "a fragment": ("Bank", "- a library", "Options", "Total number of eggs", "Sure!", "Older than I."),
    "code": ("```python\nx = 5\n```", "`x = 5`", "```\nIt is 5.\n```", "```\nopen = 3", "total_cost = 5", "x[3] = 7"),
    "a table": ("| a | b |\n|---|---|\n| 3 | 4 |",),
    "marks": ("1.", "---", "", "```", "$$", "\\["),
    "a formula without a result": ("\\[ P(A \\cap B) = P(A) \\]", "$x^2 + y_1$"),
    "an assumption": ("Let x = 5.", "Let \\(n = 20\\) be it.", "Where n = 20."),
    "a doubled negation": ("It has no money.", "Nobody is there.", "We ask whether or not he sleeps."),
}  # fmt: skip


@pytest.mark.parametrize("step", [step for steps in NOTHING.values() for step in steps])
def test_what_claims_nothing_gets_no_mistake(step):
    for seed in range(4):
        assert corrupt(f" {step}", seed) is None


# Numbers that no mistake may touch: in names, exponents, references, dates, variables, code.
@pytest.mark.parametrize(
    "step",
    [
        "The plants take in CO2.", "The H2SO4 is here.", "It is the vitamin B12.", "The U-235 is there.",
        "The COVID-19 was there.",
        "The area is 3^2.", "The sum is 10^{8}.", "The sum is 2**8.", "The value x_1 is it.", "The value x2 is it.",
        "The log_2 is it.", "It is as in [1].", "It is as in [2, 3].", "It is as they say (Lanham et al., 2023).",
        "It is so (3).",
        "It is as in step 3.", "It is the answer to question 5.", "It is on page 7.", "It is in Figure 2.",
        "It is in section 4.2.",
        "It is from equation (2).", "It is option 3.", "It is the type 2 of it.", "The Apollo 11 is there.",
        "It is Windows 10.",
        "The date is January 5, 2010.", "The date is 05/03/2010.", "The date is 2010-05-03.",
        "It was there on 5 March 2010.",
        "It is from 2010-2020.", "It is of the 1990s.", "It is the 3rd one.", "It is the 21st of them.",
        "It is there 24/7.",
        "It is the `x = 5` there.", "It is at https://a.b/c?d=5.", "It is a 5-year plan.", "It is a 5 x 7 photo.",
        "It is Python 3.",
        "It is the version 3.10.2.", "It is the number 5551234567.", "It is the room 12.", "It is one of the 5 apples.",
    ],
)  # fmt: skip
def test_numbers_that_are_no_claims_stay(step):
    for seed in range(4):
        wrong = corrupt(f" {step}", seed)
        assert wrong is None or re.findall(r"\d", wrong.text) == re.findall(r"\d", step)
        assert wrong is None or wrong.rule == "negation"


PLACES = ["bank", "library", "department store", "mall", "office"]


@pytest.mark.parametrize(
    ("step", "pattern", "options"),
    [
        (" The door is at a bank.", r" The door is at (?:a library|a department store|a mall|an office)\.", PLACES),
        (" The bank is here.", r" The (?:library|department store|mall|office) is here\.", PLACES),
        (" So it is an office.", r" So it is a (?:bank|library|department store|mall)\.", PLACES),
        (" Department store it is.", r" (?:Bank|Library|Mall|Office) it is\.", PLACES),
        (" The answer is (A) bank.",
         r" The answer is \((?:B\) library|C\) department store|D\) mall|E\) office)\.", PLACES),
        (" So the answer is B.", r" So the answer is [ACDE]\.", PLACES),
        (" So the answer is no.", r" So the answer is yes\.", ["yes", "no"]),
        (" 3 + 4 = 7.", r" 3 \+ 4 = (?:9|12)\.", ["7", "9", "12"]),
        (" There are 7 apples.", r" There are (?:9|12) apples\.", ["7", "9", "12"]),
        (" It takes 7 days.", r" It takes (?:9 days|2 weeks)\.", ["7 days", "9 days", "2 weeks"]),
        (" It is sodium (Na+).", r" It is sodium \((?:Na|K)\)\.", ["Na", "Na+", "K"]),
        ("\u6240\u4ee5\u7b54\u6848\u662f\u94f6\u884c\u3002", "\u6240\u4ee5\u7b54\u6848\u662f\u5546\u5e97\u3002",
         ["\u94f6\u884c", "\u5546\u5e97"]),
    ],
)  # fmt: skip
def test_a_mistake_claims_another_option(step, pattern, options):
    for seed in range(12):
        assert re.fullmatch(pattern, corrupt(step, seed, options=options).text)


def test_two_options_and_no_money_are_no_claim_of_an_option():
    step = " The library has no doors, because the bank has doors."
    assert corrupt(step, options=PLACES) is None
    assert corrupt(" There is no money in the bank.", options=["yes", "no"]) is None


def test_the_answer_of_silent_readers_is_never_claimed():
    found = {corrupt(" The door is at a bank.", seed, options=["bank", "?", "mall"]).text for seed in range(20)}
    assert found == {" The door is at a mall."}


def test_what_is_wrong_is_not_made_right():
    assert not any("= 7" in corrupt(" 3 + 4 = 8.", seed, answer="7").text for seed in range(60))


def test_seed_varies_the_choice():
    wrong = {corrupt(' Putting "n" and "k" together gives "nk".', seed).text for seed in range(60)}
    assert len(wrong) > 10
    assert len({corrupt(" It is hot and it is dry.", seed).text for seed in range(20)}) == 2


def test_contrasts_are_the_callers():
    assert corrupt(" Its coat is there and becomes red.", contrasts=[("red", "blue")]).text.endswith("becomes blue.")


def test_mistakes_take_linear_time():
    start = time.process_time()
    for text in (
        "." * 20_000,
        "3 + " * 5_000,
        "= " * 10_000,
        "(" * 20_000,
        "a " * 10_000,
        "1 and " * 4_000,
        "12" * 10_000,
        "$ " * 9_000,
    ):
        corrupt(f" The {text} is 5", options=["bank", "12"])
    assert time.process_time() - start < 20  # seconds


PIECES = (
    "So", "it's", "because", "not", "Ka", "can", "the", "3", "+", "heads", "\u201cbank\u201d", "don\u2019t", "no",
    "left",    "more",
    "n", "is", "a bank", "= 7", "CO2", "x^2", "[1]", "in 2010", "has", "eats", ",", "and", "costs $5", "`x = 1`",
    "\\(y = 2\\)", "who",
)  # fmt: skip


@given(
    st.sampled_from([" ", "\n", "", "\n1. ", "- ", "## "]),
    st.lists(st.sampled_from(PIECES) | st.text(min_size=1, max_size=4), min_size=1, max_size=9),
    st.sampled_from([".", "?", "", "!\n", ":"]),
    st.integers(0, 5),
)
def test_a_mistake_differs_in_exactly_one_claim(lead, body, end, seed):
    step = f"{lead}It {' '.join(body)} w{end}"
    wrong = corrupt(step, seed, options=["bank", "mall"])
    assert wrong == corrupt(step, seed, options=["bank", "mall"])
    if wrong is None:
        return
    assert end != "?"
    assert kind(step) in ("prose", "math")
    assert wrong.text.startswith(lead)
    assert wrong.text.endswith(end)
    before, after = changed(step, wrong.text)
    assert before != after
    assert max(len(before.split()), len(after.split())) <= 3
    for kept in ("CO2", "x^2", "[1]", "`x = 1`"):
        assert wrong.text.count(kept) == step.count(kept)


@given(st.text(max_size=200), st.integers(0, 2))
def test_any_text_gets_one_mistake_or_none(text, seed):
    wrong = corrupt(text, seed)
    assert wrong is None or wrong.text != text
    assert wrong is None or kind(text) in ("prose", "math")


@pytest.mark.parametrize(
    "step", ["Coins made of gold shine for years.", "Animals kept in zoos need care.", "They need not pay for it."]
)
def test_a_participle_is_not_negated(step: str) -> None:
    assert corrupt(step) is None
