"""Clients repeat their fields with every request, and the proxy may remember what they mean. It must not show."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from support.proxy_plane import Proxy, config_for
from support.sent_requests import parse_sent
from support.upstream_script import Upstream

LINES = [
    b"GET /a HTTP/1.1\r\n",
    b"GET /b?c HTTP/1.1\r\n",
    b"GET http://y:81/d HTTP/1.1\r\n",
    b"GET /e HTTP/1.0\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"POST /p HTTP/1.1\r\n",
    b"POST /q HTTP/1.0\r\n",
    b"HEAD /h HTTP/1.1\r\n",
]

BLOCKS = [
    b"Host: x\r\n",
    b"Host: x\r\nConnection: keep-alive\r\n",
    b"Host: x\r\nConnection: X-Secret\r\nX-Secret: 1\r\n",
    b"Host: x\r\nMax-Forwards: 5\r\n",
    b"Host: x\r\nVia: 1.0 fred\r\n",
    b"Host: x\r\nX-Forwarded-For: 192.0.2.1\r\n",
    b"Host: x\r\nX-Request-Id: kept\r\ntracestate: a=b\r\n",
    b"Host: x\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\ntracestate: a=b\r\n",
    b"Host: x\r\ntraceparent: broken\r\ntracestate: a=b\r\n",
    b"Host: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n",
    b"Host: x\r\nContent-Length: 5\r\n",
    b"Host: x\r\nTransfer-Encoding: chunked\r\n",
    b"Host: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n",
    b"Cookie: a=b\r\nHost: x\r\nAuthorization: c\r\n",
]

#: Fields that differ from request to request by their nature.
FRESH = {b"x-request-id", b"traceparent"}


def _body(block: bytes) -> bytes:
    if b"Content-Length" in block:
        return b"hello"
    return b"5\r\nhello\r\n0\r\n\r\n" if b"Transfer-Encoding" in block else b""


async def _ask(plane: Proxy, upstream: Upstream, requests: list[bytes]) -> list[tuple[int, Any]]:
    """(status, what reached the upstream) of each request, sent one after the other on one connection."""
    results: list[tuple[int, Any]] = []
    async with await plane.connect() as client:
        for raw in requests:
            upstream.requests.clear()
            client.methods.append(raw.split(b" ")[0])
            await client.send(raw)
            replies = await client.replies(len(client.methods))
            if len(replies) < len(client.methods):
                break
            sent = [parse_sent(one) for one in upstream.requests]
            seen = [(one.own, [pair for pair in one.ours if pair[0] not in FRESH]) for one in sent]
            results.append((replies[-1].status, seen))
            if client.closed or replies[-1].says_close:
                break
    return results


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.decode().replace("\r\n", " "))
async def test_request_means_the_same_after_another_with_the_same_fields(block: bytes, proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    requests = [line + block + b"\r\n" + _body(block) for line in LINES]
    alone = {raw: (await _ask(plane, upstream, [raw]))[0] for raw in requests}
    for first, second in itertools.product(requests, requests):
        results = await _ask(plane, upstream, [first, second])
        assert results[0] == alone[first]
        if len(results) == 2:
            assert results[1] == alone[second], (first, second)


async def test_ids_are_new_for_each_request_with_the_same_fields(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        for _ in range(20):
            await client.request(b"GET / HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\n\r\n")
    sent = [parse_sent(raw) for raw in upstream.requests]
    assert len({one.get(b"X-Request-Id") for one in sent}) == 20
    assert len({one.get(b"traceparent") for one in sent}) == 20


async def test_reload_forgets_what_fields_meant(proxy, upstream):
    """The peer becomes trusted while its connection stands."""
    plane = await proxy(config_for(upstream.url))
    raw = b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
    async with await plane.connect() as client:
        await client.request(raw)
        await plane.install(config_for(upstream.url, trusted_proxies=["127.0.0.0/8"]))
        await client.request(raw)
    async with await plane.connect() as client:
        await client.request(raw)
    chains = [parse_sent(one).get(b"X-Forwarded-For") for one in upstream.requests]
    assert chains[0] == b"127.0.0.1"
    assert chains[1] in {b"127.0.0.1", b"192.0.2.1, 127.0.0.1"}
    assert chains[2] == b"192.0.2.1, 127.0.0.1"
