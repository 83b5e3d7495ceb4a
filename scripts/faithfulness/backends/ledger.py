"""Replies of servers on disk: no request is sent or paid twice, and no more is spent than allowed."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

Reply = dict[str, Any]  # as JSON holds it; `replies.parse` says what is in it

TABLES = """
CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, account TEXT, reply TEXT, cost REAL);
CREATE TABLE IF NOT EXISTS sent (id INTEGER PRIMARY KEY, account TEXT, cost REAL);
CREATE INDEX IF NOT EXISTS spent ON replies (account, cost);
CREATE TABLE IF NOT EXISTS paid (account TEXT PRIMARY KEY, cost REAL);
CREATE TABLE IF NOT EXISTS learned (account TEXT PRIMARY KEY, name TEXT);
INSERT OR IGNORE INTO paid SELECT account, TOTAL(cost) FROM replies GROUP BY account;
"""  # the last line is for ledgers of earlier versions, which had no table of totals


class BudgetError(RuntimeError):
    """The next request could cost more than is allowed."""


class Ledger:
    """Replies by request, the cost of all of them, and requests that have no reply yet.

    A request that has no reply, because of a kill or a cut connection, may have been paid all the same: it counts as
    spent. Several threads and several jobs may use one ledger at once.

    Args:
        file: the database; created if it does not exist.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.lock = Lock()
        # Transactions are explicit, so that a budget is checked and charged in the same one.
        self.database = sqlite3.connect(file, timeout=60, isolation_level=None, check_same_thread=False)
        self.database.executescript(TABLES)

    def reply(self, key: str) -> Reply | None:
        """The reply to a request, if there is one."""
        with self.lock:
            row = self.database.execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def spent(self, account: str) -> float:
        """What all requests of an account have cost, or may have cost."""
        with self.lock:
            return self._spent(account)

    def _spent(self, account: str) -> float:
        """Total of replies, kept up to date by `replied`, and of the few requests without a reply."""
        totals = (f"SELECT TOTAL(cost) FROM {table} WHERE account = ?" for table in ("paid", "sent"))
        return sum(self.database.execute(total, (account,)).fetchone()[0] for total in totals)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self.lock:
            self.database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.database.execute("COMMIT")
            except BaseException:
                if self.database.in_transaction:  # on a full disk, SQLite may have ended it itself
                    self.database.execute("ROLLBACK")
                raise

    def send(self, account: str, cost: float, limit: float | None) -> int:
        """Record a request before it is sent.

        Args:
            account: the model and server that are paid.
            cost: the most that the request can cost.
            limit: the most that the account may spend; None for no limit.

        Returns:
            The number of the record.

        Raises:
            BudgetError: the account could exceed its limit.
        """
        with self._transaction():
            spent = self._spent(account)
            if limit is not None and spent + cost > limit:
                raise BudgetError(
                    f"max_cost: {spent:.4f} of {limit} are spent on {account}, and the next request may cost "
                    f"{cost:.4f}; raise max_cost to continue from here"
                )
            number = self.database.execute("INSERT INTO sent (account, cost) VALUES (?, ?)", (account, cost)).lastrowid
        assert number is not None
        return number

    def refused(self, number: int) -> None:
        """Remove the record of a request that the server refused: it costs nothing."""
        with self.lock:
            self.database.execute("DELETE FROM sent WHERE id = ?", (number,))

    def replied(self, number: int, account: str, key: str, reply: Reply, cost: float) -> None:
        """Keep a reply and its cost in place of the record of its request."""
        with self._transaction():
            self.database.execute(
                "INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?)", (key, account, json.dumps(reply), cost)
            )
            self._pay(number, account, cost)

    def unusable(self, number: int, account: str, cost: float) -> None:
        """Count the cost of a reply that cannot be used in place of the record of its request; it is not kept."""
        with self._transaction():
            self._pay(number, account, cost)

    def _pay(self, number: int, account: str, cost: float) -> None:
        self.database.execute(
            "INSERT INTO paid VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET cost = cost + excluded.cost",
            (account, cost),
        )
        self.database.execute("DELETE FROM sent WHERE id = ?", (number,))

    def learned(self, account: str) -> str | None:
        """What the account's server calls the limit of new tokens; None if nothing was learned."""
        with self.lock:
            row = self.database.execute("SELECT name FROM learned WHERE account = ?", (account,)).fetchone()
        return row[0] if row else None

    def learn(self, account: str, name: str) -> None:
        """Keep what the account's server calls the limit of new tokens."""
        with self.lock:
            self.database.execute("INSERT OR REPLACE INTO learned VALUES (?, ?)", (account, name))
