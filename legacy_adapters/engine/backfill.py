"""The first copy of all rows of one direction, while applications go on writing on both sides.

```
snapshot ─▶ what was captured, then the next chunk ─▶ map, ─▶ ┌ transaction: fence, apply the captured,    ┐ ─▶ next
   │                                             write out   └ load the chunk, checkpoints of both streams ┘
   └──────── all of this is done with the next one while this one is written
```
What was captured and the chunk are of one moment, and what was captured is applied first: a row of the chunk is then
never older than what the ledger knows, and what the ledger knows already is not written again. A chunk is read only
where nothing captured is left over, else the chunk could be newer than the captured changes that follow.

Rows go in the fast way (`load`) as long as nobody has been there; one row that the ledger or the target knows, or that
is refused, sends its chunk the careful way (`Batch`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from legacy_adapters.change import Change, ChangeBatch, Entry, Load
from legacy_adapters.connector import Transaction
from legacy_adapters.engine.batch import Batch
from legacy_adapters.engine.checkpoint import BackfillMark, LiveMark
from legacy_adapters.engine.decision import Manner
from legacy_adapters.engine.heldback import PATIENCE_S, state_of
from legacy_adapters.engine.item import Item, Seen
from legacy_adapters.engine.lack import Lack
from legacy_adapters.engine.model import FLOOD_CHANGES_MIN
from legacy_adapters.engine.portion import Portions
from legacy_adapters.engine.stream import Stream
from legacy_adapters.engine.tally import Tally
from legacy_adapters.engine.throttle import Throttle
from legacy_adapters.errors import StaleError
from legacy_adapters.mapper import Found, MappedChunk
from legacy_adapters.record import Chunk, Key

#: Rows that are mapped at a time: a millisecond or two, in which nothing else of the process moves.
MAPPED_ROWS: Final = 1000


@dataclass(frozen=True, slots=True)
class Portion:
    """What one snapshot gave: captured changes, and the chunk that follows them unless more was captured.

    Attributes:
        changes: to be applied first.
        live: where the live stream stands afterwards.
        chunk: the next rows; None where more captured changes come first.
        counters: the other direction's ledger lines for the chunk, by its keys.
        found: what lookups of the chunk need.
        mapped: the chunk after the mapping.
        load: the same for the fast way; None where that cannot be gone.
        mark: where the backfill stands afterwards.
        at: monotonic time before the snapshot was begun: whatever was captured by then is in it.
        since: monotonic time after it: whatever is in it was captured by then.
    """

    changes: Seen
    live: LiveMark
    chunk: Chunk | None
    counters: dict[Key, Entry]
    found: Found
    mapped: MappedChunk | None
    load: Load | None
    mark: BackfillMark
    at: float
    since: float


@dataclass(frozen=True, slots=True)
class Lacking:
    """What of a portion lacks another sync's record.

    Attributes:
        live: captured changes.
        chunk: rows of the chunk.
    """

    live: Sequence[Item]
    chunk: Sequence[Item]

    @property
    def items(self) -> list[Item]:
        """All of them."""
        return [*self.live, *self.chunk]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.live or self.chunk)

    def changed(self, live: Seen, chunk: Seen) -> set[Key]:
        """Keys whose rows are not as they were: they may lack something else now."""
        before = {item.change.key: state_of(item.change) for item in self.items}
        now = (*live.changes, *chunk.changes)
        return {change.key for change in now if state_of(change) != before[change.key]}


class Backfill:
    """Copies one direction; resumable after every portion."""

    def __init__(self, stream: Stream, throttle: Throttle) -> None:
        self._stream = stream
        self._direction = stream.direction
        self._throttle = throttle
        self._at = stream.surroundings.at
        self._portions = Portions(stream.settings.chunk_rows)
        self.mark = BackfillMark(version=stream.direction.mapper.version)
        self.tally = Tally()

    async def load(self) -> bool:
        """Read how far it has come; whether it is done, with today's mapping."""
        version = self._direction.mapper.version
        mark = BackfillMark.decode(await self._direction.writes.read_checkpoint(self._direction.backfill))
        if mark is not None and mark.version == version:
            self.mark = mark
        else:
            self.mark = BackfillMark(version=version)
        return self.mark.done

    async def count(self) -> int:
        """About how many rows there are to copy."""
        async with self._direction.reads.snapshot() as snapshot:
            return await snapshot.count()

    async def run(self, budget_s: float) -> bool:
        """Copy for about so long; True when the end of the table was reached.

        Reading is one portion ahead of writing; nothing is under way any more when it returns, so that a step of the
        other direction may come between. Cancellation rolls back the portion that is being written.

        Raises:
            StaleError, FloodError, CaptureError, SchemaChangedError, StoreUnavailableError: as `Stream.step`.
        """
        end = time.monotonic() + budget_s
        portion = await self._read(self._stream.the_mark(), self.mark)
        while True:
            last = portion.mark.done or time.monotonic() >= end
            ahead = None if last else asyncio.create_task(self._read(portion.live, portion.mark))
            try:
                read_again = await self._write(portion)
                if ahead is None:
                    return self.mark.done
                portion = await (self._read(portion.live, portion.mark) if read_again else ahead)
            finally:
                if ahead is not None:
                    ahead.cancel()
                    await asyncio.gather(ahead, return_exceptions=True)

    # -- reading

    async def _read(self, live: LiveMark, mark: BackfillMark) -> Portion:
        direction = self._direction
        chunk, counters, at = None, {}, self._stream.held_back.now()
        self._stream.held_back.looking()
        async with direction.reads.snapshot() as snapshot:
            read = await snapshot.changes(live.cursor, self._stream.portions.rows)
            changes = await self._stream.see(snapshot, read)
            if not read.more:
                chunk = await snapshot.chunk(mark.after, self._portions.rows)
                self._portions.note(len(chunk), zip(*chunk.values, strict=True))
                if direction.counter is not None and len(chunk):
                    counters = await snapshot.entries_by_target(chunk.keys())
        since = self._stream.held_back.now()
        self._at("backfill.read")
        found = await self._found(chunk)
        mapped = await self._mapped(chunk, found) if chunk is not None and len(chunk) else None
        load = None
        if chunk is not None and mapped is not None and len(mapped) and not counters:
            load = await direction.writes.write_out(self._load(chunk, mapped))
        after, following = LiveMark(read.cursor, live.turn), self._following(mark, chunk)
        return Portion(changes, after, chunk, counters, found, mapped, load, following, at, since)

    async def _mapped(self, chunk: Chunk, found: Found) -> MappedChunk:
        """The chunk mapped, a slice at a time: what is written meanwhile goes on, and other syncs too."""
        parts = []
        for start in range(0, len(chunk), MAPPED_ROWS):
            parts.append(self._direction.mapper.chunk(chunk.part(start, start + MAPPED_ROWS), found))
            await asyncio.sleep(0)
        return MappedChunk.of_parts(parts, MAPPED_ROWS)

    async def _found(self, chunk: Chunk | None) -> Found:
        if chunk is None or not self._direction.mapper.lookups:
            return {}
        return await self._stream.found([chunk.stored(index).row for index in range(len(chunk))])

    def _following(self, mark: BackfillMark, chunk: Chunk | None) -> BackfillMark:
        if chunk is None:
            return mark
        if not len(chunk):
            return replace(mark, done=True)
        return replace(mark, after=chunk.key(-1), rows=mark.rows + len(chunk))

    # -- writing

    async def _write(self, portion: Portion) -> bool:
        """Write a portion; whether rows of it were read again meanwhile, so that what was read ahead is older."""
        await self._stream.require_room()
        chunk, held_back = portion.chunk, self._stream.held_back
        if chunk is not None and len(chunk):
            await self._throttle.wait(len(chunk))
        held_back.looked(more=not portion.mark.done)
        first = held_back.first_lack
        await self._stream.note_duplicates(portion.changes.changes)
        tally, lacking = await self._attempt(portion, portion.changes, None, lambda _: first)
        done, since, end = tally, portion.since, held_back.now() + PATIENCE_S
        read_again = bool(lacking)
        while lacking:
            self._stream.noted(tally)
            lacks = await held_back.wait(lacking.items, since, end)
            self._at("kin.waited")
            live, rows = await self._again(portion, lacking)
            since = held_back.now()
            lacks |= dict.fromkeys(lacking.changed(live, rows), Lack.WAITS if since < end else Lack.FORGIVEN)
            tally, lacking = await self._attempt(portion, live, rows, lacks.__getitem__)
            done.add(tally)
        self._stream.moved_to(portion.live, tally)
        held_back.committed(done, portion.at, more=chunk is None)
        self.mark = portion.mark
        self.tally.add(done)
        self._at("backfill.committed")
        return read_again

    async def _again(self, portion: Portion, lacking: Lacking) -> tuple[Seen, Seen]:
        """Captured changes and rows that lack something, as they are now: what they lacked may have gone with them."""
        seen = []
        self._stream.held_back.looking()
        async with self._direction.reads.snapshot() as snapshot:
            for items in (lacking.live, lacking.chunk):
                rows = await snapshot.rows([item.change.key for item in items])
                changes = tuple([replace(item.change, stored=rows.get(item.change.key)) for item in items])
                seen.append(await self._stream.see(snapshot, ChangeBatch(changes, portion.live.cursor)))
        return seen[0], seen[1]

    async def _attempt(
        self, portion: Portion, live: Seen, rows: Seen | None, lack: Callable[[Key], Lack]
    ) -> tuple[Tally, Lacking]:
        """Write captured changes and rows in one transaction; None is the whole chunk.

        Checkpoints go with it unless something lacks another sync's record; that is given back.
        """
        tally = Tally()
        async with self._direction.writes.transaction() as transaction:
            if await transaction.fence(self._direction.live) != self._stream.the_mark().encode():
                raise StaleError("the checkpoint was moved by somebody else")
            changes = self._batch(transaction, Manner.LIVE, lack)
            if live.changes:
                tally.add(await changes.apply(live, flood_of=len(portion.changes.changes)))
            self._at("backfill.changes_applied")
            chunk = self._batch(transaction, Manner.READ, lack)
            if portion.chunk is not None and portion.mapped is not None:
                tally.add(await self._apply(transaction, chunk, portion, rows))
            self._at("backfill.chunk_applied")
            lacking = Lacking(changes.lacking, chunk.lacking)
            if not lacking:
                await transaction.checkpoint(self._direction.live, portion.live.encode())
                await transaction.checkpoint(self._direction.backfill, portion.mark.encode())
            self._at("backfill.written")
        return tally, lacking

    async def _apply(self, transaction: Transaction, batch: Batch, portion: Portion, rows: Seen | None) -> Tally:
        """The chunk, the fast way where that is possible, or the rows that are left of it."""
        chunk, mapped = portion.chunk, portion.mapped
        assert chunk is not None  # noqa: S101 - there is a chunk to be applied
        assert mapped is not None  # noqa: S101
        loaded = Tally()
        if rows is None:
            carefully: Sequence[int] = range(len(chunk))
            if portion.load is not None and await transaction.load(portion.load):
                loaded.counts["applied"] += len(mapped)
                carefully = [index for index, _ in mapped.refused]
            rows = Seen([_as_change(chunk, index) for index in carefully], portion.counters, portion.found)
        if rows.changes:
            few = len(rows.changes) * 5 <= len(chunk)
            flood_from = None if few else FLOOD_CHANGES_MIN
            loaded.add(await batch.apply(rows, flood_from=flood_from, flood_of=len(chunk)))
        return loaded

    def _load(self, chunk: Chunk, mapped: MappedChunk) -> Load:
        hashes, keys = chunk.hashes, [chunk.values[column] for column in chunk.key_columns]
        if mapped.kept is not None:
            hashes = [hashes[index] for index in mapped.kept]
            keys = [[values[index] for index in mapped.kept] for values in keys]
        return Load(mapped.columns, mapped.values, keys, hashes, self._direction.mapper.version)

    def _batch(self, transaction: Transaction, manner: Manner, lack: Callable[[Key], Lack]) -> Batch:
        return Batch(
            self._direction,
            transaction,
            manner=manner,
            now=self._stream.surroundings.clock(),
            may_be_held=self._stream.held_estimate > 0,
            lack=lack,
        )


def _as_change(chunk: Chunk, index: int) -> Change:
    stored = chunk.stored(index)
    return Change(stored.key, 0, stored)
