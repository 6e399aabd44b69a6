"""MariaDB and MySQL, through asyncmy: rows written out in few large statements.

No REPLACE, no INSERT IGNORE, and no ON DUPLICATE KEY UPDATE on a table of the user's: each of them takes a violation of
any unique key for one of the key that was meant. LOAD DATA LOCAL is not used: a client that allows it lets the server
ask for any file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.engine import URL

from legacy_adapters.record import Key
from legacy_adapters.sql import names as house_names
from legacy_adapters.sql.capture import Capture
from legacy_adapters.sql.connection import Connection
from legacy_adapters.sql.dialect import Args, Decoder
from legacy_adapters.sql.ledger import ALIAS as LEDGER
from legacy_adapters.sql.ledger import Ledger
from legacy_adapters.sql.mariadb import values
from legacy_adapters.sql.mariadb.driver import MariaDBConnection, connect
from legacy_adapters.sql.mariadb.outbox import MariaDBOutbox
from legacy_adapters.sql.mariadb.reflection import reflect
from legacy_adapters.sql.mariadb.rights import doubts, lacking
from legacy_adapters.sql.mariadb.updating import JoinedUpdate, listable
from legacy_adapters.sql.shape import TableShape
from legacy_adapters.sql.statements import LinewiseDialect, listed
from legacy_adapters.sql.table import ALIAS, Table
from legacy_adapters.values.kinds import ColumnKind, Kind

if TYPE_CHECKING:
    from legacy_adapters.sql.duplicates import Duplicates

#: Sessions at work that count as busy enough.
RUNNING_MAX = 32
#: Characters of MySQL's latin1, which is Windows-1252, beyond the first 256.
_CP1252 = frozenset(bytes(range(0x80, 0xA0)).decode("cp1252", "ignore"))
_OPTIONS = "ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"


class MariaDBDialect(LinewiseDialect):
    """How MariaDB and MySQL do it."""

    name = "MariaDB"
    keys_max = 500
    rows_max = 2000
    text_type = "varchar(190)"
    long_text_type = "longtext"
    time_type = "double"
    flag_type = "tinyint"

    def __init__(self) -> None:
        #: Whether the server is MariaDB; known once a table was reflected.
        self.mariadb = True

    async def connect(self, url: URL, origin: str) -> Connection:
        return await connect(url, origin)

    async def reflect(self, connection: Connection, table: str) -> TableShape:
        shape = await reflect(connection, table)
        self.mariadb = self.tested = "MariaDB" in shape.server
        return shape

    def outbox(self, table: Table, consumer: str) -> Capture:
        return MariaDBOutbox(self, table, consumer)

    def quote(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def key_type(self, column: ColumnKind) -> str:
        return values.column_type(column, mariadb=self.mariadb)

    def keeps(self, column: ColumnKind, value: Any) -> bool:
        return super().keeps(column, value) and values.keeps(column, value, mariadb=self.mariadb)

    def parameter(self, column: ColumnKind, value: Any, args: Args) -> str:
        return values.literal(value)

    def read(self, column: ColumnKind, alias: str) -> str:
        return values.read(column, f"{alias}.{self.quote(column.name)}")

    def decoder(self, column: ColumnKind) -> Decoder | None:
        return values.decoder(column)

    def hash(self, columns: Sequence[ColumnKind], alias: str) -> str:
        return values.hashed(columns, [f"{alias}.{self.quote(column.name)}" for column in columns])

    def in_bytes(self, column: ColumnKind, expression: str) -> str:
        if column.kind in {Kind.TEXT, Kind.ENUM}:
            return f"CONVERT({expression} USING utf8mb4) COLLATE {values.BINARY_TEXT[self.mariadb]}"
        if column.kind is Kind.UUID:
            return f"CAST({expression} AS CHAR(36) CHARACTER SET ascii) COLLATE ascii_bin"
        return expression

    def mark(self, number: int) -> str:
        return "%s"

    def over(self, columns: Sequence[str], key: Sequence[str]) -> str:
        sets = ", ".join(f"{column} = VALUES({column})" for column in columns if column not in key)
        return f"ON DUPLICATE KEY UPDATE {sets}"

    def beside(self, columns: Sequence[str]) -> str:
        return f"ON DUPLICATE KEY UPDATE {columns[0]} = {columns[0]}"

    def house(self) -> Sequence[str]:
        return (
            f"CREATE TABLE IF NOT EXISTS {house_names.CHECKPOINT} "
            f"(stream varchar(190) NOT NULL PRIMARY KEY, position longtext) {_OPTIONS}",
            f"CREATE TABLE IF NOT EXISTS {house_names.QUARANTINE} (number bigint AUTO_INCREMENT PRIMARY KEY, "
            "ledger varchar(190) NOT NULL, key_hash char(40) NOT NULL, source_key text NOT NULL, target_key text, "
            "reason varchar(64) NOT NULL, detail text NOT NULL, field varchar(190) NOT NULL, position bigint NOT NULL, "
            "source_row longtext, target_row longtext, attempts bigint NOT NULL, first_at double NOT NULL, "
            "last_at double NOT NULL, resolved_at double, resolved_by varchar(190) NOT NULL, "
            f"resolution varchar(64) NOT NULL, KEY by_key (ledger, key_hash)) {_OPTIONS}",
        )

    def ledger_ddl(self, ledger: Ledger) -> Sequence[str]:
        keys = f"PRIMARY KEY ({listed(ledger.source_columns)}), KEY by_target ({listed(ledger.target_columns)})"
        body = f"{', '.join(self.ledger_columns(ledger))}, {keys}"
        return (f"CREATE TABLE IF NOT EXISTS {ledger.name} ({body}) {_OPTIONS}",)

    def duplicates_ddl(self, duplicates: Duplicates) -> Sequence[str]:
        keys = f"PRIMARY KEY ({listed(duplicates.key_columns)}), KEY by_hash (hash, flagged_at)"
        body = f"{', '.join(self.duplicates_columns(duplicates))}, {keys}, KEY by_flag (flagged_at, hash)"
        return (f"CREATE TABLE IF NOT EXISTS {duplicates.name} ({body}) {_OPTIONS}",)

    async def insert(self, connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Key]) -> None:
        lists = self._written(table, names, rows)
        listed = ", ".join(self.quote(name) for name in names)
        head = f"INSERT INTO {table.name} ({listed}) VALUES "
        tuples = [f"({','.join(parts)})" for parts in zip(*lists, strict=True)]
        for body in _packets(connection, tuples, len(head)):
            await connection.execute(head + body)

    async def update(self, connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Key]) -> None:
        if len(names) == len(table.key):
            return
        lists = self._written(table, names, rows)
        if not (self.mariadb and listable(table, names, rows) and await self._joined(connection, table, names, lists)):
            await self._one_by_one(connection, table, names, lists)

    async def _joined(
        self, connection: Connection, table: Table, names: Sequence[str], lists: Sequence[Sequence[str]]
    ) -> bool:
        """Update rows by lists of values; False where not each of them was found."""
        statement = JoinedUpdate(table, names, self.quote, self._same)
        lists = [
            [value if value == "NULL" else f"'{value}'" for value in part]
            if table.shape.column(name).kind is Kind.DECIMAL
            else part
            for name, part in zip(names, lists, strict=True)
        ]
        tuples = [f"({','.join(parts)})" for parts in zip(*lists, strict=True)]
        found = 0
        for body in _packets(connection, tuples, len(statement.head) + len(statement.tail)):
            found += await connection.execute(statement.head + body + statement.tail)
        return found == len(tuples)

    async def _one_by_one(
        self, connection: Connection, table: Table, names: Sequence[str], lists: Sequence[Sequence[str]]
    ) -> None:
        keys, others = table.positions(names)
        sets = [[f"{self.quote(names[at])}={value}" for value in lists[at]] for at in others]
        wheres = [[f"{self.quote(names[at])}={value}" for value in lists[at]] for at in keys]
        changes = map(",".join, zip(*sets, strict=True))
        conditions = map(" AND ".join, zip(*wheres, strict=True))
        statements = [f"UPDATE {table.name} SET {c} WHERE {w}" for c, w in zip(changes, conditions, strict=True)]
        native = cast("MariaDBConnection", connection)
        for part in _parts(connection, statements, 0):
            await native.several(part)

    async def rough_count(self, connection: Connection, table: Table) -> int:
        sql = "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
        found = await connection.fetch(sql, [table.shape.schema, table.shape.table])
        if found and found[0][0]:
            return int(found[0][0])
        ((count,),) = await connection.fetch(f"SELECT COUNT(*) FROM {table.name}")
        return int(count)

    async def lacking(self, connection: Connection, table: Table, *, captured: bool, written: bool) -> list[str]:
        return await lacking(connection, table, captured=captured, written=written)

    async def doubts(self, connection: Connection, table: Table, *, captured: bool) -> list[str]:
        return await doubts(connection) if captured else []

    async def pressure(self, connection: Connection) -> float:
        ((_, running),) = await connection.fetch("SHOW GLOBAL STATUS LIKE 'Threads_running'")
        return max(0.0, (float(running) - 1) / RUNNING_MAX)

    def matching(
        self, columns: Sequence[ColumnKind], names: Sequence[str], keys: Sequence[Key]
    ) -> Iterator[tuple[str, Args]]:
        possible = [key for key in keys if all(map(_storable, columns, key))]
        return super().matching(columns, names, possible)

    def _written(self, table: Table, names: Sequence[str], rows: Sequence[Key]) -> list[list[str]]:
        """The rows' values written out, column by column."""
        lists = zip(*rows, strict=True)
        return [values.literals(table.shape.column(name), part) for name, part in zip(names, lists, strict=True)]

    async def write_lines(
        self, connection: Connection, ledger: Ledger, rows: Sequence[Key], ending: str, *, as_given: bool
    ) -> None:
        """Write lines, then give them the hashes of the target's rows.

        In two statements: the ledger's columns have types, so that the join finds the target's rows by their key. A
        subquery for each line is optimized anew each time, which takes 0.4 ms.
        """
        head = f"INSERT INTO {ledger.name} ({', '.join(ledger.columns)}) VALUES "
        if not as_given:
            at = ledger.columns.index("target_hash")
            rows = [(*row[:at], None, *row[at + 1 :]) for row in rows]
        lists = [[values.literal(value) for value in part] for part in zip(*rows, strict=True)]
        tuples = [f"({','.join(parts)})" for parts in zip(*lists, strict=True)]
        for body in _packets(connection, tuples, len(head) + len(ending)):
            await connection.execute(head + body + ending)
        if as_given:
            return
        target, sources = ledger.target, len(ledger.source_columns)
        joined = " AND ".join(map(self._same, target.key_columns, target.key_names, ledger.target_names))
        for condition, _ in self.matching(ledger.source_columns, ledger.source_names, [row[:sources] for row in rows]):
            await connection.execute(
                f"UPDATE {ledger.name} {LEDGER} STRAIGHT_JOIN {target.name} {ALIAS} ON {joined} "
                f"SET {LEDGER}.target_hash = {target.hash} WHERE {condition}"
            )

    def _same(self, column: ColumnKind, name: str, ledger_name: str) -> str:
        """Whether a key column is that of a line, so that its index is used."""
        if column.charset is not None:
            return f"{name} = CONVERT({ledger_name} USING {column.charset}) COLLATE {column.collation}"
        if column.kind is Kind.UUID:
            return f"{name} = CAST({ledger_name} AS UUID)"
        return f"{name} = {ledger_name}"


def _storable(column: ColumnKind, value: Any) -> bool:
    """Whether a column of that character set can hold the text: one that it cannot would keep its index from use."""
    if not isinstance(value, str) or column.charset not in {"latin1", "ascii"}:
        return True
    return value.isascii() or (column.charset == "latin1" and all(one < "\u0100" or one in _CP1252 for one in value))


def _packets(connection: Connection, tuples: Sequence[str], fixed: int) -> Iterator[str]:
    for part in _parts(connection, tuples, fixed):
        yield ",".join(part)


def _parts(connection: Connection, texts: Sequence[str], fixed: int) -> Iterator[list[str]]:
    """Consecutive texts that fit into one packet together; one that does not fit alone is sent alone."""
    room = cast("MariaDBConnection", connection).packet_bytes - fixed
    part: list[str] = []
    size = 0
    for text in texts:
        bytes_max = len(text) if text.isascii() else 4 * len(text)
        if part and size + bytes_max > room:
            yield part
            part, size = [], 0
        part.append(text)
        size += bytes_max + 1
    if part:
        yield part
