"""What the shop's three servers have in common: arguments, a health check, their mark, a quiet end."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import WSCloseCode, WSMsgType, web

from shop.hub import Hub
from shop.ports import HOST

HEARTBEAT_S = 10.0
SHUTDOWN_TIMEOUT_S = 2.0

SOCKETS: web.AppKey[set[web.WebSocketResponse]] = web.AppKey("sockets")


def serve(name: str, make_app: Callable[[str, Path], web.Application]) -> None:
    """Run `make_app(origin, store)` on the port and the store file given on the command line until SIGTERM."""
    parser = argparse.ArgumentParser(prog=f"python -m shop.{name}")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True, help="SQLite file, made and filled when it is missing")
    options = parser.parse_args()
    options.store.parent.mkdir(parents=True, exist_ok=True)
    app = make_app(f"http://{HOST}:{options.port}", options.store)
    app[SOCKETS] = set()
    app.on_response_prepare.append(_mark(name))
    app.on_shutdown.append(_close_sockets)
    app.router.add_get("/healthz", _healthz)
    asyncio.run(_run(app, options.port))


async def _run(app: web.Application, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_TIMEOUT_S)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    print(f"listening on http://{HOST}:{port}", flush=True)
    await stop.wait()
    await runner.cleanup()


async def push_news(request: web.Request, hub: Hub) -> web.WebSocketResponse:
    """Answer with a WebSocket that sends the hub's news until the client goes."""
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S)
    await socket.prepare(request)
    open_sockets = request.app[SOCKETS]
    open_sockets.add(socket)
    with hub.listen() as news:
        sender = asyncio.create_task(_send_all(socket, news))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and message.data == "ping":
                    await socket.send_str("pong")
        finally:
            sender.cancel()
            open_sockets.discard(socket)
    return socket


async def _send_all(socket: web.WebSocketResponse, news: asyncio.Queue[dict[str, object]]) -> None:
    while not socket.closed:
        await socket.send_json(await news.get())


def _mark(name: str) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    async def mark(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers["X-Served-By"] = name

    return mark


async def _healthz(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _close_sockets(app: web.Application) -> None:
    sockets = app[SOCKETS]
    for socket in tuple(sockets):
        await socket.close(code=WSCloseCode.GOING_AWAY, message=b"shutting down")
