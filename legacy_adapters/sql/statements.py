"""Dialects that say by SQL how tables of our own are made and written, where it is the same in several databases.

What is written here is how PostgreSQL and SQLite have it; MariaDB says otherwise where it does.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from legacy_adapters.change import Entry, Load
from legacy_adapters.record import Key
from legacy_adapters.sql import names as house_names
from legacy_adapters.sql.connection import Connection
from legacy_adapters.sql.dialect import Dialect
from legacy_adapters.sql.ledger import FIELDS, Ledger
from legacy_adapters.values.kinds import ColumnKind

if TYPE_CHECKING:
    from legacy_adapters.sql.duplicates import Duplicates


class StatementDialect(Dialect):
    """A dialect that makes tables of our own where they are not there, and writes a row of one over another, by SQL.

    Attributes:
        number_type: of a column of ours for 64 bits.
        time_type: of one for Unix time.
        flag_type: of one for yes or no.
        options: written behind the columns of a table of ours that is found by its primary key alone.
    """

    number_type: ClassVar[str] = "bigint"
    time_type: ClassVar[str] = "double precision"
    flag_type: ClassVar[str] = "boolean"
    options: ClassVar[str] = ""

    @abstractmethod
    def house(self) -> Sequence[str]:
        """The statements that make checkpoint, quarantine and consumers, where they are not there."""

    def over(self, columns: Sequence[str], key: Sequence[str]) -> str:
        """The end of an INSERT that writes over the row which has the same key."""
        sets = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in key)
        return f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sets}"

    def beside(self, columns: Sequence[str]) -> str:
        """The end of an INSERT that leaves a row which is there as it is; the columns are its primary key's."""
        del columns
        return "ON CONFLICT DO NOTHING"

    def upsert(self, table: str, columns: Sequence[str], key: Sequence[str]) -> str:
        """A statement with marks that writes a row of a table of our own, over the one that is there."""
        return f"{self._inserted(table, columns)} {self.over(columns, key)}"

    def insert_missing(self, table: str, columns: Sequence[str]) -> str:
        """A statement with marks that writes a row of a table of our own where there is none with its primary key."""
        return f"{self._inserted(table, columns)} {self.beside(columns)}"

    def _inserted(self, table: str, columns: Sequence[str]) -> str:
        marks = ", ".join(self.mark(at) for at in range(1, len(columns) + 1))
        return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"

    def ledger_columns(self, ledger: Ledger) -> list[str]:
        """The columns of a ledger, with their types."""
        fields = [f"{one} {self.flag_type if one == 'tombstone' else self.number_type}" for one in FIELDS]
        return [*self.key_ddl((*ledger.source_columns, *ledger.target_columns)), *fields]

    def duplicates_columns(self, duplicates: Duplicates) -> list[str]:
        """The columns of a table of duplicates, with their types."""
        own = [f"hash {self.number_type} NOT NULL", f"flagged_at {self.time_type}"]
        return [*self.key_ddl(duplicates.key_columns), *own]

    def key_ddl(self, columns: Sequence[ColumnKind]) -> list[str]:
        """Columns that keep values of keys, with their types."""
        return [f"{column.name} {self.key_type(column)} NOT NULL" for column in columns]

    def ledger_ddl(self, ledger: Ledger) -> Sequence[str]:
        """The statements that make a ledger, where it is not there."""
        body = f"{', '.join(self.ledger_columns(ledger))}, PRIMARY KEY ({listed(ledger.source_columns)})"
        index = self._index(f"{ledger.plain}_target")
        return (
            f"CREATE TABLE IF NOT EXISTS {ledger.name} ({body}){self.options}",
            f"CREATE INDEX IF NOT EXISTS {index} ON {ledger.name} ({listed(ledger.target_columns)})",
        )

    def duplicates_ddl(self, duplicates: Duplicates) -> Sequence[str]:
        """The statements that make the table of duplicates, where it is not there, with its indexes."""
        body = f"{', '.join(self.duplicates_columns(duplicates))}, PRIMARY KEY ({listed(duplicates.key_columns)})"
        by_hash, flagged = (self._index(f"{duplicates.plain}_{one}") for one in ("hash", "flagged"))
        return (
            f"CREATE TABLE IF NOT EXISTS {duplicates.name} ({body}){self.options}",
            f"CREATE INDEX IF NOT EXISTS {by_hash} ON {duplicates.name} (hash, flagged_at)",
            f"CREATE INDEX IF NOT EXISTS {flagged} ON {duplicates.name} (hash) WHERE flagged_at IS NOT NULL",
        )

    def _index(self, name: str) -> str:
        return self.quote(house_names.fitting(name))

    async def make_house(self, connection: Connection) -> None:
        for statement in self.house():
            await connection.execute(statement)

    async def make_ledger(self, connection: Connection, ledger: Ledger) -> None:
        for statement in self.ledger_ddl(ledger):
            await connection.execute(statement)

    async def put(
        self, connection: Connection, table: str, columns: Sequence[str], key: Sequence[str], values: Key
    ) -> None:
        await connection.execute(self.upsert(table, columns, key), values)

    async def ensure(self, connection: Connection, table: str, columns: Sequence[str], values: Key) -> None:
        await connection.execute(self.insert_missing(table, columns), values)


class LinewiseDialect(StatementDialect):
    """One that writes a ledger line by line, where others give it columns."""

    @abstractmethod
    async def write_lines(
        self, connection: Connection, ledger: Ledger, rows: Sequence[Key], ending: str, *, as_given: bool
    ) -> None:
        """Insert lines by a statement with that end; `target_hash` of the target's rows, unless `as_given`."""

    async def record(self, connection: Connection, ledger: Ledger, entries: Sequence[Entry], *, as_given: bool) -> None:
        rows = [ledger.row(entry) for entry in entries]
        ending = self.over(ledger.columns, [column.name for column in ledger.source_columns])
        await self.write_lines(connection, ledger, rows, f" {ending}", as_given=as_given)

    async def load(self, connection: Connection, ledger: Ledger, load: Load) -> None:
        await self.insert(connection, ledger.target, load.columns, load.rows)
        await self.write_lines(connection, ledger, ledger.rows_of(load), "", as_given=False)


def listed(columns: Sequence[ColumnKind]) -> str:
    """Names of columns of ours, as a statement has them."""
    return ", ".join(column.name for column in columns)
