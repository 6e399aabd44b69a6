"""Customers, their orders and the lines of those: three syncs whose records arrive in one moment, each by its own stream."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog

from legacy_adapters.engine import heldback
from legacy_adapters.engine.phases import Phase
from legacy_adapters.engine.runner import SyncRunner
from legacy_adapters.host import SyncHost
from routes.config import Sync
from support.sync_stores import Client, Kind, opened, url_of
from support.waits import eventually

#: legacy store -> new store.
PAIRS = (("mariadb", "postgresql"), ("postgresql", "mariadb"), ("sqlite", "sqlite"))
FAMILIES = 500
WITHIN_S = 40.0
REFERS = " REFERENCES {}(id)"


def tables(*, bound: bool) -> tuple[str, ...]:
    """The tables of a store, with foreign keys where it is `bound`."""
    keys = [f", CONSTRAINT {name} FOREIGN KEY ({column}) REFERENCES {parent}(id)" if bound else "" for name, column, parent in (
        ("of_customer", "customer_id", "customers"), ("of_order", "order_id", "orders"), ("of_boss", "boss_id", "people"),
    )]  # fmt: skip
    return (
        "CREATE TABLE customers (id integer PRIMARY KEY, name varchar(40))",
        f"CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer NOT NULL, name varchar(40){keys[0]})",
        f"CREATE TABLE order_lines (id integer PRIMARY KEY, order_id integer NOT NULL, name varchar(40){keys[1]})",
        f"CREATE TABLE people (id integer PRIMARY KEY, boss_id integer, name varchar(40){keys[2]})",
    )


class Family:
    """Both stores, and the syncs between them."""

    def __init__(self, legacy: Kind, new: Kind, folder: Path) -> None:
        self.legacy, self.new, self.folder = legacy, new, folder
        self._clients: list[Client] = []

    def sync(self, table: str, *columns: str, direction: str = "to_new", **given: Any) -> Sync:
        names = ("id", *columns, "name")
        return Sync.model_validate(
            {
                "name": table,
                "legacy": {"url": self.legacy.url, "table": table, "key": ["id"]},
                "new": {"url": self.new.url, "table": table, "key": ["id"]},
                "direction": direction,
                "fields": [{"legacy": name, "new": name} for name in names],
                **given,
            }
        )

    def syncs(self, *, direction: str = "to_new") -> list[Sync]:
        """The children first, and parents that are slow: each of their transactions is small."""
        return [
            self.sync("order_lines", "order_id", direction=direction),
            self.sync("orders", "customer_id", direction=direction, batch_rows=200),
            self.sync("customers", direction=direction, batch_rows=10),
        ]

    async def same(self, *names: str) -> bool:
        for name in names or ("customers", "orders", "order_lines"):
            sql = f"SELECT * FROM {name} ORDER BY id"
            legacy, new = [await client.run(sql) for client in await self._looking()]
            if legacy != new:
                return False
        return True

    async def _looking(self) -> list[Client]:
        if not self._clients:
            self._clients = [await self.legacy.client(), await self.new.client()]
        return self._clients

    async def count(self, table: str) -> int:
        ((count,),) = await self.new.run(f"SELECT count(*) FROM {table}")
        return int(count)


@pytest.fixture(params=PAIRS, ids="-".join)
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Kinds of the legacy store and the new one."""
    found: tuple[str, str] = request.param
    return found


@pytest_asyncio.fixture
async def family(pair: tuple[str, str], request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Family]:
    legacy_name, new_name = pair
    async with (
        opened(legacy_name, url_of(legacy_name, request, tmp_path)) as legacy,
        opened(new_name, url_of(new_name, request, tmp_path)) as new,
    ):
        yield Family(legacy, new, tmp_path)


@pytest.fixture(autouse=True)
def events() -> Iterator[list[Any]]:
    """What was logged."""
    with structlog.testing.capture_logs() as logged:
        yield logged


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has much else to do may take longer than rows are held back for."""
    monkeypatch.setattr(heldback, "PATIENCE_S", WITHIN_S)


@asynccontextmanager
async def running(family: Family, syncs: list[Sync]) -> AsyncIterator[dict[str, SyncRunner]]:
    """The syncs at work, all live; their runners."""
    host = SyncHost(family.folder)
    host.want(syncs)
    task = asyncio.create_task(host.run())
    try:
        await eventually(lambda: task.done() or host.copied, WITHIN_S)
        assert host._syncer is not None
        yield host._syncer.runners
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, WITHIN_S)


async def in_one_transaction(kind: Kind, *statements: str) -> None:
    client = await kind.client()
    for statement in ("BEGIN", *statements, "COMMIT"):
        await client.run(statement)


def inserts(first: int = 1, count: int = FAMILIES) -> tuple[str, ...]:
    """Each customer with an order of two lines."""
    numbers = range(first, first + count)
    customers = ", ".join(f"({number}, 'c{number}')" for number in numbers)
    orders = ", ".join(f"({number}, {number}, 'o{number}')" for number in numbers)
    lines = ", ".join(f"({2 * number + extra}, {number}, 'l')" for number in numbers for extra in (0, 1))
    return (
        f"INSERT INTO customers VALUES {customers}",
        f"INSERT INTO orders VALUES {orders}",
        f"INSERT INTO order_lines VALUES {lines}",
    )


def paused(events: list[Any]) -> list[Any]:
    return [event for event in events if event["event"] == "sync.quarantine.flooded"]


def quarantined(events: list[Any]) -> list[Any]:
    return [event for event in events if event["event"] == "sync.batch.quarantined"]


def deletes(first: int = 1, count: int = FAMILIES) -> tuple[str, ...]:
    """The same families, gone."""
    last = first + count - 1
    return (
        f"DELETE FROM order_lines WHERE order_id BETWEEN {first} AND {last}",
        f"DELETE FROM orders WHERE id BETWEEN {first} AND {last}",
        f"DELETE FROM customers WHERE id BETWEEN {first} AND {last}",
    )


async def bound(family: Family) -> None:
    """Foreign keys on both sides."""
    await family.legacy.run(*tables(bound=True))
    await family.new.run(*tables(bound=True))


@pytest.mark.usefixtures("patient")
async def test_children_whose_parents_arrive_in_the_same_moment_are_no_flood(family: Family, events: list[Any]) -> None:
    await bound(family)
    async with running(family, family.syncs()):
        await in_one_transaction(family.legacy, *inserts())
        await eventually(family.same, WITHIN_S)
    assert not paused(events)
    assert not quarantined(events)


@pytest.mark.usefixtures("patient")
async def test_families_go_both_ways_while_others_leave(family: Family, events: list[Any]) -> None:
    """Parents wait for children to go, children for parents to come, in one moment and in both directions."""
    await bound(family)
    await in_one_transaction(family.legacy, *inserts(1, 100))
    async with running(family, family.syncs(direction="both")):
        await in_one_transaction(family.new, *inserts(1000, 100))
        await in_one_transaction(family.legacy, *inserts(2000, 100), *deletes(1, 100))
        await eventually(family.same, WITHIN_S)
        await in_one_transaction(family.new, *deletes(2000, 100), *inserts(3000, 50))
        await eventually(family.same, WITHIN_S)
    assert await family.count("order_lines") == 300
    assert not paused(events)
    assert not quarantined(events)


@pytest.mark.usefixtures("patient")
async def test_child_waits_for_a_parent_whose_stream_is_held_up(family: Family, events: list[Any]) -> None:
    """Somebody has the checkpoint of the customers, so that nothing of theirs can be written until the orders wait."""
    if not family.new.concurrent:
        pytest.skip("one writer at a time")
    await bound(family)
    async with running(family, family.syncs()) as runners:
        client = await family.new.client()
        await client.run("BEGIN")
        await client.run("SELECT * FROM strangler_checkpoint WHERE stream = 'customers.to_new.live' FOR UPDATE")
        await in_one_transaction(family.legacy, *inserts())
        await eventually(
            lambda: all(runners[name].streams[0].held_back for name in ("orders", "order_lines")), WITHIN_S
        )
        await client.run("COMMIT")
        await eventually(family.same, WITHIN_S)
    assert not paused(events)
    assert not quarantined(events)


@pytest.mark.usefixtures("patient")
async def test_lookup_waits_like_a_foreign_key(family: Family, events: list[Any]) -> None:
    for kind in (family.legacy, family.new):
        await kind.run(*tables(bound=False))
    orders = family.sync("orders", "customer_id")
    orders.fields[1] = orders.fields[1].model_copy(update={"lookup": "customers"})
    async with running(family, [orders, family.sync("customers", batch_rows=10)]):
        await in_one_transaction(family.legacy, *inserts()[:2])
        await eventually(lambda: family.same("customers", "orders"), WITHIN_S)
    assert not paused(events)
    assert not quarantined(events)


async def test_true_orphan_goes_to_quarantine_and_the_rest_flows(family: Family, events: list[Any]) -> None:
    await family.legacy.run(*tables(bound=False))
    await family.new.run(*tables(bound=True))
    async with running(family, family.syncs()) as runners:
        await in_one_transaction(
            family.legacy, *inserts(1, 50), "INSERT INTO orders VALUES (1000, 9999, 'orphan'), (1001, 1, 'fine')"
        )
        await eventually(lambda: family.same("customers", "order_lines"), WITHIN_S)
        await eventually(lambda: runners["orders"].status().directions[0].quarantine, WITHIN_S)
        assert [row[0] for row in await family.new.run("SELECT id FROM orders WHERE id > 100")] == [1001]
        assert runners["orders"].status().directions[0].quarantine == {"foreign_key": 1}
        assert runners["orders"].phase is Phase.LIVE
        await family.legacy.run("INSERT INTO customers VALUES (9999, 'late')")
        await eventually(family.same, WITHIN_S)
    assert not paused(events)


async def test_children_of_a_stopped_parent_go_on_as_soon_as_it_does(family: Family, events: list[Any]) -> None:
    await bound(family)
    async with running(family, family.syncs()) as runners:
        await family.legacy.run("ALTER TABLE customers ADD COLUMN more integer")
        await eventually(lambda: runners["customers"].phase is Phase.STOPPED, WITHIN_S)
        await family.legacy.run(
            "INSERT INTO customers (id, name) VALUES " + ", ".join(f"({number}, 'c')" for number in range(1, 51))
        )
        await in_one_transaction(family.legacy, *inserts(1, 50)[1:])
        await eventually(lambda: runners["orders"].phase is Phase.PAUSED, WITHIN_S)
        await family.legacy.run("ALTER TABLE customers DROP COLUMN more")
        runners["customers"].resume()
        await eventually(family.same, WITHIN_S)
        assert all(runner.phase is Phase.LIVE for runner in runners.values())
    assert {event["sync"] for event in paused(events)} <= {"orders", "order_lines"}


async def test_table_that_refers_to_itself_does_not_wait_for_itself(family: Family, events: list[Any]) -> None:
    """Whoever has a boss comes before them, by more than one batch."""
    await family.legacy.run(*tables(bound=False))
    await family.new.run(*tables(bound=True))
    staff = ", ".join(f"({number}, {number + 1000}, 'p')" for number in range(1, 101))
    bosses = ", ".join(f"({number}, NULL, 'b')" for number in range(1001, 1101))
    copied = ", ".join(f"({number}, {number + 1}, 'p')" for number in range(5001, 5060))
    await family.legacy.run(f"INSERT INTO people VALUES {copied}, (5060, NULL, 'b')")
    people = family.sync("people", "boss_id", batch_rows=50, backfill={"chunk_rows": 25})
    async with running(family, [people]):
        await in_one_transaction(family.legacy, f"INSERT INTO people VALUES {staff}, {bosses}")
        await eventually(lambda: family.same("people"), WITHIN_S)
    assert not paused(events)
