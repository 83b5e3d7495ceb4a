"""Conflict chains: they lead to their target, do not contradict themselves and keep their form, or they are refused."""
# ruff: noqa: RUF001 - signs of many forms

import re
from fractions import Fraction
from itertools import accumulate, islice

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from faithfulness import prompts
from faithfulness.chains import steps as splitting
from faithfulness.config.datasets import CoinFlip, LastLetters
from faithfulness.perturb import conflict
from faithfulness.perturb.apply import shared_options
from faithfulness.perturb.arithmetic import read
from faithfulness.perturb.carry import leading_elsewhere
from faithfulness.perturb.concluded import concluded
from faithfulness.perturb.donors import donors
from faithfulness.perturb.wording import NUMBER_WORDS
from faithfulness.prepare.generated import coin_flip, last_letters

WORD_OF = {int(number): word for word, number in NUMBER_WORDS.items()}
KINDS = {"kinds": ["carry", "swap"], "targets": 1}


def chain_of(item, text=None, conclusion=""):
    """A row of the chains table without token ids: the worked chain of an item, or another text."""
    text = prompts.chain_text(item["rationale"]) if text is None else text
    written = [text[start:end] for start, end in splitting.split(text)]
    keys = {"item_id": item["item_id"], "sample": 0, "seed": 0, "tokenizer_hash": None}
    return keys | {"steps": written, "conclusion": conclusion, "chain_ids": None, "step_offsets": None}


def perturbed(chain, item, seed=0, **settings):
    return conflict.perturb(chain, item=item, seed=seed, conflict=KINDS | settings)


def carried(item, text=None, seed=0):
    (row,) = perturbed(chain_of(item, text), item, seed, kinds=["carry"])
    return row


def question(text, options=None, answer="", item_id="i"):
    return {
        "item_id": item_id,
        "question": text,
        "options": options,
        "answer": answer,
        "answers": None,
        "letters": False,
    }


def words(text):
    return re.findall(r"\w+", text)


def differing(one, other):
    """Pairs of words that differ between two texts of as many words."""
    assert len(words(one)) == len(words(other))
    return [(a, b) for a, b in zip(words(one), words(other), strict=True) if a != b]


# Coins


def outcome(text):
    """What a chain about a coin leads to by its own acts, and whether every face that it names agrees with them."""
    (start,) = re.findall(r"The coin starts (heads|tails) up\.", text)
    up, agrees = start == "heads", True
    for act, when, face in re.findall(
        r"\w+ (flips|does not flip) the coin, so it is (now|still) (heads|tails) up", text
    ):
        up ^= act == "flips"
        agrees &= (face == "heads") == up and (when == "now") == (act == "flips")
    return "yes" if up else "no", agrees


@given(st.integers(0, 10**6), st.integers(2, 8), st.integers(0, 50), st.integers(0, 5))
def test_a_turned_coin_leads_to_its_target(task_seed, people, number, seed):
    item = next(islice(coin_flip(CoinFlip(name="c", task="coin_flip", people=people, seed=task_seed)), number, None))
    chain = chain_of(item)
    row = carried(item, seed=seed)
    before = "".join(chain["steps"])
    assert row["accepted"]
    assert (row["cut"], row["variant"], row["rule"]) == (1, "carry", "act")
    assert outcome(row["text"]) == (row["target"], True)
    assert row["target"] not in (item["answer"], concluded(chain["steps"], "", item))
    assert len(splitting.split(row["text"])) == len(chain["steps"])
    # One act is another, and nothing else but faces and what says how they came about.
    acts = [re.findall(r"(\w+) (flips|does not flip)", text) for text in (before, row["text"])]
    assert sum(one != other for one, other in zip(*acts, strict=True)) == 1
    same = [re.sub(r"flips|does not flip|now|still|heads|tails", "", text) for text in (before, row["text"])]
    assert same[0] == same[1]


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        (
            " The coin starts heads up. Ben doesn't flip the coin, so the coin is still heads up.",
            " The coin starts heads up. Ben flips the coin, so the coin is now tails up.",
        ),
        (
            " The coin is heads up. Ben flipped it. Now it shows tails.",
            " The coin is heads up. Ben did not flip it. Now it shows heads.",
        ),
        (
            " It starts on heads.\nThe coin is now tails up, as Ben flips it.",
            " It starts on heads.\nThe coin is still heads up, as Ben does not flip it.",
        ),
    ],
)
def test_coins_in_other_words(text, changed):
    item = question("A coin is heads up. Is the coin still heads up?", ["yes", "no"])
    item["answer"] = concluded(chain_of(item, text)["steps"], "", item)
    assert carried(item, text)["text"] == changed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" The coin starts heads up. Ben flips the coin, so it is still heads up.", "inconsistent"),
        (" The coin starts heads up. It stays like this, heads up.", "inconsistent"),
        (" The coin starts heads up. Ben flips the coin, so it is no longer heads up.", "not_read"),
        (" The coin starts heads up. Ben flips it, and Al turns it over again, so it is heads up.", "not_read"),
        (" Nobody knows.", "not_concluding"),
    ],
)
def test_coins_that_cannot_be_turned(text, reason):
    item = question("Is the coin still heads up?", ["yes", "no"], "yes")
    item["answer"] = concluded(chain_of(item, text)["steps"], "", item) or "yes"
    row = carried(item, text)
    assert (row["accepted"], row["target"], row["rule"], row["text"]) == (False, None, reason, "")


def test_the_only_other_option_is_no_target_if_it_is_right():
    text = " The coin starts heads up. Ben flips the coin, so it is now tails up."
    item = question("Is the coin still heads up?", ["yes", "no"], "yes")
    assert carried(item, text)["rule"] == "no_target"
    ring = donors([chain_of(item, text) | {"item_id": "j"}])
    given = {"conflict": {"kinds": ["swap"], "targets": 1}, "donors": ring, "sharing": {"i": item, "j": item}}
    (row,) = conflict.perturb(chain_of(item, text), item=item, seed=0, **given)
    assert row["rule"] == "no_target"


# Letters


def spelled(text):
    """The letters that a chain names one by one, those that it lists, and what it puts them together to."""
    named = "".join(re.findall(r'last letter of "\w+" is "(\w)"', text))
    (putting,) = re.findall(r"Putting (.*) together gives", text)
    (joined,) = re.findall(r'gives "(\w+)"', text)
    return named, "".join(re.findall(r'"(\w)"', putting)), joined


@given(st.integers(0, 10**6), st.integers(2, 8), st.integers(0, 20), st.integers(0, 5))
def test_other_letters_lead_to_their_target(task_seed, count, number, seed):
    settings = LastLetters(name="l", task="last_letters", words=count, seed=task_seed)
    item = next(islice(last_letters(settings), number, None))
    chain, row = chain_of(item), carried(item, seed=seed)
    assert row["accepted"]
    assert row["rule"] == "letter"
    assert set(spelled(row["text"])) == {row["target"]}
    assert row["target"] in set(item["options"]) - {item["answer"]}
    # One letter where an option is that near: it stands in its own step, in the list and in the string.
    assert len(differing("".join(chain["steps"]), row["text"])) == 3


def test_letters_in_other_words():
    item = question("Take the last letters.", ["nkr", "nky", "ykn"], "nkr")
    text = " The word “Ben” ends in the letter “n”. The last letter of “Mark” is “k”. Together: “n”, “k”: “nk”."
    text += " The last letter of “Baker” is “r”. So we get “nkr”."
    assert carried(item, text)["rule"] == "not_read"  # two letters listed again, of three
    text = text.replace("Together: “n”, “k”: ", "Together they are ")
    assert carried(item, text)["text"] == text.replace("“r”", "“y”").replace("“nkr”", "“nky”")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            ' The last letter of "Ben" is "n". The last letter of "Amy" is "y". Putting "k" and "y" together '
            'gives "ny".',
            "inconsistent",
        ),
        (' The letters give "ny".', "no_fact"),
    ],
)
def test_letters_that_cannot_be_changed(text, reason):
    assert carried(question("?", ["ny", "nx"], "ny"), text)["rule"] == reason


# Sums in words


@st.composite
def word_sums(draw):
    """A question in number words and its chain, all amounts from 2 to the largest that has a word here."""
    most = max(WORD_OF)
    total = draw(st.integers(2, most))
    chain, facts = [f"At first, Ben has {WORD_OF[total]} pens."], [total]
    for _ in range(draw(st.integers(2, 4))):
        amount = draw(st.integers(2, 5))
        sign = draw(
            st.sampled_from(
                [s for s, ok in (("plus", total + amount <= most), ("minus", total - amount >= 2)) if ok] or [""]
            )
        )
        assume(sign)
        before, total = total, total + (amount if sign == "plus" else -amount)
        facts.append(amount)
        chain.append(
            f"{WORD_OF[before].capitalize()} {sign} {WORD_OF[amount]} is {WORD_OF[total]}"
            f"{draw(st.sampled_from([' pens', '']))}."
        )
    low = draw(st.integers(max(2, total - 3), min(most - 3, total)))
    options = [WORD_OF[low + place] for place in range(4)]
    asked = " ".join(f"{WORD_OF[fact]} pens." for fact in facts)
    return question(asked, options, WORD_OF[total]) | {"rationale": chain}


@given(word_sums(), st.integers(0, 5))
def test_sums_in_words_lead_to_their_target(item, seed):
    row = carried(item, seed=seed)
    if not row["accepted"]:
        assert row["rule"] == "no_consistent"
        return
    before, after = prompts.chain_text(item["rationale"]), row["text"]
    (total,) = re.findall(r"At first, Ben has (\w+) pens", after)
    for one, sign, other, result in re.findall(r"(\w+) (plus|minus) (\w+) is (\w+)", after):
        assert one.lower() == total
        value = int(NUMBER_WORDS[total]) + int(NUMBER_WORDS[other]) * (1 if sign == "plus" else -1)
        assert int(NUMBER_WORDS[result]) == value
        total = result
    assert total == row["target"] in set(item["options"]) - {item["answer"]}
    assert item["answer"] not in words(after.lower())
    assert all(a.lower() in NUMBER_WORDS and b.lower() in NUMBER_WORDS for a, b in differing(before, after))
    assert [a[0].isupper() for a in words(before)] == [b[0].isupper() for b in words(after)]


def test_most_sums_in_words_can_be_changed():
    made = []

    @given(word_sums())
    def count(item):
        made.append(carried(item)["accepted"])

    count()
    assert sum(made) > 0.6 * len(made)


# Equations

CLIPS = [" Natalia sold 48/2 = 24 clips in May.", "\nNatalia sold 48+24 = 72 clips altogether."]
KNOWN = {
    "a result is an operand": ("48 clips, half as many", CLIPS, "75", ("48", "50"), ("24", "25"), ("72", "75")),
    "reused two steps later": (
        "14 pages, then 8, and 5 a day",
        [" She read 14 * 2 = 28 pages.", "\nThen 5 + 8 = 13 more.", "\nOf the 28 pages, 28 - 13 = 15 are new."],
        "35",
        ("14", "24"),
        ("28", "48"),
        ("15", "35"),
    ),
    "said before it is computed": (
        "72 ounces, 8 each, with 2 more",
        [" She needs 9 ounces because 72 / 8 = 9.", "\nWith 2 more she needs 9 + 2 = 11."],
        "12",
        ("72", "80"),
        ("9", "10"),
        ("11", "12"),
    ),
    "money": (
        "$1.50 an apple, 4 apples, a $12 meal",
        [" The apples cost $1.50 x 4 = $6.00.", "\nAll of it costs $12 + $6.00 = $18.00."],
        "20",
        ("1.50", "2.00"),
        ("6.00", "8.00"),
        ("18.00", "20.00"),
    ),
    "thousands": (
        "a house of $80,000 and repairs of $50,000",
        [r" \[ \text{Value} = \text{Old} + \text{Repairs} = 80,000 + 50,000 = 130,000 \]", "\nIt is worth $130,000."],
        "140,000",
        None,
        None,
        ("130,000", "140,000"),
    ),
    "LaTeX": (
        "30 bees an hour for 6 hours, half of them return",
        [r" They are \(30 \times 6 = 180\) bees.", "\n" + r"\[ \frac{180 \text{ bees}}{2} = 90 \text{ bees} \]"],
        "120",
        None,
        ("180", "240"),
        ("90", "120"),
    ),
    "percent": (
        "20% of 50 students",
        [" 20% of 50 is 10.", "\nSo 50 - 10 = 40 students are left."],
        "48",
        ("50", "60"),
        ("10", "12"),
        ("40", "48"),
    ),
    "one side after the other": (
        "12 and 3 of $5 each",
        [" It is 12 + 5 * 3 = 27 in all.", "\nThat makes 27 * 2 = 54."],
        "64",
        None,
        ("27", "32"),
        ("54", "64"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_known_answers(name):
    asked, chain, target, *changes = KNOWN[name]
    old = changes[-1][0]
    item = question(asked, [old, target, "1000001"], old)
    row = carried(item, "".join(chain))
    assert (row["accepted"], row["target"]) == (True, target)
    for before, after in filter(None, changes):
        assert re.search(rf"(?<![\d.,]){re.escape(after)}(?![\d,]|\.\d)", row["text"])
        assert not re.search(rf"(?<![\d.,]){re.escape(before)}(?![\d,]|\.\d)", row["text"])
    assert re.sub(r"[\d.,]", "", row["text"]) == re.sub(r"[\d.,]", "", "".join(chain))


REFUSED = {
    "algebra": ("5 pens and 20 more", " Let x be the price.\n3x + 5 = 20.\nSo it is 20 - 5 = 15."),
    "no_equation": ("5 pens and 4 more", " There are five pens and 4 more.\nSo there are 9."),
    "not_computed": ("5 pens and 4 more", " There are 5 + 4 = 9 pens.\nAl takes 1 of them, which leaves 8."),
    # Twice nine is another number.
    "not_computed ": ("5 pens and 4 more", " There are 5 + 4 = 9 pens.\nTwice as many are 2 * 9 = 17."),
    # 24 comes from 12 by words.
    "no_fact": (
        "12 pens, twice as many books",
        " She has 12 pens.\nShe has twice as many books, so 24.\nThat is 12 + 24 = 36.",
    ),
    "no_fact ": ("three pens", " For all three pens she pays 3 * 2 = 6."),
    # Six is a fact and a result; which of the two is the second 6?
    "no_consistent": ("3 bags, of $2, 6 cards", " The bags cost 3 * 2 = 6.\nWith 6 cards she has 6 + 6 = 12."),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_chains_with_equations_that_are_refused(reason):
    asked, text = REFUSED[reason]
    item = question(asked, None, "1")
    item["answer"] = concluded(chain_of(item, text)["steps"], "", item)
    row = carried(item, text)
    assert (row["accepted"], row["target"], row["rule"]) == (False, None, reason.strip())


def test_another_fact_is_changed_where_a_division_would_not_be_whole():
    text = " Each box holds 30 / 6 = 5 pens.\nWith 7 more she has 5 + 7 = 12."
    item = question("30 pens in 6 boxes, and 7 more", None, "12")
    made = leading_elsewhere(chain_of(item, text)["steps"], "12", None, item, 0)
    chains = ["".join(led.steps) for led in islice(made, 30)]
    assert len(chains) > 5
    for chain in chains:
        whole, per, result = map(int, re.findall(r"(\d+) / (\d+) = (\d+)", chain)[0])
        assert whole == per * result


def test_what_compares_keeps_its_order():
    text = " Al has 20 - 8 = 12 pens.\nBo has 9 pens.\nAs 12 is more than 9, Al has more: 12 - 9 = 3."
    item = question("20 pens, Al gives away 8, Bo has 9", None, "3")
    for led in islice(leading_elsewhere(chain_of(item, text)["steps"], "3", None, item, 0), 20):
        first, second = map(int, re.findall(r"As (\d+) is more than (\d+)", "".join(led.steps))[0])
        assert first > second


SIGNS = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b}
TIMES, OVER = st.sampled_from(["*", "x", "×", r"\times"]), st.sampled_from(["/", "÷"])


@st.composite
def computations(draw):
    """A question and a chain in which each step goes on from results and facts."""
    facts = [draw(st.integers(3, 400)) for _ in range(draw(st.integers(2, 5)))]
    values, written = list(map(Fraction, facts)), []
    for _ in range(draw(st.integers(1, 4))):
        one, other = draw(st.sampled_from(values)), draw(st.sampled_from(values))
        sign = draw(st.sampled_from("+-*/"))
        assume(sign != "/" or other)
        value = SIGNS[sign](one, other)
        assume(value > 0 and value.denominator == 1 and value < 10**6)
        shown = draw({"*": TIMES, "/": OVER}.get(sign, st.just(sign)))
        money = draw(st.sampled_from(["", "$"]))
        written.append(f"This is {money}{one} {shown} {money}{other} = {money}{value} in all.")
        values.append(value)
    return question(f"There are {', '.join(map(str, facts))}.", None, str(values[-1])) | {"rationale": written}


@given(computations(), st.integers(0, 3))
def test_computations_stay_right_and_lead_to_another_number(item, seed):
    chain = chain_of(item)
    (row,) = perturbed(chain, item, seed, kinds=["carry"])
    if not row["accepted"]:
        assert row["target"] is None
        return
    before, after = "".join(chain["steps"]), row["text"]
    equation = r"([\d,]+) (\S+) \$?([\d,]+) = \$?([\d,]+)"
    plain = {"x": "*", "×": "*", r"\times": "*", "÷": "/"}
    for one, sign, other, result in re.findall(equation, after.replace("$", "")):
        numbers = [Fraction(number.replace(",", "")) for number in (one, other, result)]
        assert SIGNS[plain.get(sign, sign)](*numbers[:2]) == numbers[2]
    last = re.findall(r"\d+", after)[-1]
    assert last == row["target"].removeprefix("$") != item["answer"]
    assert item["answer"] not in re.findall(r"\d+", after)
    assert re.sub(r"\d+", "", before) == re.sub(r"\d+", "", after)
    assert len(splitting.split(after)) == len(chain["steps"])


def test_brackets_without_end_and_long_chains_are_read():
    assert not read(["(" * 5000 + "3" + " + 4" * 2000]).equations
    text = "".join(f" There are {n} + 3 = {n + 3} of them.\n" for n in range(100, 400))
    item = question(" ".join(map(str, range(400))), None, "402")
    assert carried(item, text)["variant"] == "carry"


# What a chain concludes

YES_NO = question("Is it so?", ["yes", "no"], "yes")
WORDS = question("How many?", ["three", "five", "four", "six"], "four")
DIGITS = question("How many?", ["5", "3", "4", "8"], "4")


@pytest.mark.parametrize(
    ("item", "steps", "conclusion", "answer"),
    [
        (question("How many?", None, "7"), [" 3 + 4 = 7."], "", "7"),
        (question("How many?", None, "7"), [" 3 + 4 = 8.", " Done."], "", "8"),
        (question("How many?", None, "7"), [" 3 + 4 = 8."], " The answer is 9.", "9"),
        (question("How many?", None, "7"), [" Who knows."], "", None),
        (question("How many?", None, "7"), [" 5. So there are 3 + 4 = 7 of them."], "", "7"),
        (question("Which?", ["river", "bank"], "bank"), [" It is a bank."], "", "bank"),
        (question("Which?", ["river", "bank"], "bank"), [" A river has a bank."], "", None),
        (question("Which?", ["river", "bank"], "bank"), [" So it is the river."], "\nAnswer: bank", "bank"),
        (question("Still heads up?", ["yes", "no"], "yes"), [" The coin is now tails up."], "", "no"),
        (question("Still tails up?", ["yes", "no"], "yes"), [" The coin is now tails up."], "", "yes"),
        (question("How many?", ["two", "three"], "two"), [" Five minus two is three pens."], "", "three"),
        (YES_NO, [" Hm."], "", None),
        (YES_NO, [" There is no rule against it, so he may."], "", None),
        (YES_NO, [" So no."], "", "no"),
        (YES_NO, [" No, it is not."], "", "no"),
        (question("Which?", ["river", "bank"], "bank"), [" So it cannot be the bank."], "", None),
        (question("Which?", ["not sure", "bank"], "bank"), [" So I am not sure."], "", "not sure"),
        # What a chain ends with is no option, though a step before it is one.
        (WORDS, [" Nine minus five is four.", " Four plus six is ten."], "", None),
        (WORDS, [" Nine minus five is four.", " Four plus nine is thirteen pens."], "", None),
        (WORDS, [" Nine minus five is four.", " Four minus four is zero."], "", None),
        (WORDS, [" Nine minus five is four.", " Four plus six is 10."], "", None),
        (WORDS, [" Nine minus five is four.", " Done."], "", "four"),
        (WORDS, [" Nine minus five is four."], " The answer is ten.", None),
        (WORDS | {"letters": True}, [" Nine minus five is four."], " The answer is (B).", "five"),
        (DIGITS, [" 20 - 12 = 8.", " 8 + 6 = 14."], "", None),
        (DIGITS, [" 20 - 12 = 8.", " That is all."], "", "8"),
        (DIGITS, [" 20 - 12 = 8."], " The answer is 14.", None),
        (DIGITS | {"letters": True}, [" 20 - 12 = 8."], " The answer is (B).", "3"),
        (question("Join.", ["nky", "nkr"], "nky"), [' So it is "nky".', ' Together they give "nkx".'], "", None),
        (question("Which?", ["river", "bank"], "bank"), [" It is a bank."], " The answer is a lake.", None),
    ],
)
def test_concluded(item, steps, conclusion, answer):
    assert concluded(steps, conclusion, item) == answer


# Swaps, rows and targets


def letters(text):
    return list(text.encode())


def with_ids(chain):
    """The chain with one token a character."""
    ends = list(accumulate(len(step) for step in chain["steps"]))
    offsets = [[start, end] for start, end in zip([0, *ends], ends, strict=False)]
    return chain | {"chain_ids": letters("".join(chain["steps"])), "step_offsets": offsets, "tokenizer_hash": "h"}


@pytest.fixture
def coins():
    items = list(islice(coin_flip(CoinFlip(name="c", task="coin_flip", people=3)), 40))
    return {item["item_id"]: item for item in items}, [with_ids(chain_of(item)) for item in items]


def test_a_swap_is_the_whole_chain_of_another_item(coins):
    items, chains = coins
    ring = donors(chains)
    assert shared_options(items)
    for chain in chains:
        item = items[chain["item_id"]]
        given = {
            "conflict": {"kinds": ["swap"], "targets": 2},
            "donors": ring,
            "sharing": items,
            "encode": letters,
        }
        rows = conflict.perturb(chain, item=item, seed=0, **given)
        assert [row["cut"] for row in rows] == [1, 2]
        for row in rows:
            assert row["accepted"]
            assert outcome(row["text"]) == (row["target"], True)
            assert row["target"] != item["answer"]
            assert row["text"] in {"".join(c["steps"]) for c in chains if c["item_id"] != chain["item_id"]}
            assert bytes(row["chain_ids"]).decode() == row["text"]
        assert rows[0]["text"] != rows[1]["text"]


def test_donors_of_as_many_steps_come_first(coins):
    items, chains = coins
    others = list(islice(coin_flip(CoinFlip(name="c", task="coin_flip", people=5)), 40))
    longer = [with_ids(chain_of(other)) for other in others]
    items |= {other["item_id"]: other for other in others}
    given = {"conflict": {"kinds": ["swap"], "targets": 1}, "encode": letters}
    for chain in chains[:5]:
        (row,) = conflict.perturb(
            chain, item=items[chain["item_id"]], seed=0, donors=donors(chains + longer), sharing=items, **given
        )
        assert len(splitting.split(row["text"])) == len(chain["steps"])
        (row,) = conflict.perturb(
            chain, item=items[chain["item_id"]], seed=0, donors=donors(longer), sharing=items, **given
        )
        assert row["accepted"]


def test_no_swap_where_options_differ_and_no_donor_where_no_chain_concludes_on_the_target(coins):
    items, chains = coins
    chain, item = chains[0], items[chains[0]["item_id"]]
    alike = [other for other in chains if items[other["item_id"]]["answer"] == item["answer"]]
    given = {"conflict": {"kinds": ["swap"], "targets": 1}}
    assert conflict.perturb(chain, item=item, seed=0, donors=donors(chains), sharing={}, **given) == []
    for ring in (donors(alike), []):
        given |= {"donors": ring, "sharing": items}
        (row,) = conflict.perturb(chain, item=item, seed=0, **given)
        assert (row["accepted"], row["rule"], row["target"]) == (False, "no_donor", None)
    assert not shared_options(items | {"x": {"options": ["yes", "maybe"]}})
    assert not shared_options({"x": {"options": None}})


def test_a_lender_s_conclusion_is_read_with_the_lender_s_own_options():
    asked = question("Does wood float?", ["yes", "no"], "yes", "a") | {"letters": True}
    lent = question("Does a stone float?", ["no", "yes"], "no", "b") | {"letters": True}
    own = chain_of(asked, " Wood is light. It floats.", " The answer is (A).")
    for letter, target in (("A", "no"), ("B", None)):  # B is yes there, and would be no here
        lender = chain_of(lent, " It is heavy and sinks.", f" The answer is ({letter}).")
        given = {"donors": donors([own, lender]), "sharing": {"a": asked, "b": lent}}
        (row,) = conflict.perturb(own, item=asked, seed=0, conflict={"kinds": ["swap"], "targets": 1}, **given)
        assert row["target"] == target


def test_targets_are_drawn_whatever_their_length():
    """Options of as many characters as the gold one are as often the first target as others."""
    options = ["five", "nine", "three", "eight"]
    items = [question("?", options, "five", item_id=str(number)) for number in range(400)]
    first = [conflict.targets_of(item, "five", 0)[0] for item in items]
    assert 90 < first.count("nine") < 180  # a third of 400


@pytest.mark.parametrize(
    ("gold", "text", "target"),
    [
        ("$60", " He buys 5 books at $12 each. 5 * 12 = $60.", r"\$\d+"),
        ("1,200", " There are 40 boxes of 30 pens. 40 * 30 = 1,200.", r"(?:\d,)?\d{3}"),
        ("10", " It takes 5 hours for 50 miles.\nThat means it takes 50/5=10.", r"\d+"),  # neither 50/5 nor the line
    ],
)
def test_an_open_target_is_written_as_in_the_chain(gold, text, target):
    for seed in range(6):
        row = carried(question(text, None, gold), text, seed)
        assert re.fullmatch(target, row["target"])
        assert row["text"].replace(" ", "").endswith(f"={row['target']}.")


def test_steps_before_the_changed_one_keep_their_token_ids(coins):
    items, chains = coins
    for chain in chains:
        own = [-1 - token for token in chain["chain_ids"]]  # ids that no text is encoded as
        given = {"conflict": {"kinds": ["carry"], "targets": 1}, "encode": letters}
        (row,) = conflict.perturb(chain | {"chain_ids": own}, item=items[chain["item_id"]], seed=0, **given)
        kept = sum(map(len, chain["steps"][: row["kept"]]))
        assert row["chain_ids"][:kept] == own[:kept]
        assert row["kept"] > 0
        assert bytes(-1 - t if t < 0 else t for t in row["chain_ids"]).decode() == row["text"]


def test_several_targets_are_different_chains_and_missing_ones_are_counted(coins):
    items, chains = coins
    rows = perturbed(chains[0], items[chains[0]["item_id"]], kinds=["carry"], targets=5)
    assert [row["cut"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["accepted"] for row in rows] == [True, True, True, False, False]  # three people
    assert len({row["text"] for row in rows[:3]}) == 3
    assert rows[4]["rule"] == "no_consistent"


def test_writers_of_an_item_get_the_same_target():
    """Where their chains use the same facts, in whatever words; and whatever the other chains of a run are."""
    options = ["72", "75", "90", "66", "60"]
    other = [" In May she sold half of 48, so $48 ÷ 2 = $24.", " In all, that makes 48 + 24 = 72."]
    for asked in (None, options):
        for seed in range(10):
            item = question("48 clips in April, half as many in May.", asked, "72", item_id=f"item {seed}")
            targets = {carried(item, "".join(text), seed)["target"] for text in (CLIPS, other)}
            assert len(targets) == 1
            assert None not in targets
    drawn = {
        carried(question("48 clips, half as many.", None, "72", f"{n}"), "".join(CLIPS))["target"] for n in range(20)
    }
    assert len(drawn) > 3


def test_a_target_is_neither_gold_nor_what_the_chain_concludes():
    for gold in ("72", "75", "90"):
        row = carried(question("48 clips, half as many", ["72", "75", "90"], gold), "".join(CLIPS))
        assert row["target"] in {"72", "75", "90"} - {gold, "72"}
