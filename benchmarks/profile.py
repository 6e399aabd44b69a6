"""Shows where a worker's CPU time goes under the benchmark's load: `python -m benchmarks.profile`.

It starts the upstream and one of our variants as the benchmark does, drives it with wrk, records the worker's stacks
and prints the functions by their own time and by the time below them.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks.bench import Bench
from benchmarks.cores import Cores, pinned
from benchmarks.errors import BenchError
from benchmarks.payloads import Work
from benchmarks.peers import Entrant
from benchmarks.process import Program, find_program
from benchmarks.results import OURS
from benchmarks.rows import ROWS
from benchmarks.rows.highest import HighestRate
from benchmarks.settings import Settings

LEAD_S = 1.0
TAIL_S = 2.0
SAMPLES_PER_S = 499
WORKS = {row.name: row for row in ROWS if isinstance(row, HighestRate)}
WAITS = ("wait (threading.py", "epoll_wait", "epoll_pwait")  # stacks of threads that wait cost nothing
FRAME = re.compile(r"\s+[0-9a-f]+ (?P<symbol>.+) \((?P<library>[^()]*)\)$")
HINTS = {"py-spy": "pip install py-spy", "perf": "apt-get install linux-perf"}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--row", type=click.Choice(list(WORKS)), default="json", show_default=True, help="Whose request is sent.")
@click.option("--with", "tool", type=click.Choice(list(HINTS)), default="py-spy", show_default=True)
@click.option("--native", is_flag=True, help="py-spy: also the C functions, where their names can be had.")
@click.option("--callees", is_flag=True, help="Sort by the time with callees.")
@click.option("--lines", is_flag=True, help="py-spy: by line instead of by function.")
@click.option("--seconds", type=click.FloatRange(min=1), default=5.0, show_default=True)
@click.option("--top", type=click.IntRange(min=1), default=30, show_default=True, help="Functions printed.")
@click.option("--stacks", type=click.Path(dir_okay=False, path_type=Path), help="Keep the folded stacks (flame graph).")
def main(
    row: str, tool: str, *, native: bool, lines: bool, callees: bool, seconds: float, top: int, stacks: Path | None
) -> None:
    """Record one of our workers under load and print where its time goes."""
    chosen = WORKS[row]
    name = next(name for name in reversed(chosen.entrants) if name.startswith(OURS))
    settings = Settings(cores=Cores.choose(), rounds=1)
    console = Console()
    try:
        with tempfile.TemporaryDirectory(prefix="strangler-profile-") as folder, ExitStack() as stack:
            bench = Bench(settings, Path(folder), stack, console.print)
            entrant = stack.enter_context(bench.fresh(name))
            with _load(bench, entrant, chosen.work, LEAD_S + seconds + TAIL_S):
                time.sleep(LEAD_S)
                pid = busiest(entrant.program)
                with pinned(settings.cores.load):
                    folded = _record(tool, pid, seconds, Path(folder), native=native, lines=lines)
    except BenchError as error:
        raise click.ClickException(str(error)) from error
    if stacks is not None:
        stacks.write_text(folded)
    console.print(_table(folded, top, by_callees=callees))
    if tool == "perf":
        console.print(_libraries(folded))


@contextmanager
def _load(bench: Bench, entrant: Entrant, work: Work, seconds: float) -> Iterator[None]:
    """Requests as fast as they are answered, from another thread, until the block has ended."""
    thread = threading.Thread(target=bench.wrk.run, args=(entrant.port, work, seconds))
    thread.start()
    try:
        yield
    finally:
        thread.join()


def busiest(program: Program) -> int:
    """The pid of the process that uses most CPU now: the worker."""
    tree = program.tree()
    for process in tree:
        process.cpu_percent(None)
    time.sleep(0.5)
    return max(tree, key=lambda process: process.cpu_percent(None)).pid


def _record(tool: str, pid: int, seconds: float, folder: Path, *, native: bool, lines: bool) -> str:
    """Folded stacks: `outer;…;inner COUNT` lines."""
    program = find_program(tool, HINTS[tool])
    if tool == "perf":
        return _record_perf(program, pid, seconds, folder)
    output = folder / "stacks.txt"
    options = [*(["--native"] if native else []), *([] if lines else ["--function"])]
    _run(
        [
            program, "record", "--pid", str(pid), "--rate", str(SAMPLES_PER_S), "--duration", str(round(seconds)),
            "--format", "raw", "--output", str(output), *options,
        ]
    )  # fmt: skip
    stacks = output.read_text().splitlines()
    return "".join(f"{stack}\n" for stack in stacks if not any(wait in stack for wait in WAITS))


def _record_perf(program: str, pid: int, seconds: float, folder: Path) -> str:
    data = str(folder / "perf.data")
    rate, sleep = str(SAMPLES_PER_S), ["sleep", str(round(seconds))]
    _run([program, "record", "-F", rate, "-g", "-p", str(pid), "-o", data, "--", *sleep])
    return fold(_run([program, "script", "-i", data, "-F", "comm,ip,sym,dso"]))


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-400:]}")
    return done.stdout


def fold(script: str) -> str:
    """Folded stacks of what `perf script` printed: one paragraph a sample, innermost function first."""
    counted: Counter[str] = Counter()
    for paragraph in script.split("\n\n"):
        _, *frames = paragraph.strip().splitlines() or [""]
        names = [_frame(match) for frame in frames if (match := FRAME.match(frame))]
        if names:
            counted[";".join(reversed(names))] += 1
    return "".join(f"{stack} {count}\n" for stack, count in counted.items())


def _frame(match: re.Match[str]) -> str:
    """`symbol (library)`, without the library's folder."""
    library = match["library"].strip("[]").rsplit("/", 1)[-1].split(".", 1)[0]
    return f"{match['symbol'].replace(';', ':')} ({library})"


def _table(folded: str, top: int, *, by_callees: bool) -> Table:
    own: Counter[str] = Counter()
    below: Counter[str] = Counter()
    for line in folded.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        own[frames[-1]] += int(count)
        for frame in set(frames):
            below[frame] += int(count)
    total = own.total() or 1
    table = Table(title=f"{total} samples", title_justify="left")
    for title in ("own %", "with callees %", "function"):
        table.add_column(title, justify="left" if title == "function" else "right", overflow="fold")
    for frame, _ in (below if by_callees else own).most_common(top):
        table.add_row(f"{own[frame] / total:.1%}", f"{below[frame] / total:.1%}", frame)
    return table


def _libraries(folded: str) -> Table:
    """Own time by library: for perf, whose frames tell theirs."""
    own: Counter[str] = Counter()
    for line in folded.splitlines():
        stack, _, count = line.rpartition(" ")
        own[stack.rsplit("(", 1)[-1].rstrip(")")] += int(count)
    table = Table("own %", "library", title="by library", title_justify="left")
    for library, samples in own.most_common(12):
        table.add_row(f"{samples / (own.total() or 1):.1%}", library)
    return table


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.profile")
