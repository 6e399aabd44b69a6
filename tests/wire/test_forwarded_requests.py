"""What reaches the upstream of a request that is served: the client's own bytes, however they arrived."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from support.proxy_plane import config_for
from support.raw_client import method_of, send_raw
from support.refused_requests import GROUPS
from support.sent_requests import parse_sent
from support.splits import every_cut, only_request, send_every_cut

Pairs = tuple[tuple[bytes, bytes], ...]

X: Pairs = ((b"Host", b"x"),)


@dataclass(frozen=True)
class Served:
    """A request and what of it must reach the upstream. `line` and `fields` are exact."""

    name: str
    raw: bytes
    line: bytes
    fields: Pairs = X
    body: bytes = b""


def _target(name: str, target: bytes) -> Served:
    return Served(name, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"GET " + target + b" HTTP/1.1")


def _fields(name: str, fields: bytes, *sent: tuple[bytes, bytes]) -> Served:
    return Served(name, b"GET /f HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n", b"GET /f HTTP/1.1", (*X, *sent))


CHUNKED = (*X, (b"Transfer-Encoding", b"chunked"))
POST_CHUNKED = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunked(name: str, chunks: bytes, body: bytes) -> Served:
    return Served(name, POST_CHUNKED + chunks, b"POST /c HTTP/1.1", CHUNKED, body)


SERVED = [
    _target("plain", b"/a/b"),
    _target("root", b"/"),
    _target("query kept raw", b"/a?b=%2f%5C&c=../..//&d=%zz&e=\\&?=?"),
    _target("empty query", b"/a?"),
    _target("escapes are not decoded", b"/%41%7e/~%20"),
    _target("case of escapes is kept", b"/%e2%82%ac/%E2%82%AC"),
    _target("reserved characters", b"/a!$&'()*+,;=:@b"),
    _target("characters that are wrong but harmless", b'/a"<>^`{|}b'),
    _target("dots inside names", b"/a..b/...c/.d/e."),
    _target("semicolon parameters", b"/a;v=1/b;c"),
    _target("trailing slash", b"/a/"),
    Served("absolute form", b"GET http://y/a?b HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /a?b HTTP/1.1", ((b"Host", b"y"),)),
    Served("absolute form with a port", b"GET http://y:81/a HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /a HTTP/1.1", ((b"Host", b"y:81"),)),
    Served("absolute form without a path", b"GET http://y HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1", ((b"Host", b"y"),)),
    Served("absolute form, only a query", b"GET http://y?b HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /?b HTTP/1.1", ((b"Host", b"y"),)),
    Served("absolute form, scheme in capitals", b"GET HTTP://y/a HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /a HTTP/1.1", ((b"Host", b"y"),)),
    Served("OPTIONS *", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", b"OPTIONS * HTTP/1.1"),
    Served("host with a port", b"GET / HTTP/1.1\r\nHost: x:8080\r\n\r\n", b"GET / HTTP/1.1", ((b"Host", b"x:8080"),)),
    Served("host is IPv6", b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", b"GET / HTTP/1.1", ((b"Host", b"[::1]:80"),)),
    Served("host keeps its case", b"GET / HTTP/1.1\r\nhOsT: ShOp.X\r\n\r\n", b"GET / HTTP/1.1", ((b"hOsT", b"ShOp.X"),)),
    Served("host is not the first field", b"GET / HTTP/1.1\r\nA: b\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1", ((b"A", b"b"), *X)),
    _fields("case and order of names", b"zZ: 1\r\nA-b: 2\r\nzz: 3\r\n", (b"zZ", b"1"), (b"A-b", b"2"), (b"zz", b"3")),
    _fields("same name twice stays two fields", b"A: 1\r\nA: 2\r\n", (b"A", b"1"), (b"A", b"2")),
    _fields("empty value", b"A:\r\nB: \r\n", (b"A", b""), (b"B", b"")),
    _fields("blanks around a value", b"A: \t b \t c\t \r\n", (b"A", b"b \t c")),
    _fields("no blank after the colon", b"A:b\r\n", (b"A", b"b")),
    _fields("colon in a value", b"A: b:c: d\r\n", (b"A", b"b:c: d")),
    _fields("8-bit value", b"A: \xc3\xa4\xff\r\n", (b"A", b"\xc3\xa4\xff")),
    _fields("every token character in a name", b"!#$%&'*+-.^_`|~09azAZ: b\r\n", (b"!#$%&'*+-.^_`|~09azAZ", b"b")),
    _fields("cookies", b"Cookie: a=b; c=d\r\nAuthorization: Basic eA==\r\n", (b"Cookie", b"a=b; c=d"), (b"Authorization", b"Basic eA==")),
    _fields("named by Connection", b"X-Secret: 1\r\nConnection: x-sEcret, close\r\nB: 2\r\n", (b"B", b"2")),
    _fields("named by the second Connection", b"Connection: a\r\nA: 1\r\nB: 2\r\nCONNECTION: b\r\n"),
    _fields("hop by hop", b"Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nTE: gzip\r\nB: 2\r\n", (b"B", b"2")),
    _fields("underscore look-alikes", b"X_Forwarded_For: 1.1.1.1\r\nx-forwarded_host: e\r\nB: 2\r\n", (b"B", b"2")),
    _fields("dotted look-alikes", b"X.Forwarded.Proto: https\r\nX-Request.Id: e\r\nB: 2\r\n", (b"B", b"2")),
    Served(
        "look-alikes of framing",
        b"POST /p HTTP/1.1\r\nHost: x\r\nContent_Length: 0\r\nContent-Length: 5\r\nTransfer.Encoding: chunked\r\n\r\nhello",
        b"POST /p HTTP/1.1",
        (*X, (b"Content-Length", b"5")),
        b"hello",
    ),
    _fields("other names with underscore stay", b"my_header: 1\r\n", (b"my_header", b"1")),
    _fields("Max-Forwards on GET", b"Max-Forwards: 0\r\n", (b"Max-Forwards", b"0")),
    Served(
        "Max-Forwards on OPTIONS",
        b"OPTIONS /o HTTP/1.1\r\nHost: x\r\nMax-Forwards: 10\r\n\r\n",
        b"OPTIONS /o HTTP/1.1",
        (*X, (b"Max-Forwards", b"9")),
    ),
    Served(
        "length",
        b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /p HTTP/1.1",
        (*X, (b"Content-Length", b"5")),
        b"hello",
    ),
    Served(
        "body that looks like a request",
        b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 28\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n"[:-1] + b"!",
        b"POST /p HTTP/1.1",
        (*X, (b"Content-Length", b"28")),
        b"GET /a HTTP/1.1\r\nHost: x\r\n\r!",
    ),
    Served(
        "length 0",
        b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        b"POST /p HTTP/1.1",
        (*X, (b"Content-Length", b"0")),
    ),
    Served(
        "length with leading zeros is the same length",
        b"PUT /p HTTP/1.1\r\nHost: x\r\nContent-Length: 005\r\n\r\nhello",
        b"PUT /p HTTP/1.1",
        (*X, (b"Content-Length", b"005")),
        b"hello",
    ),
    Served("no length is no body", b"POST /p HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /p HTTP/1.1"),
    Served(
        "GET with a body",
        b"GET /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        b"GET /p HTTP/1.1",
        (*X, (b"Content-Length", b"5")),
        b"hello",
    ),
    _chunked("one chunk", b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    _chunked("chunks", b"1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", b"hello"),
    _chunked("no chunk", b"0\r\n\r\n", b""),
    _chunked("zeros", b"0005\r\nhello\r\n000\r\n\r\n", b"hello"),
    _chunked("capitals", b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2),
    _chunked("extensions", b'5;a;b=c;d="e"\r\nhello\r\n0;f\r\n\r\n', b"hello"),
    _chunked("chunk that looks like the end", b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n"),
    Served("method with a dash", b"M-SEARCH / HTTP/1.1\r\nHost: x\r\n\r\n", b"M-SEARCH / HTTP/1.1"),
    Served("PURGE", b"PURGE / HTTP/1.1\r\nHost: x\r\n\r\n", b"PURGE / HTTP/1.1"),
    Served("empty line before the request", b"\r\nGET /e HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /e HTTP/1.1"),
]  # fmt: skip


@pytest.mark.parametrize("case", SERVED, ids=lambda case: case.name)
async def test_request_reaches_the_upstream_as_it_came_however_it_arrives(case: Served, proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    for pieces, outcome in await send_every_cut(plane.address, case.raw, [method_of(case.raw.lstrip())]):
        assert outcome.statuses == [200], (pieces, outcome.raw)
    sent = only_request(upstream, len(list(every_cut(case.raw))))
    assert sent.line == case.line
    assert sent.fields == case.fields
    assert sent.body == case.body


async def test_length_named_by_connection_still_frames_the_body(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    raw = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Content-Length\r\nContent-Length: 5\r\n\r\nhello"
    outcome = await send_raw(plane.address, [raw], [b"POST"])
    assert outcome.status in {200, 400}
    assert [parse_sent(one).body for one in upstream.requests] == ([b"hello"] if outcome.status == 200 else [])


async def test_coding_named_by_connection_still_frames_the_body(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    raw = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    outcome = await send_raw(plane.address, [raw], [b"POST"])
    assert outcome.status in {200, 400}
    if outcome.status == 200:
        assert parse_sent(upstream.requests[0]).all(b"Transfer-Encoding") == [b"chunked"]


@pytest.mark.parametrize("name", [b"Via", b"Forwarded", b"X-Request-Id", b"traceparent", b"X-Forwarded-For"])
async def test_connection_cannot_strip_what_the_proxy_adds(name: bytes, proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    raw = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: " + name + b"\r\n\r\n"
    outcome = await send_raw(plane.address, [raw], [b"GET"])
    assert outcome.status in {200, 400}
    for one in upstream.requests:
        assert parse_sent(one).get(name)


async def test_request_trailers_are_relayed_or_dropped_but_never_merged_into_the_head(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    raw = (
        b"POST /t HTTP/1.1\r\nHost: x\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nHost: evil\r\nContent-Length: 3\r\nAuthorization: evil\r\n\r\n"
    )
    for _, outcome in await send_every_cut(plane.address, raw):
        assert outcome.status in {200, 400}
    for one in upstream.requests:
        sent = parse_sent(one)
        assert sent.body == b"hello"
        assert sent.all(b"Host") == [b"x"]
        assert not sent.all(b"Content-Length")
        assert not sent.all(b"Authorization")
        assert not {name.lower() for name, _ in sent.trailers} & {b"host", b"content-length", b"authorization"}


async def test_last_hop_of_options_answers_itself(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    for target in (b"*", b"/o"):
        raw = b"OPTIONS " + target + b" HTTP/1.1\r\nHost: x\r\nMax-Forwards: 0\r\n\r\n"
        for _, outcome in await send_every_cut(plane.address, raw):
            assert outcome.status in {200, 204}
    assert upstream.arrivals == []


@pytest.mark.parametrize("host", ["client", "service", "literal.example"])
async def test_host_header_is_what_the_service_wants(host: str, proxy, upstream):
    plane = await proxy(config_for(upstream.url, service={"host_header": host}))
    await send_raw(plane.address, [b"GET http://y/a HTTP/1.1\r\nHost: x\r\n\r\n"], [b"GET"])
    wanted = {"client": b"y", "service": upstream.authority}.get(host, host.encode())
    sent = parse_sent(upstream.requests[0])
    assert sent.all(b"Host") == [wanted]


async def test_base_path_of_the_service_is_put_before_the_path(proxy, upstream):
    plane = await proxy(config_for(upstream.url + "/base"))
    await send_raw(plane.address, [b"GET /a%41?b HTTP/1.1\r\nHost: x\r\n\r\n"], [b"GET"])
    assert parse_sent(upstream.requests[0]).line == b"GET /base/a%41?b HTTP/1.1"


async def test_http_1_0_request_goes_on_as_http_1_1_and_its_connection_ends(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    for raw in (b"GET /a HTTP/1.0\r\n\r\n", b"GET /a HTTP/1.0\r\nHost: x\r\n\r\n"):
        upstream.forget()
        for _, outcome in await send_every_cut(plane.address, raw):
            assert outcome.status == 200
            assert outcome.closed
        sent = only_request(upstream, len(list(every_cut(raw))))
        assert sent.line == b"GET /a HTTP/1.1"
        assert len(sent.all(b"Host")) == 1


async def test_every_method_of_the_corpus_is_refused_by_rule_and_not_by_accident(proxy, upstream):
    """The refused corpus differs from these by its fault alone: the same requests without it are served."""
    plane = await proxy(config_for(upstream.url))
    outcome = await send_raw(plane.address, [POST_CHUNKED + b"5\r\nhello\r\n0\r\nA: b\r\n\r\n"], [b"POST"])
    assert outcome.status == 200
    outcome = await send_raw(plane.address, [b"GET /g HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n"], [b"GET"])
    assert outcome.status == 200
    assert set(GROUPS) >= {"length", "coding", "chunks"}


@pytest.mark.parametrize("value", [b"acme", b" acme", b"\tacme", b"acme ", b"acme\t", b" \t acme\t \t"])
async def test_route_matches_the_value_that_a_service_would_read(value: bytes, proxy, upstream):
    """Blanks around a value are not part of it (RFC 9110 section 5.5)."""
    match = {"path": "/**", "headers": {"X-Tenant": "acme"}}
    plane = await proxy(config_for(upstream.url, route={"match": match}))
    raw = b"GET / HTTP/1.1\r\nHost: x\r\nX-Tenant:" + value + b"\r\n\r\n"
    assert (await send_raw(plane.address, [raw], [b"GET"])).status == 200
