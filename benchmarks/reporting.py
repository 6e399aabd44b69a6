"""How long a report takes over a store with a million exchanges in it.

    python -m benchmarks.reporting [--exchanges 1000000] [--routes 20] [--url sqlite:////tmp/state.db]

The store is filled by plain inserts with what a comparer leaves after two weeks: tallies for each minute of the last
day and each hour before it, histograms, clusters with their counts, and one row and its content per kept exchange. Then
reports over an hour, a day and two weeks are made, each five times; the slowest counts.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from sqlalchemy import insert

from proxy.control.findings import make_report
from routes.loading import load_config
from shadow.comparison import Difference, Kind
from shadow.keeping import tables
from shadow.keeping.database import Database, open_database
from shadow.keeping.records import KeptAnswer, KeptRequest, Record
from shadow.keeping.schema import migrate
from shadow.reporting.asked import read_window
from shadow.reporting.gate import GateSettings
from shadow.reporting.rendering import FORMATS

BAR_S = 2.0
ROUNDS = 5
CHUNK = 10_000
CLUSTERS = 60
DAYS = 14
MINUTES_A_DAY = 24 * 60


@click.command()
@click.option("--exchanges", default=1_000_000, show_default=True, help="Kept exchanges.")
@click.option("--routes", default=20, show_default=True, help="Routes that they are of.")
@click.option("--url", help="State store to fill: an empty one. Default: an SQLite file that is removed.")
def main(exchanges: int, routes: int, url: str | None) -> None:
    """Fill a store and time reports over it."""
    with tempfile.TemporaryDirectory() as folder:
        worst_s = asyncio.run(_run(url or f"sqlite:///{folder}/state.db", exchanges, routes))
    print(f"slowest {worst_s:.2f} s; the bar is {BAR_S:.0f} s: {'holds' if worst_s <= BAR_S else 'FAILS'}")
    raise SystemExit(worst_s > BAR_S)


async def _run(url: str, exchanges: int, routes: int) -> float:
    database = open_database(url)
    await migrate(database)
    started = time.perf_counter()
    names = [f"route-{number}" for number in range(routes)]
    await _fill(database, names, exchanges)
    print(f"{exchanges:,} exchanges of {routes} routes, filled in {time.perf_counter() - started:.0f} s")
    config = load_config(_config(names), name="bench", folder=Path("/"), env={})
    worst_s = 0.0
    for since in ("1h", "1d", "14d"):
        took = [await _time(database, config, since) for _ in range(ROUNDS)]
        print(f"since {since:>3}: median {sorted(took)[ROUNDS // 2]:.3f} s, slowest {max(took):.3f} s")
        worst_s = max(worst_s, *took)
    await database.close()
    return worst_s


async def _time(database: Database, config: Any, since: str) -> float:
    started = time.perf_counter()
    window = read_window(since, time.time())
    async with database.reading() as connection:
        report = await make_report(
            connection, config, window, GateSettings(), route=None, unsent={}, key=b"a key of the benchmark"
        )
    FORMATS["json"][0](report)
    return time.perf_counter() - started


async def _fill(database: Database, names: list[str], exchanges: int) -> None:
    now = time.time()
    for table, rows in (*_sums(names, int(now) // 60), *_kept(names, now, exchanges)):
        async with database.writing() as connection:
            await connection.execute(insert(table), rows)


def _sums(names: list[str], minute: int) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    dice = random.Random(1)
    minutes = [minute - back for back in range(MINUTES_A_DAY)]
    minutes += [(minute // 60 - back) * 60 for back in range(25, 24 * DAYS)]
    example = {"exchange": "", "path": "/items/3/price", "legacy": 10.5, "new": 10.6}
    for name in names:
        tallies = [
            {
                "route": name,
                "minute": at,
                "verdict": verdict,
                "reason": "",
                "status": 2,
                "media": "json",
                "count": count,
            }
            for at in minutes
            for verdict, count in (("match", 500), ("explained", 60), ("mismatch", dice.randrange(1, 4)))
        ]
        empty = dict.fromkeys(tables.BUCKETS, 3)
        latencies = [
            {"route": name, "minute": at, "arm": arm, "count": 72, "seconds": 1.0, **empty}
            for at in minutes
            for arm in ("legacy", "new")
        ]
        found = [f"{name}-{number}" for number in range(CLUSTERS)]
        clusters = [
            {"fingerprint": one, "route": name, "path": f"/items/*/field{number}", "kind": "value",
             "relation": "rounded:2", "count": 9000, "first_at": 0.0, "last_at": minute * 60.0,
             "examples": [{**example, "exchange": f"{name}-{number}-{n}"} for n in range(10)]}
            for number, one in enumerate(found)
        ]  # fmt: skip
        counts = [
            {"fingerprint": one, "minute": at - at % tables.CLUSTER_MINUTES, "count": dice.randrange(1, 9)}
            for one in found
            for at in range(minute - MINUTES_A_DAY * DAYS, minute, 60)
        ]
        yield tables.tallies, tallies
        yield tables.latencies, latencies
        yield tables.clusters, clusters
        yield tables.cluster_tallies, counts


def _kept(names: list[str], now: float, exchanges: int) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    answer = KeptAnswer(
        "complete", 200, (("content-type", "application/json"),), 2000, "", 0.01, 0.02, {"a": "x" * 200}
    )
    difference = Difference("/items/3/price", Kind.VALUE, 10.5, 10.6, "/items/*/price")
    content = Record(
        "id", now, "route", "legacy", sandbox=False, verdict="mismatch", reason="", media="json",
        request=KeptRequest("GET", "/items", "shop", "http", ()), legacy=answer, new=answer, differences=(difference,),
    ).pack()  # fmt: skip
    about = {
        "verdict": "mismatch", "reason": "", "kept": tables.KEPT_FINDING, "served": "legacy", "method": "GET",
        "target": "/items", "media": "json", "legacy_status": 200, "new_status": 200, "legacy_s": 0.02, "new_s": 0.02,
        "differences": 1, "replayable": True, "bytes": len(content),
    }  # fmt: skip
    for start in range(0, exchanges, CHUNK):
        numbers = range(start, min(start + CHUNK, exchanges))
        yield (
            tables.exchanges,
            [
                {"key": n + 1, "id": f"{names[n % len(names)]}-{n}", "at": now - n % (DAYS * 86400),
                 "route": names[n % len(names)], **about}
                for n in numbers
            ],
        )  # fmt: skip
        yield tables.contents, [{"exchange_key": n + 1, "content": content} for n in numbers]


def _config(names: list[str]) -> str:
    routes = "".join(
        f"\n  - {{name: {name}, match: {{path: /{name}}}, legacy: a, new: b, mode: shadow}}" for name in names
    )
    services = "services: {a: {urls: ['http://127.0.0.1:1']}, b: {urls: ['http://127.0.0.1:2']}}"
    return f"listen: [{{address: '127.0.0.1:0'}}]\n{services}\nroutes:{routes}\n"


if __name__ == "__main__":
    main()
