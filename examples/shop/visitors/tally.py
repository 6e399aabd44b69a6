"""What the visitors saw: requests, failures, who answered, how long it took."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

FAILURES_KEPT = 20
TIMES_KEPT = 5000
LATEST_KEPT = 200  # few enough that a change of the configuration shows within seconds


@dataclass(slots=True)
class Tally:
    """Counts of one run of the traffic generator."""

    requests: int = 0
    failed: int = 0
    retried: int = 0
    news: int = 0
    failures: list[str] = field(default_factory=list)
    times_s: deque[float] = field(default_factory=lambda: deque(maxlen=TIMES_KEPT))
    answered_by: dict[str, Counter[str]] = field(default_factory=dict)
    latest: dict[str, deque[str]] = field(default_factory=dict)

    def answered(self, label: str, served_by: str, seconds: float) -> None:
        """Count an answer that was as it should be."""
        self.requests += 1
        self.times_s.append(seconds)
        self.answered_by.setdefault(label, Counter())[served_by] += 1
        self.latest.setdefault(label, deque(maxlen=LATEST_KEPT)).append(served_by)

    def fail(self, label: str, why: str) -> None:
        """Count a request that a client would complain about."""
        self.requests += 1
        self.failed += 1
        if len(self.failures) < FAILURES_KEPT:
            self.failures.append(f"{label}: {why}")

    def share(self, label: str) -> str:
        """Who answered since the start, as people read it: `legacy 75% orders 25%`."""
        return _shares(self.answered_by.get(label, Counter()))

    def latest_share(self, label: str) -> str:
        """Who gave the latest answers."""
        return _shares(Counter(self.latest.get(label, ())))

    def percentile_ms(self, share: float) -> float:
        """The time that `share` of the latest answers stayed under."""
        ordered = sorted(self.times_s)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000 if ordered else 0.0


def _shares(counts: Counter[str]) -> str:
    total = counts.total()
    return " ".join(f"{name} {count / total:.0%}" for name, count in sorted(counts.items())) or "-"
