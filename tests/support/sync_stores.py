"""The stores that the shared conformance suite runs against, each with a second client that is nobody's sync.

A new connector adds one line to `KINDS`.
"""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
import asyncmy
import asyncpg
from sqlalchemy.engine import make_url

from legacy_adapters.record import Side
from legacy_adapters.sql.store import SqlSettings, SqlStore


class Client(ABC):
    """An application's connection to a store: plain statements, and transactions that it may keep open."""

    @abstractmethod
    async def run(self, sql: str) -> list[tuple[Any, ...]]: ...

    @abstractmethod
    async def close(self) -> None: ...


class PostgreSQLClient(Client):
    def __init__(self, native: asyncpg.Connection) -> None:
        self.native = native

    async def run(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(record) for record in await self.native.fetch(sql)]

    async def close(self) -> None:
        await self.native.close()


class MariaDBClient(Client):
    def __init__(self, native: Any) -> None:
        self.native = native

    async def run(self, sql: str) -> list[tuple[Any, ...]]:
        async with self.native.cursor() as cursor:
            await cursor.execute(sql)
            return list(await cursor.fetchall())

    async def close(self) -> None:
        await self.native.ensure_closed()


class SQLiteClient(Client):
    def __init__(self, native: aiosqlite.Connection) -> None:
        self.native = native

    async def run(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(record) for record in await self.native.execute_fetchall(sql)]

    async def close(self) -> None:
        await self.native.close()


class Kind:
    """One kind of store, with a new database.

    Attributes:
        name: as in test ids.
        url: of the database.
        concurrent: whether several may write at a time.
    """

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url
        self.concurrent = name != "sqlite"
        self._stack = AsyncExitStack()

    async def client(self) -> Client:
        """Another connection, closed with the test."""
        client = await CLIENTS[self.name](self.url)
        self._stack.push_async_callback(client.close)
        return client

    async def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Statements on a connection of their own, each committed; the last one's rows."""
        client = await CLIENTS[self.name](self.url)
        try:
            rows: list[tuple[Any, ...]] = []
            for statement in statements:
                rows = await client.run(statement)
            return rows
        finally:
            await client.close()

    async def store(
        self,
        table: str = "t",
        key: Sequence[str] = ("id",),
        columns: Sequence[str] = ("name",),
        *,
        sync: str = "people",
        capture: str = "outbox",
        side: Side = Side.NEW,
        ready: bool = True,
    ) -> SqlStore:
        """A store of that table, prepared for its own key and captured, closed with the test."""
        settings = SqlSettings(sync, side, self.url, table, tuple(key), tuple(columns), capture)
        store = await SqlStore.open(settings)
        self._stack.push_async_callback(store.close)
        if ready:
            await store.prepare(store.key_kinds)
            await store.install()
        return store

    async def close(self) -> None:
        await self._stack.aclose()


async def _postgresql(url: str) -> Client:
    return PostgreSQLClient(await asyncpg.connect(url))


async def _mariadb(url: str) -> Client:
    parts = make_url(url)
    native = await asyncmy.connect(
        host=parts.host, port=parts.port, user=parts.username, db=parts.database, charset="utf8mb4", autocommit=True
    )
    return MariaDBClient(native)


async def _sqlite(url: str) -> Client:
    native = await aiosqlite.connect(make_url(url).database or "", isolation_level=None, timeout=5)
    await native.execute("PRAGMA foreign_keys = ON")
    return SQLiteClient(native)


CLIENTS: dict[str, Callable[[str], Any]] = {"postgresql": _postgresql, "mariadb": _mariadb, "sqlite": _sqlite}
_numbers = itertools.count(1)


def url_of(name: str, request: Any, tmp_path: Path) -> str:
    """The URL of a new database of that kind."""
    if name == "sqlite":
        return f"sqlite:///{tmp_path}/test_{next(_numbers)}.db"
    return str(request.getfixturevalue(f"{name}_server").fresh())


KINDS = ("postgresql", "mariadb", "sqlite")


@asynccontextmanager
async def opened(name: str, url: str) -> AsyncIterator[Kind]:
    """A kind of store for the time of a test."""
    kind = Kind(name, url)
    try:
        yield kind
    finally:
        await asyncio.wait_for(kind.close(), 20)
