"""One sync from its first row to live, for as long as it is to run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

import structlog

from legacy_adapters.change import Quarantined
from legacy_adapters.engine.backfill import Backfill
from legacy_adapters.engine.batch import PASSING
from legacy_adapters.engine.family import LACKING
from legacy_adapters.engine.model import SyncModel
from legacy_adapters.engine.phases import STILL, Event, Phase, next_phase
from legacy_adapters.engine.status import Progress, SyncStatus
from legacy_adapters.engine.stream import Stream, Surroundings
from legacy_adapters.engine.tally import Tally
from legacy_adapters.engine.throttle import Throttle
from legacy_adapters.errors import FloodError, StaleError, StoreUnavailableError, SyncError, trace_of

#: Between two looks at the capture while changes come, and at most while none do: what a quiet sync adds to a store is
#: five small queries a second, and what it adds to the lag of the first change is at most this. A capture that polls
#: asks once in its interval (`Capabilities.look_every_s`).
POLL_MIN_S: Final = 0.005
POLL_MAX_S: Final = 0.2
POLL_GROWTH: Final = 1.5
#: How long one direction copies before the other one has its turn.
SLICE_S: Final = 1.0
#: Between two attempts to reach a store that is away.
AWAY_MIN_S: Final = 0.1
AWAY_MAX_S: Final = 30.0
#: Between two looks whether the cause of a flood is gone.
FLOOD_AGAIN_S: Final = 60.0
#: Between two looks at quarantine that may pass by itself, and how much of it is looked at.
HELD_EVERY_S: Final = 0.5
HELD_ROWS: Final = 200
#: Between two counts of what is in quarantine, for the status alone.
COUNT_EVERY_S: Final = 2.0
#: After the first attempt half a second, then twice as long each time, up to:
HELD_WAIT_MAX_S: Final = 60.0
#: Between two clearings of the capture, and how many events each forgets at most.
PRUNE_EVERY_S: Final = 2.0
PRUNE_ROWS: Final = 20_000

log = structlog.get_logger()


async def _at_once() -> None:
    """For syncs that have no parents."""


class SyncRunner:
    """Runs one sync. `run` ends by cancellation alone, at any await, with nothing lost."""

    def __init__(
        self,
        model: SyncModel,
        surroundings: Surroundings,
        *,
        parents_copied: Callable[[], Awaitable[None]] = _at_once,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.model = model
        self.copied = asyncio.Event()
        self.phase = Phase.NEW
        self._since = surroundings.clock()
        self._clock = surroundings.clock
        self._parents_copied = parents_copied
        self._sleep = sleep
        self._streams = [Stream(direction, model.settings, surroundings) for direction in model.directions()]
        self._progress = [Progress(clock=surroundings.clock) for _ in self._streams]
        self._error = ""
        self._stalled = False
        self._moved_at = time.monotonic()
        self._again = asyncio.Event()
        self._away_s = AWAY_MIN_S
        self._family = surroundings.family
        self._held_at = self._pruned_at = self._counted_at = 0.0
        self._held_after = [0] * len(self._streams)

    @property
    def streams(self) -> Sequence[Stream]:
        """Its directions at work."""
        return self._streams

    async def run(self) -> None:
        """Copy, then follow, until cancelled. What goes wrong is waited for or stops it: see `phases`."""
        while True:
            try:
                await self._work()
            except StaleError as error:
                log.warning("sync.checkpoint.moved", sync=self.model.name, error=str(error))
                await self._sleep(POLL_MAX_S)
            except StoreUnavailableError as error:
                await self._wait(error)
            except FloodError as error:
                await self._pause(error)
            except SyncError as error:
                await self._stop(str(error), type(error).__name__)
            except Exception as error:  # noqa: BLE001 - whatever it is, other syncs go on
                kind = type(error).__name__
                log.error("sync.engine.failed", sync=self.model.name, kind=kind, trace=trace_of(error))  # noqa: TRY400
                await self._stop(f"an error that nobody expected, {kind}: see sync.engine.failed in the log", kind)

    def resume(self) -> None:
        """Go on at once with what is paused, stopped or waiting."""
        self._again.set()

    def status(self) -> SyncStatus:
        """What it is doing."""
        return SyncStatus(
            name=self.model.name,
            phase=self.phase,
            since=self._since,
            stalled=self._stalled,
            error=self._error,
            directions=tuple(
                progress.status(stream.direction.name, len(stream.held_back))
                for stream, progress in zip(self._streams, self._progress, strict=True)
            ),
        )

    def watch(self) -> None:
        """Raise or end the alarm of a stalled sync; to be called every second or so, by somebody who does not hang."""
        silent_s = time.monotonic() - self._moved_at
        lag_s = max([silent_s, *(progress.lag_s for progress in self._progress)])
        stalled = lag_s > self.model.settings.lag_alarm_s
        if stalled != self._stalled:
            self._stalled = stalled
            event = "sync.stream.stalled" if stalled else "sync.stream.recovered"
            (log.error if stalled else log.info)(event, sync=self.model.name, lag_s=round(lag_s, 3), phase=self.phase)

    # -- work

    async def _work(self) -> None:
        for stream in self._streams:
            if not await stream.load():
                await stream.begin()
        self._moved()
        await self._copy()
        self._move(Event.COPIED)
        self.copied.set()
        await self._follow()

    async def _copy(self) -> None:
        """Copy every direction that has not been, in order."""
        for stream, progress in zip(self._streams, self._progress, strict=True):
            backfill = Backfill(stream, Throttle(self.model.settings.rate_max, stream.direction.writes.pressure))
            progress.copied = await backfill.load()
            progress.rows_done = backfill.mark.rows
            if progress.copied:
                continue
            await self._parents_copied()
            progress.rows_total = await backfill.count()
            self._move(Event.COPYING)
            while not progress.copied:
                before = backfill.mark.rows
                progress.copied = await backfill.run(SLICE_S)
                progress.rows_done = backfill.mark.rows
                progress.note(backfill.mark.rows - before, backfill.tally, None)
                backfill.tally = Tally()
                self._moved()
                await self._step_others(stream)
                await self._tend()
            log.info(
                "sync.backfill.completed",
                sync=self.model.name,
                direction=stream.direction.name,
                rows=backfill.mark.rows,
            )

    async def _follow(self) -> None:
        """Apply what is captured, forever."""
        pause_s = POLL_MIN_S
        while True:
            changes, more = await self._step_others(None)
            await self._tend()
            if more:
                continue
            pause_s = POLL_MIN_S if changes else min(POLL_MAX_S, pause_s * POLL_GROWTH)
            await self._nap(pause_s)

    async def _nap(self, pause_s: float) -> None:
        """Sleep, unless another sync waits for this one, or has brought what this one waits for."""
        bell = self._family.bell(self.model.name)
        await self._first(self._sleep(pause_s), bell.wait())
        bell.clear()

    async def _step_others(self, copying: Stream | None) -> tuple[int, bool]:
        """One step of each direction but the one that copies: how many changes there were, whether more wait."""
        changes, more = 0, False
        for stream, progress in zip(self._streams, self._progress, strict=True):
            if stream is copying:
                continue
            step = await stream.step()
            progress.note(step.changes, step.tally, step.oldest_at)
            changes += step.changes
            more = more or step.more
            self._report(stream, step.tally)
        self._moved()
        return changes, more

    def _report(self, stream: Stream, tally: Tally) -> None:
        if tally.counts["conflict"] or tally.counts["settled"] or tally.reasons:
            log.warning(
                "sync.batch.quarantined" if tally.reasons else "sync.conflict.settled",
                sync=self.model.name,
                direction=stream.direction.name,
                settled=tally.counts["settled"],
                reasons=dict(tally.reasons),
            )

    def _moved(self) -> None:
        self._moved_at = time.monotonic()
        self._away_s = AWAY_MIN_S
        self._error = ""

    # -- what is due now and then

    async def _tend(self) -> None:
        now = time.monotonic()
        if now - self._held_at >= HELD_EVERY_S:
            self._held_at = now
            for number, stream in enumerate(self._streams):
                if stream.held_estimate:
                    await self._retry_held(number, stream)
        if now - self._counted_at >= COUNT_EVERY_S:
            self._counted_at = now
            for stream, progress in zip(self._streams, self._progress, strict=True):
                progress.held = await stream.direction.writes.quarantine_counts() if stream.held_estimate else {}
                self._note_duplicates(stream, progress, await stream.direction.writes.count_duplicates())
        if now - self._pruned_at >= PRUNE_EVERY_S:
            self._pruned_at = now
            for stream in self._streams:
                await stream.direction.reads.prune(stream.the_mark().cursor, PRUNE_ROWS)

    def _note_duplicates(self, stream: Stream, progress: Progress, count: int | None) -> None:
        known, progress.duplicates = progress.duplicates, count
        if count and count > (known or 0):
            log.warning(
                "sync.duplicates.flagged",
                sync=self.model.name,
                direction=stream.direction.name,
                flagged=count,
                before=known,
            )

    async def _retry_held(self, number: int, stream: Stream) -> None:
        """Look again at quarantine whose reason may be gone: a parent has come, a conflict ended by itself."""
        after = self._held_after[number]
        rows = await stream.direction.writes.quarantine(resolved=False, after=after, limit=HELD_ROWS)
        self._held_after[number] = rows[-1][0] if len(rows) == HELD_ROWS else 0
        now = self._clock()
        due = [held for _, held in rows if _is_due(held, now)]
        if due:
            tally = await stream.read_again(due)
            self._progress[number].count(tally)
        if not rows and not after:
            stream.held_estimate = 0

    # -- what goes wrong

    def _move(self, event: Event) -> None:
        phase = next_phase(self.phase, event)
        if phase is not self.phase:
            log.info("sync.phase.changed", sync=self.model.name, phase=phase, before=self.phase)
            self.phase, self._since = phase, self._clock()
            self._family.stands(self.model.name, still=phase in STILL, away=phase is Phase.WAITING)

    async def _wait(self, error: StoreUnavailableError) -> None:
        self._error = str(error)
        self._move(Event.AWAY)
        log.warning("sync.store.away", sync=self.model.name, error=str(error), again_s=self._away_s)
        await self._until_again(self._away_s)
        self._away_s = min(AWAY_MAX_S, 2 * self._away_s)

    async def _pause(self, error: FloodError) -> None:
        self._error = str(error)
        self._move(Event.FLOODED)
        log.error(
            "sync.quarantine.flooded", sync=self.model.name, reason=error.reason, refused=error.refused, of=error.total
        )
        kin = self._family.come_at_last(self.model.name) if error.reason in LACKING else None
        await self._until_again(FLOOD_AGAIN_S, kin)

    async def _stop(self, error: str, kind: str) -> None:
        self._error = error
        self._move(Event.BROKEN)
        log.error("sync.stream.stopped", sync=self.model.name, error=error, kind=kind)
        await self._until_again(None)

    async def _until_again(self, timeout_s: float | None, cause_gone: Coroutine[Any, Any, None] | None = None) -> None:
        self._again.clear()
        sleeping = None if timeout_s is None else self._sleep(timeout_s)
        await self._first(self._again.wait(), sleeping, cause_gone)
        self._move(Event.AGAIN)

    @staticmethod
    async def _first(*awaited: Awaitable[object] | None) -> None:
        """Wait for the first of these; the others are cancelled."""
        waiting = [asyncio.ensure_future(one) for one in awaited if one is not None]
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            for one in waiting:
                one.cancel()


def _is_due(held: Quarantined, now: float) -> bool:
    if held.reason not in PASSING and held.reason != "conflict":
        return False
    return now - held.last_at >= min(HELD_WAIT_MAX_S, 0.25 * 2.0 ** min(held.attempts, 10))
