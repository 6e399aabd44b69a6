"""The orders service: `/v2/orders` with its feed is its own API, `/compat` answers as the monolith did."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from shop import seed
from shop.hub import Hub
from shop.orders.compat import old_contract
from shop.orders.invoices import invoice
from shop.orders.store import Record, Store
from shop.serving import push_news

STORE = web.AppKey("store", Store)
HUB = web.AppKey("hub", Hub)
WRITES = web.AppKey("writes", asyncio.Lock)
ITEMS = {item.sku: item for item in seed.ITEMS}
NUMBER = r"{number:\d{1,9}}"
NEWEST_ROWS = 25


def make_app(origin: str, store: Path) -> web.Application:
    """The service on the `store` file; Location headers start with `origin`."""

    async def open_store(app: web.Application) -> AsyncIterator[None]:
        app[STORE] = await Store.open(store)
        yield
        await app[STORE].close()

    async def place(request: web.Request) -> web.Response:
        record = await _placed(request)
        request.app[HUB].publish({"type": "order", "id": record["id"], "total_cents": record["total_cents"]})
        return web.json_response(record, status=201, headers={"Location": f"{origin}/v2/orders/{record['id']}"})

    app = web.Application()
    app[HUB], app[WRITES] = Hub(), asyncio.Lock()
    app.cleanup_ctx.append(open_store)
    app.add_routes([web.get("/v2/orders", newest), web.post("/v2/orders", place), web.get("/v2/orders/feed", feed)])
    app.add_routes([web.get(f"/v2/orders/{NUMBER}", get), web.get(f"/compat/orders/{NUMBER}", get_compat)])
    app.add_routes([web.get(f"/compat/invoices/{NUMBER}", get_invoice)])
    return app


async def newest(request: web.Request) -> web.Response:
    """The newest orders."""
    return web.json_response({"items": await request.app[STORE].newest(NEWEST_ROWS)})


async def get(request: web.Request) -> web.Response:
    """One order."""
    return web.json_response(await _wanted(request))


async def get_compat(request: web.Request) -> web.Response:
    """One order, as the monolith's clients know it."""
    return web.json_response(old_contract(await _wanted(request)))


async def get_invoice(request: web.Request) -> web.Response:
    """The invoice of one order, as the monolith's clients will know it."""
    return web.json_response(invoice(await _wanted(request)))


async def feed(request: web.Request) -> web.WebSocketResponse:
    """WebSocket: one message per order placed here."""
    return await push_news(request, request.app[HUB])


async def _wanted(request: web.Request) -> Record:
    record = await request.app[STORE].get(int(request.match_info["number"]))
    if record is None:
        raise web.HTTPNotFound(text='{"error": "no such order"}', content_type="application/json")
    return record


async def _placed(request: web.Request) -> Record:
    try:
        body = json.loads(await request.text())
        customer = int(body["customer_id"])
        wanted = [(ITEMS[line["sku"]], int(line["quantity"])) for line in body["lines"]]
    except (ValueError, KeyError, TypeError) as error:
        raise web.HTTPBadRequest(text=json.dumps({"error": repr(error)}), content_type="application/json") from error
    async with request.app[WRITES]:  # one connection has one transaction at a time
        number = await request.app[STORE].place(customer, wanted)
    return await request.app[STORE].get(number) or {}
