"""The fast way of a first copy: rows by COPY, then their lines with the hashes of the rows as they now are.

Rows that COPY has brought are at the end of the table, where a scan of the last pages finds them for less than a look
into the key's index for each. That they are there is not promised (room that was freed is filled again first): what
the scan does not find is looked up by its key, and the next loads do not try.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from legacy_adapters.change import Load
from legacy_adapters.sql.connection import Connection
from legacy_adapters.sql.ledger import Ledger
from legacy_adapters.sql.postgresql import copying, values
from legacy_adapters.sql.postgresql.driver import BY_HASH, BY_KEY, PostgreSQLConnection
from legacy_adapters.sql.postgresql.statements import require_all, unnest
from legacy_adapters.sql.table import ALIAS, Table
from legacy_adapters.values.kinds import ColumnKind

if TYPE_CHECKING:
    from legacy_adapters.sql.postgresql.dialect import PostgreSQLDialect

#: The last page of a table that keeps its rows in pages, on servers that read a range of them (14 and newer).
LAST_PAGE: Final = (
    "SELECT greatest(pg_relation_size(c.oid) / current_setting('block_size')::bigint - 1, 0) "
    "FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.oid = to_regclass($1) "
    "AND c.relkind = 'r' AND a.amname = 'heap' AND current_setting('server_version_num')::int >= 140000"
)
#: An array of integers that was written out: the driver would ask each whether it is an array itself.
WRITTEN: Final = "text::bigint[]"


class Loader:
    """Loads rows of one store."""

    def __init__(self, dialect: PostgreSQLDialect) -> None:
        self._dialect = dialect
        self._texts = copying.Writer()
        #: Rows were found where COPY was expected to put them, so far.
        self._appends = True

    async def write_out(self, table: Table, load: Load) -> Load:
        """A load with its rows as COPY reads them; as it was where a value is not of its column's kind."""
        columns = [table.shape.column(name) for name in load.columns]
        pieces: list[bytes] = []
        for start in range(0, len(load), copying.PIECE_ROWS):
            texts = self._texts.columns(columns, [part[start : start + copying.PIECE_ROWS] for part in load.values])
            if texts is None:
                return load
            pieces.append(copying.piece(texts))
            await asyncio.sleep(0)
        return replace(load, written=pieces)

    async def load(self, connection: Connection, ledger: Ledger, load: Load) -> None:
        """Insert rows and their lines."""
        table = ledger.target
        if load.written is None:
            load = await self.write_out(table, load)
        page = await self._last_page(connection, table)
        if load.written is not None:
            await cast("PostgreSQLConnection", connection).copy(table.shape, load.columns, load.written)
        else:
            await self._dialect.insert(connection, table, load.columns, load.rows)
        require_all(await self._lines(connection, ledger, load, page), load.source_hashes)

    async def _last_page(self, connection: Connection, table: Table) -> int | None:
        if not self._appends:
            return None
        found = await connection.fetch(LAST_PAGE, [table.name])
        return int(found[0][0]) if found else None

    async def _lines(self, connection: Connection, ledger: Ledger, load: Load, page: int | None) -> int:
        """Write the lines of rows that were just inserted; how many there were."""
        table, keys = ledger.target, (*ledger.source_columns, *ledger.target_columns)
        parts = [*load.source_values, *(load.values[load.columns.index(name)] for name in table.key)]
        given = [_array(column, part) for column, part in zip(keys, parts, strict=True)]
        given.append((WRITTEN, copying.integers(load.source_hashes)))
        args = [arg for _, arg in given]
        picks = [values.cast(column, f"w.c{at}") for at, column in enumerate(keys, 1)]
        sql = (
            f"INSERT INTO {ledger.name} ({', '.join(ledger.columns)}) SELECT {', '.join(picks)}, 0, w.c{len(given)}, "
            f"{table.hash}, {int(load.mapping_version)}, false, 1 FROM {unnest([array for array, _ in given])} "
            f"JOIN {table.name} {ALIAS} ON {self._dialect.target_equals(ledger)}"
        )
        if page is None:
            return await connection.execute(sql, args)
        await connection.script([BY_HASH])
        written = await connection.execute(f"{sql} WHERE {ALIAS}.ctid >= ${len(args) + 1}::tid", [*args, (page, 0)])
        await connection.script([BY_KEY])
        if written < len(load):
            self._appends = False
            # Lines of before are passed by too, so that there are too few in the end, as there should be.
            written += await connection.execute(f"{sql} ON CONFLICT DO NOTHING", args)
        return written


def _array(column: ColumnKind, part: Sequence[Any]) -> tuple[str, Any]:
    """The type of an array of a column's values, and the array."""
    if values.sent_type(column) == "bigint" and set(map(type, part)) == {int}:
        return WRITTEN, copying.integers(part)
    return f"{values.sent_type(column)}[]", list(values.givens(column, part))
