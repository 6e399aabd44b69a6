"""`connections_max`, `queue_max` and `queue_timeout` protect a service; beyond them requests are answered 503."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from support.fault_origin import FaultOrigin
from support.leaks import LeakCheck
from support.loop_thread import LoopThread
from support.raw_client import RawClient, Reply
from support.strangler_process import StranglerProcess
from support.waits import eventually


@pytest.fixture(scope="module")
def origin(servers: LoopThread) -> Iterator[FaultOrigin]:
    server = servers.run(FaultOrigin().start())
    yield server
    servers.run(server.stop())


@pytest.fixture(scope="module")
def deaf() -> Iterator[str]:
    """The URL of a listener whose queue is full: the system drops what tries to connect."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, origin: FaultOrigin, deaf: str) -> Iterator[StranglerProcess]:
    limits = {"urls": [origin.url], "connections_max": 2, "queue_max": 3}
    config = {
        "limits": {"half_close_timeout": "500ms"},
        "services": {
            "brief": {**limits, "queue_timeout": "1s"},
            "patient": {**limits, "queue_timeout": "10s"},
            "none": {**limits, "queue_max": 0},
            "deaf": {**limits, "urls": [deaf], "connect_timeout": "1s", "queue_timeout": "4s"},
        },
        "routes": [
            {"name": name, "match": {"path": f"/{name}/{{rest...}}"}, "legacy": name, "mode": "legacy"}
            for name in ("brief", "patient", "none", "deaf")
        ],
    }
    with StranglerProcess(tmp_path_factory.mktemp("limits"), config) as running:
        yield running


@pytest.fixture(scope="module")
def leaks(gateway: StranglerProcess, origin: FaultOrigin) -> LeakCheck:
    return LeakCheck(gateway, [origin])


@pytest.fixture(autouse=True)
async def at_rest(leaks: LeakCheck, servers: LoopThread, origin: FaultOrigin) -> AsyncIterator[None]:
    servers.run(origin.hold())
    origin.visits.clear()
    yield
    leaks.settle()


async def ask(gateway: StranglerProcess, service: str, *, close: bool = False) -> Reply:
    async with await RawClient.connect(gateway.address) as client:
        end = b"Connection: close\r\n" if close else b""
        return await client.request(b"GET /%s/held HTTP/1.1\r\nHost: shop.example\r\n%s\r\n" % (service.encode(), end))


async def fill(gateway: StranglerProcess, origin: FaultOrigin, service: str, count: int) -> list[asyncio.Task[Reply]]:
    """Sends as many requests; returns when two of them are with the service."""
    asking = [asyncio.create_task(ask(gateway, service)) for _ in range(count)]
    await eventually(lambda: len(origin.named("held")) == 2)
    return asking


async def test_requests_wait_for_a_connection_in_order(
    gateway: StranglerProcess, origin: FaultOrigin, servers: LoopThread
) -> None:
    origin.connections_most = origin.connections
    asking = await fill(gateway, origin, "patient", 5)
    servers.run(origin.release())
    assert [reply.status for reply in await asyncio.gather(*asking)] == [200] * 5
    assert origin.connections_most <= 2


async def test_request_beyond_the_queue_is_refused_at_once(
    gateway: StranglerProcess, origin: FaultOrigin, servers: LoopThread
) -> None:
    asking = await fill(gateway, origin, "patient", 6)
    done, waiting = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED, timeout=5)
    (refused,) = [task.result() for task in done]
    assert refused.status == 503
    assert b"error=connection_limit_reached" in (refused.get(b"proxy-status") or b"")
    assert int(refused.get(b"retry-after") or b"0") >= 1
    servers.run(origin.release())
    assert [reply.status for reply in await asyncio.gather(*waiting)] == [200] * 5


async def test_request_that_waits_too_long_is_refused(
    gateway: StranglerProcess, origin: FaultOrigin, servers: LoopThread
) -> None:
    asking = await fill(gateway, origin, "brief", 5)
    done: set[asyncio.Task[Reply]] = set()
    while len(done) < 3:
        done, waiting = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED, timeout=5)
        if len(done) < 3:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=5)
    assert [task.result().status for task in done] == [503] * 3
    assert len(origin.named("held")) == 2
    servers.run(origin.release())
    assert sorted(task.result().status for task in (await asyncio.wait(asking))[0]) == [200, 200, 503, 503, 503]


async def test_without_a_queue_nobody_waits(
    gateway: StranglerProcess, origin: FaultOrigin, servers: LoopThread
) -> None:
    asking = await fill(gateway, origin, "none", 2)
    assert (await ask(gateway, "none")).status == 503
    servers.run(origin.release())
    assert [reply.status for reply in await asyncio.gather(*asking)] == [200, 200]


async def test_client_that_leaves_the_queue_makes_room(
    gateway: StranglerProcess, origin: FaultOrigin, servers: LoopThread
) -> None:
    asking = await fill(gateway, origin, "patient", 2)
    waiting = [await RawClient.connect(gateway.address) for _ in range(3)]
    for client in waiting:
        await client.send(b"GET /patient/held HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    await eventually(lambda: gateway.waiting("patient") == 3)
    for client in waiting:
        client.abort()
    await eventually(lambda: gateway.waiting("patient") == 0)
    servers.run(origin.release())
    assert [reply.status for reply in await asyncio.gather(*asking)] == [200, 200]
    assert len(origin.named("held")) == 2


async def test_service_that_does_not_accept_is_a_gateway_timeout(gateway: StranglerProcess) -> None:
    reply = await ask(gateway, "deaf")
    assert reply.status == 504
    assert b"error=connection_timeout" in (reply.get(b"proxy-status") or b"")


async def test_requests_that_wait_are_tried_when_connecting_fails(gateway: StranglerProcess) -> None:
    """Two attempts to connect time out after a second; the two that wait then get an attempt of their own."""
    replies = await asyncio.gather(*(ask(gateway, "deaf") for _ in range(4)))
    assert [reply.status for reply in replies] == [504] * 4
