"""Capture by triggers: each write of a row leaves a line in the table's outbox, in the transaction of the write.

A line holds a sequence number, the key and the origin, never the row: the reader takes the row as it is in its own
snapshot, so that triggers stay cheap and a burst of writes of one key is one change. An outbox belongs to a table;
several syncs may read it, each is a consumer, and what all of them have behind them is pruned.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import secrets
import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Final

from legacy_adapters.change import Cursor
from legacy_adapters.errors import CaptureError, PlanError, SchemaChangedError
from legacy_adapters.sql import names
from legacy_adapters.sql.capture import Capture, Event, first_position
from legacy_adapters.sql.connection import Connection, Record, RefusedError
from legacy_adapters.sql.shape import TableShape
from legacy_adapters.sql.statements import StatementDialect
from legacy_adapters.sql.table import Table
from legacy_adapters.values.kinds import ColumnKind

#: Seconds between two looks at whether triggers and table are still what they were.
VERIFY_INTERVAL_S: Final = 1.0
_ID_BYTES: Final = 8


class OutboxCapture(Capture):
    """The outbox of one table, as one consumer reads it; how it is made and read differs between databases.

    Attributes:
        name: of the outbox's table.
        registered: the same with its schema.
        keys: names of the key's columns in it: k1, k2, …
    """

    def __init__(self, dialect: StatementDialect, table: Table, consumer: str) -> None:
        self.dialect = dialect
        self.table = table
        self.consumer = consumer
        self.name = names.outbox(table.shape.table)
        #: In our tables, of which there are not as many as there are schemas.
        self.registered = ".".join(part for part in (table.shape.schema, self.name) if part)
        self.keys = tuple(f"k{at}" for at in range(1, len(table.key) + 1))
        self._id = ""
        self._verified_at = 0.0
        self._decoders = [dialect.decoder(column) for column in table.key_columns]

    @abstractmethod
    def statements(self, first: int) -> Sequence[str]:
        """What makes outbox and triggers, over whatever is left of former ones; numbers begin with `first`."""

    @abstractmethod
    def removal(self) -> Sequence[str]:
        """What takes triggers and outbox away."""

    @abstractmethod
    def trigger_names(self) -> Sequence[str]:
        """The triggers that must be there."""

    def refuse(self, shape: TableShape) -> None:
        """See that every write of the table can be captured.

        Raises:
            PlanError: some cannot; says what to do.
        """

    async def install(self, connection: Connection) -> None:
        """Make outbox and triggers in one go where they are not there as they should be, and sign this consumer in."""
        self.refuse(await self.dialect.reflect(connection, self.table.name))
        await self.dialect.make_house(connection)
        for statement in self._register():
            await connection.execute(statement)
        if await self._intact(connection):
            await self.raise_numbers(connection, first_position())
            await self._sign_in(connection)
            return
        await connection.script(self.statements(await self._first(connection)))
        shape = await self.dialect.reflect(connection, self.table.name)
        self._id = secrets.token_hex(_ID_BYTES)
        columns, values = ("outbox", "id", "fingerprint"), (self.registered, self._id, self._fingerprint(shape))
        await self.dialect.put(connection, names.CAPTURE, columns, ("outbox",), values)
        mark = self.dialect.mark
        await connection.execute(f"DELETE FROM {names.CONSUMER} WHERE outbox = {mark(1)}", [self.registered])
        await self._sign_in(connection)

    async def remove(self, connection: Connection) -> None:
        """Sign this consumer out; the last one takes outbox and triggers away."""
        for statement in self._register():
            await connection.execute(statement)
        mark = self.dialect.mark
        sql = f"DELETE FROM {names.CONSUMER} WHERE outbox = {mark(1)} AND consumer = {mark(2)}"
        await connection.execute(sql, [self.registered, self.consumer])
        if await self._consumers(connection):
            return
        await connection.script(self.removal())
        await connection.execute(f"DELETE FROM {names.CAPTURE} WHERE outbox = {mark(1)}", [self.registered])
        self._id = ""

    async def verify(self, connection: Connection) -> None:
        """See that triggers and table are what they were when capture was installed."""
        shape = await self.look(connection)
        try:
            self.refuse(shape)
        except PlanError as error:
            raise CaptureError(
                f"{error}. It was not so when the sync started, and writes since then may be missing: afterwards copy "
                "again (strangler sync backfill --again), then verify and repair"
            ) from error
        shape.require_same(self.table.shape)
        recorded = await self._recorded(connection)
        if recorded is None:
            raise CaptureError(f"nothing captures the table {self.table.name}: install capture, then backfill")
        self._id, fingerprint = recorded
        if fingerprint != self._fingerprint(shape):
            raise CaptureError(
                f"the triggers that capture {self.table.name} were dropped, changed or switched off; writes since then "
                "may be missing. Copy it again (strangler sync backfill --again), then verify and repair"
            )

    async def look(self, connection: Connection) -> TableShape:
        """The table as it is now."""
        return await self.dialect.reflect(connection, self.table.name)

    async def check(self, connection: Connection, cursor: Cursor | None) -> None:
        """The same, at most once in `VERIFY_INTERVAL_S`; and that the cursor is one of this installation.

        Raises:
            CaptureError: capture is not what it was, or not what the cursor was read from.
        """
        if not self._id or time.monotonic() - self._verified_at > VERIFY_INTERVAL_S:
            await self.verify(connection)
            self._verified_at = time.monotonic()
        if cursor is not None and cursor.get("id") != self._id:
            raise CaptureError(
                f"capture of {self.table.name} was installed anew since this sync read it last: what was written in "
                "between may be missing. Copy it again (strangler sync backfill --again), then verify and repair"
            )

    async def prune(self, connection: Connection, cursor: Cursor, limit: int) -> int:
        """Remember where this consumer is, and forget what all of them have behind them."""
        mark = self.dialect.mark
        sql = f"UPDATE {names.CONSUMER} SET position = {mark(1)} WHERE outbox = {mark(2)} AND consumer = {mark(3)}"
        await connection.execute(sql, [json.dumps(cursor), self.registered, self.consumer])
        cursors = [json.loads(position) for _, position in await self._consumers(connection)]
        if not cursors or not all(cursors):
            return 0
        return await self.forget(connection, cursors, limit)

    @abstractmethod
    async def forget(self, connection: Connection, cursors: Sequence[Cursor], limit: int) -> int:
        """Delete at most `limit` lines that are behind all of these cursors."""

    async def _first(self, connection: Connection) -> int:
        """The number that an outbox begins with: above all of any former one, whose numbers the ledgers remember.

        By the clock, in microseconds, since a former outbox may be gone with what it knew; and above one that is still
        there, should the clock have been set back.
        """
        now = first_position()
        try:
            ((greatest,),) = await connection.fetch(f"SELECT coalesce(max(seq), 0) FROM {self.place()}")
        except SchemaChangedError:
            return now
        return max(now, int(greatest) + 1)

    @abstractmethod
    async def raise_numbers(self, connection: Connection, first: int) -> None:
        """Let the next number be above `first`, where it is not: a backup that was brought back counts as it did."""

    def require_anchor(self, anchor: Sequence[Any], found: Any) -> None:
        """See that the line which was read last is still there, as it was.

        Args:
            anchor: its number and time, as the cursor has them.
            found: the time of the line that has this number now; None where there is none.

        Raises:
            CaptureError: it is not: what this sync read is not what the outbox holds any more.
        """
        if found is None or float(found) != anchor[1]:
            raise CaptureError(
                f"the outbox of {self.table.name} was emptied, or it or the written store went back to an older state "
                "(a backup, a standby that was behind): writes may be missing. Copy it again (strangler sync backfill "
                "--again), then verify and repair"
            )

    @abstractmethod
    def place(self) -> str:
        """The outbox as it is named in statements."""

    def events(self, records: Sequence[Record]) -> list[Event]:
        """Lines that were read as position, origin, time, key columns."""
        found = []
        for position, origin, at, *key in records:
            pairs = zip(key, self._decoders, strict=True)
            values = tuple([value if decode is None else decode(value) for value, decode in pairs])
            found.append(Event(int(position), values, str(origin or ""), float(at)))
        return found

    def selection(self) -> str:
        """The key's columns of the outbox, as they are read."""
        return ", ".join(self.dialect.read(column, "o") for column in self.key_columns())

    def key_columns(self) -> list[ColumnKind]:
        """The key's columns, as the outbox has them."""
        return [dataclasses.replace(c, name=n) for c, n in zip(self.table.key_columns, self.keys, strict=True)]

    async def _intact(self, connection: Connection) -> bool:
        recorded = await self._recorded(connection)
        if recorded is None:
            return False
        self._id, fingerprint = recorded
        shape = await self.dialect.reflect(connection, self.table.name)
        return fingerprint == self._fingerprint(shape)

    async def _recorded(self, connection: Connection) -> tuple[str, str] | None:
        sql = f"SELECT id, fingerprint FROM {names.CAPTURE} WHERE outbox = {self.dialect.mark(1)}"
        found = await connection.fetch(sql, [self.registered])
        return (str(found[0][0]), str(found[0][1])) if found else None

    async def _consumers(self, connection: Connection) -> Sequence[Sequence[str]]:
        sql = f"SELECT consumer, position FROM {names.CONSUMER} WHERE outbox = {self.dialect.mark(1)}"
        return await connection.fetch(sql, [self.registered])

    async def _sign_in(self, connection: Connection) -> None:
        mark = self.dialect.mark
        sql = self.dialect.insert_missing(names.CONSUMER, ("outbox", "consumer", "position"))
        await connection.execute(sql, [self.registered, self.consumer, "{}"])
        wanted = f"SELECT position FROM {names.CONSUMER} WHERE outbox = {mark(1)} AND consumer = {mark(2)}"
        if not await connection.fetch(wanted, [self.registered, self.consumer]):
            raise RefusedError("other", f"the consumer {self.consumer} could not be signed in")

    def _register(self) -> Sequence[str]:
        text = self.dialect.text_type
        return (
            f"CREATE TABLE IF NOT EXISTS {names.CAPTURE} (outbox {text} NOT NULL PRIMARY KEY, id {text} NOT NULL, "
            f"fingerprint {text} NOT NULL)",
            f"CREATE TABLE IF NOT EXISTS {names.CONSUMER} (outbox {text} NOT NULL, consumer {text} NOT NULL, "
            f"position {self.dialect.long_text_type} NOT NULL, PRIMARY KEY (outbox, consumer))",
        )

    def _fingerprint(self, shape: TableShape) -> str:
        """Of our triggers alone: those of others come and go."""
        wanted = set(self.trigger_names())
        ours = sorted((one.name, one.identity, one.enabled) for one in shape.triggers if one.name in wanted)
        if len(ours) != len(wanted):
            return "incomplete"
        return hashlib.sha256(repr((ours, self.table.key)).encode()).hexdigest()[:32]


def require_covered(shape: TableShape, key: Sequence[str]) -> None:
    """See that rows of a table can be told apart by the key.

    Raises:
        PlanError: they cannot.
    """
    if not shape.identifies(tuple(key)):
        raise PlanError(
            f"the key ({', '.join(key)}) does not identify a row of {shape.table}: it must be a primary key, or a "
            "unique key of columns that are NOT NULL"
        )
