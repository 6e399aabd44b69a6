"""How long mapping takes: `python -m benchmarks.mapping [ROWS]` prints µs of CPU per row and field.

Ten columns as a backfill has them: a key, a name (title case), a phone number, a date, an enumeration, text, a number,
an e-mail address under a rule. Every name and phone number is another one, days and words repeat: what a memory of
results cannot help with is in the figures.
"""

from __future__ import annotations

import random
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from legacy_adapters.mapping.compiling import Mapping, compile_mapping
from legacy_adapters.record import Chunk
from legacy_adapters.values.kinds import ColumnKind, Kind
from routes.loading import load_config

_ROWS = 200_000
_CHUNK_ROWS = 5000
_CONFIG = """
listen: [{address: 127.0.0.1:8080}]
services: {legacy: {urls: [http://127.0.0.1:9001]}}
routes: [{name: all, legacy: legacy}]
syncs:
  - name: customers
    legacy: {url: "mysql://erp@db/erp", table: CUST_MAST, key: [CUST_NO]}
    new: {url: "postgresql://shop@db/shop", table: customers, key: [id]}
    fields:
      - {legacy: CUST_NO, new: id}
      - {legacy: CUST_NAME, new: name, to_new: [trim, title_case]}
      - {legacy: PHONE, new: phone, to_new: {phone: {region: US}}}
      - {legacy: CRT_DT, new: created_on, to_new: {date: {format: "%Y%m%d"}}}
      - {legacy: STAT, new: status, values: {A: active, I: inactive, D: deleted}}
      - {legacy: EMAIL, new: email, to_new: email}
      - {legacy: CITY, new: city, to_new: title_case}
      - {legacy: BALANCE, new: balance}
      - {legacy: NOTE, new: note, to_new: blank_is_null}
      - {legacy: UPD_TS, new: updated_at, to_new: {datetime: {format: "%Y-%m-%d %H:%M:%S", zone: America/New_York}}}
RULES
"""
_RULES = "    rules: [{field: email, required: true, format: email}, {field: id, min: 1}]"
_KINDS = {
    kind.name: kind
    for kind in (
        ColumnKind("id", Kind.INTEGER, bits=64, nullable=False),
        ColumnKind("name", Kind.TEXT, length=80, charset="UTF8"),
        ColumnKind("phone", Kind.TEXT, length=20, charset="UTF8"),
        ColumnKind("created_on", Kind.DATE),
        ColumnKind("status", Kind.TEXT, length=10, charset="UTF8"),
        ColumnKind("email", Kind.TEXT, length=120, charset="UTF8"),
        ColumnKind("city", Kind.TEXT, length=60, charset="UTF8"),
        ColumnKind("balance", Kind.DECIMAL, precision=12, scale=2),
        ColumnKind("note", Kind.TEXT, charset="UTF8"),
        ColumnKind("updated_at", Kind.DATETIME, zoned=True),
    )
}
_COLUMNS = ("CUST_NO", "CUST_NAME", "PHONE", "CRT_DT", "STAT", "EMAIL", "CITY", "BALANCE", "NOTE", "UPD_TS")


def rows(count: int) -> list[tuple[Any, ...]]:
    """Rows as a driver gives them; the same for every run."""
    rng = random.Random(7)
    first = ["".join(rng.choices("ABCDEFGHIJKLMNOPRSTUVW", k=rng.randint(3, 8))) for _ in range(2000)]
    last = ["".join(rng.choices("ABCDEFGHIJKLMNOPRSTUVW", k=rng.randint(4, 10))) for _ in range(20_000)]
    cities = ["".join(rng.choices("ABCDEFGHIJKLMNOPRSTUVW", k=9)) for _ in range(500)]
    return [
        (
            number,
            f" {rng.choice(first)} {rng.choice(last)} ",
            f"({rng.randint(201, 989)}) {rng.randint(200, 999)}-{rng.randint(0, 9999):04d}",
            f"{rng.randint(1990, 2024)}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}",
            rng.choice("AID"),
            f"user{number}@Mail.example",
            rng.choice(cities),
            Decimal(rng.randint(0, 10**8)).scaleb(-2),
            rng.choice(["", "call back", "prefers post", "   "]),
            f"2024-0{rng.randint(1, 2)}-{rng.randint(1, 28):02d} {rng.randint(0, 23):02d}:{rng.randint(10, 59)}:07",
        )
        for number in range(1, count + 1)
    ]


def mapping(rules: str = _RULES) -> Mapping:
    """The mapping that is measured."""
    config = load_config(_CONFIG.replace("RULES", rules), name="benchmark", folder=Path(), env={})
    return compile_mapping(config.syncs[0], folder=Path(), new=_KINDS)


def measure(compiled: Mapping, given: list[tuple[Any, ...]]) -> float:
    """CPU seconds for all rows, chunk by chunk."""
    to_new = compiled.to_new
    if to_new is None:
        raise ValueError("the mapping has no direction to new")
    parts = [given[at : at + _CHUNK_ROWS] for at in range(0, len(given), _CHUNK_ROWS)]
    chunks = [Chunk.of_rows(_COLUMNS, (0,), part, [0] * len(part)) for part in parts]
    started = time.process_time()
    for chunk in chunks:
        mapped = to_new.chunk(chunk, {})
        if mapped.refused:
            raise mapped.refused[0][1]
    return time.process_time() - started


def main() -> None:
    """Prints the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else _ROWS
    given = rows(count)
    for name, rules in (("mapping and rules", _RULES), ("mapping alone", "")):
        seconds = min(measure(mapping(rules), given) for _ in range(2))
        per_row = seconds / count * 1e6
        print(
            f"{name:<20} {per_row:6.2f} µs/row  {per_row / len(_COLUMNS):5.2f} µs/field  {count / seconds:9,.0f} rows/s"
        )
    compiled = mapping().to_new
    if compiled is not None:
        started = time.process_time()
        for row in given[:20_000]:
            compiled.row(dict(zip(_COLUMNS, row, strict=True)), {})
        per_row = (time.process_time() - started) / min(count, 20_000) * 1e6
        print(f"{'row by row':<20} {per_row:6.2f} µs/row  {per_row / len(_COLUMNS):5.2f} µs/field")


if __name__ == "__main__":
    main()
