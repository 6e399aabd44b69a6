"""One direction at work: its place in the capture, one step at a time.

A step reads what was captured, in one snapshot of the source, and applies it in one transaction of the target. Steps of
the two directions of a sync never overlap: a snapshot is taken only after the step before has committed, so of a
record's two ledger lines one is always known to be the younger.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from legacy_adapters.change import Change, ChangeBatch, Entry, Quarantined
from legacy_adapters.connector import Snapshot
from legacy_adapters.engine.batch import Batch, Seen, Tally
from legacy_adapters.engine.checkpoint import LiveMark
from legacy_adapters.engine.decision import Manner
from legacy_adapters.engine.model import Direction, SyncSettings
from legacy_adapters.errors import StaleError
from legacy_adapters.mapper import Found
from legacy_adapters.record import Key, Row


class Finder(Protocol):
    """Answers lookups from other syncs' ledgers."""

    async def find(self, direction: Direction, rows: Sequence[Row]) -> Found:
        """What the mapping of `direction` needs to know to map `rows`."""
        ...


class NoFinder:
    """For mappings that look nothing up."""

    async def find(self, direction: Direction, rows: Sequence[Row]) -> Found:  # noqa: ARG002
        """Nothing."""
        return {}


def _nowhere(_: str) -> None:
    """The point that nobody watches."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the engine has from outside.

    Attributes:
        finder: answers lookups.
        clock: Unix time in seconds.
        at: called with the name of each point between two persisted states: tests end the process there.
    """

    finder: Finder = field(default_factory=NoFinder)
    clock: Callable[[], float] = time.time
    at: Callable[[str], None] = _nowhere


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did.

    Attributes:
        changes: how many were read.
        more: there is more to read right now.
        oldest_at: Unix time in seconds of the oldest change; None where there was none or its age is unknown.
        tally: what became of them.
    """

    changes: int
    more: bool
    oldest_at: float | None
    tally: Tally


class Stream:
    """The live stream of one direction."""

    def __init__(self, direction: Direction, settings: SyncSettings, surroundings: Surroundings) -> None:
        self.direction = direction
        self.settings = settings
        self.surroundings = surroundings
        self.mark: LiveMark | None = None
        #: Whether this direction may have open quarantine: the question is asked only then.
        self.may_be_held = True

    async def load(self) -> bool:
        """Read where it stands; False where it never began."""
        self.mark = LiveMark.decode(await self.direction.writes.read_checkpoint(self.direction.live))
        self.may_be_held = bool(await self.direction.writes.quarantine(resolved=False, after=0, limit=1))
        return self.mark is not None

    async def begin(self) -> None:
        """Begin to capture from now on, unless somebody has begun already."""
        async with self.direction.reads.snapshot() as snapshot:
            batch = await snapshot.changes(None, 1)
        self.surroundings.at("begin.read")
        async with self.direction.writes.transaction() as transaction:
            there = LiveMark.decode(await transaction.fence(self.direction.live))
            self.mark = there or LiveMark(batch.cursor)
            if there is None:
                await transaction.checkpoint(self.direction.live, self.mark.encode())
                self.surroundings.at("begin.written")
        self.surroundings.at("begin.committed")

    async def step(self) -> Step:
        """Read what was captured and apply it.

        Cancellation rolls back; nothing is lost, and the next step reads it again.

        Raises:
            StaleError: somebody else has moved the checkpoint: `load` again.
            FloodError: too much would go to quarantine.
            CaptureError: capture is not complete.
            SchemaChangedError: a table is not what it was.
            StoreUnavailableError: a store went away.
        """
        mark = self.the_mark()
        async with self.direction.reads.snapshot() as snapshot:
            read = await snapshot.changes(mark.cursor, self.settings.batch_rows)
            seen = await self.see(snapshot, read)
        self.surroundings.at("live.read")
        if not read.changes and read.cursor == mark.cursor:
            return Step(0, read.more, None, Tally())
        after = LiveMark(read.cursor, mark.turn)
        async with self.direction.writes.transaction() as transaction:
            if await transaction.fence(self.direction.live) != mark.encode():
                raise StaleError("the checkpoint was moved by somebody else")
            self.surroundings.at("live.fenced")
            batch = Batch(
                self.direction,
                transaction,
                manner=Manner.LIVE,
                now=self.surroundings.clock(),
                may_be_held=self.may_be_held,
            )
            tally = await batch.apply(seen)
            self.surroundings.at("live.applied")
            await transaction.checkpoint(self.direction.live, after.encode())
            self.surroundings.at("live.written")
        self.mark = after
        self.may_be_held = self.may_be_held or bool(tally.reasons)
        self.surroundings.at("live.committed")
        return Step(len(read.changes), read.more, _oldest(read), tally)

    async def read_again(self, held: Sequence[Quarantined]) -> Tally:
        """Try quarantined keys again with their newest state.

        Raises:
            StaleError, StoreUnavailableError: as `step`.
        """
        mark = self.the_mark()
        keys = [one.source_key for one in held]
        async with self.direction.reads.snapshot() as snapshot:
            rows = await snapshot.rows(keys)
            changes = [Change(one.source_key, one.position, rows.get(one.source_key)) for one in held]
            seen = await self.see(snapshot, ChangeBatch(tuple(changes), mark.cursor))
        async with self.direction.writes.transaction() as transaction:
            if await transaction.fence(self.direction.live) != mark.encode():
                raise StaleError("the checkpoint was moved by somebody else")
            batch = Batch(self.direction, transaction, manner=Manner.READ, now=self.surroundings.clock())
            tally = await batch.apply(seen, flood_from=None)
            self.surroundings.at("held.applied")
        return tally

    async def see(self, snapshot: Snapshot, read: ChangeBatch) -> Seen:
        """Changes with what their decisions need, from the same snapshot."""
        changes = read.changes
        if not changes:
            return Seen(())
        counters: Mapping[Key, Entry] = {}
        if self.direction.counter is not None:
            counters = await snapshot.entries_by_target([change.key for change in changes])
        found = await self.found([change.stored.row for change in changes if change.stored is not None])
        return Seen(changes, counters, found)

    async def found(self, rows: Sequence[Row]) -> Found:
        """What lookups need to map these rows."""
        if not self.direction.mapper.lookups:
            return {}
        return await self.surroundings.finder.find(self.direction, rows)

    def the_mark(self) -> LiveMark:
        """Where it stands; it must have been loaded or begun."""
        if self.mark is None:
            raise StaleError("the stream was not begun")
        return self.mark


def _oldest(read: ChangeBatch) -> float | None:
    times = [change.captured_at for change in read.changes if change.captured_at and not change.echo]
    return min(times) if times else None
