"""`python -m benchmarks.syncing`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine
from benchmarks.syncing.bulk import Figures, run

#: name of ours, name of the peer, bound on our seconds as a multiple of the peer's.
BARS = (("strangler", "pgloader", 1.0), ("strangler verify", "reladiff", 1.5))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rows", type=click.IntRange(min=1000), default=1_000_000, show_default=True)
@click.option("--chunk-rows", type=click.IntRange(min=100), default=20_000, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--reladiff", type=click.Path(path_type=Path), default=Path(sys.executable).with_name("reladiff"))
def main(rows: int, chunk_rows: int, rounds: int, reladiff: Path) -> None:
    """Copy and verify a million rows, beside pgloader and reladiff where they are installed."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(machine(), highlight=False)
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="strangler-bench-") as folder:
            console.print(table(run(rows, chunk_rows, Path(folder), reladiff)))


def table(figures: Figures) -> Table:
    """The figures of one run, and the ratios to the peers."""
    found = Table(title=f"{figures.rows:,} rows x 10 columns, MariaDB → PostgreSQL")
    for column in ("what", "seconds", "rows/s", "CPU s of ours", "of the peer's time", "bar"):
        found.add_column(column, justify="left" if column == "what" else "right")
    bars = {ours: (peer, bound) for ours, peer, bound in BARS}
    for name, seconds in figures.seconds.items():
        peer, bound = bars.get(name, ("", 0.0))
        against = figures.seconds.get(peer)
        found.add_row(
            name,
            f"{seconds:.2f}",
            f"{figures.rows / seconds:,.0f}" if seconds else "",
            f"{figures.cpu_s[name]:.2f}" if name in figures.cpu_s else "",
            f"{seconds / against:.2f} x" if against else "",
            f"≤ {bound} x" if peer else "",
        )
    return found


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.syncing")
