"""Removes what is too old, and of what is too much the oldest; has `rollup` make hours of minutes. In small steps.

The comparer and control write between any two of them, so nothing waits longer than one takes: `STEP_ROWS` exchanges,
`STEP_BYTES` of contents, or `STEP_SUMS` rows of what was counted. What is to go is looked up before, where nobody waits
for it. Where there is too much, the route that holds the most gives way first, and of it the sample of matches before
findings: a route that floods cannot push out what was found on the others.

SQLite gives pages that became free back to the file system a few at a time (`incremental_vacuum`); PostgreSQL's
autovacuum makes them free for what comes next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, bindparam, case, delete, func, select

from shadow.keeping import tables
from shadow.keeping.database import Database
from shadow.keeping.retests import forgotten_retests
from shadow.keeping.rollup import roll_up

#: Rows that one transaction removes.
STEP_ROWS: Final = 500
#: Bytes of contents that one transaction removes, and at least one exchange.
STEP_BYTES: Final = 8 << 20
#: The same of sums, whose rows are small.
STEP_SUMS: Final = 2_000
#: Rows that are looked up at once, to be removed step by step.
LOOK_ROWS: Final = 20_000
#: Counts are kept per minute for so long, then per hour.
FINE_S: Final = 48 * 3600.0
#: A stream that has brought nothing for so long belongs to a worker that is gone.
STREAM_S: Final = 7 * 86_400.0
#: Pages of SQLite that are given back at once: 4 MiB.
VACUUM_PAGES: Final = 1_024
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
        removed = await self._remove_old(now - limits.keep_s)
        removed += await self._remove_excess(limits.keep_bytes)
        await self._remove_counts(now, limits)
        await roll_up(self._database, now - FINE_S)
        await self._database.give_back(VACUUM_PAGES)
        return removed

    async def stored_bytes(self) -> int:
        """Size of the contents of all kept exchanges."""
        async with self._database.reading() as connection:
            total = (await connection.execute(select(func.sum(tables.exchanges.c.bytes)))).scalar()
        return int(total or 0)

    async def _remove_old(self, before: float) -> int:
        table = tables.exchanges
        query = select(table.c.key, table.c.bytes).where(table.c.at < before).order_by(table.c.at).limit(LOOK_ROWS)
        removed = 0
        while found := await self._look(query):
            for keys in _steps(found):
                await self._remove(keys)
                removed += len(keys)
        return removed

    async def _remove_excess(self, keep_bytes: int) -> int:
        """Remove exchanges of the route that holds the most until the rest is not too much."""
        removed = 0
        excess = await self.stored_bytes() - keep_bytes
        while excess > 0:
            found = await self._look(await self._largest())
            keys = _first(found, excess)
            if not keys:
                break
            await self._remove(keys)
            removed += len(keys)
            excess -= sum(size for _, size in found[: len(keys)])
        return removed

    async def _largest(self) -> Select[Any]:
        """The exchanges of the route that holds the most, those first that are to go first; as many as a step takes."""
        table = tables.exchanges
        by_size = select(table.c.route).group_by(table.c.route).order_by(func.sum(table.c.bytes).desc()).limit(1)
        async with self._database.reading() as connection:
            largest = (await connection.execute(by_size)).scalar()
        samples_first = case((table.c.kept == tables.KEPT_SAMPLE, 0), else_=1)
        query = select(table.c.key, table.c.bytes).where(table.c.route == largest)
        return query.order_by(samples_first, table.c.at).limit(STEP_ROWS)

    async def _remove_counts(self, now: float, limits: Limits) -> None:
        oldest = now - limits.keep_s
        for table in (tables.tallies, tables.latencies, tables.cluster_tallies, tables.self_proofs):
            await self._remove_where(table, table.c.minute < int(oldest) // _MINUTE_S)
        await self._remove_where(tables.rule_uses, tables.rule_uses.c.last_at < oldest)
        await self._remove_where(tables.clusters, tables.clusters.c.last_at < oldest)
        await self._remove_where(tables.noise, tables.noise.c.at < oldest)
        await self._remove_where(tables.streams, tables.streams.c.at < now - STREAM_S)
        await self._remove_where(tables.versions, forgotten_retests(oldest))

    async def _remove_where(self, table: Table, condition: ColumnElement[bool]) -> None:
        """Remove the rows of which the condition still holds when it is their turn."""
        key = list(table.primary_key)
        one = delete(table).where(condition, *(column == bindparam(f"key_{column.name}") for column in key))
        while found := await self._look(select(*key).where(condition).limit(LOOK_ROWS)):
            for start in range(0, len(found), STEP_SUMS):
                step = found[start : start + STEP_SUMS]
                rows = [{f"key_{column.name}": value for column, value in zip(key, row, strict=True)} for row in step]
                async with self._database.writing() as connection:
                    await connection.execute(one, rows)
            if len(found) < LOOK_ROWS:
                return

    async def _look(self, query: Select[Any]) -> list[tuple[Any, ...]]:
        async with self._database.reading() as connection:
            return [tuple(row) for row in await connection.execute(query)]

    async def _remove(self, keys: Sequence[int]) -> None:
        """Remove exchanges with their contents and links."""
        async with self._database.writing() as connection:
            await connection.execute(delete(tables.exchanges).where(tables.exchanges.c.key.in_(keys)))


def _steps(found: Sequence[tuple[Any, ...]]) -> Iterator[list[int]]:
    """Keys of exchanges, as many at a time as one transaction removes.

    Args:
        found: (key, bytes) of each.
    """
    at = 0
    while keys := _first(found[at:], STEP_BYTES):
        yield keys
        at += len(keys)


def _first(found: Sequence[tuple[Any, ...]], wanted: int) -> list[int]:
    """The first keys whose exchanges hold at least so many bytes together; no more than one transaction removes."""
    keys: list[int] = []
    size = 0
    for key, held in found[:STEP_ROWS]:
        if size >= min(wanted, STEP_BYTES):
            break
        keys.append(key)
        size += held
    return keys
