"""Reads duration histograms: quantiles for people, coarser buckets for Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from proxy.hop.metrics import BOUNDS_S
from shadow.reporting import quantiles

#: What `/metrics` shows; each is one of `BOUNDS_S`. All of them, for every route and arm, would be too many series.
EXPORTED_S: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


def quantile_s(buckets: Sequence[int], share: float) -> float | None:
    """The duration that `share` of the requests did not exceed, interpolated inside of its bucket.

    Args:
        buckets: counts as `RouteCounters.buckets`.
        share: 0.5 for the median.

    Returns:
        Seconds; None without any request. What lies above the last bound is reported as that bound.
    """
    return quantiles.quantile_s(BOUNDS_S, buckets, share)


def exported(buckets: Sequence[int]) -> list[tuple[str, int]]:
    """Cumulative (le, count) pairs as Prometheus wants them."""
    cumulative = list(accumulate(buckets)) or [0] * (len(BOUNDS_S) + 1)
    pairs = [(repr(bound), cumulative[BOUNDS_S.index(bound)]) for bound in EXPORTED_S]
    return [*pairs, ("+Inf", cumulative[-1])]
