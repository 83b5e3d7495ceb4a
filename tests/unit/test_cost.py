"""Time and price of tokens, against formulas worked out by hand."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from faithfulness.config.models import Model
from faithfulness.operate import cost
from faithfulness.operate.cost import TRAINING_PASSES, Assumptions, Tokens
from faithfulness.operate.plan.expected import measured_flops

ASSUMED = Assumptions(flops=1e12, utilisation=0.5, writing_utilisation=0.1, reply_seconds=4)
BILLION = 10**9


def model(uri: str, **settings: Any) -> Model:
    return TypeAdapter(Model).validate_python({"name": "m", "source": {"uri": uri}, **settings})


@pytest.mark.parametrize(
    ("tokens", "passes", "hours"),
    [
        (Tokens(prefilled=900_000), 1, 1),
        (Tokens(prefilled=900_000), TRAINING_PASSES["full"], 3),
        (Tokens(prefilled=900_000), TRAINING_PASSES["lora"], 2),
        (Tokens(generated=900_000), 1, 5),
        (Tokens(prefilled=900_000, generated=900_000, sent=10**9, requests=10**9), 1, 6),
        (Tokens(), 1, 0),
    ],
)
def test_seconds_of_weights(tokens: Tokens, passes: float, hours: float) -> None:
    assert cost.seconds(tokens, model("random:llama"), BILLION, ASSUMED, passes) == pytest.approx(3600 * hours)
    assert cost.price(tokens, model("random:llama")) is None


def test_an_unknown_size_takes_unknown_time() -> None:
    assert cost.seconds(Tokens(prefilled=1), model("random:llama"), None, ASSUMED) is None
    assert cost.seconds(Tokens(), model("random:llama"), None, ASSUMED) == 0


def test_a_server_takes_time_by_requests_and_money_by_tokens() -> None:
    served = model("openai:gpt", parameters=BILLION, server={"input_price": 3, "output_price": 6, "concurrency": 8})
    tokens = Tokens(prefilled=7, requests=7200, sent=1_000_000, received=2_000_000)
    assert cost.seconds(tokens, served, None, ASSUMED) == pytest.approx(3600)
    assert cost.price(tokens, served) == pytest.approx(15)


def test_tokens_add_up_and_scale() -> None:
    total = Tokens(1, 2, 3, 4, 5) + Tokens(10, 20, 30, 40, 50) * 2
    assert total == Tokens(21, 42, 63, 84, 105)
    assert total.computed == 63
    assert total.repeated() == Tokens(0, 42, 63, 84, 105)


@pytest.mark.parametrize("name", ["flops", "items", "reply_seconds"])
def test_assumptions_are_positive(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: must be more than 0"):
        replace(ASSUMED, **{name: 0})


def test_flops_are_those_of_the_timed_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faithfulness.arms.devices.product_time", lambda *_: 2.0)  # milliseconds
    monkeypatch.setattr("faithfulness.arms.devices.pick_device", lambda _: "cpu")
    assert measured_flops() == pytest.approx(2 * 1024**3 / 2e-3)
