"""A million customers as a legacy system keeps them: capitals, national phone numbers, dates without dashes, codes.

They are made inside MariaDB from a sequence, so that the same number of rows is always the same rows.
"""

from __future__ import annotations

from typing import Any, Final

TABLE: Final = "CUST_MAST"
TARGET: Final = "customers"

LEGACY_TABLE: Final = """
CREATE TABLE CUST_MAST (
    CUST_NO    INT          NOT NULL PRIMARY KEY,
    CUST_NAME  VARCHAR(60)  NOT NULL,
    EMAIL_ADDR VARCHAR(80)  NOT NULL,
    PHONE      VARCHAR(20),
    CITY       VARCHAR(40),
    ZIP        CHAR(10),
    CTRY_CD    CHAR(2)      NOT NULL,
    STAT       CHAR(1)      NOT NULL,
    CR_LIM     DECIMAL(12,2) NOT NULL,
    CRT_DT     CHAR(8)      NOT NULL
) ENGINE=InnoDB CHARACTER SET utf8mb4
"""

NEW_TABLE: Final = """
CREATE TABLE customers (
    id           integer       PRIMARY KEY,
    name         varchar(60)   NOT NULL,
    email        varchar(80)   NOT NULL,
    phone        varchar(20),
    city         varchar(40),
    zip          varchar(10),
    country      char(2)       NOT NULL,
    status       varchar(10)   NOT NULL,
    credit_limit numeric(12,2) NOT NULL,
    created_at   timestamptz   NOT NULL
)
"""

_FIRST: Final = (
    "MARY", "JAMES", "PATRICIA", "ROBERT", "JENNIFER", "JOHN", "LINDA", "MICHAEL", "ELIZABETH", "DAVID", "BARBARA",
    "WILLIAM", "SUSAN", "RICHARD", "JESSICA", "JOSEPH", "SARAH", "THOMAS", "KAREN", "CHARLES", "NANCY", "ANNE-MARIE",
)  # fmt: skip
_LAST: Final = (
    "SMITH", "JOHNSON", "WILLIAMS", "BROWN", "JONES", "GARCIA", "MILLER", "DAVIS", "RODRIGUEZ", "MARTINEZ", "O'NEIL",
    "LOPEZ", "GONZALEZ", "WILSON", "ANDERSON", "THOMAS", "TAYLOR", "MOORE", "JACKSON", "MARTIN", "LEE", "VAN DYKE",
    "THOMPSON", "WHITE", "HARRIS", "SANCHEZ", "CLARK", "RAMIREZ", "LEWIS", "ROBINSON", "WALKER", "YOUNG", "ALLEN",
)  # fmt: skip
_CITIES: Final = ("NEW YORK", "BOSTON", "CHICAGO", "AUSTIN", "DENVER", "PORTLAND", "SAN JOSÉ", "MIAMI")
_AREAS: Final = ("212", "312", "415", "512", "617", "303", "503", "305", "202", "718")


def _pick(choices: tuple[str, ...], number: str) -> str:
    quoted = ",".join("'" + choice.replace("'", "''") + "'" for choice in choices)
    return f"ELT(1 + ({number}) % {len(choices)}, {quoted})"


def fill(rows: int) -> str:
    """The statement that fills the legacy table with so many customers."""
    return f"""
    INSERT INTO {TABLE}
    SELECT seq,
           CONCAT({_pick(_FIRST, "seq * 7919 DIV 13")}, ' ', {_pick(_LAST, "seq * 104729 DIV 17")}),
           CONCAT('customer.', seq, '@example.com'),
           IF(seq % 50 = 0, NULL, CONCAT('(', {_pick(_AREAS, "seq * 31 DIV 3")}, ') ',
              200 + (seq * 37) % 700, '-', LPAD((seq * 7717) % 10000, 4, '0'))),
           {_pick(_CITIES, "seq DIV 11")},
           LPAD((seq * 4099) % 100000, 5, '0'),
           IF(seq % 9 = 0, 'GB', 'US'),
           {_pick(("A", "A", "A", "I", "D"), "seq DIV 5")},
           ((seq * 12345) % 5000000) / 100,
           DATE_FORMAT('1998-01-01' + INTERVAL (seq * 13) % 9800 DAY, '%Y%m%d')
    FROM seq_1_to_{rows}
    """


def sync(legacy_url: str, new_url: str) -> dict[str, Any]:
    """The sync of both tables as it would stand under `syncs`: title case, phone, date, enumeration."""
    return {
        "name": "customers",
        "legacy": {"url": legacy_url, "table": TABLE, "key": ["CUST_NO"]},
        "new": {"url": new_url, "table": TARGET, "key": ["id"]},
        "direction": "to_new",
        "fields": [
            {"legacy": "CUST_NO", "new": "id"},
            {"legacy": "CUST_NAME", "new": "name", "to_new": ["trim", "title_case"], "to_legacy": ["upper"]},
            {"legacy": "EMAIL_ADDR", "new": "email"},
            {
                "legacy": "PHONE",
                "new": "phone",
                "to_new": {"phone": {"region": "US"}},
                "to_legacy": {"phone_national": {"region": "US"}},
            },
            {"legacy": "CITY", "new": "city"},
            {"legacy": "ZIP", "new": "zip"},
            {"legacy": "CTRY_CD", "new": "country"},
            {"legacy": "STAT", "new": "status", "values": {"A": "active", "I": "inactive", "D": "deleted"}},
            {"legacy": "CR_LIM", "new": "credit_limit"},
            {
                "legacy": "CRT_DT",
                "new": "created_at",
                "to_new": {"datetime": {"format": "%Y%m%d", "zone": "America/New_York"}},
            },
        ],
    }
