"""One side of one sync in a SQL database; implements `connector.Store`.

```
store = await SqlStore.open(settings)      reflects the table
await store.prepare(source_key)            makes the ledger of what is written here
await store.install()                      makes capture of what others write here
async with store.snapshot() as snapshot    read, as of one moment
async with store.transaction() as ours     write, all or nothing
```
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Self

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from legacy_adapters.change import Cursor, Duplicate, Load, Quarantined
from legacy_adapters.connector import Capabilities
from legacy_adapters.errors import PlanError
from legacy_adapters.record import Key, Side
from legacy_adapters.sql import names
from legacy_adapters.sql.audit import SqlAudit
from legacy_adapters.sql.capture import Capture, NoCapture
from legacy_adapters.sql.connection import Connection, Pool, RefusedError
from legacy_adapters.sql.dialect import Dialect
from legacy_adapters.sql.dialects import dialect_of
from legacy_adapters.sql.duplicates import Duplicates, forget
from legacy_adapters.sql.ledger import Ledger
from legacy_adapters.sql.outbox import OutboxCapture, require_covered
from legacy_adapters.sql.polling import PollCapture
from legacy_adapters.sql.quarantine import QuarantineTable
from legacy_adapters.sql.shape import TableShape
from legacy_adapters.sql.snapshot import SqlSnapshot
from legacy_adapters.sql.statements import StatementDialect
from legacy_adapters.sql.table import Table
from legacy_adapters.sql.transaction import SqlTransaction
from legacy_adapters.values.kinds import ColumnKind

PORT_MAX: Final = 65_535


@dataclass(frozen=True, slots=True)
class SqlSettings:
    """What a store must know of its side of a sync.

    Attributes:
        sync: name of the sync; marks what it writes.
        side: which store this is.
        url: of the database, such as `postgresql://user:password@host/database`.
        table: its name, with the schema where it is not found without.
        key: names of the columns that identify a row.
        columns: names of the columns that the sync reads or writes; the key's need not be named.
        capture: `outbox`, `poll:COLUMN`, or `none` where nothing is read from this side.
        duplicates: names of columns; rows that agree on all of them are flagged. Empty: none is looked for.
        poll_interval_s: seconds from one look of polling to the next.
        poll_overlap_s: seconds by which each look of polling begins before the greatest time that was seen.
    """

    sync: str
    side: Side
    url: str
    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    capture: str = "outbox"
    poll_overlap_s: float = 30.0
    poll_interval_s: float = 0.0
    duplicates: tuple[str, ...] = ()


class SqlStore:
    """One side of one sync.

    Attributes:
        settings: as given.
        shape: of the table, as it was when the store was opened.
        table: the table as the sync uses it.
        ledger: of what is written here; None until `prepare`.
    """

    def __init__(self, settings: SqlSettings, dialect: Dialect, pool: Pool, shape: TableShape) -> None:
        require_covered(shape, settings.key)
        missing = [name for name in settings.columns if name not in shape.names]
        if missing:
            raise PlanError(f"the table {settings.table} has no column {', '.join(missing)}")
        self.settings = settings
        self.shape = shape
        self.table = Table(dialect, shape, settings.key, settings.columns)
        self.ledger: Ledger | None = None
        self._dialect = dialect
        self._duplicates: Duplicates | None = None
        self._pool = pool
        self._capture = _capture(settings, dialect, self.table)

    @classmethod
    async def open(cls, settings: SqlSettings, dialect: Dialect | None = None) -> Self:
        """A store whose table was looked at; `dialect` is the one of the URL unless it is given.

        Raises:
            PlanError: the URL, table, key or columns are not usable.
            StoreUnavailableError: the database cannot be reached.
        """
        url = _url(settings.url)
        chosen = dialect or dialect_of(url)
        pool = Pool(lambda: chosen.connect(url, settings.sync))
        try:
            async with pool.connection() as connection:
                shape = await chosen.reflect(connection, settings.table)
            return cls(settings, chosen, pool, shape)
        except BaseException:
            await pool.close()
            raise

    @property
    def kinds(self) -> tuple[ColumnKind, ...]:
        """What the columns that the sync uses can hold, the key's first."""
        return self.table.kinds

    @property
    def key_kinds(self) -> tuple[ColumnKind, ...]:
        """What the key's columns can hold: what `prepare` of the other side wants to know."""
        return self.table.key_columns

    @property
    def capabilities(self) -> Capabilities:
        """What this store and its capture promise."""
        capture = self._capture
        return Capabilities(
            snapshot=True,
            transaction=True,
            deletes=capture.deletes,
            origins=capture.origins,
            order=capture.order,
            tested=self._dialect.tested,
            notes=(*self._dialect.notes, *capture.notes),
            look_every_s=self.settings.poll_interval_s,
        )

    async def prepare(self, source_key: Sequence[ColumnKind]) -> None:
        """Make checkpoint, quarantine and the ledger for records whose source key is of these columns.

        Raises:
            PlanError: there is a ledger of this sync for keys of other columns.
        """
        ledger = self._ledger(source_key)
        async with self._pool.connection() as connection:
            await self._dialect.make_house(connection)
            await self._dialect.make_ledger(connection, ledger)
            await self._use(connection, ledger)
            if duplicates := self._looked_for():
                await duplicates.make(connection)
                self._duplicates = duplicates
            elif self.settings.side is Side.NEW and isinstance(self._dialect, StatementDialect):
                await forget(connection, self._dialect, self.settings.sync)

    async def adopt(self, source_key: Sequence[ColumnKind]) -> bool:
        """The same for a ledger that is there already; makes nothing.

        Returns:
            Whether there is one.

        Raises:
            PlanError: it is for keys of other columns.
        """
        ledger = self._ledger(source_key)
        async with self._pool.connection() as connection:
            try:
                await self._dialect.reflect(connection, ledger.plain)
            except PlanError:  # that is how a dialect says that there is no such table
                return False
            await self._use(connection, ledger)
            if (duplicates := self._looked_for()) and await duplicates.is_made(connection):
                self._duplicates = duplicates
        return True

    @property
    def looks_for_duplicates(self) -> bool:
        """Whether rows that agree are flagged here: they are to be, and the database can hash its rows."""
        return self._looked_for() is not None

    def _looked_for(self) -> Duplicates | None:
        if not self.settings.duplicates or not isinstance(self._dialect, StatementDialect):
            return None
        return Duplicates(self._dialect, self.settings.sync, self.table, self.settings.duplicates)

    def _ledger(self, source_key: Sequence[ColumnKind]) -> Ledger:
        plain = names.ledger(self.settings.sync, self.settings.side)
        return Ledger(self._dialect, plain, self.table, source_key)

    async def _use(self, connection: Connection, ledger: Ledger) -> None:
        kept = (await self._dialect.reflect(connection, ledger.plain)).names
        if kept != ledger.columns:
            raise PlanError(
                f"the ledger {ledger.plain} is for other key columns ({', '.join(kept)}): drop it and backfill again, "
                "or give the sync another name"
            )
        self.ledger = ledger

    async def install(self) -> None:
        """Capture what is written to the table from now on; does nothing where that is so already.

        Raises:
            PlanError: not every write can be captured; says what to do.
        """
        async with self._pool.connection() as connection:
            await self._capture.install(connection)

    def check_capture(self) -> None:
        """See whether every write of the table could be captured; changes nothing.

        Raises:
            PlanError: some could not; says what to do.
        """
        if isinstance(self._capture, OutboxCapture):
            self._capture.refuse(self.shape)

    async def verify_capture(self) -> None:
        """See that capture and table are what they were.

        Raises:
            CaptureError: capture is not.
            SchemaChangedError: the table is not.
        """
        async with self._pool.connection() as connection:
            await self._capture.verify(connection)

    async def lacking(self, *, written: bool) -> list[str]:
        """Rights without which the sync cannot run, which its user lacks in this database; changes nothing.

        Args:
            written: whether the sync writes this store.
        """
        async with self._pool.connection() as connection:
            captured = isinstance(self._capture, OutboxCapture)
            return await self._dialect.lacking(connection, self.table, captured=captured, written=written)

    async def doubts(self) -> list[str]:
        """What is unusual in this database for the user of the sync, in whole sentences; changes nothing."""
        async with self._pool.connection() as connection:
            captured = isinstance(self._capture, OutboxCapture)
            return await self._dialect.doubts(connection, self.table, captured=captured)

    async def uninstall(self) -> None:
        """Capture no longer for this sync; what captures goes away with the last one."""
        async with self._pool.connection() as connection:
            await self._capture.remove(connection)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[SqlSnapshot]:
        """A consistent view, ended with the context."""
        async with self._pool.transaction(write=False) as connection:
            origin = self.settings.sync
            yield SqlSnapshot(connection, self._dialect, self.table, self.ledger, self._capture, origin)

    @asynccontextmanager
    async def audit(self) -> AsyncIterator[SqlAudit]:
        """A consistent view for verification, ended with the context."""
        async with self._pool.transaction(write=False) as connection:
            yield SqlAudit(connection, self._dialect, self.table, self.ledger)

    async def write_out(self, load: Load) -> Load:
        """A load, prepared as far as that needs no transaction; as it was where a row is not possible."""
        try:
            return load if self.ledger is None else await self._dialect.write_out(self.ledger.target, load)
        except RefusedError:
            return load

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlTransaction]:
        """A transaction for writing: commits at the end, rolls back where anything is raised."""
        if self.ledger is None:
            raise PlanError(f"nothing is prepared to be written to {self.settings.table}")
        async with self._pool.transaction(write=True) as connection:
            transaction = SqlTransaction(connection, self._dialect, self.ledger, self._duplicates)
            yield transaction
            await transaction.finish()

    async def read_checkpoint(self, stream: str) -> Cursor | None:
        """How far `stream` was applied here."""
        sql = f"SELECT position FROM {names.CHECKPOINT} WHERE stream = {self._dialect.mark(1)}"
        async with self._pool.connection() as connection:
            found = await connection.fetch(sql, [stream])
        return json.loads(found[0][0]) if found and found[0][0] is not None else None

    async def quarantine(
        self, *, resolved: bool, after: int, limit: int, reason: str | None = None
    ) -> list[tuple[int, Quarantined]]:
        """What is in quarantine here, open or resolved, behind the number `after`; of one reason, where it is given."""
        held = self._quarantine()
        async with self._pool.connection() as connection:
            return await held.listed(connection, resolved=resolved, after=after, limit=limit, reason=reason)

    async def quarantine_counts(self, *, resolved: bool = False) -> dict[str, int]:
        """How much is in quarantine here, open or resolved, by reason."""
        async with self._pool.connection() as connection:
            return await self._quarantine().counts(connection, resolved=resolved)

    async def note_duplicates(self, keys: Sequence[Key]) -> None:
        """Flag rows of these keys, which somebody else wrote, where they agree with others; does nothing else."""
        if self._duplicates is not None and keys:
            async with self._pool.transaction(write=True) as connection:
                await self._duplicates.note(connection, keys)

    async def count_duplicates(self) -> int | None:
        """How many records are flagged, up to a bound; None where they are not looked for."""
        if self._duplicates is None:
            return None
        async with self._pool.connection() as connection:
            return await self._duplicates.count(connection)

    async def list_duplicates(self, *, after: int | None, limit: int) -> list[Duplicate]:
        """Flagged records, those that agree beside each other, of groups behind `after`."""
        if self._duplicates is None:
            return []
        async with self._pool.connection() as connection:
            return await self._duplicates.listed(connection, after=after, limit=limit)

    async def duplicates_of(self, key: Key, limit: int) -> list[Duplicate]:
        """The flagged records that agree with this one, itself among them."""
        if self._duplicates is None:
            return []
        async with self._pool.connection() as connection:
            return await self._duplicates.agreeing(connection, key, limit)

    async def pressure(self) -> float:
        """How hard the database has it."""
        async with self._pool.connection() as connection:
            return await self._dialect.pressure(connection)

    async def prune(self, cursor: Cursor, limit: int) -> int:
        """Forget captured events that every consumer has behind it, and old resolved quarantine."""
        async with self._pool.connection() as connection:
            count = await self._capture.prune(connection, cursor, limit)
            if self.ledger is not None:
                await self._quarantine().prune(connection, limit)
        return count

    async def close(self) -> None:
        """Give all connections back."""
        await self._pool.close()

    def _quarantine(self) -> QuarantineTable:
        return QuarantineTable(self._dialect, names.ledger(self.settings.sync, self.settings.side))


def _url(text: str) -> URL:
    with suppress(ArgumentError, ValueError):
        url = make_url(text)
        if url.port is None or 0 < url.port <= PORT_MAX:
            return url
    # Not what is wrong with it: where a password has a slash or an at sign, that would show a part of the password.
    raise PlanError(
        "the URL of a store is not one: it looks like postgresql://user:password@host/database, where what is special "
        "in a password is written as %2F for /, %40 for @, and so on"
    )


def _capture(settings: SqlSettings, dialect: Dialect, table: Table) -> Capture:
    if settings.capture == "none":
        return NoCapture()
    consumer = f"{settings.sync}_from_{settings.side.value}"
    if settings.capture == "outbox":
        return dialect.outbox(table, consumer)
    how, _, column = settings.capture.partition(":")
    if how == "poll" and column:
        return PollCapture(dialect, table, column, settings.poll_overlap_s)
    raise PlanError(f"{dialect.name} captures by `outbox` or `poll:COLUMN`, not by `{settings.capture}`")
