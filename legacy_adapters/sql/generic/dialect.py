"""Any database that SQLAlchemy speaks to asynchronously, such as SQL Server (aioodbc) and Oracle (oracledb).

Not tested against these servers. Rows are hashed here, since there is no hash that all databases have; changes are
polled; rows go one by one through `executemany`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import URL

from legacy_adapters.change import Entry, Load
from legacy_adapters.errors import PlanError
from legacy_adapters.record import Key
from legacy_adapters.sql import names as house_names
from legacy_adapters.sql.capture import Capture
from legacy_adapters.sql.connection import Connection
from legacy_adapters.sql.dialect import Args, Decoder, Dialect
from legacy_adapters.sql.generic.driver import GenericConnection, connect
from legacy_adapters.sql.generic.reflection import decoder, own_type, reflect
from legacy_adapters.sql.ledger import FIELDS, Ledger
from legacy_adapters.sql.lookup import rows_of
from legacy_adapters.sql.quarantine import COLUMNS
from legacy_adapters.sql.shape import TableShape
from legacy_adapters.sql.sqlite.values import row_hash
from legacy_adapters.sql.table import Table
from legacy_adapters.values.kinds import ColumnKind

_TEXT_CHARS = 190
_LIMITS = frozenset({"sqlite", "postgresql", "mysql", "mariadb"})
_QUARANTINE_NUMBERS = frozenset({"position", "attempts"})
_QUARANTINE_TIMES = frozenset({"first_at", "last_at", "resolved_at"})


class GenericDialect(Dialect):
    """How SQL that all databases have does it."""

    keys_max = 200
    rows_max = 1000
    tested = False
    notes = (
        "This kind of database is reached by SQLAlchemy's generic path, which is not tested against its server: try "
        "the sync on a copy first.",
        "Keys of text must be compared by their bytes (a binary collation), or verification finds differences that are "
        "none. A snapshot is as consistent as the database's default isolation level.",
    )

    def __init__(self, url: URL) -> None:
        dialect = url.get_dialect()()
        self.name = dialect.name
        self._preparer = dialect.identifier_preparer
        self._limit = dialect.name in _LIMITS
        self.locking = "" if dialect.name in {"sqlite", "mssql"} else " FOR UPDATE"
        self.row_hash = row_hash

    async def connect(self, url: URL, origin: str) -> Connection:
        return await connect(url)

    async def reflect(self, connection: Connection, table: str) -> TableShape:
        return await reflect(cast("GenericConnection", connection), table)

    def outbox(self, table: Table, consumer: str) -> Capture:
        raise PlanError(f"{self.name} is captured by polling alone: capture {table.shape.table} by {{poll: COLUMN}}")

    def quote(self, name: str) -> str:
        return self._preparer.quote_identifier(name)

    def key_type(self, column: ColumnKind) -> str:
        return str(own_type(column))

    def parameter(self, column: ColumnKind, value: Any, args: Args) -> str:
        args.append(value)
        return self.mark(len(args))

    def read(self, column: ColumnKind, alias: str) -> str:
        return f"{alias}.{self.quote(column.name)}"

    def decoder(self, column: ColumnKind) -> Decoder | None:
        return decoder(column)

    def hash(self, columns: Sequence[ColumnKind], alias: str) -> str:
        return "NULL"

    def in_bytes(self, column: ColumnKind, expression: str) -> str:
        return expression

    def mark(self, number: int) -> str:
        return f":p{number}"

    def limited(self, sql: str, limit: int) -> str:
        if self._limit:
            return super().limited(sql, limit)
        return f"{sql} OFFSET 0 ROWS FETCH NEXT {limit:d} ROWS ONLY"

    async def make_house(self, connection: Connection) -> None:
        text = sa.String(_TEXT_CHARS)
        house = sa.MetaData()
        sa.Table(
            house_names.CHECKPOINT, house, sa.Column("stream", text, primary_key=True), sa.Column("position", sa.Text)
        )
        columns: list[sa.Column[Any]] = [
            sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
            sa.Column("ledger", text, nullable=False),
            sa.Column("key_hash", text, nullable=False, index=True),
        ]
        for name in COLUMNS:
            kind = (
                sa.BigInteger if name in _QUARANTINE_NUMBERS else sa.Float(53) if name in _QUARANTINE_TIMES else sa.Text
            )
            columns.append(sa.Column(name, kind, quote=True))
        sa.Table(house_names.QUARANTINE, house, *columns)
        await self._create(connection, house)

    async def make_ledger(self, connection: Connection, ledger: Ledger) -> None:
        made = sa.MetaData()
        columns: list[sa.Column[Any]] = [
            sa.Column(column.name, own_type(column), primary_key=True, autoincrement=False)
            for column in ledger.source_columns
        ]
        columns += [sa.Column(column.name, own_type(column), nullable=False) for column in ledger.target_columns]
        columns += [sa.Column(field, sa.SmallInteger if field == "tombstone" else sa.BigInteger) for field in FIELDS]
        index = sa.Index(house_names.fitting(f"{ledger.plain}_target"), *(one.name for one in ledger.target_columns))
        sa.Table(ledger.plain, made, *columns, index)
        await self._create(connection, made)

    async def put(
        self, connection: Connection, table: str, columns: Sequence[str], key: Sequence[str], values: Key
    ) -> None:
        at = {name: self.mark(number) for number, name in enumerate(columns, 1)}
        sets = ", ".join(f"{name} = {at[name]}" for name in columns if name not in key)
        same = " AND ".join(f"{name} = {at[name]}" for name in key)
        if not await connection.execute(f"UPDATE {table} SET {sets} WHERE {same}", values):
            await connection.execute(self._insert(table, columns), values)

    async def ensure(self, connection: Connection, table: str, columns: Sequence[str], values: Key) -> None:
        same = " AND ".join(f"{name} = {self.mark(number)}" for number, name in enumerate(columns, 1))
        if not await connection.fetch(f"SELECT 1 AS there FROM {table} WHERE {same}", values):
            await connection.execute(self._insert(table, columns), values)

    async def insert(self, connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Key]) -> None:
        sql = self._insert(table.name, [self.quote(name) for name in names])
        await cast("GenericConnection", connection).many(sql, rows)

    async def update(self, connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Key]) -> None:
        keys, others = table.positions(names)
        if others:
            sets = ", ".join(f"{self.quote(names[at])} = {self.mark(at + 1)}" for at in others)
            same = " AND ".join(f"{self.quote(names[at])} = {self.mark(at + 1)}" for at in keys)
            await cast("GenericConnection", connection).many(f"UPDATE {table.name} SET {sets} WHERE {same}", rows)

    async def record(self, connection: Connection, ledger: Ledger, entries: Sequence[Entry], *, as_given: bool) -> None:
        columns = [self.quote(name) for name in ledger.columns]
        keys = columns[: len(ledger.source_columns)]
        for row in await self._lines(connection, ledger, [ledger.row(entry) for entry in entries], as_given=as_given):
            await self.put(connection, ledger.name, columns, keys, row)

    async def load(self, connection: Connection, ledger: Ledger, load: Load) -> None:
        await self.insert(connection, ledger.target, load.columns, load.rows)
        lines = await self._lines(connection, ledger, ledger.rows_of(load), as_given=False)
        sql = self._insert(ledger.name, [self.quote(name) for name in ledger.columns])
        await cast("GenericConnection", connection).many(sql, lines)

    async def rough_count(self, connection: Connection, table: Table) -> int:
        ((count,),) = await connection.fetch(f"SELECT count(*) AS found FROM {table.name}")
        return int(count)

    async def pressure(self, connection: Connection) -> float:
        return 0.0

    async def _lines(
        self, connection: Connection, ledger: Ledger, rows: Sequence[Key], *, as_given: bool
    ) -> list[tuple[Any, ...]]:
        """Lines with the hash of the target's rows as they are."""
        tombstone, hashed = ledger.columns.index("tombstone"), ledger.columns.index("target_hash")
        first, last = len(ledger.source_columns), len(ledger.source_columns) + len(ledger.target_columns)
        there = {} if as_given else await rows_of(connection, self, ledger.target, [row[first:last] for row in rows])
        lines = []
        for row in rows:
            values = list(row)
            values[tombstone] = int(values[tombstone])
            if not as_given:
                stored = there.get(row[first:last])
                values[hashed] = None if stored is None else stored.hash
            lines.append(tuple(values))
        return lines

    def _insert(self, table: str, columns: Sequence[str]) -> str:
        marks = ", ".join(self.mark(number) for number in range(1, len(columns) + 1))
        return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"

    async def _create(self, connection: Connection, tables: sa.MetaData) -> None:
        native = cast("GenericConnection", connection)
        await native.run_sync(tables.create_all)
        await native.commit()
