"""An upstream for bodies of a gibibyte: `python -m benchmarks.bulk_server PORT`.

GET /bulk/N answers N bytes, paced by the reader. POST /bulk reads and discards; with /bulk/stall it stops reading for
a second after the first 64 MiB, which is when a proxy without backpressure starts to collect the body.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

CHUNK = bytes(256 * 1024)
STALL_AFTER_BYTES = 64 * 1024 * 1024
STALL_S = 1.0
READ_BYTES = 256 * 1024


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection: requests one after the other until the client closes."""
    try:
        while head := await _read_head(reader):
            method, path, length = head
            if method == "GET" and path.startswith("/bulk/"):
                await _send(writer, int(path.rsplit("/", 1)[1]))
            else:
                await _discard(reader, length, stall=path.endswith("/stall"))
                await _answer(writer, b"stored\n")
    except ConnectionError:
        pass
    finally:
        writer.close()


async def _read_head(reader: asyncio.StreamReader) -> tuple[str, str, int] | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return method, path, int(fields.get("content-length", "0"))


async def _send(writer: asyncio.StreamWriter, size: int) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % size)
    left = size
    while left:
        writer.write(CHUNK[:left])
        left -= min(left, len(CHUNK))
        await writer.drain()


async def _discard(reader: asyncio.StreamReader, length: int, *, stall: bool) -> None:
    seen = 0
    while seen < length:
        part = await reader.read(min(READ_BYTES, length - seen))
        if not part:
            raise ConnectionResetError
        seen += len(part)
        if stall and seen >= STALL_AFTER_BYTES:
            stall = False
            await asyncio.sleep(STALL_S)


async def _answer(writer: asyncio.StreamWriter, body: bytes) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


async def _main(port: int) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", port, limit=READ_BYTES, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1])))
