"""A reload changes the table for the next request, and nothing for those that are under way."""

from __future__ import annotations

import asyncio
import socket

from support.proxy_plane import config_for
from support.upstream_script import OK, Arrival
from support.waits import eventually

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_request_under_way_ends_by_the_table_it_began_with(proxy, upstream, another_upstream):
    go = asyncio.Event()

    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await go.wait()
        await arrival.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold")
        await arrival.gone()

    async def other_script(arrival: Arrival) -> None:
        while True:
            await arrival.request()
            await arrival.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew")

    upstream.script = script
    other = await another_upstream(other_script)
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.methods = [b"GET"]
        await client.send(GET)
        await eventually(lambda: upstream.requests)
        await plane.install(config_for(other.url))
        go.set()
        assert (await client.reply(1)).body == b"old"
        assert (await client.request(GET)).body == b"new"


async def test_request_that_is_connecting_survives_a_reload_of_its_service(proxy):
    """A full backlog keeps the connection in the making; the kernel tries again after a second."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1)
    listener.setblocking(False)
    address = listener.getsockname()
    fillers = []
    for _ in range(3):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(address)
        fillers.append(filler)
    url = f"http://127.0.0.1:{address[1]}"
    plane = await proxy(config_for(url, service={"connect_timeout": "10s"}, route={"retry": {"attempts": 0}}))
    async with await plane.connect() as client:
        client.methods = [b"GET"]
        await client.send(GET)
        await plane.install(config_for(url, service={"connect_timeout": "9s"}, route={"retry": {"attempts": 0}}))
        loop = asyncio.get_running_loop()
        served = loop.create_task(_serve_all(listener))
        try:
            assert (await client.reply(1)).status == 200
        finally:
            served.cancel()
            await asyncio.wait([served])
    for sock in (listener, *fillers):
        sock.close()


async def _serve_all(listener: socket.socket) -> None:
    """Accept for ever; answer each connection that sends a request."""
    loop = asyncio.get_running_loop()
    answers: set[asyncio.Task[None]] = set()

    async def answer(sock: socket.socket) -> None:
        with sock:
            if await loop.sock_recv(sock, 1 << 16):
                await loop.sock_sendall(sock, OK)
            await loop.sock_recv(sock, 1)

    try:
        while True:
            sock, _ = await loop.sock_accept(listener)
            sock.setblocking(False)
            answers.add(loop.create_task(answer(sock)))
    finally:
        for task in answers:
            task.cancel()
        await asyncio.gather(*answers, return_exceptions=True)


async def test_fallback_to_a_service_that_a_reload_has_removed_is_an_answer_and_no_silence(
    proxy, upstream, another_upstream
):
    go = asyncio.Event()

    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await go.wait()
        await arrival.send(b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno")
        await arrival.gone()

    upstream.script = script
    legacy = await another_upstream()
    plane = await proxy(
        config_for(
            legacy.url,
            services={"orders": {"urls": [upstream.url]}},
            route={"new": "orders", "mode": "new", "fallback": {"to": "legacy", "on": ["503"]}},
        )
    )
    async with await plane.connect() as client:
        client.methods = [b"GET"]
        await client.send(GET)
        await eventually(lambda: upstream.requests)
        await plane.install(
            {
                "listen": [{"address": "127.0.0.1:0"}],
                "services": {"orders": {"urls": [upstream.url]}},
                "routes": [{"name": "all", "match": {"path": "/**"}, "new": "orders", "mode": "new"}],
            }
        )
        go.set()
        assert (await client.reply(1)).status in {200, 502, 503}


async def test_queued_request_survives_a_reload_of_its_service(proxy, upstream):
    go = asyncio.Event()

    async def script(arrival: Arrival) -> None:
        while True:
            await arrival.request()
            await go.wait()
            await arrival.send(OK)

    upstream.script = script
    queue = {"connections_max": 1, "queue_max": 5, "queue_timeout": "10s"}
    plane = await proxy(config_for(upstream.url, service=queue))
    first, second = await plane.connect(), await plane.connect()
    for client in (first, second):
        client.methods = [b"GET"]
        await client.send(GET)
    await eventually(lambda: upstream.requests)
    await plane.install(config_for(upstream.url, service={**queue, "queue_max": 6}))
    go.set()
    assert (await first.reply(1)).status == 200
    assert (await second.reply(1)).status == 200


async def test_reloads_leave_nothing_behind(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        for number in range(50):
            await plane.install(config_for(upstream.url, service={"queue_max": number + 1}))
            assert (await client.request(GET)).status == 200
    await eventually(lambda: upstream.open_connections <= 1)
    assert len(plane.plane.snapshot()["endpoints"]) == 1
