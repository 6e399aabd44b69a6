"""Clients that are slow, or leave in the middle: the service's side is let go, and the worker is as before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from support.fault_origin import FaultOrigin, Visit
from support.leaks import LeakCheck
from support.loop_thread import LoopThread
from support.raw_client import RawClient
from support.strangler_process import StranglerProcess
from support.waits import eventually

OK = b"GET /ok HTTP/1.1\r\nHost: shop.example\r\n\r\n"
MANY = 100


@pytest.fixture(scope="module")
def origin(servers: LoopThread) -> Iterator[FaultOrigin]:
    server = servers.run(FaultOrigin().start())
    yield server
    servers.run(server.stop())


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, origin: FaultOrigin) -> Iterator[StranglerProcess]:
    config = {
        "services": {"origin": {"urls": [origin.url]}},
        "routes": [{"name": "all", "match": {"path": "/{rest...}"}, "legacy": "origin", "mode": "legacy"}],
        "limits": {
            "header_timeout": "1s",
            "idle_timeout": "1s",
            "half_close_timeout": "500ms",
            "connections_max": 150,
            "body_bytes_max": "1MiB",
            "body_rate_min": "100KiB",
            "body_rate_grace": "1s",
        },
    }
    with StranglerProcess(tmp_path_factory.mktemp("clients"), config) as running:
        yield running


@pytest.fixture(scope="module")
def leaks(gateway: StranglerProcess, origin: FaultOrigin) -> LeakCheck:
    return LeakCheck(gateway, [origin])


@pytest.fixture(autouse=True)
async def at_rest(leaks: LeakCheck, gateway: StranglerProcess, origin: FaultOrigin) -> AsyncIterator[None]:
    origin.visits.clear()
    yield
    leaks.settle()
    async with await RawClient.connect(gateway.address) as client:
        assert (await client.request(OK)).body == b"ok"


async def visit_of(origin: FaultOrigin, name: str) -> Visit:
    await eventually(lambda: origin.named(name))
    return origin.named(name)[0]


async def test_client_that_leaves_within_its_head_reaches_no_service(
    gateway: StranglerProcess, origin: FaultOrigin
) -> None:
    for piece in (b"", b"G", b"GET /ok HTTP/1.1\r\nHo"):
        async with await RawClient.connect(gateway.address) as client:
            await client.send(piece)
    assert origin.visits == []


@pytest.mark.parametrize("framing", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
@pytest.mark.parametrize("way", ["abort", "reset", "half_close"])
async def test_client_that_leaves_within_its_body_aborts_the_request(
    gateway: StranglerProcess, origin: FaultOrigin, framing: bytes, way: str
) -> None:
    async with await RawClient.connect(gateway.address) as client:
        await client.send(b"POST /ok HTTP/1.1\r\nHost: shop.example\r\n" + framing + b"\r\n\r\n")
        await client.send(b"20\r\nnot all of it" if framing.endswith(b"chunked") else b"not all of it")
        visit = await visit_of(origin, "ok")
        getattr(client, way)()
        await eventually(lambda: visit.let_go)
    assert not visit.complete


@pytest.mark.parametrize("way", ["abort", "reset"])
async def test_client_that_leaves_before_the_answer_aborts_the_request(
    gateway: StranglerProcess, origin: FaultOrigin, way: str
) -> None:
    async with await RawClient.connect(gateway.address) as client:
        await client.send(b"GET /held HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        visit = await visit_of(origin, "held")
        getattr(client, way)()
        await eventually(lambda: visit.let_go)


@pytest.mark.parametrize("way", ["abort", "reset"])
async def test_client_that_leaves_within_the_answer_stops_the_service(
    gateway: StranglerProcess, origin: FaultOrigin, way: str
) -> None:
    async with await RawClient.connect(gateway.address) as client:
        client.counting = True
        await client.send(b"GET /stream HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        await client.until_bytes(1 << 20)
        getattr(client, way)()
        visit = await visit_of(origin, "stream")
        await eventually(lambda: visit.let_go)


async def test_client_that_leaves_without_reading_stops_the_service(
    gateway: StranglerProcess, origin: FaultOrigin
) -> None:
    async with await RawClient.connect(gateway.address) as client:
        client.pause()
        await client.send(b"GET /stream HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        visit = await visit_of(origin, "stream")
        assert not visit.let_go
        client.reset()
        await eventually(lambda: visit.let_go)


async def test_crowd_that_leaves_at_once_leaves_nothing(gateway: StranglerProcess, origin: FaultOrigin) -> None:
    clients = [await RawClient.connect(gateway.address) for _ in range(MANY)]
    for number, client in enumerate(clients):
        target = (b"held", b"stream", b"hang-in-body", b"hang-in-head")[number % 4]
        await client.send(b"GET /%s HTTP/1.1\r\nHost: shop.example\r\n\r\n" % target, turns_between=0)
    await eventually(lambda: len(origin.visits) == MANY)
    for client in clients:
        client.reset()
    await eventually(lambda: all(visit.let_go for visit in origin.visits))


async def test_slow_head_is_answered_408(gateway: StranglerProcess, origin: FaultOrigin) -> None:
    async with await RawClient.connect(gateway.address) as client:
        reply = await client.request(b"GET /ok HTTP/1.1\r\nHost: sh")
        assert (reply.status, reply.says_close) == (408, True)
        await client.until_closed()
    assert origin.visits == []


async def test_slow_body_is_answered_408(gateway: StranglerProcess, origin: FaultOrigin) -> None:
    async with await RawClient.connect(gateway.address) as client:
        reply = await client.request(b"POST /ok HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 900000\r\n\r\nx")
        assert (reply.status, reply.says_close) == (408, True)
        await client.until_closed()
    visit = await visit_of(origin, "ok")
    await eventually(lambda: visit.let_go)


async def test_body_beyond_the_limit_is_answered_413(gateway: StranglerProcess, origin: FaultOrigin) -> None:
    async with await RawClient.connect(gateway.address) as client:
        reply = await client.request(b"POST /ok HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 1048577\r\n\r\n")
        assert reply.status == 413
    assert origin.visits == []


async def test_chunked_body_beyond_the_limit_is_answered_413(gateway: StranglerProcess, origin: FaultOrigin) -> None:
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    async with await RawClient.connect(gateway.address) as client:
        head = b"POST /ok HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n"
        reply = await client.request(head, *[chunk] * 17)
        assert reply.status == 413
    visit = await visit_of(origin, "ok")
    await eventually(lambda: visit.let_go)
    assert not visit.complete


async def test_idle_connection_is_closed(gateway: StranglerProcess) -> None:
    async with await RawClient.connect(gateway.address) as client:
        assert (await client.request(OK)).complete
        size = client.received_bytes
        await client.until_closed()
        assert client.received_bytes == size


async def test_crowd_of_idle_clients_beyond_the_limit_is_turned_away(gateway: StranglerProcess) -> None:
    """The 151st connection is closed or answered 503; those before it are served."""
    clients = [await RawClient.connect(gateway.address) for _ in range(150)]
    assert (await clients[-1].request(OK)).status == 200
    surplus = await RawClient.connect(gateway.address)
    await surplus.send(OK)
    received = await surplus.until_closed()
    assert received == b"" or received.startswith(b"HTTP/1.1 503 ")
    assert (await clients[0].request(OK)).status == 200
    for client in [*clients, surplus]:
        client.abort()
