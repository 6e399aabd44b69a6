"""As many requests as it serves: rate, CPU per request, latencies under full load."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from benchmarks.bench import Bench
from benchmarks.cost import cpu_time
from benchmarks.payloads import JSON, Work
from benchmarks.results import Bar
from benchmarks.rows.base import Column, Row


class HighestRate(Row):
    """wrk sends as fast as it is answered. CPU per request is the figure: it holds on noisy machines."""

    columns: ClassVar[Sequence[Column]] = (
        Column("rate", "req/s"),
        Column("cpu_us", "CPU µs/req", 1),
        Column("user_us", "of that user", 1),
        Column("busy", "core %"),
        Column("p50_us", "p50 µs"),
        Column("p99_us", "p99 µs"),
    )

    def __init__(self, name: str, title: str, work: Work, entrants: Sequence[str], bars: Sequence[Bar] = ()) -> None:
        super().__init__(name, title, entrants, bars)
        self.work = work

    def measure(self, bench: Bench, name: str) -> dict[str, float]:
        """One run of wrk, and the CPU time that the whole process tree used meanwhile."""
        entrant = bench.running(name)
        before = cpu_time(entrant.program)
        result = bench.wrk.run(entrant.port, self.work, bench.settings.duration_s)
        time.sleep(bench.settings.settle_s)
        used = cpu_time(entrant.program) - before
        if self.work is JSON:
            bench.highest_rate[name] = result.rate
        return {
            "rate": result.rate,
            "cpu_us": used.total_s * 1e6 / result.requests,
            "user_us": used.user_s * 1e6 / result.requests,
            "busy": used.total_s / result.duration_s * 100,
            "p50_us": result.p50_us,
            "p99_us": result.p99_us,
        }
