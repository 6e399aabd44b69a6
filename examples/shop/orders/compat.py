"""The contract that clients of the monolith know, rebuilt from the new orders."""

from __future__ import annotations

from shop.orders.store import Record

STATUS_CODES = {"new": "N", "shipped": "S", "cancelled": "X"}


def old_contract(record: Record) -> Record:
    """An order in the names and formats of the monolith."""
    return {
        "ORD_NO": f"{record['id']:06}",
        "CUST_NO": f"{record['customer_id']:06}",
        "ORD_DT": record["created_at"][:10].replace("-", ""),
        "STAT": STATUS_CODES[record["status"]],
        "TOT_AMT": str(record["total_cents"]),
        "CURR": record["currency"],
        "SHIP_FLG": "Y" if record["status"] == "shipped" else "N",
        "UPD_TS": "".join(letter for letter in record["updated_at"] if letter.isdigit()),
        "LINES": [_old_line(line) for line in record["lines"]],
    }


def _old_line(line: Record) -> Record:
    return {
        "LIN_NO": line["line_no"],
        "ITEM_CD": line["sku"],
        "ITEM_DESC": line["description"],
        "QTY": str(line["quantity"]),
        "UNIT_AMT": str(line["unit_price_cents"]),
    }
