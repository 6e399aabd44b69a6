"""What a sync shows of itself: plain data for the command line, metrics and the console."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from legacy_adapters.engine.tally import Tally

#: Over how long a rate is taken.
RATE_WINDOW_S: Final = 10.0
COUNTERS: Final = ("applied", "skipped", "echo", "settled", "conflict", "quarantined")


@dataclass(frozen=True, slots=True)
class DirectionStatus:
    """One direction.

    Attributes:
        name: `to_new` or `to_legacy`.
        copied: its backfill is done.
        rows_done: rows of the backfill that were read so far.
        rows_total: about how many there are; None is unknown.
        rate: rows and changes per second, over the last ten seconds.
        eta_s: seconds that the backfill still takes at this rate; None is unknown or done.
        lag_s: age of the oldest captured change that is not applied, as far as is known.
        counts: by name: see `COUNTERS`; since this process started.
        quarantine: reasons of what went to quarantine, since this process started.
        held: how much is in quarantine, by reason, as of some seconds ago.
        waiting: rows that were read and lack another sync's record, which that sync is still to bring.
        duplicates: records of the written store that are flagged as agreeing with others; None is not looked for.
    """

    name: str
    copied: bool
    rows_done: int
    rows_total: int | None
    rate: float
    eta_s: float | None
    lag_s: float
    counts: dict[str, int]
    quarantine: dict[str, int]
    held: dict[str, int]
    waiting: int
    duplicates: int | None


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """One sync.

    Attributes:
        name: of the sync.
        phase: see `phases.Phase`.
        since: Unix time in seconds at which the phase began.
        stalled: an alarm: it is behind by more than its `lag_alarm`, or makes no progress.
        error: what stopped, paused or delayed it; "" where nothing does.
        directions: one or two.
    """

    name: str
    phase: str
    since: float
    stalled: bool
    error: str
    directions: tuple[DirectionStatus, ...]


@dataclass(slots=True)
class Progress:
    """Counts of one direction while it works."""

    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    tally: Tally = field(default_factory=Tally)
    rows_done: int = 0
    rows_total: int | None = None
    copied: bool = False
    oldest_at: float | None = None
    lag_s: float = 0.0
    alive_at: float = 0.0
    held: dict[str, int] = field(default_factory=dict)
    duplicates: int | None = None
    _rate: float = 0.0
    _window: float = 0.0
    _window_at: float | None = None

    def count(self, tally: Tally) -> None:
        """Something was committed that says nothing of how far the capture was read."""
        self.alive_at = self.monotonic()
        self.tally.add(tally)

    def note(self, rows: int, tally: Tally, oldest_at: float | None) -> None:
        """A step was committed: `rows` were read, the oldest of them captured at `oldest_at` (Unix time)."""
        self.count(tally)
        now = self.alive_at
        self.lag_s = 0.0 if oldest_at is None else max(0.0, self.clock() - oldest_at)
        if self._window_at is None:
            self._window_at = now
        self._window += rows
        passed = now - self._window_at
        if passed >= RATE_WINDOW_S / 10:
            share = min(1.0, passed / RATE_WINDOW_S)
            self._rate += (self._window / passed - self._rate) * (share if self._rate else 1.0)
            self._window, self._window_at = 0.0, now

    @property
    def rate(self) -> float:
        """Rows per second; falls to nothing when nothing is noted any more."""
        silent = 0.0 if self._window_at is None else self.monotonic() - self._window_at
        return self._rate if silent < RATE_WINDOW_S else 0.0

    def status(self, name: str, waiting: int = 0) -> DirectionStatus:
        """As plain data, with how many rows are held back."""
        rate = self.rate
        left = None if self.rows_total is None or self.copied else max(0, self.rows_total - self.rows_done)
        return DirectionStatus(
            name=name,
            copied=self.copied,
            rows_done=self.rows_done,
            rows_total=self.rows_total,
            rate=rate,
            eta_s=left / rate if left is not None and rate > 0 else None,
            lag_s=self.lag_s,
            counts={counter: self.tally.counts[counter] for counter in COUNTERS},
            quarantine=dict(self.tally.reasons),
            held=dict(self.held),
            waiting=waiting,
            duplicates=self.duplicates,
        )


def as_data(status: SyncStatus) -> dict[str, Any]:
    """For JSON. There is no cursor in it: a polled capture's has keys of records."""
    return {
        "name": status.name,
        "phase": status.phase,
        "since": status.since,
        "stalled": status.stalled,
        "error": status.error,
        "directions": [
            {name: getattr(direction, name) for name in DirectionStatus.__slots__} for direction in status.directions
        ],
    }
