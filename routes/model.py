"""The compiled route table as the data plane reads it: frozen, complete, in bytes.

Configuration (pydantic, as given) is compiled once into these records by `routes.table.compile_table`; a reload makes
new ones and replaces them whole. Nothing here moves: counters, breakers and pools are the data plane's.
Units are in the names: `_s` is seconds as float, `_bytes`/`bytes_` is bytes, `_share` is 0.0 to 1.0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from routes.canary import CanaryModel
    from routes.config import ServiceTls
    from routes.head import Head
    from routes.match import MatchModel
    from routes.responses import ResponseMap
    from routes.rewrite import RequestRewrite
    from routes.shadowing import ShadowModel

#: What the path template or regex of a route captured, in the order of its captures. Opaque to the data plane.
Params = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Url:
    """One endpoint of a service.

    Attributes:
        scheme: `"http"` or `"https"`.
        host: name or address, lower case, IPv6 without brackets.
        port: TCP port, 1 to 65535.
        authority: as a Host header shows it: IPv6 in brackets, the scheme's default port left out.
        base_path: `b""` or `b"/x"`, put before every path that is sent; never ends with a slash.
        text: the URL as configured, for logs and metrics.
    """

    scheme: str
    host: str
    port: int
    authority: bytes
    base_path: bytes
    text: str


@dataclass(frozen=True, slots=True)
class HealthModel:
    """Active health checks of a service's endpoints.

    Attributes:
        path: request target of the check, without the endpoint's base path.
        interval_s: from the start of one check to the start of the next.
        timeout_s: for one check, connect included.
        unhealthy_after: failures in a row until an endpoint is taken out.
        healthy_after: successes in a row until it is taken in again.
    """

    path: str
    interval_s: float
    timeout_s: float
    unhealthy_after: int
    healthy_after: int


@dataclass(frozen=True, slots=True)
class BreakerModel:
    """When the breaker of one endpoint opens.

    Attributes:
        errors_share: share of failed requests in the window at which it opens, 0.0 to 1.0.
        window_s: length of the window.
        requests_min: fewer requests than this in the window never open it.
        open_for_s: how long it stays open before one trial is let through.
    """

    errors_share: float
    window_s: float
    requests_min: int
    open_for_s: float


@dataclass(frozen=True, slots=True)
class ServiceModel:
    """A named upstream. Comparable by value, so that a reload keeps the pools of services that did not change.

    Attributes:
        name: the key under `services`.
        urls: its endpoints, at least one.
        connect_timeout_s: for TCP and TLS together.
        response_timeout_s: from the last byte of the request to the head of the response.
        idle_timeout_s: between two body bytes, either way.
        tunnel_idle_timeout_s: of an upgraded connection without a byte either way.
        connections_max: per worker, over all endpoints.
        queue_max: requests that may wait for a connection, per worker.
        queue_timeout_s: how long each of them may wait.
        idle_connections_max: kept alive, per endpoint and worker.
        keepalive_s: how long an idle connection is kept.
        health: active checks, or None.
        breaker: passive breaker, or None.
        host_header: `"client"` (as received), `"service"` (the endpoint's authority) or the literal as bytes.
        tls: how `https` endpoints are verified and which certificate is shown to them.
        retry_budget_share: retries may be this share of the active requests.
        retry_budget_minimum: but this many at once are always allowed.
    """

    name: str
    urls: tuple[Url, ...]
    connect_timeout_s: float
    response_timeout_s: float
    idle_timeout_s: float
    tunnel_idle_timeout_s: float
    connections_max: int
    queue_max: int
    queue_timeout_s: float
    idle_connections_max: int
    keepalive_s: float
    health: HealthModel | None
    breaker: BreakerModel | None
    host_header: str | bytes
    tls: ServiceTls
    retry_budget_share: float
    retry_budget_minimum: int


@dataclass(frozen=True, slots=True)
class ArmModel:
    """One of the two systems a route can be served from, and how a request is rewritten for it.

    Attributes:
        name: `"legacy"` or `"new"`.
        service: name of the service that serves it.
        rewrites: False means that path, query and headers are forwarded untouched: `target`, `headers_set` and
            `headers_remove` need not be looked at.
        headers_set: (name as configured, value); each replaces every field of that name, in any case.
        headers_remove: names in lower case.
        rewrite: how the target is made.
        responses: how response headers are mapped back.
    """

    name: str
    service: str
    rewrites: bool
    headers_set: tuple[tuple[bytes, bytes], ...]
    headers_remove: frozenset[bytes]
    rewrite: RequestRewrite = field(repr=False)
    responses: ResponseMap = field(repr=False)

    def target(self, head: Head, params: Params) -> bytes:
        """The `path?query` to send, without the endpoint's base path. Captured bytes are inserted as they came."""
        return self.rewrite.target(head, params)

    def map_response(self, name: bytes, value: bytes, head: Head) -> bytes:
        """The value of a response header as the client must see it.

        Args:
            name: lower case, one of `routes.responses.MAPPED`; any other comes back with its value unchanged.
            value: as the service sent it.
            head: the request, for the scheme and authority that the client used.

        Returns:
            The mapped value; the very same object where it names no service or does not parse.
        """
        return self.responses.map(name, value, head)


@dataclass(frozen=True, slots=True)
class FallbackModel:
    """What happens when the arm that serves fails.

    Attributes:
        arm: the arm that is asked instead.
        on: failures that count: `connect`, `timeout`, `reset` or a status as text (`"503"`).
        methods: methods that may fall back; None is all.
        credentials: whether Cookie and Authorization are sent to that arm too.
    """

    arm: ArmModel
    on: frozenset[str]
    methods: frozenset[bytes] | None
    credentials: bool


@dataclass(frozen=True, slots=True)
class HoldModel:
    """Bounds on the requests that wait while a route is held, per worker.

    Attributes:
        requests_max: how many may wait.
        bytes_max: of their bodies, together.
        timeout_s: how long each may wait.
    """

    requests_max: int
    bytes_max: int
    timeout_s: float


@dataclass(frozen=True, slots=True)
class RouteModel:
    """One compiled route.

    Attributes:
        index: position in the file, from 0; the lower one wins.
        name: as configured.
        mode: `"legacy"`, `"shadow"`, `"canary"` or `"new"`.
        legacy: the legacy arm, None where the route names none.
        new: the new arm, None where the route names none.
        raw_paths: True means that paths which are not plain (`routes.template.is_plain_path`) are let through.
        fallback: None means that failures go to the client.
        retry_attempts: times a request is sent again at most; 0 is never.
        retry_on: failures that are retried: `connect`, `reset`, …
        hold: bounds while held, None where not configured.
        rewrite_responses: False means that response headers are left as they are.
        match: what a request must look like.
        canary: who is served from new; None unless the mode is `canary`.
        serves: the arm that serves where no canary decides, `"legacy"` or `"new"`.
        shadow: what is mirrored; None where nothing is.
    """

    index: int
    name: str
    mode: str
    legacy: ArmModel | None
    new: ArmModel | None
    raw_paths: bool
    fallback: FallbackModel | None
    retry_attempts: int
    retry_on: frozenset[str]
    hold: HoldModel | None
    rewrite_responses: bool
    match: MatchModel = field(repr=False)
    canary: CanaryModel | None = field(repr=False)
    serves: str
    shadow: ShadowModel | None = field(repr=False)


class Decision(NamedTuple):
    """Where one request goes, and why. Shared between requests where nothing in it depends on the request.

    A named tuple, not a frozen dataclass: it is made on the request path, and that is four times as fast.

    Attributes:
        route: the first route of the file that matches.
        arm: the arm that serves the client.
        reason: `"mode"`, `"percent"`, `"always_new"`, `"always_legacy"` or `"sticky"`.
        params: captures for `ArmModel.target`; empty unless an arm of the route needs them.
        bucket: 0 to 9999, or None where no hash was needed.
        key: what decided, as `"header:X-Tenant"`, or None.
        set_cookie: value of a Set-Cookie field to add to the response, or None.
    """

    route: RouteModel
    arm: ArmModel
    reason: str
    params: Params = ()
    bucket: int | None = None
    key: str | None = None
    set_cookie: bytes | None = None
