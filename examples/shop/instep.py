"""Holds both sides' stores against each other, by what the demo knows and not by what the sync says."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from shop.clerk import CONFLICT, POISON

#: Records that are out of step on purpose: the conflict and the poison record.
EXPECTED = {("customer", CONFLICT), ("customer", POISON)}
WITHIN_S = 15.0
_BUSY_S = 5.0
_LOOK_S = 0.2

Record = tuple[Any, ...]
Records = dict[tuple[Any, ...], Record]

LEGACY_CUSTOMERS = """
SELECT CUST_NO, FNAME || ' ' || LNAME, EMAIL_ADDR,
       '+1' || REPLACE(REPLACE(REPLACE(REPLACE(PHONE, '(', ''), ')', ''), '-', ''), ' ', ''), CITY, ZIP, CTRY_CD,
       CASE STAT WHEN 'A' THEN 'active' WHEN 'I' THEN 'inactive' ELSE 'deleted' END, MKT_OPT = 'Y',
       CAST(CR_LIM AS INTEGER)
FROM CUST_MAST"""
NEW_CUSTOMERS = """
SELECT id, full_name, email, phone, city, postal_code, country, status, marketing_opt_in, credit_limit_cents
FROM customers"""
LEGACY_ORDERS = """
SELECT ORD_NO, CUST_NO, CASE STAT WHEN 'N' THEN 'new' WHEN 'S' THEN 'shipped' ELSE 'cancelled' END,
       CAST(TOT_AMT AS INTEGER), CURR
FROM ORD_HDR"""
NEW_ORDERS = "SELECT id, customer_id, status, total_cents, currency FROM orders"
LEGACY_LINES = "SELECT ORD_NO, LIN_NO, ITEM_CD, ITEM_DESC, QTY, CAST(UNIT_AMT AS INTEGER) FROM ORD_LIN"
NEW_LINES = "SELECT order_id, line_no, sku, description, quantity, unit_price_cents FROM order_lines"

PAIRS = (
    ("customer", 1, ("legacy.db", LEGACY_CUSTOMERS), ("customers.db", NEW_CUSTOMERS)),
    ("order", 1, ("legacy.db", LEGACY_ORDERS), ("orders.db", NEW_ORDERS)),
    ("order line", 2, ("legacy.db", LEGACY_LINES), ("orders.db", NEW_LINES)),
)


def differing(folder: Path) -> set[tuple[Any, ...]]:
    """The records that are not the same on both sides: what they are and their key."""
    found: set[tuple[Any, ...]] = set()
    for what, key_columns, legacy, new in PAIRS:
        ours, theirs = _read(folder, *legacy, key_columns), _read(folder, *new, key_columns)
        found |= {(what, *key) for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)}
    return found


def _read(folder: Path, file: str, sql: str, key_columns: int) -> Records:
    with closing(sqlite3.connect(folder / file, timeout=_BUSY_S)) as db:
        return {row[:key_columns]: row[key_columns:] for row in db.execute(sql)}


async def settle(folder: Path) -> set[tuple[Any, ...]]:
    """Wait, with nobody writing any more, until nothing differs but what may; everything that differs at the end.

    What may differ need not: somebody may have settled it.
    """
    end = time.monotonic() + WITHIN_S
    while True:
        apart = await asyncio.to_thread(differing, folder)
        if apart <= EXPECTED or time.monotonic() > end:
            return apart
        await asyncio.sleep(_LOOK_S)
