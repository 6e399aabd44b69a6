"""When mirrored requests were shed or lost: counters of the workers over time, for reports about a window.

Workers count since they were started; a report is about the last hour. What is remembered here is by how much the
counters grew, minute by minute. What was counted before the first look belongs to every window: too much left out is
an honest mistake, too little is not.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

#: Minutes in which anything grew that are kept; older ones are forgotten.
MINUTES_MAX: Final = 7 * 24 * 60
_MINUTE_S: Final = 60
_STAGES: Final = ("shed", "lost")

#: (`shed` or `lost`, reason) -> requests.
Unsent = Mapping[tuple[str, str], int]
_Counts = Counter[tuple[str, str, str]]


class UnsentLog:
    """What grew when. Bounded by `MINUTES_MAX` and by the reasons that there are."""

    def __init__(self) -> None:
        self._last: _Counts = Counter()
        self._before: _Counts = Counter()
        self._minutes: deque[tuple[int, _Counts]] = deque()
        self._began = False

    def sample(self, now: float, mirrors: Iterable[Mapping[str, Any]]) -> None:
        """Take the counters of this moment.

        Args:
            now: seconds since 1970.
            mirrors: as in a merged snapshot.
        """
        counts: _Counts = Counter()
        for mirror in mirrors:
            for stage in _STAGES:
                for reason, count in mirror[stage].items():
                    counts[mirror["route"], stage, reason] += count
        grown = counts - self._last  # what shrank belongs to routes that are gone
        self._last = counts
        if not self._began:
            self._began = True
            self._before = grown
        elif grown:
            self._add(int(now) // _MINUTE_S, grown)

    def since(self, at: float) -> dict[str, dict[tuple[str, str], int]]:
        """Route -> what was left out since then, and before the first look."""
        total = Counter(self._before)
        for minute, counts in self._minutes:
            if minute >= int(at) // _MINUTE_S:
                total.update(counts)
        found: dict[str, dict[tuple[str, str], int]] = {}
        for (route, stage, reason), count in total.items():
            found.setdefault(route, {})[stage, reason] = count
        return found

    def _add(self, minute: int, grown: _Counts) -> None:
        if self._minutes and self._minutes[-1][0] >= minute:
            self._minutes[-1][1].update(grown)
            return
        self._minutes.append((minute, grown))
        if len(self._minutes) > MINUTES_MAX:
            self._minutes.popleft()
