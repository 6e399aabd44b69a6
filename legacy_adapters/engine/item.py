"""One change on its way through a batch: what is known of it, what it writes, and what the ledger says of it then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from legacy_adapters.change import Change, Entry, Operation, Quarantined, Rejection, Write
from legacy_adapters.engine.decision import CONFLICT, EFFECTS, OWED, UNKNOWN, Base, Decision, Pair
from legacy_adapters.errors import MappingError
from legacy_adapters.mapper import Found
from legacy_adapters.record import Key, Row, Stored


@dataclass(frozen=True, slots=True)
class Seen:
    """What one snapshot of the source showed.

    Attributes:
        changes: one per key.
        counters: the other direction's ledger lines, by source key of this direction.
        found: what lookups need.
    """

    changes: Sequence[Change]
    counters: Mapping[Key, Entry] = field(default_factory=dict)
    found: Found = field(default_factory=dict)


@dataclass(slots=True)
class Item:
    """One change on its way through a batch."""

    change: Change
    entry: Entry | None
    counter: Entry | None
    base: Base = UNKNOWN
    mapped: Row | None = None
    known_key: Key | None = None
    target_key: Key | None = None
    target: Stored | None = None
    decision: Decision = CONFLICT
    refusal: Rejection | None = None
    failure: MappingError | None = None

    @property
    def source_hash(self) -> int | None:
        """Of the source's state."""
        return None if self.change.stored is None else self.change.stored.hash

    @property
    def moved(self) -> bool:
        """The record has another key in the target than before."""
        return self.known_key is not None and self.target_key != self.known_key

    @property
    def write(self) -> Write:
        """What is to be written of it; its target key and decision are known."""
        key = self.target_key or ()
        if self.mapped is None:
            return Write(key, Operation.DELETE, exists=True)
        left = self.decision.left
        row = {name: value for name, value in self.mapped.items() if name not in left} if left else self.mapped
        return Write(key, Operation.UPSERT, row, exists=False if self.moved else self.target is not None)

    def line(self, version: int, otherwise: Callable[[], Key | None]) -> Entry | None:
        """What the ledger says of it after its decision; None where that stays as it is.

        Args:
            version: of the mapping.
            otherwise: tells where the record is in the target, where its item does not know; None where nobody can
                tell, so that there is nothing to remember.
        """
        change, entry, counter, pair = self.change, self.entry, self.counter, EFFECTS[self.decision.verdict].pair
        position = max(change.position, entry.position) if entry is not None else change.position
        if pair is Pair.NONE:
            return None
        if pair is Pair.BASE and self.base.echo and counter is not None:
            return Entry(
                change.key,
                counter.source_key,
                position,
                counter.target_hash,
                counter.source_hash,
                version,
                counter.target_hash is None,
                counter.generation,
            )
        if pair is Pair.BASE and entry is not None:
            return None if entry.position == position else replace(entry, position=position)
        target_key = self.target_key or otherwise()
        if target_key is None:
            return None
        generation = 1 + max(self.base.generation, 0 if entry is None else entry.generation)
        return Entry(
            change.key,
            target_key,
            position,
            self.source_hash,
            OWED if pair is Pair.OWED else None,
            version,
            change.stored is None,
            generation,
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """An item that goes to quarantine, and why.

    Attributes:
        item: the change.
        reason: as in `Quarantined`.
        detail: in words.
        field: of the mapping; "" where it is none's fault.
    """

    item: Item
    reason: str
    detail: str
    field: str

    def quarantined(self, before: Quarantined | None, now: float) -> Quarantined:
        """As it is kept, given what was there `before`; `now` is Unix time in seconds."""
        item, change = self.item, self.item.change
        return Quarantined(
            source_key=change.key,
            target_key=item.target_key,
            reason=self.reason,
            detail=self.detail,
            field=self.field,
            position=max(change.position, 0 if before is None else before.position),
            source_row=None if change.stored is None else change.stored.row,
            target_row=None if item.target is None else item.target.row,
            attempts=1 if before is None else before.attempts + 1,
            first_at=now if before is None else before.first_at,
            last_at=now,
        )
