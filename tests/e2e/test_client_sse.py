"""Server-sent events through `strangler run`: each one at once, and none for a client that has left."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest

from support.echo_app import EchoOrigin
from support.loop_thread import LoopThread
from support.strangler_process import StranglerProcess
from support.waits import eventually


@pytest.fixture(autouse=True)
def end_of_streams(servers: LoopThread, echo: EchoOrigin) -> Iterator[None]:
    """Each test leaves no event behind."""
    yield
    assert echo.next_event.empty()


async def test_each_event_arrives_before_the_next_is_sent(
    gateway: StranglerProcess, servers: LoopThread, echo: EchoOrigin
) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{gateway.url}/events") as response:
        assert response.content_type == "text/event-stream"
        for number in range(20):
            servers.run(echo.send_event(f"event {number}"))
            event = await asyncio.wait_for(response.content.readuntil(b"\n\n"), 5)
            assert event == f"data: event {number}\n\n".encode()
        servers.run(echo.send_event("end"))
        assert await response.content.read() == b""


async def test_client_that_leaves_stops_the_stream_at_the_service(
    gateway: StranglerProcess, servers: LoopThread, echo: EchoOrigin
) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{gateway.url}/events") as response:
        servers.run(echo.send_event("only"))
        await asyncio.wait_for(response.content.readuntil(b"\n\n"), 5)
        assert echo.streams_open == 1
    await eventually(lambda: echo.streams_open == 0)


async def test_many_clients_leave_no_stream_behind(gateway: StranglerProcess, echo: EchoOrigin) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        before = echo.streams_open
        responses = await asyncio.gather(*(session.get(f"{gateway.url}/events") for _ in range(50)))
        opened = echo.streams_open - before
        for response in responses:
            response.close()
    assert opened == 50
    await eventually(lambda: echo.streams_open == 0)
