"""Live changes of record sync between PostgreSQL and MariaDB, both ways, one process: `python -m benchmarks.sync_live`.

Prints how many changes per second are applied when many wait, and the lag of single changes at a steady rate: from the
moment at which a trigger noted the change to after the commit in the other store. The writers of the steady rate, both
databases and the syncer share the machine.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from pathlib import Path

import asyncmy
import asyncpg
import click
import structlog
import uvloop

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from legacy_adapters.engine.model import SyncModel, SyncSettings  # noqa: E402
from legacy_adapters.engine.stream import Stream, Surroundings  # noqa: E402
from legacy_adapters.engine.syncer import Syncer  # noqa: E402
from legacy_adapters.mapping.compiling import compile_mapping  # noqa: E402
from legacy_adapters.record import Side  # noqa: E402
from legacy_adapters.sql.store import SqlSettings, SqlStore  # noqa: E402
from routes.config.sync import Sync  # noqa: E402
from support.mariadb_server import MariaDB  # noqa: E402
from support.postgresql_server import PostgreSQL  # noqa: E402

TABLE = (
    "id integer PRIMARY KEY, name varchar(80), phone varchar(40), born char(8), amount decimal(12,2), note varchar(80)"
)
COLUMNS = ("id", "name", "phone", "born", "amount", "note")
FIELDS = [
    {"legacy": "id", "new": "id"},
    {"legacy": "name", "new": "name", "to_new": ["trim", "title_case"], "to_legacy": ["upper"]},
    *({"legacy": name, "new": name} for name in COLUMNS[2:]),
]
BATCH_ROWS = 2000


class Lags:
    """Lags of single changes, noted after each commit."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        whole = Stream._apply  # noqa: SLF001 - the one place where a change is known to be committed

        async def apply(stream, after, look):  # noqa: ANN001, ANN202
            tally = await whole(stream, after, look)
            now = time.time()
            self.seconds += [now - change.captured_at for change in look.read.changes if not change.echo]
            return tally

        Stream._apply = apply  # noqa: SLF001

    def percentile_ms(self, share: float) -> float:
        """Of what was noted."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@click.command(help=__doc__)
@click.option("--rows", default=50_000, show_default=True)
@click.option("--rate", default=500, show_default=True, help="Changes per second, half of them on each side.")
@click.option("--seconds", default=15, show_default=True)
def main(rows: int, rate: int, seconds: int) -> None:
    """Start both servers and measure."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    servers = PostgreSQL(), MariaDB()
    try:
        for server in servers:
            server.start()
        uvloop.run(_measure(servers[0].fresh(), servers[1].fresh(), rows, rate, seconds))
    finally:
        for server in servers:
            server.stop()


async def _measure(legacy: str, new: str, rows: int, rate: int, seconds: int) -> None:
    lags = Lags()
    pg, my = await asyncpg.connect(legacy), await _mariadb(new)
    await _tables(pg, my, rows)
    syncer = await _syncer(legacy, new)
    task = asyncio.create_task(syncer.run())
    runner = syncer.runners["people"]
    await _until(task, lambda: runner.phase == "live")
    await _quiet(task, runner)
    await _burst(task, runner, pg, my, rows)
    lags.seconds.clear()
    await _steady(pg, my, rows, rate, seconds)
    await _quiet(task, runner)
    click.echo(
        f"lag at {rate} changes/s: p50 {lags.percentile_ms(0.5):.0f} ms, p99 {lags.percentile_ms(0.99):.0f} ms, "
        f"max {lags.percentile_ms(1):.0f} ms of {len(lags.seconds)}"
    )
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await syncer.close()


async def _mariadb(url: str):  # noqa: ANN202 - untyped driver
    host, _, rest = url.partition("@")[2].partition(":")
    port, _, database = rest.partition("/")
    return await asyncmy.connect(host=host, port=int(port), user="root", db=database, autocommit=True)


async def _tables(pg, my, rows: int) -> None:  # noqa: ANN001
    await pg.execute(f"CREATE TABLE people ({TABLE})")
    async with my.cursor() as cursor:
        await cursor.execute(f"CREATE TABLE people ({TABLE}) ENGINE=InnoDB")
    await pg.execute(
        "INSERT INTO people SELECT i, 'JOHN SMITH ' || i, '+12125550100', '19700101', i / 7.0, 'some text' "
        f"FROM generate_series(1, {rows}) i"
    )


async def _syncer(legacy: str, new: str) -> Syncer:
    def side(url: str) -> dict[str, object]:
        return {"connector": "sql", "url": url, "table": "people", "key": ["id"]}

    sync = Sync.model_validate(
        {"name": "people", "legacy": side(legacy), "new": side(new), "direction": "both", "fields": FIELDS}
    )
    stores = {
        one: await SqlStore.open(SqlSettings("people", one, url, "people", ("id",), COLUMNS))
        for one, url in ((Side.LEGACY, legacy), (Side.NEW, new))
    }
    for one, store in stores.items():
        await store.prepare(stores[one.other].key_kinds)
        await store.install()
    kinds = {one: {kind.name: kind for kind in store.kinds} for one, store in stores.items()}
    mapping = compile_mapping(sync, folder=Path(), legacy=kinds[Side.LEGACY], new=kinds[Side.NEW])
    toward = mapping.toward(Side.NEW), mapping.toward(Side.LEGACY)
    settings = SyncSettings(batch_rows=BATCH_ROWS, chunk_rows=5000)
    return Syncer([SyncModel("people", stores[Side.LEGACY], stores[Side.NEW], *toward, settings)], Surroundings())


async def _burst(task, runner, pg, my, rows: int) -> None:  # noqa: ANN001
    for name, statement in (("PostgreSQL -> MariaDB", pg.execute), ("MariaDB -> PostgreSQL", _executing(my))):
        before, cpu = _applied(runner), resource.getrusage(resource.RUSAGE_SELF)
        await statement("UPDATE people SET amount = amount + 1")
        began = time.monotonic()
        await _until(task, lambda before=before: _applied(runner) >= before + rows)
        took = time.monotonic() - began
        now = resource.getrusage(resource.RUSAGE_SELF)
        used = now.ru_utime + now.ru_stime - cpu.ru_utime - cpu.ru_stime
        click.echo(f"{name}: {rows / took:,.0f} changes/s ({took:.1f} s, {1e6 * used / rows:.0f} us CPU per change)")
        await _quiet(task, runner)


def _executing(my):  # noqa: ANN001, ANN202
    async def execute(statement: str) -> None:
        async with my.cursor() as cursor:
            await cursor.execute(statement)

    return execute


async def _steady(pg, my, rows: int, rate: int, seconds: int) -> None:  # noqa: ANN001
    execute = _executing(my)
    began = time.monotonic()
    for number in range(rate * seconds):
        due = began + number / rate
        if (early := due - time.monotonic()) > 0:
            await asyncio.sleep(early)
        key = (number * 7919) % rows + 1
        statement = f"UPDATE people SET note = 'n{number}' WHERE id = {key}"
        await (pg.execute if number % 2 else execute)(statement)


def _applied(runner) -> int:  # noqa: ANN001
    return sum(direction.counts["applied"] for direction in runner.status().directions)


async def _until(task, condition) -> None:  # noqa: ANN001
    while not condition():
        if task.done():
            task.result()
        await asyncio.sleep(0.005)


async def _quiet(task, runner) -> None:  # noqa: ANN001
    """Nothing was counted for half a second, echoes included."""
    last = None
    while last != (now := [direction.counts for direction in runner.status().directions]):
        last = now
        await asyncio.sleep(0.5)
        await _until(task, lambda: True)


if __name__ == "__main__":
    main()
