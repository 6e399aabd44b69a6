"""Canary through `strangler run`: the share is right, a client stays where it is, a reload moves nobody twice."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from support.echo_app import EchoOrigin
from support.loop_thread import LoopThread
from support.raw_client import RawClient
from support.strangler_process import StranglerProcess
from support.waits import eventually

CLIENTS = 1500
#: Four standard deviations of a binomial share over so many clients are 4.5 percentage points.
TOLERANCE = 0.045


@pytest.fixture(scope="module")
def arms(servers: LoopThread) -> Iterator[dict[str, EchoOrigin]]:
    made = {name: servers.run(EchoOrigin(name).start()) for name in ("legacy", "new")}
    yield made
    for origin in made.values():
        servers.run(origin.stop())


def config_of(arms: dict[str, EchoOrigin], percent: str) -> dict[str, Any]:
    canary = {
        "percent": percent,
        "key": ["header:X-Tenant", "cookie:session"],
        "always_new": {"header:X-Tenant": ["acme"]},
        "always_legacy": {"header:X-Tenant": ["globex"]},
    }

    def route(name: str, **parts: Any) -> dict[str, Any]:
        arms_of = {"legacy": "legacy", "new": "new", "mode": "canary"}
        return {"name": name, "match": {"path": f"/{name}/{{rest...}}"}, **arms_of, "canary": {**canary, **parts}}

    return {
        "services": {name: {"urls": [origin.url]} for name, origin in arms.items()},
        "routes": [route("keyed"), route("sticky", sticky_cookie="strangler_arm", percent="50%")],
    }


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory, arms: dict[str, EchoOrigin]) -> Iterator[StranglerProcess]:
    """For tests that leave the configuration alone."""
    with StranglerProcess(tmp_path_factory.mktemp("steady"), config_of(arms, "25%")) as running:
        yield running


@pytest.fixture
def gateway(tmp_path_factory: pytest.TempPathFactory, arms: dict[str, EchoOrigin]) -> Iterator[StranglerProcess]:
    with StranglerProcess(tmp_path_factory.mktemp("canary"), config_of(arms, "25%")) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=16)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


class Client:
    """Asks the proxy which arm serves."""

    def __init__(self, session: aiohttp.ClientSession, gateway: StranglerProcess) -> None:
        self.session = session
        self.url = gateway.url

    async def arm(self, path: str, **headers: str) -> str:
        """The arm that served, asserted to be a success."""
        async with self.session.get(f"{self.url}{path}", headers=headers) as response:
            assert response.status == 200
            await response.read()
            return response.headers["X-Origin"]

    async def arms(self, fields: list[dict[str, str]], path: str = "/keyed/x") -> list[str]:
        """The same for many clients, each with its fields."""
        return await asyncio.gather(*(self.arm(path, **field) for field in fields))


def share(arms: list[str]) -> float:
    return collections.Counter(arms)["new"] / len(arms)


TENANTS = [{"X-Tenant": f"tenant-{number}"} for number in range(CLIENTS)]
SESSIONS = [{"Cookie": f"theme=dark; session=s{number}"} for number in range(CLIENTS)]


@pytest.mark.parametrize("clients", [TENANTS, SESSIONS], ids=["header", "cookie"])
async def test_share_is_right_and_every_client_stays(
    steady: StranglerProcess, session: aiohttp.ClientSession, clients: list[dict[str, str]]
) -> None:
    client = Client(session, steady)
    first = await client.arms(clients)
    again = await client.arms(clients)
    assert first == again
    assert abs(share(first) - 0.25) < TOLERANCE


async def test_lists_win_over_the_share(steady: StranglerProcess, session: aiohttp.ClientSession) -> None:
    client = Client(session, steady)
    assert await client.arms([{"X-Tenant": "acme"}] * 20) == ["new"] * 20
    assert await client.arms([{"X-Tenant": "globex"}] * 20) == ["legacy"] * 20


async def test_first_key_that_is_present_decides(steady: StranglerProcess, session: aiohttp.ClientSession) -> None:
    client = Client(session, steady)
    for number in range(20):
        tenant = {"X-Tenant": f"tenant-{number}"}
        alone = await client.arm("/keyed/x", **tenant)
        assert set(await client.arms([{**tenant, **cookie} for cookie in SESSIONS[:10]])) == {alone}


async def test_client_without_a_key_keeps_the_arm_of_its_cookie(steady: StranglerProcess) -> None:
    """Its first request is told from others' by address and User-Agent."""
    seen = collections.Counter[str]()
    for number in range(60):
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar, headers={"User-Agent": f"browser/{number}"}) as browser:
            client = Client(browser, steady)
            first = await client.arm("/sticky/x")
            assert {cookie.key for cookie in jar} == {"strangler_arm"}
            assert await client.arms([{}] * 5, "/sticky/y") == [first] * 5
            seen[first] += 1
    assert seen["legacy"] > 5
    assert seen["new"] > 5


async def test_set_cookie_is_sent_once(steady: StranglerProcess, session: aiohttp.ClientSession) -> None:
    async with session.get(f"{steady.url}/sticky/x") as response:
        (cookie,) = response.headers.getall("Set-Cookie")
    async with session.get(f"{steady.url}/sticky/x", headers={"Cookie": cookie.partition(";")[0]}) as response:
        assert "Set-Cookie" not in response.headers


async def test_reload_under_load_moves_the_share_without_a_failed_request(
    gateway: StranglerProcess, session: aiohttp.ClientSession, arms: dict[str, EchoOrigin]
) -> None:
    client = Client(session, gateway)
    served = 0
    stop = asyncio.Event()

    async def load(number: int) -> None:
        nonlocal served
        while not stop.is_set():
            for start in range(number, len(TENANTS), 8):
                await client.arm("/keyed/load", **TENANTS[start])
                served += 1

    loads = [asyncio.create_task(load(number)) for number in range(8)]
    sample = TENANTS[:200]
    before = await client.arms(sample)
    for percent, low, high in (("60%", 0.45, 0.75), ("100%", 1, 1), ("0%", 0, 0)):
        gateway.config.update(config_of(arms, percent))
        gateway.reload()

        async def reached(low: float = low, high: float = high) -> bool:
            return low <= share(await client.arms(sample)) <= high

        await eventually(reached, 10)
        after = await client.arms(sample)
        if percent != "0%":
            assert all(new == "new" for old, new in zip(before, after, strict=True) if old == "new")
        before = after
        seen = served
        await eventually(lambda seen=seen: served > seen + 50, 10)
    stop.set()
    await asyncio.gather(*loads)


async def test_broken_file_is_refused_and_the_old_one_stays(
    gateway: StranglerProcess, session: aiohttp.ClientSession, arms: dict[str, EchoOrigin]
) -> None:
    client = Client(session, gateway)
    before = await client.arms(TENANTS[:100])
    gateway.config["routes"][0]["mode"] = "newer"
    gateway.reload()
    await eventually(lambda: "newer" in gateway.log.read_text(), 10)
    assert await client.arms(TENANTS[:100]) == before
    gateway.config.update(config_of(arms, "100%"))
    gateway.reload()

    async def all_new() -> bool:
        return share(await client.arms(TENANTS[:100])) == 1

    await eventually(all_new, 10)


async def test_connections_and_downloads_live_through_a_reload(
    gateway: StranglerProcess, session: aiohttp.ClientSession, arms: dict[str, EchoOrigin]
) -> None:
    fields = b"Host: shop.example\r\nX-Tenant: globex\r\n\r\n"
    size = 64 << 20
    async with await RawClient.connect(gateway.address) as kept, await RawClient.connect(gateway.address) as loading:
        assert (await kept.request(b"GET /keyed/x HTTP/1.1\r\n" + fields)).status == 200
        loading.counting = True
        await loading.send(b"GET /keyed/download/%d HTTP/1.1\r\nConnection: close\r\n" % size + fields)
        await loading.until_bytes(1 << 20)
        loading.pause()
        gateway.config.update(config_of(arms, "100%"))
        gateway.reload()
        client = Client(session, gateway)

        async def all_new() -> bool:
            return share(await client.arms(TENANTS[:100])) == 1

        await eventually(all_new, 10)
        assert (await kept.request(b"GET /keyed/x HTTP/1.1\r\n" + fields)).status == 200
        loading.resume()
        await loading.until_closed()
        assert loading.received_bytes > size
