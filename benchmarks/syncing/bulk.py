"""Backfill beside pgloader, verification beside reladiff: the same rows, on the same servers, in one run.

pgloader copies the legacy table as it is; ours maps names, phone numbers and dates on the way and writes the ledger in
the same transactions. reladiff compares two equal tables; ours compares both stores with the ledger.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import uvloop
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.syncing import dataset
from legacy_adapters.engine.backfill import Backfill
from legacy_adapters.engine.model import Direction, SyncSettings
from legacy_adapters.engine.stream import Stream, Surroundings
from legacy_adapters.engine.throttle import Throttle
from legacy_adapters.mapping.compiling import compile_mapping
from legacy_adapters.record import Side
from legacy_adapters.sql.store import SqlSettings, SqlStore
from legacy_adapters.verify.verifying import Plan, Verification
from proxy.heap import collect_rarely, keep_freed_memory
from routes.config import Sync
from support.mariadb_server import MariaDB
from support.postgresql_server import PostgreSQL

PEER_TIMEOUT_S: Final = 300.0
DRIVERS: Final = {"mysql": "mysql+asyncmy", "postgresql": "postgresql+asyncpg"}


@dataclass
class Figures:
    """What was measured: seconds by name; CPU seconds of this process beside ours."""

    rows: int
    seconds: dict[str, float] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)


@contextmanager
def servers() -> Iterator[tuple[MariaDB, PostgreSQL]]:
    """Two private servers, gone afterwards."""
    mariadb, postgresql = MariaDB(), PostgreSQL()
    mariadb.start()
    try:
        postgresql.start()
        try:
            yield mariadb, postgresql
        finally:
            postgresql.stop()
    finally:
        mariadb.stop()


async def execute(url: str, *statements: str) -> None:
    """Run statements, each committed, as an application would."""
    scheme, _, rest = url.partition("://")
    engine = create_async_engine(f"{DRIVERS[scheme]}://{rest}")
    async with engine.connect() as connection:
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        for statement in statements:
            await autocommit.execute(text(statement))
    await engine.dispose()


async def opened(
    legacy_url: str, new_url: str, chunk_rows: int, duplicates: tuple[str, ...] = ()
) -> tuple[Direction, Stream]:
    """The sync's stores, prepared, and its only direction; rows that agree on `duplicates` are flagged."""
    sync = Sync.model_validate(dataset.sync(legacy_url, new_url))
    draft = compile_mapping(sync, folder=Path.cwd())
    legacy = await SqlStore.open(_settings(sync, Side.LEGACY, draft.columns(Side.LEGACY), "outbox"))
    new = await SqlStore.open(_settings(sync, Side.NEW, draft.columns(Side.NEW), "none", duplicates))
    mapping = compile_mapping(
        sync,
        folder=Path.cwd(),
        legacy={kind.name: kind for kind in legacy.kinds},
        new={kind.name: kind for kind in new.kinds},
    )
    if mapping.to_new is None:
        raise AssertionError("the sync goes to new")
    await new.prepare(legacy.key_kinds)
    await legacy.install()
    direction = Direction(sync.name, Side.LEGACY, legacy, new, mapping.to_new)
    return direction, Stream(direction, SyncSettings(chunk_rows=chunk_rows), Surroundings())


def _settings(
    sync: Sync, side: Side, columns: tuple[str, ...], capture: str, duplicates: tuple[str, ...] = ()
) -> SqlSettings:
    store = sync.legacy if side is Side.LEGACY else sync.new
    key = tuple(store.key)
    return SqlSettings(sync.name, side, store.url, store.table, key, columns, capture, duplicates=duplicates)


async def timed(figures: Figures, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do it, and note how long it took."""
    began, cpu = time.monotonic(), time.process_time()
    await work()
    figures.seconds[name] = time.monotonic() - began
    figures.cpu_s[name] = time.process_time() - cpu


async def backfilled(
    figures: Figures, legacy_url: str, new_url: str, chunk_rows: int, duplicates: tuple[str, ...] = ()
) -> Direction:
    """Ours, timed: all rows mapped and written with their ledger."""
    direction, stream = await opened(legacy_url, new_url, chunk_rows, duplicates)

    async def copy() -> None:
        await stream.load()
        await stream.begin()
        backfill = Backfill(stream, Throttle(None, direction.writes.pressure))
        while not await backfill.run(60.0):
            pass
        if backfill.tally.counts["applied"] != figures.rows:
            raise AssertionError(f"applied {dict(backfill.tally.counts)} of {figures.rows}: {backfill.tally.reasons}")

    await timed(figures, "strangler", copy)
    return direction


async def verified(figures: Figures, direction: Direction) -> None:
    """Ours, timed: both stores held against the ledger, all columns."""

    async def verify() -> None:
        verification = Verification(direction, plan=Plan(sample_rows=0))
        findings = [finding async for finding in verification.run()]
        if findings or verification.source_rows != figures.rows or verification.target_rows != figures.rows:
            raise AssertionError(f"{len(findings)} findings in {verification.source_rows} rows")

    await timed(figures, "strangler verify", verify)


def pgloader(figures: Figures, folder: Path, legacy_url: str, new_url: str) -> None:
    """The peer: a plain copy into a table of its own."""
    program = shutil.which("pgloader")
    if program is None:
        return
    load = folder / "copy.load"
    load.write_text(
        f"LOAD DATABASE FROM {legacy_url} INTO {new_url} "
        "WITH include drop, create tables, no foreign keys, workers = 2, concurrency = 1, batch rows = 25000, "
        "prefetch rows = 50000;"
    )
    began = time.monotonic()
    subprocess.run([program, load], cwd=folder, check=True, capture_output=True, timeout=PEER_TIMEOUT_S)
    figures.seconds["pgloader"] = time.monotonic() - began


def reladiff(figures: Figures, legacy_url: str, new_url: str, program: Path) -> None:
    """The peer: an untransformed copy compared with the original, all columns.

    It says that it failed on standard error and exits with 0 all the same, so the run counts by what it found: every
    row unchanged. Four threads for each database are what it was fastest with here.
    """
    if not program.exists():
        return
    columns = [argument for name in COLUMNS for argument in ("-c", name.lower())]
    command = [program, legacy_url, dataset.TABLE, new_url, f"{new_url.rpartition('/')[2]}.cust_mast", "-k", "cust_no"]
    began = time.monotonic()
    done = subprocess.run(
        [*command, *columns, "--stats", "--threads", "4"],
        capture_output=True,
        timeout=PEER_TIMEOUT_S,
        check=False,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    seconds = time.monotonic() - began
    if f"{figures.rows} rows unchanged" not in done.stdout:
        errors = [line for line in done.stderr.splitlines() if "ERROR" in line] or [done.stdout.strip()]
        raise AssertionError(f"reladiff did not compare the tables: {errors[0]}")
    figures.seconds["reladiff"] = seconds


COLUMNS: Final = ("CUST_NAME", "EMAIL_ADDR", "PHONE", "CITY", "ZIP", "CTRY_CD", "STAT", "CR_LIM", "CRT_DT")


def run(rows: int, chunk_rows: int, folder: Path, reladiff_program: Path) -> Figures:
    """Everything, in one run."""
    figures = Figures(rows)
    with servers() as (mariadb, postgresql):
        legacy_url, new_url = mariadb.fresh(), postgresql.fresh()
        asyncio.run(execute(legacy_url, dataset.LEGACY_TABLE, dataset.fill(rows)))
        pgloader(figures, folder, legacy_url, new_url)

        async def ours() -> None:
            await execute(new_url, dataset.NEW_TABLE)
            direction = await backfilled(figures, legacy_url, new_url, chunk_rows)
            await verified(figures, direction)
            await direction.reads.close()
            await direction.writes.close()

        keep_freed_memory()
        collect_rarely()  # as a syncer does
        uvloop.run(ours())
        reladiff(figures, legacy_url, new_url, reladiff_program)
    return figures
