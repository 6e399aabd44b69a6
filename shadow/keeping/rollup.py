"""Rolls minutes that are long past up into hours: the sums stay, and the rows become a sixtieth.

One transaction takes the rows of some routes (or clusters) in one hour of one table, about `ROLL_ROWS` of them. Which
these are is looked up before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, ColumnElement, Table, delete, func, select

from shadow.keeping import tables
from shadow.keeping.database import Database
from shadow.keeping.tables import BUCKETS, CLUSTER_MINUTES
from shadow.keeping.writing import add_rows

#: Rows that one transaction adds up; those of one route and hour are never divided.
ROLL_ROWS: Final = 2_000
_MINUTES_OF_HOUR: Final = 60
_MINUTE_S: Final = 60


class Rolled(NamedTuple):
    """A table of sums by minute.

    Attributes:
        table: that.
        sums: its columns that are added up.
        step: minutes between two rows.
    """

    table: Table
    sums: tuple[str, ...]
    step: int


ROLLED: Final = (
    Rolled(tables.tallies, ("count",), 1),
    Rolled(tables.latencies, ("count", "seconds", *BUCKETS), 1),
    Rolled(tables.cluster_tallies, ("count",), CLUSTER_MINUTES),
    Rolled(tables.self_proofs, ("injected", "found"), 1),
)


async def roll_up(database: Database, before_s: float) -> None:
    """Add up the minutes of every hour that was over before a time, in the first minute of that hour.

    Cancelling leaves every transaction done or not done.

    Args:
        database: to change.
        before_s: Unix time in seconds.

    Raises:
        StoreError: the database cannot be written.
    """
    before = int(before_s) // _MINUTE_S
    before -= before % _MINUTES_OF_HOUR
    for rolled in ROLLED:
        while (hour := await _oldest_hour(database, rolled, before)) is not None:
            for owners in await _owners(database, rolled, hour):
                await _roll_up(database, rolled, hour, owners)


def _owner(table: Table) -> Column[Any]:
    """Whose the rows are: the first column of the key, by which they are found without looking at others."""
    return next(iter(table.primary_key))


def _inside(table: Table, hour: int) -> ColumnElement[bool]:
    """The minutes of an hour but its first one, where the sums go."""
    return (table.c.minute > hour) & (table.c.minute < hour + _MINUTES_OF_HOUR)


async def _oldest_hour(database: Database, rolled: Rolled, before: int) -> int | None:
    minute = rolled.table.c.minute
    fine = (minute < before) & (minute % _MINUTES_OF_HOUR >= rolled.step)
    async with database.reading() as connection:
        oldest = (await connection.execute(select(func.min(minute)).where(fine))).scalar()
    return None if oldest is None else int(oldest - oldest % _MINUTES_OF_HOUR)


async def _owners(database: Database, rolled: Rolled, hour: int) -> list[list[Any]]:
    """Everybody who has rows in the hour, in groups that have about as many rows as one transaction takes."""
    owner = _owner(rolled.table)
    query = select(owner, func.count()).where(_inside(rolled.table, hour)).group_by(owner).order_by(owner)
    async with database.reading() as connection:
        return list(_grouped([(row[0], int(row[1])) for row in await connection.execute(query)]))


def _grouped(counts: Sequence[tuple[Any, int]]) -> Iterator[list[Any]]:
    group: list[Any] = []
    rows = 0
    for owner, count in counts:
        if group and rows + count > ROLL_ROWS:
            yield group
            group, rows = [], 0
        group.append(owner)
        rows += count
    if group:
        yield group


async def _roll_up(database: Database, rolled: Rolled, hour: int, owners: list[Any]) -> None:
    table = rolled.table
    of_them = _inside(table, hour) & _owner(table).in_(owners)
    by = [column for column in table.primary_key if column.name != "minute"]
    totals: list[Any] = [func.sum(table.c[name]).label(name) for name in rolled.sums]
    async with database.writing() as connection:
        found = (await connection.execute(select(*by, *totals).where(of_them).group_by(*by))).mappings().all()
        await connection.execute(delete(table).where(of_them))
        await add_rows(connection, table, [{**row, "minute": hour} for row in found], add=rolled.sums)
