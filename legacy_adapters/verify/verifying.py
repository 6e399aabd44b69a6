"""One direction of a sync verified: lost changes, rogue writes, wrong mappings, told from what is still on its way.

```
source rows  ── checksums ──  ledger's source hashes      differs: a change was lost
target rows  ── checksums ──  ledger's target hashes      differs: somebody else wrote, past the sync
map(source)  ── by value ───  target rows (a sample)      differs: the mapping, or what was written by it, is wrong
```
What differs at first sight is looked at again in the order of reading that decides (`settling`), as often as it takes
the streams to apply what is pending, within a bound; what is still pending then is counted as unsettled, not as wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from legacy_adapters.change import Entry
from legacy_adapters.connector import Listed
from legacy_adapters.engine.checkpoint import LIVE, LiveMark, stream_name
from legacy_adapters.engine.decision import OWED
from legacy_adapters.engine.model import Direction
from legacy_adapters.engine.stream import Finder, NoFinder
from legacy_adapters.errors import MappingError
from legacy_adapters.record import Chunk, Key, Row, Stored
from legacy_adapters.verify.bisect import MISMATCHES_MAX, Comparison, Progress
from legacy_adapters.verify.settling import captured_since, look

#: Keys that are looked at again at a time.
LOOK_KEYS_MAX: Final = 500
#: Looks at a key that is still on its way, and the pause between two: a stream that is alive needs one or two.
LOOKS_MAX: Final = 30
LOOK_PAUSE_S: Final = 1.0
#: Rows that are mapped again at a time, and places of the table that a sample is taken from.
CHUNK_ROWS: Final = 2_000
SAMPLE_PLACES: Final = 50


class Fault(StrEnum):
    """What is wrong with a record."""

    IN_STEP = "in_step"  # nothing: never reported
    LOST = "lost"  # the source has a state that was never applied
    ROGUE = "rogue"  # the target has a state that the sync did not write
    MAPPING = "mapping"  # the target has not what the mapping makes of the source
    HELD = "held"  # in quarantine: known, waits for a person
    UNSETTLED = "unsettled"  # still on its way after every look: the stream does not get on


@dataclass(frozen=True, slots=True)
class Finding:
    """One record that is not in step.

    Attributes:
        fault: what is wrong.
        source_key: in the source; None where only the target has it.
        target_key: in the target; None where it is not known.
        columns: of the target that differ, for a mapping; empty otherwise.
    """

    fault: Fault
    source_key: Key | None
    target_key: Key | None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is verified.

    Attributes:
        source: hold the source's rows against the ledger.
        target: hold the target's rows against the ledger.
        sample_rows: rows whose mapping is computed again; 0 is none, None is all.
    """

    source: bool = True
    target: bool = True
    sample_rows: int | None = 1_000


class Verification:
    """Verifies one direction; reads only.

    Args:
        direction: what is verified.
        counter: the other direction of the sync, where it goes both ways: what it has not applied yet is on its way.
        plan: how much.
        on_progress: called with the step's name after each range: `source`, `target`, `mapping`; and with `again`
            before suspects are looked at again: `rows` are settled, `waiting` are not.
        finder: answers the mapping's lookups.
        pause_s: between two looks at what is on its way.

    Attributes:
        source_rows: of the source that were held against the ledger.
        target_rows: of the target that were.
        sampled_rows: whose mapping was computed again.
        incomplete: there were too many differences to look for all.
    """

    def __init__(
        self,
        direction: Direction,
        counter: Direction | None = None,
        *,
        plan: Plan | None = None,
        on_progress: Callable[[str, Progress], None] = lambda _step, _progress: None,
        finder: Finder | None = None,
        pause_s: float = LOOK_PAUSE_S,
    ) -> None:
        self._direction = direction
        self._finder = finder or NoFinder()
        self._counter = counter
        self._plan = plan or Plan()
        self._on_progress = on_progress
        self._pause_s = pause_s
        self.source_rows = 0
        self.target_rows = 0
        self.sampled_rows = 0
        self.incomplete = False

    async def run(self) -> AsyncIterator[Finding]:
        """Every finding, as it is made; what is in quarantine once a record. Cancelling it leaves nothing behind.

        Raises:
            CaptureError: the stream is too far behind to tell what is pending.
            StoreUnavailableError: a store went away.
        """
        held: set[Key] = set()
        async for finding in self._steps():
            if finding.fault is not Fault.HELD:
                yield finding
                continue
            key = finding.source_key or finding.target_key
            if key is None or key in held:
                continue
            held.add(key)
            yield finding

    async def _steps(self) -> AsyncIterator[Finding]:
        if self._plan.source:
            async for finding in self._verify_source():
                yield finding
        if self._plan.target:
            async for finding in self._verify_target():
                yield finding
        if self._plan.sample_rows != 0:
            async for finding in self._verify_mapping():
                yield finding

    # -- rows against the ledger

    async def _verify_source(self) -> AsyncIterator[Finding]:
        direction = self._direction
        async with direction.reads.audit() as rows, direction.writes.audit() as ledger:
            comparison = Comparison(rows, ledger, Listed.LEDGER_SOURCE, on_progress=self._tell("source"))
            suspects = [mismatch.key async for mismatch in comparison.run()]
        self.source_rows = comparison.rows_compared
        self.incomplete = self.incomplete or comparison.incomplete
        async for key, standing in self._settle(suspects, self._look_at_sources):
            yield Finding(standing.fault, key, standing.other_key)

    async def _verify_target(self) -> AsyncIterator[Finding]:
        async with self._direction.writes.audit() as view:
            comparison = Comparison(view, view, Listed.LEDGER_TARGET, on_progress=self._tell("target"))
            suspects = [mismatch.key async for mismatch in comparison.run() if mismatch.expected != OWED]
        self.target_rows = comparison.rows_compared
        self.incomplete = self.incomplete or comparison.incomplete
        async for key, standing in self._settle(suspects, self._look_at_targets):
            yield Finding(standing.fault, standing.other_key, key)

    def _tell(self, step: str) -> Callable[[Progress], None]:
        return lambda progress: self._on_progress(step, progress)

    # -- the mapping

    async def _verify_mapping(self) -> AsyncIterator[Finding]:
        suspects: list[Key] = []
        async for chunk in self._sampled():
            found = await self._differing(chunk)
            suspects += found
            self.sampled_rows += len(chunk)
            self._on_progress("mapping", Progress(self.sampled_rows, 0))
            if len(suspects) > MISMATCHES_MAX:
                self.incomplete = True
                break
        async for key, standing in self._settle(suspects, self._look_at_mapping):
            yield Finding(standing.fault, key, standing.other_key, standing.columns)

    async def _sampled(self) -> AsyncIterator[Chunk]:
        """Runs of rows from all over the table, or all rows; every chunk from a snapshot of its own."""
        sample, reads = self._plan.sample_rows, self._direction.reads
        if sample is not None and sample <= CHUNK_ROWS:
            async with reads.snapshot() as snapshot:
                whole = await snapshot.chunk(None, sample + 1)
            if len(whole) <= sample:  # runs from all over so small a table would overlap
                if len(whole):
                    yield whole
                return
        starts: list[Key | None] = [None]
        size = CHUNK_ROWS
        if sample is not None:
            size = max(1, min(CHUNK_ROWS, -(-sample // SAMPLE_PLACES)))
            async with reads.audit() as view:
                starts += await view.bounds(Listed.ROWS, None, None, -(-sample // size))
        for start in starts:
            after = start
            while True:
                async with reads.snapshot() as snapshot:
                    chunk = await snapshot.chunk(after, size)
                if len(chunk):
                    yield chunk
                if sample is not None or not len(chunk):
                    break
                after = chunk.key(-1)

    async def _differing(self, chunk: Chunk) -> list[Key]:
        """Source keys of a chunk whose target row is not what the mapping makes of them."""
        stored = {chunk.key(index): chunk.stored(index) for index in range(len(chunk))}
        columns = await self._columns_differing(stored)
        return [key for key, differing in columns.items() if differing]

    async def _columns_differing(self, stored: Mapping[Key, Stored]) -> dict[Key, tuple[str, ...]]:
        """For each source key the target's columns that differ; all mapped ones where the target has no row."""
        direction, mapper = self._direction, self._direction.mapper
        found = await self._finder.find(direction, [one.row for one in stored.values()]) if mapper.lookups else {}
        mapped: dict[Key, Row] = {}
        for key, one in stored.items():
            with contextlib.suppress(MappingError):  # cannot be written at all: quarantine knows it
                mapped[key] = mapper.row(one.row, found)
        targets = {key: mapper.target_key(row) for key, row in mapped.items()}
        async with direction.writes.snapshot() as snapshot:
            there = await snapshot.rows(list(targets.values()))
        differing = {
            key: mapper.differing(row, there[targets[key]].row) if targets[key] in there else tuple(row)
            for key, row in mapped.items()
        }
        return {
            key: () if columns and self._came_back(stored[key], there.get(targets[key])) else columns
            for key, columns in differing.items()
        }

    def _came_back(self, source: Stored, target: Stored | None) -> bool:
        """Whether the source is what the other direction makes of the target: in step, by a mapping that loses."""
        if self._counter is None or target is None or self._counter.mapper.lookups:
            return False
        mapper = self._counter.mapper
        with contextlib.suppress(MappingError):
            return not mapper.differing(mapper.row(target.row, {}), source.row)
        return False

    # -- looking again

    async def _settle(self, keys: Sequence[Key], look_at: Looking) -> AsyncIterator[tuple[Key, Standpoint]]:
        """Look at suspects until each is in step, or is seen twice to be at fault with nothing on its way."""
        seen: dict[Key, Standpoint] = {}
        waiting = list(keys)
        for turn in range(LOOKS_MAX):
            if not waiting:
                return
            if turn:
                self._on_progress("again", Progress(len(keys) - len(waiting), len(waiting)))
                await asyncio.sleep(self._pause_s)
            again: list[Key] = []
            for some in _in_batches(waiting, LOOK_KEYS_MAX):
                for key, standpoint in (await look_at(some)).items():
                    if standpoint.fault is Fault.IN_STEP:
                        continue
                    if standpoint.fault is Fault.UNSETTLED or seen.get(key) != standpoint:
                        again.append(key)
                        seen[key] = standpoint
                    else:
                        yield key, standpoint
            waiting = again
        for key in waiting:
            yield key, Standpoint(Fault.UNSETTLED)

    async def _look_at_sources(self, keys: Sequence[Key]) -> dict[Key, Standpoint]:
        standing = await look(self._direction, keys)
        result: dict[Key, Standpoint] = {}
        for key in keys:
            if key in standing.held:
                result[key] = Standpoint(Fault.HELD)
            elif key in standing.pending:
                result[key] = Standpoint(Fault.UNSETTLED)
            elif standing.differs(key):
                row = standing.rows.get(key)
                result[key] = Standpoint(Fault.LOST, (None if row is None else row.hash, standing.expected.get(key)))
            else:
                result[key] = Standpoint(Fault.IN_STEP)
        return result

    async def _look_at_targets(self, keys: Sequence[Key]) -> dict[Key, Standpoint]:
        pending = await self._pending_in_target()
        async with self._direction.writes.transaction() as transaction:
            entries = await transaction.entries_by_target(keys)
            rows = await transaction.rows(keys)
        sources = {key: source for key in keys if (source := self._source_key(key, entries.get(key))) is not None}
        standing = await look(self._direction, list(sources.values()))
        held_here = await self._held_in_target(keys)
        result: dict[Key, Standpoint] = {}
        for key in keys:
            entry, row, source = entries.get(key), rows.get(key), sources.get(key)
            expected = None if entry is None else entry.target_hash
            found = None if row is None else row.hash
            if found == expected:
                result[key] = Standpoint(Fault.IN_STEP)
            elif source in standing.held or key in held_here:
                result[key] = Standpoint(Fault.HELD, other_key=source)
            elif expected == OWED or key in pending or source in standing.pending:
                result[key] = Standpoint(Fault.UNSETTLED)
            else:
                known = None if entry is None else entry.source_key
                result[key] = Standpoint(Fault.ROGUE, (found, expected), known)
        return result

    def _source_key(self, key: Key, entry: Entry | None) -> Key | None:
        """The source's key for a target key: by the ledger, else by the mapping back, since it may be on its way."""
        if entry is not None:
            return entry.source_key
        if self._counter is not None:
            with contextlib.suppress(MappingError):
                return self._counter.mapper.key(key, {})
        return None

    async def _pending_in_target(self) -> frozenset[Key]:
        """Target keys with changes of their own that are still to be carried back."""
        if self._counter is None:
            return frozenset()
        stream = stream_name(self._counter.sync, self._counter.name, LIVE)
        mark = LiveMark.decode(await self._counter.writes.read_checkpoint(stream))
        return await captured_since(self._counter.reads, None if mark is None else mark.cursor)

    async def _held_in_target(self, keys: Sequence[Key]) -> frozenset[Key]:
        """Those target keys whose own change waits in the other direction's quarantine: a person decides."""
        if self._counter is None:
            return frozenset()
        async with self._counter.writes.transaction() as transaction:
            return frozenset(await transaction.held(keys))

    async def _look_at_mapping(self, keys: Sequence[Key]) -> dict[Key, Standpoint]:
        pending = await self._pending_in_target()
        standing = await look(self._direction, keys)
        columns = await self._columns_differing(standing.rows)
        targets = self._target_keys(keys)
        held_here = await self._held_in_target(list(targets.values()))
        result: dict[Key, Standpoint] = {}
        for key in keys:
            differing, target = columns.get(key, ()), targets.get(key)
            if target in pending:
                result[key] = Standpoint(Fault.UNSETTLED)
            elif not differing:
                result[key] = Standpoint(Fault.IN_STEP)
            elif key in standing.held or target in held_here:
                result[key] = Standpoint(Fault.HELD, other_key=target)
            elif key in standing.pending:
                result[key] = Standpoint(Fault.UNSETTLED)
            else:
                result[key] = Standpoint(Fault.MAPPING, (standing.rows[key].hash, None), columns=differing)
        return result

    def _target_keys(self, keys: Sequence[Key]) -> dict[Key, Key]:
        """Where the mapping can tell it from the key alone, the key in the target."""
        targets: dict[Key, Key] = {}
        for key in keys:
            with contextlib.suppress(MappingError):
                targets[key] = self._direction.mapper.key(key, {})
        return targets


@dataclass(frozen=True, slots=True)
class Standpoint:
    """What one look said of one key: its fault, if any, and the evidence, to be seen twice.

    Attributes:
        fault: what is wrong.
        evidence: the hashes found and expected.
        other_key: of the same record on the other side, where it is known.
        columns: that differ, for a mapping.
    """

    fault: Fault
    evidence: tuple[int | None, int | None] = (None, None)
    other_key: Key | None = None
    columns: tuple[str, ...] = ()


Looking = Callable[[Sequence[Key]], Awaitable[dict[Key, Standpoint]]]


def _in_batches(keys: Sequence[Key], size: int) -> Iterator[Sequence[Key]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
