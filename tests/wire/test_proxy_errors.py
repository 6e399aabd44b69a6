"""Errors that the proxy makes itself: status, RFC 9457 body or HTML, and an RFC 9209 Proxy-Status."""

from __future__ import annotations

import asyncio
import re
import socket

import orjson
import pytest

from support.nginx_files import free_port
from support.proxy_plane import Proxy, config_for
from support.raw_client import Reply, send_raw
from support.upstream_script import OK, Arrival
from support.waits import eventually

GET = b"GET /some/path HTTP/1.1\r\nHost: x\r\n\r\n"

#: RFC 9209 section 2: a list of items, each a token or string with parameters.
MEMBER = re.compile(
    rb'(?:[A-Za-z*][!#$%&\'*+.^_`|~:/0-9A-Za-z-]*|"[^"\\]*")'
    rb'(?:; ?[a-z*][a-z0-9_.*-]*=(?:[0-9]+|"(?:[^"\\]|\\["\\])*"|[A-Za-z*][!#$%&\'*+.^_`|~:/0-9A-Za-z-]*))*\Z'
)


async def ask(plane: Proxy, raw: bytes = GET) -> Reply:
    outcome = await send_raw(plane.address, [raw], [raw.split(b" ", 1)[0]])
    return outcome.replies[0]


def check_problem(reply: Reply, status: int, error: bytes | None) -> None:
    """The reply is a well-made error of the proxy."""
    assert reply.status == status
    assert reply.get(b"content-type") == b"application/problem+json"
    problem = orjson.loads(reply.body)
    assert problem["status"] == status
    assert problem["title"]
    assert reply.get(b"content-length") == b"%d" % len(reply.body)
    proxy_status = reply.get(b"proxy-status")
    if error is None:
        return
    assert proxy_status is not None
    assert MEMBER.match(proxy_status), proxy_status
    assert re.search(rb"; ?error=" + error + rb"(?:;|\Z)", proxy_status), proxy_status


async def test_refused_connection_is_a_502(proxy):
    plane = await proxy(config_for(f"http://127.0.0.1:{free_port()}"))
    reply = await ask(plane)
    check_problem(reply, 502, b"connection_refused")
    assert b"legacy" in (reply.get(b"proxy-status") or b"")
    assert plane.access_lines[-1]["error"] == "connection_refused"
    assert plane.access_lines[-1]["status"] == 502


async def test_name_that_does_not_resolve_is_a_502(proxy):
    plane = await proxy(config_for("http://no-such-host.invalid:80"))
    check_problem(await ask(plane), 502, b"dns_error")


async def test_reset_before_the_head_is_a_502(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        await arrival.request()
        arrival.reset()

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    check_problem(await ask(plane), 502, b"connection_terminated")


async def test_response_that_does_not_come_is_a_504(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await arrival.gone()

    upstream.script = script
    plane = await proxy(config_for(upstream.url, service={"response_timeout": "200ms"}))
    check_problem(await ask(plane), 504, b"http_response_timeout")
    await eventually(lambda: upstream.open_connections == 0)


async def test_connection_that_does_not_come_is_a_504(proxy):
    """A socket whose backlog is full does not answer a SYN."""
    with socket.socket() as listener, socket.socket() as filler:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        filler.setblocking(False)
        others = []
        for _ in range(4):
            other = socket.socket()
            other.setblocking(False)
            other.connect_ex(("127.0.0.1", port))
            others.append(other)
        plane = await proxy(config_for(f"http://127.0.0.1:{port}", service={"connect_timeout": "200ms"}))
        check_problem(await ask(plane), 504, b"connection_timeout")
        for other in others:
            other.close()


async def test_bad_response_is_a_502(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await arrival.send(b"SMTP\r\n\r\n")
        await arrival.gone()

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    check_problem(await ask(plane), 502, b"http_protocol_error")


async def test_head_that_is_too_large_is_a_502(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await arrival.send(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 200_000 + b"\r\n\r\n")
        await arrival.gone()

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    check_problem(await ask(plane), 502, b"http_response_(?:header|header_section)_size")


async def test_no_route_is_a_404(proxy, upstream):
    plane = await proxy(config_for(upstream.url, route={"match": {"path": "/only"}}))
    check_problem(await ask(plane), 404, None)
    assert upstream.arrivals == []


async def test_host_that_is_not_served_is_a_421(proxy, upstream):
    match = {"host": "shop.example", "path": "/only"}
    plane = await proxy(config_for(upstream.url, route={"match": match}))
    for host, target, status in (
        (b"shop.example", b"/only", 200),
        (b"SHOP.EXAMPLE", b"/only", 200),
        (b"shop.example:8080", b"/only", 200),
        (b"shop.example.", b"/only", 200),
        (b"shop.example", b"/other", 404),
        (b"other.example", b"/only", 421),
        (b"shop.example.evil", b"/only", 421),
        (b"evil-shop.example", b"/only", 421),
    ):
        reply = await ask(plane, b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
        assert reply.status == status, host
        if status != 200:
            check_problem(reply, status, None)


async def test_full_queue_is_a_503_with_retry_after(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await arrival.gone()

    upstream.script = script
    service = {"connections_max": 1, "queue_max": 1, "queue_timeout": "30s"}
    plane = await proxy(config_for(upstream.url, service=service))
    first, second = await plane.connect(), await plane.connect()
    await first.send(GET)
    await eventually(lambda: upstream.requests)
    await second.send(GET)
    reply = await ask(plane)
    check_problem(reply, 503, b"connection_limit_reached")
    assert reply.get(b"retry-after")
    first.abort()
    second.abort()


async def test_waiting_too_long_in_the_queue_is_a_503(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await arrival.gone()

    upstream.script = script
    service = {"connections_max": 1, "queue_max": 5, "queue_timeout": "200ms"}
    plane = await proxy(config_for(upstream.url, service=service))
    first = await plane.connect()
    await first.send(GET)
    await eventually(lambda: upstream.requests)
    check_problem(await ask(plane), 503, b"connection_limit_reached")
    first.abort()


async def test_queued_requests_are_served_in_order_when_a_connection_is_free(proxy, upstream):
    go = asyncio.Event()

    async def script(arrival: Arrival) -> None:
        while True:
            await arrival.request()
            await go.wait()
            await arrival.send(OK)

    upstream.script = script
    service = {"connections_max": 1, "queue_max": 10, "queue_timeout": "30s"}
    plane = await proxy(config_for(upstream.url, service=service))
    clients = []
    for number in range(6):
        client = await plane.connect()
        client.methods = [b"GET"]
        await client.send(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number)
        clients.append(client)
    await eventually(lambda: upstream.requests)
    go.set()
    for client in clients:
        assert (await client.reply(1)).status == 200
        client.abort()
    assert [raw.split(b" ")[1] for raw in upstream.requests] == [b"/%d" % number for number in range(6)]
    assert len(upstream.arrivals) == 1


async def test_open_breaker_is_a_503(proxy):
    breaker = {"errors": "50%", "window": "10s", "requests_min": 3, "open_for": "60s"}
    plane = await proxy(
        config_for(f"http://127.0.0.1:{free_port()}", service={"breaker": breaker}, route={"retry": {"attempts": 0}})
    )
    statuses = [(await ask(plane)).status for _ in range(10)]
    assert statuses[:3] == [502, 502, 502]
    assert statuses[-1] == 503
    check_problem(await ask(plane), 503, b"destination_unavailable")


LIMITED = [
    ({"header_bytes_max": "1KiB"}, b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 1100 + b"\r\n\r\n", 431),
    (
        {"header_bytes_max": "1KiB"},
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 90 + b"C: " + b"d" * 600 + b"\r\n\r\n",
        431,
    ),
    ({"header_bytes_max": "1KiB"}, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A" * 1100 + b": b\r\n\r\n", 431),
    ({"headers_max": 10}, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 10 + b"\r\n", 431),
    ({"target_bytes_max": "100B"}, b"GET /" + b"a" * 100 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    ({"target_bytes_max": "100B"}, b"GET /?" + b"a" * 99 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    ({"body_bytes_max": "10B"}, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n" + b"x" * 11, 413),
]

WITHIN = [
    ({"headers_max": 10}, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 9 + b"\r\n"),
    ({"target_bytes_max": "100B"}, b"GET /" + b"a" * 99 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    ({"body_bytes_max": "10B"}, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n" + b"x" * 10),
    (
        {"body_bytes_max": "10B"},
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
    ),
]


@pytest.mark.parametrize(("limits", "raw", "status"), LIMITED)
@pytest.mark.parametrize("step", [1_000_000, 97, 1])
async def test_request_over_a_limit_is_refused(limits, raw, status, step, proxy, upstream):  # noqa: PLR0917
    plane = await proxy(config_for(upstream.url, limits=limits))
    pieces = [raw[at : at + step] for at in range(0, len(raw), step)]
    outcome = await send_raw(plane.address, pieces, [b"GET"])
    check_problem(outcome.replies[0], status, None)
    assert outcome.closed
    assert upstream.arrivals == []


@pytest.mark.parametrize(("limits", "raw"), WITHIN)
async def test_request_at_a_limit_is_served(limits, raw: bytes, proxy, upstream):
    plane = await proxy(config_for(upstream.url, limits=limits))
    for pieces in ([raw], [raw[at : at + 1] for at in range(len(raw))]):
        assert (await send_raw(plane.address, pieces, [b"GET"])).status == 200


async def test_chunks_over_the_body_limit_never_become_a_whole_request(proxy, upstream):
    plane = await proxy(config_for(upstream.url, limits={"body_bytes_max": "10B"}))
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for pieces in (
        [head + b"b\r\n0123456789a\r\n0\r\n\r\n"],
        [head, b"8\r\n01234567\r\n", b"3\r\n89a\r\n", b"0\r\n\r\n"],
    ):
        outcome = await send_raw(plane.address, pieces, [b"POST"])
        check_problem(outcome.replies[0], 413, None)
        assert outcome.closed
    await eventually(lambda: upstream.open_connections == 0)
    assert upstream.requests == []


@pytest.mark.parametrize(
    "endless",
    [
        b"GET /" + b"a" * 300_000,
        b"G" * 300_000,
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 300_000,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A" * 300_000,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 50_000,
        b"\r\n" * 150_000,
    ],
    ids=["target", "method", "value", "name", "fields", "empty lines"],
)
async def test_head_without_end_is_refused_before_it_fills_memory(endless: bytes, proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.methods = [b"GET"]
        await client.send(*(endless[at : at + 4096] for at in range(0, len(endless), 4096)))
        replies = await client.replies(1)
        assert [reply.status for reply in replies] in ([400], [414], [431], [501])
        await client.until_closed()


@pytest.mark.parametrize(
    "endless",
    [b"5;" + b"a" * 300_000, b"0" * 300_000, b"0\r\nA: " + b"b" * 300_000, b"0\r\n" + b"A: b\r\n" * 50_000],
    ids=["extension", "size", "trailer", "trailers"],
)
async def test_chunk_line_without_end_is_refused(endless: bytes, proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.methods = [b"POST"]
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        await client.send(*(endless[at : at + 4096] for at in range(0, len(endless), 4096)))
        replies = await client.replies(1)
        assert replies[0].status in {400, 413, 431}
        await client.until_closed()
    assert upstream.requests == []


async def test_extensions_of_many_tiny_chunks_are_bounded(proxy, upstream):
    """One byte of body for a kilobyte of extension is an attack, not a body."""
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.methods = [b"POST"]
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        await client.send(*[b"1;" + b"a" * 1000 + b"\r\nx\r\n"] * 500)
        await client.send(b"0\r\n\r\n")
        assert (await client.replies(1))[0].status in {400, 413}


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (b"", False),
        (b"Accept: */*\r\n", False),
        (b"Accept: application/json\r\n", False),
        (b"Accept: application/problem+json\r\n", False),
        (b"Accept: text/html\r\n", True),
        (b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n", True),
    ],
)
async def test_error_is_html_where_the_client_asks_for_html(accept: bytes, html: bool, proxy, upstream):
    plane = await proxy(config_for(upstream.url, route={"match": {"path": "/only"}}))
    reply = await ask(plane, b"GET /<script>alert(1)</script> HTTP/1.1\r\nHost: x\r\n" + accept + b"\r\n")
    if html:
        assert reply.status == 404
        assert (reply.get(b"content-type") or b"").startswith(b"text/html")
        assert b"<script>alert" not in reply.body
    else:
        check_problem(reply, 404, None)


async def test_error_to_head_has_no_body(proxy, upstream):
    plane = await proxy(config_for(upstream.url, route={"match": {"path": "/only"}}))
    async with await plane.connect() as client:
        reply = await client.request(b"HEAD /other HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (reply.status, reply.body) == (404, b"")
        assert (await client.request(b"GET /only HTTP/1.1\r\nHost: x\r\n\r\n")).status == 200


async def test_connection_lives_on_after_an_error_that_is_not_its_fault(proxy, upstream):
    plane = await proxy(config_for(upstream.url, route={"match": {"path": "/only"}}))
    async with await plane.connect() as client:
        assert (await client.request(b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n")).status == 404
        assert (await client.request(b"GET /only HTTP/1.1\r\nHost: x\r\n\r\n")).status == 200


async def test_body_of_a_request_without_route_is_read_or_the_connection_ends(proxy, upstream):
    plane = await proxy(config_for(upstream.url, route={"match": {"path": "/only"}}))
    smuggled = b"GET /only HTTP/1.1\r\nHost: x\r\n\r\n"
    raw = b"POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(smuggled)
    outcome = await send_raw(plane.address, [raw, smuggled], [b"POST"])
    assert outcome.status == 404
    assert upstream.arrivals == []


async def test_every_request_leaves_one_line(proxy, upstream):
    plane = await proxy(config_for(upstream.url, route={"match": {"path": "/only"}}))
    await ask(plane, b"GET /only?q HTTP/1.1\r\nHost: x\r\n\r\n")
    await ask(plane, b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n")
    await ask(plane, b"GET /only HTTP/1.1\r\nHost: x\r\nHost: x\r\nCookie: secret=1\r\nAuthorization: secret\r\n\r\n")
    lines = plane.access_lines
    assert [line["status"] for line in lines] == [200, 404, 400]
    assert all(line["event"] == "request.completed" for line in lines)
    assert "secret" not in repr(lines)
