"""An endpoint from the age of SOAP: the stock of an item, as an XML envelope."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

from aiohttp import web

from shop.legacy.context import STORE

# Its clients all send the same ten lines, so the monolith never needed an XML parser, and still does not.
_ITEM = re.compile(r"<(?:\w+:)?ItemCode>\s*([A-Z0-9-]{1,20})\s*</(?:\w+:)?ItemCode>")
_ENVELOPE = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>{}</soap:Body></soap:Envelope>
"""


async def stock(request: web.Request) -> web.Response:
    """`GetStock` for one ItemCode; anything else is a soap:Fault."""
    wanted = _ITEM.search(await request.text())
    row = request.app[STORE].one("SELECT * FROM ITEM_MAST WHERE ITEM_CD = ?", wanted.group(1)) if wanted else None
    if row is None:
        fault = (
            "<soap:Fault><faultcode>soap:Client</faultcode><faultstring>ERR-04 NO SUCH ITEM</faultstring></soap:Fault>"
        )
        return _answer(fault, status=500)
    return _answer(
        '<GetStockResponse xmlns="urn:shop:inventory">'
        f"<ItemCode>{escape(row['ITEM_CD'])}</ItemCode><Qty>{row['STK_QTY']}</Qty><UnitAmt>{row['UNIT_AMT']}</UnitAmt>"
        "</GetStockResponse>"
    )


def _answer(body: str, status: int = 200) -> web.Response:
    return web.Response(text=_ENVELOPE.format(body), content_type="text/xml", charset="utf-8", status=status)


ROUTES = (web.post("/soap/inventory", stock),)
