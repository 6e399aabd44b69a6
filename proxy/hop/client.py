"""What a client says on its connection: requests, one at a time and in order, each with its answer.

```
          first byte              head complete                 answered
  idle ──────────────► head ─────────────────► exchange ──────────────────► idle, lingering, tunnel or closed
```
While an exchange is under way, bytes of the next request are kept and reading stops: a client that pipelines gets its
answers in order, and cannot make the proxy remember more than `limits.pipeline_max` requests or one read.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

import structlog

from proxy.hop import errors
from proxy.hop.account import account_answered
from proxy.hop.admission import check_length, decide, identify, learn
from proxy.hop.block import Block
from proxy.hop.connection import LINGER_S, Connection
from proxy.hop.errors import Failure, RequestRefused
from proxy.hop.exchange import DRAIN_BYTES_MAX, Exchange
from proxy.hop.framing import ChunkError
from proxy.hop.heads import Heads
from proxy.hop.intake import Intake
from proxy.hop.problem import ALLOW, problem_for
from proxy.hop.request import Request, parse_request

if TYPE_CHECKING:
    from proxy.hop.listener import Listener
    from proxy.hop.plane import DataPlane
    from proxy.hop.tunnel import Tunnel

log = structlog.get_logger()

_FOREVER: Final = float("inf")


class Client(Connection):
    """Cuts what its connection brings into requests, starts an exchange for each, answers where none comes of it."""

    __slots__ = (  # noqa: RUF023 - by lifetime
        # of the connection
        "_block",
        "_heads",
        # of the request
        "_drained_bytes",
        "_request",
    )

    def __init__(self, plane: DataPlane, listener: Listener) -> None:
        super().__init__(plane, listener)
        self._block: Block | None = None
        self._heads = Heads()
        self._request: Request | None = None
        self._drained_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Bytes of a request, of a tunnel, or of what nobody wants any more."""
        try:
            self._take(data)
        except Exception:
            log.exception("request.handling.failed", client_ip=self.peer.ip)
            self._give_up()

    def _take(self, data: bytes) -> None:
        if self.tunnel is not None:
            self.tunnel.from_client(data)
        elif self._lingering:
            self._discard(len(data))
        elif self._intake is not None:
            self._read_body(self._intake, data)
        elif self.exchange is not None:
            self._keep_for_later(data)
        else:
            self._read_head(data)

    # requests

    def _read_head(self, data: bytes) -> None:
        """Start every request whose head is complete, until one has to be waited for."""
        heads = self._heads
        bytes_max = self.plane.limits.header_bytes_max
        started = 0
        while data:
            if self.writing_paused:
                self._keep_for_later(data)  # a client that does not read its answers gets no more of them
                return
            begun = bool(heads)
            try:
                head, data = heads.cut(data, bytes_max)
            except RequestRefused as refused:
                self._request = None
                self.refuse(refused.failure, refused.detail)
                return
            if not head:
                if heads and not begun:
                    self.deadline_s = monotonic() + self.plane.limits.header_timeout
                return
            self._start(head)
            if not data or self._lingering or self.transport.is_closing():
                return
            started += 1
            if started >= self.plane.limits.pipeline_max and self._intake is None and self.exchange is None:
                self._keep_for_later(data)  # it is the turn of others
                self.plane.loop.call_soon(self._resume)
                return
            if self._intake is not None:
                self._read_body(self._intake, data)
                return
            if self.exchange is not None:
                self._keep_for_later(data)
                return

    def _keep_for_later(self, data: bytes) -> None:
        """Bytes after the request under way: of the next one, or for a tunnel that does not stand yet."""
        heads = self._heads
        heads.keep(data)
        limits = self.plane.limits
        if len(heads) > limits.header_bytes_max or heads.complete >= limits.pipeline_max:
            self.pause_reading()

    def _start(self, head: bytes) -> None:
        """One complete head: refuse it, or send it on."""
        plane = self.plane
        limits = plane.limits
        self._request = None
        self.deadline_s = _FOREVER
        try:
            request = parse_request(
                head, fields_max=limits.headers_max, target_bytes_max=limits.target_bytes_max, last=self._block
            )
            self._request = request
            block = request.block
            if block is not self._block:
                learn(block, self.peer, plane.token)
                self._block = block
            check_length(block, limits)
            if block.max_forwards == 0 and request.method == b"OPTIONS":
                self._answer_options(request)
                return
            decision = decide(request, self.peer, plane.table)
        except RequestRefused as refused:
            self.refuse(refused.failure, refused.detail)
            return
        request_id, trace_id, ids = identify(block)
        if decision.route.shadow is None:
            exchange = Exchange(self, request, decision)
            exchange.ids = ids
        else:
            exchange = plane.mirrors.exchange(self, request, decision, ids, request_id)
        self.exchange = exchange
        exchange.request_id = request_id
        exchange.trace_id = trace_id
        if block.length:
            self._intake = Intake(block, exchange.started_s)
        exchange.start()

    def _answer_options(self, request: Request) -> None:
        """OPTIONS with Max-Forwards: 0 is for us."""
        block = request.block
        keep_alive = block.keep_alive and block.length == 0 and not self.plane.draining
        tail = b"" if keep_alive else b"Connection: close\r\n"
        self.transport.write(b"HTTP/1.1 200 OK\r\nAllow: %b\r\nContent-Length: 0\r\n%b\r\n" % (ALLOW, tail))
        account_answered(self.plane, self.peer.ip, request, 200)
        self._between_requests(keep_alive=keep_alive)

    # bodies

    def _read_body(self, intake: Intake, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            self._drain_body(intake, data)
            return
        try:
            payload, rest = intake.feed(data, monotonic())
        except ChunkError as error:
            self._break_off(exchange, errors.BAD_REQUEST, str(error))
            return
        if payload:
            limit = self.plane.limits.body_bytes_max
            if limit is not None and exchange.bytes_in + len(payload) > limit:
                self._break_off(exchange, errors.BODY_TOO_LARGE, f"the body has more than {limit} bytes")
                return
            exchange.on_request_body(payload)
        if intake.done:
            self._intake = None
            if self.exchange is exchange:
                exchange.on_request_end(intake.trailers)
            if rest:
                self._after_body(rest)

    def _after_body(self, rest: bytes) -> None:
        if self.exchange is not None:
            self._keep_for_later(rest)
        elif not self._lingering and not self.transport.is_closing():
            self._read_head(rest)

    def _break_off(self, exchange: Exchange, failure: Failure, detail: str) -> None:
        """The request turned out to be bad while it was being sent on: the service sees it cut, never completed."""
        exchange.abandon(failure)
        if exchange.responding:
            self.cut()
        else:
            self.answer(exchange, failure, detail, close=True)

    def _drain_body(self, intake: Intake, data: bytes) -> None:
        """The answer came before the request was complete: read over the rest of it."""
        try:
            _, rest = intake.feed(data, monotonic())
        except ChunkError:
            self.transport.close()
            return
        self._discard(len(data))
        if intake.done and not self.transport.is_closing():
            self._intake = None
            self._between_requests(keep_alive=True)
            if rest:
                self._read_head(rest)

    def _discard(self, size: int) -> None:
        self._drained_bytes += size
        if self._drained_bytes > 2 * DRAIN_BYTES_MAX and not self._lingering:
            self.transport.close()

    def may_drain(self) -> bool:
        """Whether what is missing of the request under way is little enough to read over it."""
        return self._intake is None or self._intake.ends_within(DRAIN_BYTES_MAX)

    # answers

    def _give_up(self) -> None:
        """Answer for a defect of our own; what state it left is unknown, so that nothing else is served here."""
        exchange = self.exchange
        detail = "a defect of the proxy; its log tells more"
        if self.transport.is_closing():
            return
        if exchange is None:
            self.refuse(errors.INTERNAL, detail)
        else:
            self._break_off(exchange, errors.INTERNAL, detail)

    def refuse(self, failure: Failure, detail: str) -> None:
        """Answer a request that never became an exchange."""
        request = self._request
        # Only what is wrong with where a request goes leaves the connection's framing beyond doubt.
        known = failure.status in {404, 421, 508} and request is not None and request.block.length == 0
        keep_alive = known and request is not None and request.block.keep_alive and not self.plane.draining
        response = problem_for(request, failure, detail, keep_alive=keep_alive)
        account_answered(self.plane, self.peer.ip, request, failure.status, failure.error)
        self.transport.write(response)
        self._heads.take()
        self._between_requests(keep_alive=keep_alive)

    def answer(self, exchange: Exchange, failure: Failure, detail: str, *, close: bool = False) -> None:
        """Answer for a service that could not."""
        keep_alive = (
            not close
            and exchange.request.block.keep_alive
            and exchange.request.block.upgrade is None
            and not self.plane.draining
            and (exchange.request_done or self.may_drain())
        )
        response = problem_for(
            self._request,
            failure,
            detail,
            keep_alive=keep_alive,
            service=exchange.service.model.name,
            request_id=exchange.request_id,
        )
        self.transport.write(response)
        exchange.account_error(failure.status, len(response))
        self.exchange_done(exchange, keep_alive=keep_alive)

    def exchange_done(self, exchange: Exchange, *, keep_alive: bool) -> None:
        """The exchange's answer is written."""
        if self.exchange is not exchange:
            return
        self.exchange = None
        self._between_requests(keep_alive=keep_alive)

    def _between_requests(self, *, keep_alive: bool) -> None:
        """After an answer: read the rest of the request, the next request, or nothing more."""
        now = monotonic()
        self._drained_bytes = 0
        if not keep_alive:
            self._end(now)
            return
        if self.reading_paused:
            self.resume_reading()
        if self._intake is not None:
            self.deadline_s = now + LINGER_S
            return
        self.deadline_s = now + self.plane.limits.idle_timeout
        if self._heads:
            self.plane.loop.call_soon(self._resume)
        elif self._half_closed_s != _FOREVER:
            self.transport.close()

    def _go_on(self) -> None:
        """The client has read its answers: see whether it had sent more requests ahead."""
        if self._heads:
            self.resume_reading()
            self.plane.loop.call_soon(self._resume)

    def _resume(self) -> None:
        """Go on with the requests that the client had sent ahead."""
        if self.exchange is None and not self.transport.is_closing() and self._heads:
            self.resume_reading()
            self._read_head(self._heads.take())
            if self._half_closed_s != _FOREVER and self.exchange is None and not self._lingering:
                self.transport.close()

    def _end(self, now: float) -> None:
        """Close; where the client may still be sending, only after it had time to read the answer."""
        transport = self.transport
        if transport.is_closing():
            return
        sending = self._intake is not None or self._request is None or self._request.block.length
        if sending and self._linger(now):
            self._heads.take()
        else:
            transport.close()

    def switch(self, tunnel: Tunnel) -> None:
        """From here on bytes only pass; those the client sent too early go first."""
        self.tunnel = tunnel
        self.resume_reading()
        if self._heads:
            tunnel.from_client(self._heads.take())

    def _expire(self) -> None:
        if self._heads and not self._lingering and self._intake is None:
            self._request = None
            self.refuse(errors.REQUEST_TIMEOUT, "the request's head took longer than header_timeout")
        else:
            self.transport.close()
