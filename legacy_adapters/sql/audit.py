"""Checksums of ranges for verification, all in the byte order of the keys, which is the same in every store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from legacy_adapters.connector import Checksum, Listed
from legacy_adapters.record import Key
from legacy_adapters.sql.connection import Connection
from legacy_adapters.sql.dialect import Args, Dialect
from legacy_adapters.sql.ledger import ALIAS as LEDGER
from legacy_adapters.sql.ledger import Ledger
from legacy_adapters.sql.table import ALIAS, Table, decoded
from legacy_adapters.values.kinds import ColumnKind, Kind

#: A range of whole numbers is cut by arithmetic where at least one in so many of them is there.
SPARSE_MAX: Final = 8
#: Rows that are read at a time where they are hashed here.
PAGE_ROWS: Final = 5_000


@dataclass(frozen=True, slots=True)
class _List:
    """Where hashes come from."""

    source: str
    hash: str
    columns: Sequence[ColumnKind]
    names: Sequence[str]
    selection: str
    condition: str


class SqlAudit:
    """One transaction that sees one moment; implements `connector.Audit`."""

    def __init__(self, connection: Connection, dialect: Dialect, table: Table, ledger: Ledger | None) -> None:
        self._connection = connection
        self._dialect = dialect
        self._table = table
        self._ledger = ledger

    async def bounds(self, listed: Listed, after: Key | None, until: Key | None, parts: int) -> list[Key]:
        """Keys that cut a range into about equal parts."""
        one = self._list(listed)
        where, args = self._where(one, after, until)
        ((count,),) = await self._connection.fetch(f"SELECT count(*) FROM {one.source}{where}", args)
        step = max(1, -(-int(count) // parts))
        if count <= step:
            return []
        if len(one.columns) == 1 and one.columns[0].kind is Kind.INTEGER:
            sql = f"SELECT min({one.names[0]}), max({one.names[0]}) FROM {one.source}{where}"
            ((least, greatest),) = await self._connection.fetch(sql, args)
            span = int(greatest) - int(least) + 1
            if span <= int(count) * SPARSE_MAX:
                return [(int(least) + span * part // parts - 1,) for part in range(1, parts) if span * part // parts]
        order = ", ".join(one.names)
        numbered = f"SELECT {one.selection}, row_number() OVER (ORDER BY {order}) AS n FROM {one.source}{where}"
        sql = f"SELECT * FROM ({numbered}) q WHERE n % {step} = 0 AND n < {int(count)} ORDER BY n"
        return self._keys(one, await self._connection.fetch(sql, args))

    async def checksum(self, listed: Listed, after: Key | None, until: Key | None) -> Checksum:
        """Count and sum of a range."""
        one = self._list(listed)
        if self._counts_here(listed):
            hashes = [row_hash async for _, row_hash in self._row_hashes(one, after, until)]
            return Checksum(len(hashes), sum(hashes))
        where, args = self._where(one, after, until)
        sql = f"SELECT count(*), {self._dialect.total(one.hash)} FROM {one.source}{where}"
        ((count, total),) = await self._connection.fetch(sql, args)
        return Checksum(int(count), self._dialect.number(total))

    async def hashes(self, listed: Listed, after: Key | None, until: Key | None) -> dict[Key, int]:
        """The hashes of a range by key."""
        one = self._list(listed)
        if self._counts_here(listed):
            return {key: row_hash async for key, row_hash in self._row_hashes(one, after, until)}
        where, args = self._where(one, after, until)
        sql = f"SELECT {one.selection}, {one.hash} FROM {one.source}{where} ORDER BY {', '.join(one.names)}"
        records = await self._connection.fetch(sql, args)
        return dict(zip(self._keys(one, records), [record[-1] for record in records], strict=True))

    def _counts_here(self, listed: Listed) -> bool:
        """Whether the database cannot hash its rows, so that they are read to be hashed here."""
        return listed is Listed.ROWS and self._dialect.row_hash is not None

    async def _row_hashes(self, one: _List, after: Key | None, until: Key | None) -> AsyncIterator[tuple[Key, int]]:
        while True:
            where, args = self._where(one, after, until)
            sql = f"SELECT {self._table.selection} FROM {one.source}{where} ORDER BY {', '.join(one.names)}"
            chunk = self._table.chunk(await self._connection.fetch(self._dialect.limited(sql, PAGE_ROWS), args))
            for key, row_hash in zip(chunk.keys(), chunk.hashes, strict=True):
                yield key, row_hash
            if len(chunk) < PAGE_ROWS:
                return
            after = chunk.key(-1)

    def _keys(self, one: _List, records: Sequence[Sequence[object]]) -> list[Key]:
        width = len(one.columns)
        decoders = [(at, decode) for at, column in enumerate(one.columns) if (decode := self._dialect.decoder(column))]
        return decoded([tuple(record[:width]) for record in records], decoders)

    def _where(self, one: _List, after: Key | None, until: Key | None) -> tuple[str, Args]:
        args: Args = []
        conditions = [one.condition] if one.condition else []
        if after is not None:
            conditions.append(self._dialect.beyond(one.columns, one.names, after, args))
        if until is not None:
            conditions.append(f"NOT {self._dialect.beyond(one.columns, one.names, until, args)}")
        return (f" WHERE {' AND '.join(conditions)}" if conditions else ""), args

    def _list(self, listed: Listed) -> _List:
        table, dialect = self._table, self._dialect
        if listed is Listed.ROWS:
            pairs = zip(table.key_columns, table.key_names, strict=True)
            names = tuple(dialect.in_bytes(column, name) for column, name in pairs)
            source = f"{table.name} {ALIAS}"
            return _List(source, table.hash, table.key_columns, names, table.key_selection, "")
        ledger = self._ledger
        if ledger is None:
            raise ValueError(f"nothing is written to the store of {table.name}: it has no ledger")
        of_source = listed is Listed.LEDGER_SOURCE
        columns, names = (
            (ledger.source_columns, ledger.source_names) if of_source else (ledger.target_columns, ledger.target_names)
        )
        selection = ", ".join(dialect.read(column, LEDGER) for column in columns)
        field = f"{LEDGER}.{'source_hash' if of_source else 'target_hash'}"
        condition = f"NOT {LEDGER}.tombstone AND {field} IS NOT NULL"
        return _List(f"{ledger.name} {LEDGER}", field, columns, names, selection, condition)
