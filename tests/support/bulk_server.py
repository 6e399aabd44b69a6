"""A server that makes and swallows gigabytes: raw asyncio on uvloop, a hash of what went by.

`GET /bytes/N` answers N bytes (each MiB starts with its own number, so order matters), `?chunked` without a length.
`PUT` or `POST` anything answers `{"bytes": …, "sha256": …}` of the body. Run as a script it prints its port.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import random
import sys
from collections.abc import Iterator
from typing import cast

import httptools
import uvloop

BLOCK_BYTES = 1 << 20
SLICE_BYTES = 1 << 17
_FILLER = random.Random(20).randbytes(BLOCK_BYTES)


def blocks(total: int) -> Iterator[bytes]:
    """The body of `/bytes/<total>` in blocks of a MiB; every block differs from the others."""
    for number in range(0, total, BLOCK_BYTES):
        block = number.to_bytes(8, "big") + _FILLER[8:]
        yield block[: min(BLOCK_BYTES, total - number)]


@functools.cache
def digest(total: int) -> str:
    """The hexadecimal SHA-256 of `/bytes/<total>`."""
    whole = hashlib.sha256()
    for block in blocks(total):
        whole.update(block)
    return whole.hexdigest()


class BulkProtocol(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.parser = httptools.HttpRequestParser(self)
        self.can_write = asyncio.Event()
        self.can_write.set()
        self.sending: asyncio.Task[None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        self.can_write.set()
        if self.sending is not None:
            self.sending.cancel()

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def pause_writing(self) -> None:
        self.can_write.clear()

    def resume_writing(self) -> None:
        self.can_write.set()

    def on_message_begin(self) -> None:
        self.target = b""
        self.hash = hashlib.sha256()
        self.bytes = 0

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"expect":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self.hash.update(body)
        self.bytes += len(body)

    def on_message_complete(self) -> None:
        if self.parser.get_method() in (b"PUT", b"POST"):
            body = json.dumps({"bytes": self.bytes, "sha256": self.hash.hexdigest()}).encode()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        else:
            path, _, query = self.target.partition(b"?")
            size = int(path.rpartition(b"/")[2] or 0)
            self.sending = asyncio.ensure_future(self._send(size, chunked=query == b"chunked"))

    async def _send(self, size: int, *, chunked: bool) -> None:
        framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
        self.transport.write(b"HTTP/1.1 200 OK\r\n%s\r\n\r\n" % framing)
        for block in blocks(size):
            for start in range(0, len(block), SLICE_BYTES):
                await self.can_write.wait()
                piece = block[start : start + SLICE_BYTES]
                self.transport.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.transport.write(b"0\r\n\r\n")


async def serve() -> None:
    """Serves on a free port of the loopback until standard input ends, so it never outlives the test."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(BulkProtocol, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(serve())
