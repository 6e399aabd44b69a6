"""Noise on a route that nobody prepared for: it is learned within some requests, and legacy left alone again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.arm_pair import ArmPair
from support.loop_thread import LoopThread
from support.poll import poll
from support.process_tree import ProcessTree

#: By then the sample alone would have asked about one twice, and three are needed.
SOON = 100
QUIET = 200


@pytest.fixture(scope="module")
def pair(servers: LoopThread) -> Iterator[ArmPair]:
    arms = servers.run(ArmPair().start())
    yield arms
    servers.run(arms.stop())


@pytest.fixture
def tree(tmp_path: Any, pair: ArmPair) -> Iterator[ProcessTree]:
    config = {
        "services": {"old": {"urls": [pair.legacy_url]}, "fresh": {"urls": [pair.new_url]}},
        "routes": [{"name": "noisy", "match": {"path": "/noisy"}, "legacy": "old", "new": "fresh", "mode": "shadow"}],
        "state": {"url": "sqlite:///strangler.db"},
    }
    with ProcessTree(tmp_path, config) as running:
        poll(lambda: running.members("proxy.comparer"), "there is no comparer")
        yield running


def mirror(tree: ProcessTree) -> dict[str, Any]:
    status, body = tree.control("/api/routes")
    assert status == 200, body
    return dict(json.loads(body)["routes"][0]["mirror"])


def ask(tree: ProcessTree, client: httpx.Client, count: int) -> dict[str, Any]:
    """So many requests; the route's figures when all of them are compared."""
    sent = mirror(tree)["sent"] + count
    for _ in range(count):
        assert client.get("/noisy").status_code == 200
    poll(lambda: (one := mirror(tree))["compared"] == one["sent"] == sent, "not all is compared", 20)
    return mirror(tree)


def test_noise_is_learned_soon_and_then_legacy_is_asked_by_the_sample_again(tree: ProcessTree, pair: ArmPair) -> None:
    with httpx.Client(base_url=tree.url, timeout=10) as client:
        figures = mirror(tree)
        while (figures["again"] < 3 or figures["asking_more"]) and figures["sent"] < SOON:
            figures = ask(tree, client, 5)
        assert figures["again_extra"] > 0
        assert not figures["asking_more"]
        learned = ask(tree, client, 5)
        assert learned["verdicts"]["explained"] >= 5
        later = ask(tree, client, QUIET)
    assert later["verdicts"]["explained"] == learned["verdicts"]["explained"] + QUIET
    assert later["again_extra"] == learned["again_extra"]
    assert later["again"] - learned["again"] < QUIET // 10
    assert len(pair.requests("legacy", "/noisy")) == later["sent"] + later["again"]
    assert metrics(tree) == {"requests": later["again"], "extra": later["again_extra"], "workers": 0}


def metrics(tree: ProcessTree) -> dict[str, float]:
    _, body = tree.control("/metrics")
    names = {
        "strangler_mirror_noise_requests_total": "requests",
        "strangler_mirror_noise_requests_extra_total": "extra",
        "strangler_mirror_noise_extra_workers": "workers",
    }
    families = text_string_to_metric_families(body.decode())
    return {names[one.name]: one.value for family in families for one in family.samples if one.name in names}
