"""Captured is everything, and no write loses a row: the fourth invariant, broken on purpose and as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from legacy_adapters.errors import CaptureError, PlanError
from legacy_adapters.sql.mariadb.driver import MariaDBConnection
from legacy_adapters.sql.mariadb.outbox import MariaDBOutbox
from legacy_adapters.sql.outbox import OutboxCapture
from legacy_adapters.sql.postgresql import dialect as postgresql_dialect
from legacy_adapters.sql.postgresql import loading as postgresql_loading
from legacy_adapters.sql.postgresql.driver import PostgreSQLConnection
from legacy_adapters.sql.sqlite.driver import SQLiteConnection
from support.sync_stores import Kind
from support.sync_way import configured, opened_way

CHILD = "CREATE TABLE t (id int NOT NULL PRIMARY KEY, name varchar(20), boss int{key})"
KEY = ", CONSTRAINT of_boss FOREIGN KEY (boss) REFERENCES parent (id) {action}"
#: What a foreign key does by itself -> what sets it off.
CASCADES = {
    "ON DELETE CASCADE": "DELETE FROM parent WHERE id = 1",
    "ON DELETE SET NULL": "DELETE FROM parent WHERE id = 1",
    "ON UPDATE CASCADE": "UPDATE parent SET id = 9 WHERE id = 1",
}
LOST = "it is lost, and nobody is told"
FIELDS = [{"legacy": name, "new": name} for name in ("id", "name", "boss")]


# -- changes that no trigger sees


async def cascades_arrive(source: Kind, target: Kind, folder: Path, action: str) -> None:
    """What a foreign key changes in the source is in the target too."""
    await source.run(
        "CREATE TABLE parent (id int NOT NULL PRIMARY KEY)",
        "INSERT INTO parent VALUES (1), (2)",
        CHILD.format(key=KEY.format(action=action)),
        "INSERT INTO t VALUES (7, 'ada', 1), (8, 'bob', 2)",
    )
    await target.run(CHILD.format(key=""))
    async with opened_way(configured(source, target, fields=FIELDS), folder) as way:
        await way.copy()
        await source.run(CASCADES[action])
        await way.follow()
    rows = "SELECT id, name, boss FROM t ORDER BY id"
    assert await target.run(rows) == await source.run(rows), LOST


@pytest.mark.parametrize("action", CASCADES)
async def test_cascades_arrive_where_triggers_see_them(
    postgresql: Kind, sqlite: Kind, tmp_path: Path, action: str
) -> None:
    await cascades_arrive(postgresql, sqlite, tmp_path, action)


@pytest.mark.parametrize("action", CASCADES)
async def test_cascades_that_no_trigger_sees_are_refused_before_anything_is_captured(
    mariadb: Kind, sqlite: Kind, tmp_path: Path, action: str
) -> None:
    with pytest.raises(PlanError, match="of_boss"):
        await cascades_arrive(mariadb, sqlite, tmp_path, action)


@pytest.mark.parametrize("action", CASCADES)
async def test_capture_that_does_not_look_for_cascades_loses_them(
    mariadb: Kind, sqlite: Kind, tmp_path: Path, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MariaDBOutbox, "refuse", lambda *_: None)
    with pytest.raises(AssertionError, match=LOST):
        await cascades_arrive(mariadb, sqlite, tmp_path, action)


async def later_cascade_arrives(source: Kind, target: Kind, folder: Path) -> None:
    """The same for a key that somebody adds while the sync runs."""
    await source.run(
        "CREATE TABLE parent (id int NOT NULL PRIMARY KEY)",
        "INSERT INTO parent VALUES (1)",
        CHILD.format(key=""),
        "INSERT INTO t VALUES (7, 'ada', 1)",
    )
    await target.run(CHILD.format(key=""))
    async with opened_way(configured(source, target, fields=FIELDS), folder) as way:
        await way.copy()
        await source.run(
            "ALTER TABLE t ADD CONSTRAINT later FOREIGN KEY (boss) REFERENCES parent (id) ON DELETE CASCADE",
            "DELETE FROM parent",
        )
        await way.direction.reads.verify_capture()  # type: ignore[attr-defined]  # as it does every second
        await way.follow()
    assert await target.run("SELECT id FROM t") == await source.run("SELECT id FROM t"), LOST


async def test_cascade_that_comes_later_stops_the_sync(mariadb: Kind, sqlite: Kind, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"later.*may be missing"):
        await later_cascade_arrives(mariadb, sqlite, tmp_path)


async def test_capture_that_does_not_look_again_loses_what_a_later_cascade_does(
    mariadb: Kind, sqlite: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def verify(self: OutboxCapture, connection: Any) -> None:
        self._id, _ = await self._recorded(connection) or ("", "")

    monkeypatch.setattr(OutboxCapture, "verify", verify)
    with pytest.raises(AssertionError, match=LOST):
        await later_cascade_arrives(mariadb, sqlite, tmp_path)


# -- writes that take a row away, or none in


async def every_record_is_written_or_held(source: Kind, target: Kind, folder: Path, *, live: bool) -> None:
    """Two records whose names are one in the target: one is there, of the other somebody is told."""
    await source.run("CREATE TABLE t (id int NOT NULL PRIMARY KEY, name varchar(20))")
    await target.run("CREATE TABLE t (id int NOT NULL PRIMARY KEY, name varchar(20) UNIQUE)")
    records = ("INSERT INTO t VALUES (1, 'ada'), (2, 'bob')", "INSERT INTO t VALUES (3, 'ada')")
    if not live:
        await source.run(*records)
    async with opened_way(configured(source, target), folder) as way:
        await way.copy()
        for record in records if live else ():
            await source.run(record)
            await way.follow()
        held = await way.direction.writes.quarantine_counts()
    rows = await target.run("SELECT id, name FROM t ORDER BY id")
    assert len(rows) + sum(held.values()) == 3, LOST
    assert (rows, held) == ([(1, "ada"), (2, "bob")], {"unique": 1})


@pytest.mark.parametrize("live", [True, False], ids=["live", "first copy"])
async def test_record_that_a_unique_key_keeps_out_is_told(
    kind: Kind, sqlite: Kind, tmp_path: Path, *, live: bool
) -> None:
    await every_record_is_written_or_held(sqlite, kind, tmp_path, live=live)


#: Kind of store and fault -> what becomes of the head of an insert, and what stands behind the statement.
BROKEN = {
    ("mariadb", "replace"): ("REPLACE INTO", ""),
    ("mariadb", "ignore"): ("INSERT IGNORE INTO", ""),
    ("sqlite", "replace"): ("INSERT OR REPLACE INTO", ""),
    ("sqlite", "ignore"): ("INSERT OR IGNORE INTO", ""),
    ("postgresql", "ignore"): ("INSERT INTO", " ON CONFLICT DO NOTHING"),
}
METHODS = {
    "mariadb": (MariaDBConnection, "execute"),
    "sqlite": (SQLiteConnection, "many"),
    "postgresql": (PostgreSQLConnection, "execute"),
}


def broken(monkeypatch: pytest.MonkeyPatch, name: str, fault: str) -> None:
    """Insert into the user's table by another statement, and believe that it did what it should."""
    (head, tail), (connection, method) = BROKEN[name, fault], METHODS[name]
    whole = getattr(connection, method)

    async def changed(self: Any, sql: str, *args: Any) -> Any:
        for plain in ("INSERT INTO", "INSERT OR ABORT INTO"):
            if sql.startswith(plain) and "strangler" not in sql.partition("(")[0]:
                sql = f"{head}{sql.removeprefix(plain)}{tail}"
        return await whole(self, sql, *args)

    monkeypatch.setattr(connection, method, changed)
    for module in (postgresql_dialect, postgresql_loading):
        monkeypatch.setattr(module, "require_all", lambda *_: None)


@pytest.mark.parametrize("fault", ["replace", "ignore"])
@pytest.mark.parametrize("live", [True, False], ids=["live", "first copy"])
async def test_writes_by_replace_or_ignore_lose_a_record(
    kind: Kind, sqlite: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, *, live: bool
) -> None:
    if (kind.name, fault) not in BROKEN:
        pytest.skip("it has no such statement")
    broken(monkeypatch, kind.name, fault)
    with pytest.raises(AssertionError, match=LOST):
        await every_record_is_written_or_held(sqlite, kind, tmp_path, live=live)
