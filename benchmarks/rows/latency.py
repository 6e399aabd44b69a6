"""p99 at half of the highest rate, under a load that does not wait for answers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import ClassVar

from benchmarks.bench import ROOT, Bench
from benchmarks.cores import pinned
from benchmarks.errors import InvalidError
from benchmarks.payloads import JSON
from benchmarks.rows.base import Column, Row

#: The generator's own lateness may be this part of a p99 that is believed.
LAG_SHARE_MAX = 0.5


class LatencyAtHalf(Row):
    """Two figures: at half of the entrant's own highest rate (the bar), and all at half of the slowest entrant's.

    The floor is the same generator at that last rate straight to the upstream: what the machine and the generator
    themselves need.
    """

    columns: ClassVar[Sequence[Column]] = (
        Column("own_rate", "half of own req/s"),
        Column("own_p50_us", "p50 µs"),
        Column("own_p99_us", "p99 µs"),
        Column("same_rate", "same req/s"),
        Column("same_p50_us", "p50 µs"),
        Column("same_p99_us", "p99 µs"),
        Column("floor_p99_us", "floor p99 µs"),
        Column("lag_p99_us", "generator's lag p99 µs"),
    )

    def measure(self, bench: Bench, name: str) -> dict[str, float]:
        """Both rates for one entrant, and the floor."""
        entrants = [each for each in self.entrants if bench.takes_part(each)]
        same_rate = min(_highest_rate(bench, each) for each in entrants) / 2
        port = bench.running(name).port
        own = generate(bench, port, _highest_rate(bench, name) / 2)
        same = generate(bench, port, same_rate)
        floor = generate(bench, bench.upstream.port, same_rate)
        return {
            "own_rate": own["rate"],
            "own_p50_us": own["p50_us"],
            "own_p99_us": own["p99_us"],
            "same_rate": same["rate"],
            "same_p50_us": same["p50_us"],
            "same_p99_us": same["p99_us"],
            "floor_p99_us": floor["p99_us"],
            "lag_p99_us": max(own["lag_p99_us"], same["lag_p99_us"]),
        }


def _highest_rate(bench: Bench, name: str) -> float:
    """From the row of the small response where that ran in this round, else measured now."""
    if name not in bench.highest_rate:
        port = bench.running(name).port
        bench.highest_rate[name] = bench.wrk.run(port, JSON, bench.settings.duration_s).rate
    return bench.highest_rate[name]


def generate(bench: Bench, port: int, rate: float, *, urgent: bool = False) -> dict[str, float]:
    """Send at a constant rate, perhaps before everybody else on the load core; latencies and the rate that came of it.

    Raises:
        InvalidError: the generator failed, or was itself late.
    """
    seconds = bench.settings.duration_s
    command = [
        sys.executable, "-m", "benchmarks.openloop", "--port", str(port), "--path", JSON.path, "--rate", f"{rate:.0f}",
        "--seconds", str(seconds), "--priority", "first" if urgent else "ordinary",
    ]  # fmt: skip
    with pinned(bench.settings.cores.load):
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=seconds + 60)
    if done.returncode:
        raise InvalidError(f"the generator: {done.stderr.strip().splitlines()[-1]}")
    result: dict[str, float] = json.loads(done.stdout)
    if result["lag_p99_us"] > result["p99_us"] * LAG_SHARE_MAX:
        raise InvalidError(
            f"at {rate:,.0f} requests/s the generator itself was late: {result['lag_p99_us']:,.0f} of the p99's "
            f"{result['p99_us']:,.0f} µs; the load core is too busy"
        )
    return result
