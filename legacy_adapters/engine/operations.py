"""What is done to single keys outside the stream: quarantine tried again, dropped, settled; keys repaired.

Each works like a chunk: states are read and applied in the normal way. It may be done beside a running syncer, from
another process: the fences of both directions are held while the source is read, so that nothing is applied in between,
and their turns are moved, so that what the runner has read before is read again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from legacy_adapters.change import Change, Entry, Quarantined
from legacy_adapters.connector import Transaction
from legacy_adapters.engine.batch import Batch
from legacy_adapters.engine.checkpoint import BackfillMark, LiveMark
from legacy_adapters.engine.decision import Manner
from legacy_adapters.engine.item import Seen
from legacy_adapters.engine.model import Direction
from legacy_adapters.engine.stream import Stream
from legacy_adapters.engine.tally import Tally
from legacy_adapters.errors import StaleError, SyncError
from legacy_adapters.record import Key, Side


class Operations:
    """Work on the keys of one sync.

    Args:
        streams: of its directions; they need not have been loaded.
    """

    def __init__(self, streams: Sequence[Stream]) -> None:
        self._streams = {stream.direction.name: stream for stream in streams}

    async def retry(self, direction: str, source_keys: Sequence[Key], *, by: str) -> Tally:
        """Try these keys again with their newest state."""
        return await self._applied(self._stream(direction), source_keys, Manner.READ, by)

    async def repair(self, direction: str, source_keys: Sequence[Key], *, by: str) -> Tally:
        """Make the target have the source's state of these keys, whatever it has now."""
        return await self._applied(self._stream(direction), source_keys, Manner.FORCED, by)

    async def take(self, winner: Side, legacy_or_new_key: Key, *, by: str) -> Tally:
        """Settle a conflict: the state of `winner`, whose key this is, goes to the other side.

        Both directions may have it in quarantine, each in the store that it writes: two stores, of which one commits
        first. That is the one that is written. What a kill leaves between the two is a record in step whose conflict
        is still open on the other way; taking it again closes it, and so does a running sync, which finds it in step.
        """
        stream = self._stream(f"to_{winner.other}")
        counter = self._counter(stream)
        async with AsyncExitStack() as stack:
            other = None if counter is None else await self._stand_still(stack, counter.direction)
            async with AsyncExitStack() as own:
                transaction = await self._stand_still(own, stream.direction)
                tally = await self._apply(stream, transaction, [legacy_or_new_key], Manner.FORCED, by)
                line = (await transaction.entries([legacy_or_new_key])).get(legacy_or_new_key)
                stream.surroundings.at("take.applied")
            stream.surroundings.at("take.committed")
            if other is not None and line is not None and not tally.reasons:
                now = stream.surroundings.clock()
                await other.release([line.target_key], by=by, resolution="retried", at=now)
        return tally

    async def copy_again(self, direction: str) -> None:
        """Begin this direction anew: capture from now on, and copy all rows again.

        For what a changed mapping or an interrupted capture left behind. A running sync sees it at its next write,
        within `SAVE_EVERY_S`. Rows that are in step are not written; what was deleted while nothing was captured is
        found by verification alone.
        """
        one = self._stream(direction).direction
        async with one.writes.transaction() as transaction:
            await transaction.checkpoint(one.live, LiveMark.anew(await transaction.fence(one.live)))
            await transaction.checkpoint(one.backfill, BackfillMark().encode())

    async def drop(self, direction: str, source_keys: Sequence[Key], *, by: str) -> int:
        """Give these changes up: both sides stay as they are, and count as being in step; how many there were."""
        stream = self._stream(direction)
        async with self._alone(stream) as transaction:
            held = await transaction.held(source_keys)
            keys = list(held)
            seen = await self._see(stream, keys, held)
            entries = await transaction.entries(keys)
            lines = [
                line for change in seen.changes if (line := _as_it_is(change, held, entries, seen, stream)) is not None
            ]
            if lines:
                await transaction.record(lines)
            await transaction.release(keys, by=by, resolution="dropped", at=stream.surroundings.clock())
        return len(keys)

    # -- within

    def _stream(self, direction: str) -> Stream:
        if direction not in self._streams:
            raise SyncError(f"this sync has no direction {direction}; it has {', '.join(self._streams)}")
        return self._streams[direction]

    def _counter(self, stream: Stream) -> Stream | None:
        return next((other for other in self._streams.values() if other is not stream), None)

    async def _applied(self, stream: Stream, keys: Sequence[Key], manner: Manner, by: str) -> Tally:
        async with self._alone(stream) as transaction:
            return await self._apply(stream, transaction, keys, manner, by)

    async def _apply(
        self, stream: Stream, transaction: Transaction, keys: Sequence[Key], manner: Manner, by: str
    ) -> Tally:
        held = await transaction.held(keys)
        seen = await self._see(stream, keys, held)
        batch = Batch(stream.direction, transaction, manner=manner, now=stream.surroundings.clock(), by=by)
        return await batch.apply(seen, flood_from=None)

    @staticmethod
    async def _see(stream: Stream, keys: Sequence[Key], held: Mapping[Key, Quarantined]) -> Seen:
        async with stream.direction.reads.snapshot() as snapshot:
            rows = await snapshot.rows(keys)
            counters = await snapshot.entries_by_target(keys) if stream.direction.counter is not None else {}
            found = await stream.found([stored.row for stored in rows.values()])
        positions = {key: one.position for key, one in held.items()}
        return Seen([Change(key, positions.get(key, 0), rows.get(key)) for key in keys], counters, found)

    @asynccontextmanager
    async def _alone(self, stream: Stream) -> AsyncIterator[Transaction]:
        """A transaction in the store that is written, with both directions standing still until it ends."""
        counter = self._counter(stream)
        async with AsyncExitStack() as stack:
            if counter is not None:
                await self._stand_still(stack, counter.direction)
            yield await self._stand_still(stack, stream.direction)

    @staticmethod
    async def _stand_still(stack: AsyncExitStack, direction: Direction) -> Transaction:
        transaction = await stack.enter_async_context(direction.writes.transaction())
        mark = LiveMark.decode(await transaction.fence(direction.live))
        if mark is None:
            raise StaleError("the sync was never begun: run it first")
        await transaction.checkpoint(direction.live, mark.next_turn().encode())
        return transaction


def _as_it_is(
    change: Change, held: Mapping[Key, Quarantined], entries: Mapping[Key, Entry], seen: Seen, stream: Stream
) -> Entry | None:
    """A line which says that both sides are in step as they are; None where nobody knows the target's key."""
    entry, counter = entries.get(change.key), seen.counters.get(change.key)
    target_key = held[change.key].target_key or (entry.target_key if entry is not None else None)
    if target_key is None:
        return None
    generation = 1 + max((line.generation for line in (entry, counter) if line is not None), default=0)
    line = Entry(change.key, target_key, change.position, None, None, stream.direction.mapper.version)
    source_hash = None if change.stored is None else change.stored.hash
    return replace(line, source_hash=source_hash, tombstone=change.stored is None, generation=generation)
