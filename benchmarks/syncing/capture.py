"""What capture costs the legacy database: single-row updates by its own C clients, with and without our triggers.

`python -m benchmarks.syncing.capture` runs the same updates in turns, with and without, on private servers whose
commits are on disk when they return, as a legacy database's are; `--in-memory` leaves the disk out, which makes the
triggers' share as large as it can be. Prints the medians of the turns; the bar is 30 % more time per durable update.
CPU time is the server's, for machines on which something else runs.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine
from legacy_adapters.record import Side
from legacy_adapters.sql.store import SqlSettings, SqlStore
from support.mariadb_server import MariaDB
from support.mariadb_server import program as mariadb_program
from support.postgresql_server import PostgreSQL
from support.postgresql_server import program as postgresql_program
from support.private_server import PrivateServer
from support.sync_stores import Kind

ROWS: Final = 20_000
BAR: Final = 0.30
COLUMNS: Final = (
    "id int NOT NULL PRIMARY KEY, name varchar(60), mail varchar(60), city varchar(40), version int NOT NULL"
)
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one update, in microseconds."""

    wall_us: float
    server_cpu_us: float


def server_cpu_s(server: PrivateServer) -> float:
    """CPU time of a server's processes so far, those included that have ended."""
    assert server._process is not None  # noqa: SLF001  (the benchmark owns it)
    root = server._process.pid  # noqa: SLF001
    total = 0
    for folder in Path("/proc").iterdir():
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if folder.name == str(root):
            total += sum(map(int, fields[11:15]))
        elif fields[1] == str(root):
            total += sum(map(int, fields[11:13]))
    return total / _TICKS


def pgbench(server: PostgreSQL, database: str, updates: int, clients: int) -> float:
    """Seconds for that many updates."""
    script = server.folder / "update.sql"
    script.write_text(f"\\set id random(1, {ROWS})\nUPDATE t SET version = version + 1 WHERE id = :id;\n")
    script.chmod(0o644)
    size = ["-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-t", str(updates // clients)]
    where = ["-h", str(server.folder), "-p", str(server.port), "-U", "strangler", "-f", str(script), database]
    said = server.run([postgresql_program("pgbench"), *size, *where]).stdout.decode()
    found = re.search(r"tps = ([\d.]+)", said)
    assert found is not None, said
    return updates / float(found[1])


def mariadb_slap(server: MariaDB, database: str, updates: int, clients: int) -> float:
    """Seconds for that many updates."""
    script = server.folder / "update.sql"
    numbers = random.Random(7).choices(range(1, ROWS + 1), k=2_000)
    script.write_text(";".join(f"UPDATE t SET version = version + 1 WHERE id = {number}" for number in numbers) + ";")
    script.chmod(0o666)  # it opens the file for writing too
    address = ["--no-defaults", f"--socket={server.folder / 'mysqld.sock'}", "--user=root"]
    size = [f"--concurrency={clients}", f"--number-of-queries={updates}", "--iterations=1", "--csv"]
    what = [f"--create-schema={database}", "--no-drop", "--delimiter=;", "--query=update.sql"]
    said = server.run([mariadb_program("mariadb-slap"), *address, *size, *what]).stdout.decode()
    return float(said.strip().splitlines()[-1].split(",")[2])


async def measure(
    server: PrivateServer, name: str, run: Callable[[], float], *, url: str, turns: int, updates: int
) -> Table:
    """The table of one database."""
    kind = Kind(name, url)
    values = ", ".join(f"({at}, 'customer {at}', 'c{at}@shop.example', 'Town', 0)" for at in range(1, ROWS + 1))
    await kind.run(f"CREATE TABLE t ({COLUMNS})", f"INSERT INTO t VALUES {values}")
    store = await SqlStore.open(SqlSettings("bench", Side.LEGACY, url, "t", ("id",), ("name", "version")))
    costs: dict[bool, list[Cost]] = {False: [], True: []}
    for turn in range(2 * turns + 2):
        captured = bool(turn % 2)
        await (store.install() if captured else store.uninstall())
        before = server_cpu_s(server)
        seconds = await asyncio.to_thread(run)
        if turn > 1:  # the first two fill the caches
            cpu_s = server_cpu_s(server) - before
            costs[captured].append(Cost(seconds / updates * 1e6, cpu_s / updates * 1e6))
    await store.close()
    await kind.close()
    return table(name, costs)


def table(name: str, costs: dict[bool, list[Cost]]) -> Table:
    """Medians without and with capture, and what capture adds."""
    shown = Table(title=f"{name}: one single-row update, µs")
    for column in ("", "without", "with capture", "more", "bar"):
        shown.add_column(column, justify="right")
    for label, pick in (("time", lambda cost: cost.wall_us), ("server CPU", lambda cost: cost.server_cpu_us)):
        without, captured = (statistics.median(map(pick, costs[which])) for which in (False, True))
        bar = f"≤ {BAR:.0%}" if label == "time" else ""
        shown.add_row(label, f"{without:.1f}", f"{captured:.1f}", f"{captured / without - 1:+.0%}", bar)
    return shown


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--updates", type=click.IntRange(min=1000), default=20_000, show_default=True)
@click.option("--turns", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--clients", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--in-memory", is_flag=True, help="Do not wait for the disk.")
def main(updates: int, turns: int, clients: int, *, in_memory: bool) -> None:
    """Measure what capture adds to a single-row update."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(machine(), highlight=False)
    runs: list[tuple[str, PrivateServer, Callable[..., float]]] = [
        ("postgresql", PostgreSQL() if in_memory else PostgreSQL(fsync="on", synchronous_commit="on"), pgbench),
        ("mariadb", MariaDB() if in_memory else MariaDB(innodb_flush_log_at_trx_commit="1"), mariadb_slap),
    ]
    for name, server, client in runs:
        server.start()
        try:
            url = server.fresh()
            database = url.rpartition("/")[2]
            run = lambda server=server, client=client, database=database: client(server, database, updates, clients)  # noqa: E731
            console.print(asyncio.run(measure(server, name, run, url=url, turns=turns, updates=updates)))
        finally:
            server.stop()


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.syncing.capture")
