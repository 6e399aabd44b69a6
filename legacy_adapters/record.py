"""Rows and keys as they pass between a store and the engine: plain Python values.

A value is None, bool, int, float, Decimal, str, bytes, date, time, datetime, timedelta, UUID, or JSON (dict, list).
Connectors bring what their drivers give into this set and back; nothing else leaves a connector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Row = dict[str, Any]
#: Values of the key columns, in the order of the sync's `key`.
Key = tuple[Any, ...]


class Side(StrEnum):
    """Which store of a sync."""

    LEGACY = "legacy"
    NEW = "new"

    @property
    def other(self) -> Side:
        """The store on the other side."""
        return Side.NEW if self is Side.LEGACY else Side.LEGACY


@dataclass(frozen=True, slots=True)
class Stored:
    """A row as a store has it.

    Attributes:
        key: its key.
        row: the columns that the sync uses, by name.
        hash: of those columns, computed by the store itself, signed 64 bits. Equal hashes of one store mean equal rows;
            hashes of different stores are never compared.
    """

    key: Key
    row: Row
    hash: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows in key order, by position for speed.

    Attributes:
        columns: the columns that the sync uses, in the order of each row's values.
        key_columns: where in a row the key's columns are, in the order of the key.
        rows: their values; empty at the end of the table.
        hashes: of each row, as in `Stored`.
    """

    columns: tuple[str, ...]
    key_columns: tuple[int, ...]
    rows: Sequence[tuple[Any, ...]]
    hashes: Sequence[int]

    def __len__(self) -> int:
        """How many rows."""
        return len(self.rows)

    def key(self, index: int) -> Key:
        """Key of the row at `index`, which may be negative."""
        row = self.rows[index]
        return tuple([row[column] for column in self.key_columns])

    def stored(self, index: int) -> Stored:
        """The row at `index`, by name."""
        return Stored(self.key(index), dict(zip(self.columns, self.rows[index], strict=True)), self.hashes[index])
