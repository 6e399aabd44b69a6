"""What capture says, what is written, and what the ledger remembers of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from legacy_adapters.record import Key, Row, Stored, by_column

#: How far capture has been read: opaque to the engine, JSON, and only ever given back to the source it came from.
Cursor = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One key that changed, with the state that it has in the snapshot the change was read in.

    Attributes:
        key: in the captured store.
        position: sequence number of the last event of this key that was read; per key it only grows with commit order.
        stored: the row now, None where there is none (deleted).
        echo: every event behind this change was written by this sync itself: the row came from the other side.
        captured_at: Unix time in seconds of the oldest event behind it, for the lag.
    """

    key: Key
    position: int
    stored: Stored | None
    echo: bool = False
    captured_at: float = 0.0


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """Changes read in one snapshot, one per key, ordered by position.

    Attributes:
        changes: at most the limit that was asked for.
        cursor: where the next read begins, once these are applied.
        more: there is more to read right now.
    """

    changes: tuple[Change, ...]
    cursor: Cursor
    more: bool = False


class Operation(StrEnum):
    """What a write does to its key."""

    UPSERT = "upsert"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Write:
    """One row to write into the target.

    Attributes:
        key: in the target.
        operation: what to do.
        row: mapped columns by name, key included; empty for a delete. Columns that it does not name are left alone.
        exists: whether the target has the key, as read in the same transaction; None is unknown.
    """

    key: Key
    operation: Operation
    row: Row = field(default_factory=dict)
    exists: bool | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """A write that the target refused; the others of the same call were done.

    Attributes:
        key: of the write.
        reason: one word for counters: `unique`, `foreign_key`, `not_null`, `check`, `too_long`, `type`, `other`.
        detail: the constraint or column, and what the store said, without values.
        retry: a later write of this sync may make it possible (a parent that has not come yet, a unique swap).
    """

    key: Key
    reason: str
    detail: str
    retry: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """The ledger's line of one record, kept in the store that is written: the pair of states that were last in step.

    A sync that goes both ways has a ledger in each store. Of the two lines of a record the one with the greater
    `generation` is the merge base.

    Attributes:
        source_key: in the store it came from; the ledger's primary key.
        target_key: in the store that it was written to. Lines may share one, all but one tombstones.
        position: of the change that was applied last; 0 from a backfill.
        source_hash: of the source row as applied, by the source; None where there was none.
        target_hash: of the target row that goes with it, by the target; None where there was none.
        mapping_version: of the mapping that was used.
        tombstone: the source record was deleted; an older chunk must not bring it back.
        generation: how often the record was brought in step, counted over both ledgers (a Lamport clock per record).
    """

    source_key: Key
    target_key: Key
    position: int
    source_hash: int | None
    target_hash: int | None
    mapping_version: int
    tombstone: bool = False
    generation: int = 1


@dataclass(frozen=True, slots=True)
class Load:
    """Rows of a backfill that are believed to be new to the target, column by column for speed.

    Attributes:
        columns: of the target; the key's columns are among them.
        values: mapped values of each column, row by row.
        source_values: values of each column of the source's key, row by row.
        source_hashes: of each row.
        mapping_version: for the ledger; position is 0 and generation 1.
        written: the rows in a form of the store's own, by `Store.write_out`; None where it has not written them out.
    """

    columns: tuple[str, ...]
    values: Sequence[Sequence[Any]]
    source_values: Sequence[Sequence[Any]]
    source_hashes: Sequence[int]
    mapping_version: int
    written: Any = None

    @classmethod
    def of_rows(
        cls,
        columns: tuple[str, ...],
        rows: Sequence[tuple[Any, ...]],
        source_keys: Sequence[Key],
        source_hashes: Sequence[int],
        *,
        mapping_version: int,
    ) -> Self:
        """A load of at least one row, given one by one."""
        values, source_values = by_column(rows, len(columns)), by_column(source_keys, 1)
        return cls(columns, values, source_values, source_hashes, mapping_version)

    def __len__(self) -> int:
        """How many rows."""
        return len(self.source_hashes)

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The rows one by one; made anew with each call."""
        return list(zip(*self.values, strict=True))

    @property
    def source_keys(self) -> list[Key]:
        """The source's keys one by one; made anew with each call."""
        return list(zip(*self.source_values, strict=True))


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A record of the written store that agrees with another on the columns that `duplicates.on` names.

    Attributes:
        key: in the store that is written.
        group: the same number for all that agree; says nothing else.
        flagged_at: Unix time in seconds since which it does.
    """

    key: Key
    group: int
    flagged_at: float


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A change that could not be applied, kept in the store that it was meant for until someone decides.

    At most one is open per source key; what happens to the key later refreshes it.

    Attributes:
        source_key: in the captured store.
        target_key: in the store that it was meant for; None where the mapping gave none.
        reason: one word for counters: `mapping`, `rule`, `conflict`, `key_taken`, or that of a `Rejection`.
        detail: what happened, in a sentence, without values.
        field: at fault, "" where it is the whole row.
        position: of the newest change behind it.
        source_row: as it was then; None where it was deleted.
        target_row: as it was then, for a conflict; None where there was none.
        attempts: how often it was tried.
        first_at: Unix time in seconds of the first attempt.
        last_at: of the last one.
        resolved_at: when it was settled; None while it is open.
        resolved_by: who settled it: a person's name, or `later_change`.
        resolution: how: `retried`, `dropped`, `superseded`.
    """

    source_key: Key
    target_key: Key | None
    reason: str
    detail: str
    field: str = ""
    position: int = 0
    source_row: Row | None = None
    target_row: Row | None = None
    attempts: int = 1
    first_at: float = 0.0
    last_at: float = 0.0
    resolved_at: float | None = None
    resolved_by: str = ""
    resolution: str = ""
