"""Reading a store as of one moment."""

from __future__ import annotations

from collections.abc import Sequence

from legacy_adapters.change import ChangeBatch, Cursor, Entry
from legacy_adapters.record import Chunk, Key, Stored
from legacy_adapters.sql.capture import Capture, changes_of
from legacy_adapters.sql.connection import Connection
from legacy_adapters.sql.dialect import Dialect
from legacy_adapters.sql.ledger import Ledger
from legacy_adapters.sql.lookup import entries_of, entries_of_targets, rows_of
from legacy_adapters.sql.table import ALIAS, Table


class SqlSnapshot:
    """One transaction that sees one moment; implements `connector.Snapshot`."""

    def __init__(
        self,
        connection: Connection,
        dialect: Dialect,
        table: Table,
        ledger: Ledger | None,
        capture: Capture,
        origin: str,
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._table = table
        self._ledger = ledger
        self._capture = capture
        self._origin = origin

    async def changes(self, cursor: Cursor | None, limit: int) -> ChangeBatch:
        """Keys that were written since `cursor`, with their rows as they are in this snapshot."""
        delta = await self._capture.read(self._connection, cursor, limit)
        keys = list(dict.fromkeys(event.key for event in delta.events))
        rows = await self.rows(keys) if keys else {}
        return ChangeBatch(changes_of(delta.events, rows, self._origin), delta.cursor, delta.more)

    async def chunk(self, after: Key | None, limit: int) -> Chunk:
        """The next rows in the order of the key's index."""
        table, args = self._table, list[object]()
        where = ""
        if after is not None:
            where = f" WHERE {self._dialect.beyond(table.key_columns, table.key_names, after, args)}"
        order = ", ".join(table.key_names)
        sql = f"SELECT {table.selection} FROM {table.name} {ALIAS}{where} ORDER BY {order}"
        return table.chunk(await self._connection.fetch(self._dialect.limited(sql, limit), args))

    async def rows(self, keys: Sequence[Key]) -> dict[Key, Stored]:
        """The rows of these keys that are there."""
        return await rows_of(self._connection, self._dialect, self._table, keys)

    async def entries(self, source_keys: Sequence[Key]) -> dict[Key, Entry]:
        """Lines of this store's ledger by source key."""
        if self._ledger is None:
            return {}
        return await entries_of(self._connection, self._dialect, self._ledger, source_keys)

    async def entries_by_target(self, keys: Sequence[Key]) -> dict[Key, Entry]:
        """Lines of this store's ledger by target key."""
        if self._ledger is None:
            return {}
        return await entries_of_targets(self._connection, self._dialect, self._ledger, keys, tombstones=True)

    async def count(self) -> int:
        """About how many rows there are."""
        return await self._dialect.rough_count(self._connection, self._table)
