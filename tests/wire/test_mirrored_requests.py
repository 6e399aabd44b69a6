"""What the other arm is asked, what it answers, and what of both reaches the comparer."""

from __future__ import annotations

import gzip

import pytest

from shadow.exchange import Answer
from support.sent_requests import parse_sent
from support.shadow_plane import GET
from support.upstream_script import OK, Arrival, answering
from support.waits import eventually

NEW = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nnew"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nto the end"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream\r\nCache-Control: no-store\r\n\r\ndata: 1\n\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nhello"
ASK_UPGRADE = b"GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n"


def response(body: bytes, *fields: bytes) -> bytes:
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (lines, len(body), body)


async def test_client_gets_legacy_and_the_comparer_gets_both(shadow):
    plane = await shadow(answering(NEW))
    assert await plane.ask() == b"ok"
    await eventually(lambda: plane.comparer.exchanges)
    [exchange] = plane.comparer.exchanges
    assert (exchange.route, exchange.served, exchange.sandbox) == ("all", "legacy", False)
    assert (exchange.legacy.status, exchange.legacy.body, exchange.legacy.outcome) == (200, b"ok", "complete")
    assert exchange.new == Answer(
        "complete",
        200,
        (("content-length", "3"), ("content-type", "text/plain")),
        b"new",
        3,
        "",
        exchange.new.first_byte_s,
        exchange.new.total_s,
    )
    assert 0 < exchange.legacy.first_byte_s <= exchange.legacy.total_s < 5
    assert 0 < exchange.new.first_byte_s <= exchange.new.total_s < 5
    asked = exchange.request
    assert (asked.method, asked.target, asked.host, asked.scheme) == ("GET", "/orders/7?x=1", "shop.example", "http")
    numbers = await plane.settled()
    assert (numbers["sent"], numbers["compared"], numbers["answers"]) == (1, 1, {"complete": 1})
    assert numbers["verdicts"] == {"mismatch": 1}


async def test_copy_is_the_same_request_with_the_same_ids_and_says_that_it_is_a_copy(shadow):
    plane = await shadow(answering(NEW))
    raw = b"GET /a%20b?c HTTP/1.1\r\nHost: x\r\nCookie: a=1\r\nX-Odd:  two  words\r\nTE: trailers\r\nConnection: TE\r\n\r\n"
    exchange = await plane.exchange(raw)
    served, copy = parse_sent(plane.legacy.requests[0]), parse_sent(plane.new.requests[0])
    assert [field for field in copy.fields if field[0] != b"X-Strangler-Mirror"] == list(served.fields)
    assert copy.get(b"x-strangler-mirror") == b"1"
    assert served.get(b"x-strangler-mirror") is None
    assert copy.line == served.line == b"GET /a%20b?c HTTP/1.1"
    assert exchange.id.encode() == served.get(b"x-request-id")
    assert ("cookie", "a=1") in exchange.request.fields
    assert not {"te", "connection"} & {name for name, _ in exchange.request.fields}


async def test_each_arm_is_asked_in_its_own_way_and_answers_are_compared_as_the_client_sees_them(shadow):
    plane = await shadow(
        match={"path": "/orders/{id}"},
        rewrite={"new": {"path": "/v2/orders/{id}", "headers": {"set": {"X-From": "strangler"}}}},
    )
    for arm, path in ((plane.legacy, b"/orders/8"), (plane.new, b"/v2/orders/8")):
        location = b"Location: http://%b%b" % (arm.authority, path)
        arm.script = answering(response(b"", location, b"Connection: X-Private", b"X-Private: 1"))
    exchange = await plane.exchange(GET)
    assert plane.new.requests[0].startswith(b"GET /v2/orders/7?x=1 HTTP/1.1\r\n")
    assert exchange.legacy.field("location") == exchange.new.field("location") == "http://shop.example/orders/8"
    assert exchange.new.field("connection") is None


@pytest.mark.parametrize(
    ("raw", "then", "body", "request_line"),
    [
        (NEW, "keep", b"new", b"GET"),
        (CHUNKED, "keep", b"abcde", b"GET"),
        (UNTIL_CLOSE, "close", b"to the end", b"GET"),
        (response(gzip.compress(b"x" * 5000), b"Content-Encoding: gzip"), "keep", gzip.compress(b"x" * 5000), b"GET"),
        (response(b"x" * 700_000), "keep", b"x" * 700_000, b"GET"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "keep", b"", b"GET"),
        (b"HTTP/1.1 304 Not Modified\r\nETag: 1\r\nContent-Length: 10\r\n\r\n", "keep", b"", b"GET"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "keep", b"", b"HEAD"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + NEW, "keep", b"new", b"GET"),
        (response(b""), "keep", b"", b"GET"),
    ],
    ids=["length", "chunked", "close", "gzip", "large", "204", "304", "head", "interim", "empty"],
)
@pytest.mark.parametrize("arm", ["legacy", "new"])
async def test_answer_of_either_arm_is_captured_whole(shadow, arm, raw, then, body, request_line):  # noqa: PLR0917
    plane = await shadow(shadow={"body_bytes_max": "1MiB"})
    getattr(plane, arm).script = answering(raw, then=then)
    other = "new" if arm == "legacy" else "legacy"
    getattr(plane, other).script = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    for _ in range(2):
        exchange = await plane.exchange(GET.replace(b"GET", request_line))
        answer = getattr(exchange, arm)
        assert (answer.outcome, answer.body, answer.body_bytes) == ("complete", body, len(body))
    await plane.settled()
    if then == "keep":
        assert len(getattr(plane, arm).arrivals) == 1  # the connection was fit for another request


@pytest.mark.parametrize("arm", ["legacy", "new"])
@pytest.mark.parametrize(
    ("raw", "outcome", "size"),
    [
        (response(b"y" * 10_000_000), "too_large", 10_000_000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"8000\r\n" + b"z" * 0x8000 + b"\r\n", "too_large", None),
        (EVENTS, "streamed", 0),
    ],
    ids=["10 MiB", "chunks", "events"],
)  # fmt: skip
async def test_answer_that_cannot_be_captured_is_said_and_cut_short(shadow, arm, raw, outcome, size):
    plane = await shadow(shadow={"body_bytes_max": "16KiB"})
    getattr(plane, arm).script = answering(raw, then="hang")
    client = await plane.proxy.connect()
    await client.send(GET)
    if arm == "legacy" and size is None:
        await client.until(b"zzz")
        await plane.legacy.arrivals[0].send(b"0\r\n\r\n")
    await eventually(lambda: plane.comparer.exchanges)
    [exchange] = plane.comparer.exchanges
    answer = getattr(exchange, arm)
    assert answer.outcome == outcome
    assert answer.status == 200
    assert len(answer.body) <= 4096
    if size is not None:
        assert answer.body_bytes == size
    if arm == "legacy":
        assert exchange.new.outcome == "not_asked"
        assert not plane.new.requests
    client.abort()
    await plane.settled()


async def test_protocol_that_was_switched_is_never_mirrored(shadow):
    plane = await shadow()
    plane.legacy.script = answering(SWITCH, then="hang")
    client = await plane.proxy.connect()
    await client.send(ASK_UPGRADE)
    await client.until(b"hello")
    await eventually(lambda: plane.comparer.exchanges)
    [exchange] = plane.comparer.exchanges
    assert (exchange.legacy.outcome, exchange.legacy.status, exchange.new.outcome) == ("upgraded", 101, "not_asked")
    assert not plane.new.requests
    assert (await plane.settled())["compared"] == 1


async def test_protocol_that_only_new_switches_is_cut(shadow):
    plane = await shadow(answering(SWITCH, then="hang"))
    exchange = await plane.exchange(ASK_UPGRADE)
    assert (exchange.legacy.outcome, exchange.new.outcome, exchange.new.status) == ("complete", "upgraded", 101)
    await eventually(lambda: plane.new.open_connections == 0)


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_body_of_a_request_reaches_both_arms_and_the_comparer(shadow, framing):
    plane = await shadow(shadow={"unsafe_methods": "allow"})
    head = b"POST /orders HTTP/1.1\r\nHost: x\r\n"
    if framing == "length":
        pieces = [head + b"Content-Length: 11\r\n\r\n", b"hello ", b"world"]
    else:
        pieces = [head + b"Transfer-Encoding: chunked\r\n\r\n", b"6\r\nhello \r\n", b"5\r\nworld\r\n0\r\n\r\n"]
    exchange = await plane.exchange(*pieces)
    assert exchange.request.body == b"hello world"
    assert [parse_sent(arm.requests[0]).body for arm in (plane.legacy, plane.new)] == [b"hello world"] * 2


async def test_request_whose_body_is_too_large_is_not_mirrored_and_said_so(shadow):
    plane = await shadow(shadow={"unsafe_methods": "allow", "body_bytes_max": "1KiB"})
    raw = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000
    exchange = await plane.exchange(raw)
    assert (exchange.new.outcome, exchange.new.error) == ("too_large", "request_too_large")
    assert (exchange.legacy.outcome, exchange.request.body) == ("complete", b"")
    assert not plane.new.requests
    await plane.settled()


async def test_connection_of_the_mirror_that_died_while_idle_is_no_failure_of_new(shadow):
    plane = await shadow()
    await plane.exchange()
    script = plane.new.script

    async def dies_at_the_first_byte(arrival: Arrival) -> None:
        plane.new.script = script
        await arrival.request()
        await arrival.send(OK)
        await arrival.until(b"\r\n\r\n")
        arrival.reset()

    await eventually(lambda: plane.new.open_connections == 1)
    plane.new.arrivals[0].close()
    await eventually(lambda: plane.new.open_connections == 0)
    plane.new.script = dies_at_the_first_byte
    await plane.exchange()
    exchange = await plane.exchange()
    assert exchange.new.outcome == "complete"
    assert len(plane.new.arrivals) == 3


async def test_failure_of_new_is_an_answer(shadow):
    plane = await shadow(answering(b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\noops"))
    exchange = await plane.exchange()
    assert (exchange.new.outcome, exchange.new.status, exchange.new.body) == ("complete", 500, b"oops")


async def test_answer_of_legacy_that_failed_is_compared_with_what_new_says(shadow):
    plane = await shadow(answering(NEW))
    await plane.legacy.stop_listening()
    exchange = await plane.exchange()
    assert (exchange.legacy.outcome, exchange.legacy.error) == ("failed", "connection_refused")
    assert exchange.new.body == b"new"


async def test_answer_of_legacy_that_broke_off_is_a_failure(shadow):
    plane = await shadow(answering(NEW))
    plane.legacy.script = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", then="reset")
    client = await plane.proxy.connect()
    await client.send(GET)
    await client.until_closed()
    await eventually(lambda: plane.comparer.exchanges)
    [exchange] = plane.comparer.exchanges
    assert (exchange.legacy.outcome, exchange.legacy.error) == ("failed", "connection_terminated")
    assert exchange.legacy.status == 200


async def test_client_that_leaves_before_its_answer_is_not_mirrored(shadow):
    plane = await shadow()

    async def waits(arrival: Arrival) -> None:
        await arrival.request()
        await arrival.gone()

    plane.legacy.script = waits
    client = await plane.proxy.connect()
    await client.send(GET)
    await eventually(lambda: plane.legacy.requests)
    client.reset()
    assert (await plane.settled())["shed"] == {"incomplete": 1}
    assert not plane.new.requests


async def test_request_that_breaks_off_is_not_mirrored(shadow):
    plane = await shadow(shadow={"unsafe_methods": "allow"})

    async def takes_what_comes(arrival: Arrival) -> None:
        await arrival.head()
        await arrival.gone()

    plane.legacy.script = takes_what_comes
    client = await plane.proxy.connect()
    await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"nonsense\r\n")
    await client.until_closed()
    assert (await plane.settled())["shed"] == {"incomplete": 1}
    assert not plane.new.requests
