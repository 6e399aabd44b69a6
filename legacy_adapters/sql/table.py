"""One table of a sync, with the parts of statements that are the same in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from legacy_adapters.record import Chunk, Key, Stored
from legacy_adapters.sql.shape import TableShape

if TYPE_CHECKING:
    from legacy_adapters.sql.connection import Record
    from legacy_adapters.sql.dialect import Dialect

#: The name that a table of a sync has in every statement.
ALIAS = "r"


class Table:
    """A table as a sync uses it.

    Attributes:
        shape: what it is.
        name: quoted, with its schema.
        key: names of the key's columns.
        key_columns: what they can hold.
        columns: names of the columns that the sync uses, the key's first.
        kinds: what they can hold.
        selection: what is read of a row: the columns, then the hash.
        key_names: the key's columns as written in statements.
        hash: the expression of a row's hash.
    """

    def __init__(self, dialect: Dialect, shape: TableShape, key: Sequence[str], columns: Sequence[str]) -> None:
        self.shape = shape
        self.name = ".".join(dialect.quote(part) for part in (shape.schema, shape.table) if part)
        self.key = tuple(key)
        self.key_columns = tuple(shape.column(name) for name in key)
        self.columns = (*key, *(name for name in columns if name not in key))
        self.kinds = tuple(shape.column(name) for name in self.columns)
        self.hash = dialect.hash(self.kinds, ALIAS)
        self.selection = ", ".join([*(dialect.read(column, ALIAS) for column in self.kinds), self.hash])
        self.key_names = tuple(f"{ALIAS}.{dialect.quote(name)}" for name in key)
        self.key_selection = ", ".join(dialect.read(column, ALIAS) for column in self.key_columns)
        self._key_positions = tuple(range(len(self.key)))
        decoders = [dialect.decoder(column) for column in self.kinds]
        self._decoders = tuple((at, decode) for at, decode in enumerate(decoders) if decode is not None)
        self._key_decoders = tuple((at, decode) for at, decode in self._decoders if at < len(self.key))

    def chunk(self, records: Sequence[Record]) -> Chunk:
        """Rows that were read by `selection`."""
        rows = self.values(records)
        return Chunk(self.columns, self._key_positions, rows, [record[-1] for record in records])

    def stored(self, records: Sequence[Record]) -> dict[Key, Stored]:
        """The same, by key."""
        size, names = len(self.key), self.columns
        found: dict[Key, Stored] = {}
        for record, row in zip(records, self.values(records), strict=True):
            key = row[:size]
            found[key] = Stored(key, dict(zip(names, row, strict=True)), record[-1])
        return found

    def values(self, records: Sequence[Record]) -> list[tuple[Any, ...]]:
        """The columns' values, without the hash."""
        width = len(self.columns)
        rows = [tuple(record[:width]) for record in records]
        return decoded(rows, self._decoders)

    def keys(self, records: Sequence[Record]) -> list[Key]:
        """The keys of records that begin with the key's columns, as read by `key_selection`."""
        width = len(self.key)
        return decoded([tuple(record[:width]) for record in records], self._key_decoders)

    def positions(self, names: Sequence[str]) -> tuple[list[int], list[int]]:
        """Where in `names` the key's columns are, and where the others are."""
        keys = [names.index(name) for name in self.key]
        return keys, [at for at in range(len(names)) if at not in keys]


def decoded(rows: list[tuple[Any, ...]], decoders: Sequence[tuple[int, Any]]) -> list[tuple[Any, ...]]:
    """Rows in which the columns that have a decoder went through it; column by column, since most need none."""
    if not decoders or not rows:
        return rows
    columns = list(zip(*rows, strict=True))
    for at, decode in decoders:
        columns[at] = tuple([None if value is None else decode(value) for value in columns[at]])
    return list(zip(*columns, strict=True))
