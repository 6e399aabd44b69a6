"""The generic path, on databases that also have a path of their own: what is done there holds for others too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url

from legacy_adapters.change import Entry, Load, Operation, Quarantined, Write
from legacy_adapters.connector import Listed
from legacy_adapters.errors import PlanError
from legacy_adapters.record import Side
from legacy_adapters.sql.dialects import dialect_of
from legacy_adapters.sql.generic.dialect import GenericDialect
from legacy_adapters.sql.store import SqlSettings, SqlStore
from support.sync_stores import Kind, url_of
from support.sync_stores import opened as of_kind

DRIVERS = {"mariadb": "mysql+asyncmy", "postgresql": "postgresql+asyncpg"}
TABLE = "CREATE TABLE t (id int NOT NULL PRIMARY KEY, name varchar(20) NOT NULL UNIQUE, version int)"


async def opened(kind: Kind, capture: str = "poll:version") -> SqlStore:
    url = DRIVERS[kind.name] + kind.url[kind.url.index(":") :]
    settings = SqlSettings("people", Side.NEW, url, "t", ("id",), ("name", "version"), capture)
    return await SqlStore.open(settings, GenericDialect(make_url(url)))


@pytest_asyncio.fixture(params=["mariadb", "postgresql"])
async def generic(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Kind, SqlStore]]:
    async with of_kind(request.param, url_of(request.param, request, tmp_path)) as kind:
        await kind.run(TABLE, "INSERT INTO t VALUES (1, 'ada', 1)", "INSERT INTO t VALUES (2, 'bob', 2)")
        store = await opened(kind)
        await store.prepare(store.key_kinds)
        await store.install()
        yield kind, store
        await store.close()


def upsert(key: int, **row: object) -> Write:
    return Write((key,), Operation.UPSERT, {"id": key, **row})


async def test_rows_are_written_and_one_bad_row_spoils_nothing(generic: tuple[Kind, SqlStore]) -> None:
    kind, store = generic
    async with store.transaction() as ours:
        assert await ours.fence("s") is None
        writes = [
            upsert(1, name="Ada"),
            Write((2,), Operation.DELETE),
            upsert(3, name="Ada"),
            upsert(4, name="dan", version=9),
        ]
        assert [(one.key, one.reason) for one in await ours.write(writes)] == [((3,), "unique")]
        await ours.record([Entry((1,), (1,), 5, 50, None, 1)])
        stored = (await ours.rows([(1,)]))[(1,)]
        assert await ours.entries([(1,)]) == {(1,): Entry((1,), (1,), 5, 50, stored.hash, 1)}
        await ours.hold([Quarantined((3,), (3,), "unique", "taken")])
        await ours.checkpoint("s", {"n": 1})
    assert await store.read_checkpoint("s") == {"n": 1}
    assert [one.source_key for _, one in await store.quarantine(resolved=False, after=0, limit=5)] == [(3,)]
    assert await kind.run("SELECT * FROM t ORDER BY id") == [(1, "Ada", 1), (4, "dan", 9)]


async def test_a_load_is_all_or_nothing(generic: tuple[Kind, SqlStore]) -> None:
    _, store = generic
    columns = ("id", "name", "version")
    async with store.transaction() as ours:
        assert await ours.load(Load.of_rows(columns, [(5, "eve", 5)], [(5,)], [55], mapping_version=2))
        assert not await ours.load(
            Load.of_rows(columns, [(6, "f", 5), (7, "eve", 5)], [(6,), (7,)], [6, 7], mapping_version=2)
        )
        stored = await ours.rows([(5,), (6,)])
        assert await ours.entries([(5,), (6,)]) == {(5,): Entry((5,), (5,), 0, 55, stored[(5,)].hash, 2)}
    async with store.transaction() as ours:
        assert await ours.swap([upsert(1, name="bob"), upsert(2, name="ada")]) == []


async def test_a_failed_transaction_leaves_nothing(generic: tuple[Kind, SqlStore]) -> None:
    kind, store = generic

    async def fail() -> None:
        async with store.transaction() as ours:
            await ours.write([upsert(8, name="never")])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await kind.run("SELECT * FROM t WHERE id = 8") == []


async def test_rows_are_paged_polled_and_checked_by_hashes_of_ours(generic: tuple[Kind, SqlStore]) -> None:
    kind, store = generic
    async with store.snapshot() as snapshot:
        cursor = (await snapshot.changes(None, 10)).cursor
        first = await snapshot.chunk(None, 1)
        assert (await snapshot.chunk(first.key(-1), 5)).rows == [(2, "bob", 2)]
    await kind.run("INSERT INTO t VALUES (9, 'new', 3)")
    async with store.snapshot() as snapshot:
        changes = (await snapshot.changes(cursor, 10)).changes
        assert (9,) in {change.key for change in changes}
    async with store.audit() as audit:
        hashes = await audit.hashes(Listed.ROWS, None, None)
        whole = await audit.checksum(Listed.ROWS, None, None)
        assert (whole.count, whole.total) == (3, sum(hashes.values()))
        assert len(await audit.bounds(Listed.ROWS, None, None, 2)) == 1
    assert not store.capabilities.tested
    assert "not tested" in store.capabilities.notes[0]


async def test_what_has_no_driver_or_no_triggers_is_refused_with_words(postgresql: Kind) -> None:
    await postgresql.run(TABLE)
    with pytest.raises(PlanError, match="polling alone"):
        await opened(postgresql, "outbox")
    with pytest.raises(PlanError, match="no connector for nosuch"):
        dialect_of(make_url("nosuch://host/x"))
