"""Runs the rounds: everything started afresh, checked, warmed, then each row for each entrant in turn."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.check import check
from benchmarks.errors import BenchError, InvalidError, MissingError
from benchmarks.peers import ENTRANTS, Entrant, Place
from benchmarks.process import Program, free_port
from benchmarks.results import Sample
from benchmarks.settings import Settings
from benchmarks.upstream import Upstream
from benchmarks.wrk import Wrk

if TYPE_CHECKING:
    from benchmarks.rows.base import Row

ROOT = Path(__file__).resolve().parents[1]


class Bench:
    """One run: the upstreams live through it, the entrants through a round each."""

    def __init__(self, settings: Settings, folder: Path, stack: ExitStack, say: Callable[[str], None]) -> None:
        self.settings = settings
        self.samples: list[Sample] = []
        self.skipped: dict[str, str] = {}
        self.names: Sequence[str] = ()  # of the entrants that take part
        self.highest_rate: dict[str, float] = {}  # of this round, by entrant: requests/s of the small response
        self.wrk = Wrk(folder, core=settings.cores.load, connections=settings.connections)
        self.upstream = Upstream(folder / "upstream", settings.cores)
        stack.callback(self.upstream.stop)
        self.upstream.wait_ready()
        self.copies = Upstream(folder / "copies", settings.cores)
        stack.callback(self.copies.stop)
        self.copies.wait_ready()
        self._bulk_port = free_port()
        stack.callback(self._start_bulk(folder / "bulk").stop)
        self._folder = folder
        self._say = say
        self._running: dict[str, Entrant] = {}
        self._broken: dict[str, str] = {}
        self._started = 0

    def _start_bulk(self, folder: Path) -> Program:
        folder.mkdir()
        command = [sys.executable, "-m", "benchmarks.bulk_server", str(self._bulk_port)]
        program = Program(
            command, core=self.settings.cores.upstream, folder=folder, environment={"PYTHONPATH": str(ROOT)}
        )
        program.wait_ready(self._bulk_port, "/bulk/1")
        return program

    def run(self, rows: Sequence[Row], names: Sequence[str]) -> None:
        """Every round of every row for the entrants named."""
        self.names = names
        for number in range(1, self.settings.rounds + 1):
            self._say(f"round {number} of {self.settings.rounds}")
            with ExitStack() as stack:
                self._start_round(stack, [name for name in names if any(name in row.running for row in rows)])
                for row in rows:
                    for name in row.entrants:
                        if self.takes_part(name):
                            self._measure(row, name, number)

    def takes_part(self, name: str) -> bool:
        """Whether the entrant was asked for and its program is there."""
        return name in self.names and name not in self.skipped

    def running(self, name: str) -> Entrant:
        """The entrant as started for this round.

        Raises:
            InvalidError: it did not answer correctly, or did not start.
        """
        if name in self._broken:
            raise InvalidError(self._broken[name])
        if name not in self._running:
            raise InvalidError(f"{name} is not running")
        return self._running[name]

    @contextmanager
    def fresh(self, name: str) -> Iterator[Entrant]:
        """An entrant started for one measurement only, for rows about memory."""
        entrant = self._start(name)
        try:
            entrant.wait_ready()
            yield entrant
        finally:
            entrant.stop()

    def _start_round(self, stack: ExitStack, names: Sequence[str]) -> None:
        self._running.clear()
        self._broken.clear()
        self.highest_rate.clear()
        for name in names:
            if name in self.skipped:
                continue
            try:
                entrant = self._start(name)
                stack.callback(entrant.stop)
                self._prove(entrant)
                self._running[name] = entrant
            except MissingError as error:
                self.skipped[name] = str(error)
                self._say(f"  {name} is skipped: {error}")
            except BenchError as error:
                self._broken[name] = str(error)
                self._say(f"  {name} is not usable in this round: {error}")

    def _start(self, name: str) -> Entrant:
        self._started += 1
        place = Place(
            folder=self._folder / f"{self._started:03}-{name}", core=self.settings.cores.proxy,
            upstream_port=self.upstream.port, bulk_port=self._bulk_port, copies_port=self.copies.port,
        )  # fmt: skip
        return ENTRANTS[name](place)

    def _prove(self, entrant: Entrant) -> None:
        entrant.wait_ready()
        for work in entrant.works:
            check(entrant.port, work)
        self.wrk.run(entrant.port, entrant.works[0], self.settings.warm_s)

    def _measure(self, row: Row, name: str, number: int) -> None:
        try:
            values = row.measure(self, name)
        except MissingError as error:
            self.skipped[name] = str(error)
            self._say(f"  {name} is skipped: {error}")
        except (BenchError, OSError) as error:
            reason = (str(error) or repr(error)).splitlines()[0]  # what a program printed was said when it was started
            self.samples.append(Sample(row.name, name, number, {}, invalid=reason))
            self._say(f"  {row.name:9} {name:22} invalid: {reason}")
        else:
            self.samples.append(Sample(row.name, name, number, values))
            figures = "  ".join(f"{column.title} {column.text(values)}" for column in row.columns)
            self._say(f"  {row.name:9} {name:22} {figures}")
