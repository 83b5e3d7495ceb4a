"""Batches: whole units in order, within the budget, and smaller ones when the device runs out of memory."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from faithfulness.backends.batching import MOST_ROWS, TokenBudget, leading


def out_of_memory_above(limit: int, done: list[list[int]]) -> Callable[[list[int]], None]:
    """Work that succeeds on at most `limit` indices at once."""

    def work(batch: list[int]) -> None:
        if len(batch) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        done.append(batch)

    return work


def ten_each(unit: list[int]) -> int:
    return 10 * len(unit)


@given(st.lists(st.integers(1, 50), max_size=20), st.integers(1, 120))
def test_batches_are_whole_units_in_order_within_the_budget(sizes: list[int], tokens: int) -> None:
    batches: list[list[int]] = []
    TokenBudget(tokens, "cpu").run([[i] for i in range(len(sizes))], lambda unit: sizes[unit[0]], batches.append)
    assert [i for batch in batches for i in batch] == list(range(len(sizes)))
    totals = [sum(sizes[i] for i in batch) for batch in batches]
    assert all(total <= tokens or len(batch) == 1 for batch, total in zip(batches, totals, strict=True))
    for batch, total in zip(batches, totals, strict=True):  # no batch has room for the unit after it
        assert batch[-1] + 1 == len(sizes) or total + sizes[batch[-1] + 1] > tokens


@given(st.integers(1, 40), st.integers(1, 200))
def test_a_divisible_unit_is_halved_until_it_fits(length: int, tokens: int) -> None:
    batches: list[list[int]] = []
    TokenBudget(tokens, "cpu").run([list(range(length))], ten_each, batches.append, divisible=True)
    assert [i for batch in batches for i in batch] == list(range(length))
    assert all(ten_each(batch) <= tokens or len(batch) == 1 for batch in batches)


def test_at_least_one_unit_is_taken() -> None:
    assert leading(5, [9, 1]) == 1
    assert leading(5, [2, 3, 1]) == 2


@pytest.mark.fault("device out of memory", "smaller batches, the same answers")
def test_out_of_memory_halves_the_budget(caplog: pytest.LogCaptureFixture) -> None:
    done: list[list[int]] = []
    budget = TokenBudget(100, "cpu")
    budget.run([[i] for i in range(5)], ten_each, out_of_memory_above(2, done))
    assert done == [[0, 1], [2, 3], [4]]
    assert budget.tokens == 25
    assert "continuing with 25 tokens per batch" in caplog.text


def test_out_of_memory_halves_an_item() -> None:
    done: list[list[int]] = []
    TokenBudget(100, "cpu").run([[0, 1, 2, 3, 4, 5]], ten_each, out_of_memory_above(3, done), divisible=True)
    assert done == [[0, 1, 2], [3, 4, 5]]


def test_out_of_memory_with_one_item() -> None:
    with pytest.raises(MemoryError, match="cpu has too little memory for one item of 10 tokens; use a device with"):
        TokenBudget(100, "cpu").run([[0]], ten_each, out_of_memory_above(0, []))


def test_out_of_memory_means_fewer_rows_of_a_padded_batch() -> None:
    budget, rows = TokenBudget(100, "cpu", padded=True), []

    def work(batch: list[int]) -> None:
        rows.append(budget.rows(longest=10))
        if rows[-1] > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")

    budget.run([[0]], lambda _: 100, work)
    assert rows == [10, 5, 2]


def test_rows() -> None:
    assert TokenBudget(10**6, "cpu").rows(longest=10) == MOST_ROWS
    assert TokenBudget(5, "cpu").rows(longest=10) == 1
