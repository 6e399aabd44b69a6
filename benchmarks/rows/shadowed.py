"""What the client notices of a mirror: latency at half load with it and without, and how the new system fares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from benchmarks.bench import Bench
from benchmarks.payloads import JSON
from benchmarks.rows.base import Column, Row
from benchmarks.rows.latency import generate

#: The plane that mirrors everything, and by its highest rate half the load is meant.
SLOWEST = "strangler-shadow"


class ShadowedLatency(Row):
    """All at half of what the plane that mirrors everything can serve."""

    columns: ClassVar[Sequence[Column]] = (
        Column("rate", "req/s"),
        Column("p50_us", "p50 µs"),
        Column("p99_us", "p99 µs"),
        Column("lag_p99_us", "generator's lag p99 µs"),
    )

    def measure(self, bench: Bench, name: str) -> dict[str, float]:
        """One run at that rate."""
        if SLOWEST not in bench.highest_rate:
            port = bench.running(SLOWEST).port
            bench.highest_rate[SLOWEST] = bench.wrk.run(port, JSON, bench.settings.duration_s).rate
        return generate(bench, bench.running(name).port, bench.highest_rate[SLOWEST] / 2)
