"""What Prometheus sees of the comparer while it dies: counters that never go backwards."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.echo_app import EchoOrigin
from support.poll import poll
from support.process_tree import ProcessTree
from support.steady_load import SteadyLoad


@pytest.fixture
def tree(tmp_path: Path, echo: EchoOrigin) -> Iterator[ProcessTree]:
    route = {"name": "all", "legacy": "old", "new": "fresh", "mode": "shadow", "shadow": {"noise_sample": "50%"}}
    config = {
        "services": {"old": {"urls": [echo.url]}, "fresh": {"urls": [echo.url]}},
        "routes": [route],
        "state": {"url": "sqlite:///strangler.db"},
    }
    with ProcessTree(tmp_path, config) as running:
        running.until_event("companion.ready")
        yield running


def test_store_that_takes_nothing_is_a_problem_until_it_takes_again(tree: ProcessTree) -> None:
    comparer = tree.members("proxy.comparer")[0].pid
    resource.prlimit(comparer, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    with SteadyLoad(tree.port, threads=1) as load:
        full = tree.until_status(lambda now: now["problems"], 60)
        (problem,) = full["problems"]
        assert problem.startswith(
            "The comparer cannot store what it finds, since the disk of the state database is full"
        )
        resource.prlimit(comparer, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        tree.until_status(lambda now: not now["problems"], 60)
    assert load.failures == {}


def counters(tree: ProcessTree) -> dict[tuple[str, str], float]:
    """(name, labels) -> value of every counter of the comparer; empty while control does not answer."""
    try:
        status, body = tree.control("/metrics")
    except OSError:
        return {}
    if status != 200:
        return {}
    return {
        (sample.name, str(sample.labels)): sample.value
        for family in text_string_to_metric_families(body.decode())
        if family.name.startswith("strangler_shadow_") and family.type == "counter"
        for sample in family.samples
        if sample.name.endswith("_total")
    }


def exchanges(seen: dict[tuple[str, str], float]) -> float:
    return seen.get(("strangler_shadow_exchanges_total", "{}"), 0.0)


def test_counters_do_not_go_backwards_when_the_comparer_and_then_control_dies(tree: ProcessTree) -> None:
    highest: dict[tuple[str, str], float] = {}

    def grown(by: float) -> bool:
        """Look at all counters; whether so many more exchanges were counted than before the last death."""
        now = counters(tree)
        fallen = {name: (highest[name], now.get(name)) for name in highest if now and now.get(name, -1) < highest[name]}
        assert not fallen
        highest.update(now)
        return exchanges(highest) >= by

    with SteadyLoad(tree.port, threads=2) as load:
        poll(lambda: grown(20), "nothing is compared", 60)
        for module, event, count in (
            ("proxy.comparer", "companion.ready", 2),
            ("proxy.comparer", "companion.ready", 3),
            ("proxy.control", "control.listening", 2),
        ):
            before = exchanges(highest)
            tree.members(module)[0].kill()
            poll(lambda: grown(0) and len(tree.events(event)) >= count, f"{module} does not come back", 60)  # noqa: B023
            poll(lambda: grown(before + 20), "nothing is compared any more", 60)  # noqa: B023
    assert load.failures == {}
    restarts = tree.control("/metrics")[1].decode()
    assert "strangler_comparer_restarts_total 2.0" in restarts
