"""Bytes that a side does not take stay few, and never mix with those of the next request."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from proxy.hop.upstream import Upstream as Connection
from support.authority import Authority
from support.narrow_sockets import narrow_client
from support.proxy_plane import config_for
from support.upstream_script import OK, Arrival, Upstream
from support.waits import eventually, turns

KIB = 1 << 10
MIB = 1 << 20
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"

#: What is held for one upload: what came in one read while the service was being connected to, and one read more.
UPLOAD_HELD_MAX = 1 * MIB

#: Time limit of a client that does not read, and how long its end may take altogether.
IDLE_S = 0.2
GONE_S = 1.5


@pytest.fixture
def narrow_connections(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    """Connections to services, as they are made; the kernel takes little from them, as on a long way."""
    made: list[Connection] = []
    begin = Connection.connection_made

    def connection_made(self: Connection, transport: asyncio.BaseTransport) -> None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * KIB)
        made.append(self)
        begin(self, transport)

    monkeypatch.setattr(Connection, "connection_made", connection_made)
    return made


def unsent(connection: Connection) -> int:
    """Bytes that were written for the service and that the kernel has not taken."""
    return connection.transport.get_write_buffer_size()


async def test_upload_stays_paused_when_much_of_it_came_before_the_connection_stood(
    proxy, upstream, narrow_connections
):
    """All of that is written at once, which alone fills the buffer: reading may not go on as if it had been taken."""

    async def script(arrival: Arrival) -> None:
        arrival.pause()
        await asyncio.Event().wait()

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 * MIB)
    plane.addresses.insert(0, listening.getsockname()[:2])
    await plane.plane.listen(listening, plane.config.listen[0])
    listening.close()
    sent = 0
    async with await plane.connect() as client:

        async def upload() -> None:
            nonlocal sent
            while sent < 64 * MIB:
                await client.send(b"x" * (256 * KIB))
                sent += 256 * KIB

        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (64 * MIB) + b"x" * (256 * KIB))
        sending = asyncio.create_task(upload())
        await eventually(lambda: narrow_connections and unsent(narrow_connections[0]) > 64 * KIB)
        seen: list[int] = []

        def still() -> bool:
            assert unsent(narrow_connections[0]) < UPLOAD_HELD_MAX
            seen.append(sent)
            return len(seen) > 40 and len(set(seen[-40:])) == 1

        await eventually(still)
        assert sent < 24 * MIB
        sending.cancel()


async def test_connection_with_unsent_bytes_of_a_request_serves_no_other(proxy, upstream, narrow_connections):
    """A service may answer without reading the body: what is left of it would come before the next request."""
    answer = asyncio.Event()

    async def script(arrival: Arrival) -> None:
        await arrival.head()
        if len(upstream.arrivals) == 1:
            arrival.pause()
            await answer.wait()
        await arrival.send(OK)
        await asyncio.Event().wait()

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.methods = [b"POST"]
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        await eventually(lambda: narrow_connections)
        while not unsent(narrow_connections[0]):
            await client.send(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
        await client.send(b"2000\r\n" + b"x" * 0x2000 + b"\r\n0\r\n\r\n")
        await turns(10)
        assert unsent(narrow_connections[0])
        answer.set()
        assert (await client.reply(1)).status == 200
        assert plane.plane.snapshot()["endpoints"][0]["idle"] == 0
    async with await plane.connect() as client:
        assert (await client.request(GET)).status == 200
    assert len(upstream.arrivals) == 2


def large(size: int, *, switch: bool = False):
    """A script that sends this many bytes, all at once; `switch` as those of a tunnel, and closes it."""

    async def script(arrival: Arrival) -> None:
        await arrival.head()
        if switch:
            head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n"
        else:
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
        await arrival.send(head + b"x" * size)
        if not switch:
            await arrival.gone()

    return script


async def none_left(plane) -> None:
    """Return when the plane holds no client and no tunnel any more, and no exchange at the service."""

    def gone() -> bool:
        snapshot = plane.plane.snapshot()
        pending = sum(endpoint["pending"] for endpoint in snapshot["endpoints"])
        return snapshot["client_connections"] == snapshot["tunnels"] == pending == 0

    await eventually(gone, GONE_S)


_IDLE = f"{IDLE_S * 1000:.0f}ms"
SHORT = {"limits": {"idle_timeout": _IDLE}, "service": {"tunnel_idle_timeout": _IDLE}}
#: Below and above the mark at which a transport asks its writer to wait.
SIZES = [50 * KIB, 150 * KIB]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fields", [b"", b"Connection: close\r\n"], ids=["idle", "close"])
async def test_client_that_never_reads_its_answer_is_let_go(fields: bytes, size: int, proxy, upstream):
    upstream.script = large(size)
    plane = await proxy(config_for(upstream.url, **SHORT))
    async with await narrow_client(plane) as client:
        await client.send(GET.replace(b"\r\n\r\n", b"\r\n" + fields + b"\r\n"))
        await eventually(lambda: upstream.arrivals and upstream.arrivals[0].unread == b"")
        await none_left(plane)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fields", [b"", b"Connection: close\r\n"], ids=["idle", "close"])
async def test_client_that_never_reads_its_answer_over_tls_is_let_go(
    fields: bytes, size: int, tmp_path: Path, proxy, upstream
):
    upstream.script = large(size)
    authority = Authority(tmp_path)
    certificate, key = authority.issue("localhost")
    tls = {"certificates": [{"certificate": str(certificate), "key": str(key)}]}
    plane = await proxy(config_for(upstream.url, listen=[{"address": "127.0.0.1:0", "tls": tls}], **SHORT))
    context = ssl.create_default_context(cafile=str(authority.file))
    async with await narrow_client(plane, tls=context) as client:
        await client.send(GET.replace(b"\r\n\r\n", b"\r\n" + fields + b"\r\n"))
        await eventually(lambda: upstream.arrivals and upstream.arrivals[0].unread == b"")
        await none_left(plane)


@pytest.mark.parametrize("size", SIZES)
async def test_client_that_never_reads_the_end_of_a_tunnel_is_let_go(size: int, proxy, upstream: Upstream):
    upstream.script = large(size, switch=True)
    plane = await proxy(config_for(upstream.url, **SHORT))
    async with await narrow_client(plane) as client:
        await client.send(UPGRADE)
        await eventually(lambda: plane.plane.snapshot()["tunnels_total"] == 1)
        await none_left(plane)
        assert [service.open for service in plane.plane.services.values()] == [0]


async def test_client_that_reads_slowly_gets_all_of_an_answer_that_closes(proxy, upstream):
    """The limit is for those who read nothing: whoever reads some in time gets the whole."""
    upstream.script = large(150 * KIB)
    plane = await proxy(config_for(upstream.url, **SHORT))
    async with await narrow_client(plane, reads=True) as client:
        client.methods = [b"GET"]
        await client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        while not client.closed:
            before = client.received_bytes
            await client.until_bytes(before + 1)
            client.pause()
            await turns(20)
            client.resume()
        assert len((await client.reply(1)).body) == 150 * KIB
