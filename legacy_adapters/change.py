"""What capture says, what is written, and what the ledger remembers of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from legacy_adapters.record import Key, Row, Stored

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
    """The ledger's line of one record, kept in the store that is written.

    Attributes:
        source_key: in the store it came from.
        target_key: in the store that it was written to.
        position: of the change that was applied last; 0 from a backfill.
        source_hash: of the source row as applied, by the source; None for a tombstone.
        target_hash: of the target row after the write, by the target; None for a tombstone.
        mapping_version: of the mapping that was used.
        tombstone: the record was deleted; an older chunk must not bring it back.
    """

    source_key: Key
    target_key: Key
    position: int
    source_hash: int | None
    target_hash: int | None
    mapping_version: int
    tombstone: bool = False
