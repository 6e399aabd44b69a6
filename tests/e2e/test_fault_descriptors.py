"""A worker that has no file descriptor left survives, says so, and serves again when some are free."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.echo_app import EchoOrigin
from support.raw_client import RawClient
from support.strangler_process import StranglerProcess
from support.waits import eventually

LIMIT = 96
OK = b"GET /echo HTTP/1.1\r\nHost: shop.example\r\n\r\n"


@pytest.fixture
def gateway(tmp_path_factory: pytest.TempPathFactory, echo: EchoOrigin) -> Iterator[StranglerProcess]:
    config = {
        "services": {"echo": {"urls": [echo.url], "idle_connections_max": 0}},
        "routes": [{"name": "all", "match": {"path": "/{rest...}"}, "legacy": "echo", "mode": "legacy"}],
    }
    with StranglerProcess(tmp_path_factory.mktemp("limit"), config, descriptors_max=LIMIT) as running:
        yield running


async def test_worker_survives_the_limit_and_serves_again(gateway: StranglerProcess) -> None:
    pid, before = gateway.worker().pid, gateway.descriptors()
    clients: list[RawClient] = []
    for _ in range(4):
        clients += [await RawClient.connect(gateway.address) for _ in range(LIMIT // 2)]
    await eventually(lambda: gateway.descriptors() >= LIMIT - 2)
    reply = await clients[0].request(OK)
    assert reply.status in (200, 502, 503)
    for client in clients:
        client.abort()
    await eventually(lambda: gateway.descriptors() <= before)

    async def served() -> bool:
        async with await RawClient.connect(gateway.address) as client:
            return (await client.request(OK)).status == 200

    for _ in range(20):
        assert await served()
    assert gateway.worker().pid == pid
    assert gateway.control("/readyz")[0] == 200


async def test_worker_at_the_limit_does_not_spin(gateway: StranglerProcess) -> None:
    """Accepting fails again and again while the backlog is not empty; that must not cost the processor."""
    clients = [await RawClient.connect(gateway.address) for _ in range(2 * LIMIT)]
    await eventually(lambda: gateway.descriptors() >= LIMIT - 2)
    worker = gateway.worker()
    started, used = worker.create_time(), sum(worker.cpu_times()[:2])
    reply = await clients[0].request(OK)
    assert reply.status in (200, 502, 503)
    assert sum(worker.cpu_times()[:2]) - used < 0.5
    assert worker.create_time() == started
    for client in clients:
        client.abort()
