"""Quantiles and rates out of counters, and numbers as people read them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from proxy.cli.figures import age, duration, share, size
from proxy.control.histogram import EXPORTED_S, exported, quantile_s
from proxy.control.rates import Window
from proxy.control.snapshots import merge
from proxy.hop.metrics import BOUNDS_S


def buckets(**at: int) -> list[int]:
    counts = [0] * (len(BOUNDS_S) + 1)
    for bound, count in at.items():
        index = len(BOUNDS_S) if bound == "over" else BOUNDS_S.index(float(bound.removeprefix("s").replace("_", ".")))
        counts[index] = count
    return counts


def test_bounds_rise_and_exported_ones_are_among_them() -> None:
    assert all(low < high for low, high in pairwise(BOUNDS_S))
    assert set(EXPORTED_S) <= set(BOUNDS_S)


def test_quantile_lies_inside_of_its_bucket() -> None:
    counts = buckets(s0_005=100)
    assert quantile_s(counts, 0.5) == pytest.approx(0.004)
    assert quantile_s(counts, 1.0) == pytest.approx(0.005)


def test_slow_tail_shows_in_the_99th_percentile_only() -> None:
    counts = buckets(s0_005=98, s5_0=2)
    median, tail = quantile_s(counts, 0.5), quantile_s(counts, 0.99)
    assert median is not None
    assert tail is not None
    assert median < 0.005
    assert 3.5 < tail <= 5.0


def test_quantile_of_nothing_is_nothing_and_of_the_endless_the_last_bound() -> None:
    assert quantile_s(buckets(), 0.5) is None
    assert quantile_s([], 0.5) is None
    assert quantile_s(buckets(over=1), 0.5) == BOUNDS_S[-1]


def test_exported_buckets_are_cumulative() -> None:
    pairs = exported(buckets(s0_0005=1, s0_0075=2, s60_0=3, over=4))
    assert pairs[0] == ("0.001", 1)
    assert dict(pairs)["0.01"] == 3
    assert pairs[-1] == ("+Inf", 10)
    assert all(low <= high for (_, low), (_, high) in pairwise(pairs))


def totals(ok: int, failed: int) -> dict[str, object]:
    one = {
        "route": "orders", "arm": "new", "active": 0, "bytes_in": 0, "bytes_out": 0, "seconds": 0.0, "retries": 0,
        "fallbacks": 0, "errors": {}, "statuses": [0, 0, ok, 0, 0, failed, 0, 0, 0, 0], "buckets": buckets(s0_01=ok + failed),
    }  # fmt: skip
    return merge([{"arms": [one]}])


def test_rates_are_of_the_window_and_not_of_all_time() -> None:
    window = Window()
    window.sample(100.0, totals(ok=1_000_000, failed=500))
    length_s, rates = window.rates(120.0, totals(ok=1_000_150, failed=550))
    rate = rates["orders", "new"]
    assert (length_s, rate.per_s, rate.error_share) == (20.0, 10.0, 0.25)
    assert rate.p99_s == pytest.approx(0.01, rel=0.1)


def test_window_is_a_minute_long() -> None:
    window = Window()
    for at in range(0, 200, 5):
        window.sample(float(at), totals(ok=at, failed=0))
    assert window.rates(200.0, totals(ok=200, failed=0))[0] == 65.0


def test_without_requests_there_is_no_latency() -> None:
    window = Window()
    window.sample(0.0, totals(ok=5, failed=0))
    rate = window.rates(10.0, totals(ok=5, failed=0))[1]["orders", "new"]
    assert (rate.per_s, rate.error_share, rate.p50_s) == (0.0, None, None)
    assert Window().rates(0.0, totals(ok=5, failed=0)) == (0.0, {})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (duration(0.0032), "3.2 ms"), (duration(1.5), "1.50 s"), (duration(None), "-"),
        (age(42), "42s"), (age(185), "3m 05s"), (age(7620), "2h 07m"), (age(442800), "5d 3h"), (age(None), "-"),
        (size(512), "512 B"), (size(61_656_268), "58.8 MiB"), (size(5 << 40), "5.0 TiB"), (size(None), "-"),
        (share(0.05), "5%"), (share(0.0025), "0.25%"), (share(1.0), "100%"), (share(0.125), "12.5%"), (share(None), "-"),
    ],
)  # fmt: skip
def test_numbers_read_well(text: str, wanted: str) -> None:
    assert text == wanted
