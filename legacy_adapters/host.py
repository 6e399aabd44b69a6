"""Runs the syncs of a configuration for as long as it is told to, whatever the stores do meanwhile.

A store that cannot be reached at the start keeps its own sync waiting, not the others. A sync whose configuration
changes, or which can be opened at last, joins by a new start of the whole set: every sync goes on from its checkpoint,
so a start costs a moment and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from legacy_adapters.engine.operations import Operations
from legacy_adapters.engine.phases import Phase
from legacy_adapters.engine.status import as_data
from legacy_adapters.engine.syncer import Syncer
from legacy_adapters.errors import StoreUnavailableError, SyncError, trace_of
from legacy_adapters.opening import Opened, open_sync, ordered
from routes.config import Sync

#: Between two attempts to open a sync whose store cannot be reached, and at most.
OPEN_AGAIN_MIN_S: Final = 0.5
OPEN_AGAIN_MAX_S: Final = 30.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Closed:
    """A sync that does not run.

    Attributes:
        error: why.
        since: Unix time in seconds.
        again: it is tried again by itself.
    """

    error: str
    since: float
    again: bool


class SyncHost:
    """Opens and runs syncs.

    Args:
        folder: of the configuration file.
        clock: Unix time in seconds.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._wanted: dict[str, Sync] = {}
        self._opened: dict[str, Opened] = {}
        self._closed: dict[str, Closed] = {}
        self._syncer: Syncer | None = None
        self._changed = asyncio.Event()

    def want(self, syncs: Sequence[Sync]) -> None:
        """Run these from now on; those that are as they were go on as they are."""
        self._wanted = {sync.name: sync for sync in syncs}
        self._closed = {name: closed for name, closed in self._closed.items() if closed.again and name in self._wanted}
        self._changed.set()

    def status(self) -> list[dict[str, Any]]:
        """What each sync is doing, as JSON, in the order of the configuration."""
        running = {} if self._syncer is None else {one.name: as_data(one) for one in self._syncer.status()}
        return [running.get(name) or self._idle(name) for name in self._wanted]

    def operations(self, name: str) -> Operations:
        """Work on single keys of a sync that runs.

        Raises:
            SyncError: it does not run.
        """
        if self._syncer is None or name not in self._syncer.runners:
            raise SyncError(f"the sync {name} does not run: {self._idle(name)['error'] or 'it is being opened'}")
        return self._syncer.operations(name)

    @property
    def copied(self) -> bool:
        """Whether every sync runs and the first copy of each is done."""
        syncer = self._syncer
        return (
            syncer is not None
            and self._wanted.keys() == syncer.runners.keys()
            and all(runner.copied.is_set() for runner in syncer.runners.values())
        )

    async def run(self) -> None:
        """Run until cancelled; cancellation rolls back what is under way and gives all connections back."""
        try:
            while True:
                self._changed.clear()
                await self._close_changed()
                await self._open_missing()
                await self._run_opened()
        finally:
            self._syncer = None
            for opened in self._opened.values():
                await opened.close()
            self._opened.clear()

    async def _close_changed(self) -> None:
        for name, opened in list(self._opened.items()):
            if self._wanted.get(name) != opened.sync:
                del self._opened[name]
                await opened.close()
                log.info("sync.store.closed", sync=name)

    async def _open_missing(self) -> bool:
        """Open what is wanted and not open; whether anything was."""
        moved = False
        for name, sync in self._wanted.items():
            closed = self._closed.get(name)
            if name in self._opened or (closed is not None and not closed.again):
                continue
            try:
                self._opened[name] = await self._open(sync)
            except StoreUnavailableError as error:
                self._note(name, error, again=True)
            except SyncError as error:
                self._note(name, error, again=False)
            except Exception as error:  # noqa: BLE001 - one sync that nobody foresaw must not stop the others
                kind = type(error).__name__
                log.error("sync.engine.failed", sync=name, kind=kind, trace=trace_of(error))  # noqa: TRY400
                self._note(name, SyncError(f"it cannot be opened: {kind}, see the log"), again=False)
            else:
                moved = True
                self._closed.pop(name, None)
        return moved

    async def _open(self, sync: Sync) -> Opened:
        opened = await open_sync(sync, self._folder)
        try:
            await opened.prepare()
        except BaseException:
            await opened.close()
            raise
        return opened

    def _note(self, name: str, error: SyncError, *, again: bool) -> None:
        before = self._closed.get(name)
        if before is None or before.error != str(error):
            log.error("sync.open.failed", sync=name, error=str(error), kind=type(error).__name__, again=again)
            self._closed[name] = Closed(str(error), self._clock(), again)

    async def _run_opened(self) -> None:
        """Run what is open until the configuration changes, or another sync could be opened."""
        changed = asyncio.create_task(self._until_changed())
        tasks: set[asyncio.Task[None]] = {changed}
        if self._opened:
            self._syncer = Syncer(ordered(list(self._opened.values())))
            tasks.add(asyncio.create_task(self._syncer.run()))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _until_changed(self) -> None:
        """Return when there is another set to run; stores that are away are tried again meanwhile."""
        delay_s = OPEN_AGAIN_MIN_S
        while not self._changed.is_set():
            retry = any(closed.again for closed in self._closed.values())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay_s if retry else None):
                    await self._changed.wait()
                    return
            if await self._open_missing():
                return
            delay_s = min(OPEN_AGAIN_MAX_S, 2 * delay_s)

    def _idle(self, name: str) -> dict[str, Any]:
        closed = self._closed.get(name)
        return {
            "name": name,
            "phase": Phase.NEW if closed is None else Phase.WAITING if closed.again else Phase.STOPPED,
            "since": self._clock() if closed is None else closed.since,
            "stalled": closed is not None,
            "error": "" if closed is None else closed.error,
            "directions": [],
        }
