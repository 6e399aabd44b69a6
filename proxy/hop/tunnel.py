"""A connection after 101: bytes pass both ways, unread, with backpressure, until either side closes."""

from __future__ import annotations

from asyncio import Transport
from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from proxy.hop.client import Client
    from proxy.hop.exchange import Exchange
    from proxy.hop.upstream import Upstream


#: How long a side that is closed may take to read what was written for it.
CLOSE_S: Final = 5.0


class Tunnel:
    """Two transports joined. The client's and the service's protocols hand their events to it.

    Attributes:
        bytes_in: from the client.
        bytes_out: to the client.
        last_s: monotonic time of the last byte either way.
    """

    __slots__ = ("_client", "_closed", "_exchange", "_half_closed", "_upstream", "bytes_in", "bytes_out", "last_s")

    def __init__(self, exchange: Exchange, client: Client, upstream: Upstream) -> None:
        self._exchange = exchange
        self._client = client
        self._upstream = upstream
        self._closed = False
        self._half_closed = False
        self.bytes_in = 0
        self.bytes_out = 0
        self.last_s = monotonic()

    def from_client(self, data: bytes) -> None:
        """Bytes from the client, for the service."""
        self.bytes_in += len(data)
        self.last_s = monotonic()
        self._upstream.transport.write(data)

    def from_service(self, data: bytes) -> None:
        """Bytes from the service, for the client."""
        self.bytes_out += len(data)
        self.last_s = monotonic()
        self._client.transport.write(data)

    def half_close(self, other: Transport) -> bool:
        """One side said it will send no more: tell the other. True keeps the first side's transport open."""
        if self._closed or self._half_closed or other.is_closing() or not other.can_write_eof():
            self.close()
            return False
        self._half_closed = True
        other.write_eof()
        return True

    def client_eof(self) -> bool:
        """The client will send no more."""
        return self.half_close(self._upstream.transport)

    def service_eof(self) -> bool:
        """The service will send no more."""
        return self.half_close(self._client.transport)

    def close(self) -> None:
        """End both sides, once; bytes already accepted are still sent, to a side that reads within `CLOSE_S`."""
        if self._closed:
            return
        self._closed = True
        loop = self._client.plane.loop
        for transport in (self._client.transport, self._upstream.transport):
            unsent = not transport.is_closing() and transport.get_write_buffer_size() > 0
            transport.close()
            if unsent:
                loop.call_later(CLOSE_S, transport.abort)
        self._exchange.tunnel_closed(self.bytes_in, self.bytes_out)
