"""Capture without triggers: rows whose time of change, or version number, grew since the last look.

What it cannot see: deletes, and writes that leave the column as it was. A transaction may commit long after the time
that it wrote, so each look begins some way back (`overlap`), and what was given already and is still the same is left
out. The overlap must be longer than any transaction; what commits later than that is lost.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any, Final

from legacy_adapters.change import Cursor
from legacy_adapters.errors import CaptureError, PlanError
from legacy_adapters.record import Key
from legacy_adapters.sql.capture import Capture, Delta, Event, first_position
from legacy_adapters.sql.connection import Connection, Record
from legacy_adapters.sql.dialect import Args, Dialect
from legacy_adapters.sql.encoded import decode_key, encode
from legacy_adapters.sql.table import ALIAS, Table, decoded
from legacy_adapters.values.kinds import Kind

#: How far back each look begins where the column is a number: so many numbers may be drawn while a transaction is open.
OVERLAP_NUMBERS: Final = 10_000
#: Rows of the overlap that are remembered, so as not to be given twice. The engine finds what is given twice equal.
RECENT_MAX: Final = 200_000
#: Seconds between two looks at whether the table is still what it was.
VERIFY_INTERVAL_S: Final = 1.0


class PollCapture(Capture):
    """Asks one table for what its column says is new.

    A cursor has: `id`, naming the column; `n`, the position of the last change that was given, counted up, since each
    look sees a later state than the one before; `top`, the greatest value of the column that was seen; and `at`, the
    column and key of the last row of a look that takes several reads.
    """

    deletes = origins = False

    def __init__(self, dialect: Dialect, table: Table, column: str, overlap_s: float) -> None:
        if column not in table.shape.names:
            raise PlanError(f"{table.shape.table} has no column {column} to poll by")
        self._column = table.shape.column(column)
        if self._column.kind not in {Kind.DATETIME, Kind.INTEGER}:
            raise PlanError(
                f"{column} cannot be polled by: it is {self._column.type_name}, neither a time nor a number"
            )
        self._dialect = dialect
        self._table = table
        self._overlap_s = overlap_s
        self._columns = (self._column, *table.key_columns)
        self._names = (f"{ALIAS}.{dialect.quote(column)}", *table.key_names)
        decode = dialect.decoder(self._column)
        self._decoders = [] if decode is None else [(0, decode)]
        self._recent: dict[Key, tuple[int, int]] = {}
        self._verified_at = 0.0
        back = f"{overlap_s:g} s" if self._column.kind is Kind.DATETIME else f"{OVERLAP_NUMBERS} numbers"
        self.notes = (
            f"{table.shape.table} is polled by {column}: deletes are not seen, nor writes that leave {column} as it is "
            f"or NULL, nor transactions that commit more than {back} behind others; verify and repair find those.",
            f"{column} needs an index, since each look asks for the rows behind a value of it.",
        )

    async def install(self, connection: Connection) -> None:
        await self.verify(connection)

    async def remove(self, connection: Connection) -> None:
        pass

    async def verify(self, connection: Connection) -> None:
        shape = await self._dialect.reflect(connection, self._table.name)
        shape.require_same(self._table.shape)

    async def prune(self, connection: Connection, cursor: Cursor, limit: int) -> int:
        return 0

    async def read(self, connection: Connection, cursor: Cursor | None, limit: int) -> Delta:
        await self._check(connection, cursor)
        if cursor is None:
            return Delta(
                (), {"id": self._id, "n": first_position(), "top": await self._top(connection), "at": None}, more=False
            )
        args: Args = []
        condition = self._condition(cursor, args)
        sql = (
            f"SELECT {self._dialect.read(self._column, ALIAS)}, {self._table.selection} "
            f"FROM {self._table.name} {ALIAS} WHERE {condition} ORDER BY {', '.join(self._names)}"
        )
        records = await connection.fetch(self._dialect.limited(sql, limit + 1), args)
        return self._delta(cursor, list(records[:limit]), more=len(records) > limit)

    def _delta(self, cursor: Cursor, records: list[Record], *, more: bool) -> Delta:
        number, now = cursor["n"], time.time()
        chunk = self._table.chunk([record[1:] for record in records])
        marks = [row[0] for row in decoded([(record[0],) for record in records], self._decoders)]
        events = []
        for key, row_hash in zip(chunk.keys(), chunk.hashes, strict=True):
            known = self._recent.get(key)
            if known is None or known[0] != row_hash or known[1] > cursor["n"]:
                number += 1
                events.append(Event(number, key, "", now))
                self._recent[key] = row_hash, number
        while len(self._recent) > RECENT_MAX:
            del self._recent[next(iter(self._recent))]
        at = encode((marks[-1], *chunk.key(-1))) if more else None
        top = encode((marks[-1],)) if marks else cursor["top"]
        return Delta(events, {"id": self._id, "n": number, "top": top, "at": at}, more)

    def _condition(self, cursor: Cursor, args: Args) -> str:
        if cursor["at"] is not None:
            return self._dialect.beyond(self._columns, self._names, decode_key(cursor["at"]), args)
        if cursor["top"] is None:
            return f"{self._names[0]} IS NOT NULL"
        (top,) = decode_key(cursor["top"])
        return f"{self._names[0]} > {self._dialect.parameter(self._column, self._back(top), args)}"

    def _back(self, top: Any) -> Any:
        """Where a look begins."""
        if isinstance(top, dt.datetime):
            return top - dt.timedelta(seconds=self._overlap_s)
        if isinstance(top, int):
            return top - OVERLAP_NUMBERS
        raise CaptureError(f"{self._column.name} holds {type(top).__name__}, which cannot be polled by")

    async def _top(self, connection: Connection) -> str | None:
        name = self._names[0]
        sql = (
            f"SELECT {self._dialect.read(self._column, ALIAS)} FROM {self._table.name} {ALIAS} WHERE {name} IS NOT NULL"
        )
        found = await connection.fetch(self._dialect.limited(f"{sql} ORDER BY {name} DESC", 1))
        if not found:
            return None
        ((top,),) = decoded([tuple(found[0])], self._decoders)
        self._back(top)
        return encode((top,))

    async def _check(self, connection: Connection, cursor: Cursor | None) -> None:
        if time.monotonic() - self._verified_at > VERIFY_INTERVAL_S:
            await self.verify(connection)
            self._verified_at = time.monotonic()
        if cursor is not None and cursor.get("id") != self._id:
            raise CaptureError(
                f"{self._table.name} was captured in another way when this sync read it last: backfill again"
            )

    @property
    def _id(self) -> str:
        return f"poll:{self._column.name}"
