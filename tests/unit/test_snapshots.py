"""Totals over workers that come and go."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.control.snapshots import Accumulator, counters_only, merge


def arm(requests: int, *, active: int = 0, route: str = "orders", name: str = "new") -> dict[str, Any]:
    return {
        "route": route, "arm": name, "active": active, "bytes_in": requests * 10, "bytes_out": requests * 100,
        "seconds": requests * 0.5, "statuses": [0, 0, requests, 0], "buckets": [requests, 0], "retries": 1,
        "fallbacks": 2, "errors": {"connection_refused": requests},
    }  # fmt: skip


def endpoint(requests: int, *, healthy: bool = True, breaker: str | None = "closed") -> dict[str, Any]:
    return {
        "service": "orders", "url": "http://10.0.0.7:8000", "active": 1, "idle": 2, "pending": 1, "healthy": healthy,
        "breaker": breaker, "connects": requests, "connect_failures": 1, "requests": requests,
    }  # fmt: skip


def snapshot(requests: int, *, active: int = 0, healthy: bool = True) -> dict[str, Any]:
    return {
        "version": 1, "client_connections": 3, "client_connections_total": requests, "client_connections_refused": 0,
        "tunnels": 1, "tunnels_total": 4, "requests_rejected": {"404": requests}, "errors": {"proxy_loop": 1},
        "arms": [arm(requests, active=active)], "endpoints": [endpoint(requests, healthy=healthy)],
        "waiting": {"orders": 1}, "log_lines_dropped": 1, "snapshots_dropped": 0,
    }  # fmt: skip


def requests_of(total: dict[str, Any]) -> int:
    return sum(sum(one["statuses"]) for one in total["arms"])


def test_merging_adds_counters_and_gauges_and_keeps_arms_apart() -> None:
    other = snapshot(2)
    other["arms"].append(arm(5, name="legacy"))
    total = merge([snapshot(7, active=1), other])
    assert total["client_connections"] == 6
    assert total["client_connections_total"] == 9
    assert total["requests_rejected"] == {"404": 9}
    assert total["waiting"] == {"orders": 2}
    new, legacy = total["arms"]
    assert (new["statuses"], new["buckets"], new["active"]) == ([0, 0, 9, 0], [9, 0], 1)
    assert (new["seconds"], new["errors"]) == (4.5, {"connection_refused": 9})
    assert legacy["statuses"] == [0, 0, 5, 0]


def test_workers_may_disagree_about_an_endpoint() -> None:
    broken = snapshot(1, healthy=False)
    broken["endpoints"][0]["breaker"] = "open"
    [one] = merge([snapshot(1), broken])["endpoints"]
    assert (one["workers"], one["healthy_workers"], one["breakers"]) == (2, 1, {"closed": 1, "open": 1})
    assert (one["idle"], one["connects"]) == (4, 2)


def test_endpoint_without_a_breaker_has_no_states() -> None:
    given = snapshot(1)
    given["endpoints"][0]["breaker"] = None
    assert merge([given])["endpoints"][0]["breakers"] == {}


def test_merging_does_not_change_what_it_was_given() -> None:
    one, other = snapshot(1), snapshot(2)
    before = json.dumps([one, other])
    merge([one, other])
    counters_only(one)
    assert json.dumps([one, other]) == before


@given(parts=st.lists(st.integers(0, 100).map(snapshot), max_size=5), at=st.integers(0, 5))
def test_merging_what_was_merged_is_the_same_as_merging_all(parts: list[dict[str, Any]], at: int) -> None:
    assert merge([merge(parts[:at]), merge(parts[at:])]) == merge(parts)


def test_gauges_of_a_worker_that_is_gone_are_gone_and_its_counters_stay() -> None:
    left = counters_only(snapshot(5, active=3))
    assert (left["client_connections"], left["tunnels"], left["waiting"]) == (0, 0, {})
    assert (left["arms"][0]["active"], requests_of(left)) == (0, 5)
    assert (left["endpoints"][0]["workers"], left["endpoints"][0]["idle"], left["endpoints"][0]["requests"]) == (
        0,
        0,
        5,
    )


def test_restarted_worker_counts_on_top_of_the_one_before() -> None:
    totals = Accumulator()
    totals.take(0, 1, snapshot(100))
    totals.take(1, 1, snapshot(10))
    assert totals.retire(0, 1)
    assert requests_of(totals.total()) == 110
    totals.take(0, 2, snapshot(3))
    assert requests_of(totals.total()) == 113
    assert totals.total()["client_connections"] == 6


def test_new_incarnation_retires_the_one_before_even_if_nobody_said_so() -> None:
    totals = Accumulator()
    totals.take(0, 1, snapshot(100))
    assert totals.take(0, 2, snapshot(1))
    assert requests_of(totals.total()) == 101


def test_late_news_of_a_worker_that_is_gone_is_not_counted_twice() -> None:
    totals = Accumulator()
    totals.take(0, 1, snapshot(100))
    totals.retire(0, 1)
    assert not totals.take(0, 1, snapshot(100))
    assert not totals.retire(0, 1)
    assert requests_of(totals.total()) == 100


def test_memory_lets_another_control_process_go_on() -> None:
    totals = Accumulator()
    totals.take(0, 1, snapshot(100))
    totals.retire(0, 1)
    totals.take(0, 2, snapshot(5))
    successor = Accumulator(json.loads(json.dumps(totals.memory())))
    assert not successor.take(0, 1, snapshot(100))
    successor.take(0, 2, snapshot(6))
    assert requests_of(successor.total()) == 106


def test_routes_that_are_no_longer_configured_are_forgotten() -> None:
    totals = Accumulator()
    totals.take(0, 1, snapshot(100))
    totals.retire(0, 1)
    totals.keep_only({"other"}, {"other"})
    assert (totals.total()["arms"], totals.total()["endpoints"]) == ([], [])


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["count", "die", "control"]), st.integers(0, 9)), max_size=40
    )
)
def test_totals_never_go_backwards(steps: list[tuple[int, str, int]]) -> None:
    """Whatever dies in whatever order: totals over all workers only grow."""
    totals = Accumulator()
    incarnations, counts = [1, 1, 1], [0, 0, 0]
    highest = 0
    for worker, what, more in steps:
        if what == "count":
            counts[worker] += more
            totals.take(worker, incarnations[worker], snapshot(counts[worker]))
        elif what == "die":
            totals.retire(worker, incarnations[worker])
            incarnations[worker] += 1
            counts[worker] = 0
        else:
            live = dict(totals.live)
            totals = Accumulator(totals.memory())
            for number, last in live.items():
                totals.take(number, incarnations[number], last)
        now = requests_of(totals.total())
        assert now >= highest
        highest = now
