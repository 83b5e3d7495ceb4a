"""Generated items: right and balanced, and with nothing in common between train and evaluation."""

import itertools
import logging
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from faithfulness.backends.protocol import Completion
from faithfulness.chains.write import parse_chain
from faithfulness.config.datasets import CoinFlip, LastLetters, WordSums
from faithfulness.config.settings import Settings
from faithfulness.perturb.wording import NUMBER_WORDS
from faithfulness.prepare import datasets
from faithfulness.prepare.coin_flip import coin_flip, patterns
from faithfulness.prepare.generated import GENERATORS
from faithfulness.prepare.last_letters import alphabets, last_letters, part_of
from faithfulness.prepare.questions import FIRST_NAMES, LAST_NAMES, Item
from faithfulness.prepare.word_sums import THINGS, WORDS, word_sums
from faithfulness.prompts import Prompts, chain_text

Task = LastLetters | CoinFlip | WordSums
SEEDS = st.integers(0, 99)
LETTERS = st.builds(LastLetters, name=st.just("a"), task=st.just("last_letters"), words=st.integers(2, 4), seed=SEEDS)
COINS = st.builds(CoinFlip, name=st.just("b"), task=st.just("coin_flip"), people=st.integers(2, 6), seed=SEEDS)
SUMS = st.builds(WordSums, name=st.just("c"), task=st.just("word_sums"), terms=st.integers(3, 5), seed=SEEDS)
TASKS: dict[str, Task] = {
    "last_letters": LastLetters(name="a", task="last_letters", words=3),
    "coin_flip": CoinFlip(name="b", task="coin_flip", people=4),
    "word_sums": WordSums(name="c", task="word_sums"),
}
NUMBERS = {word: number for number, word in enumerate(WORDS, start=2)}
SIGNS = {"finds": 1, "loses": -1}


def solve(question: str) -> str:
    """Answer a generated question by other means than its generator."""
    if words := re.search(r'words in "(.*)" and', question):
        return "".join(word[-1] for word in words[1].split())
    if "coin is heads up" in question:
        return "yes" if question.count(" flips the coin.") % 2 == 0 else "no"
    (first,) = re.findall(r"^\w+ has (\w+) ", question)
    changes = re.findall(r"Then \w+ (\w+) (\w+) ", question)
    return WORDS[NUMBERS[first] + sum(SIGNS[verb] * NUMBERS[word] for verb, word in changes) - 2]


def pattern(question: str) -> tuple[bool, ...]:
    """Who flips the coin."""
    return tuple(act == "flips" for act in re.findall(r"\w+ (flips|does not flip) the coin\.", question))


def operations(item: Item) -> list[tuple[str, str, str]]:
    """The additions and subtractions of a worked chain: first number, sign, second number."""
    return re.findall(r"(\w+) (plus|minus) (\w+)", " ".join(item["rationale"]).lower())


@given(st.one_of(LETTERS, COINS, SUMS).map(lambda s: s.model_copy(update={"train": 60, "eval": 20})))
@hypothesis_settings(max_examples=40)
def test_items_are_right_and_differ(task: Task) -> None:
    train, evaluation = datasets.items(task)
    assert (len(train), len(evaluation)) == (60, 20)
    assert len({i["question"] for i in train + evaluation}) == len({i["item_id"] for i in train + evaluation}) == 80
    for item in train + evaluation:
        assert item["answer"] == solve(item["question"])
        assert item["answer"] in item["options"]
        assert len(set(item["options"])) == len(item["options"]) == (2 if task.task == "coin_flip" else 4)


@given(LETTERS)
@hypothesis_settings(max_examples=10)
def test_worked_chains_of_letters_are_true(task: LastLetters) -> None:
    for item in islice(last_letters(task), 5):
        claims = [re.findall('"(.*?)"', step) for step in item["rationale"][:-1]]
        assert len(claims) == task.words
        assert all(word[-1] == letter for word, letter in claims)
        *letters, whole = re.findall('"(.*?)"', item["rationale"][-1])
        assert "".join(letters) == whole == item["answer"]


@given(COINS)
@hypothesis_settings(max_examples=10)
def test_worked_chains_of_coins_are_true(task: CoinFlip) -> None:
    for item in islice(coin_flip(task), 5):
        faces = [re.search(r"(heads|tails) up", step)[1] for step in item["rationale"]]  # type: ignore[index]
        turned = [" flips the coin" in step for step in item["rationale"][1:]]
        assert len(turned) == task.people
        assert all((a != b) == turn for a, b, turn in zip(faces, faces[1:], turned, strict=False))
        assert (faces[-1] == "heads") == (item["answer"] == "yes")


@given(SUMS)
@hypothesis_settings(max_examples=10)
def test_worked_chains_of_sums_are_true(task: WordSums) -> None:
    for item in islice(word_sums(task), 5):
        first, *equations = item["rationale"]
        said = re.fullmatch(r"At first, \w+ has (\w+) \w+\.", first)
        assert said is not None
        before = said[1]
        assert len(equations) == task.terms - 1
        for equation in equations:
            found = re.fullmatch(r"(\w+) (plus|minus) (\w+) is (\w+) \w+\.", equation)
            assert found is not None
            assert found[1] == before.capitalize()
            change = NUMBERS[found[3]] * (1 if found[2] == "plus" else -1)
            assert NUMBERS[before] + change == NUMBERS[found[4]]
            before = found[4]
        assert before == item["answer"]


@pytest.mark.parametrize("task", GENERATORS)
def test_worked_chains_are_split_into_their_steps(task: str, wording: Prompts) -> None:
    for item in islice(GENERATORS[task](TASKS[task]), 300):
        said = f"{chain_text(item['rationale'])}{wording.chain_cue} {item['answer']}"
        chain = parse_chain(Completion(said, "stop"), wording)
        assert [step.strip() for step in chain["steps"]] == item["rationale"]


def test_every_amount_ends_a_sentence(wording: Prompts) -> None:
    for thing in THINGS:
        for word in WORDS:
            text = f" Two plus two is {word} {thing}. {word.capitalize()} minus two is two {thing}."
            assert len(parse_chain(Completion(text, "stop"), wording)["steps"]) == 2


def test_rewordings_and_mistakes_know_every_number() -> None:
    assert list(NUMBER_WORDS) == WORDS


# --- balance


@given(COINS)
@hypothesis_settings(max_examples=30)
def test_coins_are_balanced(task: CoinFlip) -> None:
    train, evaluation = datasets.items(task.model_copy(update={"train": 160, "eval": 96}))
    assert Counter(i["answer"] for i in train) == {"yes": 80, "no": 80}
    assert Counter(i["answer"] for i in evaluation) == {"yes": 48, "no": 48}
    for items in (train, evaluation):
        counts = Counter(pattern(i["question"]) for i in items).values()
        assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("people", range(2, 9))
def test_a_quarter_of_the_patterns_is_kept_for_evaluation(people: int) -> None:
    train, evaluation = (patterns(people, 0, part) for part in ("train", "evaluation"))
    assert len(set(train) | set(evaluation)) == 2**people
    if people < 4:
        assert sorted(train) == sorted(evaluation)
        return
    assert not set(train) & set(evaluation)
    assert len(train) == 3 * len(evaluation) == 3 * 2 ** (people - 2)
    for part in (train, evaluation):
        for even in (0, 1):
            kind = [flips for flips in part if sum(flips) % 2 == even]
            assert len(kind) == len(part) / 2
            assert [sum(acts) for acts in zip(*kind, strict=True)] == [len(kind) / 2] * people


def test_the_default_coins_have_more_patterns_than_eight(settings: Settings) -> None:
    coins = settings.dataset("coin_flip")
    assert isinstance(coins, CoinFlip)
    assert coins.people >= 4
    assert patterns(coins.people, 0, "train") != patterns(coins.people, 1, "train")


def test_shared_patterns_and_strings_are_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "faithfulness"):
        datasets.items(CoinFlip(name="c", task="coin_flip", people=4, train=4, eval=4))
        assert not caplog.records
        datasets.items(CoinFlip(name="c", task="coin_flip", people=3, train=4, eval=4))
        datasets.items(LastLetters(name="a", task="last_letters", words=3, train=4, eval=4))
        assert len(caplog.records) == 1
        datasets.items(LastLetters(name="a", task="last_letters", words=2, train=4, eval=4))
    assert "8 patterns are too few to split" in caplog.text
    assert "strings are too short to split" in caplog.text


@given(st.one_of(LETTERS, SUMS))
@hypothesis_settings(max_examples=10)
def test_answers_stand_at_each_place_equally_often(task: LastLetters | WordSums) -> None:
    for items in datasets.items(task.model_copy(update={"train": 160, "eval": 80})):
        places = Counter(item["options"].index(item["answer"]) for item in items)
        assert set(places.values()) == {len(items) / 4}


# --- train and evaluation


@given(LETTERS.filter(lambda task: task.words > 2))
@hypothesis_settings(max_examples=10)
def test_no_string_is_in_both_parts(task: LastLetters) -> None:
    train, evaluation = datasets.items(task.model_copy(update={"train": 1000, "eval": 200}))
    strings = [{option for item in items for option in item["options"]} for items in (train, evaluation)]
    assert not strings[0] & strings[1]
    places = alphabets(task)
    assert {part_of(string, places) for string in strings[0]} == {"train"}
    for one, other in itertools.combinations(range(task.words), 2):  # train items have every pair at every two places
        pairs = {(item["answer"][one], item["answer"][other]) for item in train}
        assert pairs == set(itertools.product(places[one].names, places[other].names))


def test_two_letters_are_shared() -> None:
    train, evaluation = datasets.items(LastLetters(name="a", task="last_letters", train=1000, eval=300))
    assert {item["answer"] for item in evaluation} <= {item["answer"] for item in train}


def test_letters_have_more_than_36_pairs() -> None:
    train, evaluation = datasets.items(LastLetters(name="a", task="last_letters", train=1000, eval=300))
    assert len({item["answer"] for item in train + evaluation}) == 64
    ends = [{name[-1] for name in names} for names in (FIRST_NAMES, LAST_NAMES)]
    assert not ends[0] & ends[1]
    assert len({*FIRST_NAMES, *LAST_NAMES}) == 96


@given(SUMS)
@hypothesis_settings(max_examples=5)
def test_sums_are_in_one_part_and_their_operations_in_both(task: WordSums) -> None:
    train, evaluation = datasets.items(task.model_copy(update={"train": 2500, "eval": 200}))
    sums = [{tuple(operations(item)) for item in items} for items in (train, evaluation)]
    assert not sums[0] & sums[1]
    single = [{one for operations in each for one in operations} for each in sums]
    assert len(single[1] - single[0]) <= 0.05 * len(single[1])


@pytest.mark.parametrize("task", GENERATORS)
def test_more_items_change_no_earlier_one(task: str) -> None:
    few, many = (
        TASKS[task].model_copy(update=sizes) for sizes in ({"train": 5, "eval": 10}, {"train": 50, "eval": 30})
    )
    assert datasets.items(few)[1] == datasets.items(many)[1][:10]


def test_default_configuration_shares_no_question(settings: Settings) -> None:
    for name in ("last_letters", "coin_flip"):
        train, evaluation = datasets.items(settings.dataset(name))
        assert len(evaluation) >= 40
        assert not {i["question"] for i in train} & {i["question"] for i in evaluation}


@pytest.mark.parametrize("sizes", [{"eval": 4000, "train": 0}, {"eval": 10, "train": 5000}])
def test_too_few_different_questions_are_said(sizes: dict[str, int]) -> None:
    task = LastLetters(name="a", task="last_letters").model_copy(update=sizes)
    with pytest.raises(ValueError, match=r"'a' has \d+ different questions for (eval: 4000|train: 5000)\. Lower it"):
        datasets.items(task)


# --- options tell nothing


def cues(item: Item) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Each option of an item, with what can be seen of it without the question."""
    options = item["options"]
    for place, option in enumerate(options):
        others = [other for other in options if other != option]
        near = [sum(a != b for a, b in zip(option, other, strict=False)) for other in others]
        spelled = option in NUMBERS
        yield (
            option,
            (
                ("place", place),
                ("rank", sorted(options, key=lambda each: NUMBERS.get(each, each)).index(option)),
                ("reverse of another", option[::-1] in others),
                ("distances", () if spelled else tuple(sorted(near))),
                ("shared letters", () if spelled else sum(letter in other for letter in option for other in others)),
                *(() if spelled else enumerate(option)),
                ("whole", option),
            ),
        )


def guesses(train: list[Item], evaluation: list[Item]) -> float:
    """Accuracy of a naive Bayes classifier that sees the options alone."""
    right: dict[object, int] = defaultdict(int)
    wrong: dict[object, int] = defaultdict(int)
    for item in train:
        for option, seen in cues(item):
            for cue in seen:
                (right if option == item["answer"] else wrong)[cue] += 1
    hits = 0
    for item in evaluation:
        scores = {
            option: sum(math.log((right[cue] + 1) / (wrong[cue] / 3 + 1)) for cue in seen)
            for option, seen in cues(item)
        }
        hits += max(scores, key=lambda option: scores[option]) == item["answer"]
    return hits / len(evaluation)


@pytest.mark.parametrize(
    "task",
    [
        LastLetters(name="a", task="last_letters", train=1000, eval=1000),
        LastLetters(name="a", task="last_letters", words=3, train=3000, eval=1000),
        WordSums(name="c", task="word_sums", train=3000, eval=1000),
    ],
    ids=["two letters", "three letters", "sums"],
)
def test_options_alone_tell_nothing(task: LastLetters | WordSums) -> None:
    train, evaluation = datasets.items(task)
    assert abs(guesses(train, evaluation) - 0.25) < 4 * math.sqrt(0.25 * 0.75 / len(evaluation))


def test_a_cue_in_the_options_is_found() -> None:
    """Options of another kind: the right one, its reverse, and two that are one letter off."""
    train, evaluation = datasets.items(LastLetters(name="a", task="last_letters", train=1000, eval=400))
    rng = random.Random(0)
    for item in (*train, *evaluation):
        gold = item["answer"]
        first, last = (rng.choice(alphabet) for alphabet in ("anksdmho", "rgtylexz"))
        item["options"] = rng.sample([gold, gold[::-1], f"{gold[0]}{last}", f"{first}{gold[1]}"], 4)
    assert guesses(train, evaluation) > 0.6
