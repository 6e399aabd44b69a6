"""What a run is made of: how long, how often, how many connections."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.cores import Cores


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one run, kept with its results."""

    cores: Cores
    duration_s: float = 5.0  # of one measurement
    rounds: int = 5
    connections: int = 32  # of wrk
    warm_s: float = 1.0  # before the first measurement of an entrant in a round
    settle_s: float = 0.3  # after a measurement, so that log blocks still unwritten are charged to it
    idle_connections: int = 5000
    bulk_bytes: int = 1024 * 1024 * 1024
