"""A connection to a service: writes one request at a time, reads its response, and goes back to its pool."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Final, cast

import structlog

from proxy.hop import errors
from proxy.hop.block import CHUNKED
from proxy.hop.errors import Failure, ResponseRefused
from proxy.hop.framing import ChunkedDecoder, ChunkError
from proxy.hop.response import UNTIL_CLOSE, Response, parse_response

if TYPE_CHECKING:
    from proxy.hop.caller import Caller
    from proxy.hop.pool import Endpoint
    from proxy.hop.tunnel import Tunnel

#: Most bytes of a response head.
HEAD_BYTES_MAX: Final = 64 * 1024
#: The part of a read that is body is copied up to this size; beyond it, pointing into the read is cheaper.
COPY_BYTES_MAX: Final = 8 * 1024
#: Most 1xx responses before the final one.
INTERIM_MAX: Final = 16

log = structlog.get_logger()

_SWITCHING: Final = 101
_FINAL: Final = 200


class Upstream(asyncio.Protocol):
    """The service's side of the hop.

    Attributes:
        endpoint: where it leads, and whose pool it returns to.
        transport: of the connection, from `connection_made` on.
        exchange: whose request is under way, None while idle. A client's exchange or a mirror's ask.
        tunnel: set once the connection was switched to another protocol.
        spoke: a byte of the current response has come, so that the request must not be sent again.
        reusable: the response under way leaves the connection fit for another request.
        served: requests before this one on this connection.
        idle_since: monotonic time at which it became idle.
    """

    __slots__ = (  # noqa: RUF023 - by lifetime
        # of the connection
        "_ended",
        "_last",
        "_last_head",
        "endpoint",
        "idle_since",
        "served",
        "transport",
        "tunnel",
        # of the request
        "_buffer",
        "_decoder",
        "_interims",
        "_left",
        "_response",
        "exchange",
        "reusable",
        "spoke",
    )

    transport: asyncio.Transport

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.exchange: Caller | None = None
        self.tunnel: Tunnel | None = None
        self.idle_since = 0.0
        self.served = 0
        self._ended = False
        self._last_head = b""
        self._last: Response | None = None
        self._reset()

    def _reset(self) -> None:
        self.spoke = False
        self.reusable = False
        self._buffer = b""
        self._interims = 0
        self._left = 0
        self._decoder: ChunkedDecoder | None = None
        self._response: Response | None = None

    def send(self, exchange: Caller, data: bytes) -> None:
        """Start a request: its head and what there is of its body."""
        if self.served:
            self._reset()
        self.served += 1
        self.exchange = exchange
        self.transport.write(data)

    def drop(self) -> None:
        """Forget the exchange and close at once: what else comes is nobody's."""
        self.exchange = None
        self.transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands; TLS, where there is any, has been verified."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of a response, of a tunnel, or that nobody asked for."""
        if self.tunnel is not None:
            self.tunnel.from_service(data)
            return
        if self.exchange is None:
            self.transport.abort()  # bytes without a request: the next response would be the wrong one
            return
        try:
            if self._response is None:
                self._read_head(self.exchange, data)
            else:
                self._read_body(self.exchange, data)
        except ResponseRefused as refused:
            self._fail(refused.failure, refused.detail)
        except ChunkError as error:
            self._fail(errors.BAD_RESPONSE, str(error))
        except Exception:
            log.exception("response.handling.failed", service=self.endpoint.service.model.name)
            self._fail(errors.INTERNAL, "a defect of the proxy; its log tells more")

    def eof_received(self) -> bool:
        """The service will send no more."""
        self._ended = True  # over TLS this is a close_notify: without it, somebody else may have cut the stream
        return self.tunnel.service_eof() if self.tunnel is not None else False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, cleanly or not."""
        self.endpoint.lost(self)
        if self.tunnel is not None:
            self.tunnel.close()
            return
        exchange = self.exchange
        if exchange is None:
            return
        response = self._response
        if response is not None and response.length == UNTIL_CLOSE and exc is None and self._ended:
            self.exchange = None
            exchange.on_end()
        elif isinstance(exc, ssl.SSLError):
            self._fail(errors.TLS_ALERT, "perhaps it asks for a client certificate")
        else:
            self._fail(errors.CONNECTION_RESET, "before the response was complete" if self.spoke else "unanswered")

    def pause_writing(self) -> None:
        """The service reads too slowly."""
        if self.exchange is not None:
            self.exchange.pause_sending()

    def resume_writing(self) -> None:
        """The service has caught up."""
        if self.exchange is not None:
            self.exchange.resume_sending()

    # reading

    def _read_head(self, exchange: Caller, data: bytes) -> None:
        self.spoke = True
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        while data:
            last = self._last
            if last is not None and data.startswith(self._last_head) and exchange.request.method != b"HEAD":
                self._start_body(exchange, last, data, len(self._last_head))  # the same bytes mean the same
                return
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:  # noqa: PLR2004 - not found
                self._keep_head(data)
                return
            if end > HEAD_BYTES_MAX:
                raise ResponseRefused("the head is longer than the proxy takes", errors.RESPONSE_TOO_LARGE)
            head = data[:end]
            response = parse_response(head, exchange.request.method)
            if response.status >= _FINAL:
                if exchange.request.method != b"HEAD":
                    self._last_head = head
                    self._last = response
                self._start_body(exchange, response, data, end)
                return
            data = data[end:]
            if response.status == _SWITCHING:
                self._switch(exchange, response, data)
                return
            self._interims += 1
            if self._interims > INTERIM_MAX:
                raise ResponseRefused("too many interim responses")
            exchange.on_interim(response)

    def _keep_head(self, data: bytes) -> None:
        if len(data) > HEAD_BYTES_MAX:
            raise ResponseRefused("the head is longer than the proxy takes", errors.RESPONSE_TOO_LARGE)
        if not data.startswith(b"HTTP/1."[: len(data)]):
            raise ResponseRefused("what came is not an HTTP/1 response")
        self._buffer = data

    def _switch(self, exchange: Caller, response: Response, data: bytes) -> None:
        if exchange.request.block.upgrade is None or response.upgrade is None:
            raise ResponseRefused("101 to a request that asked for no upgrade", errors.UPGRADE_FAILED)
        exchange.on_upgrade(response, data)

    def _start_body(self, exchange: Caller, response: Response, read: bytes, start: int) -> None:
        """The head is complete: what was read from `start` on is body."""
        self._response = response
        self.reusable = response.reusable
        length = response.length
        if length >= 0:
            size = len(read) - start
            data = read[start:] if size <= COPY_BYTES_MAX else memoryview(read)[start:]
            if size > length:
                self.reusable = False  # more bytes than its length: never another response on this connection
                data = data[:length]
                size = length
            self._left = length - size
            exchange.on_response(response, data, ended=self._left == 0)
        elif length == CHUNKED:
            self._decoder = decoder = ChunkedDecoder()
            pieces = decoder.feed(read[start:])
            if decoder.rest:
                self.reusable = False
            exchange.on_response(response, b"".join(pieces), ended=decoder.done, trailers=decoder.trailers)
        else:
            exchange.on_response(response, read[start:], ended=False)

    def _read_body(self, exchange: Caller, data: bytes) -> None:
        decoder = self._decoder
        if decoder is not None:
            self._read_chunks(exchange, decoder, data)
            return
        response = cast("Response", self._response)
        if response.length == UNTIL_CLOSE:
            exchange.on_body(data)
            return
        size = len(data)
        left = self._left - size
        if left < 0:
            self.reusable = False
            data = data[:left]
        self._left = max(left, 0)
        if left <= 0:
            exchange.on_body_and_end(data)
        else:
            exchange.on_body(data)

    def _read_chunks(self, exchange: Caller, decoder: ChunkedDecoder, data: bytes) -> None:
        pieces = decoder.feed(data)
        if pieces:
            exchange.on_body(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if decoder.done and self.exchange is exchange:
            if decoder.rest:
                self.reusable = False
            exchange.on_end(decoder.trailers)

    def _fail(self, failure: Failure, detail: str) -> None:
        exchange = self.exchange
        self.exchange = None
        if not self.transport.is_closing():
            self.transport.abort()
        if exchange is not None:
            exchange.on_failure(failure, detail)
