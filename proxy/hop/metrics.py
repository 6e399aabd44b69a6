"""Counters of one data plane: plain attributes and lists that the request path bumps and `snapshot` reads.

```
counters = metrics.begin(route.index, arm.name)        when the decision is made; keep it with the exchange
counters = counters.fall_back()                        the other arm is asked instead: what is under way moves there
counters.end(status, total_s, bytes_in, bytes_out)     after the last byte, once
```
`begin` hands out the counters themselves because a reload may renumber the routes between begin and end: a request
that is under way still ends where it began. Everything runs on the event loop's thread, so nothing is locked.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from routes.table import Table

#: Upper bounds of the duration histogram in seconds; one more bucket counts what took longer than the last.
BOUNDS_S: Final = (
    *(0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.035, 0.05, 0.075, 0.1, 0.15),
    *(0.25, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5, 3.5, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0),
)

#: Statuses are counted by their first digit. 0 is a client that left before there was a status; a service may also
#: send 6xx to 9xx, which are forwarded as they come.
STATUS_CLASSES: Final = 10


class RouteCounters:
    """What one arm of one route did.

    Attributes:
        route: name of the route.
        arm: `"legacy"` or `"new"`.
        active: requests under way: decided, last byte not yet sent.
        bytes_in: body bytes received from clients.
        bytes_out: body bytes sent to clients.
        seconds: sum of the durations in the histogram.
        statuses: ended requests by status class.
        buckets: ended requests by duration: `buckets[i]` counts those above `BOUNDS_S[i - 1]` and up to `BOUNDS_S[i]`.
        retries: requests sent again to the same arm.
        fallbacks: requests that this arm could not serve and the other arm was asked for.
        errors: failures by kind (the Proxy-Status error type).
        other: the counters of the same route's other arm.
    """

    __slots__ = (
        *("active", "arm", "buckets", "bytes_in", "bytes_out", "errors", "fallbacks", "other", "retries"),
        *("route", "seconds", "statuses"),
    )

    other: RouteCounters

    def __init__(self, route: str, arm: str) -> None:
        self.route = route
        self.arm = arm
        self.active = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.seconds = 0.0
        self.statuses = [0] * STATUS_CLASSES
        self.buckets = [0] * (len(BOUNDS_S) + 1)
        self.retries = 0
        self.fallbacks = 0
        self.errors: dict[str, int] = {}

    def end(self, status: int, total_s: float, bytes_in: int, bytes_out: int) -> None:
        """Count one request as done.

        Args:
            status: 100 to 999, or 0 where the client left before there was one.
            total_s: from the first byte of the request to the last of the response.
            bytes_in: body bytes of the request.
            bytes_out: body bytes of the response.
        """
        self.active -= 1
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out
        self.seconds += total_s
        self.statuses[status // 100] += 1
        self.buckets[bisect_left(BOUNDS_S, total_s)] += 1

    def fall_back(self) -> RouteCounters:
        """Move one request under way to the other arm, count the fallback, and return that arm's counters."""
        self.active -= 1
        self.fallbacks += 1
        other = self.other
        other.active += 1
        return other

    def error(self, kind: str) -> None:
        """Count one failure of this arm."""
        self.errors[kind] = self.errors.get(kind, 0) + 1

    def snapshot(self) -> dict[str, Any] | None:
        """The numbers as JSON; None while there are none."""
        if not (self.active or self.fallbacks or self.retries or self.errors or any(self.statuses)):
            return None
        return {
            "route": self.route,
            "arm": self.arm,
            "active": self.active,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "seconds": self.seconds,
            "statuses": list(self.statuses),
            "buckets": list(self.buckets),
            "retries": self.retries,
            "fallbacks": self.fallbacks,
            "errors": dict(self.errors),
        }


class PlaneMetrics:
    """Counters of one data plane. The int attributes are bumped by whoever knows.

    Attributes:
        active: requests of clients under way, upgraded connections included.
        client_connections: open now.
        client_connections_total: accepted since the start.
        client_connections_refused: closed at once because `connections_max` was reached.
        tunnels: upgraded connections open now.
        tunnels_total: upgraded connections since the start.
        requests_rejected: answered before any route was decided, by status (400, 404, 421 and so on).
        errors: failures that belong to no route, by kind.
        version: of the table in force.
    """

    __slots__ = (
        *(
            "_legacy",
            "_new",
            "_rows",
            "active",
            "client_connections",
            "client_connections_refused",
            "client_connections_total",
        ),
        *("errors", "requests_rejected", "tunnels", "tunnels_total", "version"),
    )

    def __init__(self, table: Table) -> None:
        self.active = 0
        self.client_connections = 0
        self.client_connections_total = 0
        self.client_connections_refused = 0
        self.tunnels = 0
        self.tunnels_total = 0
        self.requests_rejected: dict[int, int] = {}
        self.errors: dict[str, int] = {}
        self.version = 0
        self._rows: dict[str, RouteCounters] = {}  # by route name: the legacy arm's; `.other` is the new arm's
        self._legacy: list[RouteCounters] = []  # by route index, as `_new`
        self._new: list[RouteCounters] = []
        self.install(table)

    def install(self, table: Table) -> None:
        """Take another table: routes of the same name keep their counts, those that are gone are forgotten.

        Requests under way on a route that is gone end in counters nobody reads any more.
        """
        rows = {route.name: self._rows.get(route.name) or _make_pair(route.name) for route in table.routes}
        self._rows = rows
        self._legacy = list(rows.values())
        self._new = [row.other for row in rows.values()]
        self.version = table.version

    def begin(self, route_index: int, arm: str) -> RouteCounters:
        """Count one request as under way; the caller ends it on the counters that come back, and `active`, too."""
        self.active += 1
        counters = (self._new if arm == "new" else self._legacy)[route_index]
        counters.active += 1
        return counters

    def connection_opened(self) -> None:
        """A client connection was accepted."""
        self.client_connections += 1
        self.client_connections_total += 1

    def connection_closed(self) -> None:
        """A client connection is gone."""
        self.client_connections -= 1

    def tunnel_opened(self) -> None:
        """A connection was upgraded."""
        self.tunnels += 1
        self.tunnels_total += 1

    def tunnel_closed(self) -> None:
        """An upgraded connection is gone."""
        self.tunnels -= 1

    def waited_for(self) -> bool:
        """Whether a client waits for an answer; those whose connection was upgraded do not."""
        return self.active > self.tunnels

    def rejected(self, status: int) -> None:
        """A request was answered before any route was decided."""
        self.requests_rejected[status] = self.requests_rejected.get(status, 0) + 1

    def error(self, route_index: int, kind: str, arm: str = "legacy") -> None:
        """Count one failure by kind; -1 for one that belongs to no route. `RouteCounters.error` survives reloads."""
        if route_index >= 0:
            (self._new if arm == "new" else self._legacy)[route_index].error(kind)
        else:
            self.errors[kind] = self.errors.get(kind, 0) + 1

    def snapshot(self) -> dict[str, Any]:
        """Everything as JSON-able values; arms without any request are left out."""
        arms = (counters.snapshot() for row in self._rows.values() for counters in (row, row.other))
        return {
            "version": self.version,
            "client_connections": self.client_connections,
            "client_connections_total": self.client_connections_total,
            "client_connections_refused": self.client_connections_refused,
            "tunnels": self.tunnels,
            "tunnels_total": self.tunnels_total,
            "requests_rejected": {str(status): count for status, count in self.requests_rejected.items()},
            "errors": dict(self.errors),
            "arms": [numbers for numbers in arms if numbers is not None],
        }


def _make_pair(route: str) -> RouteCounters:
    legacy, new = RouteCounters(route, "legacy"), RouteCounters(route, "new")
    legacy.other, new.other = new, legacy
    return legacy
