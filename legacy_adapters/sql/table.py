"""One table of a sync, with the parts of statements that are the same in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from legacy_adapters.record import Chunk, Key, Stored, by_column
from legacy_adapters.sql.shape import TableShape

if TYPE_CHECKING:
    from legacy_adapters.sql.connection import Record
    from legacy_adapters.sql.dialect import Dialect

#: The name that a table of a sync has in every statement.
ALIAS = "r"
#: What the names of our triggers begin with.
OURS = "strangler_"
#: Where a column is, and what makes values of what is read of it.
Decoders = Sequence[tuple[int, Any]]


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
        self._row_hash = dialect.row_hash
        self._key_positions = tuple(range(len(self.key)))
        decoders = [dialect.decoder(column) for column in self.kinds]
        self._decoders = tuple((at, decode) for at, decode in enumerate(decoders) if decode is not None)
        self._key_decoders = tuple((at, decode) for at, decode in self._decoders if at < len(self.key))

    @property
    def may_move_keys(self) -> bool:
        """Whether a trigger of somebody's runs before each insert: it may give a row another key than it came with."""
        return any(
            one.timing == "BEFORE" and "INSERT" in one.events and not one.name.startswith(OURS)
            for one in self.shape.triggers
        )

    def chunk(self, records: Sequence[Record]) -> Chunk:
        """Rows that were read by `selection`."""
        *read, hashes = by_column(records, len(self.columns) + 1)
        values = decoded_columns(read, self._decoders)
        if self._row_hash is not None:
            hashes = list(map(self._row_hash, *values))
        return Chunk(self.columns, self._key_positions, values, hashes)

    def stored(self, records: Sequence[Record]) -> dict[Key, Stored]:
        """The same, by key."""
        chunk = self.chunk(records)
        rows = zip(chunk.keys(), chunk.rows, chunk.hashes, strict=True)
        names = self.columns
        return {key: Stored(key, dict(zip(names, row, strict=True)), row_hash) for key, row, row_hash in rows}

    def keys(self, records: Sequence[Record]) -> list[Key]:
        """The keys of records that begin with the key's columns, as read by `key_selection`."""
        width = len(self.key)
        return decoded([tuple(record[:width]) for record in records], self._key_decoders)

    def positions(self, names: Sequence[str]) -> tuple[list[int], list[int]]:
        """Where in `names` the key's columns are, and where the others are."""
        keys = [names.index(name) for name in self.key]
        return keys, [at for at in range(len(names)) if at not in keys]


def decoded(rows: list[tuple[Any, ...]], decoders: Decoders) -> list[tuple[Any, ...]]:
    """Rows in which the columns that have a decoder went through it."""
    if not decoders or not rows:
        return rows
    return list(zip(*decoded_columns(by_column(rows, len(rows[0])), decoders), strict=True))


def decoded_columns(columns: Sequence[Sequence[Any]], decoders: Decoders) -> Sequence[Sequence[Any]]:
    """Columns, of which those that have a decoder went through it."""
    if not decoders:
        return columns
    done = list(columns)
    for at, decode in decoders:
        done[at] = [None if value is None else decode(value) for value in done[at]]
    return done
