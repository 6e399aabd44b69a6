"""When a request may be sent a second time, and when falling back to the other arm is allowed."""

from __future__ import annotations

import asyncio

import pytest

from support.nginx_files import free_port
from support.proxy_plane import config_for
from support.raw_client import RawClient, Reply
from support.sent_requests import parse_sent
from support.upstream_script import OK, Arrival, answering
from support.waits import eventually


def dies_on_reuse(first_bytes: bytes = b"", *, reset: bool = False):
    """Answers the first request of each connection and dies on the second, after `first_bytes`."""

    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await arrival.send(OK)
        if arrival is not arrival.upstream.arrivals[0]:
            while True:
                await arrival.request()
                await arrival.send(OK)
        await arrival.head()
        await arrival.send(first_bytes)
        if reset:
            arrival.reset()

    return script


async def second_request(plane, raw: bytes) -> Reply:
    """Make the upstream connection a reused one, then send `raw` over it."""
    async with await plane.connect() as client:
        assert (await client.request(b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n")).status == 200
    async with await plane.connect() as client:
        return await client.request(raw)


def _raw(method: bytes, body: bytes = b"") -> bytes:
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return method + b" /second HTTP/1.1\r\nHost: x\r\n" + length + b"\r\n" + body


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"])
async def test_idempotent_request_on_a_reused_connection_that_dies_is_sent_once_more(method, reset, proxy, upstream):
    upstream.script = dies_on_reuse(reset=reset)
    plane = await proxy(config_for(upstream.url))
    reply = await second_request(plane, _raw(method))
    assert reply.status == 200
    assert len(upstream.arrivals) == 2
    assert parse_sent(upstream.requests[-1]).line == method + b" /second HTTP/1.1"
    assert plane.access_lines[-1]["retries"] == 1


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("method", [b"POST", b"PATCH"])
async def test_request_that_is_not_idempotent_is_never_sent_twice(method: bytes, reset, proxy, upstream):
    upstream.script = dies_on_reuse(reset=reset)
    plane = await proxy(config_for(upstream.url))
    reply = await second_request(plane, _raw(method, b"hello"))
    assert reply.status == 502
    assert len(upstream.arrivals) == 1


async def test_body_that_cannot_be_replayed_is_never_sent_twice(proxy, upstream):
    upstream.script = dies_on_reuse()
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        assert (await client.request(b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n")).status == 200
    body = b"x" * 3_000_000
    async with await plane.connect() as client:
        client.methods = [b"PUT"]
        await client.send(b"PUT /second HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body))
        await client.send(*(body[at : at + 100_000] for at in range(0, len(body), 100_000)))
        replies = await client.replies(1)
        assert [reply.status for reply in replies] in ([502], [])
    assert len(upstream.arrivals) == 1


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("first_bytes", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
async def test_request_whose_response_had_begun_is_not_sent_again(first_bytes, reset, proxy, upstream):
    upstream.script = dies_on_reuse(first_bytes, reset=reset)
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        assert (await client.request(b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n")).status == 200
    async with await plane.connect() as client:
        client.methods = [b"GET"]
        await client.send(_raw(b"GET"))
        replies = await client.replies(1)
        assert [reply.status for reply in replies] in ([502], [])
    assert len(upstream.arrivals) == 1


@pytest.mark.parametrize("reset", [False, True])
async def test_request_on_a_fresh_connection_is_not_sent_again(reset, proxy, upstream):
    async def script(arrival: Arrival) -> None:
        await arrival.request()
        if reset:
            arrival.reset()

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        assert (await client.request(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).status == 502
    assert len(upstream.arrivals) == 1


async def test_sent_again_goes_to_a_fresh_connection_and_only_once(proxy, upstream):
    """Three idle connections die together: the second try does not run through them all."""

    all_here = asyncio.Event()

    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await all_here.wait()
        await arrival.send(OK)
        await arrival.request()

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    clients = [await plane.connect() for _ in range(3)]
    for client in clients:
        client.methods = [b"GET"]
        await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await eventually(lambda: len(upstream.requests) == 3)
    all_here.set()
    for client in clients:
        assert (await client.reply(1)).status == 200
    assert len(upstream.arrivals) == 3
    async with await plane.connect() as client:
        assert (await client.request(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).status == 200
    assert len(upstream.requests) == 5
    assert len(upstream.arrivals) == 4
    for client in clients:
        client.abort()


async def test_connection_that_the_service_has_closed_is_not_used(proxy, upstream):
    upstream.script = answering(OK, then="close")
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        for _ in range(3):
            assert (await client.request(_raw(b"POST", b"hello"))).status == 200
            await eventually(lambda: upstream.open_connections == 0)
    assert len(upstream.arrivals) == 3


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nconnection: x, CLOSE\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
)
async def test_connection_that_the_service_will_close_is_not_used(response, proxy, upstream):
    upstream.script = answering(response)
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        for _ in range(2):
            assert (await client.request(_raw(b"POST", b"hello"))).status == 200
    assert len(upstream.arrivals) == 2


# -- the other URL of the service


async def test_connect_failure_goes_to_the_next_url(proxy, upstream):
    plane = await proxy(
        config_for(
            [f"http://127.0.0.1:{free_port()}", upstream.url], route={"retry": {"attempts": 1, "on": ["connect"]}}
        )
    )
    async with await plane.connect() as client:
        for _ in range(6):
            assert (await client.request(_raw(b"POST", b"hello"))).status == 200


# -- falling back to legacy


@pytest.fixture
async def legacy(another_upstream):
    return await another_upstream()


def fallback_config(new: str, legacy: str, **more):
    """Mode new, falling back to legacy."""
    return config_for(
        legacy,
        services={"orders": {"urls": [new], "response_timeout": "1s"}},
        route={
            "new": "orders",
            "mode": "new",
            "fallback": {"to": "legacy", "on": ["connect", "reset", "timeout", "503"], **more},
        },
    )


CREDENTIALS = b"Cookie: a=b\r\nAuthorization: Basic eA==\r\nX-Kept: 1\r\n"


async def ask(client: RawClient, method: bytes = b"GET", fields: bytes = CREDENTIALS) -> Reply:
    return await client.request(method + b" /f HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")


async def test_fallback_gets_no_credentials(proxy, upstream, legacy):
    upstream.script = answering(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
    plane = await proxy(fallback_config(upstream.url, legacy.url))
    async with await plane.connect() as client:
        assert (await ask(client)).status == 200
    assert parse_sent(upstream.requests[0]).get(b"Cookie") == b"a=b"
    sent = parse_sent(legacy.requests[0])
    assert sent.get(b"X-Kept") == b"1"
    assert sent.all(b"Cookie") == []
    assert sent.all(b"Authorization") == []
    assert plane.access_lines[-1]["fallback"]


async def test_fallback_gets_credentials_where_the_route_says_so(proxy, upstream, legacy):
    upstream.script = answering(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
    plane = await proxy(fallback_config(upstream.url, legacy.url, credentials=True))
    async with await plane.connect() as client:
        assert (await ask(client)).status == 200
    sent = parse_sent(legacy.requests[0])
    assert sent.get(b"Cookie") == b"a=b"
    assert sent.get(b"Authorization") == b"Basic eA=="


@pytest.mark.parametrize("failure", ["close", "reset", "hang", "garbage"])
async def test_fallback_on_failures_before_the_response(failure: str, proxy, upstream, legacy):
    async def script(arrival: Arrival) -> None:
        await arrival.request()
        if failure == "reset":
            arrival.reset()
        elif failure == "hang":
            await arrival.gone()
        elif failure == "garbage":
            await arrival.send(b"what?\r\n\r\n")

    upstream.script = script
    plane = await proxy(fallback_config(upstream.url, legacy.url))
    async with await plane.connect() as client:
        reply = await ask(client)
    if failure == "garbage":
        assert reply.status in {200, 502}
    else:
        assert reply.status == 200
        assert len(legacy.requests) == 1


async def test_unsafe_methods_do_not_fall_back(proxy, upstream, legacy):
    upstream.script = answering(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
    plane = await proxy(fallback_config(upstream.url, legacy.url))
    async with await plane.connect() as client:
        for method in (b"POST", b"PUT", b"DELETE", b"PATCH"):
            assert (await ask(client, method)).status == 503
    assert legacy.requests == []


async def test_response_that_has_begun_does_not_fall_back(proxy, upstream, legacy):
    upstream.script = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", then="close")
    plane = await proxy(fallback_config(upstream.url, legacy.url))
    async with await plane.connect() as client:
        client.methods = [b"GET"]
        await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await client.until_closed()
        assert not (await client.replies(1))[0].complete
    assert legacy.requests == []


async def test_fallback_that_fails_too_is_an_error_of_the_proxy(proxy, upstream, legacy):
    upstream.script = legacy.script = answering(b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno")
    plane = await proxy(fallback_config(upstream.url, legacy.url))
    async with await plane.connect() as client:
        reply = await ask(client)
        assert (reply.status, reply.body) == (503, b"no")
    assert len(legacy.requests) == 1
    assert len(upstream.requests) == 1
