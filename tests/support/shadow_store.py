"""A state store with findings in it, as a comparer leaves one."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from shadow.keeping import tables
from shadow.keeping.database import open_database
from shadow.keeping.schema import migrate

ROUTE = "orders"
CLUSTER = "c0ffee"
EXCHANGE = "01J-orders-7"


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
    await database.close()


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
