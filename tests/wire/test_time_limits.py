"""Nobody may hold a connection for ever: heads, bodies, idle connections, services that hang."""

from __future__ import annotations

import asyncio
import time

from support.proxy_plane import config_for
from support.raw_client import RawClient
from support.upstream_script import OK, Arrival
from support.waits import eventually

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

#: The data plane looks at its deadlines about once per second.
SWEEP_S = 2.5


async def hang(arrival: Arrival) -> None:
    await arrival.request()
    await arrival.gone()


async def drip(client: RawClient, raw: bytes, every_s: float) -> None:
    """Send byte by byte, in time, until the proxy has had enough."""
    for at in range(len(raw)):
        if client.closed:
            return
        await client.send(raw[at : at + 1])
        end = time.monotonic() + every_s
        while time.monotonic() < end and not client.closed:
            await asyncio.sleep(every_s / 4)


async def test_slow_head_is_a_408(proxy, upstream):
    plane = await proxy(config_for(upstream.url, limits={"header_timeout": "300ms"}))
    async with await plane.connect() as client:
        client.methods = [b"GET"]
        start = time.monotonic()
        await drip(client, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 1000, 0.05)
        assert time.monotonic() - start < 0.3 + SWEEP_S
        assert (await client.replies(1))[0].status == 408
        await client.until_closed()
    assert upstream.arrivals == []


async def test_connection_that_sends_nothing_ends_without_a_word(proxy, upstream):
    plane = await proxy(config_for(upstream.url, limits={"header_timeout": "300ms", "idle_timeout": "300ms"}))
    async with await plane.connect() as client:
        await client.until_closed(0.3 + SWEEP_S)
        assert not client.received or client.received.startswith(b"HTTP/1.1 408 ")


async def test_idle_connection_ends_after_its_time(proxy, upstream):
    plane = await proxy(config_for(upstream.url, limits={"idle_timeout": "300ms"}))
    async with await plane.connect() as client:
        assert (await client.request(GET)).status == 200
        received = len(client.received)
        await client.until_closed(0.3 + SWEEP_S)
        assert len(client.received) == received, "an idle connection ends without a word"


async def test_body_below_the_minimum_rate_is_a_408(proxy, upstream):
    limits = {"body_rate_min": "1KiB", "body_rate_grace": "500ms"}
    plane = await proxy(config_for(upstream.url, limits=limits))
    async with await plane.connect() as client:
        client.methods = [b"POST"]
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        start = time.monotonic()
        await drip(client, b"x" * 1000, 0.05)
        assert time.monotonic() - start < 0.5 + 2 * SWEEP_S
        await client.until_closed()
        replies = await client.replies(1)
        assert [reply.status for reply in replies] == [408]
    await eventually(lambda: upstream.open_connections == 0)
    assert upstream.requests == []


async def test_minimum_rate_is_not_held_against_a_client_whose_service_is_slow(proxy, upstream):
    """The client would send, but the service does not read: that is not the client's fault."""
    release = asyncio.Event()

    async def script(arrival: Arrival) -> None:
        await arrival.head()
        arrival.counting = True
        arrival.pause()
        await release.wait()
        arrival.resume()
        while arrival.received_bytes < 30_000_000:
            await arrival.more()
        await arrival.send(OK)

    upstream.script = script
    limits = {"body_rate_min": "100KiB", "body_rate_grace": "300ms"}
    plane = await proxy(config_for(upstream.url, limits=limits))
    async with await plane.connect() as client:
        client.methods = [b"POST"]
        sending = asyncio.create_task(
            client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n", *[b"x" * 1_000_000] * 30)
        )
        loop = asyncio.get_running_loop()
        loop.call_later(0.3 + SWEEP_S, release.set)
        assert (await client.reply(1, 20)).status == 200
        await sending


async def test_service_that_stops_in_the_middle_of_a_body_ends_the_response(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await arrival.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        await arrival.gone()

    upstream.script = script
    plane = await proxy(config_for(upstream.url, service={"idle_timeout": "300ms"}))
    async with await plane.connect() as client:
        client.methods = [b"GET"]
        await client.send(GET)
        await client.until_closed(0.3 + 2 * SWEEP_S)
        assert not (await client.replies(1))[0].complete
    await eventually(lambda: upstream.open_connections == 0)


async def test_response_timeout_counts_from_the_end_of_the_request(proxy, upstream):
    """A long upload is no slow response."""
    plane = await proxy(config_for(upstream.url, service={"response_timeout": "600ms"}, limits={"body_rate_min": None}))
    async with await plane.connect() as client:
        client.methods = [b"POST"]
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n")
        await drip(client, b"x" * 20, 0.1)
        assert (await client.reply(1)).status == 200


async def test_client_that_does_not_read_is_let_go(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await arrival.send(b"HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n", *[b"x" * 1_000_000] * 64)

    upstream.script = script
    plane = await proxy(config_for(upstream.url, limits={"idle_timeout": "500ms"}, service={"idle_timeout": "500ms"}))
    async with await plane.connect() as client:
        client.pause()
        await client.send(GET)
        await eventually(lambda: upstream.requests)
        await eventually(lambda: upstream.open_connections == 0, 0.5 + 2 * SWEEP_S)


async def test_idle_upstream_connection_ends_after_its_time(proxy, upstream):
    plane = await proxy(config_for(upstream.url, service={"keepalive": "300ms"}))
    async with await plane.connect() as client:
        assert (await client.request(GET)).status == 200
        assert upstream.open_connections == 1
        await eventually(lambda: upstream.open_connections == 0, 0.3 + SWEEP_S)
        assert (await client.request(GET)).status == 200
    assert len(upstream.arrivals) == 2


async def test_connections_above_the_limit_are_not_served(proxy, upstream):
    plane = await proxy(config_for(upstream.url, limits={"connections_max": 3}))
    clients = [await plane.connect() for _ in range(3)]
    for client in clients:
        assert (await client.request(GET)).status == 200
    async with await plane.connect() as extra:
        extra.methods = [b"GET"]
        await extra.send(GET)
        replies = await extra.replies(1)
        assert [reply.status for reply in replies] in ([], [503])
        await extra.until_closed()
    clients.pop().abort()

    async def served_again() -> bool:
        async with await plane.connect() as client:
            client.methods = [b"GET"]
            await client.send(GET)
            return [reply.status for reply in await client.replies(1)] == [200]

    await eventually(served_again)
    for client in clients:
        client.abort()


async def test_hanging_service_does_not_hold_the_slot_of_a_client_that_left(proxy, upstream):
    upstream.script = hang
    service = {"connections_max": 1, "queue_max": 1, "queue_timeout": "10s"}
    plane = await proxy(config_for(upstream.url, service=service))
    first = await plane.connect()
    await first.send(GET)
    await eventually(lambda: upstream.requests)
    first.reset()
    second = await plane.connect()
    await second.send(GET)
    await eventually(lambda: len(upstream.requests) == 2)
    second.abort()


async def test_drain_lets_a_request_finish_and_closes_what_is_idle(proxy, upstream):
    go = asyncio.Event()

    async def script(arrival: Arrival) -> None:
        while True:
            target = (await arrival.request()).split(b" ")[1]
            if target == b"/slow":
                await go.wait()
            await arrival.send(OK)

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    idle, busy = await plane.connect(), await plane.connect()
    assert (await idle.request(GET)).status == 200
    busy.methods = [b"GET"]
    await busy.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    await eventually(lambda: len(upstream.requests) == 2)
    draining = asyncio.create_task(plane.plane.drain(10))
    await idle.until_closed()
    assert not busy.closed
    go.set()
    reply = await busy.reply(1)
    assert reply.status == 200
    assert reply.says_close
    await busy.until_closed()
    assert await draining == 0


async def test_drain_cuts_what_does_not_finish(proxy, upstream):
    upstream.script = hang
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        await client.send(GET)
        await eventually(lambda: upstream.requests)
        assert await plane.plane.drain(0.2) == 1
        await client.until_closed()


async def test_client_that_only_half_closed_is_not_waited_for_without_end(proxy, upstream):
    """A client that has left looks like one that only waits for its answer, until the limit says which it was."""
    upstream.script = hang
    plane = await proxy(config_for(upstream.url, limits={"half_close_timeout": "300ms"}))
    async with await plane.connect() as client:
        await client.send(GET)
        await eventually(lambda: upstream.requests)
        client.half_close()
        await client.until_closed(0.3 + SWEEP_S)
        await eventually(lambda: upstream.open_connections == 0)
