"""What becomes of a row that lacks another sync's record: what a batch is told by whoever holds rows back."""

from __future__ import annotations

from enum import Enum, auto

from legacy_adapters.record import Key


class Lack(Enum):
    """What becomes of a row that lacks another sync's record."""

    COUNTS = auto()  # quarantine, and counted for a flood
    FORGIVEN = auto()  # quarantine, not counted
    WAITS = auto()  # left alone, for the caller to try again


def counts(_: Key) -> Lack:
    """Of a sync that knows no others."""
    return Lack.COUNTS
