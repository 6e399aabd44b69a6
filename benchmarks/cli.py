"""The command line of the benchmarks."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import click
from rich.console import Console

from benchmarks.bench import Bench
from benchmarks.cores import Cores
from benchmarks.errors import BenchError
from benchmarks.machine import machine, versions
from benchmarks.peers import ENTRANTS
from benchmarks.report import Report
from benchmarks.results import OURS
from benchmarks.rows import ROWS
from benchmarks.rows.base import Row
from benchmarks.settings import Settings

RESULTS = Path(__file__).resolve().parent / "results"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", metavar="ROWS", help=f"Rows, with commas between: {','.join(row.name for row in ROWS)}.")
@click.option("--peers", metavar="NAMES", help="Peers beside ours, with commas between; `none` for ours alone.")
@click.option("--duration", type=click.FloatRange(min=1), default=5.0, show_default=True, help="Seconds a measurement.")
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="The median is over these.")
@click.option("--quick", is_flag=True, help="One round of 1 s: shows that everything works, and nothing more.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Where to keep the results.")
@click.option("--without-ours", is_flag=True, help="Measure the peers only.")
def main(
    only: str | None, peers: str | None, duration: float, rounds: int, *, quick: bool, json_path: Path | None,
    without_ours: bool,
) -> None:  # fmt: skip
    """Measure strangler beside other proxies, print the ratios and judge the bars."""
    signal.signal(signal.SIGTERM, _stop)
    console = Console(width=None if sys.stdout.isatty() else 150)
    rows, names = _rows(only), _names(peers, ours=not without_ours)
    settings = Settings(cores=Cores.choose(), duration_s=1.0 if quick else duration, rounds=1 if quick else rounds)
    try:
        report = _run(settings, rows, names, console)
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    report.show(console)
    path = json_path or RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    report.save(path)
    console.print(f"kept as {path}")


def _run(settings: Settings, rows: list[Row], names: list[str], console: Console) -> Report:
    """Run in a folder of its own; whatever ends the run, everything started in it is stopped and the folder removed."""
    about, found = machine(), versions(names)
    with tempfile.TemporaryDirectory(prefix="strangler-bench-") as folder, ExitStack() as stack:
        bench = Bench(settings, Path(folder), stack, lambda line: console.print(line, highlight=False, markup=False))
        try:
            bench.run(rows, names)
        except KeyboardInterrupt:
            console.print("interrupted: what follows is what was measured so far")
        return Report(about, found, settings, rows, tuple(bench.samples), bench.skipped)


def _rows(only: str | None) -> list[Row]:
    wanted = only.split(",") if only else [row.name for row in ROWS]
    _refuse_unknown("row", wanted, [row.name for row in ROWS])
    return [row for row in ROWS if row.name in wanted]


def _names(peers: str | None, *, ours: bool) -> list[str]:
    ours_all = [name for name in ENTRANTS if name.startswith(OURS)]
    peers_all = [name for name in ENTRANTS if name not in ours_all]
    wanted = peers_all if peers is None else [] if peers == "none" else peers.split(",")
    _refuse_unknown("peer", wanted, peers_all)
    return [*(ours_all if ours else ()), *wanted]


def _refuse_unknown(kind: str, wanted: list[str], known: list[str]) -> None:
    if unknown := [name for name in wanted if name not in known]:
        raise click.BadParameter(f"no {kind} is called {unknown[0]!r}; there are: {', '.join(known)}")


def _stop(signum: int, frame: FrameType | None) -> None:
    del signum, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
