"""What is spent: the same total, whoever began the ledger and however many use it."""

import json
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faithfulness.backends.ledger import BudgetError, Ledger

# The tables of earlier versions, which added up all replies before each request.
EARLIER = """
CREATE TABLE replies (key TEXT PRIMARY KEY, account TEXT, reply TEXT, cost REAL);
CREATE TABLE sent (id INTEGER PRIMARY KEY, account TEXT, cost REAL);
CREATE INDEX spent ON replies (account, cost);
"""


def test_a_ledger_of_an_earlier_version(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "requests.sqlite") as database:
        database.executescript(EARLIER)
        rows = [(f"key{i}", "mine" if i % 2 else "yours", json.dumps({"text": str(i)}), i / 8) for i in range(10)]
        database.executemany("INSERT INTO replies VALUES (?, ?, ?, ?)", rows)
        database.execute("INSERT INTO sent (account, cost) VALUES ('mine', 2)")
    database.close()
    for _ in range(2):  # totals are taken over once
        ledger = Ledger(tmp_path / "requests.sqlite")
        assert ledger.reply("key3") == {"text": "3"}
        assert ledger.spent("mine") == (1 + 3 + 5 + 7 + 9) / 8 + 2
        assert ledger.spent("yours") == (0 + 2 + 4 + 6 + 8) / 8
    ledger.replied(ledger.send("mine", 1.0, None), "mine", "new", {}, 0.5)
    assert Ledger(tmp_path / "requests.sqlite").spent("mine") == 25 / 8 + 2 + 0.5


@given(st.lists(st.tuples(st.sampled_from(["reply", "refuse", "lose"]), st.integers(0, 3), st.integers(0, 9))))
def test_the_total_is_the_sum_of_all_requests(requests: list[tuple[str, int, int]]) -> None:
    ledger, expected = Ledger(Path(":memory:")), [0.0] * 4
    for number, (outcome, account, cost) in enumerate(requests):
        sent = ledger.send(f"{account}", 10.0, None)
        if outcome == "reply":
            ledger.replied(sent, f"{account}", f"key{number}", {}, cost)
        elif outcome == "refuse":
            ledger.refused(sent)
        expected[account] += {"reply": cost, "refuse": 0, "lose": 10.0}[outcome]
        assert [ledger.spent(f"{account}") for account in range(4)] == expected


def test_a_request_that_two_jobs_send_is_paid_twice(tmp_path: Path) -> None:
    ledgers = [Ledger(tmp_path / "requests.sqlite") for _ in range(2)]
    numbers = [ledger.send("mine", 1.0, None) for ledger in ledgers]
    for ledger, number in zip(ledgers, numbers, strict=True):
        ledger.replied(number, "mine", "same", {}, 0.25)
    assert [ledger.spent("mine") for ledger in ledgers] == [0.5, 0.5]


def test_no_request_may_exceed_the_limit(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "requests.sqlite")
    ledger.replied(ledger.send("mine", 1.0, 1.0), "mine", "key", {}, 0.25)
    ledger.send("mine", 0.75, 1.0)
    with pytest.raises(
        BudgetError, match=r"max_cost: 1\.0000 of 1\.0 are spent on mine, and the next request may cost"
    ):
        ledger.send("mine", 0.01, 1.0)
    ledger.send("yours", 0.75, 1.0)
