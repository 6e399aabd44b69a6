"""Adds up what workers report, so that no counter ever goes backwards while workers come and go.

A worker's snapshot is the JSON of `proxy.hop.metrics.PlaneMetrics.snapshot` with the endpoints of its services. Merging
snapshots gives a value of the same shape, which can be merged again. When a worker ends, the counters of its last
snapshot go over into `retired` (its gauges are gone with it), and its successor counts from zero on top of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

#: One snapshot, or several merged.
Snapshot = dict[str, Any]

_COUNTERS: Final = (
    *("client_connections_total", "client_connections_refused", "tunnels_total"),
    *("log_lines_dropped", "snapshots_dropped"),
)
_GAUGES: Final = ("client_connections", "tunnels")
_KEYED_COUNTERS: Final = ("requests_rejected", "errors")
_KEYED_GAUGES: Final = ("waiting",)
_ARM_COUNTERS: Final = ("bytes_in", "bytes_out", "seconds", "retries", "fallbacks")
_ARM_LISTS: Final = ("statuses", "buckets")
_MIRROR_COUNTERS: Final = ("sent", "compared", "again", "again_extra")
_MIRROR_GAUGES: Final = ("under_way", "asking_more")
_MIRROR_KEYED: Final = ("shed", "lost", "answers", "verdicts")
#: Reason of what was under way in a worker that is gone.
WORKER_GONE: Final = "worker"
_ENDPOINT_COUNTERS: Final = ("connects", "connect_failures", "requests")
_ENDPOINT_GAUGES: Final = ("active", "idle", "pending")


def merge(snapshots: Iterable[Mapping[str, Any]]) -> Snapshot:
    """The sum of snapshots, each a worker's own or merged before."""
    total: Snapshot = dict.fromkeys((*_COUNTERS, *_GAUGES), 0)
    total.update({name: {} for name in (*_KEYED_COUNTERS, *_KEYED_GAUGES)})
    arms: dict[tuple[str, str], dict[str, Any]] = {}
    endpoints: dict[tuple[str, str], dict[str, Any]] = {}
    mirrors: dict[tuple[str, str], dict[str, Any]] = {}
    for snapshot in snapshots:
        for name in (*_COUNTERS, *_GAUGES):
            total[name] += snapshot.get(name, 0)
        for name in (*_KEYED_COUNTERS, *_KEYED_GAUGES):
            _add_keyed(total[name], snapshot.get(name, {}))
        for arm in snapshot.get("arms", ()):
            _add_arm(arms.setdefault((arm["route"], arm["arm"]), _new_arm(arm)), arm)
        for mirror in snapshot.get("mirrors", ()):
            _add_mirror(mirrors.setdefault((mirror["route"], mirror["arm"]), _new_mirror(mirror)), mirror)
        for endpoint in snapshot.get("endpoints", ()):
            key = (endpoint["service"], endpoint["url"])
            _add_endpoint(endpoints.setdefault(key, _new_endpoint(endpoint)), endpoint)
    lists = {"arms": arms, "endpoints": endpoints, "mirrors": mirrors}
    return {**total, **{name: list(found.values()) for name, found in lists.items()}}


def counters_only(snapshot: Mapping[str, Any]) -> Snapshot:
    """What is left of a snapshot when its worker is gone."""
    left = merge([snapshot])
    left.update(dict.fromkeys(_GAUGES, 0), **{name: {} for name in _KEYED_GAUGES})
    for arm in left["arms"]:
        arm["active"] = 0
    for mirror in left["mirrors"]:
        if mirror["under_way"]:  # so that what was sent is accounted for, whatever became of the worker
            _add_keyed(mirror["lost"], {WORKER_GONE: mirror["under_way"]})
            mirror["under_way"] = 0
        mirror["asking_more"] = 0
    for endpoint in left["endpoints"]:
        endpoint.update(dict.fromkeys(_ENDPOINT_GAUGES, 0), workers=0, healthy_workers=0, breakers={})
    return left


class Accumulator:
    """Totals over all workers there are and were.

    Attributes:
        live: worker number -> its last snapshot.
    """

    def __init__(self, memory: Any = None) -> None:
        given = memory if isinstance(memory, dict) else {}
        self.live: dict[int, Snapshot] = {}
        self._incarnations: dict[int, int] = {}
        self._retired: Snapshot = given.get("retired") or merge([])
        self._ended = {int(number): int(last) for number, last in given.get("ended", {}).items()}

    def take(self, worker: int, incarnation: int, snapshot: Snapshot) -> bool:
        """Take a worker's newest snapshot; True when a process before it was retired by that."""
        if incarnation <= self._ended.get(worker, 0):
            return False
        changed = False
        if self._incarnations.get(worker, incarnation) != incarnation:
            changed = self.retire(worker, self._incarnations[worker])
        self._incarnations[worker] = incarnation
        self.live[worker] = snapshot
        return changed

    def retire(self, worker: int, incarnation: int) -> bool:
        """A worker process has ended; True when that changed `memory`."""
        if incarnation <= self._ended.get(worker, 0):
            return False
        self._ended[worker] = incarnation
        if self._incarnations.get(worker) == incarnation:
            del self._incarnations[worker]
            self._retired = merge([self._retired, counters_only(self.live.pop(worker))])
        return True

    def keep_only(self, routes: set[str], services: set[str]) -> None:
        """Forget what belongs to routes and services that are no longer configured, as workers do."""
        self._retired["arms"] = [arm for arm in self._retired["arms"] if arm["route"] in routes]
        self._retired["mirrors"] = [one for one in self._retired.get("mirrors", ()) if one["route"] in routes]
        self._retired["endpoints"] = [one for one in self._retired["endpoints"] if one["service"] in services]

    def total(self) -> Snapshot:
        """The sum over all workers, those that are gone included."""
        return merge([self._retired, *self.live.values()])

    def memory(self) -> dict[str, Any]:
        """What another control process needs to go on from here; JSON-able."""
        return {"retired": self._retired, "ended": {str(number): last for number, last in self._ended.items()}}


def _new_arm(arm: Mapping[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {"route": arm["route"], "arm": arm["arm"], "active": 0, "errors": {}}
    empty.update(dict.fromkeys(_ARM_COUNTERS, 0))
    empty.update({name: [] for name in _ARM_LISTS})
    return empty


def _add_arm(total: dict[str, Any], arm: Mapping[str, Any]) -> None:
    total["active"] += arm["active"]
    for name in _ARM_COUNTERS:
        total[name] += arm[name]
    for name in _ARM_LISTS:
        total[name] = _add_lists(total[name], arm[name])
    _add_keyed(total["errors"], arm["errors"])


def _new_mirror(mirror: Mapping[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {"route": mirror["route"], "arm": mirror["arm"]}
    empty.update(dict.fromkeys((*_MIRROR_COUNTERS, *_MIRROR_GAUGES), 0))
    return {**empty, **{name: {} for name in _MIRROR_KEYED}}


def _add_mirror(total: dict[str, Any], mirror: Mapping[str, Any]) -> None:
    for name in (*_MIRROR_COUNTERS, *_MIRROR_GAUGES):
        total[name] += mirror.get(name, 0)
    for name in _MIRROR_KEYED:
        _add_keyed(total[name], mirror[name])


def _new_endpoint(endpoint: Mapping[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {"service": endpoint["service"], "url": endpoint["url"]}
    empty.update(dict.fromkeys((*_ENDPOINT_COUNTERS, *_ENDPOINT_GAUGES), 0))
    return {**empty, "workers": 0, "healthy_workers": 0, "breakers": {}}


def _add_endpoint(total: dict[str, Any], endpoint: Mapping[str, Any]) -> None:
    for name in (*_ENDPOINT_COUNTERS, *_ENDPOINT_GAUGES):
        total[name] += endpoint.get(name, 0)
    if "workers" in endpoint:  # merged before
        total["workers"] += endpoint["workers"]
        total["healthy_workers"] += endpoint["healthy_workers"]
        _add_keyed(total["breakers"], endpoint["breakers"])
        return
    total["workers"] += 1
    total["healthy_workers"] += bool(endpoint["healthy"])
    if endpoint.get("breaker") is not None:
        _add_keyed(total["breakers"], {endpoint["breaker"]: 1})


def _add_keyed(total: dict[str, int], more: Mapping[str, int]) -> None:
    for key, count in more.items():
        total[key] = total.get(key, 0) + count


def _add_lists(one: list[int], other: list[int]) -> list[int]:
    if len(one) != len(other):
        one = one or [0] * len(other)
    return [a + b for a, b in zip(one, other, strict=True)]
