"""Two services, legacy and new, that answer each path in the way its name says: the ground truth of a comparison."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import time
import uuid
from collections.abc import Callable

import brotli
from aiohttp import WSMsgType, web

from support.private_server import free_port

BODY = {"id": 7, "items": [{"sku": "fig", "price": 12.5}, {"sku": "ivy", "price": 3}], "note": "grün"}
MIB = 1 << 20


def page(value: object) -> bytes:
    return json.dumps(value).encode()


class ArmPair:
    """Serves both arms on one loop; `await start()`, then `legacy_url` and `new_url`.

    Attributes:
        asked: (arm, path, fields) of every request, in order.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self._ports = {"legacy": free_port(), "new": free_port()}
        self._runners: list[web.AppRunner] = []
        self._turns = itertools.count()

    @property
    def legacy_url(self) -> str:
        return f"http://127.0.0.1:{self._ports['legacy']}"

    @property
    def new_url(self) -> str:
        return f"http://127.0.0.1:{self._ports['new']}"

    async def start(self) -> ArmPair:
        for arm, port in self._ports.items():
            app = web.Application(client_max_size=32 * MIB)
            app.router.add_route("*", "/{path:.*}", self._handler(arm))
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            self._runners.append(runner)
        return self

    async def stop(self) -> None:
        for runner in self._runners:
            await runner.cleanup()

    def requests(self, arm: str, path: str) -> list[dict[str, str]]:
        """The fields of each request of that arm to that path."""
        return [fields for name, target, fields in self.asked if (name, target) == (arm, path)]

    def _handler(self, arm: str) -> Callable[[web.Request], object]:
        async def handle(request: web.Request) -> web.StreamResponse:
            self.asked.append((arm, request.path, dict(request.headers)))
            answer = getattr(self, "_" + request.path.strip("/").replace("-", "_"))
            response: web.StreamResponse = await answer(request, arm == "new")
            return response

        return handle

    async def _equal(self, request: web.Request, new: bool) -> web.StreamResponse:
        return web.Response(body=page(dict(reversed(BODY.items())) if new else BODY), content_type="application/json")

    async def _compressed(self, request: web.Request, new: bool) -> web.StreamResponse:
        body, coding = (brotli.compress(page(BODY)), "br") if new else (gzip.compress(page(BODY)), "gzip")
        return web.Response(body=body, headers={"Content-Encoding": coding}, content_type="application/json")

    async def _chunked(self, request: web.Request, new: bool) -> web.StreamResponse:
        if new:
            return web.Response(body=page(BODY), content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for piece in (page(BODY)[:10], page(BODY)[10:]):
            await response.write(piece)
        await response.write_eof()
        return response

    async def _empty(self, request: web.Request, new: bool) -> web.StreamResponse:
        return web.Response(body=b"")

    async def _head(self, request: web.Request, new: bool) -> web.StreamResponse:
        return web.Response(body=page(BODY), content_type="application/json")

    async def _no_content(self, request: web.Request, new: bool) -> web.StreamResponse:
        return web.Response(status=204)

    async def _not_modified(self, request: web.Request, new: bool) -> web.StreamResponse:
        return web.Response(status=304, headers={"ETag": '"a"'})

    async def _large(self, request: web.Request, new: bool) -> web.StreamResponse:
        return web.Response(body=b"x" * (10 * MIB), content_type="application/octet-stream")

    async def _large_within(self, request: web.Request, new: bool) -> web.StreamResponse:
        return web.Response(body=b"x" * (10 * MIB), content_type="application/octet-stream")

    async def _ruled(self, request: web.Request, new: bool) -> web.StreamResponse:
        return web.Response(body=page({**BODY, "at": next(self._turns)}), content_type="application/json")

    async def _rounded(self, request: web.Request, new: bool) -> web.StreamResponse:
        return web.Response(body=page({**BODY, "total": 10 if new else 9.99}), content_type="application/json")

    async def _moving(self, request: web.Request, new: bool) -> web.StreamResponse:
        """Another answer after the first one, so that legacy's second is new's: the state changed in between."""
        first = not new and len(self.requests("legacy", "/moving")) % 2 == 1
        return web.Response(body=page({**BODY, "stock": 5 if first else 4}), content_type="application/json")

    async def _noisy(self, request: web.Request, new: bool) -> web.StreamResponse:
        """Two places that are another value in every answer."""
        body = {**BODY, "request": str(uuid.uuid4()), "at": f"{time.time():.6f}"}
        return web.Response(body=page(body), content_type="application/json")

    async def _legacy_fails(self, request: web.Request, new: bool) -> web.StreamResponse:
        return web.Response(status=200 if new else 500, body=b"{}", content_type="application/json")

    async def _new_fails(self, request: web.Request, new: bool) -> web.StreamResponse:
        return web.Response(status=503 if new else 200, body=b"{}", content_type="application/json")

    async def _both_fail(self, request: web.Request, new: bool) -> web.StreamResponse:
        return web.Response(status=500, body=b"{}", content_type="application/json")

    async def _slow(self, request: web.Request, new: bool) -> web.StreamResponse:
        if new:
            await asyncio.sleep(20)
        return web.Response(body=page(BODY), content_type="application/json")

    async def _events(self, request: web.Request, new: bool) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: 1\n\n")
        return response

    async def _socket(self, request: web.Request, new: bool) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(message.data)
                break
        await socket.close()
        return socket

    async def _written(self, request: web.Request, new: bool) -> web.StreamResponse:
        await request.read()
        return web.Response(status=201, body=page(BODY), content_type="application/json")
