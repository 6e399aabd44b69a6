"""What moves on mirrored routes, over all tables that had them: mirrors that ask, what is counted, what is granted."""

from __future__ import annotations

from collections.abc import Collection
from time import monotonic
from typing import Any

from proxy.mirroring.bucket import Bucket
from proxy.mirroring.counters import MirrorCounters
from proxy.mirroring.secondasks import SecondAsks


class Flow:
    """What moves on one route, over all tables that had it.

    Attributes:
        active: mirrors that ask.
        bucket: for `rate_max`.
        second_asks: of legacy, beyond the sample.
    """

    __slots__ = ("active", "bucket", "second_asks")

    def __init__(self) -> None:
        self.active = 0
        self.bucket = Bucket()
        self.second_asks = SecondAsks()


class Flows:
    """The flows of one data plane, and the counters that belong to them. Told what the comparer says of routes."""

    __slots__ = ("_counters", "_flows")

    def __init__(self) -> None:
        self._flows: dict[str, Flow] = {}
        self._counters: dict[tuple[str, str], MirrorCounters] = {}

    def of(self, route: str) -> Flow:
        """The flow of a route, made where there is none."""
        flow = self._flows.get(route)
        if flow is None:
            flow = self._flows[route] = Flow()
        return flow

    def counters(self, route: str, arm: str) -> MirrorCounters:
        """What is counted of the copies for one arm of a route, begun where nothing is."""
        key = (route, arm)
        counters = self._counters.get(key)
        if counters is None:
            counters = self._counters[key] = MirrorCounters(route, arm)
        return counters

    def keep_only(self, routes: Collection[str]) -> None:
        """Forget the routes that are gone."""
        self._flows = {name: flow for name, flow in self._flows.items() if name in routes}
        self._counters = {key: counters for key, counters in self._counters.items() if key[0] in routes}

    def on_acknowledged(self, routes: Collection[str], unsettled: Collection[str]) -> None:
        """Ask legacy twice more often on these routes, and by the sample alone on the others of the batch."""
        now_s = monotonic()
        for name in routes:
            flow = self._flows.get(name)
            if flow is None:
                continue
            if name in unsettled:
                flow.second_asks.grant(now_s)
            else:
                flow.second_asks.withdraw()

    def on_silence(self) -> None:
        """Ask by the sample alone everywhere."""
        for flow in self._flows.values():
            flow.second_asks.withdraw()

    def snapshot(self) -> list[dict[str, Any]]:
        """The counters of every route and arm that mirrored anything, as JSON, and who asks legacy more often."""
        found = []
        for counters in self._counters.values():
            numbers = counters.snapshot()
            if numbers is not None:
                flow = self._flows.get(counters.route)
                found.append({**numbers, "asking_more": int(flow is not None and flow.second_asks.left > 0)})
        return found
