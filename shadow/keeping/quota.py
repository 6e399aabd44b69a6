"""Which exchanges are kept: what was found, up to a bound per finding and hour, and a steady sample of the rest.

Ten thousand exchanges that show the same difference teach no more than fifty. The bound is per process and starts anew
with it. Sums count every exchange, kept or not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: Exchanges that are kept per hour for each cluster; and, where there is none, for each verdict with its reason.
KEPT_PER_HOUR: Final = 50
#: Between two matches of a route that are kept, and between two explained ones.
SAMPLE_S: Final = 60.0
#: Findings of one route that are counted at a time; what comes beyond them in one hour is not kept.
FINDINGS_MAX: Final = 2_000
_HOUR_S: Final = 3600.0


class Quota:
    """What one route may still keep. Bounded."""

    __slots__ = ("_counts", "_hour", "_sampled")

    def __init__(self) -> None:
        self._hour = -1
        self._counts: dict[str, int] = {}
        self._sampled: dict[str, float] = {}

    def admits_finding(self, findings: Iterable[str], now: float) -> bool:
        """Whether an exchange with these findings is kept: as long as one of them has room. Counts it if so."""
        hour = int(now // _HOUR_S)
        if hour != self._hour:
            self._hour = hour
            self._counts.clear()
        counts = self._counts
        names = set(findings)
        if all(counts.get(name, 0) >= KEPT_PER_HOUR for name in names):
            return False
        if len(counts) + len(names) > FINDINGS_MAX and not names <= counts.keys():
            return False
        for name in names:
            counts[name] = counts.get(name, 0) + 1
        return True

    def admits_sample(self, verdict: str, now: float) -> bool:
        """Whether it is time to keep another exchange of a verdict that is no finding."""
        last = self._sampled.get(verdict)
        if last is not None and 0 <= now - last < SAMPLE_S:
            return False
        self._sampled[verdict] = now
        return True
