"""What it costs a first copy to look for duplicates: `PYTHONPATH=tests python -m benchmarks.syncing.duplicates`.

The same rows are copied from MariaDB to PostgreSQL without and with `duplicates: {on: [email, phone]}`, turn by turn.
What is printed is CPU time for each row, of the syncer and of PostgreSQL: on a machine that does other things besides,
seconds say little.
"""

from __future__ import annotations

import asyncio
import sys
from statistics import median
from typing import Final

import click
import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine
from benchmarks.syncing import bulk, dataset
from proxy.heap import collect_rarely, keep_freed_memory
from support.postgresql_server import PostgreSQL

ON: Final = ("email", "phone")


def server_cpu_s(server: PostgreSQL) -> float:
    """CPU seconds of all processes of a server, those that have ended too."""
    pid = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    whole = psutil.Process(pid)
    own = whole.cpu_times()
    alive = [process.cpu_times() for process in whole.children(recursive=True)]
    return own.children_user + own.children_system + sum(times.user + times.system for times in (own, *alive))


async def copied(
    rows: int, chunk_rows: int, urls: tuple[str, str], server: PostgreSQL, on: tuple[str, ...]
) -> tuple[float, float]:
    """One copy: CPU seconds of this process, and of the server."""
    figures = bulk.Figures(rows)
    began = server_cpu_s(server)
    direction = await bulk.backfilled(figures, *urls, chunk_rows, on)
    found = figures.cpu_s["strangler"], server_cpu_s(server) - began
    await direction.reads.close()
    await direction.writes.close()
    return found


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rows", type=click.IntRange(min=1000), default=200_000, show_default=True)
@click.option("--chunk-rows", type=click.IntRange(min=100), default=5_000, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
def main(rows: int, chunk_rows: int, rounds: int) -> None:
    """Copy rows without and with duplicates being looked for; prints CPU microseconds a row, the median of rounds."""
    figures: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    keep_freed_memory()
    collect_rarely()
    with bulk.servers() as (mariadb, postgresql):
        legacy_url = mariadb.fresh()
        asyncio.run(bulk.execute(legacy_url, dataset.LEGACY_TABLE, dataset.fill(rows)))
        for _ in range(rounds):
            for looking, found in figures.items():
                new_url = postgresql.fresh()
                asyncio.run(bulk.execute(new_url, dataset.NEW_TABLE))
                on = ON if looking else ()
                found.append(uvloop.run(copied(rows, chunk_rows, (legacy_url, new_url), postgresql, on)))
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(machine(), highlight=False)
    table = Table("", "syncer, µs of CPU a row", "PostgreSQL, µs of CPU a row", title=f"{rows:,} rows")
    for looking, found in figures.items():
        cells = [f"{median(part) / rows * 1e6:.1f}" for part in zip(*found, strict=True)]
        table.add_row("with duplicates" if looking else "without", *cells)
    console.print(table)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.syncing.duplicates")
