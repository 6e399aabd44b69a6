"""How long to wait before something that ended is started again."""

from __future__ import annotations

from typing import Final

FIRST_S: Final = 1.0
LONGEST_S: Final = 30.0
#: Who ran this long is taken for healthy: the next end is the first again.
HEALTHY_AFTER_S: Final = 60.0


class Backoff:
    """At once, then 1 s, 2 s, 4 s up to 30 s; from the start again after a run of 60 s."""

    __slots__ = ("_failures",)

    def __init__(self) -> None:
        self._failures = 0

    def next_delay_s(self, ran_for_s: float) -> float:
        """The pause after an end.

        Args:
            ran_for_s: how long it had been running.
        """
        if ran_for_s >= HEALTHY_AFTER_S:
            self._failures = 0
        failures = self._failures
        self._failures += 1
        return 0.0 if failures == 0 else min(LONGEST_S, FIRST_S * 2.0 ** min(failures - 1, 16))
