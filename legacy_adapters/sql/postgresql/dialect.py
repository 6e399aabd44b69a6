"""PostgreSQL, through asyncpg: arrays in, so that a statement is prepared once for any number of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy.engine import URL

from legacy_adapters.change import Entry, Load
from legacy_adapters.record import Key
from legacy_adapters.sql import names as house_names
from legacy_adapters.sql.capture import Capture
from legacy_adapters.sql.connection import Connection
from legacy_adapters.sql.dialect import Args, Decoder
from legacy_adapters.sql.ledger import FIELDS, Ledger
from legacy_adapters.sql.postgresql import values
from legacy_adapters.sql.postgresql.driver import connect
from legacy_adapters.sql.postgresql.loading import Loader
from legacy_adapters.sql.postgresql.outbox import PostgreSQLOutbox
from legacy_adapters.sql.postgresql.reflection import reflect
from legacy_adapters.sql.postgresql.rights import doubts, lacking
from legacy_adapters.sql.postgresql.statements import require_all, unnest
from legacy_adapters.sql.shape import TableShape
from legacy_adapters.sql.statements import StatementDialect
from legacy_adapters.sql.table import ALIAS, Table
from legacy_adapters.values.kinds import ColumnKind

_FIELD_TYPES = {
    "position": "bigint",
    "source_hash": "bigint",
    "target_hash": "bigint",
    "mapping_version": "bigint",
    "tombstone": "boolean",
    "generation": "bigint",
}


class PostgreSQLDialect(StatementDialect):
    """How PostgreSQL does it."""

    name = "PostgreSQL"
    keys_max = 20_000
    rows_max = 20_000

    def __init__(self) -> None:
        self._loader = Loader(self)

    async def connect(self, url: URL, origin: str) -> Connection:
        return await connect(url, origin)

    async def reflect(self, connection: Connection, table: str) -> TableShape:
        return await reflect(connection, table)

    def outbox(self, table: Table, consumer: str) -> Capture:
        return PostgreSQLOutbox(self, table, consumer)

    def quote(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def key_type(self, column: ColumnKind) -> str:
        return values.column_type(column)

    def keeps(self, column: ColumnKind, value: Any) -> bool:
        return super().keeps(column, value) and values.keeps(value)

    def parameter(self, column: ColumnKind, value: Any, args: Args) -> str:
        return values.parameter(column, value, args)

    def read(self, column: ColumnKind, alias: str) -> str:
        return values.read(column, f"{alias}.{self.quote(column.name)}")

    def decoder(self, column: ColumnKind) -> Decoder | None:
        return values.decoder(column)

    def hash(self, columns: Sequence[ColumnKind], alias: str) -> str:
        return values.hashed([f"{alias}.{self.quote(column.name)}" for column in columns])

    def in_bytes(self, column: ColumnKind, expression: str) -> str:
        return f'({expression})::text COLLATE "C"' if column.collation is not None else expression

    def mark(self, number: int) -> str:
        return f"${number}"

    def house(self) -> Sequence[str]:
        return (
            f'CREATE TABLE IF NOT EXISTS {house_names.CHECKPOINT} (stream text COLLATE "C" PRIMARY KEY, position text)',
            f"CREATE TABLE IF NOT EXISTS {house_names.QUARANTINE} (number bigserial PRIMARY KEY, "
            "ledger text NOT NULL, key_hash text NOT NULL, source_key text NOT NULL, target_key text, "
            "reason text NOT NULL, detail text NOT NULL, field text NOT NULL, position bigint NOT NULL, "
            "source_row text, target_row text, attempts bigint NOT NULL, first_at double precision NOT NULL, "
            "last_at double precision NOT NULL, resolved_at double precision, resolved_by text NOT NULL, "
            "resolution text NOT NULL)",
            f"CREATE INDEX IF NOT EXISTS {house_names.QUARANTINE}_key ON {house_names.QUARANTINE} (ledger, key_hash)",
        )

    def beyond(self, columns: Sequence[ColumnKind], names: Sequence[str], key: Key, args: Args) -> str:
        parameters = [self.parameter(column, value, args) for column, value in zip(columns, key, strict=True)]
        return f"({', '.join(names)}) > ({', '.join(parameters)})"

    def matching(
        self, columns: Sequence[ColumnKind], names: Sequence[str], keys: Sequence[Key]
    ) -> Iterator[tuple[str, Args]]:
        for start in range(0, len(keys), self.keys_max):
            lists = list(zip(*keys[start : start + self.keys_max], strict=True))
            args: Args = [list(values.givens(column, part)) for column, part in zip(columns, lists, strict=True)]
            arrays = [f"${at}::{values.sent_type(column)}[]" for at, column in enumerate(columns, 1)]
            if len(columns) == 1:
                compared = values.compared_type(columns[0])
                array = arrays[0] if compared == values.sent_type(columns[0]) else f"{arrays[0]}::{compared}[]"
                yield f"{names[0]} = ANY({array})", args
            else:
                wanted = [values.cast(column, f"w.c{at}") for at, column in enumerate(columns, 1)]
                unnested = f"unnest({', '.join(arrays)}) w({', '.join(f'c{at}' for at in range(1, len(columns) + 1))})"
                yield f"({', '.join(names)}) IN (SELECT {', '.join(wanted)} FROM {unnested})", args

    async def insert(self, connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Key]) -> None:
        columns = [table.shape.column(name) for name in names]
        source, args = self._rows(columns, rows)
        listed = ", ".join(self.quote(name) for name in names)
        casts = ", ".join(values.cast(column, f"w.c{at}") for at, column in enumerate(columns, 1))
        sql = f"INSERT INTO {table.name} ({listed}) OVERRIDING SYSTEM VALUE SELECT {casts} FROM {source}"
        require_all(await connection.execute(sql, args), rows)

    async def update(self, connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Key]) -> None:
        columns = [table.shape.column(name) for name in names]
        source, args = self._rows(columns, rows)
        keys, others = table.positions(names)
        if not others:
            return
        sets = ", ".join(f"{self.quote(names[at])} = {values.cast(columns[at], f'w.c{at + 1}')}" for at in others)
        same = " AND ".join(
            f"{ALIAS}.{self.quote(names[at])} = {values.cast(columns[at], f'w.c{at + 1}')}" for at in keys
        )
        sql = f"UPDATE {table.name} {ALIAS} SET {sets} FROM {source} WHERE {same}"
        require_all(await connection.execute(sql, args), rows)

    async def record(self, connection: Connection, ledger: Ledger, entries: Sequence[Entry], *, as_given: bool) -> None:
        keys = (*ledger.source_columns, *ledger.target_columns)
        lists = list(zip(*map(ledger.row, entries), strict=True))
        types = [f"{one}[]" for one in (*map(values.sent_type, keys), *(_FIELD_TYPES[field] for field in FIELDS))]
        args = [list(values.givens(column, part)) for column, part in zip(keys, lists, strict=False)]
        args += [list(part) for part in lists[len(keys) :]]
        source = unnest(types)
        picks = [values.cast(column, f"w.c{at}") for at, column in enumerate(keys, 1)]
        picks += [f"w.c{at}" for at in range(len(keys) + 1, len(types) + 1)]
        join = ""
        if not as_given:
            picks[ledger.columns.index("target_hash")] = (
                f"CASE WHEN {self._present(ledger)} THEN {ledger.target.hash} END"
            )
            join = f" LEFT JOIN {ledger.target.name} {ALIAS} ON {self.target_equals(ledger)}"
        over = self.over(ledger.columns, [column.name for column in ledger.source_columns])
        listed = ", ".join(ledger.columns)
        sql = f"INSERT INTO {ledger.name} ({listed}) SELECT {', '.join(picks)} FROM {source}{join} {over}"
        await connection.execute(sql, args)

    async def write_out(self, table: Table, load: Load) -> Load:
        return await self._loader.write_out(table, load)

    async def load(self, connection: Connection, ledger: Ledger, load: Load) -> None:
        await self._loader.load(connection, ledger, load)

    async def rough_count(self, connection: Connection, table: Table) -> int:
        sql = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass($1)"
        (found,) = await connection.fetch(sql, [table.name])
        if found[0]:
            return int(found[0])
        (counted,) = await connection.fetch(f"SELECT count(*) FROM {table.name}")
        return int(counted[0])

    async def lacking(self, connection: Connection, table: Table, *, captured: bool, written: bool) -> list[str]:
        return await lacking(connection, table, captured=captured, written=written)

    async def doubts(self, connection: Connection, table: Table, *, captured: bool) -> list[str]:
        return await doubts(connection, table)

    async def pressure(self, connection: Connection) -> float:
        sql = (
            "SELECT (SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()), "
            "(SELECT coalesce(max(extract(epoch FROM replay_lag)), 0) FROM pg_stat_replication)"
        )
        ((active, lag_s),) = await connection.fetch(sql)
        return max(float(active) / ACTIVE_MAX, float(lag_s) / REPLICA_LAG_MAX_S)

    def _rows(self, columns: Sequence[ColumnKind], rows: Sequence[Key]) -> tuple[str, Args]:
        """Rows as a table of arrays, and the arrays."""
        lists = zip(*rows, strict=True)
        args: Args = [list(values.givens(column, part)) for column, part in zip(columns, lists, strict=True)]
        return unnest([f"{values.sent_type(column)}[]" for column in columns]), args

    def target_equals(self, ledger: Ledger) -> str:
        """Whether a row is that of a line, whose values are w.c1, w.c2, … in the order of the ledger's columns."""
        first = len(ledger.source_columns) + 1
        return " AND ".join(
            f"{name} = {values.cast(column, f'w.c{at}')}"
            for at, (name, column) in enumerate(
                zip(ledger.target.key_names, ledger.target.key_columns, strict=True), first
            )
        )

    def _present(self, ledger: Ledger) -> str:
        return f"{ledger.target.key_names[0]} IS NOT NULL"


#: Sessions at work beside ours that count as "busy enough".
ACTIVE_MAX = 32
#: Seconds that a replica may be behind before a sync should add nothing.
REPLICA_LAG_MAX_S = 10.0
