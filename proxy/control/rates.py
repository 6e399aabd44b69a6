"""Rates over the last minute, from totals that only ever grow."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from proxy.control.histogram import quantile_s
from proxy.control.snapshots import Snapshot

#: Between two samples of the totals.
SAMPLE_S: Final = 5.0
#: Samples that are kept: the window is up to a minute long.
SAMPLES_MAX: Final = 13
_FIRST_ERROR_CLASS: Final = 5


@dataclass(frozen=True, slots=True)
class ArmRate:
    """What one arm of one route did in the window.

    Attributes:
        per_s: requests per second.
        error_share: of them with 5xx, 0.0 to 1.0; None without any request.
        p50_s: median duration, None without any request.
        p99_s: 99th percentile, None without any request.
    """

    per_s: float
    error_share: float | None
    p50_s: float | None
    p99_s: float | None


IDLE: Final = ArmRate(0.0, None, None, None)


@dataclass(frozen=True, slots=True)
class MirrorRate:
    """What the mirrors to one arm of one route did in the window.

    Attributes:
        per_s: requests chosen per second.
        compared_share: compared ones for each that was chosen, 0.0 to 1.0; None without any.
    """

    per_s: float
    compared_share: float | None


NO_MIRROR: Final = MirrorRate(0.0, None)

_Mirrors = dict[tuple[str, str], tuple[int, int]]
_Arms = dict[tuple[str, str], tuple[list[int], list[int]]]


class Window:
    """The totals of the last minute, sampled."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, _Arms, _Mirrors]] = deque(maxlen=SAMPLES_MAX)

    def sample(self, now_s: float, total: Snapshot) -> None:
        """Remember the totals of this moment."""
        self._samples.append((now_s, _arms(total), _mirrors(total)))

    def rates(self, now_s: float, total: Snapshot) -> tuple[float, dict[tuple[str, str], ArmRate]]:
        """The window's length in seconds, and the rate of each (route, arm) that has any request at all."""
        then_s, before, _ = self._samples[0] if self._samples else (now_s, {}, {})
        length_s = now_s - then_s
        if length_s <= 0:
            return 0.0, {}
        return length_s, {key: _rate(before.get(key), now, length_s) for key, now in _arms(total).items()}

    def mirror_rates(self, now_s: float, total: Snapshot) -> dict[tuple[str, str], MirrorRate]:
        """The rate of the mirrors of each (route, arm) that has any."""
        then_s, _, before = self._samples[0] if self._samples else (now_s, {}, {})
        length_s = now_s - then_s
        if length_s <= 0:
            return {}
        return {key: _mirror_rate(before.get(key, (0, 0)), now, length_s) for key, now in _mirrors(total).items()}


def _mirrors(total: Snapshot) -> _Mirrors:
    return {(one["route"], one["arm"]): (one["sent"], one["compared"]) for one in total["mirrors"]}


def _mirror_rate(before: tuple[int, int], now: tuple[int, int], length_s: float) -> MirrorRate:
    sent, compared = max(0, now[0] - before[0]), max(0, now[1] - before[1])
    return MirrorRate(sent / length_s, min(1.0, compared / sent)) if sent else NO_MIRROR


def _arms(total: Snapshot) -> _Arms:
    return {(arm["route"], arm["arm"]): (arm["statuses"], arm["buckets"]) for arm in total["arms"]}


def _rate(before: Any, now: tuple[list[int], list[int]], length_s: float) -> ArmRate:
    statuses, buckets = now
    if before is not None:
        statuses = _minus(statuses, before[0])
        buckets = _minus(buckets, before[1])
    requests = sum(statuses)
    if requests <= 0:
        return IDLE
    errors = sum(statuses[_FIRST_ERROR_CLASS:])
    return ArmRate(requests / length_s, errors / requests, quantile_s(buckets, 0.5), quantile_s(buckets, 0.99))


def _minus(now: list[int], before: list[int]) -> list[int]:
    """Element by element; never below zero, which only a route that was configured anew could cause."""
    if len(before) != len(now):
        return now
    return [max(0, a - b) for a, b in zip(now, before, strict=True)]
