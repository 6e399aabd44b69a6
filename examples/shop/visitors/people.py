"""What each kind of visitor does, one round of it; the traffic generator repeats them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Awaitable, Callable

from aiohttp import FormData

from shop import seed
from shop.clerk import CONFLICT
from shop.visitors.visit import Visit

PHOTO_BYTES = 256 * 1024
LISTEN_S = 8.0
INVOICES = 60
ENVELOPE = (
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
    '<GetStock xmlns="urn:shop:inventory"><ItemCode>{}</ItemCode></GetStock></soap:Body></soap:Envelope>'
)

Round = Callable[[Visit, random.Random], Awaitable[None]]


async def shopper(visit: Visit, dice: random.Random) -> None:
    """A person with a browser: looks around, logs in, buys, and watches the order being confirmed."""
    await visit.ask("pages", "/")
    style = await visit.ask("static", "/static/shop.css")
    again = {"If-None-Match": style.headers.get("ETag", "")}
    await visit.ask("static", "/static/shop.css", headers=again, expect={304})
    await visit.ask("static", "/static/plants.svg", headers={"Range": "bytes=0-99"}, expect={206})
    await visit.ask("pages", "/orders")
    account = {"email": f"customer{account_number(dice)}@example.com", "password": "fig"}
    mine = await visit.ask("pages", "/login", method="POST", data=account)
    if not mine.url.endswith("/orders"):
        raise visit.wrong("pages", f"logging in led to {mine.url}")
    for item in dice.sample(seed.ITEMS, 2):
        await visit.ask("pages", "/cart/add", method="POST", data={"item": item.sku, "quantity": "1"})
    thanks = await visit.ask("pages", "/checkout", method="POST")
    _, _, target = thanks.headers.get("Refresh", "").partition("url=")
    order = await visit.ask("pages", target or "/missing-refresh")
    if b"<h1 id=" not in order.body:
        raise visit.wrong("pages", f"the Refresh header led to {order.url}, which is no order")
    await visit.ask("pages", "/logout", method="POST")


def account_number(dice: random.Random) -> int:
    """A customer who can log in: the address of the one that clerks quarrel about is another one by then."""
    return dice.randrange(CONFLICT + 1, seed.CUSTOMERS)


async def partner(visit: Visit, dice: random.Random) -> None:
    """A program of a partner that speaks the monolith's JSON and follows its Link headers."""
    for _ in range(6):
        number = dice.randrange(1, seed.ORDERS + 1)
        answer = await visit.ask("orders", f"/api/orders/{number}")
        if visit.field("orders", answer, "ORD_NO") != f"{number:06}":
            raise visit.wrong("orders", f"asked for order {number} and got {answer.body[:80]!r}")
        await visit.ask("customers", f"/api/customers/{dice.randrange(1, seed.CUSTOMERS + 1)}")
    page = await visit.ask("customers", f"/api/customers?page={dice.randrange(1, 90)}")
    following, _, _ = page.headers.get("Link", "").removeprefix("<").partition(">")
    await visit.ask("customers", following or "/missing-link")
    line = {"ITEM_CD": dice.choice(seed.ITEMS).sku, "QTY": "2"}
    await visit.ask("writes", "/api/orders", method="POST", json={"CUST_NO": "000007", "LINES": [line]}, expect={201})


async def bookkeeper(visit: Visit, dice: random.Random) -> None:
    """A program that fetches invoices, the same few over and over."""
    for _ in range(10):
        number = dice.randrange(1, INVOICES + 1)
        answer = await visit.ask("invoices", f"/api/invoices/{number}")
        if visit.field("invoices", answer, "INV_NO") != f"R{number:06}":
            raise visit.wrong("invoices", f"asked for the invoice of order {number} and got {answer.body[:80]!r}")


async def new_client(visit: Visit, dice: random.Random) -> None:
    """A program that already speaks the new services' JSON."""
    order = {"customer_id": dice.randrange(1, seed.CUSTOMERS), "lines": [{"sku": "FIC-AUR", "quantity": 1}]}
    placed = await visit.ask("writes", "/v2/orders", method="POST", json=order, expect={201})
    await visit.ask("v2", placed.headers.get("Location", "/missing-location"))
    await visit.ask("v2", "/v2/orders")


async def warehouse(visit: Visit, dice: random.Random) -> None:
    """An old program that asks for stock in SOAP."""
    for item in dice.sample(seed.ITEMS, 3):
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": "urn:shop:inventory#GetStock"}
        envelope = ENVELOPE.format(item.sku).encode()
        answer = await visit.ask("soap", "/soap/inventory", method="POST", data=envelope, headers=headers)
        if item.sku.encode() not in answer.body:
            raise visit.wrong("soap", f"no stock of {item.sku} in {answer.body[:80]!r}")


async def office(visit: Visit, dice: random.Random) -> None:
    """Somebody who waits for the slow report, downloads the export, and uploads a photo."""
    report = await visit.ask("streams", "/reports/sales")
    if not report.body.endswith(b"END OF REPORT\n"):
        raise visit.wrong("streams", "the report has no end")
    export = await visit.ask("streams", "/export/customers.csv")
    if len(export.body.decode("latin-1").splitlines()) != seed.CUSTOMERS + 1:
        raise visit.wrong("streams", f"the export has {len(export.body)} bytes and not every customer")
    photo = dice.randbytes(PHOTO_BYTES)
    form = FormData()
    form.add_field("photo", photo, filename="leaf.jpg", content_type="image/jpeg")
    receipt = await visit.ask("uploads", "/returns", method="POST", data=form, headers={"Accept": "application/json"})
    if visit.field("uploads", receipt, "SHA_256") != hashlib.sha256(photo).hexdigest():
        raise visit.wrong("uploads", "the photo arrived changed")


async def ticker_watcher(visit: Visit, _dice: random.Random) -> None:
    """A wall display with the legacy ticker."""
    await visit.listen("sockets", "/ticker", LISTEN_S)


async def feed_watcher(visit: Visit, _dice: random.Random) -> None:
    """A program on the new orders feed."""
    await visit.listen("sockets", "/v2/orders/feed", LISTEN_S)


async def event_watcher(visit: Visit, _dice: random.Random) -> None:
    """A program on the event stream."""
    await visit.stream("events", "/events", LISTEN_S)
