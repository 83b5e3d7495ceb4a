"""Numbers, shares, intervals and lists read as people write them."""

import math

import pandas as pd
import pytest

from faithfulness import text
from tests.conftest import ROOT


@pytest.mark.parametrize("missing", [None, math.nan, pd.NA])
def test_what_is_missing_is_an_empty_text(missing: float | None) -> None:
    for write in (text.number, text.signed, text.count, text.percent, text.p_value, text.with_interval):
        arguments = [missing] * 3 if write is text.with_interval else [missing]
        assert write(*arguments) == ""
    assert text.interval(0.1, missing) == text.interval(missing, 0.1) == ""


def test_numbers_and_their_signs() -> None:
    assert text.number(-0.166) == "\u22120.17"
    assert text.number(2.5, 0) == "2"
    assert text.number(-0.001) == text.number(0.001) == "0.00"
    assert (text.signed(0.166), text.signed(-0.166)) == ("+0.17", "\u22120.17")
    assert (text.signed(0.001), text.signed(-0.001)) == ("+0.00", "\u22120.00")
    assert (text.count(1234567), text.count(1234.5, 2)) == ("1,234,567", "1,234.50")


def test_shares_and_declared_shares() -> None:
    assert text.percent(0.256) == "26 %"
    assert (text.exact_percent(0.95), text.exact_percent(0.975)) == ("95\u00a0%", "97.5\u00a0%")


def test_intervals() -> None:
    assert text.interval(-0.05, 0.125, 3) == "[\u22120.050, 0.125]"
    assert text.with_interval(0.1, -0.05, 0.2, text.signed) == "+0.10 [\u22120.05, 0.20]"
    assert text.with_interval(0.1, None, 0.2) == "0.10"


@pytest.mark.parametrize(("value", "shown"), [(0.0004, "< 0.001"), (0.0181, "0.018"), (1.0, "1.000")])
def test_p_values(value: float, shown: str) -> None:
    assert text.p_value(value) == shown


@pytest.mark.parametrize(
    ("parameters", "shown"),
    [
        (134_515_008, "135M"),
        (1_711_376_384, "1.7B"),
        (999_900_000, "1B"),
        (8_030_261_248, "8B"),
        (70_000, "70k"),
        (7, "7"),
    ],
)
def test_sizes_of_models(parameters: int, shown: str) -> None:
    assert text.size_text(parameters) == shown


def test_amounts_of_things() -> None:
    assert [text.counted(amount, "item") for amount in (0, 1, 2000)] == ["0 items", "1 item", "2,000 items"]


def test_lists_names_and_ids() -> None:
    assert [text.listed("abc"[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]
    assert text.spaced("paired_items") == "paired items"
    assert text.capital("aOC falls") == "AOC falls"
    assert text.slug("figure-retention-Qwen2.5 (0.5B)") == "figure-retention-qwen2-5-0-5b"


def test_numbers_need_no_figures() -> None:
    """A colour must not run again what prints a number."""
    assert "faithfulness" not in (ROOT / "scripts/faithfulness/text.py").read_text("utf-8")
