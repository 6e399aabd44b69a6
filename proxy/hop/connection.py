"""A client's connection: who is at its other end, how fast either side reads, and how and when it ends.

```
open ── the client half-closes ──► an answer under way goes on ──► closed
  ├──── nothing more to serve ───► lingering: read and thrown away for a while ──► closed
  ├──── an answer breaks off ────► reset
  └──── closed by us ────────────► what is written is sent, as long as the client reads ──► closed
```
What the bytes say is for `proxy.hop.client`, which is built on this. It is a base class and not an object of its own
because every read and every write would otherwise take one more step.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from abc import ABC, abstractmethod
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from proxy.hop import errors
from proxy.hop.forwarded import Peer
from proxy.hop.problem import problem_response

if TYPE_CHECKING:
    from proxy.hop.errors import Failure
    from proxy.hop.exchange import Exchange
    from proxy.hop.intake import Intake
    from proxy.hop.listener import Listener
    from proxy.hop.plane import DataPlane
    from proxy.hop.tunnel import Tunnel

#: How long a connection is read after its last answer, so that a reset does not lose it (RFC 9112 section 9.6).
LINGER_S: Final = 2.0

_FOREVER: Final = float("inf")


class Connection(asyncio.Protocol, ABC):
    """The client's side of the hop, as far as it does not matter what the bytes say.

    Attributes:
        plane: whose connection it is.
        peer: who is at its other end.
        transport: of the connection, from `connection_made` on.
        tunnel: set once the connection was switched to another protocol.
        exchange: the request under way, or None.
        deadline_s: monotonic time until which something has to come while no request is under way.
        reading_paused: reading is stopped because the service, or this proxy, cannot take more.
        writing_paused: writing has to wait because the client reads too slowly.
    """

    __slots__ = (  # noqa: RUF023 - by lifetime
        "__weakref__",
        # of the connection
        "_half_closed_s",
        "_lingering",
        "_listener",
        "_paused_left",
        "_paused_s",
        "deadline_s",
        "writing_paused",
        "peer",
        "plane",
        "transport",
        "tunnel",
        # of the request
        "_intake",
        "exchange",
        "reading_paused",
    )

    transport: asyncio.Transport
    peer: Peer

    def __init__(self, plane: DataPlane, listener: Listener) -> None:
        self.plane = plane
        self._listener = listener
        self.tunnel: Tunnel | None = None
        self.exchange: Exchange | None = None
        self.reading_paused = False
        self.writing_paused = False
        self.deadline_s = _FOREVER
        self._paused_s = 0.0
        self._paused_left = 0
        self._lingering = False
        self._half_closed_s = _FOREVER
        self._intake: Intake | None = None

    # what is made of the bytes

    @abstractmethod
    def _go_on(self) -> None:
        """The client has read its answers: see whether it had sent more requests ahead."""

    @abstractmethod
    def _break_off(self, exchange: Exchange, failure: Failure, detail: str) -> None:
        """Give up a request that turned out to be bad while it was being sent on."""

    @abstractmethod
    def _expire(self) -> None:
        """What had to come by `deadline_s` has not come."""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected, TLS included."""
        self.transport = cast("asyncio.Transport", transport)
        plane = self.plane
        name = transport.get_extra_info("peername")
        ip = name[0] if isinstance(name, tuple) else ""
        if ip.startswith("::ffff:") and "." in ip:
            ip = ip[7:]
        listener = self._listener
        self.peer = Peer(ip, trusted=plane.trusted, scheme=listener.scheme, port=listener.port)
        self.deadline_s = monotonic() + plane.limits.header_timeout
        if not plane.admit(self):
            refusal = problem_response(
                errors.TOO_MANY_CONNECTIONS, "try again later", wants_html=False, head_only=False, keep_alive=False
            )
            self.transport.write(refusal)
            self.transport.close()

    def eof_received(self) -> bool:
        """The client will send no more: it is gone, or it only waits for the answer (RFC 9112 section 9.6).

        The two look the same until something is written. So an answer goes on as long as there is something to write
        at least every `limits.half_close_timeout`.
        """
        if self.tunnel is not None:
            return self.tunnel.client_eof()
        if self.exchange is None or self._intake is not None or not self.transport.can_write_eof():
            return False
        self._half_closed_s = monotonic()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        del exc
        self.plane.forget(self)
        if self.tunnel is not None:
            self.tunnel.close()
        elif self.exchange is not None:
            exchange, self.exchange = self.exchange, None
            exchange.on_client_gone()

    def pause_writing(self) -> None:
        """The client reads too slowly: stop reading from the service."""
        self.writing_paused = True
        self._paused_s = monotonic()
        self._paused_left = self.transport.get_write_buffer_size()
        upstream = self.exchange.upstream if self.exchange is not None else None
        if upstream is not None and not upstream.transport.is_closing():
            upstream.transport.pause_reading()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.writing_paused = False
        exchange = self.exchange
        if exchange is None:
            self._go_on()
            return
        upstream = exchange.upstream
        if upstream is not None and not upstream.transport.is_closing():
            upstream.transport.resume_reading()

    # flow

    def pause_reading(self) -> None:
        """Read no more from the client for now."""
        if not self.reading_paused:
            self.reading_paused = True
            if self._intake is not None:
                self._intake.pause(monotonic())
            if not self.transport.is_closing():
                self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self.reading_paused:
            self.reading_paused = False
            if self._intake is not None:
                self._intake.resume(monotonic())
            if not self.transport.is_closing():
                self.transport.resume_reading()

    # the end

    def _linger(self, now_s: float) -> bool:
        """Send no more, and read for a while what the client may still send; False where that would be of no use."""
        transport = self.transport
        if self._half_closed_s != _FOREVER or not transport.can_write_eof():
            return False
        self._lingering = True
        self._intake = None
        self.deadline_s = now_s + LINGER_S
        transport.write_eof()
        if self.reading_paused:
            self.resume_reading()
        return True

    def cut(self) -> None:
        """End a response that cannot be completed, so that the client cannot take it for whole."""
        self.exchange = None
        sock = self.transport.get_extra_info("socket")
        if sock is not None and not self.transport.is_closing():
            # A reset: to a client that reads until the end of the connection, a clean end would look like success.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    # time

    def tick(self, now_s: float) -> None:
        """Look at the clock, at every sweep of the plane."""
        if self.transport.is_closing():
            self._closing(now_s)
            return
        tunnel = self.tunnel
        if tunnel is not None:
            if self.exchange is not None and now_s - tunnel.last_s > self.exchange.service.model.tunnel_idle_timeout_s:
                tunnel.close()
            return
        if self.writing_paused and self._stalled(now_s):
            self.transport.abort()
            return
        exchange = self.exchange
        if exchange is not None:
            if self._intake is not None and self._intake.too_slow(now_s, self.plane.limits):
                self._break_off(exchange, errors.REQUEST_TIMEOUT, "the body came slower than body_rate_min")
                return
            quiet_since = self._half_closed_s
            if exchange.responding:  # whatever is written to a client that is gone ends its connection
                quiet_since = max(quiet_since, exchange.deadline_s - exchange.service.model.idle_timeout_s)
            if now_s - quiet_since > self.plane.limits.half_close_timeout:
                self.transport.abort()
                return
            exchange.tick(now_s)
        elif now_s >= self.deadline_s:
            self._expire()

    def _closing(self, now_s: float) -> None:
        """What is written for a client is sent before its connection ends, as long as it reads."""
        if not self.writing_paused:
            self.writing_paused = True
            self._paused_s = now_s
            self._paused_left = self.transport.get_write_buffer_size()
        elif self._stalled(now_s):
            self.transport.abort()

    def _stalled(self, now_s: float) -> bool:
        """Whether the client has not read a byte for idle_timeout."""
        left = self.transport.get_write_buffer_size()
        if left < self._paused_left:
            self._paused_s = now_s
        self._paused_left = left
        return now_s - self._paused_s > self.plane.limits.idle_timeout
