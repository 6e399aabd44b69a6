"""A new system that hangs, drips, resets, lies or never ends: bounded, cut and counted, and no client notices."""

from __future__ import annotations

import asyncio

import pytest

from proxy.mirroring import mirrors
from support.shadow_plane import GET
from support.upstream_script import OK, Arrival, answering
from support.waits import eventually


async def hangs(arrival: Arrival) -> None:
    await arrival.request()
    await arrival.gone()


async def accepts_and_reads_nothing(arrival: Arrival) -> None:
    arrival.pause()
    await arrival.gone()


async def drips(arrival: Arrival) -> None:
    await arrival.request()
    await arrival.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not arrival.closed:
        await arrival.send(b"x")
        await asyncio.sleep(0.005)  # the drip itself, not a wait


async def resets(arrival: Arrival) -> None:
    await arrival.request()
    arrival.reset()


async def never_ends(arrival: Arrival) -> None:
    await arrival.request()
    await arrival.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not arrival.closed:
        await arrival.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


async def endless_head(arrival: Arrival) -> None:
    await arrival.request()
    await arrival.send(b"HTTP/1.1 200 OK\r\n")
    while not arrival.closed:
        await arrival.send(b"X-A: %b\r\n" % (b"a" * 4000))


async def never_final(arrival: Arrival) -> None:
    await arrival.request()
    while not arrival.closed:
        await arrival.send(b"HTTP/1.1 102 Processing\r\n\r\n")


@pytest.mark.parametrize(
    ("script", "outcome", "error"),
    [
        (hangs, "timed_out", ""),
        (accepts_and_reads_nothing, "timed_out", ""),
        (drips, "timed_out", ""),
        (resets, "failed", "connection_terminated"),
        (never_ends, "too_large", ""),
        (endless_head, "failed", "http_response_header_section_size"),
        (never_final, "failed", "http_protocol_error"),
        (answering(b"\x16\x03\x01 garbage \xff\xfe\r\n\r\n"), "failed", "http_protocol_error"),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), "failed", "http_protocol_error"),
        (answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "failed", "http_protocol_error"),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", then="close"), "failed", "connection_terminated"),
        (answering(b"", then="close"), "failed", "connection_terminated"),
    ],
    ids=["hangs", "reads nothing", "drips", "resets", "endless", "endless head", "1xx", "garbage", "two lengths",
         "bad chunk", "half", "closes"],
)  # fmt: skip
async def test_new_that_misbehaves_is_cut_and_counted_and_clients_are_answered_at_once(shadow, script, outcome, error):
    plane = await shadow(script, shadow={"timeout": "200ms", "body_bytes_max": "256KiB"})
    async with asyncio.timeout(2):
        for _ in range(5):
            assert await plane.ask() == b"ok"
    numbers = await plane.settled()
    assert numbers["answers"] == {outcome: 5}
    await eventually(lambda: len(plane.comparer.exchanges) == 5)
    assert {exchange.new.error for exchange in plane.comparer.exchanges} == {error}
    assert all(len(exchange.new.body) <= 256 * 1024 for exchange in plane.comparer.exchanges)
    for arrival in plane.new.arrivals:
        arrival.resume()
    await eventually(lambda: plane.new.open_connections == 0)
    assert plane.proxy.plane.mirrors.open == 0
    plane.new.refused.clear()


async def test_new_that_refuses_connections_is_left_alone_after_a_while(shadow):
    plane = await shadow()
    await plane.new.stop_listening()
    for _ in range(40):
        assert await plane.ask() == b"ok"
    numbers = await plane.settled()
    failed = numbers["answers"]["failed"]
    assert 20 <= failed <= 30  # those that were being connected when the breaker opened are not called back
    assert numbers["shed"] == {"breaker": 40 - failed}
    assert {exchange.new.error for exchange in plane.comparer.exchanges} == {"connection_refused"}


async def test_new_that_hangs_has_no_more_than_concurrency_max_to_do(shadow):
    plane = await shadow(hangs, shadow={"timeout": "10s", "concurrency_max": 3})
    for _ in range(10):
        assert await plane.ask() == b"ok"
    await eventually(lambda: plane.counters()["shed"] == {"concurrency": 7})
    assert plane.counters()["under_way"] == 3
    assert plane.new.open_connections == 3


@pytest.mark.parametrize("served", [OK, b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"y" * 2000])
async def test_what_waits_for_a_quiet_moment_is_bounded_whether_it_has_to_ask_or_not(shadow, monkeypatch, served):
    monkeypatch.setattr(mirrors, "READY_MAX", 0)
    plane = await shadow(shadow={"body_bytes_max": "1KiB"})
    plane.legacy.script = answering(served)
    await plane.ask()
    assert (await plane.settled())["shed"] == {"concurrency": 1}


async def test_request_that_is_mirrored_to_a_hanging_service_does_not_hold_its_client_connection(shadow):
    plane = await shadow(hangs, shadow={"timeout": "10s"})
    client = await plane.proxy.connect()
    async with asyncio.timeout(2):
        for _ in range(20):
            assert (await client.request(GET)).body == b"ok"
    assert len(plane.legacy.arrivals) == 1


async def test_copies_are_sent_although_another_client_waits_for_its_answer_all_the_time(shadow):
    plane = await shadow()
    usual, plane.legacy.script = plane.legacy.script, hangs
    waiting = await plane.proxy.connect()
    await waiting.send(GET)
    await eventually(lambda: plane.legacy.requests)
    plane.legacy.script = usual
    for _ in range(3):
        assert await plane.ask() == b"ok"
    await eventually(lambda: plane.counters()["compared"] == 3)
    assert plane.proxy.plane.metrics.waited_for()


async def test_captured_bodies_of_a_slow_new_are_bounded_together(shadow):
    plane = await shadow(hangs, shadow={"timeout": "10s", "body_bytes_max": "1MiB"})
    plane.legacy.script = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" + b"x" * 500_000)
    plane.proxy.plane.mirrors.memory.bytes_max = 1_600_000
    for _ in range(6):
        assert len(await plane.ask()) == 500_000
    assert plane.counters()["shed"] == {"memory": 3}
    assert 1_500_000 <= plane.proxy.plane.mirrors.memory.held_bytes <= 1_600_000


async def test_new_that_answers_slowly_within_its_time_is_compared(shadow):
    async def slow(arrival: Arrival) -> None:
        while True:
            await arrival.request()
            for byte in OK:
                await arrival.send(bytes([byte]))

    plane = await shadow(slow)
    exchange = await plane.exchange()
    assert (exchange.new.outcome, exchange.new.body) == ("complete", b"ok")
