"""Paraphrases: every step of the symbolic tasks is read by an independent reader of meaning."""

import re
import time
from itertools import islice, product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from faithfulness.chains.layout import kind
from faithfulness.config.datasets import CoinFlip, LastLetters, WordSums
from faithfulness.perturb.paraphrase import Paraphrase, paraphrase
from faithfulness.perturb.paraphrase_check import check, strength
from faithfulness.perturb.wording import NUMBER_WORDS
from faithfulness.prepare.generated import coin_flip, last_letters, word_sums
from faithfulness.prepare.questions import FIRST_NAMES
from faithfulness.prepare.word_sums import THINGS

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
            word_sums(WordSums(name="s", task="word_sums", terms=count + 1)),
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
    numbers = [word for word in re.findall(r"[a-z]+", step.lower()) if word in NUMBER_WORDS]
    if len(numbers) == 3:
        ((first, sign, second),) = re.findall(r"(\w+) (plus|minus) (\w+)", step.lower())
        ((result, things),) = set(re.findall(r"(\w+) ([a-z]+s)\b", step.lower())) & set(product(numbers, THINGS))
        assert sorted(numbers) == sorted((first, second, result))
        return "sum", first, sign, second, result, things
    if numbers:
        assert re.search(r"\b(first|begin|beginning|starts)\b", step), step
        (things,) = set(re.findall(r"[a-z]+", step)) & set(THINGS)
        (person,) = set(re.findall(r"\b[A-Z][a-z]+\b", step)) & set(FIRST_NAMES)
        return "first", person, *numbers, things
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
            assert written.rule in ("last_letter", "joined_letters", "coin_start", "coin_turn", "sum_start", "sum")
            assert meaning(written.text) == meaning(step), (step, written)
            assert written.text.split() != step.split()


def test_seed_and_step_vary_the_wording():
    for act in ("flips", "does not flip", "doesn't flip"):
        step = f" Ka {act} the coin, so it is now tails up."
        assert len({paraphrase(step, seed).text for seed in range(60)}) == 5
    openings = {paraphrase(f" {name} flips the coin, so it is now tails up.").text[:4] for name in FIRST_NAMES}
    assert len(openings) > 3


def test_wordings_of_a_sum_say_its_result_first_or_last():
    wordings = [paraphrase(" Nine minus five is four apples.", seed).text for seed in range(60)]
    assert len(set(wordings)) == 6
    last = [text for text in wordings if text.endswith(" four apples.")]
    assert 0.2 * len(wordings) < len(last) < 0.8 * len(wordings)


SO = ("Therefore", "Thus", "As a result", "Hence")


def test_prose_is_paraphrased_or_left_as_it_is():
    written = {step: paraphrase(f" {step}") for step in PROSE}
    assert sum(found.accepted for found in written.values()) >= 0.45 * len(PROSE) > 16
    for step, found in written.items():
        assert found.accepted or found.text == f" {step}"
        assert found.accepted or found.rule == "no_rule"


@pytest.mark.parametrize(
    ("step", "wordings"),
    [
        (" It is so because it rains.", {" It's so because it rains."}),
        (" He did not go because it rains.", {" He didn't go because it rains."}),
        (" Because Ann eats, Bob sleeps.", {" Bob sleeps given that Ann eats."}),
        (" Because Ann eats, Bob cannot.", {" Given that Ann eats, Bob can't."}),
        ("\n2. If Ann eats, then Bob sleeps.", {"\n2. Bob sleeps if Ann eats."}),
        (" It's a bank, but it isn\u2019t open.", {" It is a bank, but it is not open."}),
        (" He cannot go; they are ill.", {" He can't go; they're ill."}),
        (" Let's look at the sum.", {" Let us look at the sum."}),
        (" 3 + 4 = 7.", {" 7 = 3 + 4."}),  # in any language
        ("\n90 / 10.50 = 9", {"\n9 = 90 / 10.50"}),
        (" We have 12 - 5 = 7 apples.", {" We have 12 minus 5 equals 7 apples."}),
        (" 5 x 7 = 35, so it fits.", {" 5 times 7 equals 35, and therefore it fits.",
                                      " 5 times 7 equals 35, which is why it fits."}),
        (" So Ann left.", {f" {word}, Ann left." for word in SO}),
        (" Thus, Ann left.", {f" {word}, Ann left." for word in SO if word != "Thus"}),
        (" The profit is $5.", {" $5 is the profit."}),
        (" Therefore, the number of eggs is 7.",
         {f" {word}, 7 is the number of eggs." for word in SO if word != "Therefore"}),
        (" To find the total cost, we add the prices:", {" We add the prices to determine the total cost:",
                                                         " We add the prices to work out the total cost:"}),
        ("\n5. Calculate the total cost.", {"\n5. Work out the total cost.", "\n5. Compute the total cost."}),
        (" Jill works 50 weeks a year.", {" Jill works 50 weeks per year."}),
        (" Each glass costs 60% of the price.", {" Each glass costs 60 percent of the price."}),
        (" The coin is now heads up.", {" The coin now shows heads.", " The coin now lies heads up.",
                                        " The side of the coin that is now up is heads."}),
        (' So the code `x = "so"` and \\(3 + 4 = 7\\) are in it.',
         {f' {word}, the code `x = "so"` and \\(3 + 4 = 7\\) are in it.' for word in SO}),
    ],
)  # fmt: skip
def test_generic_rules(step, wordings):
    assert {paraphrase(step, seed).text for seed in range(60)} == wordings


# What has no other words that are certain, each case of the issue and its siblings.
UNCERTAIN = {
    "a fixed term": ("The heights are normally distributed.", "Normally distributed values were usually distributed."),
    "a range": ("He worked there 2010 - 2020.", "See pages 3 - 5.", "The score was 3 - 2.", "From 9 - 5 he works."),
    "a size": ("A 5 x 7 photo fits.", "An 8 \u00d7 10 grid fits.", "The 4 x 4 truck left.", "It has 3x zoom."),
    "a date": ("It was on 24 / 7.", "The exam was on 9/11.", "The ratio 3 : 2 is given."),
    "a degree": ("This might not nearly suffice, then.", "They were nowhere nearly ready.", "He very nearly fell."),
    "a noun": ("The need to eat grows.", "The cars may go in May.", "They sold a lot of land.", "A can of the beer."),
    "permission": ("You may leave the room.", "Members may vote.", "The law requires a licence."),
    "what is needed": ("The money they need to live was there.", "This answers what you need to know."),
    "an idiom": ("So what was the sum?", "So be it.", "So far the coin was up.", "But for Ann, Bob fell.",
                 "The train finally arrived.", "Finally, the train arrived.", "This was in total darkness."),
    "time": ("The boy was sad since she left.", "Since he left, the dog was sad.", "She was ill, since she fell."),
    "a quoted thought": ("She said that he left because the rain fell.", "He thinks Bob left because the dog fell."),
    "only": ("He left just because the rain fell.", "This was because the rain fell.", "He left partly as he fell."),
    "two parts": ("If the dog sleeps and Bob eats, Ann was there.",),
    "has": ("It's taken 3 hours.", "It's been good.", "That's become the sum.", "There's been a sum."),
    "a pronoun": ("If Ann eats, she sleeps.", "To find the sum of it, we isolate it."),
    "worth": ("He pays with a $5 bill.", "The $5 ticket was lost."),
    "an ordinal": ("Every second glass was the same.", "Every other day was the same."),
    "arranged": ("They put the books in order to find one.", "Sort the words in order to read them."),
    "a question": ("Why is that?", "Where does he need to go because the rain fell?"),
}  # fmt: skip


@pytest.mark.parametrize("step", [step for steps in UNCERTAIN.values() for step in steps])
def test_what_is_not_certain_stays_as_it_is(step):
    for seed in range(8):
        assert paraphrase(f" {step}", seed) == Paraphrase(f" {step}", "no_rule", False)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("\n```python\nx = 3 + 4 = 7\n```", "not_prose"),
        ("\n```\nSo the total is 5, because it's so.\n```", "not_prose"),
        ("`total = 3 + 4`", "not_prose"),
        ("\\[ 3 + 4 = 7 \\]", "not_prose"),
        ("$$ P(A \\cap B) = P(A) $$", "not_prose"),
        ("P(A \\cap B) = P(A)", "not_prose"),
        ("\\begin{align} x &= 5 \\end{align}", "not_prose"),
        ("| a | b |\n|---|---|\n| 3 + 4 = 7 | so it's 5 |", "not_prose"),
        ("---", "not_prose"),
        ("", "not_prose"),
        ("P(A) = P(B)", "no_rule"),
        ("# Initial number of books", "no_rule"),
        ("5. Number of apples", "no_rule"),
        ("- a library", "no_rule"),
        ("Options:", "no_rule"),
        ("\u56e0\u6b64 3 + 4 = 7 \u4e2a\u3002", "other_language"),
        ("\u041f\u043e\u044d\u0442\u043e\u043c\u0443 3 + 4 = 7.", "other_language"),
        ("\u3057\u305f\u304c\u3063\u3066\u3001\u7b54\u3048\u306f7\u3067\u3059\u3002", "other_language"),
        ("Luego sumamos los n\u00fameros: 3 + 4 = 7.", "other_language"),
        ("Also, wir addieren jetzt 3 + 4 = 7 \u00c4pfel.", "other_language"),
        ("Donc la somme est 3 + 4 = 7.", "other_language"),
        ("Portanto, ele tem 12 - 5 = 7 reais.", "other_language"),
    ],
)
def test_what_is_no_english_prose_is_left_and_says_why(step, reason):
    for seed in range(4):
        assert paraphrase(step, seed) == Paraphrase(step, reason, False)


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
        (" He went there and then he ran for his life.", " So he just ran.", "length differs too much"),
        (" He went.", " " + "Then he was on and on and " * 2, "length differs too much"),
        (" It is hot.", " In other words, it is hot.", "only an opening differs"),
        ("5. Calculate the total.", "5. Put differently, calculate the total.", "only an opening differs"),
        (" He is there.", " He is there, so to say.", "only an opening differs"),
        (" Well, he is there.", " He is there.", "only an opening differs"),
        (" The heights are normally distributed.", " The heights are usually distributed.", "terms differ"),
        (" She takes at least 3.", " She takes 3 or so.", "terms differ"),
        (" They met 2010 - 2020.", " They met 2010 minus 2020.", "arithmetic signs differ"),
        (" It is a 5 x 7 photo.", " It is a 5 times 7 photo.", "arithmetic signs differ"),
        (" The value x < 5 here.", " Here the value x > 5.", "arithmetic signs differ"),
        (" It is -5 here.", " Here it is 5.", "arithmetic signs differ"),
        (" It is not nearly enough.", " It isn't almost enough.", "words of degree differ"),
        (" It takes 20% here.", " Here it takes 20.", "units differ"),
        (" It costs $5 here.", " Here it costs 5 euros.", "units differ"),
        (" We use `x = 5` now.", " Now we use `x = 6`5.", "code or formulas differ"),
        (" Entonces sumamos 3 y 4.", " Then the two are added: 3 and 4.", "another language"),
        (" Sie geht heute nicht hin.", " Sie bleibt heute da.", "negations differ"),
        (" \u4ed6\u4eca\u5929\u4e0d\u53bb\u3002", " \u4eca\u5929\u4ed6\u4f1a\u53bb\u3002", "negations differ"),
        ("```\nx = 5\n```", " So x is 5.", "not prose"),
        (" It is in there.", " The bank has it in there.", "states the answer"),
    ],
)
def test_check_finds_what_changed(original, rewording, finding):
    assert finding in check(original, rewording, answer="bank")
    assert len(check(original, rewording, answer="bank")) < 3  # a word may be of two kinds


@pytest.mark.parametrize(
    ("original", "rewording"),
    [
        (" He did not go.", " He didn't go."),
        (" There are two (3 + 4).", " We have 2 (3 plus 4)."),
        (" The “bank” isn\u2019t it.", ' It is not the "bank".'),
        (" The bank is open.", " Open is the bank."),
        (" Ka flips it.", " It is Ka who flips it."),
        (" It costs $5 here.", " Here it costs 5 dollars."),
        (" It is 20% of it.", " 20 percent of it is it."),
        (" We have 12 - 5 = 7.", " So 12 minus 5 equals 7 for us."),
        (" \u4ed6\u4eca\u5929\u53bb\u5546\u5e97\u3002", " \u4eca\u5929\u4ed6\u53bb\u5546\u5e97\u3002"),
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
    contrasts = [(word, "x") for word in ("thus", "hence", "result", "therefore")]
    assert paraphrase(" So Ann left.").accepted
    assert paraphrase(" So Ann left.", contrasts=contrasts) == Paraphrase(" So Ann left.", "no_rule", False)


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ("He is here.", "He is here!", 0),
        ("", "", 0),
        ("He is here.", "He is there.", 1 / 3),
        ("It is hot.", "In other words, it is hot.", 3 / 6),
        ("a b c d", "d c b a", 3 / 4),
        ("3 + 4 = 7", "7 = 3 + 4", 1 / 3),
        ("It's so.", "Not at all!", 1),
        ("\u4ed6\u4eca\u5929\u53bb", "\u4eca\u5929\u4ed6\u53bb", 1 / 4),
        ("...", "so", 1),
    ],
)
def test_strength_is_the_share_of_words_changed(one, other, share):
    assert strength(one, other) == pytest.approx(share)


TEXTS = st.lists(st.sampled_from("a b c d".split()), max_size=12).map(" ".join)


@given(TEXTS, TEXTS)
def test_strength_is_symmetric_and_0_for_equal_texts_only(one, other):
    assert strength(one, other) == strength(other, one)
    assert 0 <= strength(one, other) <= 1
    assert (strength(one, other) == 0) == (one == other)


def test_strength_and_rules_take_linear_time():
    long = " ".join(f"so {number} is, because it's {number} + 1 = {number + 1}" for number in range(4000))
    start = time.process_time()
    strength(long, long[::-1])
    assert check(f" {'.' * 20_000}", f" {'. ' * 20_000}")
    for step in (
        f" {'.' * 20_000}",
        f" {'**' * 10_000}",
        f" {'a ' * 10_000}",
        f" {'3 + ' * 5_000}4 = 7",
        f" {'(' * 20_000}1",
    ):
        paraphrase(step)
    assert time.process_time() - start < 20  # seconds


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
    assert written.accepted or written.text == step
    assert re.match(r"\s*", written.text)[0] == re.match(r"\s*", step)[0]
    assert re.search(r"[.?!]?\s*$", written.text)[0] == re.search(r"[.?!]?\s*$", step)[0]


PIECES = (
    "so", "because", "it is", "they are", "does not", "never", "no", "need to", "the total", "costs $5", "60% of",
    "3 + 4 = 7", "12 - 5", "5 x 7", "in order to", "every day", "a lot of", "Ann", "New York",
    '"a bank"', "`x_1 = 2`", "\\(y = 2\\)", "only", "at least", "usually", "3 times a week", "if", ",", "two",
    "2/3", "the", "heads", "yes",
    "more", "than", "we", "So,",
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(st.sampled_from(PIECES), min_size=2, max_size=9).map(" ".join), st.integers(0, 3))
def test_numbers_names_negations_options_and_formulas_survive(body, seed):
    step = f" {body[0].upper()}{body[1:]}."
    written = paraphrase(step, seed, answer="bank").text
    for pattern in (
        r"\d+",
        r"`[^`]*`|\\\(.*?\\\)",
        r'"[^"]*"',
        "(?i)heads|yes",
        "(?i)only|at least|more",
        r"(?i)\btwo\b",
    ):
        assert sorted(re.findall(pattern, written.lower())) == sorted(re.findall(pattern, step.lower()))
    assert len(re.findall(r"(?i)\b(?:not|no|never)\b|n't", written)) == len(
        re.findall(r"(?i)\b(?:not|no|never)\b", step)
    )
    assert {"Ann", "York"} & set(re.findall(r"\w+", step)) == {"Ann", "York"} & set(re.findall(r"\w+", written))


@given(st.text(max_size=200), st.integers(0, 2))
def test_any_text_is_reworded_or_left_as_it_is(text, seed):
    written = paraphrase(text, seed)
    assert written.accepted or written.text == text
    assert not written.accepted or kind(text) == "prose"


@pytest.mark.parametrize(
    ("step", "other"),
    [
        ("He ate 3/4 + 1/8 = 7/8 of the cake.", "He ate 3/4 plus 1/8 equals 7/8 of the cake."),  # fractions stay
        ("When x = 3, y = 9.", "y = 9 when x = 3."),  # Y is another variable
        ("Can't be that he left.", "Cannot be that he left."),
        ("Won't work with that.", "Will not work with that."),
        ("I know what that is in French.", None),  # "what that's in French" is no English
        ("She knows where they are in the room.", None),
        ("The door is taller than it is wide.", None),
    ],
)
def test_forms_that_english_does_not_have(step: str, other: str | None) -> None:
    found = paraphrase(step)
    assert (found.text if found.accepted else None) == other
