"""Invoices, as the monolith has always written them: made anew from the order each time somebody asks."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from aiohttp import web

from shop.legacy.context import STORE, found
from shop.legacy.store import Row

TAX_RATE = Decimal("0.08875")
CHANNELS = ("mail", "portal", "edi", "fax")


async def invoice(request: web.Request) -> web.Response:
    """The invoice of one order."""
    return web.json_response(_invoice(found(request.app[STORE].order(int(request.match_info["number"])))))


def _invoice(order: Row) -> Row:
    number = order["ORD_NO"]
    issued = datetime.strptime(order["ORD_DT"], "%Y%m%d").replace(tzinfo=UTC) + timedelta(hours=14, minutes=number % 60)
    return {
        "INV_NO": f"R{number:06}",
        "ORD_NO": f"{number:06}",
        "CUST_NO": f"{order['CUST_NO']:06}",
        "ISSUED_TS": f"{issued:%Y-%m-%dT%H:%M:%SZ}",
        "DUE_DT": f"{issued + timedelta(days=30):%Y-%m-%d}",
        "CURR": order["CURR"],
        "NET_AMT": order["TOT_AMT"],
        "PAY_ID": f"P{700_000 + number}",
        "LINES": [_line(line) for line in order["LINES"]],
        # What is never the same twice: a report that shows any of these three has not understood its job.
        "SENT_BY": random.sample(CHANNELS, len(CHANNELS)),
        "PRINTED_TS": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "REQ_ID": str(uuid.uuid4()),
    }


def _line(line: Row) -> Row:
    tax = Decimal(line["UNIT_AMT"]) * line["QTY"] * TAX_RATE / 100
    return {
        "LIN_NO": line["LIN_NO"],
        "ITEM_CD": line["ITEM_CD"],
        "QTY": str(line["QTY"]),
        "UNIT_AMT": line["UNIT_AMT"],
        "TAX_AMT": f"{tax:.4f}",
    }


ROUTES = (web.get(r"/api/invoices/{number:\d{1,9}}", invoice),)
