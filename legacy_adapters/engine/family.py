"""Syncs whose records need each other's: what each of them tells the others.

Each sync follows its own capture, so children may be read before their parents are written, and parents may go before
the children that refer to them. What becomes of such rows is in `heldback`; here is what it goes by: how far each
direction of each sync has come. Nothing here waits.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

#: Why a row is refused that lacks another sync's record, or its going.
LACKING: Final = frozenset({"foreign_key", "lookup"})
#: Seconds for which a sync that has set such rows aside is thought to bring them yet.
SET_ASIDE_S: Final = 60.0

#: One direction of one sync.
Way = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Wait:
    """What a sync that is paused waits for.

    Attributes:
        direction: of all that are concerned.
        kin: names of the syncs.
        since: monotonic time: they must have looked later, and applied what they saw.
    """

    direction: str
    kin: frozenset[str]
    since: float


class Family:
    """All syncs of a process.

    Args:
        parents: of each sync, the syncs whose records its records need; itself may be among them.
        ways: of each sync, its directions.
        clock: monotonic time in seconds.
    """

    def __init__(
        self,
        parents: Mapping[str, Collection[str]] | None = None,
        ways: Collection[Way] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parents = {name: frozenset(own) for name, own in (parents or {}).items()}
        self._ways = frozenset(ways)
        self.clock = clock
        #: Monotonic time of the latest look of which everything was applied, or set aside.
        self._applied: dict[Way, float] = {}
        self._written: Counter[Way] = Counter()
        self._written_at: dict[Way, float] = {}
        self._aside_at: dict[Way, float] = {}
        self._awaited: dict[Way, frozenset[str]] = {}
        self._late: dict[str, Wait] = {}
        #: Paused or stopped; gone on waiting for a store.
        self._still: set[str] = set()
        self._away: set[str] = set()
        self._bells: dict[str, asyncio.Event] = {}

    def kin(self, sync: str, direction: str, *, parents: bool, children: bool) -> frozenset[str]:
        """Parents, children or both of a sync, in so far as they are synced in that direction; never itself."""
        found = set(self._parents.get(sync, ())) if parents else set()
        if children:
            found |= {name for name, own in self._parents.items() if sync in own}
        return frozenset(name for name in found if name != sync and (name, direction) in self._ways)

    def own_parent(self, sync: str) -> bool:
        """Whether records of this sync need others of it."""
        return sync in self._parents.get(sync, ())

    def bell(self, sync: str) -> asyncio.Event:
        """Rings where somebody waits for this sync, or what it waits for has got on; whoever hears it clears it."""
        return self._bells.setdefault(sync, asyncio.Event())

    # -- what each sync tells

    def wrote(self, way: Way) -> None:
        """It has committed rows."""
        self._written[way] += 1
        self._written_at[way] = self.clock()
        self._ring(way)

    def applied(self, way: Way, looked_at: float) -> None:
        """Everything that a look at `looked_at` would have found is applied, or set aside."""
        self._applied[way] = looked_at
        self._ring(way)

    def set_aside(self, way: Way) -> None:
        """It has put rows into quarantine that lack another sync's record."""
        self._aside_at[way] = self.clock()

    def stands(self, sync: str, *, still: bool, away: bool) -> None:
        """A sync is paused or stopped, waits for a store, or gets on."""
        (self._still.add if still else self._still.discard)(sync)
        (self._away.add if away else self._away.discard)(sync)
        for way in self._ways:
            if way[0] == sync:
                self._ring(way)

    def awaits(self, way: Way, kin: frozenset[str]) -> None:
        """It holds rows back that lack records of these; none where it does not."""
        before = self._awaited.get(way, frozenset())
        self._awaited[way] = kin
        for name in kin - before:
            self.bell(name).set()

    def is_late(self, sync: str, wait: Wait) -> None:
        """A sync may have to pause because of others."""
        self._late[sync] = wait

    # -- what the others make of it

    def missing(self, kin: frozenset[str], direction: str, since: float) -> frozenset[str]:
        """Those that have not applied yet what they had captured at `since`."""
        return frozenset(name for name in kin if self._applied.get((name, direction), -1.0) < since)

    def still(self, kin: frozenset[str]) -> frozenset[str]:
        """Those that are paused or stopped."""
        return kin & self._still

    def away(self, kin: frozenset[str]) -> frozenset[str]:
        """Those that wait for a store."""
        return kin & self._away

    def paused_for(self, kin: frozenset[str], sync: str) -> bool:
        """Whether one of them is paused since it waits for `sync`."""
        return any(name in self._late and sync in self._late[name].kin for name in self.still(kin))

    def has_set_aside(self, kin: frozenset[str], direction: str) -> bool:
        """Whether one of them has lately put rows into quarantine that it may bring yet."""
        now = self.clock()
        return any(now - self._aside_at.get((name, direction), -SET_ASIDE_S) < SET_ASIDE_S for name in kin)

    def written(self, kin: frozenset[str], direction: str) -> int:
        """How often they have written, together."""
        return sum(self._written[name, direction] for name in kin)

    def silent_s(self, kin: frozenset[str], direction: str) -> float:
        """Seconds since one of them has written."""
        return self.clock() - max((self._written_at.get((name, direction), 0.0) for name in kin), default=0.0)

    async def come_at_last(self, sync: str) -> None:
        """Return once those have come for whom a sync is paused; never where there are none. May be cancelled."""
        wait = self._late.get(sync)
        if wait is None:
            await asyncio.Event().wait()
            return
        way, bell = (sync, wait.direction), self.bell(sync)
        self.awaits(way, wait.kin)
        while self.missing(wait.kin, wait.direction, wait.since):
            bell.clear()
            await bell.wait()
        self._late.pop(sync, None)

    def on_time(self, sync: str) -> None:
        """What a sync has waited for does not matter any more."""
        self._late.pop(sync, None)

    def _ring(self, way: Way) -> None:
        name, direction = way
        for (other, its), kin in self._awaited.items():
            if its == direction and name in kin:
                self.bell(other).set()
