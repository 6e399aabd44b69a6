"""The customers service's SQLite store."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import aiosqlite

from shop import seed
from shop.stores import insert, prepare

SCHEMA = """
CREATE TABLE customers (
    id                 INTEGER PRIMARY KEY,
    full_name          TEXT NOT NULL,
    email              TEXT NOT NULL UNIQUE,
    phone              TEXT,               -- E.164: +12125550147
    city               TEXT,
    postal_code        TEXT,
    country            TEXT NOT NULL,
    status             TEXT NOT NULL CHECK (status IN ('active', 'inactive', 'deleted')),
    marketing_opt_in   BOOLEAN NOT NULL,
    credit_limit_cents INTEGER NOT NULL,
    created_at         TEXT NOT NULL,      -- ISO 8601, UTC
    updated_at         TEXT NOT NULL
);
"""

Record = dict[str, Any]


class Store:
    """Customers by id."""

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db

    @classmethod
    async def open(cls, path: Path) -> Store:
        """Open the file; make and fill it when it is missing."""
        prepare(path, _fill)
        db = await aiosqlite.connect(path)
        db.row_factory = aiosqlite.Row
        await db.execute("PRAGMA journal_mode=WAL")
        return cls(db)

    async def close(self) -> None:
        """Close the file."""
        await self._db.close()

    async def get(self, number: int) -> Record | None:
        """One customer, or None."""
        rows = await self._db.execute_fetchall("SELECT * FROM customers WHERE id = ?", (number,))
        return next((_record(row) for row in rows), None)

    async def page(self, after: int, count: int) -> list[Record]:
        """The `count` customers whose ids follow `after`."""
        sql = "SELECT * FROM customers WHERE id > ? ORDER BY id LIMIT ?"
        return [_record(row) for row in await self._db.execute_fetchall(sql, (after, count))]


def _fill(db: sqlite3.Connection) -> None:
    db.executescript(SCHEMA)
    insert(db, "customers", [_row(customer) for customer in seed.customers()])


def _record(row: aiosqlite.Row) -> Record:
    return {**dict(row), "marketing_opt_in": bool(row["marketing_opt_in"])}


def _row(c: seed.Customer) -> tuple[Any, ...]:
    name, phone = f"{c.first_name} {c.last_name}", f"+1{c.phone_digits}"
    since, changed = f"{c.since.isoformat()}T00:00:00Z", f"{c.since.isoformat()}T12:00:00Z"
    person = (c.number, name, c.email, phone, c.city, c.postal_code, "US", c.status)
    return (*person, c.marketing, c.credit_cents, since, changed)
