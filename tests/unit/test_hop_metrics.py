"""Counters of the data plane."""

from __future__ import annotations

from pathlib import Path

from proxy.hop.metrics import BOUNDS_S, PlaneMetrics
from routes.loading import load_config
from routes.table import Table, compile_table


def table(*names: str, version: int = 1) -> Table:
    routes = ", ".join(f"{{name: {name}, match: {{path: /{name}}}, legacy: old, new: old}}" for name in names)
    text = (
        f"listen: [{{address: '127.0.0.1:0'}}]\nservices: {{old: {{urls: ['http://127.0.0.1:9']}}}}\nroutes: [{routes}]"
    )
    return compile_table(load_config(text, name="test", folder=Path("/"), env={}), version)


def test_request_is_active_until_its_end_and_counted_by_class_and_duration() -> None:
    metrics = PlaneMetrics(table("a", "b"))
    counters = metrics.begin(1, "new")
    [row] = metrics.snapshot()["arms"]
    assert (row["route"], row["arm"], row["active"]) == ("b", "new", 1)
    counters.end(204, BOUNDS_S[3], 10, 20)
    [row] = metrics.snapshot()["arms"]
    assert (row["active"], row["bytes_in"], row["bytes_out"], row["statuses"][2]) == (0, 10, 20, 1)
    assert (row["buckets"][3], sum(row["buckets"])) == (1, 1)


def test_request_that_is_under_way_ends_on_its_own_route_after_a_reload_that_renumbers() -> None:
    metrics = PlaneMetrics(table("a", "b"))
    counters = metrics.begin(0, "legacy")
    metrics.install(table("c", "b", "a", version=2))
    counters.end(200, 0.1, 0, 0)
    [row] = metrics.snapshot()["arms"]
    assert (row["route"], row["active"], row["statuses"][2], metrics.version) == ("a", 0, 1, 2)


def test_counts_survive_a_reload_and_routes_that_are_gone_are_forgotten() -> None:
    metrics = PlaneMetrics(table("a", "b"))
    metrics.begin(0, "legacy").end(200, 0.1, 0, 0)
    metrics.begin(1, "legacy").end(200, 0.1, 0, 0)
    metrics.install(table("b", version=2))
    assert [row["route"] for row in metrics.snapshot()["arms"]] == ["b"]


def test_fallback_moves_the_request_to_the_other_arm() -> None:
    metrics = PlaneMetrics(table("a"))
    counters = metrics.begin(0, "new")
    counters.error("connection_refused")
    counters = counters.fall_back()
    counters.end(200, 0.1, 0, 0)
    legacy, new = metrics.snapshot()["arms"]
    assert (new["active"], new["fallbacks"], new["errors"], sum(new["statuses"])) == (
        0,
        1,
        {"connection_refused": 1},
        0,
    )
    assert (legacy["active"], legacy["statuses"][2]) == (0, 1)


def test_odd_statuses_and_endless_requests_have_a_place() -> None:
    metrics = PlaneMetrics(table("a"))
    for status in (0, 101, 599, 999):
        metrics.begin(0, "legacy").end(status, 1e9, 0, 0)
    [row] = metrics.snapshot()["arms"]
    assert row["statuses"] == [1, 1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert row["buckets"][-1] == 4


def test_what_no_route_took_is_counted_by_status_and_kind() -> None:
    metrics = PlaneMetrics(table("a"))
    metrics.rejected(404)
    metrics.rejected(404)
    metrics.error(-1, "http_request_error")
    snapshot = metrics.snapshot()
    assert (snapshot["requests_rejected"], snapshot["errors"]) == ({"404": 2}, {"http_request_error": 1})


def test_connections_and_tunnels_are_gauges_with_totals() -> None:
    metrics = PlaneMetrics(table("a"))
    metrics.connection_opened()
    metrics.connection_opened()
    metrics.connection_closed()
    metrics.tunnel_opened()
    metrics.tunnel_closed()
    snapshot = metrics.snapshot()
    assert (snapshot["client_connections"], snapshot["client_connections_total"]) == (1, 2)
    assert (snapshot["tunnels"], snapshot["tunnels_total"]) == (0, 1)
