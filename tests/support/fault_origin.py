"""A server that misbehaves on request: the path says how.

Every request leaves a `Visit`, and the visit says how it ended, so a test can see that the proxy let go of it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import struct

#: What is sent for `/<name>`, and how the connection goes on: `keep`, `close`, `reset` or `hang`.
FAULTS: dict[str, tuple[bytes, str]] = {
    "ok": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "keep"),
    "hang-before-head": (b"", "hang"),
    "hang-in-head": (b"HTTP/1.1 200 OK\r\nX-Half: he", "hang"),
    "hang-in-body": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst half", "hang"),
    "hang-in-chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nfirst half", "hang"),
    "close-before-head": (b"", "close"),
    "close-in-head": (b"HTTP/1.1 200 OK\r\nX-Half: he", "close"),
    "close-in-body": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst half", "close"),
    "close-in-chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nfirst half", "close"),
    "close-between-chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nfirst half\r\n", "close"),
    "reset-before-head": (b"", "reset"),
    "reset-in-head": (b"HTTP/1.1 200 OK\r\nX-Half: he", "reset"),
    "reset-in-body": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst half", "reset"),
    "garbage": (b"\x16\x03\x01\x02\x00 this is not HTTP at all\r\n\r\n", "hang"),
    "garbage-in-chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nfirst half", "hang"),
    "garbage-after-chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n" + bytes(0x200000) + b"\r\nzz\r\n",
        "hang",
    ),
    "endless-head": (b"HTTP/1.1 200 OK\r\n" + b"X-More: 1\r\n" * 20_000, "hang"),
    "unasked-for": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        "keep",
    ),
    "unavailable": (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\ndown", "keep"),
    "missing": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone", "keep"),
    "healthz": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "keep"),
}


@dataclasses.dataclass
class Visit:
    """One request as the server saw it."""

    name: str
    method: str
    fields: dict[str, str]
    body_bytes: int = 0
    complete: bool = False
    let_go: bool = False


class FaultOrigin:
    """The server; `await start()` it on the loop that it is to live on.

    Attributes:
        name: sent as the body of `/who`, to tell several origins apart.
        visits: every request, oldest first.
        sick: while true, every request (health checks too) is answered 503.
        drop_next: while true, the next request's connection is reset instead of an answer; then false again.

    `/held` answers only after `release()`.
    """

    def __init__(self, name: str = "origin") -> None:
        self.name = name
        self.visits: list[Visit] = []
        self.sick = False
        self.drop_next = False
        self.connections = 0
        self.connections_most = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._release = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self, port: int = 0) -> FaultOrigin:
        """Listens on a port of the loopback: a free one, or the one it had before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port or self.port, limit=1 << 16)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Stops listening and resets every connection, as a killed process would."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            self._reset(writer)

    async def release(self) -> None:
        """Lets every `/held` request have its answer, those still to come included."""
        self._release.set()

    async def hold(self) -> None:
        """Makes `/held` wait again."""
        self._release.clear()

    def named(self, name: str) -> list[Visit]:
        """The visits of `/<name>`."""
        return [visit for visit in self.visits if visit.name == name]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.connections += 1
        self.connections_most = max(self.connections_most, self.connections)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.connections -= 1
            self._writers.discard(writer)
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serves one request; returns whether the connection goes on."""
        visit = await self._read_head(reader)
        self.visits.append(visit)
        try:
            await self._read_body(visit, reader)
            visit.complete = True
            return await self._answer(visit, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            visit.let_go = True
            raise

    async def _read_head(self, reader: asyncio.StreamReader) -> Visit:
        line, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        fields = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in rest if field)}
        name = target.partition("?")[0].strip("/").rpartition("/")[2]
        return Visit(name, method, fields)

    async def _read_body(self, visit: Visit, reader: asyncio.StreamReader) -> None:
        if visit.name in ("early", "early-close"):
            return
        if visit.fields.get("transfer-encoding") == "chunked":
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                await reader.readexactly(size + 2)
                visit.body_bytes += size
            await reader.readuntil(b"\r\n")
        left = int(visit.fields.get("content-length", 0))
        while left:
            piece = await reader.read(min(left, 1 << 16))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
            visit.body_bytes += len(piece)

    async def _answer(self, visit: Visit, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if visit.name == "held" and not await self._held(reader):
            visit.let_go = True
            return False
        if visit.name == "stream":
            await self._stream(writer)
        answer, then = self._script(visit)
        writer.write(answer)
        await writer.drain()
        if then == "hang":
            await self._until_gone(reader)
            visit.let_go = True
        elif then == "reset":
            self._reset(writer)
        return then == "keep"

    def _script(self, visit: Visit) -> tuple[bytes, str]:
        if self.drop_next:
            self.drop_next = False
            return FAULTS["reset-before-head"]
        if self.sick:
            return FAULTS["unavailable"]
        if visit.name in ("who", "held", "early", "early-close"):
            body = self.name.encode()
            then = "hang" if visit.name == "early-close" else "keep"
            status = b"413 Content Too Large" if visit.name.startswith("early") else b"200 OK"
            return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body), then
        return FAULTS.get(visit.name, FAULTS["missing"])

    async def _held(self, reader: asyncio.StreamReader) -> bool:
        """Waits for `release()`; false where the peer goes away first."""
        released = asyncio.ensure_future(self._release.wait())
        gone = asyncio.ensure_future(self._until_gone(reader))
        done, waiting = await asyncio.wait({released, gone}, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return released in done

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        """Sends a body without end; leaves by the exception of a connection that is gone."""
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        while True:
            writer.write(piece)
            await writer.drain()

    @staticmethod
    async def _until_gone(reader: asyncio.StreamReader) -> None:
        try:
            while await reader.read(1 << 16):
                pass
        except ConnectionError:
            pass

    @staticmethod
    def _reset(writer: asyncio.StreamWriter) -> None:
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
