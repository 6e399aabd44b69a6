"""aiosqlite: one thread per connection, foreign keys on, one writer at a time."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy.engine import URL

from legacy_adapters.errors import PlanError, SchemaChangedError, StoreUnavailableError, SyncError
from legacy_adapters.sql.connection import LOCK_TIMEOUT_S, Connection, Record, RefusedError
from legacy_adapters.sql.names import ORIGIN
from legacy_adapters.sql.sqlite.values import row_hash

#: What SQLite says -> reason of a rejection.
REASONS = (
    ("UNIQUE constraint failed", "unique"),
    ("FOREIGN KEY constraint failed", "foreign_key"),
    ("NOT NULL constraint failed", "not_null"),
    ("CHECK constraint failed", "check"),
    ("cannot store", "type"),
    ("datatype mismatch", "type"),
    ("string or blob too big", "too_long"),
)


class SQLiteConnection(Connection):
    """One connection; its statements run one after the other in a thread of its own."""

    def __init__(self, native: aiosqlite.Connection, origin: str) -> None:
        self.native = native
        self._origin = origin

    async def fetch(self, sql: str, args: Sequence[Any] = ()) -> Sequence[Record]:
        with translated():
            return list(await self.native.execute_fetchall(sql, args))

    async def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        with translated():
            async with self.native.execute(sql, args) as cursor:
                return max(0, cursor.rowcount)

    async def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """One statement for each of these rows of arguments; the first that fails ends it."""
        with translated():
            async with self.native.executemany(sql, rows):
                pass

    async def script(self, statements: Sequence[str]) -> None:
        for statement in statements:
            await self.execute(statement)

    async def begin_snapshot(self) -> None:
        await self.execute("BEGIN")
        await self.fetch("SELECT 1 FROM sqlite_master LIMIT 1")

    async def begin(self) -> None:
        await self.execute("BEGIN IMMEDIATE")
        await self.execute(f"INSERT INTO {ORIGIN} (id, origin) VALUES (1, ?)", [self._origin])

    async def commit(self) -> None:
        await self.execute(f"DELETE FROM {ORIGIN}")
        await self.execute("COMMIT")

    async def close(self) -> None:
        with translated():
            await self.native.close()

    def terminate(self) -> Awaitable[object] | None:
        return self.native.stop()


async def connect(url: URL, origin: str) -> SQLiteConnection:
    """A connection of ours; `origin` marks what it writes."""
    if not url.database or url.database == ":memory:":
        raise PlanError("a SQLite store is a file: sqlite:///folder/file.db")
    if not _is_there(url.database):  # SQLite would make an empty one
        raise PlanError(f"there is no SQLite store {url.database}")
    with translated():
        native = await aiosqlite.connect(url.database, timeout=LOCK_TIMEOUT_S, isolation_level=None)
        await native.execute("PRAGMA foreign_keys = ON")
        await native.create_function("strangler_hash", -1, row_hash, deterministic=True)
    return SQLiteConnection(native, origin)


def _is_there(file: str) -> bool:
    return Path(file).exists()


@contextmanager
def translated() -> Iterator[None]:
    """sqlite3's errors in our words."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translate(error) from None
    except (OverflowError, UnicodeEncodeError) as error:
        raise RefusedError("type", f"SQLite cannot keep it: {type(error).__name__}") from None
    except ValueError as error:
        raise StoreUnavailableError(f"SQLite says: {error}") from None


def _translate(error: sqlite3.Error) -> SyncError:
    message = str(error)
    for said, reason in REASONS:
        if said in message:
            constraint = message.partition(": ")[2]
            return RefusedError(reason, message, constraint)
    if isinstance(error, sqlite3.IntegrityError):
        # RAISE(ABORT, …) of somebody's trigger: its text may repeat values.
        return RefusedError("other", "a trigger of the table refuses it")
    if isinstance(error, sqlite3.DataError):
        return RefusedError("type", message)
    if re.search(r"no such (table|column)|has no column", message):
        return SchemaChangedError(f"SQLite says: {message}")
    return StoreUnavailableError(f"SQLite says: {message}")
