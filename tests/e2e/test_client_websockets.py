"""The `websockets` library through `strangler run`: after the 101 the proxy is a pipe, and says who hung up."""

from __future__ import annotations

import asyncio
import random

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus

from support.strangler_process import StranglerProcess
from support.waits import eventually
from support.websocket_origin import WebSocketOrigin

LARGE = random.Random(3).randbytes(16 << 20)


def open_chat(gateway: StranglerProcess, path: str, **settings: object) -> connect:
    url = f"ws://127.0.0.1:{gateway.port}/chat/{path}"
    return connect(url, max_size=1 << 26, ping_interval=None, proxy=None, **settings)  # type: ignore[arg-type]


async def echoes(connection: ClientConnection, message: str | bytes) -> bool:
    await connection.send(message)
    return await connection.recv() == message


async def test_messages_of_every_size_come_back(gateway: StranglerProcess) -> None:
    async with open_chat(gateway, "echo") as connection:
        for size in (0, 1, 125, 126, 65_535, 65_536, 1 << 20):
            assert await echoes(connection, LARGE[:size])
        assert await echoes(connection, "grüße 🛒")


async def test_sixteen_mebibytes_in_one_frame(gateway: StranglerProcess) -> None:
    async with open_chat(gateway, "echo", compression=None) as connection:
        assert await echoes(connection, LARGE)


async def test_fragments_stay_fragments_both_ways(gateway: StranglerProcess) -> None:
    async with open_chat(gateway, "shout") as connection:
        await connection.send(["fra", "gmen", "ted"])
        pieces = [piece async for piece in connection.recv_streaming()]
        assert [piece for piece in pieces if piece] == ["f", "ragmente", "d"]


async def test_pings_pass_in_both_directions(gateway: StranglerProcess) -> None:
    async with open_chat(gateway, "echo") as connection:
        latency_s = await asyncio.wait_for(await connection.ping(b"are you there"), 5)
        assert latency_s >= 0
        await connection.send("ping me")
        assert await connection.recv() == "ponged"


async def test_close_code_of_the_server_reaches_the_client(gateway: StranglerProcess) -> None:
    for code in (1000, 1001, 3000, 4999):
        async with open_chat(gateway, f"close/{code}") as connection:
            with pytest.raises((ConnectionClosedOK, ConnectionClosedError)) as caught:
                await connection.recv()
            assert caught.value.rcvd is not None
            assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (code, "as asked")


async def test_close_code_of_the_client_reaches_the_server(gateway: StranglerProcess, chat: WebSocketOrigin) -> None:
    chat.closes.clear()
    async with open_chat(gateway, "echo") as connection:
        await connection.close(4001, "going home")
    await eventually(lambda: (4001, "going home") in chat.closes)


async def test_subprotocol_is_negotiated_end_to_end(gateway: StranglerProcess) -> None:
    async with open_chat(gateway, "echo", subprotocols=["v0.shop", "v1.shop"]) as connection:
        assert connection.subprotocol == "v1.shop"
    async with open_chat(gateway, "echo", subprotocols=["v9.shop"]) as connection:
        assert connection.subprotocol is None


async def test_refused_handshake_is_an_ordinary_response(gateway: StranglerProcess) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(f"ws://127.0.0.1:{gateway.port}/echo", proxy=None):
            pass
    assert caught.value.response.status_code == 200


async def test_many_connections_talk_at_the_same_time(gateway: StranglerProcess, chat: WebSocketOrigin) -> None:
    async def talk(number: int) -> bool:
        async with open_chat(gateway, "echo") as connection:
            return all([await echoes(connection, f"{number}: {turn}") for turn in range(10)])

    assert all(await asyncio.gather(*(talk(number) for number in range(100))))
    await eventually(lambda: chat.open == 0)


async def test_server_that_hangs_up_after_its_messages_loses_none(gateway: StranglerProcess) -> None:
    async with open_chat(gateway, "count/5000") as connection:
        received = [int(message) async for message in connection]
    assert received == list(range(5000))


async def test_client_that_vanishes_takes_its_upstream_with_it(
    gateway: StranglerProcess, chat: WebSocketOrigin
) -> None:
    await eventually(lambda: chat.open == 0)
    chat.closes.clear()
    async with open_chat(gateway, "echo") as connection:
        assert await echoes(connection, "here")
        connection.transport.abort()
    await eventually(lambda: chat.closes == [(1006, "")] and chat.open == 0)


async def test_server_that_vanishes_ends_the_clients_connection(gateway: StranglerProcess) -> None:
    async with open_chat(gateway, "vanish") as connection:
        await connection.send("now")
        with pytest.raises(ConnectionClosedError) as caught:
            await asyncio.wait_for(connection.recv(), 5)
        assert caught.value.rcvd is None


async def test_slow_reader_holds_the_sender_back_and_loses_nothing(gateway: StranglerProcess) -> None:
    async with open_chat(gateway, "echo", max_queue=1, compression=None) as connection:
        messages = [LARGE[: 1 << 20]] * 12
        sending = asyncio.ensure_future(send_all(connection, messages))
        for message in messages:
            assert await connection.recv() == message
        await sending


async def send_all(connection: ClientConnection, messages: list[bytes]) -> None:
    for message in messages:
        await connection.send(message)
