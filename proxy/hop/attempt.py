"""The way of one request to a service: a connection, the head, the body, and what happens where that fails.

```
start ── acquire ──► queued ──► connecting ──► sent ──► the service answers: `proxy.hop.exchange`
            ▲           │           │           │
            └───────────┴───────────┴───────────┴─ on_failure: again, to the other arm, or given up
```
An attempt is what an `Exchange` is until it is answered. It is a base class and not an object of its own because every
request would otherwise make one more, and every piece of a body take one more step.
"""

from __future__ import annotations

from abc import abstractmethod
from time import monotonic
from typing import TYPE_CHECKING, Final

from proxy.hop import errors, names
from proxy.hop.block import CHUNKED
from proxy.hop.caller import Caller
from proxy.hop.errors import Failure
from proxy.hop.framing import chunk, last_chunk
from proxy.hop.inbound import inbound_head
from proxy.hop.request import Request
from proxy.hop.resending import NO_BODY, Replay, may_fall_back, may_retry

if TYPE_CHECKING:
    from proxy.hop.client import Client
    from proxy.hop.metrics import RouteCounters
    from proxy.hop.pool import Endpoint, Service
    from proxy.hop.upstream import Upstream
    from routes.model import ArmModel, Decision

#: What the deadline in force is about.
QUEUED, CONNECTING, HEAD, BODY, TUNNEL = range(5)

_FOREVER: Final = float("inf")
_NO_ENDPOINTS: Final[frozenset[Endpoint]] = frozenset()


class Attempt(Caller):
    """A request on its way to a service, from its decision to the first byte of an answer.

    Attributes:
        client: whose request it is.
        decision: by which arm it is served, and why.
        ids: lines with the ids that the service is told.
        request_done: its body has come to its end.
        arm: that is asked now.
        service: … and the service that this arm names.
        endpoint: … and where; None while there is none.
        last_endpoint: the last one there was.
        upstream: the connection there; None while there is none.
        phase: what `deadline_s` is about.
        deadline_s: monotonic time by which the next step has to come.
        replay: what is kept of the body so that it can be sent again.
        reused: the connection had served before.
        responding: the client has got a part of the answer: nothing can be tried again.
        status: of the response, 0 before there is one.
        attempts: how often the present arm was asked again.
        budgeted: the service whose budget for that has to be given back.
        counters: of the route and the arm.
        fallback: the other arm is asked since the first one failed.
        error: what went wrong last; "" where nothing did.
    """

    __slots__ = (  # noqa: RUF023 - by lifetime
        # of the request
        "client",
        "decision",
        "ids",
        "request",
        "request_done",
        "request_id",
        "trace_id",
        # of the attempt
        "_sent",
        "arm",
        "deadline_s",
        "endpoint",
        "last_endpoint",
        "phase",
        "replay",
        "reused",
        "service",
        "tried",
        "upstream",
        # of the response
        "responding",
        "status",
        # for the account
        "attempts",
        "budgeted",
        "bytes_in",
        "bytes_out",
        "connected_s",
        "counters",
        "error",
        "fallback",
        "first_byte_s",
        "queued_s",
        "started_s",
    )

    request: Request
    decision: Decision
    arm: ArmModel
    service: Service
    counters: RouteCounters
    ids: bytes
    request_id: bytes
    trace_id: bytes

    def __init__(self, client: Client, request: Request, decision: Decision) -> None:
        self.client = client
        self.request = request
        self.decision = decision
        self.started_s = monotonic()
        self.request_done = request.block.length == 0
        self.upstream: Upstream | None = None
        self.endpoint: Endpoint | None = None
        self.last_endpoint: Endpoint | None = None
        self.tried: frozenset[Endpoint] = _NO_ENDPOINTS
        self.deadline_s = _FOREVER
        self.phase = QUEUED
        self.reused = False
        self.replay = NO_BODY if self.request_done else Replay(request.method)
        self._sent = False
        self.responding = False
        self.status = 0
        self.attempts = 0
        self.budgeted: Service | None = None
        self.bytes_in = 0
        self.bytes_out = 0
        self.queued_s = 0.0
        self.connected_s = 0.0
        self.first_byte_s = 0.0
        self.error = ""
        self.fallback = False

    def start(self) -> None:
        """Send the request to the arm that was decided."""
        decision = self.decision
        plane = self.client.plane
        self.arm = arm = decision.arm
        self.service = plane.services[arm.service]
        self.counters = plane.metrics.begin(decision.route.index, arm.name)
        self.service.acquire(self)

    # what comes of it

    @abstractmethod
    def _give_up(self, failure: Failure, detail: str) -> None:
        """Nothing is left to try: tell the client."""

    @abstractmethod
    def _account(self, status: int, *, error: str = "") -> None:
        """The request has ended."""

    # from the service's pool

    def on_queued(self) -> None:
        """No connection is free: wait for one."""
        self.phase = QUEUED
        self.queued_s = monotonic()
        self.deadline_s = monotonic() + self.service.model.queue_timeout_s
        if not self.request_done:
            self.client.pause_reading()

    def on_connecting(self, endpoint: Endpoint) -> None:
        """A connection is being made; it has its own time limit."""
        self.endpoint = self.last_endpoint = endpoint
        self.phase = CONNECTING
        self.deadline_s = _FOREVER
        if not self.queued_s:
            self.queued_s = self.started_s
        if not self.request_done:
            self.client.pause_reading()

    def wants(self, endpoint: Endpoint) -> bool:
        """Whether this exchange still waits for a connection to that endpoint."""
        return self.endpoint is endpoint and self.phase == CONNECTING

    def on_connected(self, endpoint: Endpoint, upstream: Upstream, *, reused: bool) -> None:
        """Send the head, and what there is of the body, in one write."""
        self.endpoint = self.last_endpoint = endpoint
        self.upstream = upstream
        self.reused = reused
        self.connected_s = monotonic()
        self.phase = HEAD
        model = self.service.model
        client = self.client
        route = self.decision.route
        request = self.request
        data = inbound_head(
            request,
            self.arm,
            model,
            endpoint.url,
            params=self.decision.params,
            peer=client.peer,
            via=client.plane.via_1_0 if request.block.http_1_0 else client.plane.via,
            ids=self.ids,
            credentials=not self.fallback or route.fallback is None or route.fallback.credentials,
        )
        self.deadline_s = self.connected_s + model.response_timeout_s
        if self.replay.pieces:
            data = b"".join((data, *self.replay.pieces))
        self._sent = True
        if not self.request_done:
            self.replay.after_sending()
            client.resume_reading()  # before the write, which may pause it again
        upstream.send(self, data)

    # from the client

    def on_request_body(self, data: bytes) -> None:
        """A piece of the request's body, not empty."""
        self.bytes_in += len(data)
        if self.request.block.length == CHUNKED:
            data = chunk([data])
        self._forward(data)

    def on_request_end(self, trailers: bytes = b"") -> None:
        """The request is complete."""
        self.request_done = True
        if self.request.block.length == CHUNKED:
            self._forward(last_chunk(names.fit_trailers(trailers)))
        if self.phase == HEAD:
            self.deadline_s = monotonic() + self.service.model.response_timeout_s

    def _forward(self, data: bytes) -> None:
        self.replay.add(data, sent=self._sent)
        upstream = self.upstream
        if upstream is not None:
            if self.phase == HEAD:
                self.deadline_s = monotonic() + self.service.model.response_timeout_s
            upstream.transport.write(data)

    def pause_sending(self) -> None:
        """The service reads too slowly: stop reading from the client."""
        self.client.pause_reading()

    def resume_sending(self) -> None:
        """The service has caught up."""
        self.client.resume_reading()

    def on_client_gone(self) -> None:
        """The client is gone: so is the reason to ask."""
        if self.phase == TUNNEL:
            return
        self._let_go(broken=True)
        self._account(self.status if self.responding else 0, error=self.error or "client_gone")

    def abandon(self, failure: Failure) -> None:
        """The request turned out to be bad: the service must see it cut off."""
        self.error = failure.error
        self.counters.error(failure.error)
        self._let_go(broken=True)
        if self.responding:
            self._account(self.status, error=failure.error)

    # failures

    def on_failure(self, failure: Failure, detail: str) -> None:
        """The attempt is over without a whole response: again, elsewhere, or the client is told."""
        endpoint = self.endpoint
        spoke = self.upstream is not None and self.upstream.spoke
        self._let_go(broken=True)
        if endpoint is not None and endpoint.breaker is not None and failure is not errors.OUT_OF_RESOURCES:
            endpoint.breaker.record(False)
        self.counters.error(failure.error)
        if self.responding:
            self.error = failure.error
            self._account(self.status, error=failure.error)
            self.client.cut()
        elif may_retry(self, failure, spoke=spoke):
            self.attempts += 1
            self.counters.retries += 1
            if endpoint is not None and failure.on == "connect":
                self.tried = self.tried | {endpoint}
            self.service.acquire(self, fresh=failure.on == "reset")
        elif may_fall_back(self, failure.on):
            self._fall_back(failure.error)
        else:
            self._give_up(failure, detail)

    def _fall_back(self, error: str) -> None:
        """Ask the other arm. What this one sends is not read any further."""
        fallback = self.decision.route.fallback
        if fallback is None:
            return
        endpoint = self.endpoint
        if endpoint is not None and endpoint.breaker is not None:
            endpoint.breaker.record(False)
        self._let_go(broken=True)
        self.fallback = True
        self.error = error
        self.attempts = 0
        self.counters = self.counters.fall_back()
        self.arm = fallback.arm
        self.service = self.client.plane.services[fallback.arm.service]
        self.tried = _NO_ENDPOINTS
        self.service.acquire(self)

    def _let_go(self, *, broken: bool) -> None:
        """Give up the endpoint; `broken` says that its connection, if any, is of no more use."""
        endpoint, upstream = self.endpoint, self.upstream
        self.endpoint = None
        self.upstream = None
        if endpoint is None:
            if self.phase == QUEUED:
                self.service.withdraw(self)
            return
        if self.phase == CONNECTING and upstream is None:
            self.phase = QUEUED  # the attempt goes on without us and gives its connection to the pool
            return
        if upstream is not None:
            upstream.exchange = None
            if self.client.writing_paused and not upstream.transport.is_closing():
                upstream.transport.resume_reading()  # it was this client that read too slowly, not the next one
        if broken or upstream is None:
            self.service.discard(endpoint, upstream)
        else:
            self.service.release(endpoint, upstream)

    # time

    def tick(self, now_s: float) -> None:
        """Look at the clock, at every sweep of the plane."""
        if now_s < self.deadline_s:
            return
        if self.client.writing_paused and self.phase == BODY:
            self.deadline_s = now_s + self.service.model.idle_timeout_s  # it is the client who is slow
            return
        self.deadline_s = _FOREVER
        if self.phase == QUEUED:
            self.on_failure(errors.QUEUE_TIMEOUT, "no connection came free within queue_timeout")
        elif self.phase == HEAD and not self.request_done and self.client.reading_paused:
            self.on_failure(errors.WRITE_TIMEOUT, "the service stopped reading the request")
        elif self.phase == HEAD and not self.request_done:
            self.deadline_s = now_s + self.service.model.response_timeout_s  # the client is slow: it has its own limit
        else:
            self.on_failure(errors.RESPONSE_TIMEOUT, "no byte of the response came in time")
