"""A service sends the same head again and again, and the proxy may remember it. What a client gets must not depend on
what another got before."""

from __future__ import annotations

import itertools

import pytest

from support.proxy_plane import Proxy, config_for
from support.raw_client import RawClient
from support.upstream_script import Arrival, Upstream

REQUESTS = [
    b"GET / HTTP/1.1\r\nHost: one.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: two.example:8080\r\n\r\n",
    b"GET http://three.example/ HTTP/1.1\r\nHost: one.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: one.example\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.0\r\nHost: one.example\r\n\r\n",
    b"GET / HTTP/1.0\r\nHost: one.example\r\nConnection: keep-alive\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: one.example\r\nTE: trailers\r\nConnection: TE\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: one.example\r\n\r\n",
]

RESPONSES = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"hello"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"),
    "location": (b"HTTP/1.1 302 Found\r\nLocation: http://{up}/a\r\nContent-Length: 5\r\n\r\n", b"hello"),
    "cookie": (b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Domain=127.0.0.1\r\nContent-Length: 5\r\n\r\n", b"hello"),
    "hop by hop": (b"HTTP/1.1 200 OK\r\nConnection: X-Own\r\nX-Own: 1\r\nContent-Length: 5\r\n\r\n", b"hello"),
    "no content": (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", b""),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b""),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n", b"hello"),
    "until close": (b"HTTP/1.1 200 OK\r\n\r\n", b"hello"),
}


async def _ask(plane: Proxy, raws: tuple[bytes, ...]) -> list[tuple[object, ...]]:
    """What each request got, on connections of their own that share the service's."""
    results: list[tuple[object, ...]] = []
    for raw in raws:
        async with await RawClient.connect(plane.address) as client:
            reply = await client.request(raw)
            if reply.says_close:
                await client.until_closed()
            results.append((reply.head, reply.body, reply.trailers, reply.complete, client.closed))
    return results


@pytest.mark.parametrize("name", RESPONSES)
async def test_response_is_the_same_whoever_was_served_before(name: str, proxy, upstream: Upstream):
    head, body = (part.replace(b"{up}", upstream.authority) for part in RESPONSES[name])

    async def script(arrival: Arrival) -> None:
        while True:
            is_head = (await arrival.request()).startswith(b"HEAD")
            await arrival.send(head if is_head else head + body)
            if name == "until close":
                return

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    alone = {}
    for raw in REQUESTS:
        await plane.install(config_for(upstream.url, service={"queue_max": len(alone) + 1}))
        alone[raw] = (await _ask(plane, (raw,)))[0]
    for pair in itertools.product(REQUESTS, REQUESTS):
        first, second = await _ask(plane, pair)
        assert first == alone[pair[0]]
        assert second == alone[pair[1]], pair


async def test_bad_head_is_refused_after_a_good_one_that_begins_the_same(proxy, upstream):
    good = b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n\r\nok"
    bad = b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"

    async def script(arrival: Arrival) -> None:
        for answer in (good, good, bad):
            await arrival.request()
            await arrival.send(answer)
        await arrival.gone()

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        statuses = [(await client.request(REQUESTS[0])).status for _ in range(3)]
    assert statuses == [200, 200, 502]
