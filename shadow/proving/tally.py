"""What came of proving the comparer: a record that adds up over processes and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from shadow.beta import exact_interval

#: The name under which copies without any bug are counted: what is found in those is a false alarm.
UNCHANGED: Final = ""


class Count(NamedTuple):
    """How often a bug was put in, and how often it was found."""

    injected: int = 0
    found: int = 0


@dataclass(slots=True)
class ProofTally:
    """Bugs put in and found, by mutation; under `UNCHANGED` legacy's answers that were judged as if new's.

    Attributes:
        counts: mutation -> how often.
    """

    counts: dict[str, Count] = field(default_factory=dict)

    def count(self, mutation: str, *, found: bool) -> None:
        """One more trial."""
        before = self.counts.get(mutation, Count())
        self.counts[mutation] = Count(before.injected + 1, before.found + found)

    def add(self, other: Mapping[str, tuple[int, int]]) -> None:
        """Add other counts, of another process or another time."""
        for mutation, (injected, found) in other.items():
            before = self.counts.get(mutation, Count())
            self.counts[mutation] = Count(before.injected + injected, before.found + found)

    def take(self) -> dict[str, Count]:
        """What was counted since the last time, and begin anew: for whoever stores it."""
        counts, self.counts = self.counts, {}
        return counts

    @property
    def detection(self) -> tuple[float, float]:
        """The 95 % interval of the share of bugs that are found, over all mutations; (0, 1) of none."""
        injected = sum(count.injected for name, count in self.counts.items() if name != UNCHANGED)
        found = sum(count.found for name, count in self.counts.items() if name != UNCHANGED)
        return exact_interval(found, injected)

    @property
    def false_alarms(self) -> tuple[float, float]:
        """The 95 % interval of the share of legacy's own answers that would be a mismatch were they new's."""
        count = self.counts.get(UNCHANGED, Count())
        return exact_interval(count.found, count.injected)
