"""The ledger of one sync in the store that is written: one line per record, keys in typed columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from legacy_adapters.change import Entry, Load
from legacy_adapters.record import Key
from legacy_adapters.sql.table import Table, decoded
from legacy_adapters.values.kinds import ColumnKind, Kind

if TYPE_CHECKING:
    from legacy_adapters.sql.connection import Record
    from legacy_adapters.sql.dialect import Dialect

ALIAS = "l"
#: Kinds of which every ledger keeps every value.
_SAFE = frozenset({Kind.INTEGER, Kind.BOOLEAN, Kind.UUID})
#: Columns behind those of the keys, in the order in which lines are read and written.
FIELDS = ("position", "source_hash", "target_hash", "mapping_version", "tombstone", "generation")


class Ledger:
    """One ledger.

    Attributes:
        name: of its table, quoted.
        plain: the same, not quoted.
        target: the table that its lines lead to.
        source_columns: what the source's key columns can hold, named as in the ledger: s1, s2, …
        target_columns: the same for the target's key: t1, t2, …
        columns: names of all columns, in the order of a line.
        selection: what is read of a line.
    """

    def __init__(self, dialect: Dialect, name: str, target: Table, source_key: Sequence[ColumnKind]) -> None:
        self.plain = name
        self.name = dialect.quote(name)
        self.target = target
        self.source_columns = tuple(as_own(column, f"s{at}") for at, column in enumerate(source_key, 1))
        self.target_columns = tuple(as_own(column, f"t{at}") for at, column in enumerate(target.key_columns, 1))
        self.source_names = tuple(f"{ALIAS}.{column.name}" for column in self.source_columns)
        self.target_names = tuple(f"{ALIAS}.{column.name}" for column in self.target_columns)
        keys = (*self.source_columns, *self.target_columns)
        self.columns = (*(column.name for column in keys), *FIELDS)
        reads = [dialect.read(column, ALIAS) for column in keys]
        self.selection = ", ".join([*reads, *(f"{ALIAS}.{field}" for field in FIELDS)])
        self._keeps = dialect.keeps
        self._decoders = tuple((at, decode) for at, column in enumerate(keys) if (decode := dialect.decoder(column)))

    def entries(self, records: Sequence[Record]) -> list[Entry]:
        """Lines that were read by `selection`."""
        sources = len(self.source_columns)
        keys = sources + len(self.target_columns)
        entries = []
        for row in decoded([tuple(record) for record in records], self._decoders):
            position, source_hash, target_hash, version, tombstone, generation = row[keys:]
            source, target = row[:sources], row[sources:keys]
            entries.append(
                Entry(source, target, position, source_hash, target_hash, version, bool(tombstone), generation)
            )
        return entries

    def keeps(self, source_key: Key) -> bool:
        """Whether a line for that key is possible."""
        return all(map(self._keeps, self.source_columns, source_key))

    def keeps_all(self, source_values: Sequence[Sequence[Any]]) -> bool:
        """Whether lines for all of these keys are possible, given column by column."""
        pairs = zip(self.source_columns, source_values, strict=True)
        return all(column.kind in _SAFE or all(self._keeps(column, one) for one in part) for column, part in pairs)

    def row(self, entry: Entry) -> tuple[Any, ...]:
        """The values of a line, in the order of `columns`."""
        keys: Key = (*entry.source_key, *entry.target_key)
        hashes = entry.source_hash, entry.target_hash
        return (*keys, entry.position, *hashes, entry.mapping_version, entry.tombstone, entry.generation)

    def rows_of(self, load: Load) -> list[tuple[Any, ...]]:
        """The same of rows that are loaded, whose hashes in the target are not known yet."""
        at = [load.columns.index(name) for name in self.target.key]
        return [
            (*source, *[row[place] for place in at], 0, source_hash, None, load.mapping_version, False, 1)
            for source, row, source_hash in zip(load.source_keys, load.rows, load.source_hashes, strict=True)
        ]


def as_own(column: ColumnKind, name: str) -> ColumnKind:
    """A key column of a store as a column of the ledger: what it can hold stays, what the store does to it does not."""
    kind = Kind.TEXT if column.kind in {Kind.ENUM, Kind.OTHER} else column.kind
    return dataclasses.replace(
        column,
        name=name,
        kind=kind,
        type_name="",
        nullable=False,
        fixed=False,
        charset=None,
        collation=None,
        case_sensitive=True,
        members=(),
        generated=False,
        identity=False,
        auto_update=False,
        has_default=False,
    )
