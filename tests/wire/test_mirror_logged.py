"""What the access log says of the copy of a request: what is known when the client has been served."""

from __future__ import annotations

import pytest

from proxy.mirroring.counters import SHED_REASONS
from proxy.mirroring.exchange import SHED
from support.proxy_plane import config_for
from support.shadow_plane import GET
from support.upstream_script import Arrival, answering

POST = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"


def said(plane) -> list[str | None]:
    return [line["mirror"] for line in plane.proxy.access_lines]


async def test_copy_that_will_be_sent_is_chosen(shadow):
    plane = await shadow()
    await plane.exchange()
    assert said(plane) == ["chosen"]


@pytest.mark.parametrize("raw", [POST, GET.replace(b"Host:", b"X-Strangler-Mirror: 1\r\nHost:")])
async def test_request_of_which_nobody_gets_a_copy_says_nothing(shadow, raw):
    plane = await shadow()
    await plane.ask(raw)
    assert said(plane) == [None]


async def test_route_without_shadow_says_nothing(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    client = await plane.connect()
    await client.request(GET)
    await client.request(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    assert [line["mirror"] for line in plane.access_lines] == [None, None]


async def test_request_outside_of_the_sample_says_so(shadow):
    plane = await shadow(shadow={"sample": "0.01%"})
    await plane.ask(GET.replace(b"Host:", b"X-Request-Id: a\r\nHost:"))
    assert said(plane) == ["not_sampled"]


async def test_rate_that_is_reached_is_the_reason(shadow):
    plane = await shadow(shadow={"rate_max": "1/s"})
    client = await plane.proxy.connect()
    for _ in range(8):
        await client.request(GET)
    shed = plane.counters()["shed"]["rate"]
    assert (said(plane).count("chosen"), said(plane).count("shed:rate")) == (8 - shed, shed)
    assert shed >= 5


async def test_memory_that_is_full_is_the_reason_also_where_it_fills_up_while_the_answer_passes(shadow):
    plane = await shadow()
    plane.legacy.script = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000)
    plane.proxy.plane.mirrors.memory.bytes_max = 4_000
    await plane.ask()
    plane.proxy.plane.mirrors.memory.bytes_max = 0
    await plane.ask()
    assert said(plane) == ["shed:memory", "shed:memory"]
    assert plane.counters()["shed"] == {"memory": 2}


async def test_client_that_left_before_its_answer_is_the_reason(shadow):
    plane = await shadow()

    async def hangs(arrival: Arrival) -> None:
        await arrival.request()
        client.reset()
        await arrival.gone()

    plane.legacy.script = hangs
    client = await plane.proxy.connect()
    await client.send(GET)
    await plane.settled()
    assert said(plane) == ["shed:incomplete"]


async def test_answer_that_comes_before_the_request_is_complete_is_the_reason(shadow):
    async def early(arrival: Arrival) -> None:
        await arrival.head()
        await arrival.send(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")

    plane = await shadow(shadow={"unsafe_methods": "allow"})
    plane.legacy.script = early
    client = await plane.proxy.connect()
    await client.send(POST.replace(b"Content-Length: 2", b"Content-Length: 9"))
    await plane.settled()
    assert said(plane) == ["shed:incomplete"]


async def test_fallback_is_its_own_comparison_and_was_chosen(shadow):
    plane = await shadow(mode="shadow", fallback={"to": "new", "on": ["503"]})
    plane.legacy.script = answering(b"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy")
    await plane.exchange()
    assert said(plane) == ["chosen"]


def test_every_reason_has_its_word():
    assert all(SHED[reason] == f"shed:{reason}" for reason in SHED_REASONS)
