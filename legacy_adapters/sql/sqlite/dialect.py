"""SQLite, through aiosqlite: statements with many rows of arguments, since each call crosses into a thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy.engine import URL

from legacy_adapters.record import Key
from legacy_adapters.sql import names as house_names
from legacy_adapters.sql.capture import Capture
from legacy_adapters.sql.connection import Connection
from legacy_adapters.sql.dialect import Args, Decoder
from legacy_adapters.sql.ledger import Ledger
from legacy_adapters.sql.shape import TableShape
from legacy_adapters.sql.sqlite import values
from legacy_adapters.sql.sqlite.driver import SQLiteConnection, connect
from legacy_adapters.sql.sqlite.outbox import SQLiteOutbox
from legacy_adapters.sql.sqlite.reflection import reflect, unquoted
from legacy_adapters.sql.statements import LinewiseDialect
from legacy_adapters.sql.table import ALIAS, Table
from legacy_adapters.values.kinds import ColumnKind, Kind

#: Arguments of a function: 127 before SQLite 3.48.
ARGUMENTS_MAX = 100
_LOW_BITS = 32
_LOW_MASK = (1 << _LOW_BITS) - 1


class SQLiteDialect(LinewiseDialect):
    """How SQLite does it."""

    name = "SQLite"
    keys_max = 400
    rows_max = 5000
    locking = ""
    number_type = flag_type = "INTEGER"
    time_type = "REAL"
    options = " WITHOUT ROWID"

    async def connect(self, url: URL, origin: str) -> Connection:
        return await connect(url, origin)

    async def reflect(self, connection: Connection, table: str) -> TableShape:
        return await reflect(connection, unquoted(table))

    def outbox(self, table: Table, consumer: str) -> Capture:
        return SQLiteOutbox(self, table, consumer)

    def quote(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def key_type(self, column: ColumnKind) -> str:
        types = {Kind.INTEGER: "INTEGER", Kind.BOOLEAN: "INTEGER", Kind.DECIMAL: "NUMERIC", Kind.FLOAT: "REAL"}
        return types.get(column.kind, "BLOB" if column.kind in {Kind.BYTES, Kind.OTHER} else "TEXT")

    def parameter(self, column: ColumnKind, value: Any, args: Args) -> str:
        args.append(values.given(value))
        return "?"

    def read(self, column: ColumnKind, alias: str) -> str:
        return f"{alias}.{self.quote(column.name)}"

    def decoder(self, column: ColumnKind) -> Decoder | None:
        return values.decoder(column)

    def hash(self, columns: Sequence[ColumnKind], alias: str) -> str:
        read = [self.read(column, alias) for column in columns]
        while len(read) > ARGUMENTS_MAX:
            read = [f"strangler_hash({', '.join(read[:ARGUMENTS_MAX])})", *read[ARGUMENTS_MAX:]]
        return f"strangler_hash({', '.join(read)})"

    def in_bytes(self, column: ColumnKind, expression: str) -> str:
        return f"{expression} COLLATE BINARY" if column.collation is not None else expression

    def total(self, expression: str) -> str:
        high, low = f"sum(({expression}) >> {_LOW_BITS})", f"sum(({expression}) & {_LOW_MASK})"
        return f"coalesce({high}, 0) || ':' || coalesce({low}, 0)"

    def number(self, total: Any) -> int:
        high, low = map(int, str(total).split(":"))
        return (high << _LOW_BITS) + low

    def mark(self, number: int) -> str:
        return f"?{number}"

    def house(self) -> Sequence[str]:
        return (
            f"CREATE TABLE IF NOT EXISTS {house_names.ORIGIN} (id INTEGER PRIMARY KEY CHECK (id = 1), origin TEXT)",
            f"CREATE TABLE IF NOT EXISTS {house_names.CHECKPOINT} (stream TEXT NOT NULL PRIMARY KEY, position TEXT)",
            f"CREATE TABLE IF NOT EXISTS {house_names.QUARANTINE} (number INTEGER PRIMARY KEY AUTOINCREMENT, "
            "ledger TEXT NOT NULL, key_hash TEXT NOT NULL, source_key TEXT NOT NULL, target_key TEXT, "
            "reason TEXT NOT NULL, detail TEXT NOT NULL, field TEXT NOT NULL, position INTEGER NOT NULL, "
            "source_row TEXT, target_row TEXT, attempts INTEGER NOT NULL, first_at REAL NOT NULL, "
            "last_at REAL NOT NULL, resolved_at REAL, resolved_by TEXT NOT NULL, resolution TEXT NOT NULL)",
            f"CREATE INDEX IF NOT EXISTS {house_names.QUARANTINE}_key ON {house_names.QUARANTINE} (ledger, key_hash)",
        )

    async def insert(self, connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Key]) -> None:
        listed, marks = ", ".join(map(self.quote, names)), ", ".join("?" for _ in names)
        # OR ABORT goes before what the table says: ON CONFLICT REPLACE would take another row away, IGNORE this one.
        sql = f"INSERT OR ABORT INTO {table.name} ({listed}) VALUES ({marks})"
        await cast("SQLiteConnection", connection).many(sql, [values.givens(row) for row in rows])

    async def update(self, connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Key]) -> None:
        keys, others = table.positions(names)
        if not others:
            return
        sets = ", ".join(f"{self.quote(names[at])} = ?{at + 1}" for at in others)
        same = " AND ".join(f"{self.quote(names[at])} = ?{at + 1}" for at in keys)
        sql = f"UPDATE OR ABORT {table.name} SET {sets} WHERE {same}"
        await cast("SQLiteConnection", connection).many(sql, [values.givens(row) for row in rows])

    async def rough_count(self, connection: Connection, table: Table) -> int:
        ((count,),) = await connection.fetch(f"SELECT count(*) FROM {table.name}")
        return int(count)

    async def pressure(self, connection: Connection) -> float:
        return 0.0

    async def write_lines(
        self, connection: Connection, ledger: Ledger, rows: Sequence[Key], ending: str, *, as_given: bool
    ) -> None:
        marks = [f"?{at}" for at in range(1, len(ledger.columns) + 1)]
        if not as_given:
            first = len(ledger.source_columns)
            same = " AND ".join(f"{name} = ?{first + at}" for at, name in enumerate(ledger.target.key_names, 1))
            pick = f"(SELECT {ledger.target.hash} FROM {ledger.target.name} {ALIAS} WHERE {same})"
            marks[ledger.columns.index("target_hash")] = pick
        sql = f"INSERT INTO {ledger.name} ({', '.join(ledger.columns)}) VALUES ({', '.join(marks)}){ending}"
        await cast("SQLiteConnection", connection).many(sql, [values.givens(row) for row in rows])
