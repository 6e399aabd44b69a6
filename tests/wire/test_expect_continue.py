"""`Expect: 100-continue` is between the client and the service: the proxy relays, and never says 100 on its own."""

from __future__ import annotations

import asyncio

from support.proxy_plane import config_for
from support.raw_client import send_raw
from support.sent_requests import parse_sent
from support.splits import every_cut, only_request, send_every_cut
from support.upstream_script import OK, Arrival
from support.waits import eventually, turns

HEAD = b"POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"


async def test_client_waits_until_the_service_says_100(proxy, upstream):
    go = asyncio.Event()

    async def script(arrival: Arrival) -> None:
        head = await arrival.head()
        assert b"100-continue" in head
        await go.wait()
        assert arrival.unread == b""
        await arrival.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await arrival.until(b"hello")
        await arrival.send(OK)

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.methods = [b"POST"]
        await client.send(HEAD)
        await eventually(lambda: upstream.arrivals and b"\r\n\r\n" in upstream.arrivals[0].received)
        await turns(10)
        assert not client.received, "only the service may ask for the body"
        go.set()
        await client.until(b"HTTP/1.1 100 Continue\r\n\r\n")
        await client.send(b"hello")
        reply = await client.reply(1)
        assert reply.status == 200
        assert [status for status, _ in reply.informational] == [100]


async def test_service_refuses_and_the_body_is_not_asked_for(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        await arrival.head()
        await arrival.send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno")
        await arrival.gone()

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    for pieces in every_cut(HEAD):
        async with await plane.connect() as client:
            client.methods = [b"POST"]
            await client.send(*pieces)
            reply = await client.reply(1)
            assert (reply.status, reply.body, reply.informational) == (417, b"no", [])
    await eventually(lambda: upstream.open_connections == 0)


async def test_request_after_a_refused_one_is_never_read_as_its_body(proxy, upstream):
    """After a final response in place of 100 the client may go on without the body, or close. The proxy cannot know
    which, so the connection has to end or the body has to be read as a body; nothing in it is ever served."""

    async def script(arrival: Arrival) -> None:
        await arrival.head()
        await arrival.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        await arrival.gone()

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    head = HEAD.replace(b"Content-Length: 5", b"Content-Length: %d" % len(smuggled))
    async with await plane.connect() as client:
        client.methods = [b"POST"]
        await client.send(head)
        assert (await client.reply(1)).status == 403
        await client.send(smuggled)
        await turns(10)
        assert client.received.count(b"HTTP/1.1") == 1
    assert not any(b"GET /smuggled" in bytes(arrival.received).split(b"\r\n\r\n")[0] for arrival in upstream.arrivals)


async def test_client_that_does_not_wait_is_served(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    raw = HEAD + b"hello"
    for pieces, outcome in await send_every_cut(plane.address, raw):
        assert outcome.statuses == [200], pieces
    assert only_request(upstream, len(list(every_cut(raw)))).body == b"hello"


async def test_service_that_says_100_though_the_body_is_there_is_served(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        await arrival.head()
        await arrival.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await arrival.until(b"hello")
        await arrival.send(OK)

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    outcome = await send_raw(plane.address, [HEAD + b"hello"], [b"POST"])
    assert outcome.status == 200


async def test_service_that_never_says_100_gets_the_body_once_the_client_sends_it(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.methods = [b"POST"]
        await client.send(HEAD)
        await eventually(lambda: upstream.arrivals and b"\r\n\r\n" in upstream.arrivals[0].received)
        await client.send(b"hello")
        assert (await client.reply(1)).status == 200
    assert parse_sent(upstream.requests[0]).body == b"hello"


async def test_http_1_0_client_gets_no_100(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        head = await arrival.head()
        if b"100-continue" in head:
            await arrival.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await arrival.until(b"hello")
        await arrival.send(OK)

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    outcome = await send_raw(plane.address, [HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + b"hello"], [b"POST"])
    assert outcome.status == 200
    assert b" 100 " not in outcome.raw


async def test_unknown_expectation_is_relayed_or_refused(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    raw = b"GET /e HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n"
    outcome = await send_raw(plane.address, [raw], [b"GET"])
    if outcome.status == 200:
        assert parse_sent(upstream.requests[0]).get(b"Expect") == b"miracles"
    else:
        assert outcome.status == 417
        assert upstream.arrivals == []
