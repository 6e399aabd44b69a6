"""Which requests are mirrored, to whom, and what a reload, a fallback or the end of a worker do to them."""

from __future__ import annotations

import asyncio
import time

import pytest

from support.sent_requests import parse_sent
from support.shadow_plane import GET, shadow_config
from support.upstream_script import Arrival, answering
from support.waits import eventually, turns

POST = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
KEYED = POST.replace(b"Host: x\r\n", b"Host: x\r\nIdempotency-Key: mine\r\n")
NEW = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew"


async def hangs(arrival: Arrival) -> None:
    await arrival.request()
    await arrival.gone()


async def test_writes_are_not_mirrored_by_default(shadow):
    plane = await shadow()
    assert await plane.ask(POST) == b"ok"
    await plane.exchange()
    assert len(plane.new.requests) == 1
    assert plane.counters()["sent"] == 1


@pytest.mark.parametrize(("raw", "key"), [(KEYED, b"mine"), (POST, None)])
async def test_write_that_is_allowed_has_the_same_idempotency_key_on_both_arms(shadow, raw, key):
    plane = await shadow(shadow={"unsafe_methods": "allow", "noise_sample": "100%"})
    exchange = await plane.exchange(raw)
    served, copy = (parse_sent(arm.requests[0]) for arm in (plane.legacy, plane.new))
    assert served.get(b"idempotency-key") == copy.get(b"idempotency-key") == (key or exchange.id.encode())
    assert len(plane.legacy.requests) == 1  # a write is never asked again for its noise
    assert exchange.again is None


async def test_connection_for_a_write_is_new_so_that_it_cannot_die_of_its_age(shadow):
    plane = await shadow(shadow={"unsafe_methods": "allow"})
    for _ in range(3):
        await plane.exchange(POST)
    assert len(plane.new.arrivals) == 3


async def test_write_that_legacy_failed_to_do_is_not_done_by_new(shadow):
    plane = await shadow(shadow={"unsafe_methods": "allow"})
    await plane.legacy.stop_listening()
    exchange = await plane.exchange(POST)
    assert (exchange.legacy.outcome, exchange.new.outcome) == ("failed", "not_asked")
    assert not plane.new.requests


async def test_writes_go_to_the_sandbox_and_reads_to_new(shadow, another_upstream):
    sandbox = await another_upstream(answering(NEW))
    plane = await shadow(
        shadow={"unsafe_methods": "sandbox", "sandbox_service": "sand"}, services={"sand": {"urls": [sandbox.url]}}
    )
    exchange = await plane.exchange(POST)
    assert (exchange.sandbox, exchange.new.body) == (True, b"new")
    exchange = await plane.exchange()
    assert (exchange.sandbox, exchange.new.body) == (False, b"ok")
    assert (len(sandbox.requests), len(plane.new.requests)) == (1, 1)


@pytest.mark.parametrize(
    "route",
    [
        {"mode": "new", "shadow": {}},
        {"mode": "canary", "canary": {"percent": "100%"}, "shadow": {}},
        {"mode": "shadow", "shadow": {"serve": "new"}},
    ],
    ids=["new", "canary", "serve new"],
)
async def test_where_new_serves_legacy_gets_the_copy_and_never_a_write(shadow, route):
    route["shadow"] |= {"unsafe_methods": "allow", "noise_sample": "100%"}
    plane = await shadow(answering(NEW), **route)
    assert await plane.ask() == b"new"
    await eventually(lambda: plane.comparer.exchanges)
    [exchange] = plane.comparer.exchanges
    assert (exchange.served, exchange.new.body, exchange.legacy.body) == ("new", b"new", b"ok")
    assert exchange.again is not None
    assert exchange.again_before_new is False
    assert await plane.ask(POST) == b"new"
    await plane.settled("legacy")
    assert [parse_sent(raw).line[:4] for raw in plane.legacy.requests] == [b"GET ", b"GET "]


async def test_canary_that_serves_legacy_mirrors_nothing(shadow):
    plane = await shadow(mode="canary", canary={"percent": "0%"})
    assert await plane.ask() == b"ok"
    await turns(10)
    assert plane.counters()["sent"] == plane.counters("legacy")["sent"] == 0


async def test_copy_is_never_mirrored_again(shadow):
    plane = await shadow()
    await plane.ask(GET.replace(b"Host:", b"X-Strangler-Mirror: 1\r\nHost:"))
    await turns(10)
    assert plane.counters()["sent"] == 0


async def test_legacy_is_asked_again_before_or_after_new_by_chance(shadow):
    plane = await shadow(shadow={"noise_sample": "100%"})
    count = 60
    for _ in range(count):
        await plane.ask()
    await eventually(lambda: len(plane.comparer.exchanges) == count)
    before = sum(exchange.again_before_new for exchange in plane.comparer.exchanges)
    assert 10 < before < 50
    assert all(e.again is not None and e.again.outcome == "complete" for e in plane.comparer.exchanges)
    assert len(plane.legacy.requests) == 2 * count
    assert plane.counters()["again"] == count


async def test_second_answer_that_does_not_come_spoils_nothing(shadow):
    plane = await shadow(shadow={"noise_sample": "100%", "timeout": "300ms"})

    async def first_answers_then_hangs(arrival: Arrival) -> None:
        raw = await arrival.request()
        if b"X-Strangler-Mirror" in raw:
            await arrival.gone()
        await arrival.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    plane.legacy.script = first_answers_then_hangs
    for _ in range(12):
        await plane.ask()
    await eventually(lambda: len(plane.comparer.exchanges) == 12)
    assert {exchange.again for exchange in plane.comparer.exchanges} == {None}
    assert {exchange.new.outcome for exchange in plane.comparer.exchanges} <= {"complete", "not_asked"}
    assert (await plane.settled())["compared"] == 12


async def test_sample_takes_its_share_by_the_request_id(shadow):
    plane = await shadow(shadow={"sample": "50%"})
    client = await plane.proxy.connect()
    ids = [f"order-{number}" for number in range(60)]
    for one in ids * 2:
        await client.request(GET.replace(b"Host:", f"X-Request-Id: {one}\r\nHost:".encode()))
    numbers = await plane.settled()
    await eventually(lambda: len(plane.comparer.exchanges) == numbers["sent"])
    seen = [exchange.id for exchange in plane.comparer.exchanges]
    assert 30 < len(seen) < 90
    assert all(seen.count(one) in {0, 2} for one in ids)


async def test_rate_is_bounded(shadow):
    plane = await shadow(shadow={"rate_max": "5/s"})
    client = await plane.proxy.connect()
    began_s = time.monotonic()
    for _ in range(30):
        await client.request(GET)
    took_s = time.monotonic() - began_s
    numbers = await plane.settled()
    assert numbers["sent"] == 30
    assert 5 <= numbers["compared"] <= 5 + 5 * took_s + 1  # what was saved up, and what came in this time
    assert numbers["shed"] == {"rate": 30 - numbers["compared"]}


async def test_answer_that_came_from_the_other_arm_by_fallback_is_the_comparison_itself(shadow):
    plane = await shadow(
        answering(NEW), mode="shadow", fallback={"to": "new", "on": ["503"]}, rewrite={"responses": False}
    )
    plane.legacy.script = answering(b"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy")
    assert await plane.ask() == b"new"
    await eventually(lambda: plane.comparer.exchanges)
    [exchange] = plane.comparer.exchanges
    assert (exchange.served, exchange.new.outcome, exchange.new.body) == ("new", "complete", b"new")
    assert (exchange.legacy.outcome, exchange.legacy.status, exchange.legacy.error) == ("failed", 503, "http_503")
    assert len(plane.new.requests) == len(plane.legacy.requests) == 1


async def test_new_that_failed_and_was_replaced_by_legacy_is_not_asked_again(shadow):
    plane = await shadow(mode="new", fallback={"to": "legacy"})
    await plane.new.stop_listening()
    assert await plane.ask() == b"ok"
    await eventually(lambda: plane.comparer.exchanges)
    [exchange] = plane.comparer.exchanges
    assert (exchange.served, exchange.legacy.body) == ("legacy", b"ok")
    assert (exchange.new.outcome, exchange.new.error) == ("failed", "connection_refused")
    assert len(plane.legacy.requests) == 1


async def test_reload_keeps_mirrors_that_are_under_way_and_their_counts(shadow):
    release = asyncio.Event()

    async def waits(arrival: Arrival) -> None:
        await arrival.request()
        await release.wait()
        await arrival.send(NEW)
        await arrival.gone()

    plane = await shadow(waits)
    await plane.ask()
    await eventually(lambda: plane.new.requests)
    await plane.proxy.install(shadow_config(plane.legacy.url, plane.new.url, mode="legacy"))
    assert await plane.ask() == b"ok"
    release.set()
    numbers = await plane.settled()
    assert (numbers["sent"], numbers["compared"]) == (1, 1)
    assert plane.comparer.exchanges[0].new.body == b"new"
    await eventually(lambda: plane.proxy.plane.mirrors.open == 0)


async def test_mirror_that_is_switched_on_by_a_reload_begins_with_the_next_request(shadow):
    plane = await shadow(answering(NEW), mode="legacy")
    client = await plane.proxy.connect()
    await client.request(GET)
    await plane.proxy.install(shadow_config(plane.legacy.url, plane.new.url))
    await client.request(GET)
    await eventually(lambda: len(plane.comparer.exchanges) == 1)
    assert plane.comparer.exchanges[0].new.body == b"new"


async def test_worker_that_stops_hands_over_what_is_complete_and_counts_the_rest(shadow):
    plane = await shadow(shadow={"timeout": "10s"})
    await plane.exchange()
    plane.new.script = hangs
    await plane.new.arrivals[0].finish()
    await plane.ask()
    await eventually(lambda: len(plane.new.requests) == 2)
    await plane.proxy.plane.drain(0.1)
    numbers = await plane.settled()
    assert (numbers["compared"], numbers["shed"]) == (1, {"draining": 1})


async def test_requests_without_a_mirror_are_served_without_any_of_this(shadow):
    plane = await shadow(mode="legacy")
    assert await plane.ask() == b"ok"
    assert plane.proxy.plane.mirrors.table.services == {}
    assert plane.proxy.plane.mirrors.snapshot() == []
