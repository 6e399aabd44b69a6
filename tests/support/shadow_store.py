"""A state store with findings in it, as a comparer leaves one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from shadow.comparison import Difference, Kind
from shadow.keeping import tables
from shadow.keeping.database import open_database
from shadow.keeping.records import KeptAnswer, KeptRequest, Record
from shadow.keeping.schema import migrate

ROUTE = "orders"
CLUSTER = "c0ffee"
EXCHANGE = "01J-orders-7"
UNSAFE = "01J-orders-post"
TOKEN = "~hmac:0123456789abcdef01234567"
KEPT = 20


def fill(file: Path, *, matches: int = 5000, mismatches: int = 60) -> None:
    """Make the store: one route with one kind of difference, and a comparer that has proven itself."""
    asyncio.run(_fill(file, matches, mismatches))


async def _fill(file: Path, matches: int, mismatches: int) -> None:
    database = open_database(f"sqlite:///{file}")
    await migrate(database)
    now = time.time()
    minute = int(now) // 60
    async with database.writing() as connection:
        for table, rows in _rows(now, minute, matches, mismatches):
            await connection.execute(insert(table), rows)
        for record in _records(now):
            key = (await connection.execute(insert(tables.exchanges).values(_row(record)))).inserted_primary_key[0]
            content = {"exchange_key": key, "content": record.pack()}
            await connection.execute(insert(tables.contents), [content])
    await database.close()


def _records(now: float) -> Iterator[Record]:
    """Kept exchanges whose totals are rounded by new, and a write."""
    for number in range(KEPT):
        identifier = EXCHANGE if number == 7 else f"01J-orders-{number}"
        yield _record(identifier, now - number, "GET", f"/orders/{number}", number)
    yield _record(UNSAFE, now, "POST", "/orders", 0)


def _record(identifier: str, at: float, method: str, target: str, number: int) -> Record:
    legacy, new = {"id": number, "total": number + 0.9575}, {"id": number, "total": number + 0.96}

    def answer(document: dict[str, Any]) -> KeptAnswer:
        fields = (("content-type", "application/json"), ("set-cookie", f"sid={TOKEN}"))
        return KeptAnswer("complete", 200, fields, 30, "", 0.01, 0.02, document)

    difference = Difference("/total", Kind.VALUE, legacy["total"], new["total"], "/total")
    fields = (("accept", "application/json"), ("authorization", TOKEN))
    return Record(
        identifier, at, ROUTE, "legacy", sandbox=False, verdict="mismatch", reason="", media="json",
        request=KeptRequest(method, target, "shop.example", "http", fields),
        legacy=answer(legacy), new=answer(new), differences=(difference,), clusters=(CLUSTER,), redactions=2,
    )  # fmt: skip


def _row(record: Record) -> dict[str, Any]:
    return {
        "id": record.id, "at": record.at, "route": record.route, "verdict": record.verdict, "reason": record.reason,
        "kept": tables.KEPT_FINDING, "served": record.served, "method": record.request.method,
        "target": record.request.target, "media": record.media, "legacy_status": 200, "new_status": 200,
        "legacy_s": 0.02, "new_s": 0.02, "differences": 1, "replayable": False, "bytes": 300,
    }  # fmt: skip


def _rows(now: float, minute: int, matches: int, mismatches: int) -> list[tuple[Any, list[dict[str, Any]]]]:
    about = {"route": ROUTE, "minute": minute}
    kind = {**about, "reason": "", "status": 2, "media": "json"}
    empty = dict.fromkeys(tables.BUCKETS, 0)
    example = {"exchange": EXCHANGE, "path": "/total", "legacy": 10.9575, "new": 10.96}
    found: list[tuple[Any, list[dict[str, Any]]]] = [
        (tables.tallies, [{**kind, "verdict": "match", "count": matches}]),
        (
            tables.latencies,
            [
                {**about, "arm": arm, "count": matches, "seconds": 1.0, **empty, bucket: matches}
                for arm, bucket in (("legacy", "bucket_06"), ("new", "bucket_05"))
            ],
        ),
        (
            tables.self_proofs,
            [
                {**about, "mutation": "value", "injected": 400, "found": 400},
                {**about, "mutation": "", "injected": 400, "found": 0},
            ],
        ),
    ]
    if mismatches:
        cluster = {
            "fingerprint": CLUSTER, "route": ROUTE, "path": "/total", "kind": "value", "relation": "rounded:2",
            "count": mismatches, "first_at": now - 30, "last_at": now, "examples": [example],
        }  # fmt: skip
        found += [
            (tables.tallies, [{**kind, "verdict": "mismatch", "count": mismatches}]),
            (tables.clusters, [cluster]),
            (
                tables.cluster_tallies,
                [{"fingerprint": CLUSTER, "minute": minute - minute % tables.CLUSTER_MINUTES, "count": mismatches}],
            ),
        ]
    return found
