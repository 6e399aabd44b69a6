"""WebSocket and other upgrades: a tunnel after the service's 101 and not a byte before."""

from __future__ import annotations

import asyncio

import pytest

from support.proxy_plane import config_for
from support.raw_client import send_raw
from support.sent_requests import parse_sent
from support.splits import every_cut
from support.upstream_script import OK, Arrival
from support.waits import eventually, turns

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3\r\n\r\n"
)


async def echo(arrival: Arrival) -> None:
    """Accept the upgrade, then send every byte back."""
    await arrival.head()
    await arrival.send(SWITCH)
    sent = len(arrival.received) - len(arrival.unread)
    while not arrival.closed:
        if len(arrival.received) > sent:
            piece = bytes(arrival.received[sent:])
            sent += len(piece)
            await arrival.send(piece)
        await arrival.more()


async def test_bytes_pass_both_ways_after_101(proxy, upstream):
    upstream.script = echo
    plane = await proxy(config_for(upstream.url))
    for pieces in every_cut(UPGRADE):
        async with await plane.connect() as client:
            client.methods = [b"GET"]
            await client.send(*pieces)
            reply = await client.reply(1)
            assert reply.status == 101, pieces
            assert reply.get(b"upgrade") == b"websocket"
            assert b"upgrade" in (reply.get(b"connection") or b"").lower()
            for frame in (b"\x81\x05hello", b"GET / HTTP/1.1\r\n\r\n", bytes(range(256))):
                await client.send(frame)
                await client.until(frame)
    sent = upstream.arrivals[0].received
    assert b"Upgrade: websocket\r\n" in sent
    assert b"connection: upgrade" in bytes(sent).lower()


async def test_bytes_that_come_with_the_101_reach_the_client(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        await arrival.head()
        await arrival.send(SWITCH + b"early")
        await arrival.gone()

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        await client.send(UPGRADE)
        assert (await client.until(b"early")).endswith(b"\r\n\r\nearly")


async def test_early_bytes_of_the_client_are_held_until_the_101(proxy, upstream):
    go = asyncio.Event()

    async def script(arrival: Arrival) -> None:
        await arrival.head()
        await go.wait()
        assert arrival.unread == b"", "bytes came before the service had agreed"
        await arrival.send(SWITCH)
        await arrival.until(b"early")
        await arrival.send(b"seen")
        await arrival.gone()

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        await client.send(UPGRADE + b"ea", b"rly")
        await eventually(lambda: upstream.arrivals and b"\r\n\r\n" in upstream.arrivals[0].received)
        await turns(10)
        go.set()
        await client.until(b"seen")


async def test_refused_upgrade_is_an_ordinary_exchange(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await arrival.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        while True:
            await arrival.request()
            await arrival.send(OK)

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        reply = await client.request(UPGRADE)
        assert (reply.status, reply.body) == (403, b"no")
        if not client.closed and not reply.says_close:
            assert (await client.request(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).status == 200


async def test_early_bytes_of_a_refused_upgrade_are_not_tunnelled(proxy, upstream):
    """They are the next request, or the connection ends: they are never sent as raw bytes."""

    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await arrival.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        await turns(10)
        assert b"Via" in arrival.unread or b"via" in arrival.unread or arrival.unread == b""
        await arrival.gone()

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.methods = [b"GET"]
        await client.send(UPGRADE + b"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.replies(1))[0].status == 403
        await turns(20)


async def test_tunnel_is_never_pooled(proxy, upstream):
    upstream.script = echo
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.methods = [b"GET"]
        await client.send(UPGRADE)
        assert (await client.reply(1)).status == 101
    await eventually(lambda: upstream.open_connections == 0)
    async with await plane.connect() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: len(upstream.arrivals) == 2)


@pytest.mark.parametrize("side", ["client", "service"])
async def test_tunnel_ends_with_either_side(side: str, proxy, upstream):
    upstream.script = echo
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        await client.send(UPGRADE)
        await client.until(b"\r\n\r\n")
        await client.send(b"last words")
        await client.until(b"last words")
        if side == "client":
            client.abort()
            await eventually(lambda: upstream.open_connections == 0)
        else:
            upstream.arrivals[0].close()
            await client.until_closed()


async def test_tunnel_survives_a_reload(proxy, upstream):
    upstream.script = echo
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        await client.send(UPGRADE)
        await client.until(b"\r\n\r\n")
        await plane.install(config_for(upstream.url, route={"name": "other"}))
        await client.send(b"still here")
        await client.until(b"still here")


@pytest.mark.parametrize("version", [b"1.0"])
async def test_upgrade_on_http_1_0_is_ignored(version: bytes, proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    outcome = await send_raw(plane.address, [UPGRADE.replace(b"HTTP/1.1", b"HTTP/" + version)], [b"GET"])
    assert outcome.status == 200
    assert not parse_sent(upstream.requests[0]).all(b"Upgrade")


@pytest.mark.parametrize(
    "fields",
    [
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        b"Connection: Upgrade\r\nUpgrade: H2C\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        b"Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n",
        b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
    ],
)
async def test_h2c_is_never_forwarded(fields: bytes, proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    outcome = await send_raw(plane.address, [b"GET / HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n"], [b"GET"])
    assert outcome.status in {200, 400}
    for raw in upstream.requests:
        assert b"h2c" not in raw.lower()
        assert b"http2-settings" not in raw.lower()


async def test_upgrade_that_connection_does_not_name_is_ignored(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    raw = b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"
    outcome = await send_raw(plane.address, [raw], [b"GET"])
    assert outcome.status == 200
    assert not parse_sent(upstream.requests[0]).all(b"Upgrade")


async def test_idle_tunnel_ends(proxy, upstream):
    upstream.script = echo
    plane = await proxy(config_for(upstream.url, service={"tunnel_idle_timeout": "300ms"}))
    async with await plane.connect() as client:
        await client.send(UPGRADE)
        await client.until(b"\r\n\r\n")
        await client.until_closed(5)
    await eventually(lambda: upstream.open_connections == 0)
