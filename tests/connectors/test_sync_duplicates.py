"""Records that may be the same one: flagged in the transaction that wrote them, shown, never merged, never in the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog

from legacy_adapters.change import Load, Operation, Write
from legacy_adapters.engine import runner
from legacy_adapters.host import SyncHost
from legacy_adapters.opening import open_sync
from legacy_adapters.planning import plan_sync
from legacy_adapters.record import Side
from legacy_adapters.sql import duplicates as module
from legacy_adapters.sql.store import SqlSettings, SqlStore
from routes.config import Sync
from support.sync_stores import Kind, opened, url_of
from support.waits import eventually

WITHIN_S = 30.0
TABLE = "CREATE TABLE people (id integer NOT NULL PRIMARY KEY, email varchar(60), phone varchar(20), name varchar(20))"
COLUMNS = ("id", "email", "phone", "name")


async def store_of(kind: Kind, *, on: tuple[str, ...] = ("email", "phone")) -> SqlStore:
    settings = SqlSettings("s", Side.NEW, kind.url, "people", ("id",), COLUMNS, "none", duplicates=on)
    store = await SqlStore.open(settings)
    kind._stack.push_async_callback(store.close)
    await store.prepare(store.key_kinds)
    return store


async def write(store: SqlStore, *rows: tuple[Any, ...]) -> None:
    writes = [Write((row[0],), Operation.UPSERT, dict(zip(COLUMNS, row, strict=True))) for row in rows]
    async with store.transaction() as transaction:
        assert await transaction.write(writes) == []


async def delete(store: SqlStore, *keys: int) -> None:
    async with store.transaction() as transaction:
        await transaction.write([Write((key,), Operation.DELETE) for key in keys])


async def flagged(store: SqlStore) -> list[set[Any]]:
    """Keys that agree, group by group."""
    groups: dict[int, set[Any]] = {}
    for one in await store.list_duplicates(after=None, limit=1000):
        groups.setdefault(one.group, set()).add(one.key[0])
    assert await store.count_duplicates() == sum(map(len, groups.values()))
    return sorted(groups.values(), key=min)


async def test_records_that_agree_on_all_columns_are_flagged_and_written(kind: Kind) -> None:
    await kind.run(TABLE)
    store = await store_of(kind)
    await write(store, (1, "a@x", "+1", "Ada"), (2, "a@x", "+2", "Bob"), (3, "b@x", "+1", "Cy"))
    assert await flagged(store) == []
    await write(store, (4, "a@x", "+1", "Ada L."), (5, "b@x", "+1", "C."))
    assert await flagged(store) == [{1, 4}, {3, 5}]
    assert await kind.run("SELECT count(*) FROM people") == [(5,)]


async def test_nothing_and_blanks_agree_with_nothing(kind: Kind) -> None:
    await kind.run(TABLE)
    store = await store_of(kind)
    await write(store, (1, None, "+1", "a"), (2, None, "+1", "a"), (3, " ", "+1", "a"), (4, " ", "+1", "a"))
    await write(store, (5, "", "+1", "a"), (6, "", "+1", "a"))
    assert await flagged(store) == []


async def test_values_are_the_same_only_where_their_bytes_are(kind: Kind) -> None:
    """A collation that takes `A` for `a` does not: normalising is what transforms are for."""
    await kind.run(TABLE)
    store = await store_of(kind)
    await write(store, (1, "a@x", "+1", "a"), (2, "A@x", "+1", "a"))
    assert await flagged(store) == []


async def test_record_that_changes_so_that_it_agrees_with_none_is_flagged_no_longer(kind: Kind) -> None:
    await kind.run(TABLE)
    store = await store_of(kind)
    await write(store, *((number, "a@x", "+1", "a") for number in (1, 2, 3)))
    await write(store, (2, "b@x", "+1", "a"))
    assert await flagged(store) == [{1, 3}]
    await delete(store, 3)
    assert await flagged(store) == []
    await write(store, (2, "a@x", "+1", "a"))
    assert await flagged(store) == [{1, 2}]
    await write(store, (1, "c@x", "+1", "a"), (2, "c@x", "+1", "a"))
    assert await flagged(store) == [{1, 2}]
    await write(store, (1, None, "+1", "a"))
    assert await flagged(store) == []


async def test_replay_flags_nothing_twice(kind: Kind) -> None:
    await kind.run(TABLE)
    store = await store_of(kind)
    rows = [(1, "a@x", "+1", "a"), (2, "a@x", "+1", "b")]
    await write(store, *rows)
    before = await store.list_duplicates(after=None, limit=9)
    await write(store, *rows)
    await store.note_duplicates([(1,), (2,)])
    assert await store.list_duplicates(after=None, limit=9) == before


async def test_flags_are_as_the_rows_are_when_a_transaction_does_not_end(kind: Kind) -> None:
    await kind.run(TABLE)
    store = await store_of(kind)
    await write(store, (1, "a@x", "+1", "a"))

    async def broken_off() -> None:
        async with store.transaction() as transaction:
            row = dict(zip(COLUMNS, (2, "a@x", "+1", "b"), strict=True))
            await transaction.write([Write((2,), Operation.UPSERT, row)])
            await transaction.finish()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await broken_off()
    assert await flagged(store) == []


async def test_rows_of_a_first_copy_are_flagged_and_a_line_of_a_row_that_is_gone_is_not_in_the_way(kind: Kind) -> None:
    await kind.run(TABLE)
    store = await store_of(kind)
    await write(store, (1, "a@x", "+1", "a"), (2, "a@x", "+1", "b"))
    await kind.run("DELETE FROM people WHERE id = 2")  # of which nobody told
    async with store.transaction() as transaction:
        rows = [(2, "z@x", "+9", "z"), (3, "a@x", "+1", "c")]
        load = Load.of_rows(COLUMNS, rows, [(2,), (3,)], [0, 0], mapping_version=1)
        assert await transaction.load(load)
    assert await flagged(store) == [{1, 3}]


async def test_rows_that_were_there_before_are_taken_in(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILL_ROWS", 7)
    await kind.run(TABLE)
    values = ", ".join(f"({number}, 'm{number % 20}@x', '+1', 'a')" for number in range(50))
    await kind.run(f"INSERT INTO people VALUES {values}")
    store = await store_of(kind)
    assert await store.count_duplicates() == 50
    assert (await flagged(store))[0] == {0, 20, 40}


async def test_other_columns_are_looked_at_anew_and_none_any_more_are_forgotten(kind: Kind) -> None:
    await kind.run(TABLE)
    store = await store_of(kind)
    await write(store, (1, "a@x", "+1", "a"), (2, "a@x", "+2", "b"))
    assert await flagged(store) == []
    assert await flagged(await store_of(kind, on=("email",))) == [{1, 2}]
    none = await store_of(kind, on=())
    assert await none.count_duplicates() is None
    await kind.run("UPDATE people SET email = 'b@x' WHERE id = 2")
    assert await flagged(await store_of(kind, on=("email",))) == []


async def test_one_group_of_many_is_listed_page_by_page(kind: Kind) -> None:
    await kind.run(TABLE)
    store = await store_of(kind)
    await write(store, *((number, f"m{number // 3}@x", "+1", "a") for number in range(30)))
    found = await store.list_duplicates(after=None, limit=15)
    assert [one.group for one in found] == sorted(one.group for one in found)
    more = await store.list_duplicates(after=found[-1].group, limit=100)
    assert len({one.key for one in (*found, *more)}) == 30
    assert {one.key for one in await store.duplicates_of((4,), 100)} == {(3,), (4,), (5,)}
    assert await store.duplicates_of((99,), 100) == []


async def test_keys_of_any_kind_are_flagged(kind: Kind) -> None:
    ddl = (
        "CREATE TABLE people (a varchar(10) NOT NULL, b decimal(10,2) NOT NULL, email varchar(20), PRIMARY KEY (a, b))"
    )
    await kind.run(ddl)
    settings = SqlSettings("s", Side.NEW, kind.url, "people", ("a", "b"), ("email",), "none", duplicates=("email",))
    store = await SqlStore.open(settings)
    kind._stack.push_async_callback(store.close)
    await store.prepare(store.key_kinds)
    await kind.run("INSERT INTO people VALUES ('Ü', 1.50, 'x'), ('b', 2, 'x'), ('c', 3, 'y')")
    async with store.snapshot() as snapshot:
        keys = (await snapshot.chunk(None, 10)).keys()
    await store.note_duplicates(keys)
    found = await store.list_duplicates(after=None, limit=9)
    assert {one.key for one in found} == {key for key in keys if key[0] != "c"}


# -- as it is configured


@pytest.fixture(params=[("mariadb", "postgresql"), ("postgresql", "mariadb"), ("sqlite", "sqlite")], ids="-".join)
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Kinds of the legacy store and the new one."""
    found: tuple[str, str] = request.param
    return found


@pytest_asyncio.fixture
async def stores(
    pair: tuple[str, str], request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[Kind, Kind]]:
    legacy_name, new_name = pair
    async with (
        opened(legacy_name, url_of(legacy_name, request, tmp_path)) as legacy,
        opened(new_name, url_of(new_name, request, tmp_path)) as new,
    ):
        await legacy.run(TABLE)
        await new.run(TABLE)
        yield legacy, new


def sync_of(legacy: Kind, new: Kind, **given: Any) -> Sync:
    fields: list[Mapping[str, Any]] = [
        {"legacy": "id", "new": "id"},
        {"legacy": "email", "new": "email", "to_new": ["trim", "lower"], "to_legacy": "trim"},
        {"legacy": "phone", "new": "phone", "to_new": {"phone": {"region": "US"}}, "to_legacy": "trim"},
        {"legacy": "name", "new": "name"},
    ]
    sides = {
        name: {"url": kind.url, "table": "people", "key": ["id"]} for name, kind in (("legacy", legacy), ("new", new))
    }
    on = {"on": ["email", "phone"]}
    return Sync.model_validate({"name": "people", **sides, "fields": fields, "duplicates": on, **given})


@pytest.fixture(autouse=True)
def events() -> Iterator[list[Any]]:
    """What was logged."""
    with structlog.testing.capture_logs() as logged:
        yield logged


@asynccontextmanager
async def running(sync: Sync, folder: Path) -> AsyncIterator[SyncHost]:
    host = SyncHost(folder)
    host.want([sync])
    task = asyncio.create_task(host.run())
    try:
        await eventually(lambda: task.done() or host.copied, WITHIN_S)
        yield host
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, WITHIN_S)


async def test_what_the_mapping_makes_equal_is_flagged_and_counted(
    stores: tuple[Kind, Kind], tmp_path: Path, events: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "COUNT_EVERY_S", 0.01)
    legacy, new = stores
    await legacy.run(
        "INSERT INTO people VALUES (1, 'Ada@X.org', '(212) 555-0001', 'a'), (2, ' ada@x.org', '212-555-0001', 'b'), "
        "(3, 'bob@x.org', '212-555-0002', 'c')"
    )

    async with running(sync_of(legacy, new), tmp_path) as host:

        def count() -> object:
            return host.status()[0]["directions"][0]["duplicates"]

        await eventually(lambda: count() == 2, WITHIN_S)
        assert await new.run("SELECT count(*) FROM people") == [(3,)], "no record is kept back for it"
        await legacy.run("INSERT INTO people VALUES (4, 'BOB@x.org', '+1 212 555 0002', 'd')")
        await eventually(lambda: count() == 4, WITHIN_S)
        await legacy.run("DELETE FROM people WHERE id = 1")
        await eventually(lambda: count() == 2, WITHIN_S)
    flagged_events = [event for event in events if event["event"] == "sync.duplicates.flagged"]
    assert [event["flagged"] for event in flagged_events] == [2, 4]


async def test_what_others_write_to_the_new_store_is_flagged_where_it_is_read(
    stores: tuple[Kind, Kind], tmp_path: Path
) -> None:
    legacy, new = stores
    sync = sync_of(legacy, new, direction="both")
    await legacy.run("INSERT INTO people VALUES (1, 'ada@x.org', '+12125550001', 'a')")
    async with running(sync, tmp_path):
        await new.run("INSERT INTO people VALUES (2, 'ada@x.org', '+12125550001', 'b')")
        await eventually(lambda: legacy.run("SELECT id FROM people WHERE id = 2"), WITHIN_S)
    one = await open_sync(sync, tmp_path)
    try:
        assert await one.adopt()
        assert await flagged(one.stores[Side.NEW]) == [{1, 2}]
    finally:
        await one.close()


async def test_plan_tells_how_many_of_the_first_rows_agree(stores: tuple[Kind, Kind], tmp_path: Path) -> None:
    legacy, new = stores
    await legacy.run(
        "INSERT INTO people VALUES (1, 'Ada@X.org', '(212) 555-0001', 'a'), (2, ' ada@x.org', '212-555-0001', 'b'), "
        "(3, '', '', 'c'), (4, '', '', 'c')"
    )
    plan = await plan_sync(sync_of(legacy, new), tmp_path)
    (told,) = [finding for finding in plan.findings if "agree with another" in finding.words]
    assert told.words == "2 of all 4 rows agree with another on email, phone"
    assert (told.where, told.level) == ("legacy store", "warning")
    assert "strangler sync duplicates people" in told.advice
    assert any("strangler_duplicates_people" in made for made in plan.installs)


async def test_plan_says_that_it_saw_a_part_and_where_none_are_flagged(
    stores: tuple[Kind, Kind], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("legacy_adapters.sampling.PART_ROWS", 2)
    monkeypatch.setattr("legacy_adapters.sampling.SAMPLE_ROWS", 2)
    legacy, new = stores
    await legacy.run(
        "INSERT INTO people VALUES (1, 'a@x.org', '212-555-0001', 'a'), (2, 'b@x.org', '212-555-0001', 'b')"
    )
    await legacy.run("INSERT INTO people VALUES (3, 'a@x.org', '212-555-0001', 'a')")
    plan = await plan_sync(sync_of(legacy, new), tmp_path)
    assert "0 of the first 2 rows agree with another on email, phone; with the others there may be more" in [
        finding.words for finding in plan.findings
    ]
    plan = await plan_sync(sync_of(legacy, new, direction="to_legacy"), tmp_path)
    assert "none are flagged, since the sync does not write the new store" in [one.words for one in plan.findings]
