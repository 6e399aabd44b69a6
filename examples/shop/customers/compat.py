"""The contract that clients of the monolith know, rebuilt from the new records."""

from __future__ import annotations

from shop.customers.store import Record

STATUS_CODES = {"active": "A", "inactive": "I", "deleted": "D"}


def old_contract(record: Record) -> Record:
    """A customer in the names and formats of the monolith.

    >>> old_phone("+12125550147"), old_date("2024-01-31T00:00:00Z")
    ('(212) 555-0147', '20240131')
    """
    first, last = record["full_name"].split(" ", 1)
    return {
        "CUST_NO": f"{record['id']:06}",
        "FNAME": first,
        "LNAME": last,
        "EMAIL_ADDR": record["email"],
        "PHONE": old_phone(record["phone"]),
        "CITY": record["city"],
        "ZIP": record["postal_code"],
        "CTRY_CD": record["country"],
        "STAT": STATUS_CODES[record["status"]],
        "MKT_OPT": "Y" if record["marketing_opt_in"] else "N",
        "CR_LIM": str(record["credit_limit_cents"]),
        "CRT_DT": old_date(record["created_at"]),
        "UPD_TS": "".join(letter for letter in record["updated_at"] if letter.isdigit()),
    }


def old_phone(e164: str) -> str:
    """A number of the United States as the monolith prints it."""
    digits = e164.removeprefix("+1")
    return f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"


def old_date(iso: str) -> str:
    """The day of an ISO 8601 time, without its dashes."""
    return iso[:10].replace("-", "")
