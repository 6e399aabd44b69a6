"""The monolith's SQLite store: opening, filling, and the queries of its pages.

Queries run on the event loop's thread, as they would in the real thing; they take microseconds here.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shop import seed
from shop.stores import insert, prepare

PASSWORD = "fig"  # every seeded account has it
STATUS_CODES = {"active": "A", "inactive": "I", "deleted": "D", "new": "N", "shipped": "S", "cancelled": "X"}
SESSIONS_MAX = 5000
FOREIGN_NUMBERS_FROM = 1_000_000  # orders that were placed in the new service come back with its own numbers

Row = dict[str, Any]


class Store:
    """Everything that the monolith knows."""

    def __init__(self, path: Path) -> None:
        prepare(path, _fill)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=5000;")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def all(self, sql: str, *values: Any) -> list[Row]:
        """Every row of a query, as dictionaries."""
        return [dict(row) for row in self._db.execute(sql, values)]

    def one(self, sql: str, *values: Any) -> Row | None:
        """The first row of a query, or None."""
        return next(iter(self.all(sql, *values)), None)

    # Sessions and carts

    def open_session(self) -> str:
        """Start an anonymous session and forget the oldest ones above the bound."""
        sid = secrets.token_hex(16)
        self._db.execute("INSERT INTO SESS VALUES (?, NULL, ?)", (sid, _timestamp()))
        self._db.execute(
            "DELETE FROM SESS WHERE rowid <= (SELECT MAX(rowid) FROM SESS) - ?",
            (SESSIONS_MAX,),
        )
        return sid

    def log_in(self, sid: str, email: str, password: str) -> bool:
        """Tie the session to the customer with this email and password."""
        digest = _digest(password)
        found = self.one("SELECT CUST_NO FROM CUST_MAST WHERE EMAIL_ADDR = ? AND PWD = ?", email, digest)
        if found is None:
            return False
        self._db.execute("UPDATE SESS SET CUST_NO = ? WHERE SID = ?", (found["CUST_NO"], sid))
        return True

    def close_session(self, sid: str) -> None:
        """Forget a session and its cart."""
        self._db.execute("DELETE FROM SESS WHERE SID = ?", (sid,))
        self._db.execute("DELETE FROM CART_LIN WHERE SID = ?", (sid,))

    def add_to_cart(self, sid: str, item: str, quantity: int) -> None:
        """Put more of an item into the session's cart."""
        self._db.execute(
            "INSERT INTO CART_LIN VALUES (?, ?, ?) ON CONFLICT (SID, ITEM_CD) DO UPDATE SET QTY = MIN(QTY + ?, 99)",
            (sid, item, quantity, quantity),
        )

    def cart(self, sid: str) -> list[Row]:
        """The cart's lines with descriptions and prices."""
        return self.all("SELECT * FROM CART_LIN JOIN ITEM_MAST USING (ITEM_CD) WHERE SID = ? ORDER BY ITEM_CD", sid)

    # Orders

    def place_order(self, customer: int, lines: list[Row], sid: str | None = None) -> int:
        """Write an order with its lines in one transaction, and empty the cart it came from.

        Args:
            customer: CUST_NO of the buyer.
            lines: rows with ITEM_CD, ITEM_DESC, QTY and UNIT_AMT (cents as text).
            sid: the session whose cart is emptied, or None.

        Returns:
            The new ORD_NO.
        """
        total = str(sum(int(line["UNIT_AMT"]) * int(line["QTY"]) for line in lines))
        with self._db:  # committed at its end, rolled back where anything is wrong
            self._db.execute("BEGIN IMMEDIATE")
            sql = "SELECT MAX(ORD_NO) + 1 FROM ORD_HDR WHERE ORD_NO < ?"
            number = int(self._db.execute(sql, (FOREIGN_NUMBERS_FROM,)).fetchone()[0])
            head = (number, customer, _timestamp()[:8], "N", total, "USD", "N", _timestamp())
            insert(self._db, "ORD_HDR", [head])
            rows: list[tuple[object, ...]] = [
                (number, position, line["ITEM_CD"], line["ITEM_DESC"], int(line["QTY"]), str(line["UNIT_AMT"]))
                for position, line in enumerate(lines, start=1)
            ]
            insert(self._db, "ORD_LIN", rows)
            self._db.execute("DELETE FROM CART_LIN WHERE SID = ?", (sid,))
        return number

    def order(self, number: int) -> Row | None:
        """An order with its LINES, or None."""
        head = self.one("SELECT * FROM ORD_HDR WHERE ORD_NO = ?", number)
        if head is not None:
            head["LINES"] = self.all("SELECT * FROM ORD_LIN WHERE ORD_NO = ? ORDER BY LIN_NO", number)
        return head


def _fill(db: sqlite3.Connection) -> None:
    db.executescript(Path(__file__).with_name("schema.sql").read_text(encoding="utf-8"))
    orders = seed.orders()
    insert(db, "ITEM_MAST", [(i.sku, i.description, str(i.price_cents), i.stock, i.leaf) for i in seed.ITEMS])
    insert(db, "CUST_MAST", [_customer_row(customer) for customer in seed.customers()])
    insert(db, "ORD_HDR", [_order_row(order) for order in orders])
    insert(db, "ORD_LIN", [row for order in orders for row in _line_rows(order)])


def _customer_row(c: seed.Customer) -> tuple[Any, ...]:
    digits = c.phone_digits
    phone = f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"
    day = f"{c.since:%Y%m%d}"
    flag = "Y" if c.marketing else "N"
    names = (c.number, c.first_name, c.last_name, c.email, phone, c.city, c.postal_code, "US", STATUS_CODES[c.status])
    return (*names, flag, str(c.credit_cents), day, f"{day}120000", _digest(PASSWORD))


def _order_row(order: seed.Order) -> tuple[Any, ...]:
    day = f"{order.placed:%Y%m%d}"
    shipped = "Y" if order.status == "shipped" else "N"
    status = STATUS_CODES[order.status]
    return (order.number, order.customer, day, status, str(order.total_cents), "USD", shipped, f"{day}120000")


def _line_rows(order: seed.Order) -> Iterable[tuple[Any, ...]]:
    for line in order.lines:
        yield (order.number, line.number, line.sku, line.description, line.quantity, str(line.price_cents))


def _digest(password: str) -> str:
    # An unsalted MD5, because that is what one finds: an example of the legacy side, and not to be copied.
    return hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()


def _timestamp() -> str:
    return f"{datetime.now(UTC):%Y%m%d%H%M%S}"
