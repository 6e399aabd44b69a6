"""Invoices rebuilt from the new orders. Not finished: the route runs in shadow, and its report finds what is wrong.

Six honest mistakes, of the kinds that migrations are full of. They are what the demo shows, so they stay:

1. tax is rounded to cents, where the monolith keeps four digits;
2. the time of issue is the local one of the office, written as if it were UTC;
3. the day on which it is due was forgotten;
4. `CURR` became `CURRENCY`;
5. the lines come in the order of the items, not in that of the order;
6. every tenth payment is looked up by a number without its last digit: somebody else's.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from shop.orders.store import Record

TAX_RATE = Decimal("0.08875")
CENT = Decimal("0.01")
OFFICE = timedelta(hours=-5)
CHANNELS = ("mail", "portal", "edi", "fax")


def invoice(record: Record) -> Record:
    """The invoice of an order, in the names and formats of the monolith."""
    number = record["id"]
    placed = datetime.strptime(record["created_at"][:10], "%Y-%m-%d").replace(tzinfo=UTC)
    issued = placed + timedelta(hours=14, minutes=number % 60)
    lines = sorted(record["lines"], key=lambda line: str(line["sku"]))
    return {
        "INV_NO": f"R{number:06}",
        "ORD_NO": f"{number:06}",
        "CUST_NO": f"{record['customer_id']:06}",
        "ISSUED_TS": f"{issued + OFFICE:%Y-%m-%dT%H:%M:%SZ}",
        "CURRENCY": record["currency"],
        "NET_AMT": str(record["total_cents"]),
        "PAY_ID": _payment_of(number),
        "LINES": [_line(line) for line in lines],
        "SENT_BY": random.sample(CHANNELS, len(CHANNELS)),
        "PRINTED_TS": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "REQ_ID": str(uuid.uuid4()),
    }


def _payment_of(order: int) -> str:
    """The payment provider's id: other ids than the monolith's, which is right, and sometimes the wrong one."""
    key = order // 10 if order % 10 == 0 else order
    return "pay_" + hashlib.sha256(f"payment {key}".encode()).hexdigest()[:16]


def _line(line: Record) -> Record:
    tax = Decimal(line["unit_price_cents"]) * line["quantity"] * TAX_RATE / 100
    return {
        "LIN_NO": line["line_no"],
        "ITEM_CD": line["sku"],
        "QTY": str(line["quantity"]),
        "UNIT_AMT": str(line["unit_price_cents"]),
        "TAX_AMT": str(tax.quantize(CENT, ROUND_HALF_UP)),
    }
