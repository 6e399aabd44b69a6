"""Removes what is too old, and of what is too much the oldest; rolls minutes up into hours. In small transactions.

The comparer writes between any two of them, so nothing waits longer than one takes: `STEP_ROWS` rows. Where there is
too much, the route that holds the most gives way first, and of it the sample of matches before findings: a route that
floods cannot push out what was found on the others.

SQLite gives pages that became free back to the file system a few at a time (`incremental_vacuum`); PostgreSQL's
autovacuum makes them free for what comes next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, case, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shadow.keeping import tables
from shadow.keeping.database import Database
from shadow.keeping.tables import BUCKETS, CLUSTER_MINUTES
from shadow.keeping.writing import add_rows

#: Rows that one transaction removes.
STEP_ROWS: Final = 500
#: Counts are kept per minute for so long, then per hour.
FINE_S: Final = 48 * 3600.0
#: A stream that has brought nothing for so long belongs to a worker that is gone.
STREAM_S: Final = 7 * 86_400.0
#: Pages of SQLite that are given back at once: 4 MiB.
VACUUM_PAGES: Final = 1_024
_MINUTES_OF_HOUR: Final = 60
_MINUTE_S: Final = 60


@dataclass(frozen=True, slots=True)
class Limits:
    """What is kept.

    Attributes:
        keep_s: seconds, of exchanges and of everything counted about them.
        keep_bytes: contents of all kept exchanges together, as stored.
    """

    keep_s: float
    keep_bytes: int


class Retention:
    """Removes from one database. One per process; several processes do no harm."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self, limits: Limits, now: float) -> int:
        """Remove everything that is to go; returns the exchanges that were removed.

        Cancelling leaves every transaction done or not done.

        Raises:
            StoreError: the database cannot be written.
        """
        removed = 0
        while (step := await self._remove_old(now - limits.keep_s)) > 0:
            removed += step
        excess = await self.stored_bytes() - limits.keep_bytes
        while excess > 0:
            rows, freed = await self._remove_excess(excess)
            removed, excess = removed + rows, excess - freed
            if not rows:
                break
        await self._remove_counts(now, limits)
        while await self._roll_up(now - FINE_S):
            pass
        await self._database.give_back(VACUUM_PAGES)
        return removed

    async def stored_bytes(self) -> int:
        """Size of the contents of all kept exchanges."""
        async with self._database.reading() as connection:
            total = (await connection.execute(select(func.sum(tables.exchanges.c.bytes)))).scalar()
        return int(total or 0)

    async def _remove_old(self, before: float) -> int:
        table = tables.exchanges
        async with self._database.writing() as connection:
            query = select(table.c.key).where(table.c.at < before).order_by(table.c.at).limit(STEP_ROWS)
            return await _remove(connection, list((await connection.execute(query)).scalars()))

    async def _remove_excess(self, excess: int) -> tuple[int, int]:
        """Remove up to `excess` bytes of the route that holds the most; rows and bytes that went."""
        table = tables.exchanges
        async with self._database.writing() as connection:
            held = func.sum(table.c.bytes)
            largest = (
                await connection.execute(select(table.c.route).group_by(table.c.route).order_by(held.desc()).limit(1))
            ).scalar()
            samples_first = case((table.c.kept == tables.KEPT_SAMPLE, 0), else_=1)
            query = select(table.c.key, table.c.bytes).where(table.c.route == largest)
            rows = (await connection.execute(query.order_by(samples_first, table.c.at).limit(STEP_ROWS))).all()
            keys, freed = [], 0
            for key, size in rows:
                if freed >= excess:
                    break
                keys.append(key)
                freed += size
            return await _remove(connection, keys), freed

    async def _remove_counts(self, now: float, limits: Limits) -> None:
        before = int(now - limits.keep_s) // _MINUTE_S
        for table in (tables.tallies, tables.latencies, tables.cluster_tallies, tables.self_proofs):
            await self._remove_where(table, table.c.minute < before)
        await self._remove_where(tables.clusters, tables.clusters.c.last_at < now - limits.keep_s)
        await self._remove_where(tables.noise, tables.noise.c.at < now - limits.keep_s)
        await self._remove_where(tables.streams, tables.streams.c.at < now - STREAM_S)

    async def _remove_where(self, table: Table, condition: ColumnElement[bool]) -> None:
        async with self._database.reading() as connection:
            if (await connection.execute(select(func.count()).select_from(table).where(condition))).scalar() == 0:
                return
        async with self._database.writing() as connection:
            await connection.execute(delete(table).where(condition))

    async def _roll_up(self, before_s: float) -> bool:
        """Add the minutes of one past hour up in its first one; False when there was none left to do."""
        before = int(before_s) // _MINUTE_S
        before -= before % _MINUTES_OF_HOUR
        async with self._database.writing() as connection:
            done = [
                await _roll_up(connection, table, sums, step, before)
                for table, sums, step in (
                    (tables.tallies, ("count",), 1),
                    (tables.latencies, ("count", "seconds", *BUCKETS), 1),
                    (tables.cluster_tallies, ("count",), CLUSTER_MINUTES),
                    (tables.self_proofs, ("injected", "found"), 1),
                )
            ]
        return any(done)


async def _remove(connection: AsyncConnection, keys: list[int]) -> int:
    """Remove exchanges with their contents and links."""
    if keys:
        await connection.execute(delete(tables.exchanges).where(tables.exchanges.c.key.in_(keys)))
    return len(keys)


async def _roll_up(connection: AsyncConnection, table: Table, sums: tuple[str, ...], step: int, before: int) -> bool:
    minute = table.c.minute
    fine = (minute < before) & (minute % _MINUTES_OF_HOUR >= step)
    oldest = (await connection.execute(select(func.min(minute)).where(fine))).scalar()
    if oldest is None:
        return False
    hour = oldest - oldest % _MINUTES_OF_HOUR
    inside = (minute > hour) & (minute < hour + _MINUTES_OF_HOUR)
    by = [column for column in table.primary_key if column.name != "minute"]
    totals: list[Any] = [func.sum(table.c[name]).label(name) for name in sums]
    found = (await connection.execute(select(*by, *totals).where(inside).group_by(*by))).mappings().all()
    await connection.execute(delete(table).where(inside))
    await add_rows(connection, table, [{**row, "minute": hour} for row in found], add=sums)
    return True
