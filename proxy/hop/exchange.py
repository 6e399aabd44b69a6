"""One request on its way: decided, sent to an arm's service, perhaps again, answered, accounted for.

```
client ── head ──► Exchange ── acquire ──► Service ── on_connected ──► Upstream.send
client ── body ──► on_request_body ───────────────────────────────────► Upstream
client ◄── respond, write ── on_response, on_body, on_end ◄──────────── Upstream
                             on_failure: again, to the other arm, or an error page
```
Nothing here waits: each step is called by the event that makes it possible, and time is watched by `tick`.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from proxy.hop import errors, names, outbound
from proxy.hop.block import CHUNKED
from proxy.hop.errors import Failure
from proxy.hop.framing import chunk, last_chunk
from proxy.hop.inbound import inbound_head
from proxy.hop.outbound import AS_IS, CHUNKS, CLOSE, body_mode, outbound_head, plain_head
from proxy.hop.request import Request
from proxy.hop.resending import NO_BODY, Replay, may_fall_back, may_retry
from proxy.hop.tunnel import Tunnel

if TYPE_CHECKING:
    from proxy.hop.client import Client
    from proxy.hop.metrics import RouteCounters
    from proxy.hop.pool import Endpoint, Service
    from proxy.hop.response import Response
    from proxy.hop.upstream import Upstream
    from routes.model import ArmModel, Decision

#: An early answer leaves the connection open where at most this much of the request's body is still to come.
DRAIN_BYTES_MAX: Final = 64 * 1024

_FOREVER: Final = float("inf")
#: What the deadline in force is about.
_QUEUED, _CONNECTING, _HEAD, _BODY, _TUNNEL = range(5)
_SERVER_ERROR: Final = 500
_NO_ENDPOINTS: Final[frozenset[Endpoint]] = frozenset()


class Exchange:
    """A request under way, from its decision to its last byte.

    Attributes:
        mirrored: what the access log says of its copy; None where nobody gets copies of such requests.
    """

    mirrored: str | None = None
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
        "_mode",
        "keep_alive",
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
        self.phase = _QUEUED
        self.reused = False
        self.replay = NO_BODY if self.request_done else Replay(request.method)
        self._sent = False
        self._mode = AS_IS
        self.keep_alive = True
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

    # from the service's pool

    def on_queued(self) -> None:
        """No connection is free: wait for one."""
        self.phase = _QUEUED
        self.queued_s = monotonic()
        self.deadline_s = monotonic() + self.service.model.queue_timeout_s
        if not self.request_done:
            self.client.pause_reading()

    def on_connecting(self, endpoint: Endpoint) -> None:
        """A connection is being made; it has its own time limit."""
        self.endpoint = self.last_endpoint = endpoint
        self.phase = _CONNECTING
        self.deadline_s = _FOREVER
        if not self.queued_s:
            self.queued_s = self.started_s
        if not self.request_done:
            self.client.pause_reading()

    def wants(self, endpoint: Endpoint) -> bool:
        """Whether this exchange still waits for a connection to that endpoint."""
        return self.endpoint is endpoint and self.phase == _CONNECTING

    def on_connected(self, endpoint: Endpoint, upstream: Upstream, *, reused: bool) -> None:
        """Send the head, and what there is of the body, in one write."""
        self.endpoint = self.last_endpoint = endpoint
        self.upstream = upstream
        self.reused = reused
        self.connected_s = monotonic()
        self.phase = _HEAD
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
        if self.phase == _HEAD:
            self.deadline_s = monotonic() + self.service.model.response_timeout_s

    def _forward(self, data: bytes) -> None:
        self.replay.add(data, sent=self._sent)
        upstream = self.upstream
        if upstream is not None:
            if self.phase == _HEAD:
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
        if self.phase == _TUNNEL:
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

    # from the upstream connection

    def on_interim(self, response: Response) -> None:
        """100 Continue, 103 Early Hints and their kind are the client's, where it can understand them."""
        if not self.request.block.http_1_0 and not self.responding:
            self.client.transport.write(outbound.interim_head(response))

    def on_response(self, response: Response, data: bytes | memoryview, *, ended: bool, trailers: bytes = b"") -> None:
        """The response's head with what came of its body.

        Args:
            response: the head.
            data: the first bytes of the body, decoded from chunks, may be empty.
            ended: that was all of it.
            trailers: the raw trailer lines of a chunked body that has ended.
        """
        self.first_byte_s = monotonic()
        self.status = status = response.status
        if status >= _SERVER_ERROR and may_fall_back(self, str(status)):
            self._fall_back(f"http_{status}")
            return
        self.responding = True
        self.phase = _BODY
        client = self.client
        request = self.request
        self._mode = mode = AS_IS if response.length >= 0 else body_mode(response, request)
        self.keep_alive = keep_alive = self._keeps_alive(mode)
        decision = self.decision
        rewrite = response.mapped and decision.route.rewrite_responses
        if keep_alive and not rewrite and decision.set_cookie is None and not request.block.http_1_0:
            head = response.plain or plain_head(response)
        else:
            head = outbound_head(
                response, request, self.arm, keep_alive=keep_alive, rewrite=rewrite, set_cookie=decision.set_cookie
            )
        if ended:
            self.bytes_out = len(data)
            if mode == CHUNKS:
                data = (chunk([data]) if data else b"") + self._last_chunk(trailers)
            if isinstance(data, bytes):
                client.transport.write(head + data)
            else:
                client.transport.writelines((head, data))
            self._complete()
            return
        self.deadline_s = monotonic() + self.service.model.idle_timeout_s
        self.bytes_out = len(data)
        if mode == CHUNKS:
            client.transport.write(head + chunk([data]) if data else head)
        else:
            client.transport.writelines((head, data))

    def _keeps_alive(self, mode: int) -> bool:
        block = self.request.block
        if not block.keep_alive or mode == CLOSE or self.client.plane.draining:
            return False
        if block.upgrade is not None:
            return False  # bytes that were held back for a tunnel must not be read as a request
        return self.request_done or self.client.may_drain()

    def on_body(self, data: bytes) -> None:
        """A piece of the response's body, not empty, decoded from chunks."""
        self.bytes_out += len(data)
        client = self.client
        self.deadline_s = monotonic() + self.service.model.idle_timeout_s
        client.transport.write(chunk([data]) if self._mode == CHUNKS else data)

    def on_body_and_end(self, data: bytes) -> None:
        """The last piece of a body of known length."""
        self.bytes_out += len(data)
        self.client.transport.write(data)
        self._complete()

    def on_end(self, trailers: bytes = b"") -> None:
        """The body, chunked or delimited by close, has ended."""
        if self._mode == CHUNKS:
            self.client.transport.write(self._last_chunk(trailers))
        self._complete()

    def _last_chunk(self, trailers: bytes) -> bytes:
        return last_chunk(names.fit_trailers(trailers) if self.request.block.te_trailers else b"")

    def on_upgrade(self, response: Response, data: bytes) -> None:
        """101: from here on bytes only pass."""
        client = self.client
        upstream = self.upstream
        if upstream is None:
            return
        self.first_byte_s = monotonic()
        self.status = response.status
        self.responding = True
        self.phase = _TUNNEL
        self.deadline_s = _FOREVER
        tunnel = Tunnel(self, client, upstream)
        upstream.tunnel = tunnel
        client.plane.metrics.tunnel_opened()
        client.transport.write(outbound.upgrade_head(response))
        if data:
            tunnel.from_service(data)
        client.switch(tunnel)

    def tunnel_closed(self, bytes_in: int, bytes_out: int) -> None:
        """Either side has closed the tunnel."""
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out
        self.client.plane.metrics.tunnel_closed()
        if self.endpoint is not None:
            self.endpoint.pending -= 1
            self.endpoint = None
        self.upstream = None
        self._account(self.status)

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
            self.error = failure.error
            self.client.answer(self, failure, detail)

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
            if self.phase == _QUEUED:
                self.service.withdraw(self)
            return
        if self.phase == _CONNECTING and upstream is None:
            self.phase = _QUEUED  # the attempt goes on without us and gives its connection to the pool
            return
        if upstream is not None:
            upstream.exchange = None
            if self.client.writing_paused and not upstream.transport.is_closing():
                upstream.transport.resume_reading()  # it was this client that read too slowly, not the next one
        if broken or upstream is None:
            self.service.discard(endpoint, upstream)
        else:
            self.service.release(endpoint, upstream)

    # the end

    def _complete(self) -> None:
        """The response is written; the connection to the service is free if the request is complete too."""
        upstream = self.upstream
        endpoint = self.endpoint
        if endpoint is not None and endpoint.breaker is not None:
            endpoint.breaker.record(self.status < _SERVER_ERROR)
        broken = upstream is None or not upstream.reusable or not self.request_done
        if self.bytes_in and upstream is not None and upstream.transport.get_write_buffer_size():
            broken = True  # it answered without reading: what is left would come before the next request
        self._let_go(broken=broken)
        self._account(self.status, error=self.error)
        self.client.exchange_done(self, keep_alive=self.keep_alive)

    def account_error(self, status: int, bytes_out: int) -> None:
        """The client was told by the proxy itself."""
        self.bytes_out = bytes_out
        self._account(status, error=self.error)

    def _account(self, status: int, *, error: str = "") -> None:
        if self.budgeted is not None:
            self.budgeted.budget.release()
            self.budgeted = None
        self.deadline_s = _FOREVER
        now = monotonic()
        self.counters.end(status, now - self.started_s, self.bytes_in, self.bytes_out)
        plane = self.client.plane
        plane.metrics.active -= 1
        plane.log_exchange(self, status, error, now)

    def tick(self, now_s: float) -> None:
        """Look at the clock, at every sweep of the plane."""
        if now_s < self.deadline_s:
            return
        if self.client.writing_paused and self.phase == _BODY:
            self.deadline_s = now_s + self.service.model.idle_timeout_s  # it is the client who is slow
            return
        self.deadline_s = _FOREVER
        if self.phase == _QUEUED:
            self.on_failure(errors.QUEUE_TIMEOUT, "no connection came free within queue_timeout")
        elif self.phase == _HEAD and not self.request_done and self.client.reading_paused:
            self.on_failure(errors.WRITE_TIMEOUT, "the service stopped reading the request")
        elif self.phase == _HEAD and not self.request_done:
            self.deadline_s = now_s + self.service.model.response_timeout_s  # the client is slow: it has its own limit
        else:
            self.on_failure(errors.RESPONSE_TIMEOUT, "no byte of the response came in time")
