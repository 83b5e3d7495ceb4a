"""What jobs ask a scheduler for: rules/resources.smk is plain Python, given what rules/common.smk names."""

from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.iocontainers import Wildcards

from faithfulness.config.settings import Settings, load
from tests.runs import ROOT

LLAMA = {"uri": "hub:meta-llama/Llama", "revision": "8afb486c1db24fe5011ec46dfbe5b5dccdb575c2"}


def rules(settings: Settings, gpu: int = 1) -> dict[str, Any]:
    """The names of the rules file."""
    names = {
        "GPU": gpu,
        "SETTINGS": settings,
        "MODELS": [model.name for model in settings.models],
        "SPEAKERS": settings.models,
        "WEIGHTS": {model.name: model.weights() for model in settings.models},
        "PARAPHRASER": settings.perturbations.paraphraser,
        "arms_of": lambda model, arm="base": settings.arms_of(model) if arm == "base" else ["base", arm],
        "shard_of": lambda wildcards: wildcards.get("scatteritem"),
    }
    exec((ROOT / "rules/resources.smk").read_text(), names)
    return names


def wildcards(**named: str) -> Wildcards:
    return Wildcards(fromdict=named)


@pytest.fixture
def large(config: dict[str, Any]) -> Settings:
    """A model of 10^9 parameters, one that does not say, a tiny one and one on a server."""
    return load(
        config
        | {
            "models": [
                {"name": "large", "source": LLAMA, "parameters": 1_000_000_000, "dtype": "bfloat16"},
                {"name": "unknown", "source": LLAMA, "dtype": "float32"},
                {"name": "tiny", "source": {"uri": "random:llama"}},
                {"name": "served", "source": {"uri": "openai:gpt"}, "parameters": 1_000_000_000},
            ],
            "datasets": [
                {"name": "coins", "task": "coin_flip", "people": 2, "train": 10, "eval": 900, "readout": "text"},
                {"name": "more_coins", "task": "coin_flip", "people": 3, "train": 10, "eval": 100, "readout": "text"},
            ],
            "arms": [
                {"name": f"tuned-{method}", "method": method, "datasets": ["coins"], "steps": 300, "batch_size": 10}
                | {"models": ["large"]}
                for method in ("full", "lora", "qlora")
            ],
        }
    )


@pytest.mark.parametrize(("method", "more"), [("full", 16_000), ("lora", 4_000), ("qlora", 2_000)])
def test_training_asks_by_what_it_holds(large: Settings, method: str, more: int) -> None:
    names, one = rules(large), wildcards(model="large", arm=f"tuned-{method}")
    asked = names["memory"](6000, names["trained_of"])
    assert [asked(one, attempt) for attempt in (1, 2, 3)] == [(6000 + more) * times for times in (1, 2, 3)]
    # 3,000 examples, 0.05 s each: two minutes and a half.
    assert names["runtime"](59.5, names["training_seconds"])(one, 1) == 62
    slow = rules(large, gpu=0)
    assert slow["runtime"](60, slow["training_seconds"])(one, 1) == 60 + 800
    assert names["trained_of"](wildcards(model="large")) == 0  # no warm start


@pytest.mark.parametrize(("model", "megabytes"), [("large", 2_000), ("unknown", 32_000), ("tiny", 0), ("served", 0)])
def test_weights_are_counted_as_they_are_loaded(large: Settings, model: str, megabytes: float) -> None:
    names = rules(large)
    assert names["loaded_of"](wildcards(model=model)) == megabytes
    assert names["prepared_of"](wildcards(weights="large")) == 2 * 32_000  # the largest of the same source


def test_chains_are_those_that_the_wildcards_name(large: Settings) -> None:
    chains = rules(large)["chains_of"]
    assert chains(wildcards(model="large", writer="base", dataset="coins")) == 900
    assert chains(wildcards(model="large", reader="tuned-lora", dataset="coins")) == 2 * 900
    assert chains(wildcards(model="large", reader="base", dataset="coins")) == 4 * 900
    assert chains(wildcards(model="large", dataset="more_coins")) == 4 * 100
    assert chains(wildcards(model="tiny")) == 1000
    assert chains(wildcards()) == (4 + 1 + 1 + 1) * 1000


def test_time_goes_by_chains_and_size_and_ends_with_a_day(large: Settings) -> None:
    names = rules(large)
    asked = names["runtime"](60, names["model_seconds"])
    reading = {"model": "large", "reader": "base", "dataset": "coins"}
    assert asked(wildcards(**reading), 1) == 60 + 3  # 3,600 chains, 0.05 s each
    assert asked(wildcards(**reading), 3) == 3 * 63
    assert asked(wildcards(**reading, scatteritem="2-of-3"), 1) == 60 + 1
    assert asked(wildcards(**reading), 1000) == 24 * 60
    assert asked(wildcards(**reading | {"model": "tiny"}), 1) == 60
    assert asked(wildcards(**reading | {"model": "served"}), 1) == 60 + 75  # 900 chains, 5 s each


@pytest.mark.parametrize(
    ("rule", "of", "expected"),
    [
        ("plot_effects", {}, 4),
        ("write_chains", {"model": "large", "writer": "base", "dataset": "coins"}, 8 + 900 * 0.05 / 6),
        ("write_chains", {"model": "tiny", "writer": "base", "dataset": "coins"}, 8),
        ("finetune", {"model": "large", "arm": "tuned-lora"}, 8 + 30),  # 300 steps
        ("warm_start", {"model": "large"}, 8),  # there is none
    ],
)
def test_progress_weighs_jobs_by_the_seconds_of_their_work(
    large: Settings, rule: str, of: dict[str, str], expected: float
) -> None:
    job = SimpleNamespace(rule=SimpleNamespace(name=rule), wildcards=wildcards(**of))
    assert rules(large)["expected_seconds"](job) == pytest.approx(expected)
