"""Writing a store: data, ledger, quarantine and checkpoint, all or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from legacy_adapters.change import Cursor, Entry, Load, Quarantined, Rejection, Write
from legacy_adapters.record import Key, Stored
from legacy_adapters.sql import names
from legacy_adapters.sql.connection import Connection, RefusedError
from legacy_adapters.sql.dialect import Dialect
from legacy_adapters.sql.duplicates import Duplicates
from legacy_adapters.sql.ledger import Ledger
from legacy_adapters.sql.lookup import entries_of, entries_of_targets, rows_of
from legacy_adapters.sql.quarantine import QuarantineTable
from legacy_adapters.sql.writing import Savepoint, Writer


class SqlTransaction:
    """One transaction; implements `connector.Transaction`."""

    def __init__(
        self, connection: Connection, dialect: Dialect, ledger: Ledger, duplicates: Duplicates | None = None
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._ledger = ledger
        self._table = ledger.target
        self._writer = Writer(connection, dialect, ledger.target)
        self._quarantine = QuarantineTable(dialect, ledger.plain)
        self._duplicates = duplicates
        #: Keys of rows that may have come to agree with others, or to do so no longer.
        self._touched: dict[Key, None] = {}

    async def fence(self, stream: str) -> Cursor | None:
        """Where the stream stands; whoever else asks in a transaction of theirs waits for the end of this one."""
        mark, table = self._dialect.mark(1), names.CHECKPOINT
        sql = f"SELECT position FROM {table} WHERE stream = {mark}{self._dialect.locking}"
        found = await self._connection.fetch(sql, [stream])
        if not found:
            # A line of nobody's, so that two that begin the same stream take turns as well.
            await self._dialect.ensure(self._connection, table, ("stream",), (stream,))
            found = await self._connection.fetch(sql, [stream])
        position = found[0][0] if found else None
        return None if position is None else json.loads(position)

    async def checkpoint(self, stream: str, cursor: Cursor) -> None:
        """Remember how far the stream was applied."""
        columns, values = ("stream", "position"), (stream, json.dumps(cursor))
        await self._dialect.put(self._connection, names.CHECKPOINT, columns, ("stream",), values)

    def unkept(self, source_keys: Sequence[Key]) -> list[Key]:
        """Those of these keys for which the ledger can have no line."""
        return [key for key in source_keys if not self._ledger.keeps(key)]

    async def entries(self, source_keys: Sequence[Key]) -> dict[Key, Entry]:
        """The ledger's lines of these source keys."""
        return await entries_of(self._connection, self._dialect, self._ledger, source_keys)

    async def entries_by_target(self, target_keys: Sequence[Key]) -> dict[Key, Entry]:
        """The living lines that lead to these target keys."""
        return await entries_of_targets(self._connection, self._dialect, self._ledger, target_keys, tombstones=False)

    async def rows(self, keys: Sequence[Key]) -> dict[Key, Stored]:
        """The target's rows, locked."""
        return await rows_of(self._connection, self._dialect, self._table, keys, lock=True)

    async def load(self, load: Load) -> bool:
        """Insert rows that are believed to be new, with their lines."""
        if not len(load):
            return True
        if self._table.may_move_keys or not self._ledger.keeps_all(load.source_values):
            return False
        try:
            async with Savepoint(self._connection, self._writer.next_savepoint()):
                await self._dialect.load(self._connection, self._ledger, load)
        except RefusedError:
            return False
        if self._duplicates is not None:
            at = [load.columns.index(name) for name in self._table.key]
            keys = list(zip(*(load.values[place] for place in at), strict=True))
            await self._duplicates.take_in(self._connection, keys)
        return True

    async def finish(self) -> None:
        """Flag what has come to agree with other rows; the last call before the end."""
        if self._duplicates is not None and self._touched:
            await self._duplicates.note(self._connection, list(self._touched))

    async def write(self, writes: Sequence[Write]) -> list[Rejection]:
        """Write rows; what was refused."""
        self._touch(write.key for write in writes)
        return await self._writer.write(writes)

    async def swap(self, writes: Sequence[Write]) -> list[Rejection]:
        """Write rows whose unique values stand in each other's way."""
        self._touch(write.key for write in writes)
        return await self._writer.swap(writes)

    async def record(self, entries: Sequence[Entry], *, as_given: bool = False) -> None:
        """Write lines of the ledger; the last of several for one source key counts."""
        if not as_given:
            self._touch(entry.target_key for entry in entries)
        unique = list({entry.source_key: entry for entry in entries}.values())
        for start in range(0, len(unique), self._dialect.rows_max):
            part = unique[start : start + self._dialect.rows_max]
            await self._dialect.record(self._connection, self._ledger, part, as_given=as_given)

    async def held(self, source_keys: Sequence[Key]) -> dict[Key, Quarantined]:
        """The open quarantine of these source keys."""
        return await self._quarantine.held(self._connection, source_keys)

    async def hold(self, quarantined: Sequence[Quarantined]) -> None:
        """Put into quarantine."""
        await self._quarantine.hold(self._connection, quarantined)

    async def release(self, source_keys: Sequence[Key], *, by: str, resolution: str, at: float) -> None:
        """Close the open quarantine of these source keys."""
        await self._quarantine.release(self._connection, source_keys, by, resolution, at)

    def _touch(self, keys: Iterable[Key]) -> None:
        if self._duplicates is not None:
            self._touched.update(dict.fromkeys(keys))
