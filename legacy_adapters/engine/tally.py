"""What became of changes, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """What became of a batch.

    Attributes:
        counts: by counter: `applied`, `skipped`, `echo`, `quarantined`, `settled` (conflicts that authority decided),
            `conflict` (conflicts that a person decides).
        reasons: quarantined changes by reason.
        released: keys that left quarantine.
    """

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    released: int = 0

    def add(self, other: Tally) -> None:
        """Count both."""
        self.counts.update(other.counts)
        self.reasons.update(other.reasons)
        self.released += other.released
