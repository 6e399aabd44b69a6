"""One direction at work: its place in the capture, one step at a time.

A step reads what was captured, in one snapshot of the source, and applies it in one transaction of the target. Steps of
the two directions of a sync never overlap: a snapshot is taken only after the step before has committed, so of a
record's two ledger lines one is always known to be the younger.

What lacks another sync's record is held back, and tried again by later steps (`heldback`); until then transactions are
committed without a checkpoint, so that it is read again after a kill.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from legacy_adapters.change import Change, ChangeBatch, Cursor, Entry, Quarantined
from legacy_adapters.connector import Snapshot
from legacy_adapters.engine.batch import Batch
from legacy_adapters.engine.checkpoint import LiveMark
from legacy_adapters.engine.decision import Manner
from legacy_adapters.engine.family import Family
from legacy_adapters.engine.heldback import HeldBack
from legacy_adapters.engine.item import Seen
from legacy_adapters.engine.lack import Lack
from legacy_adapters.engine.model import Direction, SyncSettings
from legacy_adapters.engine.portion import Portions
from legacy_adapters.engine.tally import Tally
from legacy_adapters.errors import QuarantineFullError, StaleError
from legacy_adapters.mapper import Found
from legacy_adapters.record import Key, Row

#: Batches of one direction before the other one has its turn.
STEP_BATCHES_MAX: Final = 8
#: Between two notes of where a quiet capture was read to. Some cursors move with every transaction of their store; to
#: write each of them down would make two quiet databases keep each other awake.
SAVE_EVERY_S: Final = 5.0
#: Open quarantine that is counted at a time.
COUNT_ROWS: Final = 1000


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


_NOTHING: Final[Mapping[Key, Lack]] = {}


def _nowhere(_: str) -> None:
    """The point that nobody watches."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the engine has from outside.

    Attributes:
        finder: answers lookups.
        family: what other syncs tell.
        clock: Unix time in seconds.
        at: called with the name of each point between two persisted states: tests end the process there.
    """

    finder: Finder = field(default_factory=NoFinder)
    family: Family = field(default_factory=Family)
    clock: Callable[[], float] = time.time
    at: Callable[[str], None] = _nowhere


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the capture gave.

    Attributes:
        at: monotonic time before its snapshot was begun: whatever was captured by then is in it.
        since: monotonic time after it: whatever is in it was captured by then.
        read: what was captured.
        seen: the changes, with what was held back before, and what their decisions need.
        due: what was held back, and what becomes of it if it is refused again.
        of: how many changes refusals are a share of.
        more: there may be more than was read.
    """

    at: float
    since: float
    read: ChangeBatch
    seen: Seen
    due: Mapping[Key, Lack]
    of: int
    more: bool


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

    def followed_by(self, read: ChangeBatch, tally: Tally) -> Step:
        """This, and one batch more."""
        self.tally.add(tally)
        oldest = [at for at in (self.oldest_at, _oldest(read)) if at is not None]
        return Step(self.changes + len(read.changes), read.more, min(oldest, default=None), self.tally)


class Stream:
    """The live stream of one direction."""

    def __init__(self, direction: Direction, settings: SyncSettings, surroundings: Surroundings) -> None:
        self.direction = direction
        self.settings = settings
        self.surroundings = surroundings
        self.mark: LiveMark | None = None
        self._monotonic = time.monotonic
        #: Where the capture was read to and nothing was found: not worth a transaction of its own.
        self._ahead: Cursor | None = None
        self._saved_at = self._monotonic()
        #: Before then, a capture that costs its store a query is not asked again.
        self._look_at = 0.0
        self.portions = Portions(settings.batch_rows)
        self.held_back = HeldBack(surroundings.family, direction.sync, direction.name)
        #: Open quarantine, never fewer than there is, unless another process settles some.
        self.held_estimate = 1

    async def load(self) -> bool:
        """Read where it stands; False where it never began."""
        self.mark = LiveMark.decode(await self.direction.writes.read_checkpoint(self.direction.live))
        self._ahead = None
        self.held_back.clear()
        await self._count_held()
        return self.mark is not None

    async def _count_held(self) -> None:
        """Count the open quarantine, up to one more than there may be."""
        self.held_estimate, after = 0, 0
        while self.held_estimate <= self.settings.quarantine_max:
            rows = await self.direction.writes.quarantine(resolved=False, after=after, limit=COUNT_ROWS)
            self.held_estimate += len(rows)
            if len(rows) < COUNT_ROWS:
                return
            after = rows[-1][0]

    def moved_to(self, mark: LiveMark, tally: Tally) -> None:
        """A transaction that moved the checkpoint was committed."""
        self.mark, self._ahead, self._saved_at = mark, None, self._monotonic()
        self.noted(tally)

    def noted(self, tally: Tally) -> None:
        """A batch of this direction was committed."""
        self.held_estimate = max(0, self.held_estimate + tally.counts["quarantined"] - tally.released)

    async def require_room(self) -> None:
        """Look whether quarantine has room.

        Raises:
            QuarantineFullError: it has not.
        """
        if self.held_estimate > self.settings.quarantine_max:  # refreshed ones were counted again: look closer
            await self._count_held()
            if self.held_estimate > self.settings.quarantine_max:
                raise QuarantineFullError(self.held_estimate, self.settings.quarantine_max)

    async def begin(self) -> None:
        """Begin to capture from now on, unless somebody has begun already."""
        async with self.direction.reads.snapshot() as snapshot:
            batch = await snapshot.changes(None, 1)
        self.surroundings.at("begin.read")
        async with self.direction.writes.transaction() as transaction:
            kept = await transaction.fence(self.direction.live)
            there = LiveMark.decode(kept)
            self.mark = there or LiveMark(batch.cursor, 0 if kept is None else kept["turn"])
            if there is None:
                await transaction.checkpoint(self.direction.live, self.mark.encode())
                self.surroundings.at("begin.written")
        self.surroundings.at("begin.committed")

    async def step(self) -> Step:
        """Read what was captured and apply it, up to `STEP_BATCHES_MAX` batches where there is so much.

        The next batch is read while one is written; nothing is under way any more when it returns. Cancellation rolls
        back; nothing is lost, and the next step reads it again.

        Raises:
            StaleError: somebody else has moved the checkpoint: `load` again.
            FloodError: too much would go to quarantine, or it is full.
            CaptureError: capture is not complete.
            SchemaChangedError: a table is not what it was.
            StoreUnavailableError: a store went away.
        """
        mark = self.the_mark()
        done = Step(0, more=False, oldest_at=None, tally=Tally())
        due, is_time = self.held_back.due(), self._monotonic() >= self._look_at
        if not is_time and not due:
            return replace(done, oldest_at=self.held_back.oldest_at)
        if is_time:
            self._look_at = self._monotonic() + self.direction.reads.capabilities.look_every_s
        look = await self._look(self._ahead or mark.cursor, due, read=is_time)
        for batches_left in reversed(range(STEP_BATCHES_MAX)):
            read = look.read
            after = LiveMark(read.cursor, mark.turn)
            if not look.seen.changes and (self.held_back or after == self.mark or not self._is_time_to_save()):
                self._ahead = read.cursor
                self.held_back.committed(Tally(), look.at, more=look.more)
                break
            ahead = asyncio.create_task(self._look(read.cursor)) if read.more and batches_left else None
            try:
                done = done.followed_by(read, await self._apply(after, look))
                if read.more:
                    self._look_at = 0.0
                if ahead is None:
                    break
                look = await ahead
            finally:
                if ahead is not None:
                    ahead.cancel()
                    await asyncio.gather(ahead, return_exceptions=True)
        oldest = [at for at in (done.oldest_at, self.held_back.oldest_at) if at is not None]
        return replace(done, more=look.read.more, oldest_at=min(oldest, default=None))

    def _is_time_to_save(self) -> bool:
        return self._monotonic() - self._saved_at >= SAVE_EVERY_S

    async def _look(self, cursor: Cursor, due: Mapping[Key, Lack] = _NOTHING, *, read: bool = True) -> Look:
        """See what was captured, unless it is not to be `read` now, and what is due of what was held back."""
        at, read = self.held_back.now(), read and not self.held_back.full
        self.held_back.looking()
        async with self.direction.reads.snapshot() as snapshot:
            found = await snapshot.changes(cursor, self.portions.rows) if read else ChangeBatch((), cursor)
            fresh = {change.key for change in found.changes}
            held = self.held_back.changes([key for key in due if key not in fresh])
            rows = await snapshot.rows([one.change.key for one in held]) if held else {}
            again = [replace(one.change, stored=rows.get(one.change.key)) for one in held]
            seen = await self.see(snapshot, replace(found, changes=(*again, *found.changes)))
        self.portions.note(
            len(found.changes), (change.stored.row.values() for change in found.changes if change.stored is not None)
        )
        self.surroundings.at("live.read")
        lacks = {one.key: due[one.key] for one, known in zip(again, held, strict=True) if known.is_as(one)}
        of = max([len(seen.changes), *(one.of for one in held)])
        return Look(at, self.held_back.now(), found, seen, lacks, of, more=found.more or not read)

    async def _apply(self, after: LiveMark, look: Look) -> Tally:
        await self.require_room()
        held_back, keys = self.held_back, [change.key for change in look.seen.changes]
        held_back.looked(more=look.more)
        first = held_back.first_lack
        await self.note_duplicates(look.read.changes)
        async with self.direction.writes.transaction() as transaction:
            if await transaction.fence(self.direction.live) != self.the_mark().encode():
                raise StaleError("the checkpoint was moved by somebody else")
            self.surroundings.at("live.fenced")
            batch = Batch(
                self.direction,
                transaction,
                manner=Manner.LIVE,
                now=self.surroundings.clock(),
                may_be_held=self.held_estimate > 0,
                lack=lambda key: look.due.get(key, first),
            )
            tally = await batch.apply(look.seen, flood_of=look.of)
            self.surroundings.at("live.applied")
            whole = not batch.lacking and not held_back.without(keys)
            if whole:
                await transaction.checkpoint(self.direction.live, after.encode())
            self.surroundings.at("live.written")
        if whole:
            self.moved_to(after, tally)
        else:
            self._ahead = after.cursor
            self.noted(tally)
        held_back.settle(keys, batch.lacking, look.since, look.of)
        held_back.committed(tally, look.at, more=look.more)
        self.surroundings.at("live.committed")
        return tally

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
        self.noted(tally)
        return tally

    async def note_duplicates(self, changes: Sequence[Change]) -> None:
        """Flag what others wrote to the store that is read, where that is the one whose duplicates are flagged."""
        await self.direction.reads.note_duplicates([change.key for change in changes if not change.echo])

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
