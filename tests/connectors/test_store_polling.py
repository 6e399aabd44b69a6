"""Polling: what a column that grows can show, and what it cannot."""

from __future__ import annotations

import pytest

from legacy_adapters.change import Change, Cursor
from legacy_adapters.errors import CaptureError, PlanError, SchemaChangedError
from legacy_adapters.sql.store import SqlStore
from support.sync_stores import Kind

TIMES = {"postgresql": "timestamptz", "mariadb": "datetime(6)", "sqlite": "DATETIME"}


class Poller:
    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.cursor: Cursor | None = None

    async def look(self, limit: int = 100) -> list[Change]:
        changes: list[Change] = []
        while True:
            async with self.store.snapshot() as snapshot:
                batch = await snapshot.changes(self.cursor, limit)
            self.cursor = batch.cursor
            changes += batch.changes
            if not batch.more:
                return changes


async def polled(kind: Kind, *rows: str) -> Poller:
    await kind.run(f"CREATE TABLE t (id int NOT NULL PRIMARY KEY, name varchar(20), at {TIMES[kind.name]})")
    await kind.run(*(f"INSERT INTO t VALUES {row}" for row in rows), "CREATE INDEX by_at ON t (at)")
    poller = Poller(await kind.store(capture="poll:at"))
    await poller.look()
    return poller


def names(changes: list[Change]) -> dict[object, object]:
    return {change.key[0]: change.stored.row["name"] if change.stored else None for change in changes}


async def test_rows_whose_time_grew_are_seen_once(kind: Kind) -> None:
    poller = await polled(kind, "(1, 'ada', '2024-01-01 00:00:00')")
    await poller.look()
    await kind.run("INSERT INTO t VALUES (2, 'bob', '2024-01-01 00:00:05'), (3, 'cyd', '2024-01-01 00:00:05')")
    await kind.run("UPDATE t SET name = 'Ada', at = '2024-01-01 00:00:06' WHERE id = 1")
    changes = await poller.look(limit=1)
    assert names(changes) == {1: "Ada", 2: "bob", 3: "cyd"}
    assert await poller.look() == []
    positions = [change.position for change in changes]
    await kind.run("UPDATE t SET name = 'again' WHERE id = 1")
    (tie,) = await poller.look()
    assert tie.stored is not None
    assert tie.stored.row["name"] == "again", "the same time and another row: two writes within one tick"
    assert tie.position > max(positions)


async def test_a_write_that_commits_late_is_seen_within_the_overlap_and_lost_beyond_it(kind: Kind) -> None:
    poller = await polled(kind, "(1, 'ada', '2024-01-01 00:10:00')")
    await kind.run("INSERT INTO t VALUES (2, 'late', '2024-01-01 00:09:45')")
    assert 2 in names(await poller.look())
    await kind.run("INSERT INTO t VALUES (3, 'too late', '2024-01-01 00:09:20')")
    assert await poller.look() == []


async def test_what_was_read_and_never_applied_is_read_again(kind: Kind) -> None:
    poller = await polled(kind)
    before = poller.cursor
    await kind.run("INSERT INTO t VALUES (2, 'bob', '2024-01-01 00:00:05')")
    assert names(await poller.look()) == {2: "bob"}
    poller.cursor = before
    assert names(await poller.look()) == {2: "bob"}


async def test_deletes_and_a_column_that_stays_are_not_seen_and_said_so(kind: Kind) -> None:
    poller = await polled(kind, "(1, 'ada', '2024-01-01 00:10:00')", "(2, 'bob', '2023-01-01 00:00:00')")
    await poller.look()
    await kind.run("DELETE FROM t WHERE id = 1", "UPDATE t SET name = 'unseen' WHERE id = 2")
    assert await poller.look() == []
    promised = poller.store.capabilities
    assert (promised.deletes, promised.origins, promised.order) == (False, False, True)
    assert "deletes are not seen" in promised.notes[-2]


async def test_what_cannot_be_polled_by_is_refused(kind: Kind) -> None:
    poller = await polled(kind)
    with pytest.raises(PlanError, match="no column nope"):
        await kind.store(capture="poll:nope")
    with pytest.raises(PlanError, match="neither a time nor a number"):
        await kind.store(capture="poll:name")
    with pytest.raises(PlanError, match="poll:COLUMN"):
        await kind.store(capture="binlog")
    outbox = await kind.store()
    async with outbox.snapshot() as snapshot:
        poller.cursor = (await snapshot.changes(None, 1)).cursor
    with pytest.raises(CaptureError, match="another way"):
        await poller.look()
    await kind.run("ALTER TABLE t ADD COLUMN extra int")
    with pytest.raises(SchemaChangedError):
        await poller.store.verify_capture()
