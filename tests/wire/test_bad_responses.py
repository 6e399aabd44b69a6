"""Responses that a service must not send: never relayed as if they were good, and the connection never used again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from support.proxy_plane import config_for
from support.raw_client import NotHttp, RawClient, parse_replies
from support.upstream_script import Arrival
from support.waits import eventually

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OK_LINE = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK_LINE + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Bad:
    """A response whose head is wrong (502), or whose body is (`cut`: the client sees that it is not whole)."""

    name: str
    raw: bytes
    cut: bool = False
    then: str = "hang"


def _head(name: str, fields: bytes, body: bytes = b"hello") -> Bad:
    return Bad(name, OK_LINE + fields + b"\r\n" + body)


HEADS = [
    _head("length and coding", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    _head("coding and length", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
    _head("two lengths", b"Content-Length: 5\r\nContent-Length: 6\r\n"),
    _head("list of lengths", b"Content-Length: 5, 6\r\n"),
    _head("length with plus", b"Content-Length: +5\r\n"),
    _head("length with minus", b"Content-Length: -5\r\n"),
    _head("hexadecimal length", b"Content-Length: 0x5\r\n"),
    _head("length is no number", b"Content-Length: five\r\n"),
    _head("length above 64 bits", b"Content-Length: 99999999999999999999999\r\n"),
    _head("gzip coding", b"Transfer-Encoding: gzip\r\n"),
    _head("gzip, chunked", b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    _head("chunked, gzip", b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n"),
    _head("chunked twice", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    _head("NUL in a value", b"A: b\x00c\r\nContent-Length: 5\r\n"),
    _head("CR in a value", b"A: b\rc\r\nContent-Length: 5\r\n"),
    _head("LF in a value", b"A: b\nc\r\nContent-Length: 5\r\n"),
    _head("LF hides a field", b"A: b\nSet-Cookie: evil=1\r\nContent-Length: 5\r\n"),
    _head("folded", b"A: b\r\n c\r\nContent-Length: 5\r\n"),
    _head("blank before colon", b"Content-Length : 5\r\n"),
    _head("empty name", b": b\r\nContent-Length: 5\r\n"),
    _head("no colon", b"A b\r\nContent-Length: 5\r\n"),
    _head("bad name", b"A(b): c\r\nContent-Length: 5\r\n"),
    Bad("LF in the status line", b"HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nhello"),
    Bad("CR in the status line", b"HTTP/1.1 200 O\rK\r\nContent-Length: 5\r\n\r\nhello"),
    Bad("NUL in the status line", b"HTTP/1.1 200 O\x00K\r\nContent-Length: 5\r\n\r\nhello"),
    Bad("status of two digits", b"HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello"),
    Bad("status of four digits", b"HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello"),
    Bad("status 000", b"HTTP/1.1 000 OK\r\nContent-Length: 5\r\n\r\nhello"),
    Bad("no status", b"HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"),
    Bad("other version", b"HTTP/3.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    Bad("HTTP/2 settings", b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\x00\x04\x40\x00\x00\x00"),
    Bad("garbage before the status line", b"garbage\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    Bad("a banner", b"220 mail.example ESMTP\r\n"),
    Bad("blank before the status line", b" HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    Bad("nothing, closed", b"", then="close"),
    Bad("nothing, reset", b"", then="reset"),
    Bad("half a head, closed", b"HTTP/1.1 200 OK\r\nContent-Le", then="close"),
    Bad("half a head, reset", b"HTTP/1.1 200 OK\r\nContent-Le", then="reset"),
    Bad("101 that nobody asked for", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    Bad("head without end", OK_LINE + b"A: b\r\n" * 100_000),
    Bad("one field without end", OK_LINE + b"A: " + b"b" * 1_000_000),
    Bad("status line without end", b"HTTP/1.1 200 " + b"b" * 1_000_000),
    Bad("informational responses without end", b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" * 50_000),
]

BODIES = [
    Bad("short of its length, closed", OK_LINE + b"Content-Length: 10\r\n\r\nhello", True, "close"),
    Bad("short of its length, reset", OK_LINE + b"Content-Length: 10\r\n\r\nhello", True, "reset"),
    Bad("no body at all, closed", OK_LINE + b"Content-Length: 10\r\n\r\n", True, "close"),
    Bad("no last chunk, closed", CHUNKED + b"5\r\nhello\r\n", True, "close"),
    Bad("no last chunk, reset", CHUNKED + b"5\r\nhello\r\n", True, "reset"),
    Bad("no chunk, closed", CHUNKED, True, "close"),
    Bad("half a chunk, closed", CHUNKED + b"5\r\nhel", True, "close"),
    Bad("half a last chunk, closed", CHUNKED + b"5\r\nhello\r\n0\r\n", True, "close"),
    Bad("half a size, closed", CHUNKED + b"5", True, "close"),
    Bad("until close, reset", OK_LINE + b"\r\nhello", True, "reset"),
    Bad("bad size", CHUNKED + b"5\r\nhello\r\nxyz\r\nhello\r\n0\r\n\r\n", True),
    Bad("0x size", CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", True),
    Bad("size above 64 bits", CHUNKED + b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n", True),
    Bad("LF after a size", CHUNKED + b"5\nhello\r\n0\r\n\r\n", True),
    Bad("LF in an extension", CHUNKED + b"5;a\nb\r\nhello\r\n0\r\n\r\n", True),
    Bad("no CRLF after the data", CHUNKED + b"5\r\nhelloXX0\r\n\r\n", True),
    Bad("bad trailer", CHUNKED + b"5\r\nhello\r\n0\r\nA b\r\n\r\n", True),
    Bad("LF in a trailer", CHUNKED + b"5\r\nhello\r\n0\r\nA: b\nc\r\n\r\n", True),
    Bad("trailers without end", CHUNKED + b"5\r\nhello\r\n0\r\n" + b"A: b\r\n" * 100_000, True),
    Bad("extension without end", CHUNKED + b"5;" + b"a" * 1_000_000, True),
]

#: Whole responses with something after them: the client gets the response, the connection is never used again.
EXTRA = [
    Bad("more than its length", OK_LINE + b"Content-Length: 5\r\n\r\nhello world"),
    Bad("a second response", OK_LINE + b"Content-Length: 5\r\n\r\nhello" + OK_LINE + b"Content-Length: 4\r\n\r\nevil"),
    Bad("after the last chunk", CHUNKED + b"5\r\nhello\r\n0\r\n\r\nevil"),
    Bad("body on 204", b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
    Bad("body on 304", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil"),
]


def script_of(case: Bad, pieces: int):
    """Answers `/` with the case, cut after every `len / pieces` bytes; anything else with a good response."""
    step = max(1, len(case.raw) // pieces) if case.raw else 1

    async def script(arrival: Arrival) -> None:
        while b"GET / " not in await arrival.request():
            await arrival.send(OK_LINE + b"Content-Length: 4\r\n\r\ngood")
        await arrival.send(*(case.raw[at : at + step] for at in range(0, len(case.raw), step)))
        if case.then == "close":
            return
        if case.then == "reset":
            arrival.reset()
            return
        await arrival.gone()

    return script


async def ask(client: RawClient):
    client.methods = [b"GET"]
    await client.send(GET)
    return await client.replies(1)


@pytest.mark.parametrize("pieces", [1, 7, 60])
@pytest.mark.parametrize("case", HEADS, ids=lambda case: case.name)
async def test_bad_head_is_a_502_and_its_connection_ends(case: Bad, pieces: int, proxy, upstream):
    upstream.script = script_of(case, pieces)
    plane = await proxy(config_for(upstream.url, service={"response_timeout": "5s"}))
    async with await plane.connect() as client:
        reply = (await ask(client))[0]
        assert reply.status == 502
        assert reply.complete
        assert b"evil" not in client.received
        assert b"legacy" in (reply.get(b"proxy-status") or b"")
        await eventually(lambda: upstream.open_connections == 0)


@pytest.mark.parametrize("pieces", [1, 60])
@pytest.mark.parametrize("case", BODIES, ids=lambda case: case.name)
async def test_body_that_breaks_is_never_completed_as_if_whole(case: Bad, pieces: int, proxy, upstream):
    upstream.script = script_of(case, pieces)
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        replies = await ask(client)
        if not replies or replies[0].status != 502:
            await client.until_closed()
            assert not any(reply.complete for reply in replies)
        await eventually(lambda: upstream.open_connections == 0)


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case.name)
async def test_body_that_breaks_resets_an_http_1_0_client(case: Bad, proxy, upstream):
    """Such a client has only the end of the connection to tell it that the body is whole."""
    upstream.script = script_of(case, 1)
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        client.methods = [b"GET"]
        await client.send(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
        await client.until_closed()
        if b" 502 " in client.received[:20]:
            return
        if b"content-length: 10" in client.received.lower():
            return
        await eventually(lambda: client.was_reset)


@pytest.mark.parametrize("case", EXTRA, ids=lambda case: case.name)
async def test_connection_that_brought_too_much_is_not_used_again(case: Bad, proxy, upstream):
    upstream.script = script_of(case, 1)
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        replies = await ask(client)
        await eventually(lambda: upstream.open_connections == 0)
        assert b"evil" not in client.received
        assert replies[0].status in {200, 204, 304, 502}
        if client.closed:
            return
        client.methods.append(b"GET")
        await client.send(GET.replace(b" / ", b" /next "))
        assert (await client.reply(2)).body == b"good"
    assert len(upstream.arrivals) == 2


async def test_bytes_on_an_idle_connection_end_it(proxy, upstream):
    """What comes before the next request was sent cannot be its response."""
    say = asyncio.Event()

    async def script(arrival: Arrival) -> None:
        await arrival.request()
        await arrival.send(OK_LINE + b"Content-Length: 4\r\n\r\ngood")
        if arrival is upstream.arrivals[0]:
            await say.wait()
            await arrival.send(OK_LINE + b"Content-Length: 4\r\n\r\nevil")
        await arrival.gone()

    upstream.script = script
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        assert (await client.request(GET)).body == b"good"
        say.set()
        await eventually(lambda: upstream.open_connections == 0)
        assert (await client.request(GET)).body == b"good"


async def test_parser_of_these_tests_sees_what_is_not_http():
    with pytest.raises(NotHttp):
        parse_replies(b"HTTP/1.1 200 OK\nA: b\r\n\r\n", [b"GET"], closed=True)
