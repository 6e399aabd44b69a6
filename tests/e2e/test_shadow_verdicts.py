"""Every verdict, from two services through a running proxy to the report; every kind of body gets the right one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.sync.client import connect

from support.arm_pair import ArmPair
from support.loop_thread import LoopThread
from support.poll import poll
from support.process_tree import ProcessTree

#: Route (also its path) -> how it is asked, and the verdict with its reason that must come of it.
VERDICTS: dict[str, tuple[str, str, str]] = {
    "equal": ("GET", "match", ""),
    "compressed": ("GET", "match", ""),
    "chunked": ("GET", "match", ""),
    "empty": ("GET", "match", ""),
    "head": ("HEAD", "match", ""),
    "no-content": ("GET", "match", ""),
    "not-modified": ("GET", "match", ""),
    "large-within": ("GET", "match", ""),
    "ruled": ("GET", "explained", ""),
    "rounded": ("GET", "mismatch", ""),
    "moving": ("GET", "race", ""),
    "legacy-fails": ("GET", "legacy_failed", "status"),
    "new-fails": ("GET", "new_failed", "status"),
    "both-fail": ("GET", "both_failed_alike", ""),
    "large": ("GET", "not_comparable", "too_large"),
    "slow": ("GET", "not_comparable", "timed_out"),
    "events": ("GET", "not_comparable", "streamed"),
    "socket": ("WS", "not_comparable", "upgraded"),
}


def route(name: str, **shadow: Any) -> dict[str, Any]:
    given = {"timeout": "1s", "noise_sample": "0%", **shadow}
    return {
        "name": name,
        "match": {"path": f"/{name}"},
        "legacy": "old",
        "new": "fresh",
        "mode": "shadow",
        "shadow": given,
    }


@pytest.fixture(scope="module")
def pair(servers: LoopThread) -> Iterator[ArmPair]:
    arms = servers.run(ArmPair().start())
    yield arms
    servers.run(arms.stop())


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, pair: ArmPair) -> Iterator[ProcessTree]:
    rule = {"path": "/at", "ignore": True, "reason": "a counter of requests", "owner": "tests"}
    special: dict[str, dict[str, Any]] = {
        "ruled": {"compare": {"rules": [rule]}},
        "moving": {"noise_sample": "100%"},
        "large-within": {"body_bytes_max": "16MiB"},
    }
    config = {
        "services": {"old": {"urls": [pair.legacy_url]}, "fresh": {"urls": [pair.new_url]}},
        "routes": [
            *(route(name, **special.get(name, {})) for name in VERDICTS),
            route("written"),
            {"name": "rest", "legacy": "old"},
        ],
        "state": {"url": "sqlite:///strangler.db"},
    }
    with ProcessTree(tmp_path_factory.mktemp("verdicts"), config) as running:
        poll(lambda: running.members("proxy.comparer"), "there is no comparer")
        with httpx.Client(base_url=running.url, timeout=10) as client:
            for name, (method, _, _) in VERDICTS.items():
                if method == "WS":
                    with connect(f"ws://127.0.0.1:{running.port}/{name}") as socket:
                        socket.send("hello")
                        assert socket.recv() == "hello"
                else:
                    client.request(method, f"/{name}")
            client.post("/written", json={"sku": "fig"})
        yield running


def report(tree: ProcessTree, name: str) -> dict[str, Any]:
    status, body = tree.control(f"/api/report?route={name}")
    assert status == 200, body
    (found,) = json.loads(body)["routes"]
    return dict(found)


def reached(tree: ProcessTree, name: str) -> dict[str, Any]:
    """The report of a route once a verdict was reached on it."""
    found = poll(
        lambda: (one := report(tree, name))["verdicts"] and any(v["count"] for v in one["verdicts"]) and one,
        f"no verdict on {name}",
        20,
    )
    assert found
    return dict(found)


@pytest.mark.parametrize("name", VERDICTS)
def test_the_verdict_is_the_right_one(tree: ProcessTree, name: str) -> None:
    _, verdict, reason = VERDICTS[name]
    found = reached(tree, name)
    assert {one["verdict"]: one["count"] for one in found["verdicts"] if one["count"]} == {verdict: 1}
    left_out = {(one["stage"], one["reason"]) for one in found["coverage"]["left_out"]}
    if verdict == "not_comparable":
        assert left_out == {("not_comparable", reason)}
    assert found["coverage"]["mirrored"] == 1


def test_writes_are_never_mirrored_unless_the_route_says_so(tree: ProcessTree, pair: ArmPair) -> None:
    reached(tree, "equal")
    assert len(pair.requests("legacy", "/written")) == 1
    assert pair.requests("new", "/written") == []


def test_a_mirrored_request_says_so_and_is_not_mirrored_again(tree: ProcessTree, pair: ArmPair) -> None:
    (copy,) = pair.requests("new", "/equal")
    assert copy["X-Strangler-Mirror"] == "1"
    before = len(pair.requests("new", "/head"))
    httpx.get(tree.url + "/head", headers={"X-Strangler-Mirror": "1"})
    httpx.get(tree.url + "/head")
    poll(lambda: len(pair.requests("new", "/head")) > before, "the plain request is not mirrored")
    assert len(pair.requests("new", "/head")) == before + 1


def test_counters_add_up(tree: ProcessTree) -> None:
    for name in VERDICTS:
        reached(tree, name)
    poll(lambda: "under_way" in figures(tree) and not figures(tree)["under_way"], "mirrors stay under way")
    totals = figures(tree)
    assert totals["requests"] >= len(VERDICTS)
    assert totals["requests"] == totals["compared"] + totals["shed"] + totals["lost"]


def figures(tree: ProcessTree) -> dict[str, float]:
    """What became of mirrored requests, over all routes, reasons and arms."""
    _, body = tree.control("/metrics")
    names = {
        "strangler_mirror_requests_total": "requests",
        "strangler_mirror_requests_compared_total": "compared",
        "strangler_mirror_requests_shed_total": "shed",
        "strangler_mirror_requests_lost_total": "lost",
        "strangler_mirror_requests_under_way": "under_way",
    }
    totals = dict.fromkeys(names.values(), 0.0)
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            if sample.name in names:
                totals[names[sample.name]] += sample.value
    return totals
