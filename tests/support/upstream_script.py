"""A raw HTTP server that does what a test scripts, and remembers the exact bytes that reached it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import cast

import h11

from support.waits import turns

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

#: What is done with one connection, from accept to close.
Script = Callable[["Arrival"], Awaitable[None]]


class Gone(Exception):
    """The peer closed the connection before all that was waited for had come."""


class Arrival(asyncio.Protocol):
    """One accepted connection.

    Attributes:
        received: every byte that came, in order (empty while `counting`).
        received_bytes: how many there were.
        requests: the exact bytes of each whole request that `request()` returned.
        closed: the peer is gone, or we are.
        counting: throw bytes away and only count them (for large bodies).
    """

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.received = bytearray()
        self.received_bytes = 0
        self.requests: list[bytes] = []
        self.closed = False
        self.counting = False
        self.transport: asyncio.Transport | None = None
        self._start = 0
        self._wakeup = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Task[None] | None = None

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.upstream.arrivals.append(self)
        self._task = asyncio.get_running_loop().create_task(self._run())

    def data_received(self, data: bytes) -> None:
        self.received_bytes += len(data)
        if not self.counting:
            self.received += data
        self._wakeup.set()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._wakeup.set()
        self._writable.set()

    # -- what scripts use

    async def more(self) -> None:
        """Return when anything has come since the last call, or the peer is gone."""
        await self._wakeup.wait()
        if not self.closed:
            self._wakeup.clear()

    async def head(self) -> bytes:
        """The exact bytes of the next request's head. Its body is left for `rest()`."""
        while (end := self.received.find(b"\r\n\r\n", self._start)) < 0:
            await self._next_bytes()
        head = bytes(self.received[self._start : end + 4])
        self._start = end + 4
        return head

    async def until(self, needle: bytes) -> bytes:
        """The unread bytes up to and with `needle`."""
        while (end := self.received.find(needle, self._start)) < 0:
            await self._next_bytes()
        found = bytes(self.received[self._start : end + len(needle)])
        self._start = end + len(needle)
        return found

    async def request(self) -> bytes:
        """The exact bytes of the next whole request, as framed by h11.

        Raises:
            Gone: the peer closed first.
            h11.RemoteProtocolError: what came is no valid HTTP/1.1.
        """
        framer = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        start = fed = self._start
        while True:
            event = framer.next_event()
            if isinstance(event, h11.EndOfMessage):
                break
            if event is h11.NEED_DATA:
                if fed == len(self.received):
                    await self._next_bytes()
                framer.receive_data(bytes(self.received[fed:]))
                fed = len(self.received)
        self._start = fed - len(framer.trailing_data[0])
        raw = bytes(self.received[start : self._start])
        self.requests.append(raw)
        self.upstream.requests.append(raw)
        return raw

    @property
    def unread(self) -> bytes:
        """What came and was not yet returned by any of the above."""
        return bytes(self.received[self._start :])

    async def send(self, *pieces: bytes) -> None:
        """Write the pieces one by one, and let the reader run after each."""
        assert self.transport is not None
        for piece in pieces:
            await self._writable.wait()
            if self.closed or self.transport.is_closing():
                return
            self.transport.write(piece)
            await turns()

    async def gone(self) -> None:
        """Return when the peer has closed the connection; until then do nothing."""
        while not self.closed:
            await self.more()

    def pause(self) -> None:
        """Read no more from the socket, so that the sender's buffers fill."""
        assert self.transport is not None
        self.transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        assert self.transport is not None
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def close(self) -> None:
        """Close after what was sent."""
        assert self.transport is not None
        self.transport.close()

    def reset(self) -> None:
        """Close so that the peer sees ECONNRESET."""
        assert self.transport is not None
        reset_on_close(self.transport)
        self.transport.abort()

    async def _next_bytes(self) -> None:
        before = self.received_bytes
        while self.received_bytes == before:
            if self.closed:
                raise Gone
            await self.more()

    async def _run(self) -> None:
        try:
            await self.upstream.script(self)
        except Gone:
            pass
        except h11.RemoteProtocolError as error:
            self.upstream.refused.append((bytes(self.received), str(error)))
        except Exception as error:  # noqa: BLE001 - a script's own failure must fail the test, see Upstream.close
            self.upstream.failures.append(error)
        finally:
            if self.transport is not None:
                self.transport.close()

    async def finish(self) -> None:
        """Stop the script and drop the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self.transport is not None:
            self.transport.abort()


async def answer_ok(arrival: Arrival) -> None:
    """The script that serves unless a test sets another: 200 with two bytes, for ever."""
    while True:
        await arrival.request()
        await arrival.send(OK)


def answering(*pieces: bytes, then: str = "keep") -> Script:
    """A script that answers every request with the same pieces; `then` is keep, close, reset or hang."""

    async def script(arrival: Arrival) -> None:
        while True:
            await arrival.request()
            await arrival.send(*pieces)
            if then == "close":
                return
            if then == "reset":
                arrival.reset()
                return
            if then == "hang":
                await arrival.gone()
                return

    return script


class Upstream:
    """The server; one per test.

    Attributes:
        script: what is done with each connection that comes from now on.
        arrivals: every connection there was, oldest first.
        requests: exact bytes of every request read by `Arrival.request`, in order of completion.
        refused: (bytes, reason) of connections on which came what h11 does not accept. A test that expects it must
            take it out: on close it must be empty.
    """

    def __init__(self, script: Script = answer_ok) -> None:
        self.script: Script = script
        self.arrivals: list[Arrival] = []
        self.requests: list[bytes] = []
        self.refused: list[tuple[bytes, str]] = []
        self.failures: list[Exception] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Its URL, as for a configuration."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def authority(self) -> bytes:
        """Its host and port, as for a Host header."""
        return b"127.0.0.1:%d" % self.port

    @property
    def open_connections(self) -> int:
        """Connections that neither side has closed."""
        return sum(not arrival.closed for arrival in self.arrivals)

    @property
    def received_bytes(self) -> int:
        """Bytes that came, over all connections."""
        return sum(arrival.received_bytes for arrival in self.arrivals)

    async def start(self) -> None:
        """Listen on a port of its own."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Arrival(self), "127.0.0.1", self.port, backlog=2048)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop_listening(self) -> None:
        """Refuse new connections from now on; those that exist live on."""
        assert self._server is not None
        self._server.close()
        self._server = None
        await turns()

    async def close(self) -> None:
        """Drop everything.

        Raises:
            AssertionError: something reached this server that is no valid request, or a script failed.
        """
        if self._server is not None:
            self._server.close()
        for arrival in self.arrivals:
            await arrival.finish()
        await turns()
        if self.failures:
            raise self.failures[0]
        assert not self.refused, f"not a valid request reached the upstream: {self.refused[:3]}"

    def forget(self) -> None:
        """Empty the records; connections stay."""
        self.requests.clear()
        self.arrivals = [arrival for arrival in self.arrivals if not arrival.closed]


def reset_on_close(transport: asyncio.BaseTransport) -> None:
    """Make the transport's socket send RST instead of FIN when it is closed."""
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
