"""What a report reads of the state store: sums inside of the window, per route, bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shadow.keeping import tables
from shadow.keeping.database import open_database
from shadow.keeping.schema import migrate
from shadow.reporting.reading import CLUSTERS_MAX, read_noise, read_rows
from shadow.reporting.rows import POINTS_MAX, Window

NOW = 1_772_355_600.0
MINUTE = int(NOW) // 60
HOUR = Window(NOW - 3600, NOW)


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def connection(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncConnection]:
    sqlite = f"sqlite:///{tmp_path / 'state.db'}"
    database = open_database(sqlite if request.param == "sqlite" else request.getfixturevalue("postgresql_url"))
    await migrate(database)
    async with database.writing() as running:
        yield running
    await database.close()


async def add(connection: AsyncConnection, table: Any, *rows: dict[str, Any]) -> None:
    await connection.execute(insert(table), list(rows))


def tally(minute: int, verdict: str, count: int, route: str = "orders", **more: Any) -> dict[str, Any]:
    about = {"reason": "", "status": 2, "media": "json", **more}
    return {"route": route, "minute": minute, "verdict": verdict, "count": count, **about}


def exchange(identifier: str, at: float, target: str) -> dict[str, Any]:
    return {
        "id": identifier, "at": at, "route": "orders", "verdict": "mismatch", "reason": "", "kept": "finding",
        "served": "legacy", "method": "GET", "target": target, "media": "json", "legacy_status": 200, "new_status": 200,
        "legacy_s": 0.01, "new_s": 0.01, "differences": 1, "replayable": True, "bytes": 10,
    }  # fmt: skip


def cluster(fingerprint: str, route: str = "orders", examples: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint, "route": route, "path": "/a", "kind": "value", "relation": "", "count": 99,
        "first_at": NOW - 9000, "last_at": NOW - 10, "examples": examples or [],
    }  # fmt: skip


async def test_verdicts_are_summed_in_the_window_only(connection: AsyncConnection) -> None:
    await add(
        connection,
        tables.tallies,
        tally(MINUTE - 61, "match", 1000),
        tally(MINUTE - 60, "match", 3),
        tally(MINUTE, "match", 4, media="text"),
        tally(MINUTE, "match", 5, status=4),
        tally(MINUTE, "mismatch", 2),
        tally(MINUTE, "not_comparable", 7, reason="too_large", media="binary"),
        tally(MINUTE, "legacy_failed", 8, status=5, media=""),
        tally(MINUTE, "match", 6, route="other"),
    )
    rows = await read_rows(connection, HOUR)
    assert rows["orders"].verdicts == {
        (MINUTE - 60, "match", ""): 3,
        (MINUTE, "match", ""): 9,
        (MINUTE, "mismatch", ""): 2,
        (MINUTE, "not_comparable", "too_large"): 7,
        (MINUTE, "legacy_failed", ""): 8,
    }
    assert rows["orders"].classes == {
        ("status", "2xx"): [9, 7],
        ("status", "4xx"): [5, 0],
        ("media", "json"): [10, 0],
        ("media", "text"): [4, 0],
        ("media", "binary"): [0, 7],
    }
    assert set(await read_rows(connection, HOUR, "other")) == {"other"}


async def test_histograms_are_added_up_per_arm(connection: AsyncConnection) -> None:
    def histogram(minute: int, arm: str, **buckets: int) -> dict[str, Any]:
        empty = dict.fromkeys(tables.BUCKETS, 0)
        return {"route": "orders", "minute": minute, "arm": arm, "count": 1, "seconds": 1.0, **empty, **buckets}

    await add(
        connection,
        tables.latencies,
        histogram(MINUTE - 100, "legacy", bucket_00=50),
        histogram(MINUTE - 1, "legacy", bucket_00=1, bucket_23=1),
        histogram(MINUTE, "legacy", bucket_00=2),
        histogram(MINUTE, "new", bucket_01=4),
    )
    rows = (await read_rows(connection, HOUR))["orders"]
    assert rows.legacy_buckets == [3, *[0] * 22, 1]
    assert rows.new_buckets == [0, 4, *[0] * 22]


async def test_clusters_come_with_their_examples_most_frequent_first(connection: AsyncConnection) -> None:
    examples = [{"exchange": "one", "path": "/a", "legacy": 1, "new": 2}, {"exchange": "gone", "path": "/a"}]
    await add(connection, tables.clusters, cluster("few"), cluster("many", examples=examples), cluster("old"))
    await add(connection, tables.exchanges, exchange("one", 1.0, "/first"), exchange("one", 2.0, "/newest"))
    counts = [("few", MINUTE - 2, 1), ("many", MINUTE - 10, 5), ("many", MINUTE, 4), ("old", MINUTE - 600, 70)]
    rows = [{"fingerprint": name, "minute": minute - minute % 5, "count": count} for name, minute, count in counts]
    await add(connection, tables.cluster_tallies, *rows)
    found = (await read_rows(connection, HOUR))["orders"].clusters
    assert [(one.fingerprint, one.count) for one in found] == [("many", 9), ("few", 1)]
    assert found[0].examples == (
        {"exchange": "one", "path": "/a", "legacy": 1, "new": 2, "at": 2.0, "method": "GET", "target": "/newest"},
        {"exchange": "gone", "path": "/a"},
    )


async def test_clusters_beyond_the_bound_are_counted(connection: AsyncConnection) -> None:
    names = [f"{number:03}" for number in range(CLUSTERS_MAX + 7)]
    await add(connection, tables.clusters, *(cluster(name) for name in names), cluster("x", route="other"))
    rows = [{"fingerprint": name, "minute": MINUTE - MINUTE % 5, "count": 1} for name in [*names, "x"]]
    await add(connection, tables.cluster_tallies, *rows)
    found = await read_rows(connection, HOUR)
    assert (len(found["orders"].clusters), found["orders"].clusters_more) == (CLUSTERS_MAX, 7)
    assert (len(found["other"].clusters), found["other"].clusters_more) == (1, 0)


async def test_uses_proofs_and_noise_are_read(connection: AsyncConnection) -> None:
    use = {"route": "orders", "rule": "file:0", "count": 12, "first_at": 1.0, "last_at": 2.0}
    await add(connection, tables.rule_uses, use)
    await add(
        connection,
        tables.self_proofs,
        *(
            {"route": "orders", "minute": minute, "mutation": name, "injected": 10, "found": found}
            for minute, name, found in (
                (MINUTE, "value", 9),
                (MINUTE - 1, "value", 10),
                (MINUTE, "", 0),
                (1, "value", 0),
            )
        ),
    )
    states = [{"node": node, "route": "orders", "state": {"asked": 1}, "at": NOW} for node in ("a", "b")]
    await add(connection, tables.noise, *states)
    rows = (await read_rows(connection, HOUR))["orders"]
    assert rows.rule_uses == {"file:0": 12}
    assert rows.proofs == {"value": [20, 19], "": [10, 0]}
    assert await read_noise(connection) == {"orders": [{"asked": 1}, {"asked": 1}]}
    assert await read_noise(connection, "other") == {}


async def test_long_windows_are_read_in_steps(connection: AsyncConnection) -> None:
    minutes = [MINUTE - 60 * hour for hour in range(24 * 14)]
    await add(connection, tables.tallies, *(tally(minute, "match", 2) for minute in minutes))
    rows = (await read_rows(connection, Window(NOW - 14 * 86400, NOW)))["orders"]
    assert rows.grid is not None
    assert rows.grid.step % 60 == 0
    assert len(rows.verdicts) <= POINTS_MAX + 1
    assert sum(rows.verdicts.values()) == 2 * len(minutes)
    assert all((minute - rows.grid.first) % rows.grid.step == 0 for minute, _, _ in rows.verdicts)
