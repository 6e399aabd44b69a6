"""A client that sends the bytes it is given, cut where it is told, and reads the answers with an independent parser."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import h11

from support.upstream_script import reset_on_close
from support.waits import turns

Address = tuple[str, int]

_FIELD_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t]*[^\x00\r\n]*\r\n\Z")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] [1-5][0-9][0-9] [^\x00\r\n]*\r\n\Z")


class NotHttp(AssertionError):
    """The proxy sent what is no valid HTTP/1.1."""


@dataclass
class Reply:
    """One final response.

    Attributes:
        status: its code.
        fields: lower-case names and values in order.
        body: decoded from its transfer coding.
        head: exact bytes of the head.
        informational: (status, fields) of the 1xx responses before it.
        trailers: lower-case names and values.
        complete: the end of the body came as the head had promised.
    """

    status: int
    fields: list[tuple[bytes, bytes]]
    head: bytes = b""
    body: bytes = b""
    informational: list[tuple[int, list[tuple[bytes, bytes]]]] = field(default_factory=list)
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    complete: bool = False

    def get(self, name: bytes) -> bytes | None:
        """The value of the one field of that name (lower case), None where there is none."""
        values = self.all(name)
        assert len(values) < 2, f"{name!r} came {len(values)} times: {values}"
        return values[0] if values else None

    def all(self, name: bytes) -> list[bytes]:
        """Every value of that name (lower case)."""
        return [value for other, value in self.fields if other == name]

    @property
    def says_close(self) -> bool:
        """Whether it announces the end of the connection."""
        return any(b"close" in value.lower() for value in self.all(b"connection"))


def parse_replies(data: bytes, methods: Sequence[bytes], *, closed: bool) -> list[Reply]:
    """All responses in `data` to requests of these methods, in order; the last may be incomplete.

    Args:
        data: everything the connection brought.
        methods: of the requests that were sent on it.
        closed: the connection is at its end, which completes a body that is delimited by close.

    Raises:
        NotHttp: the bytes are not what RFC 9112 allows a server to send.
    """
    replies: list[Reply] = []
    rest = data
    for method in methods:
        if not rest:
            return replies
        reply, rest = _parse_one(rest, method, closed=closed)
        if reply is not None:
            replies.append(reply)
        if reply is None or not reply.complete:
            return replies
    if rest:
        raise NotHttp(f"{len(rest)} bytes after the last response: {rest[:200]!r}")
    return replies


def _parse_one(data: bytes, method: bytes, *, closed: bool) -> tuple[Reply | None, bytes]:
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    upgrade = [(b"upgrade", b"any"), (b"connection", b"upgrade")]
    parser.send(h11.Request(method=method, target=b"/", headers=[(b"host", b"x"), *upgrade]))
    parser.send(h11.EndOfMessage())
    _check_heads(data)
    parser.receive_data(data)
    if closed:
        parser.receive_data(b"")
    informational: list[tuple[int, list[tuple[bytes, bytes]]]] = []
    reply: Reply | None = None
    while True:
        try:
            event = parser.next_event()
        except h11.RemoteProtocolError as error:
            if reply is not None and closed and "peer closed" in str(error):
                return reply, b""
            if not closed or data:
                raise NotHttp(f"{error}: {data[:300]!r}") from error
            return None, b""
        if isinstance(event, h11.InformationalResponse):
            if event.status_code == 101:
                reply = Reply(101, list(event.headers), _head_of(data, len(informational)), complete=True)
                reply.informational = informational
                return reply, parser.trailing_data[0]
            informational.append((event.status_code, list(event.headers)))
        elif isinstance(event, h11.Response):
            reply = Reply(event.status_code, list(event.headers), _head_of(data, len(informational)))
            reply.informational = informational
        elif isinstance(event, h11.Data):
            assert reply is not None
            reply.body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            assert reply is not None
            reply.trailers = list(event.headers)
            reply.complete = True
            rest = parser.trailing_data[0]
            if closed and not _framed(reply, method):
                rest = b""
            return reply, rest
        else:
            return reply, b""


def _framed(reply: Reply, method: bytes) -> bool:
    names = {name for name, _ in reply.fields}
    return bool(names & {b"content-length", b"transfer-encoding"}) or reply.status in {204, 304} or method == b"HEAD"


def _head_of(data: bytes, skip: int) -> bytes:
    start = 0
    for _ in range(skip):
        start = data.index(b"\r\n\r\n", start) + 4
    return data[start : data.index(b"\r\n\r\n", start) + 4]


def _check_heads(data: bytes) -> None:
    """h11 forgives a client's bare LF and folded lines; a proxy must not send them."""
    head, found, _ = data.partition(b"\r\n\r\n")
    if not found:
        return
    lines = (head + b"\r\n").splitlines(keepends=True) if b"\n" in head or b"\r" in head else [head + b"\r\n"]
    if _STATUS_LINE.match(lines[0]) is None:
        raise NotHttp(f"status line: {lines[0]!r}")
    for line in lines[1:]:
        if _FIELD_LINE.match(line) is None:
            raise NotHttp(f"field line: {line!r}")


class RawClient(asyncio.Protocol):
    """One client connection. Make it with `await RawClient.connect(address)`; use as an async context manager.

    Attributes:
        received: every byte that came.
        closed: the peer closed (or reset) the connection.
        was_reset: it did so with RST.
    """

    def __init__(self) -> None:
        self.received = bytearray()
        self.received_bytes = 0
        self.closed = False
        self.was_reset = False
        self.counting = False
        self.methods: list[bytes] = []
        self.transport: asyncio.Transport | None = None
        self._wakeup = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    @classmethod
    async def connect(cls, address: Address) -> RawClient:
        """A new connection to `address`."""
        _, protocol = await asyncio.get_running_loop().create_connection(cls, *address)
        return protocol

    async def __aenter__(self) -> RawClient:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.abort()
        await turns(1)

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.received_bytes += len(data)
        if not self.counting:
            self.received += data
        self._wakeup.set()

    def eof_received(self) -> bool:
        self.closed = True
        self._wakeup.set()
        return True

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self.was_reset = isinstance(exc, ConnectionResetError)
        self._wakeup.set()
        self._writable.set()

    # -- what tests use

    async def send(self, *pieces: bytes, turns_between: int = 3) -> None:
        """Write each piece and let the proxy read it before the next. What cannot be sent any more is dropped."""
        assert self.transport is not None
        for piece in pieces:
            await self._writable.wait()
            if self.transport.is_closing():
                return
            self.transport.write(piece)
            await turns(turns_between)

    async def request(self, raw: bytes, *more: bytes) -> Reply:
        """Send one request and return its final response (complete, or as far as it came before the close)."""
        self.methods.append(method_of(raw))
        await self.send(raw, *more)
        return await self.reply(len(self.methods))

    async def reply(self, number: int, deadline_s: float = 10.0) -> Reply:
        """The `number`th final response on this connection, from 1."""
        replies = await self.replies(number, deadline_s)
        if len(replies) < number:
            raise AssertionError(f"no response number {number}; closed={self.closed}, got {bytes(self.received)!r}")
        return replies[number - 1]

    async def replies(self, number: int, deadline_s: float = 10.0) -> list[Reply]:
        """The first `number` final responses, fewer where the connection ended before."""
        async with asyncio.timeout(deadline_s):
            while True:
                closed = self.closed
                replies = parse_replies(bytes(self.received), self.methods[:number], closed=closed)
                if closed or (len(replies) == number and replies[-1].complete):
                    return replies
                await self._more()

    async def until(self, needle: bytes, deadline_s: float = 10.0) -> bytes:
        """Everything received so far, once `needle` is in it."""
        async with asyncio.timeout(deadline_s):
            while needle not in self.received:
                if self.closed:
                    raise AssertionError(f"closed before {needle!r}: {bytes(self.received)!r}")
                await self._more()
        return bytes(self.received)

    async def until_closed(self, deadline_s: float = 10.0) -> bytes:
        """Everything received, once the peer has closed the connection."""
        async with asyncio.timeout(deadline_s):
            while not self.closed:
                await self._more()
        return bytes(self.received)

    async def until_bytes(self, count: int, deadline_s: float = 30.0) -> None:
        """Return once that many bytes have come."""
        async with asyncio.timeout(deadline_s):
            while self.received_bytes < count and not self.closed:
                await self._more()

    def pause(self) -> None:
        """Read no more from the socket."""
        assert self.transport is not None
        self.transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        assert self.transport is not None
        self.transport.resume_reading()

    def half_close(self) -> None:
        """Send FIN and go on reading."""
        assert self.transport is not None
        self.transport.write_eof()

    def abort(self) -> None:
        """Drop the connection."""
        assert self.transport is not None
        self.transport.abort()

    def reset(self) -> None:
        """Drop the connection with RST."""
        assert self.transport is not None
        reset_on_close(self.transport)
        self.transport.abort()

    async def _more(self) -> None:
        await self._wakeup.wait()
        if not self.closed:
            self._wakeup.clear()


def method_of(raw: bytes) -> bytes:
    """The method that the response is to be read for; GET where the request has none that is valid."""
    method = raw.split(b" ", 1)[0]
    return method if re.fullmatch(rb"[A-Z]{1,20}", method) and method != b"CONNECT" else b"GET"


@dataclass
class Outcome:
    """What one connection brought.

    Attributes:
        replies: final responses in order.
        closed: the proxy ended the connection (on its own, or as its last response had announced).
        raw: every byte received.
    """

    replies: list[Reply]
    closed: bool
    raw: bytes

    @property
    def statuses(self) -> list[int]:
        """Their codes."""
        return [reply.status for reply in self.replies]

    @property
    def status(self) -> int:
        """The code of the only response."""
        assert len(self.replies) == 1, self.statuses
        return self.replies[0].status


async def send_raw(
    address: Address, pieces: Sequence[bytes], methods: Sequence[bytes], *, deadline_s: float = 20.0
) -> Outcome:
    """Open a connection, send the pieces one by one, and read until every response is there and the close, if any."""
    async with await RawClient.connect(address) as client:
        client.methods = list(methods)
        await client.send(*pieces)
        replies = await client.replies(len(methods), deadline_s)
        if replies and (replies[-1].says_close or not replies[-1].complete):
            await client.until_closed(deadline_s)
        await turns()
        parse_replies(bytes(client.received), client.methods, closed=client.closed)
        return Outcome(replies, client.closed, bytes(client.received))
