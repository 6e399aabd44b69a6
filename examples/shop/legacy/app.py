"""Puts the monolith together: the store, the templates, the middleware and one list of every URL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from shop.hub import Hub
from shop.legacy import erp, feeds, invoices, pages, returns, soap
from shop.legacy.context import HUB, ORIGIN, STORE, TEMPLATES, make_templates
from shop.legacy.session import session_middleware
from shop.legacy.store import Store

HERE = Path(__file__).parent
UPLOAD_BYTES_MAX = 8 * 1024 * 1024
COMPRESSED_TYPES = frozenset({"text/html", "application/json", "text/xml"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(origin: str, store: Path) -> web.Application:
    """The monolith as it is served at `origin` (it believes that its clients see that name), on the `store` file."""
    app = web.Application(middlewares=[compress_middleware, session_middleware], client_max_size=UPLOAD_BYTES_MAX)
    app[ORIGIN] = origin
    app[STORE] = Store(store)
    app[HUB] = Hub()
    app[TEMPLATES] = make_templates(HERE / "templates")
    app.on_cleanup.append(_close_store)
    app.add_routes([*pages.ROUTES, *returns.ROUTES, *erp.ROUTES, *invoices.ROUTES, *soap.ROUTES, *feeds.ROUTES])
    app.router.add_static("/static", HERE / "static")
    return app


@web.middleware
async def compress_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Gzip for whole documents; streams and files go as they are."""
    response = await handler(request)
    if isinstance(response, web.Response) and response.content_type in COMPRESSED_TYPES:
        response.headers["Vary"] = "Accept-Encoding"
        response.enable_compression()
    return response


async def _close_store(app: web.Application) -> None:
    app[STORE].close()
