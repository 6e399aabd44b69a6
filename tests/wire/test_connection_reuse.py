"""Keep-alive, pipelining and HTTP/1.0 on the client's connection."""

from __future__ import annotations

import asyncio

import pytest

from support.proxy_plane import config_for
from support.raw_client import send_raw
from support.splits import every_cut
from support.upstream_script import OK, Arrival
from support.waits import eventually


async def echo_target(arrival: Arrival) -> None:
    """Answer each request with its target as the body."""
    while True:
        target = (await arrival.request()).split(b" ", 2)[1]
        await arrival.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(target), target))


PIPELINE = b"".join(
    [
        b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"GET /4 HTTP/1.1\r\nHost: x\r\n\r\n",
    ]
)


async def test_pipelined_requests_are_answered_in_order_however_they_arrive(proxy, upstream):
    upstream.script = echo_target
    plane = await proxy(config_for(upstream.url))
    cuts = list(every_cut(PIPELINE))
    for start in range(0, len(cuts), 48):
        outcomes = await asyncio.gather(
            *(send_raw(plane.address, cut, [b"GET", b"POST", b"POST", b"GET"]) for cut in cuts[start : start + 48])
        )
        for outcome in outcomes:
            assert [reply.body for reply in outcome.replies] == [b"/1", b"/2", b"/3", b"/4"]
            assert not outcome.closed
    assert len(upstream.requests) == 4 * len(cuts)


async def test_slow_answer_holds_back_the_answers_after_it(proxy, upstream):
    release = asyncio.Event()

    async def script(arrival: Arrival) -> None:
        while True:
            target = (await arrival.request()).split(b" ", 2)[1]
            if target == b"/1":
                await release.wait()
            await arrival.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + target)

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.methods = [b"GET", b"GET"]
        await client.send(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: upstream.requests)
        assert not client.received
        release.set()
        replies = await client.replies(2)
        assert [reply.body for reply in replies] == [b"/1", b"/2"]


async def test_pipeline_deeper_than_the_limit_is_bounded_but_served_in_order(proxy, upstream):
    """What does not fit waits in the socket: reading stops, so that memory is bounded. Nothing is lost."""
    release = asyncio.Event()

    async def script(arrival: Arrival) -> None:
        while True:
            target = (await arrival.request()).split(b" ", 2)[1]
            await release.wait()
            await arrival.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(target), target))

    upstream.script = script
    plane = await proxy(config_for(upstream.url, limits={"pipeline_max": 4}))
    async with await plane.connect() as client:
        client.methods = [b"GET"] * 20
        await client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(20)))
        await eventually(lambda: upstream.requests)
        assert len(upstream.requests) <= 4
        release.set()
        replies = await client.replies(20)
        if len(replies) == 20:
            assert [reply.body for reply in replies] == [b"/%d" % n for n in range(20)]
        else:
            assert replies[-1].status in {400, 429, 503}
            assert client.closed


async def test_pipelining_without_end_is_not_read_without_end(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        await arrival.gone()

    upstream.script = script
    plane = await proxy(config_for(upstream.url, limits={"pipeline_max": 4}))
    async with await plane.connect() as client:
        await client.send(b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n")
        flood = b"GET /more HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 1000 + b"\r\n\r\n"
        assert client.transport is not None
        client.transport.set_write_buffer_limits(high=1)
        client.transport.write(flood * 20_000)
        await eventually(lambda: upstream.requests == [] and len(upstream.arrivals) == 1)
        for _ in range(2_000):
            await asyncio.sleep(0)
        assert client.closed or client.transport.get_write_buffer_size() > 5_000_000


async def test_connection_is_kept_for_the_next_request(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        for _ in range(5):
            assert (await client.request(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).status == 200
        assert not client.closed
    assert len(upstream.arrivals) == 1, "the upstream connection is kept too"


@pytest.mark.parametrize("value", [b"close", b"Close", b"keep-alive, close", b"x\r\nConnection: close"])
async def test_connection_ends_where_the_client_says_close(value: bytes, proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    raw = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: " + value + b"\r\n\r\n"
    after = b"GET /after HTTP/1.1\r\nHost: x\r\n\r\n"
    outcome = await send_raw(plane.address, [raw + after], [b"GET"])
    assert outcome.status == 200
    assert outcome.replies[0].says_close
    assert outcome.closed
    assert len(upstream.requests) == 1
    await plane.plane.drain(1)
    assert upstream.arrivals[0].requests, "Connection: close is between the client and us"


async def test_http_1_0_client_may_ask_to_keep_the_connection(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        raw = b"GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"
        reply = await client.request(raw)
        assert reply.status == 200
        kept = b"keep-alive" in (reply.get(b"connection") or b"").lower()
        if kept:
            assert (await client.request(raw)).status == 200
        else:
            await client.until_closed()


async def test_client_that_half_closes_still_gets_its_answer(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await ready.wait()
        await arrival.send(OK)

    ready = asyncio.Event()
    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.methods = [b"GET"]
        await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        client.half_close()
        await eventually(lambda: upstream.requests)
        ready.set()
        assert (await client.reply(1)).status == 200
        await client.until_closed()


async def test_client_that_goes_away_frees_the_upstream(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await arrival.gone()

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    client = await plane.connect()
    await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await eventually(lambda: upstream.requests)
    client.reset()
    await eventually(lambda: upstream.open_connections == 0)


async def test_half_a_request_and_then_nothing_reaches_no_upstream(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    client = await plane.connect()
    await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
    client.half_close()
    await client.until_closed()
    assert upstream.arrivals == []


async def test_half_a_body_never_becomes_a_whole_request(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    for raw in (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ):
        client = await plane.connect()
        await client.send(raw)
        client.half_close()
        await client.until_closed()
        client = await plane.connect()
        await client.send(raw)
        client.reset()
    await eventually(lambda: upstream.open_connections == 0)
    assert upstream.requests == []
