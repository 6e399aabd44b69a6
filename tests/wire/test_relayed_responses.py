"""Good responses, however their bytes arrive from the upstream, and what the client gets of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from support.proxy_plane import Proxy, config_for
from support.raw_client import Outcome, send_raw
from support.sent_requests import parse_sent
from support.splits import BATCH, every_cut
from support.upstream_script import Arrival, Upstream, answering
from support.waits import eventually, turns

GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HEAD = GET.replace(b"GET", b"HEAD")
GET_TRAILERS = GET.replace(b"Connection: close", b"TE: trailers\r\nConnection: close, TE")
GET_1_0 = b"GET / HTTP/1.0\r\nHost: x\r\n\r\n"


async def relay_every_cut(
    proxy: Proxy, upstream: Upstream, response: bytes, request: bytes = GET, then: str = "keep"
) -> list[tuple[list[bytes], Outcome]]:
    """Ask once for every cut of `response`; the target says which cut the upstream sends."""
    cuts = list(every_cut(response))

    async def script(arrival: Arrival) -> None:
        while True:
            raw = await arrival.request()
            await arrival.send(*cuts[int(raw.split(b" ", 2)[1][1:])])
            if then == "close":
                return

    upstream.script = script
    method = request.split(b" ", 1)[0]
    results: list[tuple[list[bytes], Outcome]] = []
    for start in range(0, len(cuts), BATCH):
        numbers = range(start, min(start + BATCH, len(cuts)))
        requests = [request.replace(b" / ", b" /%d " % number, 1) for number in numbers]
        outcomes = await asyncio.gather(*(send_raw(proxy.address, [one], [method]) for one in requests))
        results += zip((cuts[number] for number in numbers), outcomes, strict=True)
    return results


@dataclass(frozen=True)
class Relayed:
    """A response and what of it must reach the client."""

    name: str
    raw: bytes
    body: bytes = b"hello"
    status: int = 200
    request: bytes = GET
    then: str = "keep"
    fields: tuple[tuple[bytes, bytes], ...] = ()
    absent: tuple[bytes, ...] = ()


LENGTH_5 = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

RELAYED = [
    Relayed("length", LENGTH_5 + b"hello", fields=((b"content-length", b"5"),)),
    Relayed("no body", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", fields=((b"content-length", b"0"),)),
    Relayed("chunks", CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
    Relayed("chunk extensions", CHUNKED + b"5;a=b\r\nhello\r\n0;c\r\n\r\n"),
    Relayed("no chunk", CHUNKED + b"0\r\n\r\n", b""),
    Relayed("until close", b"HTTP/1.1 200 OK\r\n\r\nhello", then="close"),
    Relayed("until close, nothing", b"HTTP/1.1 200 OK\r\n\r\n", b"", then="close"),
    Relayed("until close from HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\nhello", then="close"),
    Relayed("length from HTTP/1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", then="close"),
    Relayed("no reason", b"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello"),
    Relayed("status of its own", b"HTTP/1.1 299 Own\r\nContent-Length: 5\r\n\r\nhello", status=299),
    Relayed("404 is the service's own", b"HTTP/1.1 404 No\r\nContent-Length: 5\r\n\r\nhello", status=404),
    Relayed("204", b"HTTP/1.1 204 No Content\r\n\r\n", b"", 204, absent=(b"content-length", b"transfer-encoding")),
    Relayed("204 with a length", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", b"", 204, absent=(b"content-length",)),
    Relayed("204 with a coding", b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", b"", 204, absent=(b"transfer-encoding",)),
    Relayed("304", b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n', b"", 304, fields=((b"etag", b'"a"'),)),
    Relayed("304 with the length of what it stands for", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b"", 304),
    Relayed("HEAD", LENGTH_5, b"", request=HEAD, fields=((b"content-length", b"5"),)),
    Relayed("HEAD of chunks", CHUNKED, b"", request=HEAD),
    Relayed("HEAD without a length", b"HTTP/1.1 200 OK\r\n\r\n", b"", request=HEAD),
    Relayed("length to HTTP/1.0", LENGTH_5 + b"hello", request=GET_1_0),
    Relayed("chunks to HTTP/1.0", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", request=GET_1_0, absent=(b"transfer-encoding",)),
    Relayed("until close to HTTP/1.0", b"HTTP/1.1 200 OK\r\n\r\nhello", request=GET_1_0, then="close", absent=(b"transfer-encoding",)),
    Relayed("8-bit value", b"HTTP/1.1 200 OK\r\nA: \xc3\xa4\xff\r\nContent-Length: 5\r\n\r\nhello", fields=((b"a", b"\xc3\xa4\xff"),)),
    Relayed(
        "hop by hop",
        b"HTTP/1.1 200 OK\r\nConnection: X-Own, keep-alive\r\nX-Own: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 5\r\n\r\nhello",
        absent=(b"x-own", b"keep-alive"),
    ),
    Relayed(
        "nothing is decompressed or cached",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nVary: A\r\nAge: 7\r\nCache-Control: no-store\r\nContent-Length: 5\r\n\r\nhello",
        fields=((b"content-encoding", b"gzip"), (b"vary", b"A"), (b"age", b"7"), (b"cache-control", b"no-store")),
    ),
    Relayed(
        "two cookies stay two fields",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d, e\r\nContent-Length: 5\r\n\r\nhello",
        fields=((b"set-cookie", b"a=b"), (b"set-cookie", b"c=d, e")),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", RELAYED, ids=lambda case: case.name)
async def test_response_reaches_the_client_whole_however_it_arrives(case: Relayed, proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    for pieces, outcome in await relay_every_cut(plane, upstream, case.raw, case.request, case.then):
        assert outcome.statuses == [case.status], (pieces, outcome.raw)
        reply = outcome.replies[0]
        assert reply.complete
        assert reply.body == case.body, pieces
        for name, value in case.fields:
            assert value in reply.all(name)
        for name in case.absent:
            assert reply.all(name) == []


async def test_names_keep_their_case_and_order(proxy, upstream):
    upstream.script = answering(
        b"HTTP/1.1 200 Very Fine\r\nzZ: 1\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nA-b: 2\r\nServer: s\r\nzz: 3\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    plane = await proxy(config_for(upstream.url))
    outcome = await send_raw(plane.address, [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], [b"GET"])
    lines = outcome.replies[0].head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 Very Fine"
    names = [line.split(b":")[0] for line in lines[1:] if line]
    wanted = [b"zZ", b"Date", b"A-b", b"Server", b"zz"]
    assert [name for name in names if name in wanted] == wanted


async def test_body_until_close_leaves_the_clients_connection_usable(proxy, upstream):
    upstream.script = answering(b"HTTP/1.1 200 OK\r\n\r\n", b"hello", then="close")
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        for _ in range(2):
            reply = await client.request(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert reply.body == b"hello"
            assert reply.get(b"transfer-encoding") == b"chunked"
    assert len(upstream.arrivals) == 2


async def test_http_1_0_client_gets_no_chunks_and_the_end_of_the_body_is_the_end_of_the_connection(proxy, upstream):
    upstream.script = answering(CHUNKED, b"5\r\nhello\r\n", b"0\r\n\r\n")
    plane = await proxy(config_for(upstream.url))
    raw = b"GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"
    outcome = await send_raw(plane.address, [raw], [b"GET"])
    assert outcome.raw.endswith(b"\r\n\r\nhello")
    assert outcome.closed


TRAILERS = CHUNKED[:-2] + b"Trailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\nx-Other: 2\r\n\r\n"


async def test_trailers_reach_a_client_that_takes_them(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    for pieces, outcome in await relay_every_cut(plane, upstream, TRAILERS, GET_TRAILERS):
        assert outcome.replies[0].body == b"hello"
        assert outcome.replies[0].trailers == [(b"x-sum", b"1"), (b"x-other", b"2")], pieces


async def test_trailers_are_dropped_for_a_client_that_does_not_take_them(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    for request in (GET, GET_1_0):
        for _, outcome in await relay_every_cut(plane, upstream, TRAILERS, request):
            assert outcome.replies[0].body == b"hello"
            assert outcome.replies[0].trailers == []
            assert b"x-sum: 1" not in outcome.raw.lower()


HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"


async def test_early_hints_are_relayed(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    for pieces, outcome in await relay_every_cut(plane, upstream, HINTS + HINTS + LENGTH_5 + b"hello"):
        reply = outcome.replies[0]
        assert reply.body == b"hello", pieces
        assert [status for status, _ in reply.informational] == [103, 103]
        assert reply.informational[0][1] == [(b"link", b"</a.css>; rel=preload")]


async def test_early_hints_arrive_before_the_response(proxy, upstream):
    release = asyncio.Event()

    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await arrival.send(HINTS)
        await release.wait()
        await arrival.send(LENGTH_5 + b"hello")

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.methods = [b"GET"]
        await client.send(GET)
        await client.until(b"103 Early Hints")
        release.set()
        assert (await client.reply(1)).body == b"hello"


async def test_informational_response_that_claims_a_body_is_not_relayed_with_the_claim(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    hint = b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n"
    upstream.script = answering(hint + LENGTH_5 + b"hello")
    outcome = await send_raw(plane.address, [GET], [b"GET"])
    reply = outcome.replies[0]
    assert reply.status in {200, 502}
    for _, fields in reply.informational:
        assert not {name for name, _ in fields} & {b"content-length", b"transfer-encoding"}


async def test_informational_responses_do_not_reach_an_http_1_0_client(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    for _, outcome in await relay_every_cut(plane, upstream, HINTS + LENGTH_5 + b"hello", GET_1_0):
        assert outcome.replies[0].informational == []
        assert b" 103 " not in outcome.raw


async def test_server_sent_events_pass_one_by_one(proxy, upstream):
    seen = asyncio.Event()

    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await arrival.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(20):
            await arrival.send(b"9\r\ndata: %02d\n\r\n" % number)
            await seen.wait()
            seen.clear()
        await arrival.send(b"0\r\n\r\n")

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.methods = [b"GET"]
        await client.send(GET)
        for number in range(20):
            await client.until(b"data: %02d\n" % number)
            assert b"data: %02d\n" % (number + 1) not in client.received
            seen.set()
        assert (await client.reply(1)).body == b"".join(b"data: %02d\n" % number for number in range(20))


async def test_upload_passes_piece_by_piece(proxy, upstream):
    """Each piece is sent only when the one before it has reached the upstream."""
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.methods = [b"POST"]
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(20):
            await client.send(b"4\r\n<%02d>\r\n" % number)
            await eventually(lambda n=number: upstream.arrivals and b"<%02d>" % n in upstream.arrivals[0].received)
        await client.send(b"0\r\n\r\n")
        assert (await client.reply(1)).status == 200
    assert parse_sent(upstream.requests[0]).body == b"".join(b"<%02d>" % number for number in range(20))


async def test_early_final_response_ends_the_upload(proxy, upstream):
    """The upstream answers before it has read the body: the client gets the answer at once and may go on sending."""

    async def script(arrival: Arrival) -> None:
        await arrival.head()
        await arrival.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge")

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.methods = [b"POST"]
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\nfirst")
        reply = await client.reply(1)
        assert (reply.status, reply.body) == (413, b"large")
        await client.send(*[b"x" * 65536] * 200)
        await turns(20)
        assert client.received.count(b"HTTP/1.1") == 1
        assert client.closed, "a body of 100 MB is not drained to the end"


async def test_early_final_response_and_a_short_rest_keeps_order(proxy, upstream):
    async def script(arrival: Arrival) -> None:
        head = await arrival.head()
        if b"/first" in head:
            await arrival.send(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
            await arrival.until(b"hello")
            head = await arrival.head()
        assert b"/second" in head
        await arrival.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.methods = [b"POST", b"GET"]
        await client.send(b"POST /first HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nh")
        assert (await client.reply(1)).status == 403
        await client.send(b"ello", b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n")
        replies = await client.replies(2)
        assert [reply.status for reply in replies] in ([403, 200], [403])
        if len(replies) == 1:
            assert client.closed


MAPPED = [
    (b"Location", b"http://{up}/a?b", b"http://shop.example/a?b"),
    (b"Location", b"/a", b"/a"),
    (b"Location", b"//{up}/a", b"//shop.example/a"),
    (b"Location", b"https://elsewhere.example/a", b"https://elsewhere.example/a"),
    (b"Content-Location", b"http://{up}/a", b"http://shop.example/a"),
    (b"Refresh", b"5; url=http://{up}/a", b"5; url=http://shop.example/a"),
    (b"Link", b'<http://{up}/a>; rel="next"', b'<http://shop.example/a>; rel="next"'),
    (b"Set-Cookie", b"a=b; Path=/; HttpOnly", b"a=b; Path=/; HttpOnly"),
    (b"X-Location", b"http://{up}/a", b"http://{up}/a"),
]


@pytest.mark.parametrize(("name", "given", "wanted"), MAPPED)
async def test_headers_that_name_a_service_are_mapped_back(name, given, wanted, proxy, upstream):
    upstream.script = answering(
        b"HTTP/1.1 201 Created\r\n%b: %b\r\nContent-Length: 0\r\n\r\n"
        % (name, given.replace(b"{up}", upstream.authority))
    )
    plane = await proxy(config_for(upstream.url))
    outcome = await send_raw(plane.address, [b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n"], [b"GET"])
    assert outcome.replies[0].get(name.lower()) == wanted.replace(b"{up}", upstream.authority)


async def test_cookie_for_the_services_host_becomes_host_only(proxy, upstream):
    upstream.script = answering(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Domain=127.0.0.1; Path=/\r\nContent-Length: 0\r\n\r\n"
    )
    plane = await proxy(config_for(upstream.url))
    outcome = await send_raw(plane.address, [b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n"], [b"GET"])
    value = outcome.replies[0].get(b"set-cookie")
    assert value is not None
    assert value.startswith(b"a=b")
    assert b"domain" not in value.lower()


async def test_nothing_is_mapped_where_the_route_says_so(proxy, upstream):
    given = b"http://" + upstream.authority + b"/a"
    upstream.script = answering(b"HTTP/1.1 302 Found\r\nLocation: " + given + b"\r\nContent-Length: 0\r\n\r\n")
    plane = await proxy(config_for(upstream.url, route={"rewrite": {"responses": False}}))
    outcome = await send_raw(plane.address, [b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n"], [b"GET"])
    assert outcome.replies[0].get(b"location") == given
