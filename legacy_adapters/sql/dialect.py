"""What differs between databases: how SQL is written, how values are read and given, how many rows go in at once.

Everything that holds for all of them is in `table`, `ledger`, `snapshot` and `transaction`, in terms of these methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from sqlalchemy.engine import URL

from legacy_adapters.change import Entry, Load
from legacy_adapters.record import Key
from legacy_adapters.sql.capture import Capture
from legacy_adapters.sql.connection import Connection
from legacy_adapters.sql.ledger import Ledger
from legacy_adapters.sql.shape import TableShape
from legacy_adapters.sql.table import Table
from legacy_adapters.values.kinds import ColumnKind

#: Turns what the driver gives for a column into a value of `record`; never called with None.
Decoder = Callable[[Any], Any]
#: Arguments of a statement, collected while its text is written.
Args = list[Any]


def encodable(text: str) -> bool:
    """Whether a text is one in UTF-8: half of a character (a lone surrogate) is not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Dialect(ABC):
    """One kind of database.

    Attributes:
        name: as in error messages.
        keys_max: how many keys `matching` puts into one statement.
        rows_max: how many rows the bulk methods take at once.
        locking: written behind a SELECT whose rows are to be locked.
        tested: against real servers.
        notes: what a user must know of it.
        row_hash: hashes a row's values here, where the database cannot be told to; `hash` is NULL then.
        text_type: of a column of ours that may be in an index.
        long_text_type: of one that is not, and may be long.
    """

    name: str
    keys_max: ClassVar[int] = 1000
    rows_max: ClassVar[int] = 5000
    locking: str = " FOR UPDATE"
    tested: bool = True
    notes: ClassVar[tuple[str, ...]] = ()
    row_hash: Callable[..., int] | None = None
    text_type: ClassVar[str] = "text"
    long_text_type: ClassVar[str] = "text"

    @abstractmethod
    async def connect(self, url: URL, origin: str) -> Connection:
        """A session with settings of ours, whose writes are marked with `origin`."""

    @abstractmethod
    async def reflect(self, connection: Connection, table: str) -> TableShape:
        """What the table is.

        Raises:
            PlanError: there is no such table, or it cannot be synced at all.
        """

    @abstractmethod
    def outbox(self, table: Table, consumer: str) -> Capture:
        """Capture by triggers.

        Raises:
            PlanError: this kind of database is captured by polling alone.
        """

    @abstractmethod
    def quote(self, name: str) -> str:
        """An identifier as it is written in a statement."""

    @abstractmethod
    def key_type(self, column: ColumnKind) -> str:
        """The type of a column that keeps values of that key column, of any store, and sorts them as bytes."""

    def keeps(self, column: ColumnKind, value: Any) -> bool:
        """Whether a column of `key_type` can hold that very value of a key of another store."""
        return not isinstance(value, str) or encodable(value)

    @abstractmethod
    def parameter(self, column: ColumnKind, value: Any, args: Args) -> str:
        """How a value is given that is compared with that column; what is not written out is put into `args`."""

    @abstractmethod
    def read(self, column: ColumnKind, alias: str) -> str:
        """The expression that reads a column."""

    @abstractmethod
    def decoder(self, column: ColumnKind) -> Decoder | None:
        """What makes a value of that which `read` gives; None where the driver gives it already."""

    @abstractmethod
    def hash(self, columns: Sequence[ColumnKind], alias: str) -> str:
        """The expression of a row's hash: signed 64 bits over typed, length-prefixed text of these columns."""

    @abstractmethod
    def in_bytes(self, column: ColumnKind, expression: str) -> str:
        """A key column so that it sorts and compares by its bytes, as the ledger's columns do in every store."""

    @abstractmethod
    def mark(self, number: int) -> str:
        """The mark of the argument of that number, from 1."""

    @abstractmethod
    async def make_house(self, connection: Connection) -> None:
        """Make checkpoint and quarantine where they are not there."""

    @abstractmethod
    async def make_ledger(self, connection: Connection, ledger: Ledger) -> None:
        """Make a ledger where it is not there."""

    @abstractmethod
    async def put(
        self, connection: Connection, table: str, columns: Sequence[str], key: Sequence[str], values: Key
    ) -> None:
        """Write a row of a table of our own, over the one that is there."""

    @abstractmethod
    async def ensure(self, connection: Connection, table: str, columns: Sequence[str], values: Key) -> None:
        """Write a row of a table of our own where there is none with its primary key, which the columns are."""

    @abstractmethod
    async def insert(self, connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Key]) -> None:
        """Insert rows, all or none.

        Raises:
            RefusedError: one of them is not possible.
        """

    @abstractmethod
    async def update(self, connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Key]) -> None:
        """Update rows that are there and locked, each by its key's columns, which are among `names`; all or none.

        Raises:
            RefusedError: one of them is not possible.
        """

    @abstractmethod
    async def record(self, connection: Connection, ledger: Ledger, entries: Sequence[Entry], *, as_given: bool) -> None:
        """Write lines of the ledger; `target_hash` of the target's rows as they are, unless `as_given`."""

    async def write_out(self, table: Table, load: Load) -> Load:
        """A load with what `load` needs of it written out, as far as that can be done ahead.

        Raises:
            RefusedError: a row is not possible.
        """
        return load

    @abstractmethod
    async def load(self, connection: Connection, ledger: Ledger, load: Load) -> None:
        """Insert rows and their lines.

        Raises:
            RefusedError: a row or a line is there already, or is not possible.
        """

    @abstractmethod
    async def rough_count(self, connection: Connection, table: Table) -> int:
        """About how many rows a table has, from statistics where there are any."""

    @abstractmethod
    async def pressure(self, connection: Connection) -> float:
        """How hard the store has it, as in `Store.pressure`."""

    async def doubts(self, connection: Connection, table: Table, *, captured: bool) -> list[str]:
        """What is unusual here for the user of the sync, in whole sentences with what to do."""
        return []

    async def lacking(self, connection: Connection, table: Table, *, captured: bool, written: bool) -> list[str]:
        """The rights that the user of the sync lacks here, in whole sentences with what gives them; [] is untold."""
        return []

    def limited(self, sql: str, limit: int) -> str:
        """A query that is ordered, of which only the first rows are wanted."""
        return f"{sql} LIMIT {limit:d}"

    def total(self, expression: str) -> str:
        """The exact sum of 64 bit numbers, 0 of none, in a form that `number` reads."""
        return f"coalesce(sum({expression}), 0)"

    def number(self, total: Any) -> int:
        """The sum that was read by `total`."""
        return int(total)

    def beyond(self, columns: Sequence[ColumnKind], names: Sequence[str], key: Key, args: Args) -> str:
        """The condition that holds for keys behind `key`, in a form that makes use of an index.

        MariaDB and MySQL read the whole index for `(a, b) > (x, y)`, and a range of it for the form written out.
        """
        last = len(columns) - 1
        parts = []
        for depth in range(len(columns)):
            equal = [f"{names[at]} = {self.parameter(columns[at], key[at], args)}" for at in range(depth)]
            parts.append(" AND ".join([*equal, f"{names[depth]} > {self.parameter(columns[depth], key[depth], args)}"]))
        return parts[0] if last == 0 else f"({' OR '.join(f'({part})' for part in parts)})"

    def matching(
        self, columns: Sequence[ColumnKind], names: Sequence[str], keys: Sequence[Key]
    ) -> Iterator[tuple[str, Args]]:
        """Conditions that hold for the rows of these keys, each with its arguments; several where they are many."""
        for start in range(0, len(keys), self.keys_max):
            part = keys[start : start + self.keys_max]
            args: Args = []
            if len(columns) == 1:
                values = ", ".join(self.parameter(columns[0], key[0], args) for key in part)
                yield f"{names[0]} IN ({values})", args
            else:
                yield " OR ".join(f"({self._equal(columns, names, key, args)})" for key in part), args

    def _equal(self, columns: Sequence[ColumnKind], names: Sequence[str], key: Key, args: Args) -> str:
        pairs = zip(columns, names, key, strict=True)
        return " AND ".join(f"{name} = {self.parameter(column, value, args)}" for column, name, value in pairs)
