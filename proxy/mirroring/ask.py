"""One question to one service on behalf of a mirror: sent whole, its answer captured, its connection returned or cut.

Every step is called by an event of the pool or of the connection, as for a client's exchange; time is watched by the
mirror. What a service does wrong ends here: bytes beyond the bound, endless streams and switched protocols are cut.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from proxy.hop import errors, names
from proxy.hop.block import CHUNKED
from proxy.hop.framing import chunk, last_chunk
from proxy.hop.inbound import inbound_head
from proxy.mirroring.capture import Capture
from routes.methods import IDEMPOTENT_METHODS
from shadow.exchange import COMPLETE, FAILED, NOT_ASKED, TIMED_OUT, UPGRADED

if TYPE_CHECKING:
    from proxy.hop.errors import Failure
    from proxy.hop.pool import Endpoint, Service
    from proxy.hop.request import Request
    from proxy.hop.response import Response
    from proxy.hop.upstream import Upstream
    from proxy.mirroring.mirror import Mirror
    from routes.model import ArmModel

#: What tells a service, and every strangler behind it, that this is a copy.
MIRROR_LINE: Final = b"X-Strangler-Mirror: 1\r\n"

_NO_ENDPOINTS: Final[frozenset[Endpoint]] = frozenset()


class Ask(Capture):
    """A copy of a request under way to one arm, and what is answered.

    Attributes:
        request: what is asked.
        tried: always empty: a copy is not worth a second endpoint.
        arm: whose rewriting applies.
        refusal: the failure because of which nothing was sent at all, else None.
    """

    __slots__ = (
        *("_connecting", "_endpoint", "_mirror", "_reused", "_service", "_upstream", "arm", "refusal", "request"),
        "tried",
    )

    request: Request
    tried: frozenset[Endpoint]

    def __init__(self, mirror: Mirror, arm: ArmModel, service: Service) -> None:
        super().__init__(mirror.memory, mirror.shadow.body_bytes_max)
        self._mirror = mirror
        self._service = service
        self._endpoint: Endpoint | None = None
        self._upstream: Upstream | None = None
        self._connecting = self._reused = False
        self.arm = arm
        self.request = mirror.exchange.request
        self.tried = _NO_ENDPOINTS
        self.refusal: Failure | None = None

    def start(self) -> None:
        """Ask; `Mirror.on_answer` is called when it is over, perhaps at once."""
        # A kept connection may die under a request. One that is not idempotent could not be sent again, and the broken
        # connection would look like a failure of the service: it gets a new connection.
        self._service.acquire(self, fresh=self.request.method not in IDEMPOTENT_METHODS)

    def cut(self, outcome: str) -> None:
        """Stop now, whatever comes; the mirror is not told."""
        endpoint = self._endpoint
        if outcome == TIMED_OUT and endpoint is not None and endpoint.breaker is not None:
            endpoint.breaker.record(False)
        self._let_go(broken=True)
        self.end(outcome)

    # from the service's pool

    def on_queued(self) -> None:
        """Never: the pools of mirrors have no queue."""

    def on_connecting(self, endpoint: Endpoint) -> None:
        """A connection is being made."""
        self._endpoint = endpoint
        self._connecting = True

    def wants(self, endpoint: Endpoint) -> bool:
        """Whether it still waits for a connection to that endpoint."""
        return self._connecting and self._endpoint is endpoint

    def on_connected(self, endpoint: Endpoint, upstream: Upstream, *, reused: bool) -> None:
        """Send head and body in one write."""
        self._endpoint = endpoint
        self._upstream = upstream
        self._connecting = False
        self._reused = reused
        mirror = self._mirror
        exchange = mirror.exchange
        request = self.request
        plane = exchange.client.plane
        head = inbound_head(
            request,
            self.arm,
            self._service.model,
            endpoint.url,
            params=exchange.decision.params,
            peer=exchange.client.peer,
            via=plane.via_1_0 if request.block.http_1_0 else plane.via,
            ids=exchange.ids + MIRROR_LINE,
        )
        self.sent_s = monotonic()
        body = mirror.body
        if request.block.length == CHUNKED:
            end = last_chunk(names.fit_trailers(mirror.trailers))
            head = b"".join((head, chunk(body), end) if body else (head, end))
        elif body:
            head = b"".join((head, *body))
        upstream.send(self, head)

    def pause_sending(self) -> None:
        """All there is has been written; it is bounded."""

    def resume_sending(self) -> None:
        """Nothing waits."""

    # from the upstream connection

    def on_interim(self, response: Response) -> None:
        """Nobody waits for it."""

    def on_response(self, response: Response, data: bytes | memoryview, *, ended: bool, trailers: bytes = b"") -> None:
        """The head, and what came of the body."""
        del trailers
        self.keep_head(response, data)
        if ended:
            self._complete()
        elif self.outcome != COMPLETE:
            self._finish(broken=True)

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self.keep(data)
        if self.outcome != COMPLETE:
            self._finish(broken=True)

    def on_body_and_end(self, data: bytes) -> None:
        """The last piece of a body of known length."""
        self.keep(data)
        self._complete()

    def on_end(self, trailers: bytes = b"") -> None:
        """The body has ended."""
        del trailers
        self._complete()

    def on_upgrade(self, response: Response, data: bytes) -> None:
        """It switched protocols: there is nobody to talk to it."""
        self.keep_head(response, data)
        self.outcome = UPGRADED
        self._finish(broken=True)

    def on_failure(self, failure: Failure, detail: str) -> None:
        """No whole answer: once more where only an idle connection was dead, else that is the outcome."""
        del detail
        endpoint, upstream = self._endpoint, self._upstream
        if endpoint is None:  # the pool had nothing to offer
            self.refusal = failure
            self.end(NOT_ASKED, failure.error)
            self._mirror.on_answer(self)
            return
        spoke = upstream is not None and upstream.spoke
        reused, self._reused = self._reused, False
        self._let_go(broken=True)
        if failure is errors.CONNECTION_RESET and reused and not spoke:
            self._service.acquire(self, fresh=True)
            return
        if failure is errors.OUT_OF_RESOURCES:
            self.refusal = failure
        elif endpoint.breaker is not None:
            endpoint.breaker.record(False)
        self.end(FAILED, failure.error)
        self._mirror.on_answer(self)

    # the end

    def _complete(self) -> None:
        upstream = self._upstream
        broken = upstream is None or not upstream.reusable
        if self._mirror.body and upstream is not None and upstream.transport.get_write_buffer_size():
            broken = True  # it answered without reading: what is left would come before the next request
        self._finish(broken=broken)

    def _finish(self, *, broken: bool) -> None:
        """An answer of some kind came: whatever its status, the service is there."""
        endpoint = self._endpoint
        if endpoint is not None and endpoint.breaker is not None:
            endpoint.breaker.record(True)
        self._let_go(broken=broken)
        self.end()
        self._mirror.on_answer(self)

    def _let_go(self, *, broken: bool) -> None:
        endpoint, upstream = self._endpoint, self._upstream
        self._endpoint = None
        self._upstream = None
        if endpoint is None:
            return
        if upstream is None:
            if not self._connecting:
                return
            self._connecting = False  # the attempt goes on without us and gives its connection to the pool
            return
        upstream.exchange = None
        if broken:
            self._service.discard(endpoint, upstream)
        else:
            self._service.release(endpoint, upstream)
