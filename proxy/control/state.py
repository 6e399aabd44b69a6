"""What control knows of the running proxy: the last words of the supervisor and of every worker."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from proxy.channel import Frame
from proxy.control.comparer_totals import ComparerTotals
from proxy.control.rates import Window
from proxy.control.reload import Reloader
from proxy.control.snapshots import Accumulator, Snapshot
from proxy.control.unsent import UnsentLog

#: After its start, control waits so long for a snapshot of each worker before it shows totals without it.
FIRST_SNAPSHOTS_S: Final = 3.0


class ControlState:
    """Fed by frames, read by views; no I/O of its own.

    Attributes:
        workers: as the supervisor described them last.
        comparer: as the supervisor described it last; None where no route was ever mirrored.
        comparers: what it and those before it said of themselves.
        syncer: as the supervisor described it last; None where there never was a sync.
        syncs: what it said last of its syncs.
        draining: the proxy stops.
        totals: counters over all workers.
        window: totals of the last minute.
        unsent: when mirrored requests were shed or lost.
        reloader: the table in force and the reloads.
        hello: what the supervisor said at the start: paths, process ids, bound addresses.
    """

    def __init__(self, hello: Frame, reloader: Reloader, clock: Callable[[], float] = time.monotonic) -> None:
        self.hello = hello
        self.reloader = reloader
        self.draining = False
        self.workers: list[dict[str, Any]] = hello["workers"]
        self.comparer: dict[str, Any] | None = hello.get("comparer")
        self.comparers = ComparerTotals((hello.get("memory") or {}).get("comparers"))
        self.syncer: dict[str, Any] | None = hello.get("syncer")
        self.syncs: list[dict[str, Any]] = []
        self.totals = Accumulator(hello.get("memory"))
        self.window = Window()
        self._clock = clock
        self.unsent = UnsentLog()
        self._started_s = clock()
        self._run_key: str = hello.get("redaction_key") or secrets.token_hex(32)
        self._forget_routes()

    @property
    def redaction_key(self) -> bytes:
        """The key that the comparer redacts with: the configuration's, else the one of this run."""
        return (self.reloader.config.state.redaction_key or self._run_key).encode()

    @property
    def ready_workers(self) -> list[dict[str, Any]]:
        """Workers that serve the table in force."""
        version = self.reloader.version
        return [one for one in self.workers if one["state"] == "ready" and one["version"] >= version]

    @property
    def ready(self) -> bool:
        """Whether clients are served by the table in force."""
        return bool(self.ready_workers) and not self.draining

    @property
    def complete(self) -> bool:
        """Whether every ready process has reported, so that totals do not fall behind those of control's last run."""
        missing = any(one["state"] == "ready" and one["number"] not in self.totals.live for one in self.workers)
        one = self.comparer
        missing |= one is not None and one["state"] == "ready" and not self.comparers.heard(one["incarnation"])
        return not missing or self._clock() - self._started_s > FIRST_SNAPSHOTS_S

    def take_processes(self, frame: Mapping[str, Any]) -> bool:
        """Take a new list of workers, with the companions; True when control's memory changed by that."""
        self.workers, self.comparer, self.syncer = frame["workers"], frame.get("comparer"), frame.get("syncer")
        ended = [(one["number"], _last_ended(one)) for one in self.workers]
        changed = self.comparer is not None and self.comparers.retire(_last_ended(self.comparer))
        return changed | any([self.totals.retire(*one) for one in ended if one[1] > 0])  # noqa: C419 - all of them, not up to the first

    def take_snapshot(self, frame: Mapping[str, Any]) -> bool:
        """Take a worker's counters; True when control's memory changed by that."""
        return self.totals.take(frame["worker"], frame["incarnation"], frame["data"])

    def take_comparer(self, frame: Mapping[str, Any]) -> bool:
        """Take the comparer's figures; True when control's memory changed by that."""
        return self.comparers.take(frame["incarnation"], frame["data"])

    def memory(self) -> dict[str, Any]:
        """What another control process needs to go on from here; JSON-able."""
        return {**self.totals.memory(), "comparers": self.comparers.memory()}

    def take_table(self) -> None:
        """Another table is in force."""
        self._forget_routes()

    def sample(self) -> None:
        """Remember the totals of this moment, for rates and reports."""
        total = self.totals.total()
        self.window.sample(self._clock(), total)
        self.unsent.sample(time.time(), total["mirrors"])

    def now_s(self) -> float:
        """The clock of `window`."""
        return self._clock()

    def total(self) -> Snapshot:
        """Counters over all workers."""
        return self.totals.total()

    def _forget_routes(self) -> None:
        config = self.reloader.config
        routes = {route.name for route in config.routes}
        self.totals.keep_only(routes, set(config.services))
        self.comparers.keep_only(routes)


def _last_ended(process: Mapping[str, Any]) -> int:
    """The number of the last process that has ended: the one before this one, or this one."""
    number: int = process["incarnation"]
    return number if process["state"] == "down" else number - 1
