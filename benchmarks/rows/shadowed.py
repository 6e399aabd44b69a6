"""What the mirror costs, and what clients notice of it at half load, however the new system fares.

Two figures of latency are printed beside each other, and both count:

- against `strangler-plane`, which mirrors nothing: all that comes of mirroring;
- against `strangler-plane-beside`, which mirrors nothing either, while another process on the proxy's core sends as
  many requests to the upstream of the copies, only when nobody else wants that core. The machine has the same requests
  to answer; the proxy has not. What is left of the difference is the proxy's own.

On two cores the load generator, the clients' upstream, that of the copies and the stand-in for the comparer share one.
In this row, and for every entrant alike, the generator goes before all others there and what only copies need after
them (`benchmarks.priority`): a client that waits because its upstream had to wait for the new system would be a matter
of this machine. nginx with `mirror` stands beside nginx without, at the same rate.

`ahead` is 1 where the generator got its priority. `copied` is how many of the requests had a copy that was answered: a
proxy that sheds its mirrors is fast, too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from benchmarks.bench import ROOT, Bench
from benchmarks.cores import pinned
from benchmarks.payloads import JSON
from benchmarks.priority import yielding
from benchmarks.rows.base import Column, Row
from benchmarks.rows.highest import HighestRate
from benchmarks.rows.latency import generate

#: The plane that mirrors everything, and by its highest rate half the load is meant.
SLOWEST = "strangler-shadow"
BESIDE = "strangler-plane-beside"
#: The sender beside the proxy goes on for so much longer than what is measured.
BESIDE_S = 2.0

COPIED = Column("copied", "copied %")


class ShadowedRate(HighestRate):
    """As many requests as it serves, and how many of them were copied."""

    columns: ClassVar[Sequence[Column]] = (*HighestRate.columns, COPIED)

    def measure(self, bench: Bench, name: str) -> dict[str, float]:
        """One run of wrk."""
        before = bench.copies.handled()
        values = super().measure(bench, name)
        copies = bench.copies.handled() - before - 1
        return {**values, "copied": copies * 100 / (values["rate"] * bench.settings.duration_s)}


class ShadowedLatency(Row):
    """All at half of what the plane that mirrors everything can serve."""

    columns: ClassVar[Sequence[Column]] = (
        Column("rate", "req/s"),
        Column("p50_us", "p50 µs"),
        Column("p99_us", "p99 µs"),
        Column("lag_p99_us", "generator's lag p99 µs"),
        Column("ahead", "ahead"),
        COPIED,
    )

    def measure(self, bench: Bench, name: str) -> dict[str, float]:
        """One run at that rate."""
        if SLOWEST not in bench.highest_rate:
            port = bench.running(SLOWEST).port
            bench.highest_rate[SLOWEST] = bench.wrk.run(port, JSON, bench.settings.duration_s).rate
        rate = bench.highest_rate[SLOWEST] / 2
        entrant = bench.running(name)
        before = bench.copies.handled()
        with yielding([bench.copies.program, *entrant.helpers]), _beside(bench, name, rate) as sent:
            values = generate(bench, entrant.port, rate, urgent=True)
        copies = bench.copies.handled() - before - 1
        if sent:
            copies = sent["rate"] / values["rate"] * values["requests"]
        return {**values, "copied": copies * 100 / values["requests"]}


@contextmanager
def _beside(bench: Bench, name: str, rate: float) -> Iterator[dict[str, float]]:
    """For `BESIDE`: requests straight to the upstream of copies, sent from the proxy's core when it has time."""
    sent: dict[str, float] = {}  # the sender's own result, once it has ended
    if name != BESIDE:
        yield sent
        return
    seconds = bench.settings.duration_s + BESIDE_S
    command = [
        *(sys.executable, "-m", "benchmarks.openloop", "--port", str(bench.copies.port), "--path", JSON.path),
        *("--rate", f"{rate:.0f}", "--seconds", str(seconds), "--priority", "last"),
    ]
    with pinned(bench.settings.cores.proxy):
        sender = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        yield sent
        sent |= json.loads(sender.communicate(timeout=seconds + 60)[0])
    finally:
        sender.kill()
        sender.wait()
