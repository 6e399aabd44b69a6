"""What a client takes from the others, it gives back: places, connections, turns of the loop, handshakes, time."""

from __future__ import annotations

import asyncio
import gc
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from support.authority import Authority
from support.proxy_plane import Proxy, config_for
from support.raw_client import RawClient, send_raw
from support.upstream_script import Arrival
from support.waits import eventually, turns

GET = b"GET /only HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADE = b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
OPTIONS = b"OPTIONS * HTTP/1.1\r\nHost: x\r\nMax-Forwards: 0\r\n\r\n"


def held(plane: Proxy) -> dict[str, int]:
    """What the plane counts as under way, by kind, without what is nothing."""
    snapshot = plane.plane.snapshot()
    counts = {
        "clients": snapshot["client_connections"],
        "tunnels": snapshot["tunnels"],
        "open": sum(service.open for service in plane.plane.services.values()),
        "active": sum(service.active for service in plane.plane.services.values()),
        "pending": sum(endpoint["pending"] for endpoint in snapshot["endpoints"]),
    }
    return {kind: count for kind, count in counts.items() if count}


async def switch(arrival: Arrival) -> None:
    await arrival.head()
    await arrival.send(SWITCH)
    await arrival.gone()


HOW = ["eof", "close", "reset"]


def end(side: RawClient | Arrival, how: str) -> None:
    """Let one side say that it will send no more, leave at once, or be reset."""
    assert side.transport is not None
    if how == "eof":
        side.transport.write_eof()
    elif how == "close":
        side.transport.close()
    else:
        side.reset()


@pytest.mark.parametrize("how", HOW)
async def test_tunnel_that_the_client_and_then_the_service_closed_holds_nothing(how: str, proxy, upstream):
    upstream.script = switch  # it closes when it sees the end
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        await client.send(UPGRADE)
        await client.until(b"\r\n\r\n")
        assert held(plane) == {"clients": 1, "tunnels": 1, "open": 1, "active": 1, "pending": 1}
        end(client, how)
        await eventually(lambda: not held(plane) and upstream.open_connections == 0, 1.0)


@pytest.mark.parametrize("second", HOW)
@pytest.mark.parametrize("first", HOW)
async def test_tunnel_that_the_service_and_then_the_client_closed_holds_nothing(
    first: str, second: str, proxy, upstream
):
    upstream.script = switch
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        await client.send(UPGRADE)
        await client.until(b"\r\n\r\n")
        end(upstream.arrivals[0], first)
        await client.until_closed()
        assert client.transport is not None
        if not client.transport.is_closing():
            end(client, second)
        await eventually(lambda: not held(plane), 1.0)


async def test_places_of_tunnels_that_have_ended_are_free_again(proxy, upstream):
    upstream.script = switch
    service = {"connections_max": 2, "queue_max": 0}
    plane = await proxy(config_for(upstream.url, service=service))
    for _ in range(6):
        async with await plane.connect() as client:
            client.methods = [b"GET"]
            await client.send(UPGRADE)
            assert (await client.reply(1)).status == 101
            client.half_close()
            await client.until_closed()
        await eventually(lambda: not held(plane), 1.0)


@pytest.mark.parametrize("flood", [OPTIONS, b"GET /none HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["options", "404"])
async def test_requests_sent_ahead_that_need_no_service_leave_others_their_turn(flood: bytes, proxy, upstream):
    plane = await proxy(config_for(upstream.url, route={"match": {"path": "/only"}}))

    def answered() -> int:
        return sum(plane.plane.snapshot()["requests_rejected"].values())

    async with await plane.connect() as greedy, await plane.connect() as other:
        assert (await other.request(GET)).status == 200
        greedy.counting = True
        assert greedy.transport is not None
        greedy.transport.write(flood * 20_000)
        await eventually(answered)
        for _ in range(5):
            before = answered()
            assert (await other.request(GET)).status == 200
            assert answered() - before < 1_500, "nobody else had a turn in between"
        assert answered() < 20_000


@pytest.mark.parametrize("count", [1, 33, 100])
async def test_every_request_sent_ahead_is_answered_however_many(count: int, proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    outcome = await send_raw(plane.address, [OPTIONS * count + GET], [b"OPTIONS"] * count + [b"GET"])
    assert outcome.statuses == [200] * (count + 1)
    assert len(upstream.requests) == 1


async def test_options_that_the_proxy_answers_is_counted_and_logged(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    outcome = await send_raw(plane.address, [OPTIONS], [b"OPTIONS"])
    assert outcome.status == 200
    assert not outcome.replies[0].says_close
    assert upstream.arrivals == []
    assert [(line["method"], line["status"], line["path"]) for line in plane.access_lines] == [("OPTIONS", 200, "*")]
    assert plane.plane.snapshot()["requests_rejected"] == {"200": 1}


@pytest.mark.parametrize("body", [b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"])
async def test_options_with_a_body_says_that_it_closes(body: bytes, proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    raw = OPTIONS.removesuffix(b"\r\n") + body
    async with await plane.connect() as client:
        reply = await client.request(raw)
        assert reply.status == 200
        assert reply.says_close
        await client.until_closed()
    assert upstream.arrivals == []


async def test_service_whose_name_cannot_be_a_name_is_a_502_and_holds_nothing(proxy):
    plane = await proxy(config_for("http://" + "a" * 70 + ".example"))
    for _ in range(3):
        outcome = await send_raw(plane.address, [GET], [b"GET"])
        assert outcome.status == 502
    await eventually(lambda: not held(plane), 1.0)


async def test_body_that_begins_with_a_burst_and_then_stands_still_is_a_408(proxy, upstream):
    """What came fast at first buys no time: here it would be a hundred seconds."""

    async def script(arrival: Arrival) -> None:
        await arrival.head()
        arrival.counting = True
        await arrival.gone()

    upstream.script = script
    limits = {"body_rate_min": "10000B", "body_rate_grace": "200ms"}
    plane = await proxy(config_for(upstream.url, limits=limits))
    async with await plane.connect() as client:
        client.methods = [b"POST"]
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n" + b"x" * 1_000_000)
        assert (await client.reply(1, 2.0)).status == 408
    await eventually(lambda: not held(plane), 1.0)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


class TlsListening:
    """A plane that speaks TLS, and a client that it can please.

    Attributes:
        plane: takes five connections.
    """

    def __init__(self, plane: Proxy, context: ssl.SSLContext) -> None:
        self.plane = plane
        self._context = context

    async def serves(self) -> bool:
        """Whether a request of a well-behaved client is answered now."""
        try:
            reader, writer = await asyncio.open_connection(
                *self.plane.address, ssl=self._context, server_hostname="localhost"
            )
            writer.write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            answer = await reader.read()
            writer.close()
        except OSError:
            return False
        return answer.startswith(b"HTTP/1.1 200 ")


@pytest_asyncio.fixture
async def listening(tmp_path: Path, proxy, upstream) -> TlsListening:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("localhost")
    tls = {"certificates": [{"certificate": str(certificate), "key": str(key)}]}
    limits = {"connections_max": 5, "idle_timeout": "400ms"}
    plane = await proxy(config_for(upstream.url, listen=[{"address": "127.0.0.1:0", "tls": tls}], limits=limits))
    return TlsListening(plane, ssl.create_default_context(cafile=str(authority.file)))


async def test_connections_in_their_handshake_count_as_connections(listening: TlsListening):
    before = descriptors()
    silent = []
    for _ in range(30):
        silent.append(await listening.plane.connect())
        await turns()
    await turns(20)
    accepted = descriptors() - before - sum(not client.closed for client in silent)
    assert accepted <= 5 + 1
    for client in silent:
        client.abort()
    await eventually(listening.serves)


@pytest.fixture
def no_collection() -> Iterator[None]:
    """The garbage collector does not run: a count that waits for it is no count."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("how", ["garbage", "eof", "reset"])
@pytest.mark.usefixtures("no_collection")
async def test_handshakes_that_failed_hold_no_place(how: str, listening: TlsListening):
    for _ in range(12):
        async with await listening.plane.connect() as client:
            if how == "garbage":
                await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            elif how == "eof":
                client.half_close()
            else:
                client.reset()
            await turns()
    await eventually(listening.serves, 2.0)
