"""Reads duration histograms: the time that a share of the requests stayed under."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from shadow.reporting.measured import ArmLatency, Latency


def quantile_s(bounds_s: Sequence[float], buckets: Sequence[int], part: float) -> float | None:
    """The duration that `part` of the answers did not exceed, interpolated inside of its bucket.

    Args:
        bounds_s: upper bounds of the buckets.
        buckets: counts, one more than bounds.
        part: 0.5 for the median.

    Returns:
        Seconds; None without any answer. What lies above the last bound is reported as that bound.
    """
    cumulative = list(accumulate(buckets))
    if not cumulative or cumulative[-1] == 0:
        return None
    rank = part * cumulative[-1]
    index = bisect_left(cumulative, rank)
    if index >= len(bounds_s):
        return bounds_s[-1]
    lower = bounds_s[index - 1] if index else 0.0
    before = cumulative[index - 1] if index else 0
    return lower + (bounds_s[index] - lower) * (rank - before) / max(1, buckets[index])


def arm_latency(bounds_s: Sequence[float], buckets: Sequence[int]) -> ArmLatency:
    """The quantiles of one arm."""
    p50_s, p90_s, p99_s = (quantile_s(bounds_s, buckets, part) for part in (0.5, 0.9, 0.99))
    return ArmLatency(sum(buckets), p50_s, p90_s, p99_s)


def latency(bounds_s: Sequence[float], legacy: Sequence[int], new: Sequence[int]) -> Latency:
    """Both arms, with their ratios."""
    one, other = arm_latency(bounds_s, legacy), arm_latency(bounds_s, new)
    return Latency(
        one,
        other,
        _ratio(one.p50_s, other.p50_s),
        _ratio(one.p90_s, other.p90_s),
        _ratio(one.p99_s, other.p99_s),
    )


def _ratio(legacy_s: float | None, new_s: float | None) -> float | None:
    return new_s / legacy_s if legacy_s and new_s is not None else None
