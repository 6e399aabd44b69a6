"""Memory of record sync by the size of the table: `python -m benchmarks.syncing.memory`.

For each size a process of its own copies all rows from MariaDB to PostgreSQL and verifies both, as a syncer does. What
is printed is its high-water mark, as the kernel keeps it for that process (`ru_maxrss` would count the parent's in).
Flat means: no more for ten times the rows.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Final

import click
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine
from benchmarks.syncing import bulk, dataset
from proxy.heap import collect_rarely, keep_freed_memory

#: The greatest table's peak as a multiple of the smallest one's.
BAR: Final = 1.2
COPY_TIMEOUT_S: Final = 480.0


def peak_mib() -> float:
    """The most memory that this process has had."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the kernel does not say")


async def one(rows: int, chunk_rows: int, legacy_url: str, new_url: str) -> None:
    """Copy and verify; print the peak after each."""
    figures = bulk.Figures(rows)
    print(peak_mib())
    direction = await bulk.backfilled(figures, legacy_url, new_url, chunk_rows)
    print(peak_mib())
    await bulk.verified(figures, direction)
    print(peak_mib())
    await direction.reads.close()
    await direction.writes.close()


def measured(rows: int, chunk_rows: int) -> tuple[float, ...]:
    """MiB at the start, after the copy, and after verification."""
    with bulk.servers() as (mariadb, postgresql):
        urls = mariadb.fresh(), postgresql.fresh()
        asyncio.run(bulk.execute(urls[0], dataset.LEGACY_TABLE, dataset.fill(rows)))
        asyncio.run(bulk.execute(urls[1], dataset.NEW_TABLE))
        arguments = ["--rows", str(rows), "--chunk-rows", str(chunk_rows), "--urls", *urls]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.syncing.memory", *arguments],
            check=True,
            stdout=subprocess.PIPE,
            timeout=COPY_TIMEOUT_S,
            text=True,
        )
    return tuple(map(float, done.stdout.split()))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rows", "sizes", type=click.IntRange(min=1000), multiple=True, default=(100_000, 1_000_000))
@click.option("--chunk-rows", type=click.IntRange(min=100), default=5_000, show_default=True)
@click.option("--urls", type=str, nargs=2, default=None, hidden=True)
def main(sizes: tuple[int, ...], chunk_rows: int, urls: tuple[str, str] | None) -> None:
    """Measure the syncer's memory for tables of these sizes."""
    if urls is not None:
        keep_freed_memory()
        collect_rarely()
        uvloop.run(one(sizes[0], chunk_rows, *urls))
        return
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(machine(), highlight=False)
    shown = Table(title=f"peak memory of a syncer, MiB; {chunk_rows:,} rows at a time")
    for column in ("rows", "at the start", "after the copy", "after verification", "of the smallest", "bar"):
        shown.add_column(column, justify="right")
    least = 0.0
    for rows in sizes:
        start, copied, verified = measured(rows, chunk_rows)
        least = least or verified
        cells = (f"{rows:,}", f"{start:.0f}", f"{copied:.0f}", f"{verified:.0f}", f"{verified / least:.2f} x")
        shown.add_row(*cells, f"≤ {BAR} x")
    console.print(shown)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.syncing.memory")
