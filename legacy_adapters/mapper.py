"""What the engine asks of a mapping: one direction of a sync, compiled. Pure; `mapping/` implements it.

A lookup (a customer's number in the new store for the one in the legacy store) is answered from another sync's ledger.
The mapping names what it needs, the engine fetches all of a batch at once, and the mapping is given what was found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

from legacy_adapters.errors import MappingError
from legacy_adapters.record import Chunk, Key, Row, Side


@dataclass(frozen=True, slots=True)
class Lookup:
    """One thing that a mapping needs to know of another sync.

    Attributes:
        sync: its name.
        columns: of the captured row; their values are a key of the other sync on the same side.
    """

    sync: str
    columns: tuple[str, ...]


#: What was found: sync -> key on the captured side -> key on the written side. What is not in it was not found.
Found = Mapping[str, Mapping[Key, Key]]


@dataclass(frozen=True, slots=True)
class MappedChunk:
    """A chunk after the mapping, column by column for speed.

    Attributes:
        columns: of the target.
        values: mapped values of each column, in the order of the chunk, without rows that were refused.
        kept: index in the chunk of each row; None where all were kept.
        refused: index in the chunk and what is wrong with it.
    """

    columns: tuple[str, ...]
    values: Sequence[Sequence[Any]]
    kept: Sequence[int] | None
    refused: Sequence[tuple[int, MappingError]]

    @classmethod
    def of_parts(cls, parts: Sequence[MappedChunk], rows: int) -> MappedChunk:
        """What came of a chunk that was mapped in parts of so many rows each, the last one of fewer."""
        if len(parts) == 1:
            return parts[0]
        values = [list(chain.from_iterable(columns)) for columns in zip(*(part.values for part in parts), strict=True)]
        refused = [(rows * at + index, error) for at, part in enumerate(parts) for index, error in part.refused]
        kept: list[int] | None = None
        if refused:
            out = {index for index, _ in refused}
            count = sum(len(part) + len(part.refused) for part in parts)
            kept = [index for index in range(count) if index not in out]
        return cls(parts[0].columns, values, kept, refused)

    def __len__(self) -> int:
        """How many rows."""
        return len(self.values[0]) if self.values else 0

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The rows one by one; made anew with each call."""
        return list(zip(*self.values, strict=True))


class Mapper(Protocol):
    """From rows of the captured store to rows of the store that is written."""

    @property
    def version(self) -> int:
        """Changes whenever the mapping does, or the columns that it reads or writes; positive, 63 bits."""
        ...

    @property
    def lookups(self) -> Sequence[Lookup]:
        """What it needs of other syncs."""
        ...

    def key(self, key: Key, found: Found) -> Key:
        """The target's key for a source key, from the key's columns alone (a delete has no row).

        Raises:
            MappingError: it cannot be told.
        """
        ...

    def row(self, row: Row, found: Found) -> Row:
        """The target's columns, key included, checked by the rules.

        Raises:
            MappingError: it cannot be mapped, or breaks a rule; `reason` tells which.
        """
        ...

    def target_key(self, mapped: Row) -> Key:
        """The key within a mapped row."""
        ...

    def chunk(self, chunk: Chunk, found: Found) -> MappedChunk:
        """Map many rows as `row` does, fast."""
        ...

    def differing(self, mapped: Row, stored: Row) -> tuple[str, ...]:
        """Columns of a mapped row whose canonical value is not the one that the target has."""
        ...

    def authority(self, column: str) -> Side | None:
        """Who wins a conflict over this column of the target; None is a person."""
        ...

    @property
    def record_authority(self) -> Side | None:
        """Who wins where one side deleted what the other changed; None is a person."""
        ...
