"""Breaker, health checks, fallback, retry and balancing: how the proxy gets around a service that fails."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from support.fault_origin import FaultOrigin
from support.loop_thread import LoopThread
from support.raw_client import RawClient, Reply
from support.strangler_process import StranglerProcess
from support.waits import eventually

BREAKER = {"errors": "50%", "window": "10s", "requests_min": 4, "open_for": "1s"}
HEALTH = {"path": "/healthz", "interval": "200ms", "timeout": "500ms", "unhealthy_after": 2, "healthy_after": 2}
CREDENTIALS = b"Cookie: session=1\r\nAuthorization: Bearer secret\r\nX-Other: kept\r\n"


@pytest.fixture(scope="module")
def origins(servers: LoopThread) -> Iterator[dict[str, FaultOrigin]]:
    made = {name: servers.run(FaultOrigin(name).start()) for name in ("legacy", "new", "a", "b", "c")}
    yield made
    for origin in made.values():
        servers.run(origin.stop())


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, origins: dict[str, FaultOrigin]) -> Iterator[StranglerProcess]:
    url = {name: origin.url for name, origin in origins.items()}
    plain = {"response_timeout": "1s", "connect_timeout": "1s"}
    fallback = {"to": "legacy", "on": ["connect", "reset", "timeout", "502", "503", "504"], "methods": "safe"}

    def route(name: str, **parts: Any) -> dict[str, Any]:
        return {"name": name, "match": {"path": f"/{name}/{{rest...}}"}, "legacy": "legacy", "new": "new", **parts}

    config = {
        "services": {
            "legacy": {"urls": [url["legacy"]], **plain},
            "new": {"urls": [url["new"]], **plain},
            "broken": {"urls": [url["new"]], "breaker": BREAKER},
            "checked": {"urls": [url["a"], url["b"]], "health": HEALTH, **plain},
            "many": {"urls": [url["a"], url["b"], url["c"]], **plain},
        },
        "routes": [
            route("fallback", mode="new", fallback=fallback),
            route("trusting", mode="new", fallback={**fallback, "credentials": True}),
            route("bare", mode="new"),
            route("broken", mode="new", new="broken", retry={"attempts": 0}),
            route("checked", mode="new", new="checked", retry={"attempts": 0}),
            route("many", mode="new", new="many"),
        ],
    }
    with StranglerProcess(tmp_path_factory.mktemp("recovery"), config) as running:
        yield running


@pytest.fixture(autouse=True)
async def all_well(servers: LoopThread, origins: dict[str, FaultOrigin]) -> AsyncIterator[None]:
    for origin in origins.values():
        origin.visits.clear()
    yield
    for origin in origins.values():
        origin.sick = False
        servers.run(origin.release())


async def ask(gateway: StranglerProcess, path: str, method: str = "GET", fields: bytes = b"") -> Reply:
    async with await RawClient.connect(gateway.address) as client:
        head = f"{method} {path} HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n".encode()
        return await client.request(head + fields + b"\r\n")


async def whos(gateway: StranglerProcess, service: str, count: int) -> collections.Counter[bytes]:
    """Who answers `count` requests, one after the other, by name or status."""
    replies = [await ask(gateway, f"/{service}/who") for _ in range(count)]
    return collections.Counter(reply.body if reply.status == 200 else b"%d" % reply.status for reply in replies)


# Fallback


@pytest.mark.parametrize(
    "fault",
    ["close-before-head", "reset-in-head", "garbage", "hang-before-head", "unavailable"],
)
async def test_legacy_answers_for_a_new_service_that_fails(
    gateway: StranglerProcess, origins: dict[str, FaultOrigin], fault: str
) -> None:
    """Both origins fail in the same way here: that the request got to legacy is what counts."""
    assert (await ask(gateway, f"/bare/{fault}")).status in (502, 503, 504)
    assert origins["legacy"].visits == []
    await ask(gateway, f"/fallback/{fault}")
    assert origins["legacy"].named(fault)


async def test_legacy_answers_while_the_new_service_is_down(
    gateway: StranglerProcess, servers: LoopThread, origins: dict[str, FaultOrigin]
) -> None:
    servers.run(origins["new"].stop())
    try:
        assert (await ask(gateway, "/fallback/who")).body == b"legacy"
        assert (await ask(gateway, "/bare/who")).status == 502
    finally:
        servers.run(origins["new"].start())
    assert (await ask(gateway, "/fallback/who")).body == b"new"


async def test_503_of_the_new_service_is_replaced_by_legacys_answer(
    gateway: StranglerProcess, origins: dict[str, FaultOrigin]
) -> None:
    origins["new"].sick = True
    assert (await ask(gateway, "/fallback/who")).body == b"legacy"
    assert (await ask(gateway, "/bare/who")).body == b"down"


async def test_404_of_the_new_service_is_an_answer(gateway: StranglerProcess, origins: dict[str, FaultOrigin]) -> None:
    assert (await ask(gateway, "/fallback/missing")).status == 404
    assert origins["legacy"].visits == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_unsafe_request_never_falls_back(
    gateway: StranglerProcess, origins: dict[str, FaultOrigin], method: str
) -> None:
    origins["new"].sick = True
    reply = await ask(gateway, "/fallback/who", method)
    assert (reply.status, reply.body) == (503, b"down")
    assert origins["legacy"].visits == []


async def test_credentials_do_not_follow_the_fallback_unless_told_to(
    gateway: StranglerProcess, origins: dict[str, FaultOrigin]
) -> None:
    origins["new"].sick = True
    await ask(gateway, "/fallback/who", fields=CREDENTIALS)
    await ask(gateway, "/trusting/who", fields=CREDENTIALS)
    careful, trusting = origins["legacy"].visits
    assert "cookie" not in careful.fields
    assert "authorization" not in careful.fields
    assert careful.fields["x-other"] == "kept"
    assert trusting.fields["cookie"] == "session=1"
    assert trusting.fields["authorization"] == "Bearer secret"


# Breaker


async def fail_until_open(gateway: StranglerProcess, servers: LoopThread, new: FaultOrigin) -> tuple[int, Reply]:
    """How many requests were refused by a service that is down before the breaker opened, and its answer."""
    servers.run(new.stop())
    try:
        for refused in range(100):
            reply = await ask(gateway, "/broken/who")
            if reply.status == 503:
                return refused, reply
            assert reply.status == 502
    finally:
        servers.run(new.start())
    raise AssertionError("the breaker does not open")


async def test_breaker_opens_and_closes_again(
    gateway: StranglerProcess, servers: LoopThread, origins: dict[str, FaultOrigin]
) -> None:
    before, opened = await fail_until_open(gateway, servers, origins["new"])
    assert before == BREAKER["requests_min"]
    assert b"error=destination_unavailable" in (opened.get(b"proxy-status") or b"")
    assert origins["new"].visits == []

    async def recovered() -> bool:
        return (await ask(gateway, "/broken/who")).status == 200

    await eventually(recovered, 5)
    assert await whos(gateway, "broken", 10) == {b"new": 10}


async def test_half_open_breaker_lets_one_request_through(
    gateway: StranglerProcess, servers: LoopThread, origins: dict[str, FaultOrigin]
) -> None:
    new = origins["new"]
    await fail_until_open(gateway, servers, new)
    servers.run(new.hold())
    trials: list[asyncio.Task[Reply]] = []

    async def trial_is_under_way() -> bool:
        trials.append(asyncio.create_task(ask(gateway, "/broken/held")))
        await asyncio.wait(trials[-1:], timeout=0.1)
        return bool(new.named("held"))

    await eventually(trial_is_under_way, 5)
    others = await asyncio.gather(*(ask(gateway, "/broken/held") for _ in range(5)))
    assert [reply.status for reply in others] == [503] * 5
    assert len(new.named("held")) == 1
    servers.run(new.release())
    assert [reply.status for reply in await asyncio.gather(*trials)][-1] == 200
    assert await whos(gateway, "broken", 5) == {b"new": 5}


# Health


async def test_health_check_takes_a_url_out_and_back(
    gateway: StranglerProcess, origins: dict[str, FaultOrigin]
) -> None:
    async def only_a() -> bool:
        return await whos(gateway, "checked", 10) == {b"a": 10}

    async def both() -> bool:
        return set(await whos(gateway, "checked", 10)) == {b"a", b"b"}

    await eventually(both)
    origins["b"].sick = True
    await eventually(only_a)
    origins["b"].sick = False
    await eventually(both)


async def test_service_whose_urls_are_all_unhealthy_is_still_asked(
    gateway: StranglerProcess, origins: dict[str, FaultOrigin]
) -> None:
    """Health checks may be wrong about everything; answering nothing at all would be certain failure."""
    origins["a"].sick = origins["b"].sick = True

    def unhealthy() -> bool:
        return [state.healthy for state in gateway.endpoints() if state.service == "checked"] == [False, False]

    await eventually(unhealthy)
    assert (await ask(gateway, "/checked/who")).body == b"down"


# Balancing


async def test_urls_share_requests_evenly(gateway: StranglerProcess) -> None:
    """Among equals chance decides: 300 requests differ from 100 each by less than four standard deviations."""
    shares = await whos(gateway, "many", 300)
    assert set(shares) == {b"a", b"b", b"c"}
    assert all(abs(share - 100) < 33 for share in shares.values())


async def test_busy_url_gets_no_more_while_others_are_free(
    gateway: StranglerProcess, servers: LoopThread, origins: dict[str, FaultOrigin]
) -> None:
    for name in "abc":
        servers.run(origins[name].hold())
    held = [asyncio.create_task(ask(gateway, "/many/held")) for _ in range(2)]
    await eventually(lambda: sum(len(origins[name].named("held")) for name in "abc") == 2)
    busy = {name.encode() for name in "abc" if origins[name].named("held")}
    assert len(busy) == 2
    free = {b"a", b"b", b"c"} - busy
    assert set(await whos(gateway, "many", 30)) == free
    for name in "abc":
        servers.run(origins[name].release())
    assert {reply.body for reply in await asyncio.gather(*held)} == busy


async def test_request_moves_to_another_url_where_one_refuses(
    gateway: StranglerProcess, servers: LoopThread, origins: dict[str, FaultOrigin]
) -> None:
    servers.run(origins["c"].stop())
    try:
        assert set(await whos(gateway, "many", 30)) == {b"a", b"b"}
    finally:
        servers.run(origins["c"].start())


# Retry


async def test_reused_connection_that_dies_is_replaced_for_safe_requests_only(
    gateway: StranglerProcess, servers: LoopThread, origins: dict[str, FaultOrigin]
) -> None:
    new = origins["new"]
    for method, expected in (("GET", 200), ("POST", 502)):
        async with await RawClient.connect(gateway.address) as client:
            warm = await client.request(b"GET /bare/who HTTP/1.1\r\nHost: shop.example\r\n\r\n")
            assert warm.status == 200
            new.drop_next = True
            again = await client.request(
                f"{method} /bare/who HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n".encode()
            )
            assert again.status == expected
