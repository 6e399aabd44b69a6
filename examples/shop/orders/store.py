"""The orders service's SQLite store."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiosqlite

from shop import seed
from shop.stores import insert, prepare

FIRST_NEW_ID = 1_000_000  # the monolith counts on from its own last number; the two ranges must never meet

SCHEMA = """
CREATE TABLE orders (
    id          INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('new', 'shipped', 'cancelled')),
    total_cents INTEGER NOT NULL,
    currency    TEXT NOT NULL,
    created_at  TEXT NOT NULL,             -- ISO 8601, UTC
    updated_at  TEXT NOT NULL
);
CREATE INDEX orders_customer ON orders (customer_id);
CREATE TABLE order_lines (
    order_id         INTEGER NOT NULL REFERENCES orders (id),
    line_no          INTEGER NOT NULL,
    sku              TEXT NOT NULL,
    description      TEXT NOT NULL,
    quantity         INTEGER NOT NULL,
    unit_price_cents INTEGER NOT NULL,
    PRIMARY KEY (order_id, line_no)
);
"""
INSERT_LINE = "INSERT INTO order_lines VALUES (?, ?, ?, ?, ?, ?)"

Record = dict[str, Any]


class Store:
    """Orders by id, each with its lines."""

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db
        self._placing = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path) -> Store:
        """Open the file; make and fill it when it is missing."""
        prepare(path, _fill)
        db = await aiosqlite.connect(path, isolation_level=None)  # transactions begin and end where it is written
        db.row_factory = aiosqlite.Row
        await db.execute("PRAGMA journal_mode=WAL")
        return cls(db)

    async def close(self) -> None:
        """Close the file."""
        await self._db.close()

    async def get(self, number: int) -> Record | None:
        """One order with its lines, or None."""
        rows = await self._db.execute_fetchall("SELECT * FROM orders WHERE id = ?", (number,))
        head = next((dict(row) for row in rows), None)
        if head is not None:
            sql = "SELECT * FROM order_lines WHERE order_id = ? ORDER BY line_no"
            lines = await self._db.execute_fetchall(sql, (number,))
            head["lines"] = [{key: row[key] for key in row.keys() if key != "order_id"} for row in lines]  # noqa: SIM118
        return head

    async def newest(self, count: int) -> list[Record]:
        """The newest orders, each with its lines."""
        rows = await self._db.execute_fetchall("SELECT id FROM orders ORDER BY id DESC LIMIT ?", (count,))
        return [record for row in rows if (record := await self.get(row["id"]))]

    async def place(self, customer: int, wanted: list[tuple[seed.Item, int]]) -> int:
        """Write an order and its lines; its id.

        The ids start above anything that the monolith will give out while both take orders.
        """
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        total = sum(item.price_cents * quantity for item, quantity in wanted)
        sql = "INSERT INTO orders SELECT MAX(?, MAX(id) + 1), ?, 'new', ?, 'USD', ?, ? FROM orders RETURNING id"
        async with self._writing():
            rows = list(await self._db.execute_fetchall(sql, (FIRST_NEW_ID, customer, total, now, now)))
            number = int(rows[0]["id"])
            for position, (item, quantity) in enumerate(wanted, start=1):
                line = (number, position, item.sku, item.description, quantity, item.price_cents)
                await self._db.execute(INSERT_LINE, line)
        return number

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[None]:
        """A transaction of its own, whole or not at all: also where the client leaves or the file is busy too long.

        One that is left open would never see what others write from then on, and could write nothing itself.
        """
        async with self._placing:
            try:
                await self._db.execute("BEGIN IMMEDIATE")
                yield
                await self._db.execute("COMMIT")
            finally:
                await self._db.rollback()  # nothing to do after the commit


def _fill(db: sqlite3.Connection) -> None:
    db.executescript(SCHEMA)
    orders = seed.orders()
    insert(db, "orders", [_row(order) for order in orders])
    insert(db, "order_lines", [row for order in orders for row in _line_rows(order)])


def _row(order: seed.Order) -> tuple[Any, ...]:
    day = order.placed.isoformat()
    return (
        order.number,
        order.customer,
        order.status,
        order.total_cents,
        "USD",
        f"{day}T00:00:00Z",
        f"{day}T12:00:00Z",
    )


def _line_rows(order: seed.Order) -> list[tuple[Any, ...]]:
    return [
        (order.number, line.number, line.sku, line.description, line.quantity, line.price_cents) for line in order.lines
    ]
