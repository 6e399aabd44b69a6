"""A plain proxy of an aiohttp server and an aiohttp client on uvloop: `python -m benchmarks.peers.aiohttp_app`.

It is what one writes first in Python, and shows what the data plane of its own is for.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import aiohttp
import orjson
import uvloop
from aiohttp import web
from yarl import URL

HOP_BY_HOP = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "host"})
LOG_BLOCK_BYTES = 64 * 1024


class Proxy:
    """Forwards every request to one upstream and writes a JSON line for it."""

    def __init__(self, session: aiohttp.ClientSession, upstream: str, log: BinaryIO) -> None:
        self._session = session
        self._upstream = upstream
        self._log = log

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        begun = time.perf_counter()
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP]
        headers.append(("X-Forwarded-For", request.remote or ""))
        url = URL(self._upstream + request.raw_path, encoded=True)
        data = request.content if request.can_read_body else None
        async with self._session.request(
            request.method, url, headers=headers, data=data, allow_redirects=False
        ) as upstream:
            response = web.StreamResponse(status=upstream.status, reason=upstream.reason)
            for name, value in upstream.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    response.headers.add(name, value)
            await response.prepare(request)
            sent = 0
            async for chunk in upstream.content.iter_any():
                sent += len(chunk)
                await response.write(chunk)
            await response.write_eof()
        self._write_line(request, response.status, sent, time.perf_counter() - begun)
        return response

    def _write_line(self, request: web.Request, status: int, sent: int, total_s: float) -> None:
        line = {
            "timestamp": datetime.now(UTC).isoformat(),
            "event": "request.completed",
            "method": request.method,
            "host": request.host,
            "path": request.raw_path,
            "status": status,
            "bytes_out": sent,
            "total_ms": round(total_s * 1000, 3),
            "client_ip": request.remote,
        }
        self._log.write(orjson.dumps(line) + b"\n")


async def _main(port: int, upstream_port: int, log: BinaryIO, pool: int) -> None:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60, limit_per_host=pool)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        proxy = Proxy(session, f"http://127.0.0.1:{upstream_port}", log)
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", proxy.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    _, given_port, given_upstream, given_log, given_pool = sys.argv
    with Path(given_log).open("ab", buffering=LOG_BLOCK_BYTES) as opened:
        uvloop.run(_main(int(given_port), int(given_upstream), opened, int(given_pool)))
