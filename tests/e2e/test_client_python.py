"""aiohttp and httpx through `strangler run`: streams, cookies, redirects, many requests on few connections."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable

import aiohttp
import httpx
import pytest

from support.bulk_server import blocks, digest
from support.strangler_process import StranglerProcess

SIZE = 8 << 20


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, connector=aiohttp.TCPConnector(limit=8)) as session:
        yield session


@pytest.fixture
async def client(gateway: StranglerProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False, timeout=20) as client:
        yield client


async def upload() -> AsyncIterator[bytes]:
    for block in blocks(SIZE):
        yield block


async def test_aiohttp_streams_an_upload(gateway: StranglerProcess, session: aiohttp.ClientSession) -> None:
    async with session.post(f"{gateway.url}/echo", data=upload()) as response:
        seen = await response.json()
    assert seen["body"] == {"bytes": SIZE, "sha256": digest(SIZE)}


async def test_aiohttp_streams_a_download(gateway: StranglerProcess, session: aiohttp.ClientSession) -> None:
    size = 0
    async with session.get(f"{gateway.url}/download/{SIZE}") as response:
        async for piece in response.content.iter_any():
            size += len(piece)
    assert size == SIZE


async def test_aiohttp_keeps_cookies_of_the_service(gateway: StranglerProcess, session: aiohttp.ClientSession) -> None:
    async with session.get(f"{gateway.url}/login") as response:
        assert await response.text() == "welcome"
    async with session.get(f"{gateway.url}/basket") as response:
        assert await response.json() == {"session": "s-1", "theme": "dark"}


async def test_aiohttp_follows_redirects_through_the_proxy(
    gateway: StranglerProcess, session: aiohttp.ClientSession
) -> None:
    async with session.post(f"{gateway.url}/redirect?status=303", data=b"x") as response:
        assert (response.url.port, response.method) == (gateway.port, "GET")
        assert (await response.json())["target"] == "/echo?from=POST"


async def test_hundreds_of_requests_each_get_their_own_answer(
    gateway: StranglerProcess, session: aiohttp.ClientSession
) -> None:
    async def ask(number: int) -> bool:
        body = str(number).encode() * number
        async with session.post(f"{gateway.url}/echo/{number}?n={number}", data=body) as response:
            seen = await response.json()
        return seen["target"] == f"/echo/{number}?n={number}" and seen["body"] == {
            "bytes": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        }

    assert all(await asyncio.gather(*(ask(number) for number in range(400))))


async def test_httpx_streams_both_ways(client: httpx.AsyncClient) -> None:
    seen = (await client.put("/echo", content=upload())).json()
    assert seen["body"] == {"bytes": SIZE, "sha256": digest(SIZE)}
    async with client.stream("GET", f"/download/{SIZE}") as response:
        assert sum([len(piece) async for piece in response.aiter_raw()]) == SIZE


async def test_httpx_keeps_cookies_and_follows_redirects(client: httpx.AsyncClient) -> None:
    await client.get("/login")
    assert (await client.get("/basket")).json() == {"session": "s-1", "theme": "dark"}
    response = await client.post("/redirect?status=308", content=b"again", follow_redirects=True)
    assert response.json()["body"]["bytes"] == 5
    assert [hop.status_code for hop in response.history] == [308]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT", "PURGE"])
async def test_every_method_passes(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/echo")
    assert response.status_code == 200
    assert response.headers["X-Origin"] == "origin"
    assert method == "HEAD" or response.json()["method"] == method


async def test_header_names_and_repeated_fields_arrive_as_sent(client: httpx.AsyncClient) -> None:
    sent = [("X-mIxEd", "1"), ("X-List", "a"), ("x-list", "b"), ("X-Empty", ""), ("X-Text", "gr\xfc\xdfe")]
    raw: list[tuple[bytes, bytes]] = [(name.encode(), value.encode("latin-1")) for name, value in sent]
    seen = (await client.get("/echo", headers=httpx.Headers(raw))).json()["headers"]
    names = {name for name, _ in sent}
    assert [(name, value) for name, value in seen if name in names] == sent


@pytest.mark.parametrize("make", [lambda: b"", lambda: b"x" * 65_536])
async def test_delete_with_a_body_passes(client: httpx.AsyncClient, make: Callable[[], bytes]) -> None:
    seen = (await client.request("DELETE", "/echo", content=make())).json()
    assert seen["body"]["bytes"] == len(make())
