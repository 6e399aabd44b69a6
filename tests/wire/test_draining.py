"""A data plane that drains answers whoever it has accepted, however late that was."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from proxy.hop.listener import Listener
from support.authority import Authority
from support.proxy_plane import Proxy, config_for
from support.waits import eventually

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def stop(plane: Proxy) -> int:
    """Drain, as a worker does before it exits: how many requests were answered by then."""
    await plane.plane.drain(10)
    return len(plane.access_lines)


async def test_client_that_is_accepted_in_the_turn_of_the_drain_is_answered(proxy, upstream, monkeypatch):
    accept = Listener._accepted
    stopping: list[asyncio.Task[int]] = []

    def accept_as_the_drain_begins(listener: Listener) -> object:
        stopping.append(asyncio.get_running_loop().create_task(stop(plane)))
        return accept(listener)

    monkeypatch.setattr(Listener, "_accepted", accept_as_the_drain_begins)
    plane = await proxy(config_for(upstream.url))
    client = await plane.connect()
    reply = await client.request(GET)
    assert reply.status == 200
    assert reply.says_close
    assert await stopping[0] == 1


async def test_client_whose_handshake_is_under_way_at_the_drain_is_answered(proxy, upstream, tmp_path: Path):
    authority = Authority(tmp_path)
    certificate, key = authority.issue("localhost")
    tls = {"certificates": [{"certificate": str(certificate), "key": str(key)}]}
    plane = await proxy(config_for(upstream.url, listen=[{"address": "127.0.0.1:0", "tls": tls}]))
    reader, writer = await asyncio.open_connection(*plane.address)
    await eventually(lambda: len(plane.plane._handshaking) == 1)
    stopping = asyncio.create_task(stop(plane))
    await asyncio.sleep(0)
    await writer.start_tls(ssl.create_default_context(cafile=str(authority.file)), server_hostname="localhost")
    writer.write(GET)
    async with asyncio.timeout(5):
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert await stopping == 1
    writer.close()
