"""TLS says where a stream ends: a body that only its connection delimits is whole with a close_notify, else cut."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from support.authority import Authority
from support.proxy_plane import config_for


class HalfServer:
    """Sends half of a body without a length; ends the connection once `go` is set.

    Attributes:
        url: of the server, as for a configuration.
        go: makes it end the connection.
    """

    def __init__(self, context: ssl.SSLContext, *, notifies: bool) -> None:
        self.go = asyncio.Event()
        self.url = ""
        self._context = context
        self._notifies = notifies
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> HalfServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.url = f"https://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhalf")
        await writer.drain()
        await self.go.wait()
        if self._notifies:
            writer.close()
        else:
            writer.transport.abort()  # FIN, and no word of TLS


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def ask(proxy, authority: Authority, version: bytes, *, notifies: bool):
    """The client, after the service's connection and its own have ended."""
    async with HalfServer(authority.server_context("127.0.0.1"), notifies=notifies) as server:
        plane = await proxy(config_for(server.url, service={"tls": {"ca": str(authority.file)}}))
        async with await plane.connect() as client:
            client.methods = [b"GET"]
            await client.send(b"GET / HTTP/" + version + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
            await client.until(b"half")
            server.go.set()
            await client.until_closed()
            return client, (await client.replies(1))[0]


async def test_body_that_ends_without_close_notify_is_cut_for_the_client(proxy, authority):
    _, reply = await ask(proxy, authority, b"1.1", notifies=False)
    assert reply.body == b"half"
    assert not reply.complete


async def test_body_that_ends_without_close_notify_is_a_reset_for_an_old_client(proxy, authority):
    client, reply = await ask(proxy, authority, b"1.0", notifies=False)
    assert client.was_reset
    assert reply.body == b"half"


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_body_that_ends_with_close_notify_is_whole(version: bytes, proxy, authority):
    client, reply = await ask(proxy, authority, version, notifies=True)
    assert not client.was_reset
    assert reply.body == b"half"
    assert reply.complete
