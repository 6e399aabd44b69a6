"""Adds up what one comparer after the other has said, so that none of its counters ever goes backwards.

A comparer counts from its start (`proxy.comparer.figures`) and says so every second. When it has ended, what it
said last goes over into `retired`, and its successor counts on top of that. What it counted after its last word is lost
with it: less than a second's worth, and only here; what it stored is in the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

_COUNTERS: Final = ("exchanges", "kept", "removed", "commit_seconds", "cpu_seconds")
#: Of the store, which is there without a comparer, and of what waits for one.
_GAUGES: Final = ("stored", "stored_bytes", "waiting", "failing")


class ComparerTotals:
    """Counters of all comparers there were, and what the last one said of the store.

    Args:
        memory: of the control process before this one; anything else counts as nothing.
    """

    def __init__(self, memory: Any = None) -> None:
        given = memory if isinstance(memory, dict) else {}
        self._retired: dict[str, Any] = given.get("retired") or {}
        self._ended: int = given.get("ended", 0)
        self._live: Mapping[str, Any] | None = None
        self._incarnation = 0
        self._gauges: dict[str, Any] = {}

    def take(self, incarnation: int, snapshot: Mapping[str, Any]) -> bool:
        """Take what a comparer said; True when a process before it was retired by that."""
        if incarnation <= self._ended:
            return False
        changed = self._incarnation not in (0, incarnation) and self.retire(self._incarnation)
        self._incarnation, self._live = incarnation, snapshot
        self._gauges = {name: snapshot.get(name) for name in _GAUGES}
        return changed

    def retire(self, incarnation: int) -> bool:
        """A comparer process has ended; True when that changed `memory`."""
        if incarnation <= self._ended:
            return False
        self._ended = incarnation
        if self._live is not None and self._incarnation <= incarnation:
            self._retired, self._live = _added([self._retired, self._live]), None
            self._gauges |= {"waiting": 0, "failing": ""}
        return True

    def heard(self, incarnation: int) -> bool:
        """Whether this process has said something."""
        return self._live is not None and self._incarnation == incarnation

    def keep_only(self, routes: set[str]) -> None:
        """Forget routes that are no longer configured, as comparers do."""
        proofs = self._retired.get("proofs")
        if proofs:
            self._retired["proofs"] = {route: counts for route, counts in proofs.items() if route in routes}

    def total(self) -> dict[str, Any]:
        """In the shape of a comparer's own figures; empty where none has ever said anything."""
        if self._live is None and not self._retired:
            return {}
        return {**_added([self._retired, self._live or {}]), **self._gauges}

    def memory(self) -> dict[str, Any]:
        """What another control process needs to go on from here; JSON-able."""
        return {"retired": self._retired, "ended": self._ended}


def _added(snapshots: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    total: dict[str, Any] = {**dict.fromkeys(_COUNTERS, 0), "store_failures": {}, "proofs": {}}
    for snapshot in snapshots:
        for name in _COUNTERS:
            total[name] += snapshot.get(name, 0)
        for reason, count in snapshot.get("store_failures", {}).items():
            total["store_failures"][reason] = total["store_failures"].get(reason, 0) + count
        for route, counts in snapshot.get("proofs", {}).items():
            before = total["proofs"].get(route, [0] * len(counts))
            total["proofs"][route] = [one + other for one, other in zip(before, counts, strict=True)]
    return total
