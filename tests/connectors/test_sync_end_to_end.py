"""A configured sync between a legacy MariaDB and a new PostgreSQL, from the first copy to repair."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest_asyncio

from legacy_adapters.engine.model import SyncModel
from legacy_adapters.engine.operations import Operations
from legacy_adapters.engine.stream import Stream, Surroundings
from legacy_adapters.host import SyncHost
from legacy_adapters.opening import open_sync, ordered
from legacy_adapters.verify.finding import Fault, Finding
from legacy_adapters.verify.repairing import repair
from legacy_adapters.verify.verifying import Plan, Verification
from routes.config import Sync
from support.sync_stores import Kind
from support.waits import eventually

LEGACY_TABLE = """
CREATE TABLE CUST_MAST (CUST_NO int PRIMARY KEY, FNAME varchar(40) NOT NULL, LNAME varchar(40) NOT NULL,
  PHONE varchar(20), STAT char(1) NOT NULL, CRT_DT char(8) NOT NULL, CR_LIM decimal(10,2))
"""
NEW_TABLE = """
CREATE TABLE customers (id integer PRIMARY KEY, full_name text NOT NULL, phone text, status text NOT NULL,
  created_on date NOT NULL, credit_limit numeric(10,2))
"""
FIELDS: list[dict[str, Any]] = [
    {"legacy": "CUST_NO", "new": "id"},
    {"legacy": ["FNAME", "LNAME"], "new": "full_name", "to_new": "join", "to_legacy": "split"},
    {"legacy": "PHONE", "new": "phone", "to_new": {"phone": {"region": "US"}}},
    {"legacy": "STAT", "new": "status", "values": {"A": "active", "I": "inactive"}},
    {"legacy": "CRT_DT", "new": "created_on", "to_new": {"date": {"format": "%Y%m%d"}}},
    {"legacy": "CR_LIM", "new": "credit_limit"},
]
ROWS = 300
WITHIN_S = 30.0


@pytest_asyncio.fixture
async def sync(mariadb: Kind, postgresql: Kind) -> Sync:
    rows = ", ".join(
        f"({number}, 'Zoë', 'Nr{number}', '(212) 555-{number:04}', 'A', '19691231', {number}.50)"
        for number in range(1, ROWS + 1)
    )
    await mariadb.run(LEGACY_TABLE, f"INSERT INTO CUST_MAST VALUES {rows}")
    await postgresql.run(NEW_TABLE)
    return Sync.model_validate(
        {
            "name": "customers",
            "legacy": {"url": mariadb.url, "table": "CUST_MAST", "key": ["CUST_NO"]},
            "new": {"url": postgresql.url, "table": "customers", "key": ["id"]},
            "direction": "both",
            "fields": FIELDS,
            "backfill": {"chunk_rows": 100},
        }
    )


@asynccontextmanager
async def running(sync: Sync, folder: Path) -> AsyncIterator[SyncHost]:
    """The sync at work, live."""
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


async def same(mariadb: Kind, postgresql: Kind) -> bool:
    legacy = await mariadb.run(
        "SELECT CUST_NO, CONCAT(FNAME, ' ', LNAME), STAT, CRT_DT, CR_LIM FROM CUST_MAST ORDER BY CUST_NO"
    )
    new = await postgresql.run(
        "SELECT id, full_name, CASE status WHEN 'active' THEN 'A' ELSE 'I' END, to_char(created_on, 'YYYYMMDD'), "
        "credit_limit FROM customers ORDER BY id"
    )
    return legacy == new


@asynccontextmanager
async def model_of(sync: Sync, folder: Path) -> AsyncIterator[SyncModel]:
    opened = await open_sync(sync, folder)
    try:
        await opened.prepare()
        (model,) = ordered([opened])
        yield model
    finally:
        await opened.close()


async def findings_of(model: SyncModel) -> list[Finding]:
    forth, back = model.directions()
    verification = Verification(forth, back, plan=Plan(sample_rows=None), pause_s=0.05)
    return [finding async for finding in verification.run()]


async def test_rows_are_copied_and_changes_go_both_ways(
    sync: Sync, mariadb: Kind, postgresql: Kind, tmp_path: Path
) -> None:
    async with running(sync, tmp_path):
        assert await same(mariadb, postgresql)
        assert await postgresql.run("SELECT phone FROM customers WHERE id = 7") == [("+12125550007",)]
        await mariadb.run("UPDATE CUST_MAST SET STAT = 'I', CR_LIM = 9.99 WHERE CUST_NO = 7")
        await mariadb.run("DELETE FROM CUST_MAST WHERE CUST_NO = 8")
        await postgresql.run("UPDATE customers SET full_name = 'Grace Hopper' WHERE id = 9")
        await postgresql.run(
            "INSERT INTO customers VALUES (1000, 'Linus Weiß', '+12125559999', 'active', '1815-12-10', 1)"
        )
        await eventually(lambda: same(mariadb, postgresql), WITHIN_S)
        rows = await mariadb.run("SELECT FNAME, LNAME, CRT_DT FROM CUST_MAST WHERE CUST_NO IN (9, 1000)")
        assert set(rows) == {("Grace", "Hopper", "19691231"), ("Linus", "Weiß", "18151210")}
        assert await mariadb.run("SELECT COUNT(*) FROM CUST_MAST WHERE CUST_NO = 8") == [(0,)]
        assert await postgresql.run("SELECT COUNT(*) FROM customers WHERE id = 8") == [(0,)]
    async with model_of(sync, tmp_path) as model:
        assert await findings_of(model) == []


async def test_what_changes_while_nothing_runs_arrives_later(
    sync: Sync, mariadb: Kind, postgresql: Kind, tmp_path: Path
) -> None:
    async with running(sync, tmp_path):
        pass
    await mariadb.run(
        "UPDATE CUST_MAST SET FNAME = 'Ada' WHERE CUST_NO < 50", "DELETE FROM CUST_MAST WHERE CUST_NO = 99"
    )
    assert not await same(mariadb, postgresql)
    async with running(sync, tmp_path):
        await eventually(lambda: same(mariadb, postgresql), WITHIN_S)


async def test_writes_that_capture_did_not_see_are_found_and_mended(
    sync: Sync, mariadb: Kind, postgresql: Kind, tmp_path: Path
) -> None:
    async with running(sync, tmp_path):
        pass
    await postgresql.run(
        "CREATE TABLE before AS SELECT max(seq) AS seq FROM strangler_outbox_customers",
        "UPDATE customers SET credit_limit = 0 WHERE id = 20",
        "DELETE FROM customers WHERE id = 21",
        "DELETE FROM strangler_outbox_customers WHERE seq > (SELECT seq FROM before)",
    )
    async with model_of(sync, tmp_path) as model:
        findings = await findings_of(model)
        assert {(one.fault, one.source_key, one.target_key) for one in findings if one.fault is Fault.ROGUE} == {
            (Fault.ROGUE, (20,), (20,)),
            (Fault.ROGUE, (21,), (21,)),
        }
        streams = [Stream(direction, model.settings, Surroundings()) for direction in model.directions()]
        for stream in streams:
            await stream.load()
        repaired = await repair(Operations(streams), "to_new", findings, by="ann")
        assert not repaired.tally.reasons
        assert await same(mariadb, postgresql)
        assert await findings_of(model) == []
