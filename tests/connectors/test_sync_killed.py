"""The administrator of a database ends the session of a sync before each of its statements in turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from legacy_adapters.errors import StaleError, StoreUnavailableError
from legacy_adapters.sql.mariadb.driver import MariaDBConnection
from legacy_adapters.sql.postgresql.driver import PostgreSQLConnection
from support.sync_stores import Kind
from support.sync_way import Way, configured, opened_way

#: Statements of one step of the stream, and a few more.
STATEMENTS = 24


class Killer:
    """Ends a session before the statement that comes after so many others; -1 is never."""

    def __init__(self, kind: Kind, sql: Callable[[Any], str]) -> None:
        self.kind, self.sql = kind, sql
        self.left = -1
        self.killed = 0

    def before(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def asked(connection: Any, *args: Any) -> Any:
            self.left -= self.left >= 0
            if self.left == 0:
                self.left = -1
                self.killed += 1
                await self.kind.run(self.sql(connection.native))
            return await method(connection, *args)

        return asked


def armed(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> Killer:
    if kind.name == "postgresql":
        killer = Killer(kind, lambda native: f"SELECT pg_terminate_backend({native.get_server_pid()}, 5000)")
        driver: type = PostgreSQLConnection
    else:
        killer = Killer(kind, lambda native: f"KILL {native.thread_id()}")
        driver = MariaDBConnection
    for name in ("fetch", "execute", "several", "copy"):
        if hasattr(driver, name):
            monkeypatch.setattr(driver, name, killer.before(getattr(driver, name)))
    return killer


async def follow(way: Way) -> None:
    for _ in range(5):
        try:
            await way.stream.load()
            await way.follow()
        except (StoreUnavailableError, StaleError):
            continue
        return


async def test_a_session_that_is_ended_at_any_statement_costs_nothing(
    postgresql: Kind, mariadb: Kind, sqlite: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sqlite.run(
        "CREATE TABLE t (id int NOT NULL PRIMARY KEY, name text)", "INSERT INTO t VALUES (1, 'a'), (2, 'b')"
    )
    for first, kind in ((100, postgresql), (1000, mariadb)):
        await kind.run("CREATE TABLE t (id int PRIMARY KEY, name varchar(20))")
        killer = armed(kind, monkeypatch)
        sync = configured(sqlite, kind).model_copy(update={"name": kind.name})
        async with opened_way(sync, tmp_path) as way:
            await way.copy()
            for at in range(1, STATEMENTS):
                await sqlite.run(
                    f"INSERT INTO t VALUES ({first + at}, 'new')",
                    f"UPDATE t SET name = 'u{at}' WHERE id = 1",
                    f"DELETE FROM t WHERE id = {first + at - 1}",
                )
                killer.left = at
                await follow(way)
                killer.left = -1
                rows = "SELECT id, name FROM t ORDER BY id"
                assert await kind.run(rows) == await sqlite.run(rows), f"{kind.name}, statement {at}"
            assert killer.killed >= 10
        monkeypatch.undo()
