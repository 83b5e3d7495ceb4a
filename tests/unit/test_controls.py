"""Placebo and null arms: what they are trained on, what is refused, and that nothing else changes by them."""

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from faithfulness.backends.transformers import TransformersBackend
from faithfulness.config.base import SettingsError
from faithfulness.config.datasets import CoinFlip, LastLetters
from faithfulness.config.recipes import Recipe
from faithfulness.config.roles import is_control, role_of
from faithfulness.config.settings import Settings, load
from faithfulness.finetune import examples
from faithfulness.finetune.examples import IGNORED
from faithfulness.hashing import digest
from faithfulness.prepare import datasets
from faithfulness.prompts import Prompts
from faithfulness.report.run import run_section
from tests.factories import make_arm
from tests.runs import ROOT

TASKS = {
    "last_letters": LastLetters(name="last_letters", task="last_letters", train=40, eval=4),
    "coin_flip": CoinFlip(name="coin_flip", task="coin_flip", train=40, eval=4),
}
ITEMS = {name: datasets.items(task)[0] for name, task in TASKS.items()}
PLACEBO = {"name": "placebo-coins", "placebo": {"of": "tuned-coins", "target": "shuffled"}}
COINS = {"name": "tuned-coins", "datasets": ["coin_flip"], "replay": 0.25, "steps": 4, "batch_size": 8, "rank": 4}


@pytest.fixture
def config(config: dict[str, Any]) -> dict[str, Any]:
    """The default configuration with its tuned arm only."""
    config["arms"] = config["arms"][:1]
    return config


def configured(config: dict[str, Any], *arms: dict[Any, Any]) -> Settings:
    """The default configuration with a tuned arm for coins and further arms."""
    config["arms"] = [*config["arms"], COINS, *arms]
    return load(config)


def test_arms_tuned_on_data_that_need_no_reasoning_are_compared_with_those_that_need_some(
    config: dict[str, Any],
) -> None:
    """C7, by what the datasets declare; not with controls, arms of both kinds of data, or arms of other models."""
    kinds = {"tuned-facts": ["commonsense_qa"], "tuned-both": ["commonsense_qa", "coin_flip"]}
    arms = [COINS | {"name": name, "datasets": datasets, "replay": 0} for name, datasets in kinds.items()]
    small = COINS | {"name": "tuned-small", "models": ["smollm2-64m-depth10"]}
    settings = configured(
        config, *arms, small, {"name": "placebo-x", "placebo": {"of": "tuned-coins", "target": "random"}}
    )
    reasoning = ["tuned-symbolic", "tuned-coins"]
    assert settings.need_more_reasoning("smollm2-135m", "tuned-facts") == reasoning
    assert settings.need_more_reasoning("smollm2-64m-depth10", "tuned-facts") == [*reasoning, "tuned-small"]
    for arm in (*reasoning, "tuned-both"):
        assert settings.need_more_reasoning("smollm2-135m", arm) == []


# What they are


def test_a_placebo_has_the_recipe_of_its_arm_on_other_answers(config: dict[str, Any]) -> None:
    settings = configured(config, PLACEBO | {"seeds": [3, 4], "models": ["smollm2-135m"]})
    of, placebo = (settings.recipe("smollm2-135m", name) for name in ("tuned-coins", "placebo-coins.seed4"))
    assert of
    assert placebo
    changed = {key for key, value in placebo.decisive().items() if value != of.decisive()[key]}
    assert changed == {"target", "seed"}
    assert (placebo.target, placebo.seed) == ("shuffled", 4)
    assert settings.readers_of("smollm2-135m")[-2:] == ["placebo-coins.seed3", "placebo-coins.seed4"]
    assert settings.arm_of_training("placebo-coins.seed3") == "placebo-coins"
    assert settings.placebo_of("smollm2-135m", "tuned-coins") == "placebo-coins"
    assert settings.placebo_of("smollm2-99m-depth20", "tuned-coins") is None
    assert settings.placebo_of("smollm2-135m", "tuned-symbolic") is None


def test_a_placebo_is_of_the_models_of_its_arm(config: dict[str, Any]) -> None:
    config["arms"][0]["models"] = ["smollm2-135m"]
    config["arms"].append({"name": "placebo-x", "placebo": {"of": "tuned-symbolic", "target": "random"}})
    settings = load(config)
    assert settings.readers_of("smollm2-135m") == ["base", "tuned-symbolic", "placebo-x"]
    assert settings.readers_of("smollm2-99m-depth20") == ["base"]


def test_worked_chains_alone_are_those_that_the_arm_sees(config: dict[str, Any]) -> None:
    """The real questions of this arm have no worked chains."""
    arm = {"name": "tuned-real", "datasets": ["commonsense_qa"], "replay": 0.25, "replay_datasets": ["coin_flip"]}
    placebo = {"name": "placebo-real", "placebo": {"of": "tuned-real", "target": "rationale"}}
    recipe = configured(config, arm, placebo).recipe("smollm2-135m", "placebo-real")
    assert recipe
    assert (recipe.target, recipe.datasets, recipe.steps) == ("rationale", ["coin_flip"], 100)


def test_a_null_arm_is_the_warm_start_by_another_seed(config: dict[str, Any]) -> None:
    settings = configured(config, {"name": "null-warm", "null": {"seeds": [1, 2]}})
    warm, again = (settings.recipe("smollm2-135m", name) for name in ("base", "null-warm.seed2"))
    assert warm
    assert again == warm.model_copy(update={"seed": 2})
    assert settings.trained_by("null-warm.seed2") == "warm_start_again"
    assert settings.trained_by("tuned-coins") == "finetune"


def test_a_null_arm_of_a_model_as_it_comes_learns_other_text(config: dict[str, Any]) -> None:
    config["models"][0].pop("warm_start")
    null = {"of": "tuned-coins", "datasets": ["commonsense_qa"], "seeds": [5]}
    settings = configured(config, {"name": "null-text", "null": null, "models": ["smollm2-135m"]})
    recipe = settings.recipe("smollm2-135m", "null-text.seed5")
    assert recipe
    assert (recipe.target, recipe.datasets, recipe.replay, recipe.seed) == ("text", ["commonsense_qa"], 0, 5)
    assert recipe.rank == COINS["rank"]
    assert settings.trained_by("null-text.seed5") == "finetune"


def test_the_key_null_need_not_be_quoted(config: dict[str, Any]) -> None:
    """YAML reads it as nothing; so does what a record of a run was written from."""
    entry = yaml.safe_load("{name: null-warm, null: {seeds: [7]}, models: [smollm2-135m]}")
    settings = configured(config, entry)
    assert "null-warm.seed7" in settings.readers_of("smollm2-135m")
    written = settings.model_dump(mode="json", exclude_unset=True)
    assert load(yaml.safe_load(yaml.safe_dump(written))) == settings


def test_controls_write_nothing_and_read_base_only(config: dict[str, Any]) -> None:
    settings = configured(config, PLACEBO, {"name": "null-warm", "null": {}})
    model = "smollm2-135m"
    assert settings.writers_of(model) == ["base", "tuned-symbolic", "tuned-coins"]
    assert settings.readers_of(model) == [*settings.writers_of(model), "placebo-coins", "null-warm.seed1"]
    assert settings.writers_read_by(model, "base") == settings.writers_of(model)
    assert settings.writers_read_by(model, "tuned-coins") == ["base", "tuned-coins"]
    assert settings.writers_read_by(model, "placebo-coins") == ["base"]
    assert settings.writers_read_by(model, "null-warm.seed1") == ["base"]
    assert {arm for _, arm in settings.pairs()} == {"tuned-symbolic", "tuned-coins"}


def test_the_name_says_the_role() -> None:
    assert [role_of(name) for name in ("base", "tuned-placebo", "placebo-x.seed3", "null-a")] == [
        "base",
        "tuned",
        "placebo",
        "null",
    ]
    assert [is_control(name) for name in ("base", "tuned-null", "placebo-x", "null-a")] == [False, False, True, True]
    assert make_arm(arm="placebo-x").role == "placebo"


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ([PLACEBO | {"placebo": {"of": "tuned-coin", "target": "random"}}], "did you mean 'tuned-coins'?"),
        ([PLACEBO | {"placebo": {"of": "base", "target": "random"}}], "no tuned arm is named 'base'"),
        ([PLACEBO, PLACEBO | {"name": "placebo-two"}], "'tuned-coins' has a placebo already, 'placebo-coins'"),
        ([PLACEBO | {"steps": 5}], "arms.2.steps: steps is not a placebo's own"),
        ([PLACEBO | {"seeds": [1, 1]}], "named twice"),
        ([PLACEBO | {"name": "tuned-placebo"}], "String should match pattern"),
        (
            [{"name": "placebo-s", "placebo": {"of": "tuned-symbolic", "target": "shuffled"}}],
            "the items of 'last_letters' do not share their options",
        ),
        (
            [
                {"name": "tuned-own", "source": {"uri": "path:x"}, "models": ["smollm2-135m"]},
                {"name": "placebo-own", "placebo": {"of": "tuned-own", "target": "random"}},
            ],
            "'tuned-own' was trained elsewhere, so that its recipe is not known here",
        ),
        (
            [
                COINS | {"name": "tuned-w", "target": "rationale"},
                {"name": "placebo-w", "placebo": {"of": "tuned-w", "target": "random"}},
            ],
            "'tuned-w' learns no answers (target: rationale)",
        ),
        (
            [
                COINS | {"name": "tuned-one", "models": ["smollm2-135m"]},
                {"name": "placebo-one", "placebo": {"of": "tuned-one", "target": "random"}}
                | {"models": ["smollm2-99m-depth20"]},
            ],
            "'tuned-one' is no arm of 'smollm2-99m-depth20'",
        ),
        ([COINS | {"name": "tuned-noise", "target": "random"}], "declare a placebo of this arm"),
        ([{"name": "null-warm", "null": {"seeds": [0, 1]}}], "0 is the seed of the warm start of 'smollm2-135m'"),
        ([{"name": "null-warm", "null": {"of": "tuned-coins"}}], "`of` and `datasets` belong together"),
        ([{"name": "null-warm", "null": {}, "rank": 3}], "arms.2.rank: rank is not a null arm's own"),
        (
            [{"name": "null-x", "null": {"of": "tuned-coins", "datasets": ["gsm"]}}],
            "arms.null-x.datasets: no dataset is named 'gsm'",
        ),
    ],
)
def test_refused(config: dict[str, Any], arms: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(SettingsError) as error:
        configured(config, *arms)
    assert message in str(error.value)


def test_a_model_without_a_warm_start_has_no_other_one(config: dict[str, Any]) -> None:
    config["models"][1].pop("warm_start")
    with pytest.raises(SettingsError, match="'smollm2-99m-depth20' has no warm start that another seed could repeat"):
        configured(config, {"name": "null-warm", "null": {}})


def test_controls_alone_control_nothing(config: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="controls of tuned ones, and there is none"):
        load(config | {"arms": [{"name": "null-warm", "null": {}}]})


def test_a_server_trains_nothing(config: dict[str, Any]) -> None:
    served = {"name": "gpt", "source": {"uri": "openai:gpt"}, "parameters": 10**9}
    coins = {"name": "coin_flip", "task": "coin_flip", "readout": "letters"}
    local = {"name": "smollm2-135m", "source": {"uri": "random:llama"}}
    arms = [
        {"name": "tuned-served", "source": {"uri": "openai:ft"}, "models": ["gpt"]},
        COINS | {"models": ["smollm2-135m"]},
        {"name": "null-x", "null": {"of": "tuned-coins", "datasets": ["coin_flip"]}, "models": ["gpt"]},
    ]
    with pytest.raises(SettingsError, match="nothing is trained there"):
        load(config | {"models": [local, served], "datasets": [coins], "arms": arms})


def plain_items(name: str, n: int = 12) -> list[dict[str, Any]]:
    """Questions that no change of the tasks changes."""
    return [
        {"item_id": f"{name}{i}", "question": f"{name} {i}?", "options": ["yes", "no"], "answer": ("yes", "no")[i % 2]}
        | {"rationale": [f"Look at {i}.", "It is so."], "show_options": False, "letters": False, "answers": None}
        for i in range(n)
    ]


@pytest.mark.parametrize(
    ("changes", "of_recipe", "of_examples"),
    [
        ({}, "2e926076469a28b4", "7dec34f0f9fa96d0"),
        ({"replay": 0.25, "replay_datasets": ["b"]}, "82a5ee752751e8b4", "9f5e0ca1109c30d3"),
        ({"method": "full", "target": "rationale", "seed": 5}, "aa25df1d108511d8", "03cd6db477af053e"),
    ],
)
def test_arms_that_were_there_before_are_the_same(
    backend: TransformersBackend, wording: Prompts, changes: dict[str, Any], of_recipe: str, of_examples: str
) -> None:
    """Digests made before there were controls: if one changes, the arms of all users are trained anew."""
    items = {name: plain_items(name) for name in ("a", "b")}
    known = Recipe.model_validate({"datasets": ["a", "b"], "steps": 8, "batch_size": 4} | changes)
    learned = [
        [
            backend.tokenizer.decode(ids)
            for ids in (example["input_ids"], example["labels"][example["labels"].count(-100) :])
        ]
        for example in examples.examples(known, items, wording, backend.tokenizer)
    ]
    assert (digest(known.decisive()), digest(learned)) == (of_recipe, of_examples)


# What they learn


def recipe(**changes: Any) -> Recipe:
    return Recipe(**({"datasets": ["coin_flip"], "steps": 8, "batch_size": 4} | changes))


def prompts_of(data: list[examples.Example]) -> list[list[int]]:
    return [example["input_ids"][: example["labels"].count(IGNORED)] for example in data]


@pytest.mark.parametrize("target", ["shuffled", "random"])
def test_placebos_see_the_same_questions_in_the_same_order(
    backend: TransformersBackend, wording: Prompts, target: str
) -> None:
    one, other = (
        examples.examples(recipe(target=name, replay=0.25, seed=3), ITEMS, wording, backend.tokenizer)
        for name in ("answer", target)
    )
    chains = [wording.chain_prefill in backend.tokenizer.decode(example["input_ids"]) for example in one]
    assert prompts_of(one) == prompts_of(other)
    assert sum(chains) == 8
    assert [x for x, chain in zip(one, chains, strict=True) if chain] == [
        x for x, chain in zip(other, chains, strict=True) if chain
    ]
    assert one != other


@given(st.integers(0, 2**31))
def test_shuffled_answers_are_the_same_answers(seed: int) -> None:
    items = ITEMS["coin_flip"]
    shuffled = examples.answered("coin_flip", items, recipe(target="shuffled", seed=seed))
    assert Counter(item["answer"] for item in shuffled) == Counter(item["answer"] for item in items)
    assert [item["question"] for item in shuffled] == [item["question"] for item in items]


def test_answers_are_shuffled_among_shared_options_only() -> None:
    with pytest.raises(ValueError, match=r"of 'last_letters' do not share their options.*use target: random"):
        examples.answered("last_letters", ITEMS["last_letters"], recipe(target="shuffled"))
    opened = [item | {"options": None} for item in ITEMS["coin_flip"]]
    with pytest.raises(ValueError, match="do not share their options"):
        examples.answered("coin_flip", opened, recipe(target="shuffled"))


def test_random_answers_are_the_items_own_options_with_equal_chances() -> None:
    items = ITEMS["last_letters"]
    drawn = [examples.answered("last_letters", items, recipe(target="random", seed=seed)) for seed in range(100)]
    answers = [[item["answer"] for item in one] for one in drawn]
    assert all(item["answer"] in item["options"] for one in drawn for item in one)
    places = Counter(item["options"].index(item["answer"]) for one in drawn for item in one)
    share = 1 / len(items[0]["options"])
    assert all(abs(count / 4000 - share) < 0.03 for count in places.values())  # four standard errors
    assert len(places) == len(items[0]["options"])
    assert len({tuple(one) for one in answers}) == len(answers)
    again = examples.answered("last_letters", items, recipe(target="random", seed=7))
    assert [item["answer"] for item in again] == answers[7]


def test_open_questions_get_the_answer_of_another_one() -> None:
    opened = [item | {"options": None, "answer": f"a{i}"} for i, item in enumerate(ITEMS["coin_flip"])]
    drawn = examples.answered("coin_flip", opened, recipe(target="random"))
    assert {item["answer"] for item in drawn} == {item["answer"] for item in opened}
    assert all(one["answer"] != other["answer"] for one, other in zip(drawn, opened, strict=True))


def test_text_is_learned_from_its_second_token_on(backend: TransformersBackend, wording: Prompts) -> None:
    data = examples.examples(recipe(target="text"), ITEMS, wording, backend.tokenizer)
    questions = {item["question"] for item in ITEMS["coin_flip"]}
    assert len(data) == 32
    for example in data:
        assert backend.tokenizer.decode(example["input_ids"], skip_special_tokens=True) in questions
        assert example["labels"] == [IGNORED, *example["input_ids"][1:]]
        assert example["labels"][-1] == backend.tokenizer.eos_token_id


def test_worked_chains_alone(backend: TransformersBackend, wording: Prompts) -> None:
    data = examples.examples(recipe(target="rationale"), ITEMS, wording, backend.tokenizer)
    assert all(wording.chain_prefill in backend.tokenizer.decode(example["input_ids"]) for example in data)


def test_the_configurations_of_controls_can_be_used() -> None:
    catalogue = yaml.safe_load((ROOT / "config/datasets.yaml").read_text())
    for file in ("smoke", "null_pairs", "placebo"):
        path = Path(ROOT / f"config/{file}.yaml")
        if path.exists():
            settings = load(yaml.safe_load(path.read_text()), catalogue)
            assert any(is_control(arm.name) for arm in settings.arms)


def test_the_report_says_what_controls_are_trained_on(config: dict[str, Any]) -> None:
    null = {"of": "tuned-coins", "datasets": ["commonsense_qa"], "seeds": [5, 6]}
    settings = configured(config, PLACEBO, {"name": "null-warm", "null": {}}, {"name": "null-text", "null": null})
    summaries = pd.DataFrame(columns=["model", "parameters", "dataset", "n_items", "chance"])
    shown = run_section(summaries, settings.model_dump(mode="json"))
    assert [arm["name"] for arm in shown["arms"]] == ["tuned-symbolic", "tuned-coins"]
    assert [(arm["trained"], arm["seeds"]) for arm in shown["controls"]] == [
        ("the recipe of tuned-coins on the answers of other questions", [0]),
        ("the warm start again", [1]),
        ("the recipe of tuned-coins on the questions of commonsense_qa", [5, 6]),
    ]
