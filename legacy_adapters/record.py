"""Rows and keys as they pass between a store and the engine: plain Python values.

A value is None, bool, int, float, Decimal, str, bytes, date, time, datetime, timedelta, UUID, or JSON (dict, list).
Connectors bring what their drivers give into this set and back; nothing else leaves a connector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

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
    """Consecutive rows in key order, column by column for speed.

    Attributes:
        columns: the columns that the sync uses.
        key_columns: where in `columns` the key's are, in the order of the key.
        values: of each column, row by row; empty at the end of the table.
        hashes: of each row, as in `Stored`.
    """

    columns: tuple[str, ...]
    key_columns: tuple[int, ...]
    values: Sequence[Sequence[Any]]
    hashes: Sequence[int]

    @classmethod
    def of_rows(
        cls,
        columns: tuple[str, ...],
        key_columns: tuple[int, ...],
        rows: Sequence[tuple[Any, ...]],
        hashes: Sequence[int],
    ) -> Self:
        """A chunk of rows that are given one by one."""
        return cls(columns, key_columns, by_column(rows, len(columns)), hashes)

    def __len__(self) -> int:
        """How many rows."""
        return len(self.hashes)

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The rows one by one; made anew with each call."""
        return list(zip(*self.values, strict=True))

    def part(self, start: int, end: int) -> Chunk:
        """The rows from `start` to before `end`."""
        if start <= 0 and end >= len(self):
            return self
        values = [column[start:end] for column in self.values]
        return Chunk(self.columns, self.key_columns, values, self.hashes[start:end])

    def key(self, index: int) -> Key:
        """Key of the row at `index`, which may be negative."""
        return tuple([self.values[column][index] for column in self.key_columns])

    def keys(self) -> list[Key]:
        """Keys of all rows."""
        return list(zip(*(self.values[column] for column in self.key_columns), strict=True))

    def stored(self, index: int) -> Stored:
        """The row at `index`, by name."""
        row = [values[index] for values in self.values]
        return Stored(self.key(index), dict(zip(self.columns, row, strict=True)), self.hashes[index])


def by_column(rows: Sequence[Sequence[Any]], width: int) -> Sequence[Sequence[Any]]:
    """Rows turned into `width` columns, which are empty where there are no rows."""
    return list(zip(*rows, strict=True)) if rows else [()] * width
