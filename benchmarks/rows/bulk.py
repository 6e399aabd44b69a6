"""A gibibyte up and a gibibyte down, through a proxy that must stream both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from benchmarks import bulk_client
from benchmarks.bench import Bench
from benchmarks.check import check
from benchmarks.cost import KIB, cpu_time, forget_peak, resident, resident_peak
from benchmarks.payloads import JSON
from benchmarks.peers import Entrant
from benchmarks.rows.base import Column, Row

MIB = KIB * KIB


class Bulk(Row):
    """Growth of the serving process's resident memory at its peak, and CPU per MiB, each way."""

    columns: ClassVar[Sequence[Column]] = (
        Column("upload_mib", "upload: peak growth MiB", 1),
        Column("upload_us", "CPU µs/MiB"),
        Column("download_mib", "download: peak growth MiB", 1),
        Column("download_us", "CPU µs/MiB"),
    )

    @property
    def running(self) -> tuple[str, ...]:
        """None: memory is measured in a process that has done nothing else."""
        return ()

    def measure(self, bench: Bench, name: str) -> dict[str, float]:
        """Both ways in one process; each side stalls for a second on the way."""
        size = bench.settings.bulk_bytes
        values = {}
        with bench.fresh(name) as entrant:
            check(entrant.port, JSON)
            for way, send in (("upload", bulk_client.upload), ("download", bulk_client.download)):
                growth, used_s = _send(entrant, send, size)
                values[f"{way}_mib"] = growth / MIB
                values[f"{way}_us"] = used_s * 1e6 / (size / MIB)
        return values


def _send(entrant: Entrant, send: Callable[[int, int], None], size: int) -> tuple[int, float]:
    forget_peak(entrant.program)
    before, cpu_before = resident(entrant.program), cpu_time(entrant.program)
    send(entrant.port, size)
    growth = resident_peak(entrant.program).growth_since(before)
    return growth, (cpu_time(entrant.program) - cpu_before).total_s
