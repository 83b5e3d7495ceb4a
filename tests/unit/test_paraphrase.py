"""Paraphrases: every step of the symbolic tasks is read by an independent reader of meaning."""

import re
from itertools import islice, product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from faithfulness.config.datasets import CoinFlip, LastLetters
from faithfulness.perturb.paraphrase import check, paraphrase
from faithfulness.prepare.generated import FIRST_NAMES, coin_flip, last_letters

PROSE = """\
The revolving door is used for security, so it is found at a bank.
It's a place where people can store their money.
1. The first option is a library.
2. A library does not have a revolving door because it isn't needed.
Because the bank needs security, the bank has revolving doors.
The question asks about a revolving door.
So the answer is likely a bank or a mall.
However, a department store may also have one.
The bank is a type of financial institution.
People often go to New York in order to see the city.
A person who is tired will usually rest.
This is because they need energy.
If the person is hungry, then the person will eat food.
When people eat, they often feel full.
3 + 4 = 7, so there are 7 apples.
We have 12 - 5 = 7 dollars left.
Total cost is 3 * $4.50 = $13.50.
First, we need to consider the options.
- A mall is a large building
Is it a bank?
What do people do when they are bored?
The man didn't know what to do, but he was happy.
There\u2019s a lot of traffic in Boston.
Therefore, the correct option would be the bank.
Sammy wanted to go to where the people were.
Race track isn't a place with many people.
Google Maps and other GPS services have replaced the map.
Before getting a divorce, the wife felt bad.
The word "bank" means a place for money.
Yes.
Bank
Options:
b) a library
Step 1: Identify the place.
**Step 2:** Think about it.
She said "I am fine."
He can't go because of the rain.
I'm sure that it's not only a bank.
No one knows where the fox walked from.
The fox walked from the city into the forest, looking for\
""".splitlines()  # as small models write it


def symbolic_steps():
    """Every step of many generated items of every difficulty in use, as (task, step)."""
    for count in (2, 3, 4):
        for items in (
            last_letters(LastLetters(name="l", task="last_letters", words=count)),
            coin_flip(CoinFlip(name="c", task="coin_flip", people=count)),
        ):
            for item in islice(items, 150):
                yield from (f" {step}" for step in item["rationale"])
    # What a model writes may be false: other letters, and a coin that turns by itself.
    for word, letter in product(["Jo", "Elon", "de la Cruz", "O'Neil"], "anz"):
        yield f' The last letter of "{word}" is "{letter}".'
    for parts, letters in (
        ('"n" and "k"', "nk"),
        ('"x", "y" and "z"', "xy"),
        ('"n" and "o"', "on"),
        ('"Q" and "q"', "Qq"),
    ):
        yield f'\nPutting {parts} together gives "{letters}".'
    for act, when, face in product(["flips", "does not flip"], ["now", "still"], ["heads", "tails"]):
        yield f" Ka {act} the coin, so it is {when} {face} up."


def meaning(step):
    """What a step of a symbolic task says, read by its words and not by its form."""
    quoted = re.findall(r'"([^"]*)"', step)
    bare = re.sub(r'"[^"]*"', "", step)
    faces = re.findall(r"\b(heads|tails)\b", bare)
    if len(quoted) == 2:
        assert re.search(r"\b(last|final|end|ends)\b", bare), step
        return "letter", max(quoted, key=len), min(quoted, key=len)
    if quoted:
        assert re.search(r"\b(together|joined|concatenating|side by side)\b", bare, re.IGNORECASE), step
        return "letters", *quoted
    assert len(faces) == 1, step
    if re.search(r"\b(start|starts|begin|beginning|initially)\b", bare, re.IGNORECASE):
        assert not re.search(r"\b(not|now|still|flip)", bare), step
        return "start", faces[0]
    (person,) = set(re.findall(r"\b[A-Z][a-z]+\b", bare)) - {"The", "Because", "As", "Since"}
    (act,) = re.findall(r"(does not flip|doesn't flip|flips)", bare)
    (when,) = re.findall(r"\b(now|still)\b", bare)
    assert len(re.findall(r"\bnot\b|n't", bare)) == (act != "flips"), step
    return "turn", person, act.replace("n't", " not"), when, faces[0]


def test_every_symbolic_step_keeps_its_meaning():
    steps = sorted(set(symbolic_steps()))
    assert len(steps) > 500
    for step in steps:
        for seed in range(6):
            written = paraphrase(step, seed)
            assert written.accepted, (step, written)
            assert written.rule in ("last_letter", "joined_letters", "coin_start", "coin_turn")
            assert meaning(written.text) == meaning(step), (step, written)
            assert written.text.split() != step.split()


def test_seed_and_step_vary_the_wording():
    for act in ("flips", "does not flip", "doesn't flip"):
        step = f" Ka {act} the coin, so it is now tails up."
        assert len({paraphrase(step, seed).text for seed in range(60)}) == 5
    openings = {paraphrase(f" {name} flips the coin, so it is now tails up.").text[:4] for name in FIRST_NAMES}
    assert len(openings) > 3


def test_prose_is_paraphrased():
    accepted = [paraphrase(f" {step}").accepted for step in PROSE]
    assert sum(accepted) >= 0.9 * len(PROSE) > 30


def opened(lead, body):
    """A step behind each of the openings, the last resort."""
    openings = ("In other words, ", "That is to say, ", "Put differently, ", "To put it another way, ")
    return {f"{lead}{opening}{body}" for opening in openings}


@pytest.mark.parametrize(
    ("step", "wordings"),
    [
        (" It is so because it rains.", {" Since it rains, it's so.", " Given that it rains, it's so."}),
        (" This is because it rains.", opened(" ", "this is because it rains.")),
        (" He did not go because it rains.", {" He didn't go since it rains.", " He didn't go given that it rains."}),
        (" Because Ann eats, Bob sleeps.", {" Bob sleeps since Ann eats.", " Bob sleeps given that Ann eats."}),
        (" Because Ann eats, Bob cannot.", {" Since Ann eats, Bob can't.", " Given that Ann eats, Bob can't."}),
        ("\n2. If Ann eats, then Bob sleeps.", {"\n2. Bob sleeps if Ann eats."}),
        (" If Ann eats, she sleeps.", opened(" ", "if Ann eats, she sleeps.")),
        (" It's a bank, but it isn\u2019t open.", {" It is a bank, but it is not open."}),
        (" He cannot go; they are ill.", {" He can't go; they're ill."}),
        (" It\u2019s been good.", opened(" ", "it's been good.")),
        (" 3 + 4 = 7.", {" 3 plus 4 equals 7."}),
        (" (2 \u00d7 3) - 1 = 5!", {" (2 times 3) minus 1 equals 5!"}),
        (" 7 / 2 = 3.5", {" 7 divided by 2 equals 3.5"}),
        (" So Ann left.", {f" {word}, Ann left." for word in ("Therefore", "Thus", "As a result", "Hence")}),
        (" Thus, Ann left.", {f" {word}, Ann left." for word in ("Therefore", "As a result", "Hence")}),
        (" So far Ann left.", opened(" ", "so far Ann left.")),
        (" Why is that? \n", {f"{text} \n" for text in opened(" ", "why is that?")}),
        (" He often may need to go.", {" He frequently might have to go."}),
        (" Ann left", opened(" ", "Ann left")),
    ],
)
def test_generic_rules(step, wordings):
    assert {paraphrase(step, seed).text for seed in range(60)} == wordings


@pytest.mark.parametrize(
    ("original", "rewording", "finding"),
    [
        (" It is still heads up.", " It is still tails up.", "contrasting words differ"),
        (" It is more than that.", " It is less than it.", "contrasting words differ"),
        (" There are 3 of 3.5 left.", " We have 3 of 3.7 left.", "numbers differ"),
        (" There are two left.", " We have three left.", "numbers differ"),
        (" So 3 + 4 are many.", " Thus 3 minus 4 are many.", "arithmetic signs differ"),
        (' The last letter of "Elon" is "n".', ' "Elon" ends in "m".', "quoted parts differ"),
        (" The word is 'bank' here.", " Here the word is 'banks'.", "quoted parts differ"),
        (" Then Ka gives it to Sal.", " Then Ka hands it to Jim.", "names differ"),
        (" Then Ka gives it to Sal.", " Then Ka gives it away.", "names differ"),
        (" Ka gives it away.", " Then Sal gives it away.", "names differ"),
        (" He did not go.", " He went.", "negations differ"),
        (" He went there.", " He didn't leave there.", "negations differ"),
        (" He went there.", " He went - there!", "same wording"),
        (" He went there and then he ran for his life.", " He ran.", "length differs too much"),
        (" He went.", " " + "He went on and on and " * 2, "length differs too much"),
        (" It is in there.", " The bank has it in there.", "states the answer"),
    ],
)
def test_check_finds_what_changed(original, rewording, finding):
    assert check(original, rewording, answer="bank") == [finding]


@pytest.mark.parametrize(
    ("original", "rewording"),
    [
        (" He did not go.", " He didn't go."),
        (" There are two (3 + 4).", " We have 2 (3 plus 4)."),
        (" The “bank” isn\u2019t it.", ' It is not the "bank".'),
        (" The bank is open.", " Open is the bank."),
        (" Ka flips it.", " It is Ka who flips it."),
        (" Yes.", " That is to say, yes."),
        (" The banks are it.", " It is the banks."),
    ],
)
def test_check_accepts_what_says_the_same(original, rewording):
    assert check(original, rewording, answer="bank") == []


def test_contrasts_are_the_callers():
    assert check(" It is red now.", " Now it is blue.", [("red", "blue")]) == ["contrasting words differ"]
    assert check(" It is red now.", " Now it is blue.", []) == []


def test_answer_is_not_given_away():
    # Some wordings of this step say "end"; where that is the answer, only the others may be chosen.
    step = ' The last letter of "Elon" is "n".'
    assert any(" end " in paraphrase(step, seed).text for seed in range(40))
    assert not any(" end " in paraphrase(step, seed, answer="end").text for seed in range(40))


def test_what_cannot_be_accepted_says_so():
    assert paraphrase(" Bank", contrasts=[("in", "that"), ("to", "put")]).accepted is False


WORDS = [
    "So",
    "it's",
    "because",
    "not",
    "Ka",
    "3",
    "+",
    "4",
    "=",
    "heads",
    "“bank”",
    "don\u2019t",
    "If",
    ",",
    "so",
    "may",
]
SENTENCES = st.builds(
    lambda lead, body, end: lead + " ".join(body) + end,
    st.sampled_from([" ", "\n", "", "\n1. ", " - "]),
    st.lists(
        st.sampled_from(WORDS) | st.text("abcXYZ'\u2019", min_size=1, max_size=4).map(lambda word: f"w{word}"),
        min_size=1,
        max_size=9,
    ).map(lambda body: ["It", *body]),
    st.sampled_from([".", "?", "", "!\n", ". "]),
)


@given(SENTENCES, st.integers(0, 5))
@example(" It So , because So", 0)
def test_any_sentence_keeps_its_edges_and_passes_the_check(step, seed):
    written = paraphrase(step, seed)
    assert written == paraphrase(step, seed)
    assert written.accepted == (check(step, written.text) == [])
    assert written.accepted
    assert re.match(r"\s*", written.text)[0] == re.match(r"\s*", step)[0]
    assert re.search(r"[.?!]?\s*$", written.text)[0] == re.search(r"[.?!]?\s*$", step)[0]
