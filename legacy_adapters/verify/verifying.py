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
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from legacy_adapters.connector import Listed
from legacy_adapters.engine.decision import OWED
from legacy_adapters.engine.model import Direction
from legacy_adapters.engine.stream import Finder, NoFinder
from legacy_adapters.record import Chunk, Key
from legacy_adapters.verify.bisect import MISMATCHES_MAX, Comparison, Progress
from legacy_adapters.verify.finding import Fault, Finding, Standpoint
from legacy_adapters.verify.looking import Looks
from legacy_adapters.verify.remapping import Remapping

#: Keys that are looked at again at a time.
LOOK_KEYS_MAX: Final = 500
#: Looks at a key that is still on its way, and the pause between two: a stream that is alive needs one or two.
LOOKS_MAX: Final = 30
LOOK_PAUSE_S: Final = 1.0
#: Rows that are mapped again at a time, and places of the table that a sample is taken from.
CHUNK_ROWS: Final = 2_000
SAMPLE_PLACES: Final = 50

Looking = Callable[[Sequence[Key]], Awaitable[dict[Key, Standpoint]]]


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
        self._remapping = Remapping(direction, counter, finder or NoFinder())
        self._looks = Looks(direction, counter, self._remapping)
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
        async for key, standing in self._settle(suspects, self._looks.at_sources):
            yield Finding(standing.fault, key, standing.other_key)

    async def _verify_target(self) -> AsyncIterator[Finding]:
        async with self._direction.writes.audit() as view:
            comparison = Comparison(view, view, Listed.LEDGER_TARGET, on_progress=self._tell("target"))
            suspects = [mismatch.key async for mismatch in comparison.run() if mismatch.expected != OWED]
        self.target_rows = comparison.rows_compared
        self.incomplete = self.incomplete or comparison.incomplete
        async for key, standing in self._settle(suspects, self._looks.at_targets):
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
        async for key, standing in self._settle(suspects, self._looks.at_mapping):
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
        columns = await self._remapping.columns_differing(stored)
        return [key for key, differing in columns.items() if differing]

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


def _in_batches(keys: Sequence[Key], size: int) -> Iterator[Sequence[Key]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
