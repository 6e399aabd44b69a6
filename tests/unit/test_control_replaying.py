"""A replay says why an arm gave no answer in the words that the mirror has for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from proxy.control.replaying import failure_reason
from support.nginx_files import free_port

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def breaks_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    writer.close()


async def speaks_otherwise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"220 mail.example ESMTP\r\n\r\n")
    writer.close()


async def speaks_no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 No\r\n\r\n")
    writer.close()


async def reason_of(url: str) -> str:
    with pytest.raises(aiohttp.ClientError) as raised:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            await response.read()
    return failure_reason(raised.value)


@pytest.mark.parametrize(
    ("serve", "scheme", "reason"),
    [
        (closes, "http", "connection_terminated"),
        (breaks_off, "http", "connection_terminated"),
        (speaks_otherwise, "http", "http_protocol_error"),
        (speaks_no_tls, "https", "tls_protocol_error"),
    ],
)
async def test_broken_answer_has_the_word_of_proxy_status(serve: Serve, scheme: str, reason: str) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        assert await reason_of(f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/") == reason


async def test_nobody_there_has_the_word_of_proxy_status() -> None:
    assert await reason_of(f"http://127.0.0.1:{free_port()}/") == "connection_refused"
    assert await reason_of("http://name.invalid/") == "dns_error"
