"""Replies of servers, kept on disk: nothing is asked, or paid, twice, and no more is spent than was allowed."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

TABLES = """
CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, account TEXT, reply TEXT, cost REAL);
CREATE TABLE IF NOT EXISTS sent (id INTEGER PRIMARY KEY, account TEXT, cost REAL);
CREATE INDEX IF NOT EXISTS spent ON replies (account, cost);
"""


class BudgetError(RuntimeError):
    """What is about to be sent could cost more than is allowed."""


class Ledger:
    """Replies by request, and what was sent without a reply yet.

    What a kill or a cut connection left without a reply may have been paid all the same, so it counts as spent. Several
    threads and several jobs may write at once.

    Args:
        file: the database, made where there is none.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.lock = Lock()
        # Transactions are begun explicitly: a budget is looked at and taken from in one.
        self.database = sqlite3.connect(file, timeout=60, isolation_level=None, check_same_thread=False)
        self.database.executescript(TABLES)

    def reply(self, key: str) -> dict[str, Any] | None:
        """What a request was replied to, if it was."""
        with self.lock:
            row = self.database.execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def spent(self, account: str) -> float:
        """What all requests to a model have cost, or may have."""
        with self.lock:
            return self._spent(account)

    def _spent(self, account: str) -> float:
        totals = (f"SELECT TOTAL(cost) FROM {table} WHERE account = ?" for table in ("replies", "sent"))
        return sum(self.database.execute(total, (account,)).fetchone()[0] for total in totals)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self.lock:
            self.database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.database.execute("COMMIT")
            except BaseException:
                if self.database.in_transaction:  # SQLite may have ended it itself, on a full disk
                    self.database.execute("ROLLBACK")
                raise

    def send(self, account: str, cost: float, most: float | None) -> int:
        """Note, before it is sent, what a request may cost at most; gives the number of the note.

        Raises:
            BudgetError: with all that was spent, that would be more than `most`.
        """
        with self._transaction():
            spent = self._spent(account)
            if most is not None and spent + cost > most:
                raise BudgetError(
                    f"max_cost: {spent:.4f} of {most} are spent on {account}, and the next request may cost "
                    f"{cost:.4f}; raise max_cost to go on from here"
                )
            number = self.database.execute("INSERT INTO sent (account, cost) VALUES (?, ?)", (account, cost)).lastrowid
        assert number is not None
        return number

    def refused(self, number: int) -> None:
        """The server said that it did not do what was sent."""
        with self.lock:
            self.database.execute("DELETE FROM sent WHERE id = ?", (number,))

    def replied(self, number: int, account: str, key: str, reply: dict[str, Any], cost: float) -> None:
        """Keep a reply, and what it cost."""
        with self._transaction():
            self.database.execute(
                "INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?)", (key, account, json.dumps(reply), cost)
            )
            self.database.execute("DELETE FROM sent WHERE id = ?", (number,))
