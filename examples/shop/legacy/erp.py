"""The JSON endpoints, in the names and formats of the tables beneath: CUST_NO, CRT_DT, cents as text, Y and N."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from shop.legacy.context import STORE, absolute, found
from shop.legacy.pages import announce
from shop.legacy.store import Row

PAGE_ROWS = 25
NUMBER = r"{number:\d{1,9}}"


async def customer(request: web.Request) -> web.Response:
    """One customer."""
    sql = "SELECT * FROM CUST_MAST WHERE CUST_NO = ?"
    return web.json_response(_customer_json(found(request.app[STORE].one(sql, int(request.match_info["number"])))))


async def customers(request: web.Request) -> web.Response:
    """A page of customers, with Link headers to the next and the previous one."""
    number = _page_number(request)
    sql = "SELECT * FROM CUST_MAST ORDER BY CUST_NO LIMIT ? OFFSET ?"
    rows = request.app[STORE].all(sql, PAGE_ROWS, (number - 1) * PAGE_ROWS)
    links = (
        [f'<{absolute(request, f"/api/customers?page={number + 1}")}>; rel="next"'] if len(rows) == PAGE_ROWS else []
    )
    if number > 1:
        links.append(f'<{absolute(request, f"/api/customers?page={number - 1}")}>; rel="prev"')
    body = {"PAGE_NO": str(number), "ROWS": [_customer_json(row) for row in rows]}
    return web.json_response(body, headers={"Link": ", ".join(links)} if links else None)


async def order(request: web.Request) -> web.Response:
    """One order with its lines."""
    return web.json_response(_order_json(found(request.app[STORE].order(int(request.match_info["number"])))))


async def orders(request: web.Request) -> web.Response:
    """The newest orders, or those of one customer (?CUST_NO=)."""
    store, wanted = request.app[STORE], request.query.get("CUST_NO", "")
    where, values = ("WHERE CUST_NO = ?", (int(wanted),)) if wanted.isascii() and wanted.isdigit() else ("", ())
    rows = store.all(f"SELECT ORD_NO FROM ORD_HDR {where} ORDER BY ORD_NO DESC LIMIT {PAGE_ROWS}", *values)
    return web.json_response({"ROWS": [_order_json(found(store.order(row["ORD_NO"]))) for row in rows]})


async def place_order(request: web.Request) -> web.Response:
    """Place an order: `{"CUST_NO": "000001", "LINES": [{"ITEM_CD": "FIC-AUR", "QTY": "1"}]}`."""
    store = request.app[STORE]
    try:
        body = json.loads(await request.text())
        number = int(body["CUST_NO"])
        lines = [
            _priced(store.one("SELECT * FROM ITEM_MAST WHERE ITEM_CD = ?", x["ITEM_CD"]), x) for x in body["LINES"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise web.HTTPBadRequest(text=f"ERR-17 BAD ORDER {error!r}\n") from error
    buyer = found(store.one("SELECT * FROM CUST_MAST WHERE CUST_NO = ?", number))
    placed = store.place_order(number, lines)
    announce(request, placed, buyer)
    headers = {"Location": absolute(request, f"/orders/{placed}")}  # a page, though a program asked: that is how it is
    return web.json_response(_order_json(found(store.order(placed))), status=201, headers=headers)


def _priced(item: Row | None, line: dict[str, Any]) -> Row:
    if item is None:
        raise KeyError(line["ITEM_CD"])
    return {**item, "QTY": int(line["QTY"])}


def _page_number(request: web.Request) -> int:
    text = request.query.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1


def _customer_json(row: Row) -> Row:
    return {**{name: value for name, value in row.items() if name != "PWD"}, "CUST_NO": f"{row['CUST_NO']:06}"}


def _order_json(row: Row) -> Row:
    lines = [
        {**{name: value for name, value in line.items() if name != "ORD_NO"}, "QTY": str(line["QTY"])}
        for line in row["LINES"]
    ]
    return {**row, "ORD_NO": f"{row['ORD_NO']:06}", "CUST_NO": f"{row['CUST_NO']:06}", "LINES": lines}


ROUTES = (
    web.get("/api/customers", customers),
    web.get(f"/api/customers/{NUMBER}", customer),
    web.get("/api/orders", orders),
    web.post("/api/orders", place_order),
    web.get(f"/api/orders/{NUMBER}", order),
)
