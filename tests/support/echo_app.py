"""An aiohttp application that says what reached it: the origin of the client tests."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web


class EchoOrigin:
    """Serves `/echo`, `/redirect`, `/login`, `/basket`, `/events`, `/upload`, `/download` and `/continue`.

    Attributes:
        name: given back by `/echo`, to tell several origins apart.
        host: the name it goes by in its URLs and cookies.
        streams_open: how many `/events` streams have a client.
        next_event: a permit for each event that `/events` may send.
        requests: how many requests came in.
    """

    def __init__(self, name: str = "origin", host: str = "127.0.0.1") -> None:
        self.name = name
        self.host = host
        self.port = 0
        self.scheme = "http"
        self.streams_open = 0
        self.requests = 0
        self.next_event = asyncio.Queue[str]()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self.scheme}://{self.host}:{self.port}"

    async def start(self, tls: ssl.SSLContext | None = None) -> EchoOrigin:
        """Listens on a free port of the loopback."""
        app = web.Application(middlewares=[self._count])
        app.router.add_route("GET", "/redirect", self._redirect)
        app.router.add_route("POST", "/redirect", self._redirect)
        app.router.add_get("/login", self._login)
        app.router.add_get("/basket", self._basket)
        app.router.add_get("/events", self._events)
        app.router.add_get(r"/{folder:(keyed/)?}download/{bytes}", self._download)
        app.router.add_route("*", "/refuse", self._refuse, expect_handler=self._refuse)
        app.router.add_route("*", "/{path:.*}", self._echo)
        self._runner = web.AppRunner(app, auto_decompress=False, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        self.scheme = "https" if tls else "http"
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        """Stops at once."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def send_event(self, text: str) -> None:
        """Lets one `/events` stream send one event."""
        await self.next_event.put(text)

    @web.middleware
    async def _count(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests += 1
        response: web.StreamResponse = await handler(request)
        return response

    async def _echo(self, request: web.Request) -> web.Response:
        digest = hashlib.sha256()
        size = 0
        async for piece in request.content.iter_any():
            digest.update(piece)
            size += len(piece)
        transport = request.transport
        assert transport is not None
        certificate = transport.get_extra_info("peercert") or {}
        answer = {
            "name": self.name,
            "method": request.method,
            "target": request.raw_path,
            "version": f"{request.version.major}.{request.version.minor}",
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.raw_headers],
            "body": {"bytes": size, "sha256": digest.hexdigest()},
            "client_certificate": [pair for part in certificate.get("subject", ()) for pair in part],
            "peer": transport.get_extra_info("peername")[1],
        }
        return web.json_response(answer, headers={"X-Origin": self.name})

    async def _redirect(self, request: web.Request) -> web.Response:
        """Redirects with the absolute URL of this very server, as legacy systems do."""
        status = int(request.query.get("status", "302"))
        return web.Response(status=status, headers={"Location": f"{self.url}/echo?from={request.method}"})

    async def _login(self, request: web.Request) -> web.Response:
        response = web.Response(text="welcome")
        response.set_cookie("session", "s-1", domain=self.host, path="/", httponly=True)
        response.set_cookie("theme", "dark", path="/basket")
        return response

    async def _basket(self, request: web.Request) -> web.Response:
        return web.json_response(dict(request.cookies))

    async def _refuse(self, request: web.Request) -> web.StreamResponse:
        """Answers before it has asked for the body."""
        return web.Response(status=403, text="no")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        self.streams_open += 1
        try:
            while (text := await self.next_event.get()) != "end":
                await response.write(f"data: {text}\n\n".encode())
        finally:
            self.streams_open -= 1
        return response

    async def _download(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            async for piece in _pieces(int(request.match_info["bytes"])):
                await response.write(piece)
        return response


async def _pieces(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, 1 << 16):
        yield bytes(min(1 << 16, size - start))
