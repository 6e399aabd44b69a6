"""The customers service: `/v2/customers` is its own API, `/compat/customers` answers as the monolith did."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from shop.customers.compat import old_contract
from shop.customers.store import Record, Store

STORE = web.AppKey("store", Store)
PAGE_ROWS = 25
NUMBER = r"{number:\d{1,9}}"


def make_app(origin: str, store: Path) -> web.Application:
    """The service on the `store` file; links in its answers start with `origin`."""

    async def open_store(app: web.Application) -> AsyncIterator[None]:
        app[STORE] = await Store.open(store)
        yield
        await app[STORE].close()

    async def get(request: web.Request) -> web.Response:
        return web.json_response(await _wanted(request))

    async def get_page(request: web.Request) -> web.Response:
        rows = await request.app[STORE].page(_whole(request.query.get("after", "0")), PAGE_ROWS)
        links = {"Link": f'<{origin}/v2/customers?after={rows[-1]["id"]}>; rel="next"'} if rows else None
        return web.json_response({"items": rows}, headers=links)

    async def get_compat(request: web.Request) -> web.Response:
        return web.json_response(old_contract(await _wanted(request)))

    async def get_compat_page(request: web.Request) -> web.Response:
        number = max(1, _whole(request.query.get("page", "1")))
        rows = await request.app[STORE].page((number - 1) * PAGE_ROWS, PAGE_ROWS)
        links = [f'<{origin}/compat/customers?page={number + 1}>; rel="next"'] if len(rows) == PAGE_ROWS else []
        if number > 1:
            links.append(f'<{origin}/compat/customers?page={number - 1}>; rel="prev"')
        body = {"PAGE_NO": str(number), "ROWS": [old_contract(row) for row in rows]}
        return web.json_response(body, headers={"Link": ", ".join(links)} if links else None)

    app = web.Application()
    app.cleanup_ctx.append(open_store)
    app.add_routes([web.get("/v2/customers", get_page), web.get(f"/v2/customers/{NUMBER}", get)])
    app.add_routes([web.get("/compat/customers", get_compat_page), web.get(f"/compat/customers/{NUMBER}", get_compat)])
    return app


async def _wanted(request: web.Request) -> Record:
    record = await request.app[STORE].get(int(request.match_info["number"]))
    if record is None:
        raise web.HTTPNotFound(text='{"error": "no such customer"}', content_type="application/json")
    return record


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
