"""A slow side slows the other down: bodies of any size pass through a bounded amount of memory."""

from __future__ import annotations

import asyncio
import gc

import psutil
import pytest

from support.proxy_plane import config_for
from support.upstream_script import OK, Arrival, answering
from support.waits import eventually

MIB = 1 << 20
BODY = 64 * MIB

#: Sockets of both sides hold some MiB in the kernel; what the proxy itself may hold is far below the body.
IN_FLIGHT_MAX = 24 * MIB

#: The test's own pieces and buffers are in the same process.
GROWTH_MAX = 24 * MIB


def memory() -> int:
    """Resident bytes of this process."""
    gc.collect()
    return psutil.Process().memory_info().rss


async def settled(count) -> int:
    """The value of `count()` once it no longer changes."""
    seen = [-1] * 20

    def still() -> bool:
        seen.append(count())
        seen.pop(0)
        return len(set(seen)) == 1

    await eventually(still, 20)
    return seen[-1]


class Sender:
    """Writes a large body in pieces, as fast as the transport lets it."""

    def __init__(self) -> None:
        self.sent = 0

    async def to(self, side, piece: bytes = b"x" * (256 * 1024)) -> None:
        while self.sent < BODY and not side.closed:
            await side.send(piece)
            self.sent += len(piece)


async def test_download_to_a_slow_client_pauses_the_service(proxy, upstream):
    sender = Sender()

    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await arrival.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BODY)
        await sender.to(arrival)

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.counting = True
        client.pause()
        before = memory()
        await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: sender.sent > 0)
        sent = await settled(lambda: sender.sent)
        assert sent < IN_FLIGHT_MAX
        assert memory() - before < GROWTH_MAX
        client.resume()
        await client.until_bytes(BODY)
        assert client.received_bytes >= BODY
        assert memory() - before < GROWTH_MAX


async def test_chunked_download_to_a_slow_client_pauses_the_service(proxy, upstream):
    sender = Sender()

    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await arrival.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await sender.to(arrival, b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        await arrival.send(b"0\r\n\r\n")

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.counting = True
        client.pause()
        await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: sender.sent > 0)
        assert await settled(lambda: sender.sent) < IN_FLIGHT_MAX
        client.resume()
        await client.until_bytes(BODY)
        assert client.received_bytes >= BODY


async def test_upload_to_a_slow_service_pauses_the_client(proxy, upstream):
    resume = asyncio.Event()
    sender = Sender()

    async def script(arrival: Arrival) -> None:
        await arrival.head()
        arrival.counting = True
        arrival.pause()
        await resume.wait()
        arrival.resume()
        while arrival.received_bytes < BODY:
            await arrival.more()
        await arrival.send(OK)

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        before = memory()
        client.methods = [b"POST"]
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % BODY)
        sending = asyncio.create_task(sender.to(client))
        await eventually(lambda: sender.sent > 0)
        assert await settled(lambda: sender.sent) < IN_FLIGHT_MAX
        assert memory() - before < GROWTH_MAX
        resume.set()
        assert (await client.reply(1, 30)).status == 200
        await sending
        assert memory() - before < GROWTH_MAX


async def test_tunnel_to_a_slow_client_pauses_the_service(proxy, upstream):
    sender = Sender()

    async def script(arrival: Arrival) -> None:
        await arrival.head()
        await arrival.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n")
        await sender.to(arrival)
        await arrival.gone()

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n")
        await client.until(b"\r\n\r\n")
        client.pause()
        client.counting = True
        await eventually(lambda: sender.sent > 0)
        assert await settled(lambda: sender.sent) < IN_FLIGHT_MAX
        client.resume()
        await client.until_bytes(BODY)
        assert client.received_bytes >= BODY


async def test_slow_client_does_not_slow_the_others(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        while True:
            raw = await arrival.request()
            if b"GET /large" in raw:
                await arrival.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BODY)
                await Sender().to(arrival)
            else:
                await arrival.send(OK)

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as slow, await plane.connect() as quick:
        slow.pause()
        await slow.send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: upstream.requests)
        for _ in range(200):
            assert (await quick.request(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).status == 200
            quick.received.clear()
            quick.methods.clear()


@pytest.mark.parametrize("target", [b"/none", b"/some"])
async def test_client_that_asks_and_asks_but_does_not_read_is_not_served_without_end(target: bytes, proxy, upstream):
    """Its answers would fill memory: once they wait, no more requests are read."""
    upstream.script = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000)
    plane = await proxy(config_for(upstream.url, route={"match": {"path": "/some"}}))
    async with await plane.connect() as client:
        client.pause()
        before = memory()
        piece = (b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n") * 5_000
        flood = piece * 150
        assert client.transport is not None
        client.transport.write(flood)
        await settled(client.transport.get_write_buffer_size)
        assert client.transport.get_write_buffer_size() > len(flood) // 2
        assert memory() - before < GROWTH_MAX + 2 * len(flood)
