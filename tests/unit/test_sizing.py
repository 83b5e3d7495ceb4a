"""Memory and time that jobs request, and how long they are expected to take."""

import re
from typing import Any

import pytest

from faithfulness import prompts
from faithfulness.config.settings import Settings, load
from faithfulness.operate import cost, sizing
from faithfulness.operate.cost import Tokens
from faithfulness.operate.plan.miniature import item_work, miniature_items
from faithfulness.operate.plan.pieces import Pieces
from faithfulness.operate.sizing import Job
from faithfulness.prepare.sources import weights_slug
from tests.runs import ROOT

LLAMA = {"uri": "hub:meta-llama/Llama", "revision": "8afb486c1db24fe5011ec46dfbe5b5dccdb575c2"}
BILLION = 1_000_000_000


@pytest.fixture
def large(config: dict[str, Any]) -> Settings:
    """A model of 10^9 parameters, one of unknown size, a tiny one and one on a server; 900 and 100 items."""
    coins = {"task": "coin_flip", "train": 10, "readout": "text", "answer_tokens": 10}
    return load(
        config
        | {
            "models": [
                {"name": "large", "source": LLAMA, "parameters": BILLION, "dtype": "bfloat16"},
                {"name": "unknown", "source": LLAMA, "dtype": "float32"},
                {"name": "tiny", "source": {"uri": "random:llama"}},
                {"name": "served", "source": {"uri": "openai:gpt"}, "parameters": BILLION},
            ],
            "datasets": [
                coins | {"name": "coins", "people": 2, "eval": 900, "max_new_tokens": 200},
                coins | {"name": "more_coins", "people": 3, "eval": 100, "max_new_tokens": 100},
            ],
            "arms": [
                {"name": f"tuned-{method}", "method": method, "datasets": ["coins"], "steps": 300, "batch_size": 10}
                | {"models": ["large"]}
                for method in ("full", "lora", "qlora")
            ],
        }
    )


def job(settings: Settings, gpu: bool = True, **wildcards: str) -> Job:
    return Job(settings, wildcards, gpu)


@pytest.mark.parametrize(("method", "megabytes"), [("full", 16_000), ("lora", 4_000), ("qlora", 2_000)])
def test_a_training_holds_weights_gradients_and_moments(large: Settings, method: str, megabytes: int) -> None:
    assert sizing.trained_megabytes(job(large, model="large", arm=f"tuned-{method}")) == megabytes
    assert sizing.trained_megabytes(job(large, model="large")) == 0  # the base arm: no warm start


@pytest.mark.parametrize(
    ("model", "gpu", "megabytes"),
    [
        ("large", True, 2_000),
        ("large", False, 2_000),
        ("unknown", True, 32_000),
        ("tiny", True, 0),
        ("served", True, 0),
    ],
)
def test_weights_are_counted_as_they_are_loaded(large: Settings, model: str, gpu: bool, megabytes: float) -> None:
    assert sizing.weights_megabytes(job(large, gpu, model=model)) == megabytes


def test_weights_of_dtype_auto_may_be_wide_on_a_processor(large: Settings) -> None:
    model = large.models[0].model_copy(update={"dtype": "auto"})
    assert [sizing.loaded_megabytes(model, gpu) for gpu in (True, False)] == [2_000, 4_000]
    assert sizing.largest_weights_megabytes(job(large)) == 32_000


def test_preparing_weights_holds_them_twice_as_the_widest_of_their_models(large: Settings) -> None:
    slug = weights_slug(large.models[0].weights_spec())
    assert sizing.prepared_megabytes(job(large, weights=slug)) == 2 * 32_000


@pytest.mark.parametrize(
    ("wildcards", "dataset", "chains"),
    [
        ({"model": "large", "writer": "base"}, "coins", 900),
        ({"model": "large", "reader": "tuned-lora"}, "coins", 2 * 900),
        ({"model": "large", "arm": "tuned-lora"}, "coins", 2 * 900),
        ({"model": "large", "reader": "base"}, "coins", 4 * 900),
        ({"model": "large"}, "more_coins", 4 * 100),
        ({"model": "tiny"}, "coins", 900),
        ({}, "coins", (4 + 1 + 1 + 1) * 900),
    ],
)
def test_chains_are_those_that_the_wildcards_name(
    large: Settings, wildcards: dict[str, str], dataset: str, chains: int
) -> None:
    assert sizing.chains(job(large, **wildcards), large.dataset(dataset)) == chains


def test_tables_of_scoring_grow_with_tokens_cuts_and_the_block() -> None:
    few = sizing.scored_megabytes(1000, tokens=100, cuts=6, block_chains=200)
    fixed = sizing.READING_MEGABYTES
    assert sizing.scored_megabytes(1000, tokens=200, cuts=6, block_chains=200) > few
    twice = sizing.scored_megabytes(2000, tokens=100, cuts=6, block_chains=400)
    assert twice - fixed == pytest.approx(2 * (few - fixed))
    assert few < sizing.scored_megabytes(1000, tokens=100, cuts=12, block_chains=200) < 2 * few
    # More chains in the same blocks add their scores, nothing else; a block is never larger than the job.
    assert sizing.scored_megabytes(2000, tokens=100, cuts=6, block_chains=200) < 1.5 * few
    alone = sizing.scored_megabytes(100, tokens=100, cuts=6, block_chains=200)
    assert alone == sizing.scored_megabytes(100, tokens=100, cuts=6, block_chains=100)


@pytest.mark.parametrize(("tokens", "measured"), [(60, 688), (250, 834), (1000, 1678)])
def test_tables_of_scoring_are_near_what_was_measured(tokens: int, measured: float) -> None:
    """By `benchmarks/shard.py --tokens 60 250 1000`: 1,000 items of 10 writers, 12 cuts, blocks of 20 items."""
    request = sizing.scored_megabytes(10_000, tokens, cuts=12, block_chains=200)
    assert measured / 2 < request < 2 * measured


@pytest.mark.parametrize(
    "megabytes",
    [sizing.chains_megabytes, sizing.perturbed_megabytes, sizing.scoring_megabytes, sizing.scores_megabytes],
)
def test_tables_of_all_datasets_are_those_of_each(large: Settings, megabytes: Any) -> None:
    parts = [megabytes(job(large, model="large", dataset=name)) for name in ("coins", "more_coins")]
    assert megabytes(job(large, model="large")) == pytest.approx(sum(parts))


def test_a_shard_takes_its_share_of_the_time_and_the_tables(large: Settings) -> None:
    whole = job(large, model="large", reader="base", dataset="coins")
    shard = job(large, model="large", reader="base", dataset="coins", scatteritem="2-of-3")
    for measure in (sizing.scoring_seconds, sizing.chains_megabytes, sizing.generation_seconds):
        assert measure(shard) == pytest.approx(measure(whole) / 3)
    assert sizing.scoring_megabytes(shard) < sizing.scoring_megabytes(whole)


def test_seconds_of_generation_by_hand(large: Settings) -> None:
    arm = job(large, model="large", writer="base", dataset="more_coins")
    # 100 chains of 50 tokens after prompts of 100; 2 x 10^9 operations a token at 40 and 5 % of 312 TFLOP/s.
    assert sizing.generation_seconds(arm) == pytest.approx(100 * 2e9 * (100 / 0.4 + 50 / 0.05) / 312e12)
    assert sizing.generation_seconds(job(large, model="tiny", writer="base")) == 0
    served = job(large, model="served", writer="base", dataset="more_coins")
    assert sizing.generation_seconds(served) == pytest.approx(100 * 2 / 8)  # two seconds a reply, eight at a time


def test_seconds_of_a_training_by_hand(large: Settings) -> None:
    arm = job(large, model="large", arm="tuned-lora")
    # 3,000 prompts of 100 tokens, in two passes; a step takes at least a tenth of a second.
    assert sizing.training_seconds(job(large, gpu=False, model="large", arm="tuned-lora")) == pytest.approx(
        2 * 3000 * 2e9 * 100 / (0.4 * 1e12)
    )
    assert sizing.training_seconds(arm) == pytest.approx(30)
    assert sizing.training_seconds(job(large, model="large")) == 0


def test_estimated_time_is_near_that_of_a_plan_that_counts_tokens(settings: Settings) -> None:
    def seconds(tokens: Tokens) -> float:
        return cost.seconds(tokens, settings.models[0], BILLION, sizing.ON_CPU) or 0

    wording = prompts.load(settings.prompts)
    for dataset in settings.datasets:
        _, items = miniature_items(dataset, sizing.ON_CPU, ROOT / "nowhere")
        counted = item_work(items[:10], dataset, settings, wording, Pieces(), sizing.ON_CPU)
        estimates = {
            "generation": seconds(sizing.generation_tokens(dataset)) / seconds(counted.chain),
            "scoring": seconds(sizing.scoring_tokens(dataset, settings.perturbations.max_cuts))
            / seconds(counted.first),
        }
        assert all(1 / 2 < ratio < 2 for ratio in estimates.values()), (dataset.name, estimates)


def test_a_readout_of_text_generates_the_answers(large: Settings) -> None:
    text = large.datasets[0]
    letters = text.model_copy(update={"readout": "letters"})
    assert sizing.scoring_tokens(letters, 12).generated == 0
    probes = sizing.scoring_tokens(text, 12).requests
    assert sizing.scoring_tokens(text, 12) == sizing.scoring_tokens(letters, 12) + Tokens(generated=10 * probes)


def test_requests_grow_with_the_attempt_and_end_with_a_day() -> None:
    assert [sizing.requested_megabytes(1000.4, attempt) for attempt in (1, 2, 3)] == [1000, 2000, 3000]
    assert sizing.requested_minutes(60, 90, 1) == 63  # twice a minute and a half
    assert sizing.requested_minutes(60, 90, 3) == 189
    assert sizing.requested_minutes(60, 90, 1000) == 24 * 60


@pytest.mark.parametrize(
    ("rule", "wildcards", "seconds"),
    [
        ("plot_effects", {}, 4),
        ("write_chains", {"model": "tiny", "writer": "base", "dataset": "coins"}, 8),
        ("finetune", {"model": "large", "arm": "tuned-lora"}, 8 + 30),  # 300 steps
        ("warm_start", {"model": "large"}, 8),  # there is none
        ("paraphrase", {"model": "large", "writer": "base", "dataset": "coins"}, 8),  # rules reword
    ],
)
def test_jobs_are_expected_to_take_the_time_of_their_work(
    large: Settings, rule: str, wildcards: dict[str, str], seconds: float
) -> None:
    assert sizing.expected_seconds(rule, job(large, **wildcards)) == pytest.approx(seconds)


def test_rules_of_which_time_is_expected_exist() -> None:
    text = "\n".join(file.read_text() for file in (ROOT / "rules").glob("*.smk"))
    derived = {again: rule for rule, again in re.findall(r"^ *use rule (\w+) as (\w+) with:", text, re.MULTILINE)}
    assert sizing.WORK.keys() <= {*re.findall(r"^ *rule (\w+):", text, re.MULTILINE), *derived}
    requests = {
        rule: re.findall(r"runtime\(\d+, sizing\.(\w+)\)", body)
        for rule, body in re.findall(r"^ *rule (\w+):\n(.*?)(?=^ *rule |\Z)", text, re.MULTILINE | re.DOTALL)
    }
    requested = {rule: parts[0] for rule, parts in requests.items() if parts}
    requested |= {again: requested[rule] for again, rule in derived.items() if again in sizing.WORK}
    assert requested == {rule: work.__name__ for rule, work in sizing.WORK.items()}


def test_all_trainings_of_an_arm_are_compared(config: dict[str, Any]) -> None:
    arm = {"name": "tuned-a", "datasets": [config["datasets"][0]["name"]]}
    seeds = load(config | {"arms": [arm | {"seeds": [0, 1, 2]}]})
    one = load(config | {"arms": [arm]})
    model = one.models[0].name
    counts = [sizing.chains(job(settings, model=model, arm="tuned-a"), one.datasets[0]) for settings in (one, seeds)]
    assert counts[1] == 2 * counts[0]  # base and three trainings, base and one


def test_chains_that_are_continued_after_mistakes_have_more_probes(config: dict[str, Any]) -> None:
    model = load(config).models[0].name
    both = load(config | {"perturbations": {"mistakes": ["keep", "resample"]}})
    kept, continued = (job(settings, model=model, reader="base") for settings in (load(config), both))
    assert sizing.scoring_megabytes(continued) > sizing.scoring_megabytes(kept)
    assert sizing.scoring_seconds(continued) >= sizing.scoring_seconds(kept)


def test_controls_read_what_base_wrote(large: Settings, config: dict[str, Any]) -> None:
    """They cost a training and half of a tuned arm's readings."""
    arms = [arm.model_dump(exclude_unset=True) for arm in large.arms]
    placebo = {"name": "placebo-lora", "placebo": {"of": "tuned-lora", "target": "shuffled"}, "seeds": [1, 2]}
    text = {"name": "null-text", "null": {"of": "tuned-full", "datasets": ["coins"]}, "models": ["large"]}
    plain = large.model_dump(exclude_unset=True)
    settings = load(plain | {"arms": [*arms, placebo, text]})
    coins = settings.dataset("coins")
    assert sizing.chains(job(settings, model="large", reader="placebo-lora.seed1"), coins) == 900
    assert sizing.chains(job(settings, model="large", reader="tuned-lora"), coins) == 2 * 900
    assert sizing.chains(job(settings, model="large", reader="base"), coins) == 4 * 900
    assert sizing.chains(job(settings, model="large", arm="placebo-lora"), coins) == 3 * 900
    assert sizing.chains(job(settings, model="large"), coins) == 7 * 900
    for name, like in (("placebo-lora.seed2", "tuned-lora"), ("null-text.seed1", "tuned-full")):
        assert sizing.trained_megabytes(job(settings, model="large", arm=name)) == sizing.trained_megabytes(
            job(settings, model="large", arm=like)
        )
    seconds = [
        sizing.expected_seconds("finetune", job(settings, model="large", arm=name))
        for name in ("tuned-lora", "placebo-lora.seed1")
    ]
    assert seconds[0] == seconds[1]
